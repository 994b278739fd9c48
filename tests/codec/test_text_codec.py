"""Texts: every byte comes back, from the same integers on every machine."""

import json
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
from codec_fuzz import mutate

from zoo import artifacts
from zoo.codec import Codec, CodecError
from zoo.codec.coders.text_coder import LANES, NOTHING, frequencies
from zoo.codec.contexts import BUCKETS, DISCOUNT, Contexts, bucket
from zoo.codec.format.header import Probe
from zoo.codec.language import BLOCKS, LanguageModel, LanguageTables
from zoo.codec.tokenizer import END, START
from zoo.data.text import Pair
from zoo.exporting import language as exporting
from zoo.models import Summarizer

TILE = 64
SENTENCES = [
    "The encoder turns a picture into a few numbers.",
    "A decoder turns the numbers into a picture again.",
    "What the model has learned is kept in its weights.",
    "Of all the words, the next one is foretold by those before it.",
    "Returns the distribution of every symbol, and raises an error if there is none.",
]
PROSE = " ".join(np.random.default_rng(0).choice(SENTENCES, 300)) + "\n"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = Summarizer(
        example_shape=(48,), summary_length=8, vocabulary_size=320, embedding_dim=12, latent_dim=8, units=16, heads=2
    )
    model.build()
    model.tokenizer.adapt(SENTENCES * 20)
    rng = np.random.default_rng(1)
    for weight in (*model.embedding.weights, *model.recurrent.weights, *model.features.weights):
        weight.assign(rng.normal(0, 0.4, weight.shape) * rng.uniform(0.3, 1, weight.shape[-1:]))
    model.embedding.embeddings.assign(rng.normal(0, 0.3, (320, 12)) * rng.uniform(0.1, 3, (320, 1)))
    return model


@pytest.fixture(scope="module")
def rows(model):
    return model.tokens([Pair(PROSE[at : at + 400], SENTENCES[0], "test") for at in range(0, 8000, 400)])


@pytest.fixture(scope="module")
def folder(model, rows, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "prose"
    folder.mkdir()
    exporting.write_text(model, rows, rows[::2], folder, tile=TILE, levels=127)
    artifacts.write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def tables(folder):
    return LanguageTables.read(folder / "text.npz")


@pytest.fixture(scope="module")
def codec(folder):
    return Codec(folder)


RANDOM = np.random.default_rng(2).bytes(500)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", " ", "  a  ", "\n\n", "\0", PROSE[:2000], "Ænd ▁ ▁▁x▁", "naïve façade, 漢字かな交じり文。" * 20,
        "<0x41><s></s>", RANDOM, b"\xff", b"\xe6\xbc", b"\xbc\xa2 The encoder \xff\xfe turns",
        b"\r\n\t\x00" * 70, bytes(range(256)),
        "x" * TILE, "x" * (TILE - 1), "x" * (TILE + 1), "漢" * (TILE // 3), " " * 200,
    ],
)  # fmt: skip
def test_every_byte_comes_back(codec, text):
    content = text.encode() if isinstance(text, str) else text
    data = codec.compress(text)
    assert data[8] == 2  # a container that a reader of version 1 refuses
    assert codec.decompress(data) == content
    assert codec.compress(np.frombuffer(content, np.uint8)) == data


def test_many_chunks(codec, folder):
    text = (PROSE * 3)[: TILE * LANES * 2 + 17]
    data = codec.compress(text)
    assert codec.decompress(data) == text.encode()
    assert Codec(folder, num_threads=2).compress(text) == data
    assert len(data) < len(text) / 8  # what repeats costs little, though the network's weights are random


def test_pieces_give_back_what_they_are_of(codec):
    coder = codec.coder
    for content in (
        b"The encoder",
        b" The",
        b"\xff The encoder",
        b"\xffThe encoder",
        b"T\xffh \xfee",
        b"\xe2\x96\x81 a",
        b"\xff ",
    ):
        pieces = coder.pieces(content)
        assert pieces[-1] == END and coder.content(pieces[:-1]) == content
    # Prose between bytes that are no text is still pieces of words.
    prose = b"The encoder turns a picture into"
    assert len(coder.pieces(b"\xff " + prose + b"\xff")) <= len(coder.pieces(prose)) + 3 < len(prose)
    with pytest.raises(CodecError, match="do not begin with a space"):
        coder.content(coder.pieces(b"The encoder")[1:])


def test_the_integers_are_the_network(model, tables):
    """The probabilities beside those of Keras' own layers, in floats."""
    pieces = np.array(model.tokenizer.tokenizer.encode(PROSE[:3000]), np.int32)[:200].reshape(4, 50)
    before = np.concatenate([np.full((4, 1), START), pieces[:, :-1]], axis=1)
    states, _ = model.recurrent(8.0 * model.embedding(before))
    found = model.features(keras.ops.concatenate([states, keras.ops.zeros((4, 50, 12))], axis=-1))
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model.logits(found)))
    ours, state = LanguageModel(tables), np.zeros((4, 16))
    bits, differences = {"network": 0.0, "integers": 0.0}, []
    for step in range(50):
        weights, state = ours.step(before[:, step], state)
        assert weights.dtype == np.int32 and weights.shape == (4, 3, BLOCKS)
        weights = weights.reshape(4, -1).astype(float)
        assert not weights[:, 320:].any()
        weights = weights[:, :320] / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(state / 2**15, states[:, step], atol=0.15)  # weights of 8 bits
        lanes = np.arange(4)
        bits["network"] -= np.log2(expected[lanes, step, pieces[:, step]]).sum()
        bits["integers"] -= np.log2(weights[lanes, pieces[:, step]]).sum()
        differences.append(np.abs(weights - expected[:, step]).sum(axis=1))
    assert np.mean(differences) < 0.05 and np.max(differences) < 0.3
    assert bits["integers"] == pytest.approx(bits["network"], rel=0.01)


def test_sums_are_exact_in_any_order(tables):
    """Matrices in floats beside int64, and beside themselves with their rows and columns in another order."""
    ours, rng = LanguageModel(tables), np.random.default_rng(3)
    state = rng.integers(-(1 << 10), (1 << 10) + 1, (5, 16)).astype(np.float64)
    for name in ("recurrent", "features"):
        scale, bias = (getattr(tables, f"{name}_{what}").astype(np.int64) for what in ("scale", "bias"))
        shift = int(tables.shifts[("kernel", "recurrent", "features").index(name)])
        sums = state.astype(np.int64) @ getattr(tables, name).astype(np.int64)
        expected = (sums * scale + (1 << shift - 1) >> shift) + bias
        np.testing.assert_array_equal(ours._gates(name, state), expected)
    limit = int(tables.features_limit)
    features = rng.integers(-limit, limit + 1, (5, 12))
    embedding = tables.embedding.astype(np.int64)
    features[0] = limit * np.sign(embedding[np.abs(embedding).sum(axis=1).argmax()])
    outputs = ours._outputs
    exact = features @ (embedding << tables.embedding_shift[:, None]).T
    for order in (np.arange(12), rng.permutation(12)):
        floats = features[:, order].astype(np.float32) @ outputs[order]
        np.testing.assert_array_equal(floats.astype(np.int64), exact)


def test_a_step_is_the_same_in_any_company(tables):
    ours, rng = LanguageModel(tables), np.random.default_rng(4)
    pieces, state = rng.integers(0, 320, 7), rng.integers(-30000, 30000, (7, 16)).astype(np.float64)
    weights, after = ours.step(pieces, state)
    for lane in range(7):
        alone = ours.step(pieces[lane : lane + 1], state[lane : lane + 1])
        np.testing.assert_array_equal(alone[0][0], weights[lane])
        np.testing.assert_array_equal(alone[1][0], after[lane])


def test_contexts_by_hand():
    confidence = np.zeros((2, BUCKETS, BUCKETS), np.int64)
    confidence[:] = 1 << 15
    contexts = Contexts(confidence, 320)
    for history, piece in (([1, 7], 8), ([2, 7], 8), ([2, 7], 9), ([1, 7], 8)):
        contexts.add([history], [piece])
    # After 7: 8 from [1, 7], 8 again from [2, 7], which had not seen it, and 9; the last 8 stays in [1, 7].
    total = np.array([1 << 20, 1 << 20, 1 << 20], np.int64)
    lanes, pieces, masses = contexts.masses([[1, 7], [3, 7], [5]], total)
    d = DISCOUNT / 16
    share = {(0, 8, 1 << 19): 1, (0, 8, 1 << 18): (2 - d) / (3 - 2 * d), (0, 9, 1 << 18): (1 - d) / (3 - 2 * d)}
    share |= {(1, 8, 1 << 19): (2 - d) / (3 - 2 * d), (1, 9, 1 << 19): (1 - d) / (3 - 2 * d)}
    expected = sorted((lane, piece, int(part * of)) for (lane, piece, of), part in share.items())
    assert sorted(zip(lanes.tolist(), pieces.tolist(), masses.tolist(), strict=True)) == expected
    left = [(1 << 20) - masses[lanes == lane].sum() for lane in range(3)]
    assert total.tolist() == left and left[2] == 1 << 20
    assert bucket(np.array([1, 2, 3, 4, 127, 128, 5000])).tolist() == [0, 1, 1, 2, 6, 7, 7]


def test_frequencies_are_positive_and_sum_up():
    rng = np.random.default_rng(5)
    masses = (rng.random((50, BLOCKS)) ** 30 * (1 << 37)).astype(np.int64)
    masses[0] = 0
    counts = frequencies(masses)
    assert counts.min() >= 1 and (counts.sum(axis=1) == 1 << 24).all()
    share = masses[1:] / masses[1:].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(counts[1:] / (1 << 24), share, atol=BLOCKS / (1 << 24))


def test_another_decoder_reads_the_words(codec):
    """A range decoder of Python's integers, which is fed the coder's distributions, as ``FORMAT.md`` has them."""
    coder, text = codec.coder, PROSE[: 5 * TILE].encode()
    tiles = np.frombuffer(text, np.uint8).astype(np.int16).reshape(5, TILE)
    words = coder.pack(tiles)
    state = {"low": 0, "range": 2**64 - 1, "at": 2, "point": int(words[0]) << 32 | int(words[1])}

    def symbol(counts):
        scale = state["range"] >> 24
        place = (state["point"] - state["low"]) % 2**64 // scale
        bounds = np.concatenate([[0], np.cumsum(counts)])
        found = int(np.searchsorted(bounds, place, "right")) - 1
        state["low"] = (state["low"] + scale * int(bounds[found])) % 2**64
        state["range"] = scale * int(counts[found])
        if state["range"] < 2**32:
            state["low"], state["range"] = state["low"] * 2**32 % 2**64, state["range"] * 2**32
            word = int(words[state["at"]]) if state["at"] < len(words) else 0
            state["at"], state["point"] = state["at"] + 1, state["point"] * 2**32 % 2**64 + word
        return found

    def take(distribution, lanes, step):
        blocks = np.array([symbol(counts) for counts in distribution.blocks()])
        return [symbol(counts) * BLOCKS + int(b) for counts, b in zip(distribution.places(blocks), blocks, strict=True)]

    lanes = coder._run(np.full(5, TILE), take, None)
    assert b"".join(map(coder.content, lanes)) == text


def test_damaged_words(codec):
    coder = codec.coder
    tiles = np.full((3, TILE), NOTHING, np.int16)
    for row, content in zip(tiles, (PROSE[:TILE], PROSE[100:120], ""), strict=True):
        row[: len(content)] = np.frombuffer(content.encode(), np.uint8)
    words, sizes = coder.pack(tiles), np.array([TILE, 20, 0])
    np.testing.assert_array_equal(coder.unpack(words, 3, sizes), tiles)
    rng = np.random.default_rng(6)
    for _ in range(40):
        damaged = words.copy()
        damaged[rng.integers(len(words))] ^= np.uint32(1 << int(rng.integers(32)))
        try:
            other = coder.unpack(damaged, 3, sizes)
        except CodecError:
            continue
        np.testing.assert_array_equal(coder.pack(other), damaged)  # the words of another text
    for wrong in (words[:-1], np.append(words, np.uint32(5)), np.zeros(0, np.uint32), np.full(9, 2**32 - 1, np.uint32)):
        with pytest.raises(CodecError):
            coder.unpack(wrong, 3, sizes)
    with pytest.raises(CodecError):
        coder.unpack(words, 4, np.append(sizes, 1))
    with pytest.raises(CodecError, match=f"{LANES} are the most"):
        coder.unpack(words, LANES + 1, np.full(LANES + 1, 5))


def test_damaged_containers(codec):
    rng, texts = np.random.default_rng(7), [PROSE[:700], PROSE[900:1300]]
    files = [codec.compress(text) for text in texts]
    wrong = 0
    for at in range(300):
        data = mutate(files[at % 2], rng, files[1 - at % 2])
        try:
            assert codec.decompress(data, max_bytes=1 << 20) in [text.encode() for text in texts]
        except CodecError as error:
            assert len(str(error).splitlines()) == 1
            wrong += 1
    assert wrong > 280


def test_another_machine_is_refused(codec, folder):
    other = Codec(folder)
    data = codec.compress("The encoder")
    probe = codec.coder.probe
    assert probe.digest == other.coder.probe.digest
    other.coder.probe = Probe("NumPy 0 on abacus", b"12345678")
    with pytest.raises(CodecError, match="whose networks give other numbers than NumPy 0 on abacus here"):
        other.decompress(data)


def test_fitted_shares_take_fewer_bits(codec, folder, tables, tmp_path):
    """The exporter's shares beside contexts that are always, or never, believed by half."""
    text = np.frombuffer(PROSE.encode(), np.uint8).astype(np.int16)
    rows = np.pad(text, (0, -len(text) % TILE), constant_values=NOTHING).reshape(-1, TILE)[:LANES]
    size = {"fitted": len(codec.coder.pack(rows))}
    for share in (0, 1 << 15):
        with np.load(folder / "text.npz") as file:
            arrays = {**file, "confidence": np.full_like(file["confidence"], share)}
        other = tmp_path / f"share{share}"
        other.mkdir()
        np.savez(other / "text.npz", **arrays)
        (other / "tokenizer.model").write_bytes((folder / "tokenizer.model").read_bytes())
        artifacts.write_manifest(other)
        size[share] = len(Codec(other).coder.pack(rows))
    assert size["fitted"] < size[1 << 15] < size[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding": np.zeros((320, 12), np.int16)}, "embedding must be int8"),
        ({"shifts": np.zeros(3, np.int32)}, "shifts must be int32"),
        ({"tile": np.int32(5000)}, "tile must be from 1 to 4096"),
        ({"features_limit": np.int32(1 << 15)}, "exceed what float32 holds exactly"),
        ({"exponential": np.full(9, 5, np.int32)}, "exponential must fall"),
    ],
)
def test_tables_that_contradict_themselves(folder, tmp_path, change, message):
    with np.load(folder / "text.npz") as file:
        np.savez(tmp_path / "text.npz", **{**file, **change})
    with pytest.raises(ValueError, match=message):
        LanguageTables.read(tmp_path / "text.npz")
    (tmp_path / "text.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="text.npz holds no tables of a language model"):
        LanguageTables.read(tmp_path / "text.npz")


def test_what_is_no_text(codec):
    for value in (np.zeros((2, 2), np.uint8), 5, np.zeros(3)):
        with pytest.raises(ValueError, match="text must be a string, bytes, or uint8"):
            codec.compress(value)
    with pytest.raises(ValueError, match="cannot be written in UTF-8"):
        codec.compress("\ud800")
    with pytest.raises(ValueError, match="compact is of a model with a quantised code"):
        codec.compress("a", compact=True)


def test_export_needs_running_text(model, rows, tmp_path):
    paired = rows[rows[:, model.document_length] != 0]
    with pytest.raises(ValueError, match="must include running text"):
        exporting.write_text(model, paired, rows, tmp_path)


# Files and commands


@pytest.fixture
def zoo(command_line, folder):
    """Runs a command line beside ``model``; returns its exit status and what it printed."""
    return command_line(folder)


def test_one_file_and_back(zoo, tmp_path):
    (tmp_path / "notes.txt").write_bytes(PROSE[:3000].encode() + RANDOM)
    _, out, _ = zoo("compress notes.txt -o notes.zoo --model model --lossless --verify --json")
    result = json.loads(out)
    size = (tmp_path / "notes.zoo").stat().st_size
    assert result == {
        "output": "notes.zoo", "model": "prose", "texts": 1, "text_bytes": 3500, "bytes": size,
        "bits_per_byte": 8 * size / 3500, "ratio": 3500 / size, "exact": True,
    }  # fmt: skip
    zoo("decompress notes.zoo -o back.txt --model model")
    zoo("decompress notes.zoo -o out --model model")
    zoo("decompress notes.zoo -o one.md --picture 0 --model model")
    for name in ("back.txt", "out/notes.txt", "one.md"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "notes.txt").read_bytes()


def test_folders_and_what_cannot_be_opened(zoo, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    contents = {"in/a.txt": PROSE[:500], "in/a.md": "# A\n", "in/sub/empty.py": "", "in/sub/ü.json": '{"ü": 1}'}
    for name, text in contents.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "in" / "picture.png").write_bytes(RANDOM)  # no text by its name
    (tmp_path / "a.txt").write_text(PROSE[500:900])
    status, out, err = zoo("compress in a.txt none.txt -o x.zoo --model model --json")
    result = json.loads(out)
    assert (
        status == 1
        and result["texts"] == 5
        and err.splitlines()
        == [
            "Failed: in/picture.png is left out: it is none of the texts (.txt, .md, .rst, …).",
            "Failed: none.txt cannot be read: No such file or directory.",
        ]
    )
    zoo("compress a.txt -o x.zoo --append --model model")
    zoo("decompress x.zoo -o out --model model")
    restored = {p.relative_to(tmp_path / "out").as_posix(): p.read_text() for p in (tmp_path / "out").rglob("*.*")}
    expected = {name.removeprefix("in/"): text for name, text in contents.items()}
    assert restored == expected | {"a_2.txt": PROSE[500:900], "a_3.txt": PROSE[500:900]}
    zoo("compress a.txt -o nameless.zoo --no-names --model model")
    zoo("decompress nameless.zoo -o nameless --model model")
    assert [p.name for p in (tmp_path / "nameless").iterdir()] == ["picture.txt"]
    with pytest.raises(ValueError, match="x.zoo holds 6 texts: restore them into a folder"):
        zoo("decompress x.zoo -o y.txt --model model")
    for line, message in (
        ("decompress x.zoo -o y.png --model model", "x.zoo holds texts: give a name such as notes.txt"),
        ("compress a.txt -o y.zoo --model model --fit crop", "fit and denoise are of pictures"),
        ("compress a.txt -o y.zoo --model model --compact", "compact is of a model with a quantised code"),
        ("compress none.txt -o y.zoo --model model", "none.txt cannot be read"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo(line)
        assert not list(tmp_path.glob("y.*"))


def test_a_file_that_grows_is_noticed(codec, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text(PROSE[:300])
    (source,) = codec._medium.open([path])
    path.write_text(PROSE[:400])
    with pytest.raises(ValueError, match="changed while it was read: it had 300 bytes, then 400"):
        list(source.read())


def test_the_default_model_is_that_of_texts(tmp_path):
    from zoo.cli.compress import _default_model

    (tmp_path / "a.md").touch()
    (tmp_path / "b.png").touch()
    assert _default_model([tmp_path / "a.md"], False) == _default_model([tmp_path / "a.md"], True) == "summarizer"
    assert _default_model([tmp_path / "b.png"], False) == "photo_compressor"
    assert _default_model([tmp_path], False) == "photo_compressor"
    assert _default_model([tmp_path], False, compact=True) == "compressor"


def test_long_files_are_read_in_little_memory(codec, tmp_path):
    (tmp_path / "long.txt").write_bytes(b"0123456789abcdef" * (1 << 19))
    (source,) = codec._medium.open([tmp_path / "long.txt"])
    tracemalloc.start()
    tiles = sum(len(rows) for rows in codec._medium.rows(source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tiles == (1 << 23) // TILE + 1 and peak < 1 << 20
