"""Photographs of any size: uint8 ``(n, height, width, 3)``, to a model float32 in [0, 1]; it is trained on crops."""

import io

import numpy as np

from zoo.io.arrays import as_array
from zoo.modalities.image import Image

SIGMAS = (15, 25, 50)  # of 255: what denoisers of photographs are measured at
ADAPTING_CROPS, CALIBRATION_CROPS = 1000, 16
PAGES = 8  # drawn ones that are measured too
WEBP = {"lossless": True, "quality": 100, "method": 4}
MOST_BITS = 24  # of a pixel that a preview shows white


class Photo(Image):
    """Photographs, of which a model sees crops while it is trained, and takes any size afterwards."""

    name = "photo"
    sample, any_size = "photo.jpg", "any size, grey or colour"
    drawn, shown = 4, 160
    python_of_latents = ()

    @property
    def medium(self):
        return "image"

    def check(self, model):
        """Any shape serves: it is that of a crop."""

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Crops are drawn anew in every epoch, at random places, whatever the size of a picture."""
        from zoo import data

        if fit != "crop":
            raise ValueError(f"fit must be left out, as a model of photographs learns from crops: received {fit!r}.")
        return data.load_photographs(source, image_shape=shape, seed=seed, failed=failed)

    def adapted(self, model, data_set):
        """Shows a model that starts from principal components, patches of what it is going to learn from."""
        if hasattr(model, "adapt"):
            crops = data_set.train[:ADAPTING_CROPS]
            rows, columns = (side // model.stride for side in crops.shape[1:3])
            cut = crops.reshape(-1, rows, model.stride, columns, model.stride, crops.shape[3]).swapaxes(2, 3)
            model.adapt(cut.reshape(-1, model.stride, model.stride, crops.shape[3]) / np.float32(255))
        return self.prepared(model, data_set)

    def tiles(self, model, examples):
        """Pictures cut into tiles of ``image_shape``, without what is left over at their edges."""
        height, width, channels = model.image_shape
        rows, columns = (size // side for size, side in zip(examples.shape[1:3], (height, width), strict=True))
        cut = examples[:, : rows * height, : columns * width].reshape(-1, rows, height, columns, width, channels)
        return cut.swapaxes(2, 3).reshape(-1, height, width, channels)

    def calibration_examples(self, examples, number):
        return super().calibration_examples(examples, min(number, CALIBRATION_CROPS))

    def measure_reconstruction(self, model, data_set, split):
        """At the model's usual quality, before any byte is written."""
        from zoo import data

        clean = data.unit(getattr(data_set, split))
        return {"psnr": mean_psnr(clean, np.concatenate([as_array(model(one[None])) for one in clean]))}

    def missing(self, data_set, split):
        return {}

    def golden(self, model, examples):
        from zoo import data

        height, width = model.image_shape[:2]
        images = examples[:2, :height, :width]
        clean = data.unit(images)
        return {"images": images, "code": as_array(model.encode(clean)), "reconstruction": as_array(model(clean))}

    def latent_shape(self, model):
        """Of a crop; none of what is in several parts, which are no code."""
        shape = model.encoder.compute_output_shape((None, *model.image_shape))
        return [] if isinstance(shape[0], (tuple, list)) else list(shape[1:])

    def measure_denoising(self, model, clean):
        """Mean PSNR of pictures and of drawn pages under white noise that is clipped and rounded to 8 bits."""
        from zoo.data import pages

        figures = {}
        for label, pictures in (("", clean), ("pages_", pages.draw(PAGES, size=384, seed=1) / np.float32(255))):
            for sigma in SIGMAS:
                noisy = with_noise(pictures, sigma)
                found = np.clip([as_array(model(one[None]))[0] for one in noisy], 0, 1)
                figures[f"{label}sigma_{sigma}"] = {
                    "noisy_psnr": mean_psnr(pictures, noisy),
                    "denoised_psnr": mean_psnr(pictures, np.rint(255 * found) / 255),
                }
        return figures

    def measure_codec(self, codec, data_set, split):
        """One file a picture: without loss, bits of a sample beside PNG and WebP; else figures of whole qualities."""
        pictures = getattr(data_set, split)
        return _lossless(codec, pictures) if codec.lossless else _lossy(codec, pictures)

    def information(self, model, clean):
        """Pictures of how many bits each pixel takes, as the model sees it: in [0, 1] of ``MOST_BITS``."""
        bits = as_array(model.information(clean))
        return np.clip(bits / MOST_BITS, 0, 1)[..., None].repeat(3, axis=-1).astype(np.float32)

    def likelihood_golden(self, model, examples):
        height, width = model.image_shape[:2]
        images = examples[:2, :height, :width]
        return {"images": images, "bits": as_array(model(images / np.float32(255)))}

    def noisy(self, clean):
        return "noisy, σ = 25", with_noise(clean, 25)

    def denoising_golden(self, model, examples):
        size = model.image_shape[:2]
        noisy = np.rint(255 * with_noise(examples[:2, : size[0], : size[1]] / np.float32(255), 25)).astype(np.uint8)
        return {"images": noisy, "denoised": as_array(model(noisy / np.float32(255)))}

    def draw(self, rows, path):
        centre = slice(96, 96 + self.shown)
        super().draw({label: pictures[:, centre, centre] for label, pictures in rows.items()}, path)

    def python(self, name, examples):
        return [
            "import zoo",
            "from zoo.demo import samples",
            "",
            'photo = samples.photographs()["dog"]  # yours: uint8 (h, w, 3), any size',
        ]

    def commands_of_latents(self, name):
        return []


def _lossless(codec, pictures: np.ndarray) -> dict[str, float]:
    found = {"codec": 0, "png": 0, "webp": 0}
    for picture in pictures:
        file = codec.compress(picture)
        if not np.array_equal(codec.decompress(file), picture):
            raise ValueError(f"{codec.name} must restore every pixel: it gave others.")
        found["codec"] += len(file)
        for name, options in (("png", {"optimize": True}), ("webp", WEBP)):
            found[name] += len(_saved(picture, name, **options))
    return {f"{name}_bits_per_sample": 8 * size / pictures.size for name, size in found.items()}


def _lossy(codec, pictures: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean bits a pixel of all bytes, and mean PSNR."""
    low, _, high = codec.qualities
    figures = {}
    for quality in np.arange(low, high + 1):
        files = [codec.compress(picture, quality=float(quality)) for picture in pictures]
        restored = np.stack([codec.decompress(file) for file in files])
        figures[f"quality_{quality:g}"] = {
            "codec_bits_per_pixel": float(np.mean([8 * len(file) for file in files])) / pictures[0, ..., 0].size,
            "codec_psnr": mean_psnr(pictures / np.float64(255), restored / np.float64(255)),
        }
    return figures


def _saved(image: np.ndarray, image_format: str, **options) -> bytes:
    from PIL import Image as pillow

    file = io.BytesIO()
    pillow.fromarray(image).save(file, image_format.upper(), **options)
    return file.getvalue()


def with_noise(clean: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Pictures in [0, 1] with white noise of a standard deviation, of 255, clipped and rounded to 8 bits, as files are.

    Each picture's noise is the same whatever others there are.
    """
    noisy = [
        one + np.float32(sigma / 255) * np.random.default_rng([seed, index]).standard_normal(one.shape, np.float32)
        for index, one in enumerate(clean)
    ]
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.float32) / np.float32(255)


def mean_psnr(clean: np.ndarray, found: np.ndarray) -> float:
    """The mean, in dB, of the PSNR of each picture."""
    errors = np.square(np.asarray(found, np.float64) - clean).reshape(len(clean), -1).mean(axis=1)
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))
