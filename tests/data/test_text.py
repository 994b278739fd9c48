"""Texts: what is read of WordNet, of docstrings and of tensorflow-datasets, and what is left out."""

import re
import sys

import pytest

from zoo.data import text

PROSE = (
    "It goes over the rows one after the other and keeps what it needs. What it does not need is thrown away. "
    "So the memory stays the same however many there are."
)


def test_glosses_are_distinct_and_have_no_examples(tmp_path):
    line = "00001740 03 n 01 entity 0 000 | "
    (tmp_path / "data.noun").write_text(
        "  1 This software and database is being provided to you\n"
        f'{line}a large  cat; "the cat sat"; "a cat"\n{line}a small dog; or a puppy\n{line}A large cat\n'
    )
    for part in ("verb", "adj", "adv"):
        (tmp_path / f"data.{part}").write_text(f"{line}of the {part}\n")
    assert text.load_glosses(tmp_path) == [
        "a large cat",
        "a small dog; or a puppy",
        "of the verb",
        "of the adj",
        "of the adv",
    ]
    (tmp_path / "data.adv").unlink()
    with pytest.raises(ValueError, match="data.adv cannot be read: No such file.*wordnet-base"):
        text.load_glosses(tmp_path)


@pytest.mark.parametrize(
    "section",
    [
        "Parameters\n----------\nx : array",
        "Args:\n  x: an array.",
        ">>> f(1)\n2",
        ".. note:: this",
        ":param x: an array",
        "* one\n* two",
        "- one",
        "```python\nf()\n```",
    ],
)
def test_a_docstring_s_first_paragraph_sums_up_the_prose(section):
    pair = text.pair_of(f"Reads a\n    table of numbers.\n\n    {PROSE}\n\n    " + section.replace("\n", "\n    "), "p")
    assert pair == text.Pair(PROSE, "Reads a table of numbers.", "p")


@pytest.mark.parametrize(
    "docstring",
    [
        "Reads a table of numbers.",
        f"Reads.\n\n{PROSE}",
        "Reads a table of numbers.\n\nToo short. It is.",
        f"Reads a table of numbers.\n\nParameters\n----------\nx : array\n\n{PROSE}",
        f"Parameters\n----------\naxis : the axis of the scale\n\n{PROSE}",
        "Reads a table of numbers.\n\n" + "one sentence without an end " * 10,
    ],
)
def test_docstrings_without_a_summary_or_prose_are_left_out(docstring):
    assert text.pair_of(docstring, "p") is None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes the files of a package that can be found, and would fail if it were run."""
    folder = tmp_path / "a_package_of_prose"
    (folder / "tests").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)

    def write(**files: str):
        for name, content in {"__init__": "", **files}.items():
            (folder / f"{name}.py").write_text(content)
        return folder.name

    yield write
    sys.modules.pop(folder.name, None)


def test_docstrings_of_a_package_without_near_duplicates(package):
    other = PROSE.replace("rows", "columns of a matrix that somebody else has made").replace("memory", "time it takes")
    distinct = " ".join(f"The {n} word is a word of its own number {n} here." for n in range(8))
    name = package(
        module=f'''"""Reads a table of numbers.\n\n{PROSE}"""
raise RuntimeError("this is read, and not run")
class Table:
    """Holds a table of words.

    {distinct}
    """
    def again(self):
        """Reads a table of numbers again.

        {PROSE} Indeed.
        """
''',
        template="this is {{ no }} Python",
        **{"tests/test_it": f'"""Tests a table of numbers.\n\n{other}"""'},
    )
    pairs = text.load_docstrings([name])
    assert [pair.summary for pair in pairs] == ["Reads a table of numbers.", "Holds a table of words."]
    assert pairs[0] == text.Pair(PROSE, "Reads a table of numbers.", name)
    with pytest.raises(ValueError, match="no_such_package_at_all is not an installed package"):
        text.load_docstrings(["no_such_package_at_all"])


def test_shingles_are_runs_of_six_words():
    assert len(text.shingles("one two three four five six seven")) == 2
    assert text.shingles("Zero. One, two three four five six") >= text.shingles("one two three four five six")
    assert len(text.shingles("one two")) == 1


def test_docstrings_and_licences_of_numpy():
    pairs = text.load_docstrings(["numpy"])
    assert len(pairs) > 100 and all(pair.source == "numpy" for pair in pairs)
    assert not any(re.search("Parameters|-----|>>>", pair.document) for pair in pairs)
    assert "BSD" in text.licence_of("numpy") and "BSD" in text.licence_of("scipy")


@pytest.mark.parametrize("name", text.SUMMARIES)
def test_summaries_of_tensorflow_datasets(name, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setattr("zoo.data.sets._check_online", lambda builder: None)
    with tfds.testing.mock_data(num_examples=3):
        for split in ("train", "validation", "test"):
            pairs = text.load_summaries(name, split)
            assert len(pairs) == 3 and {pair.source for pair in pairs} == {name}
            assert all(isinstance(part, str) for pair in pairs for part in (pair.document, pair.summary))
            assert len({pair.document for pair in pairs} | {pair.summary for pair in pairs}) > 3  # not one for both


def test_a_split_or_feature_that_a_set_lacks_is_named(monkeypatch):
    from types import SimpleNamespace

    for features, splits, message in (
        ({"document": 0}, {"train": 0}, "xsum has no summary: it has document"),
        ({"document": 0, "summary": 0}, {"train": 0, "test": 0}, "xsum has no split 'tests': it has train, test"),
    ):
        builder = SimpleNamespace(info=SimpleNamespace(features=features, splits=splits))
        monkeypatch.setattr("zoo.data.sets.prepared", lambda name, builder=builder: builder)
        with pytest.raises(ValueError, match=message):
            text.load_summaries("xsum", "tests")


def test_other_sets_are_refused():
    with pytest.raises(ValueError, match="name must be cnn_dailymail, gigaword, xsum: received 'mnist'"):
        text.load_summaries("mnist")


def test_the_sentence_most_like_the_rest_is_taken_out():
    document = "Cats sleep. Cats and dogs sleep in the house. Dogs guard the house. Birds sing."
    pairs = [text.Pair(document, "Animals.", "p"), text.Pair("One sentence alone.", "One.", "p")]
    # Words shared with the rest: cats, sleep; cats, dogs, sleep, the, house; dogs, the, house; none.
    (gap,) = text.gap_sentences(pairs)
    assert gap == text.Pair("Cats sleep. Dogs guard the house. Birds sing.", "Cats and dogs sleep in the house.", "p")
