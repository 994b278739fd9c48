"""Classes of examples."""

import numpy as np

from zoo.io.arrays import as_array
from zoo.modalities.base import predicted
from zoo.tasks.base import Task


class Classify(Task):
    """Says of which class an example is."""

    name, title = "classify", "Classify"

    def measure(self, model, modality, data_set, split, **options):
        from zoo.evaluation import measure_classifier

        return measure_classifier(model, getattr(data_set, split), (data_set.labels or {}).get(split))

    def golden(self, model, modality, examples):
        from zoo import data

        clean = data.unit(examples)
        return {"images": examples, "features": as_array(model.features(clean)), "logits": as_array(model(clean))}

    def preview(self, model, modality, data_set, card, path):
        modality.draw(most_and_least_sure(model, data_set.test), path)

    def shown(self, spec):
        return "Of each class, the test image that the classifier is most sure of, and the one it is least sure of"

    def python(self, name, spec, modality):
        return ["classes = model.predict(images, verbose=0).argmax(axis=-1)"]


def most_and_least_sure(model, images: np.ndarray) -> dict[str, np.ndarray]:
    """Of the images that a classifier takes for each class, a column each, those it is most and least sure of."""
    from zoo import data

    logits = predicted(model, data.unit(images))
    log_odds = np.sort(logits, axis=1)
    margin, found = log_odds[:, -1] - log_odds[:, -2], logits.argmax(axis=1)
    members = [np.flatnonzero(found == label) for label in np.unique(found)]
    return {
        "most sure": np.stack([images[rows[margin[rows].argmax()]] for rows in members]),
        "least sure": np.stack([images[rows[margin[rows].argmin()]] for rows in members]),
    }
