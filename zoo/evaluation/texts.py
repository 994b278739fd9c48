"""What models of texts are measured by."""

import importlib.util
import math
from collections.abc import Sequence

import keras
import numpy as np

from zoo.codec import Codec
from zoo.data.text import Pair
from zoo.evaluation.summaries import rouge_l
from zoo.models import Summarizer, TextAE

SHORT = 15  # words, up to which a sentence is short
EXAMPLES = 20  # of what a model writes, for its card
BATCH = 64


def recovered_words(originals: Sequence[str], restored: Sequence[str]) -> float:
    """Share of the originals' words that stand in the restored sentence in the same position, exactly.

    Args:
        originals, restored: as many sentences; words are what white space parts.

    Raises:
        ValueError: if they are not as many, or there are no words.

    Examples:
        >>> from zoo import evaluation
        >>> round(evaluation.recovered_words(["a small bird"], ["a large bird"]), 3)
        0.667
    """
    if len(originals) != len(restored):
        raise ValueError(f"restored must be as many as originals, {len(originals)}: received {len(restored)}.")
    words = [(a.split(), b.split()) for a, b in zip(originals, restored, strict=True)]
    number = sum(len(a) for a, _ in words)
    if not number:
        raise ValueError("originals must hold at least one word.")
    return sum(x == y for a, b in words for x, y in zip(a, b, strict=False)) / number


def measure_sentences(model: TextAE, sentences: Sequence[str]) -> dict[str, float]:
    """What comes back of sentences that go through the code.

    Returns:
        ``words_recovered`` of sentences of at most 15 words, ``sentences_recovered``, those of them that are whole, and
        ``words_recovered_of_all``, longer sentences included, which the model cuts. Without any sentence of at most 15
        words, the last alone.
    """
    restored = [r for start in range(0, len(sentences), BATCH) for r in model.reconstruct(sentences[start:][:BATCH])]
    short = [(a, b) for a, b in zip(sentences, restored, strict=True) if len(a.split()) <= SHORT]
    of_all = {"words_recovered_of_all": recovered_words(sentences, restored), "short_sentences": len(short)}
    if not short:
        return of_all
    return {
        "words_recovered": recovered_words(*zip(*short, strict=True)),
        "sentences_recovered": float(np.mean([a.split() == b.split() for a, b in short])),
        **of_all,
    }


def measure_prose(codec: Codec, pairs: Sequence[Pair]) -> dict[str, float]:
    """What a codec makes of all documents and their summaries as one text.

    Returns:
        ``codec_bits_per_character`` and ``codec_bytes``, of which the model's own are no part.

    Raises:
        ValueError: if anything was lost.
    """
    text = "\n\n".join(f"{pair.summary}\n\n{pair.document}" for pair in pairs) + "\n"
    file = codec.compress(text)
    if codec.decompress(file) != text.encode():
        raise ValueError(f"{codec.name} must restore every byte: other text came back.")
    return {"codec_bits_per_character": 8.0 * len(file) / len(text), "codec_bytes": len(file)}


def measure_summarizer(model: Summarizer, pairs: Sequence[Pair]) -> dict[str, float]:
    """How well a model knows prose, and what it writes of documents.

    Args:
        model: with its tokenizer.
        pairs: of documents and their summaries.

    Returns:
        ``bits_per_character`` that the language model alone takes for documents and summaries, as they follow each
        other; ``summary_perplexity`` of a token of a summary, given its document; ``rouge_l`` of what ``summarize``
        writes (F1, stemmed), where the package rouge-score is installed.
    """
    rows = model.tokens(pairs)
    paired = rows[:, model.document_length] != 0
    model.evaluate(rows[~paired], batch_size=BATCH, verbose=0)
    nats = float(model.trackers["language_loss"].result())
    model.evaluate(rows[paired], batch_size=BATCH, verbose=0)
    perplexity = math.exp(float(model.trackers["summary_loss"].result()))
    characters = sum(len(pair.document) + len(pair.summary) + 4 for pair in pairs)
    figures = {
        "bits_per_character": nats * rows[~paired].size / math.log(2) / characters,
        "summary_perplexity": perplexity,
    }
    if importlib.util.find_spec("rouge_score"):
        written = model.summarize([pair.document for pair in pairs])
        figures["rouge_l"] = float(np.mean(rouge_l([pair.summary for pair in pairs], written)))
    return figures


def examples_of(model: keras.Model, texts: Sequence[str] | Sequence[Pair], seed: int = 0) -> list[dict[str, str]]:
    """What a model makes of texts that are drawn at random: for its card, unselected.

    Args:
        model: a ``TextAE`` or ``Summarizer``.
        texts: sentences, or pairs.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    chosen = [texts[at] for at in rng.choice(len(texts), min(EXAMPLES, len(texts)), replace=False)]
    if not model.of_pairs:
        return [{"sentence": a, "restored": b} for a, b in zip(chosen, model.reconstruct(chosen), strict=True)]
    written = model.summarize([pair.document for pair in chosen])
    return [
        {"document": pair.document, "summary": pair.summary, "written": text, "source": pair.source}
        for pair, text in zip(chosen, written, strict=True)
    ]
