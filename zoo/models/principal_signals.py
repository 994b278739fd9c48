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
_ROUNDS = 12  # of choosing kinds of frames
_LEAST_MEAN = 0.02  # of magnitudes
_MIXTURE_SPREAD = (0.4, 1.0, 2.0)
_RATE_SLOPE = 2 * np.log(2) / 12  # −dD/dR of a uniform quantiser of step 1, in squares a bit


def step_for(rate_weight: float) -> float:
    """The step of an orthonormal code at which a bit is worth ``rate_weight`` squares: D = Δ² / 12, halved by ½ bit."""
    return float(np.sqrt(rate_weight / _RATE_SLOPE))


def start(encoder, decoder, bottleneck, frames: np.ndarray, step: float) -> None:
    """Sets the weights so that the code is the principal components of each 32 samples, a step of them one of the code.

    Args:
        encoder, decoder: of ``zoo.models.audio``, for one channel; the encoder is linear, and the decoder's residual
            blocks start as the identity.
        bottleneck: an ``EntropyBottleneck`` for their code.
        frames: of the training split, ``(n, length)``.
        step: of the principal components.

    Raises:
        ValueError: if the decoder has fewer channels than the transform takes.
    """
    (analysis,) = (layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv1D))
    synthesis = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Conv1D)]
    latents = analysis.filters
    numbers = (synthesis[2].filters // (HALF // _FINE), synthesis[1].filters // 2, synthesis[0].filters)
    least = (2 * _FINE, 2 * HALF, 2 * latents)
    if any(number < few for number, few in zip(numbers, least, strict=True)):
        raise ValueError(f"decoder_filters must be at least {least}: received {numbers}.")
    half, whole = _components(frames, HALF), _components(frames, STRIDE)
    # Of the halves' components to those of the whole, (2, 16, latents).
    joined = np.einsum("psk,psl->pkl", np.stack([half, half]), whole[:, :latents].reshape(2, HALF, latents))
    _set(analysis, whole[:, None, :latents] * bottleneck.step / step, first=True, linear=True)

    _set(synthesis[0], np.eye(latents)[None] * step / bottleneck.step, first=True)
    _set(synthesis[1], joined.transpose(2, 0, 1)[None], parts=2)
    _set(synthesis[2], half.T.reshape(1, HALF, HALF // _FINE, _FINE), parts=HALF // _FINE)
    _set(synthesis[3], np.eye(_FINE)[None, :, :, None], parts=_FINE, linear=True)
    codes = (frames.reshape(-1, STRIDE) @ whole[:, :latents] / step).reshape(len(frames), -1)
    _start_priors(bottleneck, np.abs(np.rint(codes)))


def _components(frames: np.ndarray, size: int) -> np.ndarray:
    """Principal components of pieces, whose mean is left in: ``(size, size)``, orthonormal, the largest first."""
    pieces = frames.reshape(-1, size).astype(np.float64)
    return np.linalg.eigh(pieces.T @ pieces)[1][:, ::-1]


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


def _start_priors(bottleneck, magnitudes: np.ndarray) -> None:
    """Priors of the kinds of frames that there are: each kind is what the same geometric distributions code best.

    Args:
        magnitudes: whole steps of the frames' codes, ``(n, latent_dim)``.
    """
    number = bottleneck.num_priors
    chosen = np.empty(len(magnitudes), np.int64)
    chosen[np.argsort(magnitudes.sum(axis=1))] = np.arange(len(magnitudes)) * number // len(magnitudes)
    for _ in range(_ROUNDS):
        use = np.bincount(chosen, minlength=number)
        sums = np.stack([magnitudes[chosen == kind].sum(axis=0) for kind in range(number)])
        means = (sums + magnitudes.mean(axis=0) + _LEAST_MEAN) / (use[:, None] + 1)
        decay = means / (np.sqrt(1 + means**2) + 1)
        constant = np.log((1 + decay) / (1 - decay)).sum(axis=1) - np.log((use + 1) / (len(magnitudes) + number))
        chosen = np.argmin(magnitudes @ -np.log(decay).T + constant, axis=1)
    shape = tuple(bottleneck.log_scales.shape)
    scales = means[..., None] * np.array(_MIXTURE_SPREAD) / (2 * np.log(2))
    bottleneck.log_scales.assign(np.log(np.maximum(scales, 0.1)).reshape(shape))
    bottleneck.means.assign(0.05 * np.array(bottleneck.means) * means.reshape(*shape[:-1], 1))
    if number > 1:
        bottleneck.table_logits.assign(np.log(use + 1.0))
