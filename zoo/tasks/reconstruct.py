"""To a latent code and back."""

from zoo.tasks.base import Task


class Reconstruct(Task):
    """Encodes an example, and decodes it."""

    name, title = "reconstruct", "Codes"

    def measure(self, model, modality, data_set, split, **options):
        return modality.measure_reconstruction(model, data_set, split)

    def missing(self, model, modality, data_set, split):
        return modality.missing(data_set, split)

    def golden(self, model, modality, examples):
        return modality.golden(model, examples)

    def python(self, name, spec, modality):
        return list(modality.python_of_latents)

    def commands(self, name, spec, modality, metrics):
        return modality.commands_of_latents(name)
