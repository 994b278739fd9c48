"""Networks and integer tables for bits-back coding, from a trained hierarchical variational autoencoder."""

from pathlib import Path

import keras
import numpy as np
from scipy.special import expit, ndtr

from zoo import modalities
from zoo.codec.coders import lossless
from zoo.codec.litert import Network, as_int8
from zoo.codec.tables import PRECISION
from zoo.exporting import litert, tables
from zoo.losses.likelihood import LOG_SCALE_BOUNDS
from zoo.models import HierarchicalVAE
from zoo.models.variational import LOG_VAR_BOUNDS

SEED_DEVIATIONS = 3.0  # above the mean of what an image's latents take, so that few images exhaust the first words


def write_lossless(model: HierarchicalVAE, images: np.ndarray, folder: Path) -> None:
    """Writes the int8 networks and ``lossless.npz`` into a folder.

    Args:
        model: trained.
        images: uint8 ``(n, height, width, channels)``, of the training split, from which int8 takes its ranges.
        folder: of the artefact.

    Raises:
        ValueError: if a network does not convert to LiteRT's builtins.
    """
    x = modalities.get("image").calibration_inputs(model, images)
    keras.utils.set_random_seed(0)
    z2 = _draws(model.top_posterior.predict(x, verbose=0))
    z1 = _draws(model.posterior.predict([x, z2], verbose=0))
    for latents in (z2, z1):
        # The extremes, in one example, give every network the same scale and zero point for its latents.
        reach = 1.1 * np.abs(latents).max()
        latents.reshape(len(latents), -1)[0, :2] = -reach, reach
    inputs = {"top_posterior": x, "posterior": (x, z2), "prior": z2, "likelihood": (x, z2, z1)}
    networks = {}
    for name in lossless.NETWORKS:
        path = folder / f"{name}.tflite"
        flatbuffer = litert.convert(getattr(model, name), name=name, quantization="int8", calibration=inputs[name])
        path.write_bytes(flatbuffer)
        networks[name] = Network(path)
    arrays = _tables(networks, images.shape[1:])
    if model.prediction is not None:
        arrays |= _linear(model)
    latents = networks["prior"].input["shape"][1:], networks["prior"].output["shape"][1:]
    arrays["seed_words"] = np.int32(_seed_words(networks, arrays, images, latents))
    (folder / "lossless.npz").write_bytes(tables.to_bytes(arrays))


def _draws(parameters) -> np.ndarray:
    mean, log_var = parameters
    noise = np.random.default_rng(0).standard_normal(mean.shape)
    return (mean + np.exp(0.5 * np.clip(log_var, *LOG_VAR_BOUNDS)) * noise).astype(np.float32)


def _tables(networks: dict[str, Network], tile) -> dict[str, np.ndarray]:
    z2 = [networks[name].inputs[index] for name, index in (("prior", 0), ("posterior", 1), ("likelihood", 1))]
    z1 = networks["likelihood"].inputs[2]
    if any(details["quantization"] != z2[0]["quantization"] for details in z2):
        raise ValueError("The networks disagree on the scale of the top layer's latents.")
    reach = np.arange(-lossless.CDF_REACH * lossless.CDF_STEPS, lossless.CDF_REACH * lossless.CDF_STEPS + 1)
    reach = reach / lossless.CDF_STEPS
    gaussians = [
        _gaussian(networks[name].outputs, latents)
        for name, latents in (("top_posterior", z2[0]), ("posterior", z1), ("prior", z1))
    ]
    outputs = networks["likelihood"].outputs
    pixels = [_pixel(*outputs[3 * index : 3 * index + 3]) for index in range(len(outputs) // 3)]
    scale, zero = z2[0]["quantization"]
    edges = ndtr((np.arange(-128, 127) + 0.5 - zero) * scale)
    mass = np.diff(np.concatenate([[0.0], edges, [1.0]]))
    arrays = {
        "normal": _function(ndtr(reach), 1 << PRECISION),
        "logistic": _function(expit(reach), (1 << PRECISION) // lossless.WEIGHTS),
        "gaussian_position": np.stack([position for position, _ in gaussians]),
        "gaussian_inverse": np.stack([inverse for _, inverse in gaussians]),
        "pixel_position": np.stack([position for position, _, _ in pixels]),
        "pixel_inverse": np.stack([inverse for _, inverse, _ in pixels]),
        "pixel_weight": np.stack([weight for _, _, weight in pixels]),
        "top_prior": tables.integer_frequencies(mass),
        "tile": np.array(tile),
    }
    return {name: np.asarray(array, np.int32) for name, array in arrays.items()}


def _linear(model: HierarchicalVAE) -> dict[str, np.ndarray]:
    """The linear prediction's weights and biases, in 2^-12 of 1/64 of a level."""
    unit = lossless.FINE * (1 << lossless.LINEAR_SHIFT)
    weights, biases = np.zeros((model.planes, 3, 3, model.planes)), np.zeros(model.planes)
    for index in range(1, model.planes):
        kernel, bias = model.prediction.get_layer(f"plane_{index}").get_weights()
        weights[index, ..., :index], biases[index] = kernel[..., 0], 255 * bias[0]
    return {"linear": np.rint(unit * weights).astype(np.int32), "linear_bias": np.rint(unit * biases).astype(np.int32)}


def _function(values: np.ndarray, total: int) -> np.ndarray:
    table = np.rint(values * total)
    table[0], table[-1] = 0, total
    return table


def _values(details: dict) -> np.ndarray:
    """What each int8 number of a tensor stands for."""
    scale, zero = details["quantization"]
    return (np.arange(-128, 128) - zero) * np.float64(scale)


def _gaussian(outputs: list[dict], latents: dict) -> tuple[np.ndarray, np.ndarray]:
    scale, zero = latents["quantization"]
    position = (_values(outputs[0]) / scale + zero + 128) * lossless.FINE
    deviation = np.exp(0.5 * np.clip(_values(outputs[1]), *LOG_VAR_BOUNDS))
    return np.rint(position), _inverse(deviation / scale)


def _pixel(means: dict, log_scales: dict, logits: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    position = np.rint(_values(means) * 255 * lossless.FINE)
    inverse = _inverse(255 * np.exp(np.clip(_values(log_scales), *LOG_SCALE_BOUNDS)))
    step = logits["quantization"][0]
    return position, inverse, np.rint(np.exp(-np.arange(lossless.LEVELS) * np.float64(step)) * (1 << 16))


def _inverse(scale: np.ndarray) -> np.ndarray:
    """Steps of the distribution function to a fine position, for a scale in symbols, as a fixed-point number."""
    return np.rint(lossless.CDF_STEPS / (scale * lossless.FINE) * (1 << lossless.SCALE_SHIFT))


def _seed_words(networks, arrays, images, latents) -> int:
    """How many words an image's latents are drawn from, nearly always."""
    x = as_int8(images)
    bits = 0.0
    z2 = np.zeros((len(x), *latents[0]), np.int8)
    for index, outputs, size in (
        (0, networks["top_posterior"](x), np.prod(latents[0])),
        (1, networks["posterior"](x, z2), np.prod(latents[1])),
    ):
        inverse = arrays["gaussian_inverse"][index][outputs[1].reshape(-1, size).astype(np.int16) + 128]
        deviation = lossless.CDF_STEPS * (1 << lossless.SCALE_SHIFT) / (inverse * float(lossless.FINE))
        bits = bits + np.maximum(np.log2(deviation * np.sqrt(2 * np.pi * np.e)), 0).sum(axis=1)
    return int(np.ceil((bits.mean() + SEED_DEVIATIONS * (bits.std() + np.sqrt(z2[0].size))) / 32))
