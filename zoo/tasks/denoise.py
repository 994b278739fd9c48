"""Noise taken out of examples."""

from zoo.tasks.base import Task


class Denoise(Task):
    """Restores an example from one with noise."""

    name, title = "denoise", "Denoise"

    def measure(self, model, modality, data_set, split, **options):
        from zoo import data

        return modality.measure_denoising(model, data.unit(getattr(data_set, split)))

    def golden(self, model, modality, examples):
        return modality.denoising_golden(model, examples)

    def preview(self, model, modality, data_set, card, path):
        from zoo import data

        clean = data.unit(data_set.test[: modality.drawn])
        label, noisy = modality.noisy(clean)
        modality.draw({"original": clean, label: noisy, "denoised": model.predict(noisy, verbose=0)}, path)

    def shown(self, spec):
        return "Test examples, the same with noise, and what the model makes of them"

    def python(self, name, spec, modality):
        if spec.modality == "audio":
            return [f'clean = zoo.denoise_audio(sound, model="{name}")']
        if spec.modality == "photo":
            return [f'clean = zoo.denoise(photo, model="{name}")']
        return ["clean = model.predict(images, verbose=0)"]

    def commands(self, name, spec, modality, metrics):
        what = {"audio": "WAV, and spectrograms of before and after"}.get(
            spec.modality, "any size, in overlapping tiles"
        )
        return [(f"zoo denoise {modality.sample} --model {name} -o clean/", what)]
