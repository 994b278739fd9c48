"""Measures of summaries, and whether a difference between two ways of making them is more than chance."""

from collections.abc import Sequence

import numpy as np

from zoo import extras

RESAMPLES = 9999


def rouge_l(references: Sequence[str], summaries: Sequence[str]) -> np.ndarray:
    """Longest common subsequence of words, stemmed, of each summary and its reference: F1, ``(n,)`` in [0, 1].

    Raises:
        ValueError: if the numbers differ, or rouge-score is missing.

    References:
        Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".

    Examples:
        >>> from zoo import evaluation
        >>> evaluation.rouge_l(["the cat sat on the mat"], ["the cat on a mat"]).round(3).tolist()
        [0.727]
    """
    with extras.needed("ROUGE"):
        from rouge_score import rouge_scorer
    if len(references) != len(summaries):
        raise ValueError(f"summaries must be as many as references, {len(references)}: received {len(summaries)}.")
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    pairs = zip(references, summaries, strict=True)
    return np.array([scorer.score(reference, summary)["rougeL"].fmeasure for reference, summary in pairs])


def bootstrap(values: Sequence[float], *, seed: int = 0) -> dict[str, float]:
    """``mean`` of values, and ``low`` and ``high`` of its 95 % interval by the percentiles of the bootstrap.

    Args:
        values: ``(n,)``, two at least.
        seed: of what is drawn.

    References:
        Efron & Tibshirani 1993, "An Introduction to the Bootstrap".
    """
    return _bootstrap(np.asarray(values, np.float64), seed)[0]


def paired_bootstrap(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 0) -> dict[str, float]:
    """The mean difference of two ways of doing the same examples, its 95 % interval, and how likely chance makes it.

    Args:
        ours, theirs: ``(n,)`` each, in the same order of examples.
        seed: of what is drawn.

    Returns:
        ``mean``, ``low``, ``high``, and ``p``, twice the share of draws on the other side of 0, 1 at most.

    Raises:
        ValueError: if the numbers differ.

    References:
        Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(f"theirs must have as many values as ours, {len(ours)}: received {len(theirs)}.")
    figures, means = _bootstrap(ours - theirs, seed)
    other = min(np.sum(means <= 0), np.sum(means >= 0))
    return {**figures, "p": float(min(1.0, 2 * (other + 1) / (RESAMPLES + 1)))}


def _bootstrap(values: np.ndarray, seed: int) -> tuple[dict[str, float], np.ndarray]:
    from scipy import stats

    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must be (n,), n ≥ 2: received {values.shape}.")
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, batch=256, method="percentile", random_state=seed
    )
    low, high = found.confidence_interval
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}, found.bootstrap_distribution
