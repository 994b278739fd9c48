"""Summaries by the zoo's summarizer beside lead, TextRank and LexRank: by ROUGE-L, with intervals.

    python benchmarks/summarization.py --data docstrings -o docstrings.json
    python benchmarks/summarization.py --data wikipedia -o wikipedia.json
    python benchmarks/summarization.py --data news -o news.json

- ``docstrings``: one sentence, of docstrings of packages that training did not read. The reference is the docstring's
  first paragraph, the document the prose that follows (``zoo.data.load_docstrings``). The packages of the split have to
  be installed: pip install networkx scikit-image statsmodels xarray; for validation bokeh dask nltk.
- ``wikipedia``: three sentences, of the articles in the sample of Wikipedia that gensim brings. The reference is the
  section above the first heading, the document all that follows. An article is of one split or the other by the SHA-256
  digest of its title.
- ``news``: two sentences, of reports of the Australian Broadcasting Corporation in the Lee corpus that gensim brings
  (Lee, Pincombe & Welsh 2005). The reference is a report's first two sentences, which in news say most of it, the
  document what follows. Every second report is of one split or the other.

With ``--split validation`` the same of what choices are made on, and with ``--grid``, of long texts, also our way with
several weights of redundancy, early and long sentences. Beside ours:

- ``lead``: the first sentences;
- ``text_rank``: PageRank of sentences that share words, less for long ones (Mihalcea & Tarau 2004, "TextRank: Bringing
  Order into Texts"); stop words left out, the others stemmed;
- ``lex_rank``: PageRank of sentences whose TF-IDF vectors have a cosine above 0.1 (Erkan & Radev 2004, "LexRank:
  Graph-based Lexical Centrality as Salience in Text Summarization");
- ``shortened``: our sentences, without the brackets and clauses that the summaries drawn by the decoder lack;
- ``oracle``, of one sentence: the one with the highest ROUGE-L, which no choice can beat;
- ``abstractive``, of one sentence: what the model's decoder writes, where it has one.

Figures are means of ROUGE-L F1, stemmed, with 95 % intervals by the bootstrap over documents; ``against`` holds our
difference from each, with its interval and p by the paired bootstrap; ``shortened_against`` and ``abstractive_against``
hold those of our shortened sentences and of what the decoder writes, and ``abstractive_origins`` how many of the latter
are sentences of the document, shortened ones, or drawn.

Needs the extra benchmark: pip install 'autoencoder-zoo[benchmark]'.
"""

import argparse
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

SAMPLE = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
NEWS = "lee_background.cor"
SHORTEST = 10  # sentences of an article
SHORTEST_NEWS = 8  # of a report
REFERENCE = 20  # words of its first section, at least
DAMPING = 0.85
COSINE = 0.1
REDUNDANCIES = (0.0, 0.15, 0.3, 0.5, 0.7)
EARLINESSES = (0.0, 0.03, 0.1, 0.3)
LENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


@functools.cache
def _stem(word: str) -> str:
    return _stemmer().stem(word)


@functools.cache
def _stemmer():
    from nltk.stem.porter import PorterStemmer  # rouge-score needs NLTK too

    return PorterStemmer()


def words_of(sentence: str) -> list[str]:
    """Stems of a sentence's words, without stop words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [_stem(word) for word in re.findall(r"[^\W_]+", sentence.lower()) if word not in ENGLISH_STOP_WORDS]


def lead(sentences: list[str]) -> np.ndarray:
    """Scores ``(n,)`` by which the first sentence is the best."""
    return -np.arange(len(sentences), dtype=float)


def text_rank(sentences: list[str]) -> np.ndarray:
    """Scores ``(n,)`` of PageRank; an edge weighs the words in common over the sum of the logarithms of lengths."""
    words = [words_of(sentence) for sentence in sentences]
    if not any(words):
        return np.ones(len(sentences))
    present = _vectorizer("binary").fit_transform(words)
    common = (present @ present.T).toarray().astype(float)
    logarithms = np.log(np.maximum([len(row) for row in words], 1))
    lengths = np.add.outer(logarithms, logarithms)
    weights = np.divide(common, lengths, out=np.zeros_like(common), where=lengths > 0)
    np.fill_diagonal(weights, 0)
    return page_rank(weights)


def lex_rank(sentences: list[str]) -> np.ndarray:
    """Scores ``(n,)`` of PageRank over sentences that are alike, each like itself too."""
    words = [words_of(sentence) for sentence in sentences]
    if not any(words):
        return np.ones(len(sentences))
    vectors = _vectorizer("tf-idf").fit_transform(words)
    return page_rank(((vectors @ vectors.T).toarray() > COSINE).astype(float))


def page_rank(weights: np.ndarray) -> np.ndarray:
    """Scores ``(n,)`` of the nodes of an undirected graph, from the weights ``(n, n)`` of its edges; 0 is no edge."""
    import networkx

    scores = networkx.pagerank(networkx.from_numpy_array(weights), alpha=DAMPING, tol=1e-8, max_iter=500)
    return np.array([scores[node] for node in range(len(weights))])


def _vectorizer(kind: str):
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    as_they_are = {"analyzer": lambda words: words}
    return CountVectorizer(binary=True, **as_they_are) if kind == "binary" else TfidfVectorizer(**as_they_are)


def best(sentences: list[str], scores: np.ndarray, count: int) -> str:
    """The sentences with the highest scores, in their order; of equals the first."""
    order = np.argsort(-np.round(scores, 9), kind="stable")[:count]
    return " ".join(sentences[index] for index in sorted(order))


def docstrings(split: str) -> tuple[list[str], list[str]]:
    """Documents and references."""
    from zoo.data import text

    pairs = text.load_docstrings(text.PACKAGES[split])
    return [pair.document for pair in pairs], [pair.summary for pair in pairs]


def wikipedia(split: str) -> tuple[list[str], list[str]]:
    """Documents and references."""
    from gensim.scripts.segment_wiki import segment_all_articles
    from gensim.test.utils import datapath

    articles = sorted(_articles(segment_all_articles(datapath(SAMPLE), workers=1)))
    kept = [article[1:] for article in articles if split == _split_of(article[0])]
    return [document for document, _ in kept], [reference for _, reference in kept]


def news(split: str) -> tuple[list[str], list[str]]:
    """Documents and references."""
    from gensim.test.utils import datapath

    from zoo.summarization import split_sentences

    documents, references = [], []
    with open(datapath(NEWS), encoding="utf-8") as file:
        for report in list(file)[("test", "validation").index(split) :: 2]:
            sentences = split_sentences(report)
            if len(sentences) >= SHORTEST_NEWS:
                references.append(" ".join(sentences[:2]))
                documents.append(" ".join(sentences[2:]))
    return documents, references


def _split_of(title: str) -> str:
    return ("test", "validation")[int(hashlib.sha256(title.encode()).hexdigest(), 16) % 2]


def _articles(articles) -> Iterator[tuple[str, str, str]]:
    """Title, document and reference of each article that is long enough."""
    from zoo.summarization import split_sentences

    for title, sections in articles:
        (_, first), *rest = sections
        reference = " ".join(split_sentences(_prose(first)))
        document = "\n\n".join(_prose(content) for _, content in rest)
        if len(reference.split()) >= REFERENCE and len(split_sentences(document)) >= SHORTEST:
            yield title, document, reference


def _prose(markup: str) -> str:
    """The paragraphs of what gensim leaves of a section: no headings, lists, tables or captions."""
    lines = (line.strip().replace("'''", "").replace("''", "") for line in markup.splitlines())
    return "\n\n".join(line for line in lines if re.match(r"[^\W_]|[\"“(]", line) and re.search(r"[.!?][\")]?$", line))


def measure(documents: list[str], references: list[str], model, count: int, redundancy: float, step: Callable) -> dict:
    """ROUGE-L of every way, and ours against each.

    Args:
        documents, references: texts.
        model: a ``Summarizer``.
        count: of sentences.
        redundancy: as of ``zoo.summarize``.
        step: called after each document.
    """
    from zoo import evaluation
    from zoo.summarization import extract, split_sentences

    ways = {"lead": lead, "text_rank": text_rank, "lex_rank": lex_rank}
    summaries: dict[str, list[str]] = {"ours": [], "shortened": [], **{name: [] for name in ways}}
    oracle = []
    for document, reference in zip(documents, references, strict=True):
        sentences = split_sentences(document)
        for name, shorten in (("ours", False), ("shortened", True)):
            found = extract(document, model, sentences=count, redundancy=redundancy, shorten=shorten)
            summaries[name].append(found.text)
        for name, scores in ways.items():
            summaries[name].append(best(sentences, scores(sentences), count))
        if count == 1:
            oracle.append(evaluation.rouge_l([reference] * len(sentences), sentences).max())
        step()
    if count == 1:
        summaries["abstractive"] = model.summarize(documents)
    figures = {name: evaluation.rouge_l(references, texts) for name, texts in summaries.items()}
    if oracle:
        figures["oracle"] = np.array(oracle)

    def against(own):
        others = {name: values for name, values in figures.items() if name != own}
        return {name: evaluation.paired_bootstrap(figures[own], values) for name, values in others.items()}

    result = {
        "documents": len(documents),
        "rouge_l": {name: evaluation.bootstrap(values) for name, values in figures.items()},
        "against": against("ours"),
        "shortened_against": against("shortened"),
    }
    if count == 1:
        result["abstractive_against"] = against("abstractive")
        result["abstractive_origins"] = origins(documents, summaries["abstractive"])
    return result


def origins(documents: list[str], summaries: list[str]) -> dict[str, int]:
    """How many summaries are a sentence of their document, one that was shortened, or neither."""
    from zoo.data.sentences import shortened
    from zoo.summarization import split_sentences

    counts = {"whole": 0, "shortened": 0, "drawn": 0}
    for document, summary in zip(documents, summaries, strict=True):
        sentences = split_sentences(document)
        short = any(summary in shortened(sentence) for sentence in sentences)
        counts["whole" if summary in sentences else "shortened" if short else "drawn"] += 1
    return counts


def grid(documents: list[str], references: list[str], model, count: int) -> list[dict]:
    """Ours with several weights of redundancy, of early and of long sentences, the best first."""
    from zoo import evaluation, summarization
    from zoo.data.sentences import mmr

    encoded = []
    for document in documents:
        sentences = summarization.split_sentences(document)
        read = summarization._Reader(model, lambda different: count)
        read.all(((sentence, True) for sentence in sentences), None)
        encoded.append(read)
    rows = []
    for earliness, length, redundancy in itertools.product(EARLINESSES, LENGTHS, REDUNDANCIES):
        texts = []
        for read in encoded:
            weights = {"earliness": earliness, "length": length}
            relevance = summarization.relevance_by_code(
                read.codes, read.document, read.lengths, read.centralities(), **weights
            )
            chosen, _ = mmr(relevance, read.codes, min(count, len(read.sentences)), redundancy)
            texts.append(" ".join(read.sentences[index] for index in sorted(chosen)))
        value = float(evaluation.rouge_l(references, texts).mean())
        rows.append({"earliness": earliness, "length": length, "redundancy": redundancy, "rouge_l": value})
    return sorted(rows, key=lambda row: -row["rouge_l"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("docstrings", "wikipedia", "news"), default="docstrings")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--model", default="summarizer")
    parser.add_argument("--redundancy", type=float, help="default: that of zoo.summarize")
    parser.add_argument("--grid", action="store_true", help="try several weights; for validation only")
    parser.add_argument("--limit", type=int, help="documents, at most; default: all")
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if options.grid and options.split == "test":
        parser.error("--grid is for choices, and they are made on validation: add --split validation")
    if options.grid and options.data == "docstrings":
        parser.error("--grid is of long texts, whose sentences are chosen by their codes: add --data wikipedia or news")

    from zoo import backend, registry
    from zoo.cli.console import progress
    from zoo.summarization import REDUNDANCY

    backend.start(options.threads)
    model = registry.load(options.model)
    redundancy = REDUNDANCY if options.redundancy is None else options.redundancy
    load, count = {"docstrings": (docstrings, 1), "wikipedia": (wikipedia, 3), "news": (news, 2)}[options.data]
    documents, references = (texts[: options.limit] for texts in load(options.split))
    with progress() as bar:
        task = bar.add_task(options.data, total=len(documents), status="documents")
        result = {
            "data": options.data,
            "split": options.split,
            "sentences": count,
            "redundancy": redundancy,
            **measure(documents, references, model, count, redundancy, lambda: bar.advance(task)),
        }
    if options.grid:
        result["grid"] = grid(documents, references, model, count)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    for name, figures in result["rouge_l"].items():
        line = f"{name:12} {figures['mean']:.4f} [{figures['low']:.4f}, {figures['high']:.4f}]"
        for own, key in (("ours", "against"), ("shortened", "shortened_against")):
            if difference := result[key].get(name):
                line += (
                    f"   {own} {difference['mean']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}]"
                    f" p {difference['p']:.4f}"
                )
        print(line)
    for row in result.get("grid", ()):
        print("  ".join(f"{key} {value:.4f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
