"""What a text of any length says, in a few of its own sentences or in a new one."""

import dataclasses
import functools
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np

from zoo import models, registry
from zoo.data.sentences import likeness, mmr, shortened
from zoo.data.text import SAMPLE, language_of, read_sentences
from zoo.data.text import split_sentences as split_sentences
from zoo.io.arrays import as_array

# benchmarks/summarization.py --data wikipedia --split validation --grid measures others beside REDUNDANCY, EARLINESS
# and LENGTH.
LIKENESS = 3.0  # weight of a short text's sentences' likeness to drawn summaries
REDUNDANCY = 0.15  # weight of the similarity to a sentence that is chosen already
EARLINESS = 0.1  # what the first sentence of a long text has over those far below; the second has half of it
LENGTH = 0.05  # what a sentence of a long text has over one e times shorter, which says less
CENTRALITY = 2.0  # weight of a long text's sentences' words in common with the others
EARLINESS_OF_SHORT = 0.3  # the same of a text that the model reads at once
CHUNK = 4096  # sentences whose tokens are held at once
KEPT = 1 << 15  # sentences of a long text that are held at least: the nearest to the code of what was read so far
BATCH = 128  # rows that the encoder gets at once


@dataclasses.dataclass(frozen=True)
class Summary:
    """A summary, and where it is from.

    Attributes:
        text: of the summary.
        sentences: of the text that it was made from, in their order, none of them twice: the summary itself, if it is
            neither abstractive nor shortened.
        indices: of these sentences among those of the text.
        scores: what each was chosen by: similarity, and preference of early sentences, less redundancy.
        total: sentences of the text, with repeated ones and those that are no prose.
        language: ISO 639 code of the text's language; None where that is not certain.
    """

    text: str
    sentences: list[str]
    indices: list[int]
    scores: list[float]
    total: int
    language: str | None


def summarize(
    text: str | Iterable[str],
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
    options = {"sentences": sentences, "ratio": ratio, "shorten": shorten, "abstractive": abstractive}
    found = extract(text, model, redundancy=redundancy, advance=advance, **options)
    if warning := warning_of(found.language):
        warnings.warn(warning, stacklevel=2)
    return found.text


def extract(
    text: str | Iterable[str],
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

    Of a text that the model reads at once, these are the sentences most like the summaries that its decoder draws
    (``zoo.data.sentences.likeness``); of a longer one, those whose latent codes are nearest to the text's, the mean of
    its parts' codes. ``redundancy`` times the largest similarity to a chosen sentence is subtracted; early and long
    sentences get a small bonus.

    No sentence is chosen twice, compared without case, spaces and punctuation. Code, tables and headings by # are not
    chosen from, unless there is nothing else.

    Args:
        text: of any length; or its parts one after the other, such as the lines of an open file, of which then only
            the sentences that may be chosen are held.
        model: a summariser: its name, its folder, or the model itself.
        sentences: how many to choose; one, if ``ratio`` is not given either.
        ratio: the share of the text's different sentences to choose, in (0, 1].
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
    start, blocks = _blocks(text)
    language, model = language_of(start), _summarizer(model)
    number = model.document_length if abstractive else sentences or 1  # as many as there may be room for
    count = functools.partial(_count, number, ratio)
    read = _Reader(model, count)
    read.all(read_sentences(blocks, language or "en"), advance)
    relevance, forms = _relevance(model, read, shorten)
    indices, scores = mmr(relevance, read.codes, min(count(read.different), len(read.sentences)), redundancy)
    if abstractive:  # what the model reads at once
        indices = indices[: max(1, int(np.searchsorted(np.cumsum(read.lengths[indices]), model.document_length)))]
    order = np.argsort(indices)
    chosen = [read.sentences[index] for index in indices[order]]
    summary = " ".join(_said(chosen, model, [forms[index] for index in indices[order]] if forms else None, shorten))
    if abstractive:
        (summary,) = model.summarize([summary])
    origins = read.indices[indices[order]].tolist()
    return Summary(summary, chosen, origins, scores[order].tolist(), read.total, language)


def _count(number: int, ratio: float | None, different: int) -> int:
    """How many to choose of so many sentences."""
    return number if ratio is None else max(1, round(ratio * different))


def _said(chosen: list[str], model: "models.Summarizer", forms: list[str] | None, shorten: bool) -> Iterable[str]:
    """The chosen sentences; shortened, in their best forms, none of which is there twice."""
    if not shorten:
        return chosen
    forms = _most_alike(chosen, model.drawn(chosen), True)[0] if forms is None else forms
    return {_key(form): form for form in forms}.values()


def _summarizer(model: "str | os.PathLike | models.Summarizer") -> "models.Summarizer":
    found = registry.loaded(model)
    if not registry.does(found, "summarize", "text"):
        raise ValueError(f"model must be a summariser, such as summarizer: received {found.name!r}.")
    return cast("models.Summarizer", found)


def _relevance(model: "models.Summarizer", read: "_Reader", shorten: bool) -> tuple[np.ndarray, list[str]]:
    """How much each sentence says of the text; and, of a text that is read at once, each in its best form."""
    parts = read.sentences
    if read.different == len(parts) and _fits(read.lengths, model):
        forms, likenesses = _most_alike(parts, model.drawn([" ".join(parts)]) * len(parts), shorten)
        return LIKENESS * likenesses + EARLINESS_OF_SHORT / np.arange(1, len(parts) + 1), forms
    central = read.centralities()
    return relevance_by_code(read.codes, read.document, read.lengths, central, positions=read.positions), []


def _blocks(text: str | Iterable[str]) -> tuple[str, Iterator[str]]:
    """The start of a text, by which its language is told, and all of its parts.

    Raises:
        ValueError: if it is no text.
    """
    whole = isinstance(text, str)
    if not whole and (isinstance(text, (bytes, bytearray, os.PathLike)) or not isinstance(text, Iterable)):
        raise ValueError(f"text must be a string, or its parts one after the other: received {text!r:.60}.")

    def checked():
        for block in [text] if whole else text:
            if not isinstance(block, str):
                raise ValueError(f"text must be a string, or strings one after the other: received {block!r:.60}.")
            yield block

    blocks, start = checked(), []
    while sum(map(len, start)) < SAMPLE and (block := next(blocks, None)) is not None:
        start.append(block)
    return "".join(start)[:SAMPLE], itertools.chain(start, blocks)


def _key(sentence: str) -> str:
    """What two sentences have in common that say the same: no case, spaces or punctuation."""
    return "".join(filter(str.isalnum, sentence.casefold()))


class _Reader:
    """The different sentences of a text, read a chunk at a time, and the text's code.

    Of a very long text only those are kept that are nearest to the code of what was read so far.

    Args:
        model: a ``Summarizer``.
        count: of how many different sentences → how many will be chosen.

    Attributes:
        sentences, codes, lengths, positions, indices: of those that are kept, their codes of unit length, lengths in
            tokens, positions among all different ones, and numbers among all of the text.
        document: code of the text, of unit length.
        different, total: sentences to choose from that were read, and all.
    """

    def __init__(self, model: models.Summarizer, count: Callable[[int], int]):
        self._model, self._count, self._prose, self.total = model, count, False, 0
        self._start()

    def _start(self) -> None:
        self.sentences: list[str] = []
        self.codes = np.empty((0, self._model.latent_dim), np.float32)
        self.lengths, self.positions, self.indices = (np.empty(0, np.int64) for _ in range(3))
        self.different = 0
        self._seen: set[str] = set()
        self._sum = np.zeros(self._model.latent_dim, np.float32)
        self._counts = np.zeros(len(self._model.tokenizer.tokenizer), np.float32)

    @property
    def document(self) -> np.ndarray:
        return _unit(self._sum)

    def centralities(self) -> np.ndarray:
        """The ``centrality`` of each sentence."""
        tokenizer, found = self._model.tokenizer.tokenizer, []
        for start in range(0, len(self.sentences), CHUNK):
            rows = tokenizer.encode(self.sentences[start : start + CHUNK])
            found.append(centrality(rows, self._counts, tokenizer.rarity))
        return np.concatenate(found)

    def all(self, sentences: Iterable[tuple[str, bool]], advance: Callable[[int], None] | None) -> None:
        """Reads sentences, and whether each is prose."""
        sentences = iter(sentences)
        while chunk := list(itertools.islice(sentences, CHUNK)):
            self._read(chunk)
            self._shed()
            if advance is not None:
                advance(sum(len(sentence) for sentence, _ in chunk))
        if not self.sentences:
            raise ValueError("text must hold words: received none.")

    def _read(self, chunk: list[tuple[str, bool]]) -> None:
        if not self._prose and any(prose for _, prose in chunk):  # code was kept for want of it
            self._prose = True
            self._start()
        new: dict[str, tuple[int, str]] = {}
        for index, (sentence, prose) in enumerate(chunk, start=self.total):
            key = _key(sentence)
            if prose == self._prose and key not in self._seen:
                new.setdefault(key, (index, sentence))
        self.total += len(chunk)
        if not new:
            return
        self._seen.update(new)
        indices, sentences = zip(*new.values(), strict=True)
        codes, total, lengths = _codes(list(sentences), self._model)
        for row in self._model.tokenizer.tokenizer.encode(list(sentences)):
            self._counts[np.unique(np.array(row, np.int64))] += 1
        self.sentences += sentences
        self.codes, self._sum = np.concatenate([self.codes, codes]), self._sum + total
        self.lengths = np.concatenate([self.lengths, lengths])
        self.indices = np.concatenate([self.indices, indices])
        self.positions = np.concatenate([self.positions, np.arange(self.different, self.different + len(new)) + 1])
        self.different += len(new)

    def _shed(self) -> None:
        kept = max(KEPT, 2 * self._count(self.different))
        if len(self.sentences) <= 2 * kept:
            return
        relevance = relevance_by_code(self.codes, self.document, self.lengths, positions=self.positions)
        best = np.sort(np.argpartition(-relevance, kept)[:kept])
        self.sentences = [self.sentences[at] for at in best]
        self.codes, self.lengths = self.codes[best], self.lengths[best]
        self.positions, self.indices = self.positions[best], self.indices[best]
        self._seen = set(map(_key, self.sentences))


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
    central: np.ndarray | float = 0.0,
    *,
    positions: np.ndarray | None = None,
    earliness: float = EARLINESS,
    length: float = LENGTH,
) -> np.ndarray:
    """How much the sentences of a long text say of it, float32 ``(n,)``.

    Args:
        codes: of the sentences, ``(n, numbers)`` of unit length.
        document: the text's code, of unit length.
        lengths: of the sentences, in tokens.
        central: their ``centrality``.
        positions: of the sentences among all of the text, from 1; None where these are all.
        earliness: what the first sentence has over those far below; the second has half of it.
        length: what a sentence has over one e times shorter.
    """
    positions = np.arange(1, len(codes) + 1) if positions is None else positions
    return (
        codes @ document + CENTRALITY * central + earliness / positions + length * np.log(np.maximum(lengths, 1))
    ).astype(np.float32)


def centrality(tokens: list[list[int]], counts: np.ndarray, rarity: np.ndarray) -> np.ndarray:
    """Cosines ``(n,)`` of sentences with a text, both as bags of tokens, each token weighted by how much it tells.

    Args:
        tokens: of the sentences.
        counts: ``(vocabulary,)``, in how many of the text's sentences each token is.
        rarity: ``(vocabulary,)``, the weights.

    References:
        Radev et al. 2004, "Centroid-based summarization of multiple documents".
    """
    bags = [np.unique(np.array(row, np.int64)) for row in tokens]
    norm = max(float(np.linalg.norm(counts * rarity)), 1e-12)
    weights = counts * rarity**2 / norm
    return np.array([weights[bag].sum() / max(float(np.linalg.norm(rarity[bag])), 1e-12) for bag in bags], np.float32)


def _fits(lengths: np.ndarray, model: models.Summarizer) -> bool:
    """Whether a model reads sentences of these lengths, in tokens, at once."""
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


def warning_of(language: str | None) -> str | None:
    """What is to be said of a text in this language, if anything."""
    if language in (None, "en"):
        return None
    return f"The text seems to be in the language {language!r}, not in English: the summary may be of little worth."


def _codes(sentences: list[str], model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes ``(n, numbers)`` of sentences, of unit length; the sum ``(numbers,)`` of their parts' codes; lengths."""
    room = model.document_length - 1  # beside the token that ends a text
    tokens = [row[:room] for row in model.tokenizer.tokenizer.encode(sentences)]
    windows = _windows(tokens, room)
    encoded = _encode(model, [*tokens, *windows])
    total = np.array([len(window) for window in windows], np.float32) @ encoded[len(sentences) :]
    return encoded[: len(sentences)], total, np.array([len(row) for row in tokens])


def _windows(tokens: list[list[int]], room: int) -> list[list[int]]:
    """Sentences that follow one another, as many as fit into a window each."""
    windows: list[list[int]] = [[]]
    for row in tokens:
        if windows[-1] and len(windows[-1]) + len(row) > room:
            windows.append([])
        windows[-1].extend(row)
    return windows


def _encode(model, rows: list[list[int]]) -> np.ndarray:
    """Codes of unit length of rows of tokens; rows of like length go together, so that few are padded much."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    codes = np.empty((len(rows), model.latent_dim), np.float32)
    for start in range(0, len(rows), BATCH):
        batch = order[start : start + BATCH]
        padded = model.tokenizer.tokenizer.filled([rows[index] for index in batch])
        codes[batch] = _unit(as_array(model.encode(padded), np.float32))
    return codes


def _unit(codes: np.ndarray) -> np.ndarray:
    return codes / np.maximum(np.linalg.norm(codes, axis=-1, keepdims=True), 1e-12)
