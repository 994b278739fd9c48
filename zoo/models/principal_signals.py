"""A start for autoencoders of signals that are a linear transform already: principal components of 32 samples.

A network of drawn weights takes thousands of steps to pass a signal on at 1 or 2 per cent of error; one that starts as
the Karhunen-Loève transform has only to improve on it. ReLU passes a linear function on as two channels, of which one
has the other sign. Weights that are not needed for that are as they were drawn, or 0 where they would disturb.
"""

import keras
import numpy as np

from zoo.models.audio import STRIDE

HALF = STRIDE // 2
_FINE = 4  # samples of the finest stage
_PRIOR_SPREAD = (-2.0, 1.5)  # octaves of the priors' scales around that of all frames
_MIXTURE_SPREAD = (0.4, 1.0, 2.0)
_RATE_SLOPE = 2 * np.log(2) / 12  # −dD/dR of a uniform quantiser of step 1, in squares a bit


def step_for(rate_weight: float) -> float:
    """The step of an orthonormal code at which a bit is worth ``rate_weight`` squares: D = Δ² / 12, halved by ½ bit."""
    return float(np.sqrt(rate_weight / _RATE_SLOPE))


def start(encoder, decoder, bottleneck, frames: np.ndarray, step: float) -> None:
    """Sets the weights so that the code is the principal components of each 32 samples, a step of them one of the code.

    Args:
        encoder, decoder: of ``zoo.models.audio``, for one channel, whose residual blocks start as the identity.
        bottleneck: an ``EntropyBottleneck`` for their code.
        frames: of the training split, ``(n, length)``.
        step: of the principal components.

    Raises:
        ValueError: if the networks have fewer channels than the transform takes.
    """
    convolutions = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv1D)]
    synthesis = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Conv1D)]
    latents = convolutions[3].filters
    numbers = (convolutions[0].filters, convolutions[1].filters, synthesis[0].filters, convolutions[2].filters)
    if any(n < least for n, least in zip(numbers, (2 * _FINE, 2 * HALF, 2 * latents, 2 * latents), strict=True)):
        raise ValueError(f"The encoder's filters must be at least 8, 32 and {2 * latents}: received {numbers}.")
    half, whole = _components(frames, HALF), _components(frames, STRIDE)
    # Of the halves' components to those of the whole, (2, 16, latents).
    joined = np.einsum("psk,psl->pkl", np.stack([half, half]), whole[:, :latents].reshape(2, HALF, latents))
    ranges = [_range(frames.reshape(-1, HALF) @ half), _range(frames.reshape(-1, STRIDE) @ whole[:, :latents])]

    fine = np.zeros((1, _FINE, 1, _FINE))
    fine[0, :, 0, :] = np.eye(_FINE)
    _set(convolutions[0], fine.swapaxes(0, 1)[:, 0], first=True)
    _set(convolutions[1], half.reshape(HALF // _FINE, _FINE, HALF) / ranges[0])
    _set(convolutions[2], joined * ranges[0][:, None] / ranges[1])
    kernel, bias = (np.zeros(weight.shape, np.float32) for weight in convolutions[3].weights)
    kernel[0, : 2 * latents : 2] = np.diag(ranges[1] * bottleneck.step / step)
    kernel[0, 1 : 2 * latents : 2] = -kernel[0, : 2 * latents : 2]
    convolutions[3].set_weights([kernel, bias])

    _set(synthesis[0], np.eye(latents)[None] * step / bottleneck.step, first=True)
    _set(synthesis[1], joined.transpose(2, 0, 1)[None], parts=2)
    _set(synthesis[2], half.T.reshape(1, HALF, HALF // _FINE, _FINE), parts=HALF // _FINE)
    _set(synthesis[3], np.eye(_FINE)[None, :, :, None], parts=_FINE, linear=True)
    _start_priors(bottleneck, (frames.reshape(-1, STRIDE) @ whole[:, :latents]).std(axis=0) / step)


def _components(frames: np.ndarray, size: int) -> np.ndarray:
    """Principal components of pieces, whose mean is left in: ``(size, size)``, orthonormal, the largest first."""
    pieces = frames.reshape(-1, size).astype(np.float64)
    return np.linalg.eigh(pieces.T @ pieces)[1][:, ::-1]


def _range(values: np.ndarray) -> np.ndarray:
    """What channels are divided by, so that int8 has about the same number of steps for each."""
    return np.maximum(np.quantile(np.abs(values), 0.9999, axis=0), 1e-3)


def _set(layer, functions: np.ndarray, *, first=False, parts=1, linear=False) -> None:
    """A convolution's weights, of linear functions at its middle positions.

    Args:
        functions: ``(taps, inputs, outputs)``; of a sub-pixel convolution ``(taps, inputs, parts, outputs)``.
        first: whether its input has no channels of the other sign.
        parts: positions that its output channels become.
        linear: whether it has no ReLU, and so no channels of the other sign.
    """
    kernel, bias = (np.array(weight) for weight in layer.weights)
    taps, inputs = functions.shape[:2]
    functions = functions.reshape(taps, inputs, parts, -1)
    start, width = (len(kernel) - taps) // 2, kernel.shape[2] // parts
    number = functions.shape[3] * (1 if linear else 2)
    kernel = kernel.reshape(*kernel.shape[:2], parts, width)
    kernel[:, :, :, :number] = 0
    signed = functions if linear else np.stack([functions, -functions], axis=-1).reshape(taps, inputs, parts, number)
    middle = kernel[start : start + taps]
    if first:
        middle[:, :inputs, :, :number] = signed
    else:
        middle[:, : 2 * inputs : 2, :, :number], middle[:, 1 : 2 * inputs : 2, :, :number] = signed, -signed
    layer.set_weights([kernel.reshape(layer.weights[0].shape), np.zeros_like(bias)])


def _start_priors(bottleneck, deviations: np.ndarray) -> None:
    """Priors of many widths around those of all frames, for each of a latent's positions the same."""
    shape = tuple(bottleneck.log_scales.shape)
    octaves = np.linspace(*_PRIOR_SPREAD, shape[0]) if len(shape) == 3 else np.zeros(1)
    wide = np.tile(deviations, shape[-2] // len(deviations))
    scales = 2.0 ** octaves[:, None, None] * wide[:, None] * np.array(_MIXTURE_SPREAD) * np.sqrt(3) / np.pi
    bottleneck.log_scales.assign(np.log(np.maximum(scales, 0.15)).reshape(shape))
    bottleneck.means.assign(0.05 * np.array(bottleneck.means) * wide[:, None])
