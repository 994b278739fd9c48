"""Chunks that the model does not suit, and chunks that announce more than their bytes can hold."""

import dataclasses
import functools
import io
import tracemalloc

import codec_fuzz
import numpy as np
import pytest

from zoo.codec import Codec, CodecError, tiles
from zoo.codec.format import stored
from zoo.codec.format.container import MODEL, RAW, WEBP, XZ, Chunk, Reader, Writer
from zoo.codec.format.header import Header, Section
from zoo.codec.language import LanguageModel
from zoo.codec.litert import Network
from zoo.codec.media import Pictures, Texts
from zoo.codec.tables import Tables
from zoo.demo import samples

RNG = np.random.default_rng(0)
SLOPES = np.add.outer(np.arange(90), np.arange(150)).astype(np.uint8)
LOSSY = ("compressor", "compressor.fashion_mnist_q1", "compressor.mnist_q1", "conv_ae", "signal_ae")


@functools.cache
def codec(name: str) -> Codec:
    return Codec(name)


def same(restored: np.ndarray | bytes, value: np.ndarray | bytes) -> bool:
    return restored == value if isinstance(value, bytes) else (restored == value).all()


def announcing(codec: Codec, sections: list[Section], chunks: list[tuple], **replace) -> bytes:
    """A container of any sections and chunks, ``(content, coding)``, with checksums that are right."""
    head, file = dataclasses.replace(codec._stream.header(sections, 4), **replace), io.BytesIO()
    writer = Writer(file, head)
    for chunk in chunks:
        writer.chunk(*chunk)
    return file.getvalue()


WORDS = np.zeros(0, np.uint32)


@pytest.mark.parametrize(
    ("model", "value", "coding"),
    [
        ("summarizer", RNG.bytes(3000), RAW),
        ("summarizer", "春はあけぼの。やうやう白くなりゆく山ぎは、すこしあかりて、".encode() * 4, XZ),
        ("summarizer", b"Return the mean of the values along an axis of the array, as floats.", MODEL),
        ("hierarchical_vae", RNG.integers(0, 256, (2, 29, 31, 3), np.uint8), RAW),
        ("hierarchical_vae", SLOPES, WEBP),
        ("hierarchical_vae", np.zeros((1, 1, 3), np.uint8), RAW),
        ("hierarchical_vae", samples.load().images[:3], MODEL),
    ],
)
def test_a_chunk_is_coded_by_what_takes_the_fewest_bytes(model, value, coding):
    data = codec(model).compress(value)
    assert [chunk.coding for chunk in Reader(io.BytesIO(data), "x").chunks(lambda *_: (1 << 20, 1 << 20))] == [coding]
    assert len(data) <= (len(value) if isinstance(value, bytes) else value.size) + 160  # the header
    assert same(codec(model).decompress(data), value)


def test_a_model_that_is_hopeless_is_not_asked(monkeypatch):
    """Of a large chunk, some tiles tell: the others do not go through the network."""
    for model, value in (("summarizer", RNG.bytes(200_000)), ("hierarchical_vae", np.tile(SLOPES, (3, 4)))):
        packed, pack = [], codec(model).coder.pack
        monkeypatch.setattr(codec(model).coder, "pack", lambda rows, *_, packed=packed, pack=pack: (
            packed.append(rows.size) or pack(rows)
        ))  # fmt: skip
        data = codec(model).compress(value)
        assert sum(packed) < 0.6 * np.size(value if isinstance(value, np.ndarray) else np.frombuffer(value, np.uint8))
        assert same(codec(model).decompress(data), value)


def test_what_was_written_without_codings_is_read_as_before():
    for model, value in (("hierarchical_vae", samples.load().images[:2]), ("summarizer", b"Return the mean. " * 9)):
        data = codec_fuzz.uncoded(codec(model), value)
        assert not Reader(io.BytesIO(data), "x").header.coded
        assert same(codec(model).decompress(data), value)


def test_what_is_appended_to_it_says_how_it_is_coded(tmp_path):
    exact, images = codec("hierarchical_vae"), samples.load().images[:2]
    (tmp_path / "x.zoo").write_bytes(codec_fuzz.uncoded(exact, images))
    np.save(tmp_path / "a.npy", SLOPES[None, :28, :28, None])
    exact.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", append=True)
    restored = exact.decompress((tmp_path / "x.zoo").read_bytes())
    assert same(restored, np.concatenate([images, SLOPES[None, :28, :28, None]]))


@pytest.mark.parametrize("tile", [(28, 28), (28, 28, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", ["noise", "slopes", "flat"])
def test_chunks_may_begin_and_end_anywhere(kind, tile):
    """In pictures, planes and rows, of all shapes; none takes more than its pixels."""
    shapes = [(2, 30, 60, 3), (1, 100, 90, 1), (40, 4, 5, 1), (3, 28, 28, 3), (1, 61, 300, 3)]
    if len(tile) == 3:
        shapes = [(*shape[:3], 3) for shape in shapes]
    medium, rows = Pictures(tile), []
    for count, *shape in shapes:
        slopes = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))[None, ..., None]
        filled = {"noise": RNG.integers(0, 256, (count, *shape)), "slopes": slopes, "flat": 7}[kind]
        pictures = np.broadcast_to(filled, (count, *shape)).astype(np.uint8)
        rows.append(tiles.split(pictures, tile))
        np.testing.assert_array_equal(tiles.join(rows[-1], pictures.shape[1:]), pictures)
        pieces = np.concatenate(list(tiles.pieces(pictures[0], tile)))
        np.testing.assert_array_equal(pieces, rows[-1][: len(pieces)])
    rows = np.concatenate(rows)
    for size in (1, 7, 13, 200):
        head = Header("m", bytes(8), tile, tuple(Section(*s) for s in shapes), tiles_per_chunk=size, coded=True)
        assert head.tiles == len(rows)
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            coding, data = medium.store(head, first, part)
            found = medium.stored(head, Chunk(data, len(part), "", first, coding))
            inside = tiles.inside(head.parts(first, len(part)), tile)
            np.testing.assert_array_equal(found[inside], part[inside])
            assert len(data) <= medium.sizes(head, first, len(part)).sum() == inside.sum()


def test_sizes_of_a_texts_tiles():
    medium = Texts(10)
    head = Header("m", bytes(8), (1, 10), (Section(2, 1, 21, 1), Section(1, 1, 1, 1), Section(1, 1, 8, 1)))
    assert medium.sizes(head, 0, 8).tolist() == [10, 10, 0, 10, 10, 0, 0, 7]
    assert medium.sizes(head, 4, 3).tolist() == [10, 0, 0]


def webp(shape: tuple[int, ...], **options) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.zeros(shape, np.uint8)).save(file, "WEBP", **{"lossless": True, **options})
    return file.getvalue()


@pytest.mark.parametrize(
    ("coding", "content", "message"),
    [
        (RAW, bytes(783), "holds 783 bytes where its tiles have 784"),
        (RAW, bytes(785), "announces 785 bytes, more than 1 tiles can take"),
        (XZ, b"\x00", "does not end with 784 bytes|holds 0 bytes"),
        (XZ, b"\x07" * 40, "its bytes are no LZMA2 stream"),
        (XZ, stored.pack(bytes(783), None)[1], "holds 783 bytes"),
        (XZ, stored.pack(bytes(1 << 20), None)[1], "does not end with 784 bytes"),
        (XZ, stored.pack(bytes(784), None)[1] + b"\x00", "does not end with 784 bytes"),
        (WEBP, b"", "no lossless WebP picture"),
        (WEBP, webp((28, 28))[:-3], "WebP picture is damaged"),
        (WEBP, webp((28, 27)), "its WebP picture is not of 28 × 28 pixels"),
        (WEBP, webp((999, 999)), "its WebP picture is not of 28 × 28 pixels"),
        (WEBP, webp((28, 28), lossless=False), "no lossless WebP picture"),
        (WEBP, webp((28, 28)) + b"RIFF", "4 bytes follow its last picture"),
        (4, b"", "its coding is 4: expected 0 to 3"),
    ],
)
def test_stored_chunks_that_hold_something_else(coding, content, message):
    data = announcing(codec("hierarchical_vae"), [Section(1, 28, 28, 1)], [(content, coding)])
    with pytest.raises(CodecError, match=message):
        codec("hierarchical_vae").decompress(data)


def test_a_text_is_no_picture():
    data = announcing(codec("summarizer"), [Section(1, 1, 785, 1)], [(webp((28, 28)), WEBP)])
    with pytest.raises(CodecError, match="it is coded as a picture, and of a text"):
        codec("summarizer").decompress(data)


# Work


def most_common(tables: Tables, table: int) -> np.ndarray:
    return np.array([low + row.argmax() for low, row in zip(tables.minimum, tables.counts[table], strict=True)])


def test_few_words_do_not_buy_many_tiles_of_a_lossy_model():
    """Black tiles of zero words are decoded once; the words bound all others."""
    lossy = Codec("compressor.fashion_mnist_q1")
    rows, decoder = [], lossy.coder._decoder
    lossy.coder._decoder = lambda codes: rows.append(len(codes)) or decoder(codes)
    for count in (2, 20_000):
        data = announcing(lossy, [Section(count, 28, 28, 1)], [(WORDS, MODEL)], tiles_per_chunk=1 << 16)
        restored = lossy.decompress(data)
        assert len(restored) == count and (restored == restored[0]).all() and rows.pop() <= 2 and not rows
    common = most_common(lossy.tables, 0)
    words = lossy.tables.encode(np.tile(common, (400, 1)))
    lossy.coder.unpack(words, 400)
    with pytest.raises(CodecError, match="words are too few for 400 tiles"):
        lossy.coder._restored(np.tile(common, (400, 1)), len(words) // 20, lossy.decode)


@pytest.mark.parametrize("name", LOSSY)
def test_the_cheapest_tiles_are_never_too_cheap(name):
    """The most common symbols in each table, in chunks of any length: what a writer gives, a reader takes."""
    coder = codec(name).coder
    for table in range(len(coder.tables.counts)):
        common = most_common(coder.tables, table)
        for count in (1, 2, 3, 9, 10, 17, 100, 700):
            symbols = np.tile(common, (count, 1))
            seed = coder.tables.encode_levels(np.full(count, 48)) if name == "signal_ae" else None
            coder._restored(symbols, len(coder.tables.encode(symbols, seed)), lambda rows: rows)


@pytest.fixture
def network_rows(monkeypatch):
    """How many rows went through networks since."""
    rows, run = [], Network.__call__

    def counted(self, *inputs):
        rows.append(len(inputs[0]))
        return run(self, *inputs)

    for name in ("hierarchical_vae", "signal_ae"):  # what they compute once
        assert codec(name).coder.probe or codec(name).coder._decoder
    monkeypatch.setattr(Network, "__call__", counted)
    return rows


def test_a_forged_header_does_not_run_the_networks_without_loss(network_rows):
    exact = codec("hierarchical_vae")
    words = exact.coder.pack(samples.load().images[:2])
    network_rows.clear()
    for coded, count in ((True, 60), (False, 3000)):
        few = words if coded else words[: int(exact.coder._tables.seed_words) + 9]
        data = announcing(exact, [Section(count, 28, 28, 1)], [(few, MODEL)], coded=coded)
        with pytest.raises(CodecError, match=f"words are too few for {count} tiles"):
            exact.decompress(data)
    data = announcing(exact, [Section(5000, 28, 28, 1)], [(np.ones(70_000, np.uint32), MODEL)], tiles_per_chunk=5000)
    with pytest.raises(CodecError, match="it has 5000 tiles: without loss, 4096 are the most"):
        exact.decompress(data)
    assert not network_rows


def test_words_that_run_out_end_the_work_without_loss(network_rows):
    """Honest words of two images, of which a header says that they are of as many as it may."""
    exact = codec("hierarchical_vae")
    words = exact.coder.pack(samples.load().images[:2])
    network_rows.clear()
    for coded, count in ((True, 12), (False, 2000)):
        data = announcing(exact, [Section(count, 28, 28, 1)], [(words, MODEL)], coded=coded)
        with pytest.raises(CodecError, match="its words end too early"):
            exact.decompress(data)
    assert sum(network_rows) < 400  # of 12,000


def test_a_forged_header_does_not_buy_steps_of_text(monkeypatch):
    texts, steps = codec("summarizer"), []
    words, step = (
        texts.coder.pack(np.frombuffer(b"Return the mean", np.uint8)[None].astype(np.int16)),
        LanguageModel.step,
    )
    assert texts.coder.probe
    monkeypatch.setattr(LanguageModel, "step", lambda *args: steps.append(1) or step(*args))
    for width, message in (
        (4000, f"its {len(words)} words are too few for 1 tiles"),
        (17, "a tile .* has less"),
        (15, "has more"),
    ):
        data = announcing(texts, [Section(1, 1, width, 1)], [(words, MODEL)])
        with pytest.raises(CodecError, match=message):
            texts.decompress(data)
    assert len(steps) <= 12


def test_a_sound_of_too_few_words(network_rows):
    sounds = codec("signal_ae")
    frames = 1 + sounds.tables.tile[1] * 1000
    data = announcing(sounds, [Section(1, 1, frames - 1, 1)], [(np.ones(9, np.uint32), MODEL)])
    with pytest.raises(CodecError):
        sounds.decompress(data)
    assert sum(network_rows) == 0


def test_progress_counts_bytes_of_texts_and_pixels_within_a_chunk(tmp_path):
    """From the start, and in steps: a chunk of text takes minutes."""
    text = b"Return the mean of the values along an axis. Raise an error where there are none, else go on.\n" * 2
    image = np.ascontiguousarray(samples.load().images[:12, ..., 0].reshape(12 * 28, 28))
    for model, unit, value, total in (
        ("summarizer", "bytes", text, len(text)),
        ("hierarchical_vae", "pixels", image, image.size),
    ):
        steps = []
        (tmp_path / "a.txt").write_bytes(text)
        np.save(tmp_path / "a.npy", image)
        name = "a.txt" if isinstance(value, bytes) else "a.npy"
        codec(model).compress_file(
            tmp_path / name, tmp_path / "x.zoo", progress=lambda *s, steps=steps: steps.append(s)
        )
        assert codec(model).unit == unit and steps[0] == (0, total) and steps[-1] == (total, total)
        assert sorted(steps) == steps and len({done for done, _ in steps}) > 3
        count = len(steps)
        codec(model).decompress_file(
            tmp_path / "x.zoo", tmp_path / ("y" + name[1:]), progress=lambda *s, steps=steps: steps.append(s)
        )
        assert steps[count] == (0, total) and steps[-1] == (total, total) and len(steps) > count + 3


# What a medium cannot be


@pytest.mark.parametrize(
    ("model", "section"),
    [
        ("signal_ae", Section(1, 2, 500, 1)),
        ("signal_ae", Section(1, 1, 500, 3)),
        ("summarizer", Section(1, 3, 40, 1)),
        ("summarizer", Section(1, 1, 40, 3)),
    ],
)
def test_sections_of_several_rows_or_channels_are_refused(model, section):
    """They would be restored into arrays that are written in part."""
    data = announcing(codec(model), [section], [(np.ones(9, np.uint32), MODEL)])
    with pytest.raises(CodecError, match=r"has a section of shape .*: of \w+, it is \(1, n, 1\)"):
        codec(model).decompress(data)


@pytest.mark.parametrize("model", ["conv_ae", "hierarchical_vae", "signal_ae", "summarizer"])
def test_files_with_repaired_checksums(model):
    """A few of what ``benchmarks/codec_fuzz.py --repaired`` tries in their tens of thousands."""
    files = codec_fuzz.sound_files(Codec(model), samples.load().images)
    tracemalloc.start()
    fuzz, rng = codec_fuzz.Fuzz(codec(model), files, repaired=True), np.random.default_rng(3)
    for data in fuzz.files.values():
        assert codec_fuzz.assembled(data[8], *codec_fuzz.dissected(data)) == data or "appended" in fuzz.files
    for _ in range(8):
        for kind in fuzz.files:
            fuzz.check(kind, fuzz.damaged(kind, rng))
    tracemalloc.stop()
    assert not [failure for failure in fuzz.failures if failure["seconds"] < codec_fuzz.SECONDS]
    assert fuzz.slowest < 5 * codec_fuzz.SECONDS


def test_the_fuzzer_sees_memory_that_was_not_written():
    fuzz = codec_fuzz.Fuzz(
        codec("conv_ae"), {"one": codec("conv_ae").compress(samples.load().images[:1])}, repaired=True
    )
    fuzz.codec = type("Leaking", (), {"decompress": lambda self, data, max_bytes: np.empty(9, np.uint8)})()
    fuzz.check("one", b"")
    assert fuzz.failures[0]["outcome"] == "unwritten memory"
