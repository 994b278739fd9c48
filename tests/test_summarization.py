"""Summaries: sentences, what is chosen of them and how that is measured, against hand-worked values; the command."""

import io
import json

import numpy as np
import pytest
import summarization as benchmark

import zoo
from zoo import evaluation, models
from zoo.cli import main
from zoo.codec.tokenizer import END, PAD
from zoo.summarization import check_arguments, extract, language_of, mmr, split_sentences, warning_of

CATS = "Cats sleep most of the day."
DOGS = "Dogs guard the house at night."
BOTH = "Cats and dogs live with people in many houses."
BIRDS = "Birds sing early in the morning."
ANIMALS = f"{CATS} {DOGS} {BOTH}\n\n{BIRDS}"
GERMAN = "Der Hund bewacht nachts das Haus, während die Katze den größten Teil des Tages auf dem Sofa verschläft."
FRENCH = "Le chien garde la maison pendant la nuit, tandis que le chat dort la plus grande partie de la journée."
CHINESE = "狗在夜里看守房子，而猫一天中的大部分时间都在沙发上睡觉。鸟儿在清晨歌唱，人们听到了它们的声音。"


class Known(models.Summarizer):
    """A summariser whose codes are known: those of ``known`` by text, and of any other text the sum of all of them."""

    known: dict = {}

    def encode(self, x):
        assert x.shape[1] <= self.document_length
        texts = [self.tokenizer.tokenizer.decode(row) for row in x]
        everything = np.sum(list(self.known.values()), axis=0)
        return np.array([self.known.get(text, everything) for text in texts])

    def summarize(self, documents):
        return [f"Of: {document}" for document in documents]


def make(kind=models.Summarizer, **changes):
    model = kind(
        **{
            "example_shape": (40,),
            "summary_length": 8,
            "vocabulary_size": 300,
            "embedding_dim": 8,
            "latent_dim": 4,
            "units": 8,
            "heads": 2,
            **changes,
        }
    )
    model.build()
    model.tokenizer.adapt(
        [ANIMALS, "Birds, cats and dogs are animals that live near people; people keep most of them."]
    )
    return model


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture
def known(monkeypatch):
    """Of texts that count as long, whose codes are known, and chosen by these alone."""
    monkeypatch.setattr("zoo.summarization.CENTRALITY", 0.0)
    monkeypatch.setattr("zoo.summarization._fits", lambda lengths, model: False)
    model = make(Known, example_shape=(100,))
    # Cats and both point the same way, dogs another one, birds least.
    codes = {CATS: [8, 2, 0, 0], DOGS: [0, 5, 0, 0], BOTH: [8, 2.2, 0, 0], BIRDS: [0, 0, 2, 0]}
    model.known = {text: np.array(code, float) for text, code in codes.items()}
    return model


# Sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith went to sea, e.g. to fish. He came back.",
            ["Dr. Smith went to sea, e.g. to fish.", "He came back."],
        ),
        (
            "A heading\n\nA sentence that\nhas two lines. Another.",
            ["A heading", "A sentence that has two lines.", "Another."],
        ),
        ("One.\n \t\n\n---\n\nTwo?", ["One.", "Two?"]),
        ("One.\r\n\r\nTwo.", ["One.", "Two."]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


def test_sentences_of_another_script():
    assert split_sentences(CHINESE, "zh") == [f"{part}。" for part in CHINESE.split("。")[:-1]]


@pytest.mark.parametrize(("text", "language"), [(ANIMALS, "en"), (GERMAN, "de"), (FRENCH, "fr"), (CHINESE, "zh")])
def test_the_language_is_told(text, language):
    assert language_of(text) == language
    warning = warning_of(language)
    assert (warning is None) == (language == "en")
    assert warning is None or repr(language) in warning


def test_nothing_is_said_of_a_language_that_is_not_certain():
    assert language_of("12 34 -> 0x5f") is None and warning_of(None) is None


# The choice


def test_mmr_by_hand():
    codes = np.array([[1, 0], [0.96, 0.28], [0, 1], [-1, 0]], np.float32)
    relevance = np.array([0.9, 0.8, 0.5, 0.1], np.float32)
    # After 0: 0.8 - 0.5 * 0.96 = 0.32, 0.5 - 0 = 0.5, 0.1 + 0.5 = 0.6. After 3: 0.32, 0.5. After 2: the same 0.32.
    indices, scores = mmr(relevance, codes, 4, 0.5)
    assert indices.tolist() == [0, 3, 2, 1]
    np.testing.assert_allclose(scores, [0.9, 0.6, 0.5, 0.32], atol=1e-6)
    indices, scores = mmr(relevance, codes, 3, 0.0)
    assert indices.tolist() == [0, 1, 2] and scores.tolist() == pytest.approx([0.9, 0.8, 0.5])
    assert mmr(np.ones(3, np.float32), codes[:3], 1, 0.5)[0].tolist() == [0]  # of equals the first


@pytest.mark.slow
def test_mmr_in_parts_is_mmr(monkeypatch):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, 6)).astype(np.float32)
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    relevance = rng.random(300).astype(np.float32)
    expected, left = [int(relevance.argmax())], set(range(300)) - {int(relevance.argmax())}
    while len(expected) < 150:
        best = max(left, key=lambda i: relevance[i] - 0.7 * max(codes[i] @ codes[j] for j in expected))
        expected.append(best)
        left.remove(best)
    for front in (3, 20, 4096):
        monkeypatch.setattr("zoo.data.sentences.FRONT", front)
        assert mmr(relevance, codes, 150, 0.7)[0].tolist() == expected


def test_nearest_sentences_in_their_order_and_not_the_same_twice(known):
    one = extract(ANIMALS, known)
    assert one.text == BOTH or one.text == CATS
    near = extract(ANIMALS, known, sentences=2, redundancy=0.0)
    assert near.sentences == [CATS, BOTH] and near.indices == [0, 2] and near.total == 4 and near.language == "en"
    other = extract(ANIMALS, known, sentences=2, redundancy=0.9)
    assert DOGS in other.sentences and other.indices == sorted(other.indices)
    assert other.text == " ".join(other.sentences) and len(other.scores) == 2
    assert extract(ANIMALS, known, ratio=0.5, redundancy=0.0) == near
    assert extract(ANIMALS, known, ratio=0.01).sentences == one.sentences
    assert extract(ANIMALS, known, sentences=99).sentences == [CATS, DOGS, BOTH, BIRDS]
    assert zoo.summarize(ANIMALS, known, sentences=2, redundancy=0.0) == near.text


def test_the_scores_are_similarities_with_a_preference_of_early_and_long_ones(known):
    from zoo.summarization import EARLINESS, LENGTH, _codes

    found = extract(ANIMALS, known, sentences=4, redundancy=0.0)
    document = np.sum(list(known.known.values()), axis=0)
    cosines = [c @ document / np.linalg.norm(c) / np.linalg.norm(document) for c in known.known.values()]
    lengths = _codes(found.sentences, known)[2]  # in pieces
    preferred = [EARLINESS / (1 + place) + LENGTH * np.log(length) for place, length in enumerate(lengths)]
    np.testing.assert_allclose(found.scores, np.add(cosines, preferred), rtol=1e-5)


def test_of_a_short_text_the_sentence_most_like_what_the_decoder_draws(monkeypatch):
    from zoo.summarization import EARLINESS_OF_SHORT, LIKENESS

    model = make(example_shape=(100,))
    drawn = ["Dogs guard the house.", "Birds sing.", "A dog guards the house at night."]
    asked = []
    monkeypatch.setattr(model, "drawn", lambda documents, **options: asked.append((documents, options)) or [drawn])
    found = extract(ANIMALS, model, sentences=4, redundancy=0.0)
    assert extract(ANIMALS, model).text == DOGS
    assert asked[0] == ([" ".join(found.sentences)], {})
    # ROUGE-L with each: dogs 8/10, 0, 8/13; birds 2/10 ("the"), 4/8, 2/13.
    assert found.scores[1] == pytest.approx(LIKENESS * (8 / 10 + 0 + 8 / 13) / 3 + EARLINESS_OF_SHORT / 2)
    assert found.scores[3] == pytest.approx(LIKENESS * (2 / 10 + 4 / 8 + 2 / 13) / 3 + EARLINESS_OF_SHORT / 4)


def test_chosen_sentences_are_shortened(monkeypatch):
    cats = "Cats sleep most of the day, which few dogs do (or birds)."
    model = make(example_shape=(100,))
    monkeypatch.setattr(model, "drawn", lambda documents: [["Cats sleep most of the day."]] * len(documents))
    found = extract(f"{DOGS} {cats} {BIRDS}", model, shorten=True)
    assert found.text == "Cats sleep most of the day." and found.sentences == [cats] and found.indices == [1]
    # Of a long text each sentence by what is drawn from it alone, in the order of the text.
    monkeypatch.setattr("zoo.summarization._fits", lambda lengths, model: False)
    asked = []
    monkeypatch.setattr(model, "drawn", lambda documents: asked.append(documents) or [["Cats sleep."], ["Birds sing"]])
    found = extract(f"{cats} {BIRDS}", model, sentences=2, shorten=True)
    assert asked == [[cats, BIRDS]] and found.sentences == [cats, BIRDS]
    assert found.text == f"Cats sleep most of the day. {BIRDS}"


def test_a_long_text_is_the_mean_of_its_parts(model):
    """The code of a long text against the codes that the model gives to its parts by itself."""
    from zoo import summarization

    sentences = [CATS, DOGS, BOTH, BIRDS] * 3
    codes, document, lengths = summarization._codes(sentences, model)
    document = document / np.linalg.norm(document)
    pieces = model.tokenizer.tokenizer
    assert lengths.tolist() == [len(row) for row in pieces.encode(sentences)]
    own = np.asarray(model.encode(sentences))  # padded to the full length: padding changes nothing
    np.testing.assert_allclose(codes, own / np.linalg.norm(own, axis=1, keepdims=True), atol=1e-4)
    room, parts = model.document_length - 1, [[]]
    for sentence in sentences:
        if sum(len(row) for row in pieces.encode([*parts[-1], sentence])) > room and parts[-1]:
            parts.append([])
        parts[-1].append(sentence)
    assert len(parts) > 3
    texts = [" ".join(part) for part in parts]
    of_parts = np.array(model.encode(texts))
    of_parts /= np.linalg.norm(of_parts, axis=1, keepdims=True)
    mean = np.array([len(row) for row in pieces.encode(texts)]) @ of_parts
    np.testing.assert_allclose(document, mean / np.linalg.norm(mean), atol=1e-4)


def test_chunks_change_nothing_and_progress_counts_characters(model, monkeypatch):
    text = "\n\n".join(ANIMALS.replace("and", f"and {number}") for number in range(5))
    text = text.replace("day", "day 1", 1).replace("night", "night 2", 1)
    whole = extract(text, model, sentences=7)
    done = []
    monkeypatch.setattr("zoo.summarization.CHUNK", 4)
    monkeypatch.setattr("zoo.summarization.BATCH", 3)
    parts = extract(text, model, sentences=7, advance=done.append)
    assert len(done) == 5 and 0.9 * len(text) < sum(done) <= len(text)
    assert parts.total == whole.total == 20
    np.testing.assert_allclose(sorted(parts.scores), sorted(whole.scores), atol=0.05)  # windows end where chunks do


def test_a_sentence_longer_than_the_model_reads_is_cut(model):
    found = extract("cats and dogs " * 200 + ". " + BIRDS, model, sentences=2)
    assert found.total == 2 and all(np.isfinite(found.scores))


def test_abstractive_reads_what_fits(known, model):
    found = extract(ANIMALS, known, abstractive=True)
    assert found.text == f"Of: {' '.join(found.sentences)}"
    long = extract(" ".join(f"{number} {CATS}" for number in range(90)), known, abstractive=True)
    pieces = known.tokenizer.tokenizer
    assert 1 <= len(long.sentences) < long.total
    assert sum(map(len, pieces.encode(long.sentences))) < known.document_length


def test_padding_only_as_far_as_needed(model):
    pieces = model.tokenizer.tokenizer
    assert pieces.filled([[9, 8], [7]]).tolist() == [[9, 8, END], [7, END, PAD]]
    assert pieces.filled([[9]], 4).tolist() == [[9, END, PAD, PAD]]
    assert pieces.filled([]).shape == (0, 1)


def test_another_language_is_warned_of(known):
    with pytest.warns(UserWarning, match="in the language 'de', not in English"):
        zoo.summarize(GERMAN, known)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sentences": 0}, "sentences must be an integer of at least 1: received 0"),
        ({"sentences": 1.5}, "sentences must be an integer of at least 1: received 1.5"),
        ({"ratio": 0.0}, "ratio must be above 0, and 1 at most: received 0.0"),
        ({"ratio": 1.1}, "ratio must be above 0, and 1 at most: received 1.1"),
        ({"ratio": float("nan")}, "ratio must be above 0"),
        ({"sentences": 2, "ratio": 0.5}, "Give sentences or ratio: received both, 2 and 0.5"),
        ({"sentences": 2, "abstractive": True}, "leave out sentences, ratio and shorten"),
        ({"ratio": 0.5, "abstractive": True}, "leave out sentences, ratio and shorten"),
        ({"shorten": True, "abstractive": True}, "leave out sentences, ratio and shorten"),
        ({"redundancy": -0.1}, r"redundancy must be in \[0, 1\]: received -0.1"),
    ],
)
def test_bad_arguments(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        extract(ANIMALS, model, **arguments)
    with pytest.raises(ValueError, match=message):
        defaults = {"sentences": None, "ratio": None, "shorten": False, "abstractive": False, "redundancy": 0.5}
        check_arguments(**{**defaults, **arguments})


@pytest.mark.parametrize("text", ["", " \n\t\n ", "---\n\n***"])
def test_a_text_without_words(model, text):
    with pytest.raises(ValueError, match="text must hold words"):
        extract(text, model)


def test_a_model_that_is_no_summariser_is_refused():
    with pytest.raises(ValueError, match="model must be a summariser, such as summarizer"):
        zoo.summarize(ANIMALS, "dense_ae")


NOTICE = "We use cookies, and so do our partners."


@pytest.mark.parametrize("options", [{}, {"redundancy": 0.0}, {"redundancy": 0.9}])
def test_no_sentence_twice(known, options):
    sentences = [CATS, DOGS, BOTH, BIRDS]
    noticed = " ".join(f"{NOTICE} {sentence}" for sentence in sentences)
    pasted = f"{ANIMALS}\n\n{ANIMALS}"
    varied = f"{ANIMALS} {CATS.upper()} {DOGS.replace(' ', '   ')} {BOTH.rstrip('.')}!"
    assert extract(noticed, known, sentences=99, **options).sentences == [NOTICE, *sentences]
    for text in (pasted, varied):
        found = extract(text, known, sentences=99, **options)
        assert found.sentences == sentences and found.indices == [0, 1, 2, 3] and found.total > 4
    assert extract(pasted, known, ratio=0.5, redundancy=0.0).sentences == extract(ANIMALS, known, ratio=0.5).sentences


def test_no_shortened_sentence_twice(monkeypatch):
    cats = ["Cats sleep most of the day, which few dogs do.", "Cats sleep most of the day (or more)."]
    model = make(example_shape=(100,))
    monkeypatch.setattr(model, "drawn", lambda documents: [["Cats sleep most of the day."]] * len(documents))
    for fits in (True, False):
        monkeypatch.setattr("zoo.summarization._fits", lambda lengths, model, fits=fits: fits)
        assert extract(" ".join(cats), model, sentences=2, shorten=True).text == "Cats sleep most of the day."


README = f"""# Animals

[![CI](https://example.com/ci.svg)](https://example.com/ci)

{CATS}

```bash
pip install animals  # Cats and dogs live with people in many houses in the morning.
```

    animals list --all

| animal | sleeps |
|--------|--------|
| cat    | a day  |

{BIRDS}
"""


def test_code_and_tables_are_not_chosen_from(known):
    found = extract(README, known, sentences=99)
    assert found.sentences == [CATS, BIRDS] and found.total > 4
    assert [README.index(sentence) for sentence in found.sentences] == sorted(map(README.index, found.sentences))
    only = extract("$ zoo list\n\n$ zoo info vae", known, sentences=2)
    assert only.sentences == ["$ zoo list", "$ zoo info vae"]


@pytest.mark.parametrize(
    "line",
    [
        "She said (and he agreed) that it was late; they left.",
        '"Yes," he said.',
        "in 1999 [12], and/or later, see the report:",
        "  indented prose goes on here",
        "Dr. Smith sat down.  It was late.  He slept, as he had always done before.",
        "狗在夜里看守房子，而猫一天中的大部分时间都在沙发上睡觉。",
    ],
)
def test_prose_is_told_from_code(line):
    from zoo.data.text import is_prose

    assert is_prose(line)


@pytest.mark.parametrize(
    "line",
    [
        "x = np.zeros(3)",
        "    return {key: value}",
        "$ zoo list",
        ">>> 1 + 1",
        "from zoo import models",
        "| a | b |",
        "Rome  3  1.5",
        "bob,3,rome,1.5",
        '  "name": "zoo",',
        "</div>",
        "def add(a, b):",
        "## A heading",
    ],
)
def test_code_is_told_from_prose(line):
    from zoo.data.text import is_prose

    assert not is_prose(line)


def test_a_text_in_pieces_is_that_text(known, monkeypatch):
    text = f"{README}\n\n{ANIMALS}"
    whole = extract(text, known, sentences=3)
    for size in (1, 7, 64):
        assert extract((text[at : at + size] for at in range(0, len(text), size)), known, sentences=3) == whole


def test_a_paragraph_without_end_is_read_in_parts(monkeypatch):
    from zoo.data import text

    monkeypatch.setattr(text, "LONGEST", 200)
    sentences = [f"Sentence {number} is not very long." for number in range(100)]
    assert list(text.read_sentences([" ".join(sentences)])) == [(sentence, True) for sentence in sentences]
    pieces = [piece for piece, _ in text.read_sentences(["x" * 1000])]
    assert "".join(pieces) == "x" * 1000


def test_of_a_very_long_text_only_the_nearest_sentences_are_held(model, monkeypatch):
    from zoo.summarization import _Reader

    monkeypatch.setattr("zoo.summarization.CHUNK", 10)
    monkeypatch.setattr("zoo.summarization.KEPT", 20)
    held = []
    shed = _Reader._shed
    monkeypatch.setattr(_Reader, "_shed", lambda self: shed(self) or held.append(len(self.sentences)))
    sentences = [f"The cat number {number} sleeps most of the day." for number in range(150)]
    found = extract((f"{sentence} " for sentence in sentences), model, sentences=3)
    assert max(held) <= 40 and len(held) == 15
    assert found.total == 150 and [sentences[index] for index in found.indices] == found.sentences
    assert len(extract(" ".join(sentences), model, ratio=0.8).sentences) == 120


@pytest.mark.parametrize("text", [None, 3, b"Cats sleep.", ["Cats sleep.", None]])
def test_what_no_text_is(model, text):
    with pytest.raises(ValueError, match="text must be a string, or .* received ") as failed:
        zoo.summarize(text, model)
    assert "\n" not in str(failed.value)


def test_centrality_by_hand():
    from zoo.summarization import centrality

    # The text's bag is (2, 1, 1), weighted (2, 2, 0); those of the sentences are (1, 2, 0), (1, 0, 0) and nothing.
    found = centrality([[0, 1, 0], [0], [2]], np.array([2, 1, 1]), np.array([1.0, 2.0, 0.0]))
    np.testing.assert_allclose(found, [(2 + 4) / np.sqrt(8 * 5), 2 / np.sqrt(8), 0], rtol=1e-6)


# The command


@pytest.fixture
def run(monkeypatch, known):
    """Runs the command in this process with the known model; returns the exit status."""
    monkeypatch.setattr("zoo.load", lambda name: known, raising=False)

    def run(*arguments, stdin=b"") -> int:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setattr("sys.argv", ["zoo", "summarize", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0

    return run


def test_command_reads_standard_input(run, capsys):
    assert run("-", "--sentences", 2, "--redundancy", 0, stdin=ANIMALS.encode()) == 0
    assert capsys.readouterr() == (f"{CATS} {BOTH}\n", "")


def test_command_reads_a_file_and_prints_json(run, tmp_path, capsys):
    file = tmp_path / "animals.txt"
    file.write_text(ANIMALS, encoding="utf-8-sig")
    assert run(file, "-n", 2, "--redundancy", 0, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["name"] == str(file) and row["summary"] == f"{CATS} {BOTH}"
    assert row["sentences"] == [CATS, BOTH] and row["indices"] == [0, 2] and row["total"] == 4
    assert len(row["scores"]) == 2 and row["language"] == "en"


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("command", ["summarize", "sentences"])
def test_closed_standard_input_is_one_line(monkeypatch, capsys, closed, command):
    stdin = io.TextIOWrapper(io.BytesIO(b""))
    stdin.close()
    monkeypatch.setattr("sys.stdin", stdin if closed else None)
    monkeypatch.setattr("sys.argv", ["zoo", command, "-"])
    with pytest.raises(SystemExit) as stop:
        main()
    output = capsys.readouterr()
    # A command gives a closed stream an end at once: there is nothing to read.
    said = {"summarize": "Standard input holds no words", "sentences": "must hold at least one word"}[command]
    assert stop.value.code == 2 and (said in output.err or "Standard input is closed" in output.err)
    assert output.err.count("\n") == 1


def test_help_says_what_abstractive_learned_from(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["zoo", "summarize", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "docstrings of Python packages" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_bytes_are_counted_over_blocks(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("zoo.cli.summarize.BLOCK", 3)
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "na\u00efve caf\u00e9s".encode() + b" \xe9 au lait")
    assert run(tmp_path / "a.txt") == 2
    assert "byte 17 cannot be read" in capsys.readouterr().err
    (tmp_path / "b.txt").write_text(ANIMALS, encoding="utf-8-sig")
    assert run(tmp_path / "b.txt", "-n", 2, "--redundancy", 0) == 0
    assert capsys.readouterr().out == f"{CATS} {BOTH}\n"


def test_command_writes_a_new_sentence(run, capsys):
    assert run("-", "--abstractive", stdin=ANIMALS.encode()) == 0
    assert capsys.readouterr().out.startswith("Of: ")


def test_a_batch_goes_on(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(ANIMALS)
    (tmp_path / "german.txt").write_text(GERMAN, encoding="utf-8")
    (tmp_path / "empty.txt").write_text(" \n")
    assert run("a.txt", "missing.txt", "german.txt", "empty.txt", "--json") == 1
    output = capsys.readouterr()
    assert [row["name"] for row in json.loads(output.out)["rows"]] == ["a.txt", "german.txt"]
    lines = output.err.splitlines()
    assert lines[0].startswith("german.txt: The text seems to be in the language 'de'")
    assert lines[1] == "Failed: missing.txt cannot be read: No such file or directory."
    assert lines[2] == "Failed: empty.txt holds no words: there is nothing to sum up." and len(lines) == 3
    (tmp_path / "markup.txt").write_text("Reads the table [/b] as :smile: says.")
    assert run("a.txt", "markup.txt", "-n", 2, "--redundancy", 0) == 0
    assert capsys.readouterr().out == (f"a.txt:\n{CATS} {BOTH}\n\nmarkup.txt:\nReads the table [/b] as :smile: says.\n")


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, [], "text.txt cannot be read: No such file or directory"),
        (None, ["other.txt"], "None of the texts can be summed up: text.txt cannot be read"),
        (b"caf\xe9 au lait", [], "text.txt is no text in UTF-8: byte 3 cannot be read"),
        (b"PK\0\0", [], "text.txt is no text: it holds bytes that are 0"),
        (b"\n \n", [], "text.txt holds no words"),
        (ANIMALS.encode(), ["--sentences", "0"], "sentences must be an integer of at least 1"),
        (ANIMALS.encode(), ["--ratio", "2"], "ratio must be above 0"),
        (ANIMALS.encode(), ["--ratio", "0.5", "-n", "2"], "Give sentences or ratio: received both"),
    ],
)
def test_command_refuses_in_one_line(run, tmp_path, capsys, monkeypatch, content, arguments, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    assert run("text.txt", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1 and not output.out


# What measures it


def test_rouge_by_hand():
    # Stems in common, in order: read, the, table: 3 of 4 and of 5 words, so 2 · 3 / 9; then none; then all.
    values = evaluation.rouge_l(
        ["Reads the small table.", "one two", "Same."], ["Reading of the whole tables", "three", "same"]
    )
    np.testing.assert_allclose(values, [2 * 3 / 9, 0, 1])
    with pytest.raises(ValueError, match="summaries must be as many as references, 2: received 1"):
        evaluation.rouge_l(["a", "b"], ["a"])


def test_bootstrap_beside_the_normal_interval():
    values = np.random.default_rng(0).normal(0.3, 0.1, 400)
    found = evaluation.bootstrap(values)
    half = 1.96 * values.std(ddof=1) / 20
    assert found["mean"] == pytest.approx(values.mean())
    assert found["low"] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found["high"] == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found == evaluation.bootstrap(values)
    with pytest.raises(ValueError, match=r"values must be \(n,\), n ≥ 2"):
        evaluation.bootstrap([1.0])


def test_pairs_tell_a_difference_that_the_means_hide():
    from scipy import stats

    rng = np.random.default_rng(0)
    theirs = rng.normal(0.3, 0.2, 200)
    ours = theirs + rng.normal(0.006, 0.04, 200)
    found = evaluation.paired_bootstrap(ours, theirs)
    expected = stats.ttest_rel(ours, theirs)
    assert found["mean"] == pytest.approx((ours - theirs).mean())
    assert found["p"] == pytest.approx(expected.pvalue, abs=0.015)
    interval = expected.confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high), abs=0.0006)
    assert evaluation.paired_bootstrap(theirs, theirs)["p"] == 1
    assert evaluation.paired_bootstrap(theirs + 1 + ours, theirs)["p"] == pytest.approx(2 / 10_000)
    with pytest.raises(ValueError, match="theirs must have as many values as ours, 200: received 3"):
        evaluation.paired_bootstrap(theirs, [1, 2, 3])


def test_page_rank_of_a_star():
    """A node in the middle of three: x = 0.15 / 4 + 0.85 · 3 y and y = 0.15 / 4 + 0.85 x / 3."""
    weights = np.zeros((4, 4))
    weights[0, 1:] = weights[1:, 0] = 2.0
    middle = (0.0375 + 0.85 * 3 * 0.0375) / (1 - 0.85**2)
    expected = [middle, *[0.0375 + 0.85 * middle / 3] * 3]
    np.testing.assert_allclose(benchmark.page_rank(weights), expected, atol=1e-6)


def test_text_rank_and_lex_rank_choose_the_sentence_in_the_middle(monkeypatch):
    sentences = ["Cats purr.", "Dogs, cats and birds eat seeds.", "Dogs bark.", "Birds sing."]
    seen = []
    monkeypatch.setattr(benchmark, "page_rank", lambda weights: seen.append(weights) or weights.sum(axis=0))
    for way in (benchmark.text_rank, benchmark.lex_rank):
        assert benchmark.best(sentences, way(sentences), 1) == sentences[1]
    # One word in common, of 2 and 5: 1 / (ln 2 + ln 5).
    expected = np.zeros((4, 4))
    expected[1, [0, 2, 3]] = expected[[0, 2, 3], 1] = 1 / np.log(10)
    np.testing.assert_allclose(seen[0], expected)
    np.testing.assert_array_equal(seen[1], (expected > 0) + np.eye(4))


def test_sentences_that_share_nothing_or_have_no_words_are_equals():
    for way in (benchmark.text_rank, benchmark.lex_rank):
        for sentences in (["It is.", "He was."], ["Cats purr.", "Dogs bark."]):
            assert benchmark.best(sentences, way(sentences), 1) == sentences[0]
    assert benchmark.best(["a", "b", "c"], benchmark.lead(["a", "b", "c"]), 2) == "a b"


def test_prose_of_an_article():
    markup = "\n'''Cats''' are animals.\n* a list.\nthumb|a caption\n{| table\n\n\"They sleep.\"\n=== Heading ===\n"
    assert benchmark._prose(markup) == 'Cats are animals.\n\n"They sleep."'


def test_measured_on_documents(known):
    figures = benchmark.measure([ANIMALS, ANIMALS], [BOTH, CATS], known, 1, 0.0, lambda: None)
    assert figures["documents"] == 2 and figures["rouge_l"]["oracle"]["mean"] == 1
    assert set(figures["rouge_l"]) == {"ours", "shortened", "lead", "text_rank", "lex_rank", "abstractive", "oracle"}
    assert figures["against"]["oracle"]["mean"] < 0 and "ours" not in figures["against"]
    rows = benchmark.grid([ANIMALS], [f"{CATS} {BOTH}"], known, 2)
    assert rows[0]["rouge_l"] == 1 and rows[0]["rouge_l"] >= rows[-1]["rouge_l"]
    assert len(rows) == len(benchmark.REDUNDANCIES) * len(benchmark.EARLINESSES) * len(benchmark.LENGTHS)
