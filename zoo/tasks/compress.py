"""To few bytes and back, through ``zoo.Codec``."""

from zoo.tasks.base import Task


class Compress(Task):
    """Codes examples. A modality's ``measure_codec`` counts the bytes, once the tables of a trained model are there."""

    name, title = "compress", "Compress"

    def python(self, name, spec, modality):
        examples = {"image": "samples.load().images", "audio": "sound"}.get(spec.modality)
        if examples is None:
            return []
        return [
            "",
            f'codec = zoo.Codec("{name}")',
            f"data = codec.compress({examples})  # bytes",
            "restored = codec.decompress(data)",
        ]

    def commands(self, name, spec, modality, metrics):
        lossless = spec.modality == "image" and "codec_psnr" not in metrics
        option, what = (" --lossless", "every pixel is kept") if lossless else ("", modality.any_size)
        return [
            (f"zoo compress {modality.sample}{option} --model {name} -o small.zoo", what),
            ("zoo decompress small.zoo -o restored/", "and back"),
        ]
