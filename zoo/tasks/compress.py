"""To few bytes and back, through ``zoo.Codec``."""

from zoo.tasks.base import Task


class Compress(Task):
    """Codes examples. A modality's ``measure_codec`` counts the bytes, once the tables of a trained model are there."""

    name, title = "compress", "Compress"

    def golden(self, model, modality, examples):
        return {} if hasattr(model, "encoder") else modality.likelihood_golden(model, examples)

    def preview(self, model, modality, data_set, card, path):
        if hasattr(model, "encoder"):
            super().preview(model, modality, data_set, card, path)
            return
        from zoo import data

        clean = data.unit(data_set.test[: modality.drawn])
        modality.draw({"photographs": clean, "bits of each pixel": modality.information(model, clean)}, path)

    def shown(self, spec):
        if spec.modality == "photo":
            return "Photographs of the test split, and below how many bits each pixel takes, white for 24"
        return super().shown(spec)

    def python(self, name, spec, modality):
        examples = {"image": "samples.load().images", "audio": "sound", "signal": "signal", "photo": "photo"}.get(
            spec.modality
        )
        if examples is None:
            return []
        return [
            "",
            f'codec = zoo.Codec("{name}")',
            f"data = codec.compress({examples})  # bytes",
            "restored = codec.decompress(data)",
        ]

    def commands(self, name, spec, modality, metrics):
        lossless = spec.modality in ("image", "photo") and "codec_psnr" not in metrics
        option, what = (" --lossless", "every pixel is kept") if lossless else ("", modality.any_size)
        return [
            (f"zoo compress {modality.sample}{option} --model {name} -o small.zoo", what),
            ("zoo decompress small.zoo -o restored/", "and back"),
        ]
