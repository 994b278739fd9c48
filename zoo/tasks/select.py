"""The few pixels or columns from which all others are best guessed."""

from zoo.modalities.base import reconstructions
from zoo.tasks.base import Task


class Select(Task):
    """Chooses features."""

    name, title = "select", "Choose features"

    def measure(self, model, modality, data_set, split, **options):
        return {"certainty": float(model.selector.certainty)}

    def preview(self, model, modality, data_set, card, path):
        from zoo import plots

        rows = reconstructions(model, data_set.test[: modality.drawn])
        plots.chosen_pixels(data_set.test.mean(axis=0) / 255, model.selected, path, rows=rows)

    def shown(self, spec):
        return "The chosen pixels in colour over the mean image; the first test examples and their reconstructions"

    def python(self, name, spec, modality):
        return ["print(model.selected)  # positions in a flattened image"]

    def commands(self, name, spec, modality, metrics):
        return [("zoo select table.csv -k 10 -o columns.json", "the same choice in a table of yours")]
