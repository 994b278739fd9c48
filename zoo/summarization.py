"""What a text of any length says, in a few of its own sentences or in a new one."""

import dataclasses
import functools
import os
import warnings
from collections.abc import Callable

import numpy as np

from zoo import models, registry
from zoo.data.text import split_sentences
from zoo.models.decoding import likeness, shortened

# benchmarks/summarization.py --data wikipedia --split validation --grid measures others beside REDUNDANCY, EARLINESS
# and LENGTH.
LIKENESS = 3.0  # weight of a short text's sentences' likeness to drawn summaries
REDUNDANCY = 0.15  # weight of the similarity to a sentence that is chosen already
EARLINESS = 0.1  # what the first sentence of a long text has over those far below; the second has half of it
LENGTH = 0.1  # what a sentence of a long text has over one e times shorter, which says less
EARLINESS_OF_SHORT = 0.3  # the same of a text that the model reads at once
CHUNK = 4096  # sentences whose pieces are held at once
BATCH = 128  # rows that the encoder gets at once
FRONT = 4096  # candidates among which sentences are chosen before all others are compared again
SAMPLE = 20_000  # characters by which the language is told
CERTAIN = 0.9  # probability below which nothing is said of the language


@dataclasses.dataclass(frozen=True)
class Summary:
    """A summary, and where it is from.

    Attributes:
        text: of the summary.
        sentences: of the text that it was made from, in their order: the summary itself, if it is neither abstractive
            nor shortened.
        indices: of these sentences among those of the text.
        scores: what each was chosen by: similarity, and preference of early sentences, less redundancy.
        total: sentences of the text.
        language: ISO 639 code of the text's language; None where that is not certain.
    """

    text: str
    sentences: list[str]
    indices: list[int]
    scores: list[float]
    total: int
    language: str | None


def summarize(
    text: str,
    model: "str | os.PathLike | models.Summarizer" = "summarizer",
    *,
    sentences: int | None = None,
    ratio: float | None = None,
    shorten: bool = False,
    abstractive: bool = False,
    redundancy: float = REDUNDANCY,
    advance: Callable[[int], None] | None = None,
) -> str:
    """The sentences of a text that say most of it, or a new sentence that does.

    As ``extract``, which says also which sentences these are. Warns of a text that is not in English, the language of
    the trained models.
    """
    found = extract(
        text,
        model,
        sentences=sentences,
        ratio=ratio,
        shorten=shorten,
        abstractive=abstractive,
        redundancy=redundancy,
        advance=advance,
    )
    if warning := warning_of(found.language):
        warnings.warn(warning, stacklevel=2)
    return found.text


def extract(
    text: str,
    model: "str | os.PathLike | models.Summarizer" = "summarizer",
    *,
    sentences: int | None = None,
    ratio: float | None = None,
    shorten: bool = False,
    abstractive: bool = False,
    redundancy: float = REDUNDANCY,
    advance: Callable[[int], None] | None = None,
) -> Summary:
    """Chooses the sentences of a text that say most of it.

    Of a text that the model reads at once these are the sentences most like the summaries that its decoder draws from
    the text's code (``zoo.models.decoding.likeness``); of a longer one those whose codes are nearest to the text's, the
    mean of its parts' codes. From that ``redundancy`` times the largest similarity to a sentence that is chosen
    already is taken off; early and long ones have a small preference.

    Args:
        text: of any length.
        model: a summariser: its name, its folder, or the model itself.
        sentences: how many to choose; one, if ``ratio`` is not given either.
        ratio: the share of the text's sentences to choose, in (0, 1].
        shorten: whether a chosen sentence may leave out what is in brackets, and end before a clause, where that makes
            it more like the summaries that the decoder draws: of the text, or of a longer one from that sentence.
        abstractive: whether the decoder writes one new sentence instead; of a text that is longer than the model reads
            at once, from the chosen sentences that fit in.
        redundancy: how much is taken off for similarity to what is chosen, in [0, 1].
        advance: called with the number of characters done, for a progress bar.

    Raises:
        ValueError: for an argument out of its range, a text without words, or a model that is no summariser.

    References:
        Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
        Summaries". Knight & Marcu 2002, "Summarization beyond sentence extraction", for shortened ones.
    """
    check_arguments(sentences, ratio, shorten, abstractive, redundancy)
    language = language_of(text)
    parts = split_sentences(text, language or "en")
    if not parts:
        raise ValueError("text must hold words: received none.")
    if isinstance(model, (str, os.PathLike)):
        model = registry.load(model)
    if not isinstance(model, models.Summarizer):
        raise ValueError(f"model must be a summariser, such as summarizer: received {model.name!r}.")
    codes, document, lengths = _codes(parts, model, advance)
    fits = _fits(lengths, model)
    if fits:
        drawn = model.drawn([" ".join(parts)]) * len(parts)
        forms, likenesses = _most_alike(parts, drawn, shorten)
        relevance = LIKENESS * likenesses + EARLINESS_OF_SHORT / np.arange(1, len(parts) + 1)
    else:
        relevance = relevance_by_code(codes, document, lengths)
    count = sentences or 1
    if ratio is not None:
        count = max(1, round(ratio * len(parts)))
    elif abstractive:  # as many as there may be room for
        count = model.document_length
    indices, scores = mmr(relevance, codes, min(count, len(parts)), redundancy)
    if abstractive:
        fitting = max(1, int(np.searchsorted(np.cumsum(lengths[indices]), model.document_length)))
        indices, scores = indices[:fitting], scores[:fitting]
    order = np.argsort(indices)
    chosen = [parts[index] for index in indices[order]]
    said = chosen
    if shorten:
        said = [forms[index] for index in indices[order]] if fits else _most_alike(chosen, model.drawn(chosen), True)[0]
    summary = " ".join(said)
    if abstractive:
        (summary,) = model.summarize([summary])
    return Summary(summary, chosen, indices[order].tolist(), scores[order].tolist(), len(parts), language)


def _most_alike(sentences: list[str], drawn: list[list[str]], shorten: bool) -> tuple[list[str], np.ndarray]:
    """Of each sentence the form most like the summaries that are drawn for it, and how much it is like them."""
    forms, likenesses = [], []
    for sentence, texts in zip(sentences, drawn, strict=True):
        own = [sentence, *(shortened(sentence) if shorten else ())]
        found = likeness(own, texts)
        forms.append(own[int(found.argmax())])
        likenesses.append(found.max())
    return forms, np.array(likenesses)


def relevance_by_code(
    codes: np.ndarray,
    document: np.ndarray,
    lengths: np.ndarray,
    *,
    earliness: float = EARLINESS,
    length: float = LENGTH,
) -> np.ndarray:
    """How much the sentences of a long text say of it, float32 ``(n,)``.

    Args:
        codes: of the sentences, ``(n, numbers)`` of unit length.
        document: the text's code, of unit length.
        lengths: of the sentences, in pieces.
        earliness: what the first sentence has over those far below; the second has half of it.
        length: what a sentence has over one e times shorter.
    """
    place = np.arange(1, len(codes) + 1, dtype=np.float32)
    return (codes @ document + earliness / place + length * np.log(np.maximum(lengths, 1))).astype(np.float32)


def _fits(lengths: np.ndarray, model: models.Summarizer) -> bool:
    """Whether a model reads sentences of these lengths, in pieces, at once."""
    return lengths.sum() < model.document_length


def check_arguments(
    sentences: int | None, ratio: float | None, shorten: bool, abstractive: bool, redundancy: float
) -> None:
    """Refuses the arguments of ``extract`` that no text could be summarised with.

    Raises:
        ValueError: naming the first of them.
    """
    if sentences is not None and ratio is not None:
        raise ValueError(f"Give sentences or ratio: received both, {sentences!r} and {ratio!r}.")
    if abstractive and (sentences or 1, ratio, shorten) != (1, None, False):
        raise ValueError("abstractive writes one sentence, short already: leave out sentences, ratio and shorten.")
    if sentences is not None and (not isinstance(sentences, int) or sentences < 1):
        raise ValueError(f"sentences must be an integer of at least 1: received {sentences!r}.")
    if ratio is not None and not 0 < ratio <= 1:
        raise ValueError(f"ratio must be above 0, and 1 at most: received {ratio!r}.")
    if not 0 <= redundancy <= 1:
        raise ValueError(f"redundancy must be in [0, 1]: received {redundancy!r}.")


def language_of(text: str) -> str | None:
    """ISO 639 code of the language that a text begins in, by py3langid; None where that is not certain."""
    language, probability = _identifier().classify(text[:SAMPLE])
    return language if probability >= CERTAIN and language not in ("und", "zxx") else None  # zxx: no language at all


def warning_of(language: str | None) -> str | None:
    """What is to be said of a text in this language, if anything."""
    if language in (None, "en"):
        return None
    return f"The text seems to be in the language {language!r}, not in English: the summary may be of little worth."


def mmr(relevance: np.ndarray, codes: np.ndarray, count: int, redundancy: float) -> tuple[np.ndarray, np.ndarray]:
    """Maximal marginal relevance: one after the other, what is relevant and unlike what is chosen already.

    A score falls with each choice, if it changes. So it is enough to look at the candidates in front, until the best of
    them is no better than the best of the others was before.

    Args:
        relevance: ``(n,)``.
        codes: ``(n, numbers)`` of unit length.
        count: how many to choose, n at most.
        redundancy: weight of the largest similarity to a chosen one.

    Returns:
        Indices ``(count,)`` in the order of choice, of equals the first one, and the scores that they were chosen by.
    """
    likest = np.full(len(codes), -1.0, np.float32)  # similarity to the chosen ones, which none can be below
    left = np.ones(len(codes), bool)
    indices, scores = [], []
    while len(indices) < count:
        score = np.where(left, relevance - redundancy * likest, -np.inf)
        front, limit = np.arange(len(codes)), -np.inf
        if len(codes) > FRONT:
            order = np.argpartition(-score, FRONT)
            front, limit = np.sort(order[:FRONT]), score[order[FRONT]]
        candidates, begun = codes[front], len(indices)
        while len(indices) < count:
            score = np.where(left[front], relevance[front] - redundancy * likest[front], -np.inf)
            best = int(score.argmax())
            if score[best] < limit:
                break
            left[front[best]] = False
            # Nothing is redundant beside nothing.
            scores.append(score[best] if indices else relevance[front[best]])
            indices.append(front[best])
            likest[front] = np.maximum(likest[front], candidates @ candidates[best])
        if len(indices) < count:
            for new in np.array_split(np.array(indices[begun:]), -(-(len(indices) - begun) // 64)):
                likest = np.maximum(likest, (codes @ codes[new].T).max(axis=1))
    return np.array(indices), np.array(scores)


def _codes(sentences: list[str], model, advance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes ``(n, numbers)`` of sentences and ``(numbers,)`` of all together, of unit length; lengths in pieces."""
    room = model.document_length - 1  # beside the piece that ends a text
    codes, total, lengths = [], 0.0, []
    for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        pieces = [row[:room] for row in model.tokenizer.pieces.encode(chunk)]
        windows = _windows(pieces, room)
        encoded = _encode(model, [*pieces, *windows])
        codes.append(encoded[: len(chunk)])
        lengths.extend(map(len, pieces))
        total = total + np.array([len(window) for window in windows], np.float32) @ encoded[len(chunk) :]
        if advance is not None:
            advance(sum(map(len, chunk)))
    return np.concatenate(codes), _unit(total), np.array(lengths)


def _windows(pieces: list[list[int]], room: int) -> list[list[int]]:
    """Sentences that follow one another, as many as fit into a window each."""
    windows: list[list[int]] = [[]]
    for row in pieces:
        if windows[-1] and len(windows[-1]) + len(row) > room:
            windows.append([])
        windows[-1].extend(row)
    return windows


def _encode(model, rows: list[list[int]]) -> np.ndarray:
    """Codes of unit length of rows of pieces; rows of like length go together, so that few are padded much."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    codes = np.empty((len(rows), model.latent_dim), np.float32)
    for start in range(0, len(rows), BATCH):
        batch = order[start : start + BATCH]
        padded = model.tokenizer.pieces.filled([rows[index] for index in batch])
        codes[batch] = _unit(np.asarray(model.encode(padded), np.float32))
    return codes


def _unit(codes: np.ndarray) -> np.ndarray:
    return codes / np.maximum(np.linalg.norm(codes, axis=-1, keepdims=True), 1e-12)


@functools.cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
