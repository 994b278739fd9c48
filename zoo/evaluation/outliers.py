"""What an autoencoder says of examples that are not like those it learned."""

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo import artifacts, data
from zoo.evaluation.codes import flat_code
from zoo.evaluation.likelihood import likelihood_of
from zoo.io.arrays import as_array
from zoo.sklearn import Normality, conformal_threshold
from zoo.sklearn.normality import LEAST

BATCH = 500
DETECTOR = "detector.npz"  # of an artefact that is a detector
MOST_HELD_OUT = 1999  # examples whose scores a detector keeps; they tell shares down to 1 in 2,000
FALSE_ALARMS = 0.01  # the share that a threshold is set for where none is named


def measured(
    model: Any, examples: np.ndarray, *, advance: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Codes and errors of examples, and of a model with a likelihood its negative: what ``Normality`` takes.

    Args:
        model: an autoencoder. One with ``views`` looks at each example in several ways; one with ``errors`` says itself
            what a reconstruction misses.
        examples: ``(n, ...)``, as a data set has them.
        advance: called with the number of examples done, for a progress bar.

    Returns:
        float32 ``(n, views, numbers of the code)``, ``(n, views, numbers of an example)``; ``(n,)`` or None.
    """
    codes, errors, likelihoods = [], [], []
    for start in range(0, len(examples), BATCH):
        x = data.unit(examples[start : start + BATCH])
        views = model.views(x) if hasattr(model, "views") else [x]
        found = [model.encode(np.asarray(view)) for view in views]
        codes.append(np.stack([flat_code(code).reshape(len(x), -1) for code in found], axis=1))
        if hasattr(model, "errors"):
            errors.append(np.stack([as_array(model.errors(x, code)) for code in found], axis=1))
        else:
            missed = [x - as_array(model.decode(code)) for code in found]
            errors.append(np.stack([part.reshape(len(x), -1) for part in missed], axis=1))
        likelihoods.append(likelihood_of(model, x))
        if advance is not None:
            advance(len(x))
    likelihood = None if likelihoods[0] is None else np.concatenate(likelihoods)
    return np.concatenate(codes), np.concatenate(errors), likelihood


def fitted_detector(
    model: Any,
    normal: np.ndarray,
    held_out: np.ndarray,
    *,
    false_alarms: float | None = None,
    advance: Callable[[int], None] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of ``detector.npz``: what normal examples are like, and the scores of held-out ones.

    Args:
        model: a trained autoencoder.
        normal: examples ``(n, ...)`` that it was trained on.
        held_out: normal examples ``(m, ...)`` that it was not trained on.
        false_alarms: the share of new normal examples that may lie beyond the threshold; None for 1 %, or as small a
            share as m examples can tell.
        advance: as of ``measured``.

    Raises:
        ValueError: for fewer than 20 examples in all, none held out, or a share that these cannot tell.
    """
    if len(normal) + len(held_out) < LEAST or not len(held_out):
        raise ValueError(
            f"a detector must be fitted on at least {LEAST} normal examples, some of them held out: received "
            f"{len(normal)} and {len(held_out)} held out."
        )
    if len(held_out) > MOST_HELD_OUT:
        held_out = held_out[np.random.default_rng(0).choice(len(held_out), MOST_HELD_OUT, replace=False)]
    normality = Normality.fitted(*measured(model, normal, advance=advance))
    # As it is stored: thresholds are of what scores by it.
    arrays = {key: array.astype(np.float32) for key, array in normality.arrays().items()}
    normality = Normality.of_arrays(arrays)
    scores = np.sort(normality.scores(*measured(model, held_out, advance=advance)))
    share = max(FALSE_ALARMS, 1 / (len(scores) + 1)) if false_alarms is None else false_alarms
    conformal_threshold(scores, share)
    return {**arrays, "held_out": scores, "false_alarms": np.float64(share)}


def read_detector(artifact: artifacts.Artifact) -> tuple[Normality, np.ndarray, float]:
    """What normal examples are like to a detector, the scores of held-out ones, and the share of its threshold.

    Raises:
        ValueError: if the artefact is no detector, or a damaged one.
    """
    if not artifact.has(DETECTOR):
        raise ValueError(
            f"{artifact.name} is no detector: expected one such as detecting_ae, or a folder of zoo detect --save. "
            "Normal examples make it one (--fit NORMAL)."
        )
    try:
        with np.load(artifact.file(DETECTOR), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        held_out, false_alarms = np.sort(arrays["held_out"]), float(arrays["false_alarms"])
        conformal_threshold(held_out, false_alarms)
        return Normality.of_arrays(arrays), held_out, false_alarms
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"{DETECTOR} of {artifact.name} is damaged: {error}") from None


def measure_detector(
    model: Any,
    detector: tuple[Normality, np.ndarray, float],
    data_set: data.DataSet,
    split: str,
    normal: str | None,
) -> dict[str, Any]:
    """What a detector makes of a split.

    Args:
        model: an autoencoder.
        detector: as ``read_detector`` returns it.
        data_set: whose ``split`` is measured on.
        split: of it.
        normal: the class that is normal; None where all examples are.

    Returns:
        ``false_alarm_rate``, the share of normal examples beyond the threshold, beside what was ``asked_false_alarms``
        and the number of ``held_out_normal`` examples that set it; where the split has others, ``auc``, the area under
        the ROC curve, ``detected``, the share of the others beyond the threshold, and ``auc_of`` each class.
    """
    from sklearn.metrics import roc_auc_score

    normality, held_out, share = detector
    scores = normality.scores(*measured(model, getattr(data_set, split)))
    beyond = scores > conformal_threshold(held_out, share)
    names = None if normal is None else data_set.names_of(split)
    fits = np.ones(len(scores), bool) if names is None else np.array(names) == normal
    figures: dict[str, Any] = {}
    if fits.any() and not fits.all():
        figures = {"auc": float(roc_auc_score(~fits, scores)), "detected": float(beyond[~fits].mean())}
        others = sorted({*np.array(names)[~fits].tolist()})
        chosen = {name: fits | (np.array(names) == name) for name in others}
        figures["auc_of"] = {
            name: float(roc_auc_score(~fits[rows], scores[rows])) for name, rows in chosen.items() if len(others) > 1
        }
    if fits.any():
        figures["false_alarm_rate"] = float(beyond[fits].mean())
    return {**figures, "asked_false_alarms": share, "held_out_normal": len(held_out)}
