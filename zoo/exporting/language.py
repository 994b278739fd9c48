"""Integers and tables of a language model, from a trained summariser, for the codec of texts."""

import io
import zipfile
from pathlib import Path

import numpy as np
from keras import ops
from scipy.special import expit

from zoo.codec import language
from zoo.codec.contexts import BUCKETS, DISCOUNT, ORDERS, SHARE_BITS, Contexts, bucket
from zoo.codec.language import BLOCKS, LanguageModel, LanguageTables
from zoo.codec.tokenizer import PAD, START
from zoo.models import Summarizer

TILE = 4096  # bytes of a lane: long enough that its first tokens, which know nothing before them, weigh little
INPUT_SCALE = 8.0  # of the embedding of a token that is read, as ``Summarizer`` has it
ROWS = 256  # of tokens, in which the features' range is found
LEVELS = 31  # of a weight, on either side of 0: 6 bits, by which a token takes as many bits as by 8
FINEST = 1 / 64  # the exponential's steps are at most as large
MARGIN = 1.1  # beyond the largest feature found
LANE_PIECES = 1100  # about as many as a lane has
ROUNDS = 8  # of expectation maximisation
PRIOR, PRIOR_WEIGHT = 0.3, 2.0  # of a context's share, and how many tokens it counts for


def write_text(
    model: Summarizer,
    train: np.ndarray,
    validation: np.ndarray,
    folder: Path,
    *,
    tile: int = TILE,
    levels: int = LEVELS,
) -> None:
    """Writes ``text.npz`` and ``tokenizer.model`` into a folder.

    Args:
        model: trained.
        train: tokens as ``Summarizer.tokens`` returns them, in whose prose the features' range is found.
        validation: the same of other texts, on whose prose the shares of network and contexts are fitted.
        folder: of the artefact.
        tile: bytes of a lane, at most 4096.
        levels: of a weight, on either side of 0, at most 127.

    Raises:
        ValueError: if the model's numbers do not fit the codec's integers.
    """
    arrays = integers(model, prose(model, train), levels)
    arrays["tile"] = np.int32(tile)
    running = prose(model, validation).reshape(-1)
    arrays["confidence"] = fitted_confidence(LanguageModel(LanguageTables(**arrays)), running)
    (folder / "text.npz").write_bytes(_packed(arrays))
    (folder / "tokenizer.model").write_bytes(model.tokenizer.tokenizer.model)


def prose(model: Summarizer, rows: np.ndarray) -> np.ndarray:
    """Of a model's rows those without a summary, ``(n, document_length)``: running text.

    Raises:
        ValueError: if there are none.
    """
    rows = np.asarray(rows)
    found = rows[rows[:, model.document_length] == PAD, : model.document_length]
    if not len(found):
        raise ValueError("The rows of tokens must include running text, as Summarizer.tokens makes it.")
    return found


def integers(model: Summarizer, tokens: np.ndarray, levels: int = LEVELS) -> dict[str, np.ndarray]:
    """The arrays of ``text.npz``, as ``zoo.codec.language.LanguageTables`` describes them; contexts share half.

    Args:
        model: trained.
        tokens: integers ``(n, length)``, in which the features' range is found.
        levels: of a weight, on either side of 0, at most 127.
    """
    embedding, kernel, recurrent, bias, features, features_bias = _weights(model)
    rows, shift, unit = _by_rows(embedding, levels)
    pre, state, read = (2.0**bits for bits in (language.PRE_BITS, language.STATE_BITS, language.READ_BITS))
    arrays = {"embedding": rows, "embedding_shift": shift}
    totals = np.abs(rows.astype(np.int64)).sum(axis=1)
    limit = min(
        (language.SINGLE - 1) // totals.max(), ((1 << 30) - 1) // (totals << shift).max(), language.MOST_FEATURE
    )
    feature = MARGIN * _largest_feature(model, tokens) / limit
    shifts = []
    for name, matrix, offset, unit_in, unit_out in (
        ("kernel", kernel, bias[0], INPUT_SCALE * unit, 1 / pre),
        ("recurrent", recurrent, bias[1], 1 / read, 1 / pre),
        ("features", features, features_bias, 1 / read, feature),
    ):
        arrays[name], scale = _by_columns(matrix, levels)
        arrays[f"{name}_scale"], bits = _fixed_point(scale * unit_in / unit_out)
        arrays[f"{name}_bias"] = np.rint(offset / unit_out)
        shifts.append(bits)
    positions = np.arange(-language.REACH * pre, language.REACH * pre) / pre
    arrays["sigmoid"], arrays["tanh"] = np.rint(expit(positions) * state), np.rint(np.tanh(positions) * state)
    step = unit * feature
    shifts.append(max(0, int(np.floor(np.log2(FINEST / step)))))
    step *= 2.0 ** shifts[-1]
    # The last entry is the first that rounds to 0.
    count = int(np.ceil((language.EXP_BITS + 1) * np.log(2) / step)) + 1
    arrays["exponential"] = np.rint(np.exp(-step * np.arange(count)) * 2.0**language.EXP_BITS)
    arrays["shifts"], arrays["features_limit"], arrays["tile"] = shifts, limit, TILE
    arrays["confidence"] = np.full((ORDERS, BUCKETS, BUCKETS), 1 << SHARE_BITS - 1)
    matrices = ("embedding", "kernel", "recurrent", "features")
    return {name: np.asarray(array, np.int8 if name in matrices else np.int32) for name, array in arrays.items()}


def fitted_confidence(model: LanguageModel, tokens: np.ndarray) -> np.ndarray:
    """The shares of contexts with which a text takes the fewest bits, int32 ``(ORDERS, BUCKETS, BUCKETS)``.

    Args:
        model: the network.
        tokens: integers ``(n,)``, of a text that the network has not learned from.

    References:
        Jelinek & Mercer 1980, "Interpolated Estimation of Markov Source Parameters from Sparse Data".
    """
    network, own, counted, followed = _explained(model, tokens)
    share = np.full((ORDERS, BUCKETS, BUCKETS), PRIOR)
    seen = counted >= 0
    for _ in range(ROUNDS):
        weights = np.where(seen, share[np.arange(ORDERS)[:, None], counted, followed], 0.0)
        mixed = [network]
        for weight, probability in zip(weights, own, strict=True):
            mixed.append(weight * probability + (1 - weight) * mixed[-1])
        reached = np.ones_like(network)  # how likely the choice of a distribution came down to this context
        for order in reversed(range(ORDERS)):
            chosen = reached * weights[order] * own[order] / mixed[order + 1]
            at = counted[order][seen[order]], followed[order][seen[order]]
            of_all, of_chosen = np.zeros((2, BUCKETS, BUCKETS))
            np.add.at(of_all, at, reached[seen[order]])
            np.add.at(of_chosen, at, chosen[seen[order]])
            share[order] = (of_chosen + PRIOR * PRIOR_WEIGHT) / (of_all + PRIOR_WEIGHT)
            reached = reached - chosen
    return np.rint(share * (1 << SHARE_BITS)).astype(np.int32)


def _explained(model: LanguageModel, tokens: np.ndarray):
    """Of each token of a text in lanes: its probability by the network ``(n,)``; of each order by the context, and that
    context's buckets, -1 where it has not occurred, ``(ORDERS, n)``."""
    length = min(LANE_PIECES, len(tokens))
    lanes = tokens[: len(tokens) // length * length].reshape(-1, length)
    contexts = Contexts(np.zeros((ORDERS, BUCKETS, BUCKETS)), model.vocabulary)
    histories, state = [[START] for _ in lanes], model.start(len(lanes))
    network = np.empty((length, len(lanes)))
    own = np.zeros((length, ORDERS, len(lanes)))
    counted, followed = np.full((2, length, ORDERS, len(lanes)), -1)
    for step, targets in enumerate(lanes.T):
        weights, state = model.step(np.array([history[-1] for history in histories]), state)
        given = weights[np.arange(len(lanes)), targets // BLOCKS, targets % BLOCKS]
        network[step] = np.maximum(given, 1) / weights.sum(axis=(1, 2), dtype=np.int64)
        for order, (which, lengths, followers, counts) in enumerate(contexts.followers(histories)):
            occurred = np.bincount(np.repeat(which, lengths), counts, minlength=len(lanes))[which].astype(np.int64)
            lane = np.repeat(which, lengths)
            right = followers == targets[lane]
            whole = np.repeat(16 * occurred - DISCOUNT * lengths, lengths)
            own[step, order, lane[right]] = (16 * counts[right] - DISCOUNT) / whole[right]
            counted[step, order, which], followed[step, order, which] = bucket(occurred), bucket(lengths)
        contexts.add(histories, targets.tolist())
        for history, token in zip(histories, targets.tolist(), strict=True):
            history.append(token)
    return network.reshape(-1), *(a.swapaxes(0, 1).reshape(ORDERS, -1) for a in (own, counted, followed))


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    """An ``.npz`` by bzip2, which takes a seventh less than NumPy's own for numbers of a bell curve."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _weights(model: Summarizer) -> list[np.ndarray]:
    cell, units = model.recurrent.cell, model.units
    if not cell.reset_after:
        raise ValueError("recurrent must be a GRU with reset_after=True.")
    weights = [
        model.embedding.embeddings, cell.kernel, cell.recurrent_kernel, cell.bias,
        model.features.kernel[:units],  # what the attention gives is zeros without a document
        model.features.bias,
    ]  # fmt: skip
    return [np.asarray(ops.convert_to_numpy(w), np.float64) for w in weights]


def _largest_feature(model: Summarizer, tokens: np.ndarray) -> float:
    rows = np.asarray(tokens)[np.linspace(0, len(tokens) - 1, min(ROWS, len(tokens))).astype(int)]
    states, _ = model.recurrent(INPUT_SCALE * model.embedding(rows.astype("int32")))
    context = ops.zeros((*states.shape[:2], model.embedding_dim), states.dtype)
    found = model.features(ops.concatenate([states, context], axis=-1))
    return float(np.abs(ops.convert_to_numpy(ops.cast(found, "float32"))).max())


def _by_rows(matrix: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Int8 rows, their shifts, and what a 1 without a shift stands for."""
    largest = np.abs(matrix).max(axis=1)
    unit = max(largest[largest > 0].min(), largest.max() / 2**language.MOST_SHIFT) / levels
    shift = np.ceil(np.log2(np.maximum(largest / (levels * unit), 1)) - 1e-9).astype(np.int64)
    return np.rint(matrix / (unit * 2.0 ** shift[:, None])).clip(-levels, levels).astype(np.int8), shift, unit


def _by_columns(matrix: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Int8 columns, and what a 1 in each stands for."""
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-9) / levels
    return np.rint(matrix / scale).clip(-levels, levels).astype(np.int8), scale


def _fixed_point(factors: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers up to 2^16, and by how many bits they are to be shifted to the right to be the factors."""
    shift = int(np.floor(np.log2(((1 << 16) - 1) / factors.max())))
    if not 0 <= shift <= 30:
        raise ValueError(f"the factor {factors.max():.3g} of a column is beyond the codec's integers.")
    return np.rint(factors * 2.0**shift).astype(np.int64), shift
