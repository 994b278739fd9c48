"""Pictures: uint8 ``(n, height, width, channels)``, to a model float32 in [0, 1]."""

import numpy as np

from zoo.modalities.base import Modality, predicted

ADAPTING_IMAGES = 500  # that show a model their correlations before it is trained


class Image(Modality):
    """Pictures of the size that a model takes."""

    name, example = "image", "image"
    sample, folder, any_size = "photo.png", "photos/", "any size, grey or colour"
    python_of_latents = ("z = model.encode(images)", "reconstruction = model.decode(z)")

    def check(self, model):
        if getattr(model, "coder", None) == "tiles" and model.image_shape[-1] != 1:
            raise ValueError(
                f"image_shape of {model.name} must be (height, width, 1), as its codec takes colours channel by "
                f"channel: received {model.image_shape}."
            )
        if getattr(model, "coder", None) == "bits_back" and model.image_shape[-1] not in (1, 3):
            raise ValueError(
                f"image_shape of {model.name} must be (height, width, 1) or (height, width, 3), as its codec takes "
                f"grey or colour: received {model.image_shape}."
            )

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        from zoo import data
        from zoo.data.flowers import FLOWERS

        if isinstance(source, str) and source == FLOWERS:
            return data.load_flowers(image_shape=shape, seed=seed)
        return data.load(source, image_shape=shape, fit=fit, seed=seed, failed=failed)

    def adapted(self, model, data_set):
        """Shows a model that starts from its images' correlations what it is going to learn from."""
        if hasattr(model, "adapt"):
            model.adapt(data_set.train[:ADAPTING_IMAGES] / np.float32(255))
        return self.prepared(model, data_set)

    def calibration_inputs(self, model, examples):
        """Two corner pixels of the first image become 0 and 1, so that dark or pale images give every encoder the same
        input scale, 1/255: pixel p is int8 p − 128.
        """
        from zoo import data

        inputs = data.unit(examples).copy()
        inputs[0, 0, 0], inputs[0, -1, -1] = 0.0, 1.0
        return inputs

    def measure_reconstruction(self, model, data_set, split):
        from zoo.evaluation import measure_code

        return super().measure_reconstruction(model, data_set, split) | measure_code(model, data_set, split=split)

    def missing(self, data_set, split):
        from zoo.evaluation.codes import KNN

        return {} if data_set.labels is not None else {KNN: "needs labels: the data has none"}

    def compared(self, clean, found):
        from zoo.evaluation import mean_squared_error, psnr

        error = mean_squared_error(clean, found)
        return {"mse": error, "psnr": psnr(error)}

    def measure_denoising(self, model, clean):
        from zoo.data import corruption

        figures = {}
        for kind, corrupt in corruption.STANDARD.items():
            noisy = corrupt(clean)
            before, after = self.compared(clean, noisy), self.compared(clean, predicted(model, noisy))
            figures[kind] = {"noisy_psnr": before["psnr"], "denoised_psnr": after["psnr"]}
        return figures

    def noisy(self, clean: np.ndarray) -> tuple[str, np.ndarray]:
        from zoo.data import corruption

        return "noisy, σ = 0.5", corruption.gaussian(clean, 0.5, seed=0)

    def coders(self, examples):
        import io

        from PIL import Image as pillow

        def saves(image_format):
            return lambda index: pillow.fromarray(np.squeeze(examples[index])).save(io.BytesIO(), image_format)

        return {"jpeg": saves("JPEG"), "webp": saves("WebP")}

    def measure_codec(self, codec, data_set, split):
        from zoo.evaluation import mean_squared_error, psnr

        images = getattr(data_set, split)
        file = codec.compress(images)
        error = mean_squared_error(images, np.asarray(codec.decompress(file)))
        if codec.lossless and error:
            raise ValueError(f"{codec.name} must restore every pixel: the mean squared error is {error}.")
        return {
            "codec_bits_per_pixel": 8.0 * len(file) / images[..., 0].size,
            **({"codec_bits_per_dimension": 8.0 * len(file) / images.size} if images.shape[-1] > 1 else {}),
            **({} if codec.lossless else {"codec_psnr": psnr(error)}),
            "codec_bytes": len(file),
        }

    def python(self, name, examples):
        if not examples:
            return super().python(name, examples)
        return [
            "import zoo",
            "from zoo.demo import samples",
            "",
            "images = samples.load().images / 255  # yours: (n, 28, 28, 1) in [0, 1]",
            f'model = zoo.load("{name}")',
        ]

    def commands_of_latents(self, name):
        return [(f"zoo embed {name} photos/ -o codes.npy --plot map.html", "codes of your own pictures, and a map")]

    def draw(self, rows, path):
        from zoo import plots

        plots.image_rows(rows, path)
