"""New examples, drawn from what a model has learned."""

import numpy as np

from zoo import registry
from zoo.io.arrays import as_array
from zoo.tasks.base import Task


class Generate(Task):
    """Draws examples, and bounds the likelihood of given ones where the model has one."""

    name, title = "generate", "Generate"

    def measure(self, model, modality, data_set, split, **options):
        from zoo.evaluation import measure_likelihood, measure_samples, samples_from

        figures = measure_likelihood(model, getattr(data_set, split), **options)
        if split == "test" and hasattr(model, "generator") and (classifier := _classifier_of(data_set)):
            figures["samples"] = measure_samples(samples_from(model), data_set, classifier=classifier)
        return figures

    def missing(self, model, modality, data_set, split):
        if split != "test" or not hasattr(model, "generator"):
            return {}
        return {"samples": "needs a classifier of the data: zoo evaluate --samples --classifier NAME"}

    def golden(self, model, modality, examples):
        if not hasattr(model, "generator"):
            return {}
        import keras

        golden = {"noise": as_array(keras.random.normal((len(examples), model.latent_dim), seed=0))}
        inputs = golden["noise"]
        if model.num_classes:
            golden["labels"] = np.arange(len(examples), dtype=np.int32) % model.num_classes
            inputs = [golden["noise"], golden["labels"]]
        return golden | {"generated": as_array(model.generator(inputs))}

    def preview(self, model, modality, data_set, card, path):
        if hasattr(model, "encode"):
            super().preview(model, modality, data_set, card, path)
            return
        from zoo import plots

        plots.image_grid(model.generate(100, seed=0), path, columns=10)  # of a conditional model, a column a class

    def shown(self, spec):
        if "reconstruct" in spec.tasks:
            return super().shown(spec)
        classes = ", a column for each class" if spec.labelled else ""
        return f"A grid of a hundred generated images, not chosen{classes}"

    def python(self, name, spec, modality):
        label = ", labels=9" if spec.labelled else ""
        return [f"drawn = model.generate(16, seed=7{label})"]

    def commands(self, name, spec, modality, metrics):
        lines = [(f"zoo generate {name} -n 64 --seed 7 -o grid.png", "new images")]
        if spec.labelled:
            lines += [(f"zoo generate {name} --label 9 -o nines.png", "of the class asked for")]
        if "negative_elbo" in metrics:
            lines += [(f"zoo generate {name} --kind interpolation -o between.png", "from one image to the next")]
            lines += [(f"zoo generate {name} --kind traversal -o meaning.png", "what the latent numbers mean")]
        if "samples" in metrics:
            lines += [(f"zoo evaluate {name} --samples", "Fréchet distance, precision and recall of new images")]
        return lines


def _classifier_of(data_set) -> str | None:
    name = f"classifier.{data_set.source}"
    return name if name in registry.list_models(pretrained=True) else None
