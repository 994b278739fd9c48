"""What all modalities have in common."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.io.arrays import as_array

if TYPE_CHECKING:
    import keras

    from zoo.codec import Codec
    from zoo.data import DataSet, Examples

BATCH = 500  # examples that a model predicts at once


class Modality:
    """One kind of example. Heavy libraries are imported in the methods: a name of a modality costs nothing.

    Attributes:
        name: in the catalogue.
        example: what one is called.
        quantizes: whether an int8 encoder can be calibrated by examples.
        float_parts: parts of a model that int8 cannot hold all the same.
        sample: the name of a file of the user's, for examples of commands.
        folder: the same of a folder, empty where none trains a model.
        any_size: what examples of the user's own may be, in words.
        drawn: how many examples of the test split a preview shows.
        python_of_latents: lines of Python that encode and decode examples by ``model``.
        shown: what a preview shows, in words.
    """

    name: str
    example: str
    quantizes = True
    float_parts: tuple[str, ...] = ()
    sample: str
    folder: str
    any_size: str
    drawn = 10
    python_of_latents: tuple[str, ...] = ()
    shown = "The first test examples and their reconstructions"

    @property
    def medium(self) -> str:
        """What ``zoo.codec`` calls such examples."""
        return self.name

    def of(self, model: "keras.Model") -> "Modality":
        """The modality as it is of a model's examples."""
        return self

    def described(self, model: "keras.Model") -> dict[str, Any]:
        """What a card says of a model's examples beside their shape and range."""
        return {}

    def check(self, model: "keras.Model") -> None:
        """Refuses, before it is trained, a model that could not be made an artefact afterwards.

        Raises:
            ValueError: if so.
        """

    def arguments(self, source: Any, *, seed: int = 0) -> dict[str, Any]:
        """Arguments of a model's constructor that its data decides, as those of ``load``."""
        return {}

    def load(
        self, source: str, shape: tuple[int, ...], *, fit: str = "crop", seed: int = 0, failed: list[str] | None = None
    ) -> "DataSet":
        """A data set, split; see ``zoo.data``.

        Args:
            source: a name of tensorflow-datasets, a folder or a file.
            shape: of one example as the model takes it.
            fit: of pictures, how one of another size meets that shape.
            seed: of the split.
            failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

        Raises:
            ValueError: if the data cannot be had, or is too little.
        """
        raise NotImplementedError

    def prepared(self, model: "keras.Model", data_set: "DataSet") -> "DataSet":
        """The data set as arrays that a trained model takes."""
        return data_set

    def adapted(self, model: "keras.Model", data_set: "DataSet") -> "DataSet":
        """As ``prepared``, of a model that is yet to be trained, and learns here what it must know beforehand."""
        return self.prepared(model, data_set)

    def tiles(self, model: "keras.Model", examples: np.ndarray) -> np.ndarray:
        """Examples as the files of a model's networks take them."""
        return examples

    def calibration_examples(self, examples: np.ndarray, number: int) -> np.ndarray:
        """``number`` training examples that show an int8 encoder its ranges."""
        return examples[np.linspace(0, len(examples) - 1, number).astype(int)]

    def encoder_inputs(self, model: "keras.Model", examples: np.ndarray) -> np.ndarray:
        """Examples as a model's encoder takes them, float32."""
        from zoo import data

        return data.unit(examples)

    def calibration_inputs(self, model: "keras.Model", examples: np.ndarray) -> np.ndarray:
        """The same, edited so that int8 takes an exact input scale from them, where there is one."""
        return self.encoder_inputs(model, examples)

    def decoder_error(self, model: "keras.Model", examples: np.ndarray, outputs: np.ndarray) -> float:
        """The mean squared error of what a model's decoder makes of examples' codes."""
        from zoo import data
        from zoo.evaluation import mean_squared_error

        return mean_squared_error(data.unit(examples), outputs)

    def read(self, model: "keras.Model", inputs: Iterable[Any], **options: Any) -> "Examples":
        """A user's own files as examples that a model encodes; see ``zoo.data.load_examples``."""
        from zoo import data

        return data.load_examples(inputs, image_shape=model.example_shape, **options)

    def given(self, model: "keras.Model", examples: Any) -> np.ndarray:
        """A user's own examples as an array that a model encodes, float32.

        Raises:
            ValueError: for an array of another shape or dtype, or values out of range.
        """
        from zoo import data

        images, shape = np.asarray(examples), tuple(model.example_shape)
        if images.ndim < 2 or not len(images) or np.prod(images.shape[1:]) != np.prod(shape):
            raise ValueError(f"images must be (n, {', '.join(map(str, shape))}), n ≥ 1: received {images.shape}.")
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise ValueError(f"images must be uint8, or float in [0, 1]: received {images.dtype}.")
        return data.unit(self.checked(model, images, "images").reshape(-1, *shape))

    def checked(self, model: "keras.Model", examples: Any, name: str) -> np.ndarray:
        """A user's own examples as an array, looked through.

        Args:
            name: of the argument, for messages.

        Raises:
            ValueError: if there are none, or one holds NaN, infinity or a value out of a model's range.
        """
        from zoo.models.inputs import bounds_of, check_examples

        examples = np.asarray(examples)
        check_examples(name, examples, None, bounds_of(model, name))
        return examples

    def input_range(self, model: "keras.Model") -> str:
        """Range and type of a model's input, for its card."""
        return f"{list(model.value_range)} float32"

    def latent_shape(self, model: "keras.Model") -> list[int]:
        """The shape of a model's latent code; of one in several parts, how many numbers they have in all."""
        from zoo.evaluation import code_numbers

        shape = model.encoder.output_shape
        return list(shape[1:]) if not isinstance(shape[0], tuple) else [code_numbers(model)]

    def thumbnails(self, examples: np.ndarray) -> np.ndarray | None:
        """Pictures that stand for examples on a map, ``(n, height, width, channels)`` in [0, 1]; None where none do."""
        return examples

    def measure_reconstruction(self, model: "keras.Model", data_set: "DataSet", split: str) -> dict[str, Any]:
        """How near a model's reconstructions are to a split's examples."""
        from zoo import data

        clean = data.unit(getattr(data_set, split))
        return self.compared(clean, predicted(model, clean))

    def missing(self, data_set: "DataSet", split: str) -> Mapping[str, str]:
        """Name of a figure that ``measure_reconstruction`` may lack → why."""
        return {}

    def compared(self, clean: np.ndarray, found: np.ndarray) -> dict[str, float]:
        """The error of ``found`` for ``clean``, both as a model has them."""
        raise NotImplementedError

    def measure_denoising(self, model: "keras.Model", clean: np.ndarray) -> dict[str, dict[str, float]]:
        """Name of a noise → figures before and after a denoiser."""
        raise NotImplementedError

    def information(self, model: "keras.Model", clean: np.ndarray) -> np.ndarray:
        """Pictures of what each part of examples costs a likelihood model."""
        raise NotImplementedError

    def likelihood_golden(self, model: "keras.Model", examples: np.ndarray) -> dict[str, np.ndarray]:
        """Examples, and what a likelihood model must say of them."""
        return {}

    def denoising_golden(self, model: "keras.Model", examples: np.ndarray) -> dict[str, np.ndarray]:
        """Examples with noise, and what a denoiser that is no autoencoder must make of them."""
        return {}

    def noisy(self, clean: np.ndarray) -> tuple[str, np.ndarray]:
        """Examples with a noise for a preview, and its label."""
        raise NotImplementedError

    def coders(self, examples: np.ndarray) -> dict[str, Callable[[int], None]]:
        """Name → function that codes an example, by its index, with today's formats: to compare speeds with."""
        return {}

    def measure_codec(self, codec: "Codec", data_set: "DataSet", split: str) -> dict[str, float]:
        """What a codec makes of a split: all bytes counted, everything restored from those bytes."""
        raise NotImplementedError

    def golden(self, model: "keras.Model", examples: np.ndarray) -> dict[str, np.ndarray]:
        """Examples, and what a model's methods must make of them."""
        from zoo import data
        from zoo.evaluation import flat_code

        clean = data.unit(examples)
        return {"images": examples, "code": flat_code(model.encode(clean)), "reconstruction": as_array(model(clean))}

    def preview(self, model: "keras.Model", data_set: "DataSet", card: Mapping[str, Any], path: Path) -> None:
        """Writes a picture of test examples, their reconstructions and what is generated."""
        self.draw(reconstructions(model, data_set.test[: self.drawn]), path)

    def python(self, name: str, examples: bool) -> list[str]:
        """Lines of Python that load a model and, with ``examples``, make some of the user's own."""
        return ["import zoo", "", f'model = zoo.load("{name}")']

    def commands_of_latents(self, name: str) -> list[tuple[str, str]]:
        """(command, what it does) with a model's latent codes."""
        return []

    def draw(self, rows: Mapping[str, np.ndarray], path: Path) -> None:
        """Writes a picture of labelled rows of examples as a model has them."""
        raise NotImplementedError

    def examples(self, model: "keras.Model", data_set: "DataSet") -> list[dict[str, str]]:
        """What a card shows in words of what a model makes of its test split."""
        return []


def reconstructions(model: "keras.Model", examples: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of a preview: examples, and what a model makes of them."""
    from zoo import data

    clean = data.unit(examples)
    rows = {"original": clean, "reconstruction": model.predict(clean, verbose=0)}
    if hasattr(model, "generate"):
        rows["generated"] = as_array(model.generate(len(clean), seed=0))
    return rows


def predicted(model: "keras.Model", inputs: np.ndarray) -> np.ndarray:
    """What a model makes of inputs."""
    return model.predict(inputs, batch_size=BATCH, verbose=0)
