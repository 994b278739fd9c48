"""Texts: glosses of WordNet, docstrings of installed packages, and articles with their summaries."""

import ast
import collections
import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.data.sets import load_rows

# tensorflow-datasets' sets of summaries: name → the features that hold document and summary.
SUMMARIES = {
    "cnn_dailymail": ("article", "highlights"),
    "gigaword": ("document", "summary"),
    "xsum": ("document", "summary"),
}
# Whose docstrings the data set ``docstrings`` is made of, split by package; all under permissive licences.
PACKAGES = {
    "test": ("networkx", "skimage", "statsmodels", "xarray"),
    "validation": ("bokeh", "dask", "nltk"),
    "train": (
        *("numpy", "scipy", "sklearn", "pandas", "matplotlib", "keras", "tensorflow", "IPython", "Bio", "PIL"),
        *("accelerate", "aiohttp", "altair", "arviz", "astropy", "celery", "click", "cvxpy", "datasets", "diffusers"),
        *("distributed", "django", "fastapi", "flax", "geopandas", "gymnasium", "haiku", "holoviews", "imageio", "jax"),
        *("jupyter_client", "keras_hub", "librosa", "lightning_fabric", "lxml", "mypy", "mypyc", "numba", "optax"),
        *("ortools", "panel", "peft", "plotly", "poetry", "polars", "pydantic", "pymc", "pyomo", "pyramid"),
        *("pytorch_lightning", "rdkit", "seaborn", "setuptools", "shapely", "spacy", "sqlalchemy", "sympy", "tables"),
        *("tensorflow_probability", "tf_keras", "timm", "tornado", "torchvision", "traitlets", "transformers", "zarr"),
    ),
}
WORDNET = "/usr/share/wordnet"  # of Debian's package wordnet-base
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
SHINGLE = 6  # words in a row, by which near duplicates are found
# Where prose ends and a reference begins: a section's heading, a directive, an example, a list of parameters.
_SECTION = re.compile(
    r"^[ \t]*(\w[\w /]*:?\s*\n\s*[-=~]{3,}|[A-Z]\w*( \w+)?:\s*$|>>> |\.\. |:\w+[^:]*:|```|\* |- |\d+\. |\|)", re.M
)
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
SAMPLE = 20_000  # characters by which the language is told
CERTAIN = 0.9  # probability below which nothing is said of the language
LONGEST = 1 << 16  # characters of a paragraph that are held at once
FENCED = 400  # lines that a block of code has at most: then its end was forgotten
_FENCE = re.compile(r"\s*(```|~~~)")
_PLAIN = re.compile(r"([^\W\d_]{2,}[,;]?\s+){3}[^\W\d_]{2}")  # four words in a row, as in prose
_SYMBOLS = re.compile(r"[{}()\[\]<>=;|\\/_$#@&*+~^`]")
# A row of a table, of values with commas, or a line of a program or of its data, by its form.
_ROW = re.compile(r"\s*\|.*\|\s*$|(\s*[^,\s][^,]*(,(?! )[^,]*){3,}$)")
_STATEMENT = re.compile(
    r"\s*(\$ |>>> |#!|#include\b|#{1,6} |[\w.\[\]]+\s*([-+*/:|&]?=|->)\s*\S|[\w.]+\(.*\)[;,:]?$|\"[^\"]*\"\s*:"
    r"|(import [\w.]+( as \w+)?|from [\w.]+ import .*);?$|(def|class|function) \w+.*[:{]$)"
)
_SENTENCE = re.compile(r"[.!?](\s|$)")


@dataclasses.dataclass(frozen=True)
class Pair:
    """A document and its summary.

    Attributes:
        document: prose.
        summary: one sentence or a few.
        source: the package, or the data set, that it is of.
    """

    document: str
    summary: str
    source: str


def load_texts(name_or_file: str) -> dict[str, list]:
    """Sentences of a name or file, split, or pairs of ``docstrings``, which are split by package (``PACKAGES``).

    Of sentences, a twentieth each, by their SHA-256 digests, are the test's and the validation's, whatever else there
    is.

    Args:
        name_or_file: ``glosses``, ``docstrings``, or a text file with a sentence a line.

    Returns:
        ``train``, ``validation`` and ``test``.

    Raises:
        ValueError: if it cannot be had, or is too little for three splits.
    """
    if name_or_file == "docstrings":
        # The training split comes last: what is like another split's is a near duplicate, and dropped.
        pairs = load_docstrings([name for names in PACKAGES.values() for name in names])
        return {split: [pair for pair in pairs if pair.source in names] for split, names in PACKAGES.items()}
    if name_or_file == "glosses":
        texts = load_glosses()
    elif Path(name_or_file).is_file():
        try:
            lines = Path(name_or_file).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{name_or_file} is no text in UTF-8: give a text file with a sentence a line.") from None
        texts = [*dict.fromkeys(line.strip() for line in lines if line.strip())]
    else:
        raise ValueError(
            f"Unknown data {name_or_file!r}: expected a text file with a sentence a line, glosses or docstrings."
        )
    splits: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for sentence in texts:
        at = int(hashlib.sha256(sentence.encode()).hexdigest(), 16) % 20
        splits[("test", "validation")[at] if at < 2 else "train"].append(sentence)
    if not all(splits.values()):
        raise ValueError(
            f"{name_or_file} holds {len(texts)} sentences: too few for three splits; give a hundred or more."
        )
    return splits


def load_summaries(name: str, split: str = "test") -> list[Pair]:
    """Articles and their summaries of a tensorflow-datasets set.

    Args:
        name: ``cnn_dailymail``, ``gigaword`` or ``xsum``.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        ValueError: for another set, a split that it lacks, or data that cannot be had.

    References:
        See et al. 2017, "Get To The Point"; Rush, Chopra & Weston 2015, "A Neural Attention Model for Abstractive
        Sentence Summarization"; Narayan, Cohen & Lapata 2018, "Don't Give Me the Details, Just the Summary!".
    """
    if name not in SUMMARIES:
        raise ValueError(f"name must be {', '.join(SUMMARIES)}: received {name!r}.")
    document, summary = SUMMARIES[name]
    rows = load_rows(name, split, (document, summary))
    return [Pair(row[document].decode(), row[summary].decode(), name) for row in rows]


def load_glosses(folder: str | os.PathLike = WORDNET) -> list[str]:
    """The distinct definitions of WordNet, without their examples, in the order of its files.

    Args:
        folder: that holds ``data.noun`` and its kin, such as Debian's ``wordnet-base`` installs.

    Raises:
        ValueError: if it does not.

    References:
        Miller 1995, "WordNet: A Lexical Database for English".
    """
    glosses: dict[str, str] = {}
    for part in PARTS_OF_SPEECH:
        path = Path(folder) / f"data.{part}"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ValueError(
                f"{path} cannot be read: {error.strerror}. Install WordNet (Debian: apt-get install wordnet-base), or "
                "give the folder that holds it."
            ) from None
        for line in lines:
            if line.startswith("  "):  # the licence
                continue
            gloss = re.split(r';\s*(?=")', line.partition("| ")[2])[0]
            gloss = " ".join(gloss.split()).rstrip("; ")
            if gloss:
                glosses.setdefault(" ".join(_words(gloss)), gloss)
    return list(glosses.values())


def load_docstrings(packages: Iterable[str]) -> list[Pair]:
    """Docstrings of installed packages: the first paragraph sums up the prose that follows it.

    What follows the prose (sections of parameters, examples, lists) is left out, and so are tests, docstrings without
    prose, and near duplicates: those half of whose runs of six words stood in an earlier one.

    Args:
        packages: names to import, such as ``numpy``; their files are read, and not run.

    Raises:
        ValueError: if a package is not installed.
    """
    pairs, seen = [], set()
    for package in packages:
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise ValueError(f"{package} is not an installed package: pip install it, or leave it out.")
        for docstring in _docstrings(Path(found.submodule_search_locations[0])):
            pair = pair_of(docstring, package)
            if pair is None:
                continue
            runs = shingles(f"{pair.summary} {pair.document}")
            if 2 * len(runs & seen) < len(runs):
                pairs.append(pair)
            seen |= runs
    return pairs


def licence_of(package: str) -> str:
    """What an installed package says its licence is, in one line; empty if it says nothing."""
    distribution = importlib.metadata.packages_distributions().get(package, [package])[0]
    metadata = importlib.metadata.metadata(distribution)
    classified = [c.rpartition(":: ")[2] for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    # The older field may hold the whole text of a licence.
    named = metadata.get("License-Expression") or ", ".join(classified) or metadata.get("License") or ""
    return named.strip().partition("\n")[0]


def pair_of(docstring: str, source: str) -> Pair | None:
    """The pair that a docstring holds; None where the summary or the prose is missing, or no text."""
    first, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    section = _SECTION.search(rest)
    document = " ".join((rest[: section.start()] if section else rest).split())
    summary = " ".join(first.split())
    if not 3 <= len(_words(summary)) <= 40 or not 20 <= len(_words(document)) <= 600:
        return None
    if _SECTION.search(first) or len(_SENTENCE.findall(document)) < 2:
        return None
    return Pair(document, summary, source)


def split_sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a text, by sentencex; white space within each becomes one space.

    An empty line ends a sentence too. What holds neither letter nor digit, such as a ruled line, is left out.

    Args:
        text: of any length.
        language: ISO 639 code.

    Examples:
        >>> from zoo.data import text
        >>> text.split_sentences("Dr. Smith sat down. It was 5.30 p.m. already.")
        ['Dr. Smith sat down.', 'It was 5.30 p.m. already.']
    """
    import sentencex

    sentences, start = [], 0
    for end, following in [*((gap.start(), gap.end()) for gap in _PARAGRAPH.finditer(text)), (len(text), 0)]:
        for sentence in sentencex.segment(language, text[start:end]):
            if re.search(r"[^\W_]", sentence):
                sentences.append(" ".join(sentence.split()))
        start = following
    return sentences


def read_sentences(blocks: Iterable[str], language: str = "en") -> Iterator[tuple[str, bool]]:
    """The sentences of a text that comes in pieces, as ``split_sentences``, and whether each is prose.

    Blocks of code between fences, lines of a program, rows of a table and headings by # are none; they end a sentence.
    Of a paragraph of any length ``LONGEST`` characters are held.

    Args:
        blocks: the text, cut anywhere.
        language: ISO 639 code.

    Examples:
        >>> from zoo.data import text
        >>> list(text.read_sentences(["Run it", ":\\n$ zoo list\\nIt lists them."]))
        [('Run it:', True), ('$ zoo list', False), ('It lists them.', True)]
    """
    import sentencex

    rest = ""
    for paragraph, prose, ended in _paragraphs(blocks):
        *whole, last = [*sentencex.segment(language, rest + paragraph)] or [""]
        # What is cut off goes on, unless it is all one sentence.
        rest = last if not ended and whole else ""
        for sentence in whole if rest else [*whole, last]:
            if re.search(r"[^\W_]", sentence):
                yield " ".join(sentence.split()), prose


def is_prose(line: str) -> bool:
    """Whether a line looks like one of prose, and not like one of a program or of a table."""
    if _ROW.match(line) or _STATEMENT.match(line):
        return False
    share = len(_SYMBOLS.findall(line)) / max(1, len(line) - line.count(" "))
    cells = re.split(r"\t+| {2,}", line.strip())
    columns = len(cells) > 2 and len(line) < 20 * len(cells)
    plain = _PLAIN.search(line) is not None
    if line.startswith(("    ", "\t")):
        return not columns and (
            (plain and share < 0.25) or (share < 0.04 and line.rstrip().endswith((".", "!", "?", ",", ";", ":")))
        )
    return not columns and (share < 0.1 or (share < 0.25 and plain))


def _paragraphs(blocks: Iterable[str]) -> Iterator[tuple[str, bool, bool]]:
    """Paragraphs, whether each is prose, and whether it ends there or goes on in the next one."""
    lines: list[str] = []
    size, prose, fenced = 0, True, 0
    for line in _lines(blocks):
        fence = _FENCE.match(line) is not None
        kind = not fence and not fenced and is_prose(line)
        if fence:
            fenced = 0 if fenced else FENCED
        else:
            fenced = max(0, fenced - 1)
        if lines and (kind != prose or not line.strip()):
            yield "".join(lines), prose, True
            lines, size = [], 0
        prose = kind
        if line.strip() and not fence:
            lines.append(line)
            size += len(line)
        if size >= LONGEST:
            yield "".join(lines), prose, False
            lines, size = [], 0
    yield "".join(lines), prose, True


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text with their ends; what is longer than ``LONGEST`` comes in pieces, cut at a space."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from (f"{line}\n" for line in lines)
        while len(rest) >= LONGEST:
            cut = rest.rfind(" ", 0, LONGEST) + 1 or LONGEST
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def language_of(text: str) -> str | None:
    """ISO 639 code of the language that a text begins in, by py3langid; None where that is not certain."""
    language, probability = _identifier().classify(text[:SAMPLE])
    return language if probability >= CERTAIN and language not in ("und", "zxx") else None  # zxx: no language at all


def gap_sentences(pairs: Iterable[Pair]) -> list[Pair]:
    """Documents without the sentence that is most like all others, which takes the place of the summary.

    A model that learns to write it learns to read documents, and to copy, without anybody's summaries. Likeness is
    ROUGE-1 (F1) of a sentence with the rest of its document; documents of one sentence are left out.

    Args:
        pairs: whose documents are taken.

    References:
        Zhang et al. 2020, "PEGASUS: Pre-training with Extracted Gap-sentences for Abstractive Summarization".
    """
    result = []
    for pair in pairs:
        sentences = split_sentences(pair.document)
        if len(sentences) < 2:
            continue
        words = [collections.Counter(_words(sentence)) for sentence in sentences]
        whole = sum(words, collections.Counter())
        likeness = [2 * (own & (whole - own)).total() / max(1, whole.total()) for own in words]
        at = likeness.index(max(likeness))
        result.append(Pair(" ".join(sentences[:at] + sentences[at + 1 :]), sentences[at], pair.source))
    return result


def shingles(text: str) -> set[bytes]:
    """Digests of all runs of ``SHINGLE`` words of a text, or of all of a shorter one."""
    words = _words(text)
    runs = (words[at : at + SHINGLE] for at in range(max(1, len(words) - SHINGLE + 1)))
    return {hashlib.blake2b(" ".join(run).encode(), digest_size=8).digest() for run in runs}


def _docstrings(folder: Path) -> Iterator[str]:
    """The docstrings of all modules, classes and functions in a folder, in the order of their files."""
    for path in sorted(folder.rglob("*.py")):
        if {"tests", "testing", "test"} & {part.lower() for part in path.relative_to(folder).parts}:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):  # templates, and files of other versions of Python
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                if docstring := ast.get_docstring(node, clean=False):
                    yield docstring


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@functools.cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
