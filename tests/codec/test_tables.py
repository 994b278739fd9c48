"""The integer tables and the coder, against Python's integers and closed forms."""

import numpy as np
import pytest
from reference import ans_decode, ans_encode

from zoo.codec import CodecError
from zoo.codec.tables import Tables


def make(sizes, seed=0, **replace) -> Tables:
    """Tables with skewed random frequencies."""
    rng = np.random.default_rng(seed)
    counts = []
    for size in sizes:
        table = np.maximum(1, rng.dirichlet(np.full(size, 0.3)) * (2**24 - size)).astype(np.int64)
        table[table.argmax()] += 2**24 - table.sum()
        counts.append(table)
    arrays = {
        "requantize": np.arange(-128, 128, dtype=np.int16),
        "minimum": np.zeros(len(sizes), np.int16),
        "size": np.array(sizes, np.int16),
        "counts": np.concatenate(counts).astype(np.uint32),
        "step": np.float32(0.5),
        "tile": np.array([28, 28, 1], np.int16),
    }
    replace = {name: np.asarray(array, arrays[name].dtype) for name, array in replace.items()}
    return Tables(**{**arrays, **replace})


def draw(tables: Tables, n: int, seed: int) -> np.ndarray:
    """Symbols that follow the tables."""
    rng = np.random.default_rng(seed)
    columns = [rng.choice(len(c), n, p=c / 2**24) for c in tables.counts[0]]
    return (np.stack(columns, 1) + tables.minimum).astype(np.int16)


def test_words_equal_those_of_integer_arithmetic():
    tables = make([2, 1, 40, 300], minimum=[-1, 5, -20, 0])
    symbols = draw(tables, 57, seed=1)
    symbols[:40, 2] = np.arange(-20, 20)  # the rarest ones too
    words = tables.encode(symbols)
    rows = (symbols - tables.minimum).T.tolist()
    lists = [c.tolist() for c in tables.counts[0]]
    assert words.tolist() == ans_encode(rows, lists)
    assert ans_decode(words.tolist(), lists, 57) == rows


@pytest.mark.parametrize("n", [0, 1, 2, 1024])
def test_round_trip(n):
    tables = make([1, 2, 3, 7, 64], minimum=[9, -1, 0, 3, -32])
    symbols = draw(tables, n, seed=n)
    np.testing.assert_array_equal(tables.decode(tables.encode(symbols), n), symbols)


def test_bits_are_the_entropy_within_one_percent():
    tables = make([5, 17, 33, 2] * 8)
    symbols = draw(tables, 4096, seed=3)
    entropy = 4096 * sum(-(p * np.log2(p)).sum() for p in (c / 2**24 for c in tables.counts[0]))
    assert 32 * len(tables.encode(symbols)) == pytest.approx(entropy, rel=0.01)
    # Of these very symbols the ideal length is known; the coder adds less than three words.
    ideal = sum(-np.log2(tables.counts[0][d][s] / 2**24) for row in symbols for d, s in enumerate(row))
    assert tables.information(symbols) == pytest.approx(ideal, rel=1e-9)
    assert ideal <= 32 * len(tables.encode(symbols)) <= ideal + 96


@pytest.mark.parametrize(
    "damage",
    [
        lambda words: np.append(words, 1),
        lambda words: np.append(1, words),
        lambda words: np.append(words, 0),
        lambda words: words[:-1],
        lambda words: words[1:],
        lambda words: words ^ (np.arange(len(words)) == 5),
    ],
)
def test_words_that_do_not_empty_the_coder_are_refused(damage):
    tables = make([8] * 16)
    words = tables.encode(draw(tables, 64, seed=5))
    with pytest.raises(CodecError, match="its words do not end|its last word is zero"):
        tables.decode(damage(words).astype(np.uint32), 64)


def test_words_that_decode_are_the_words_of_their_symbols():
    tables = make([3, 5], seed=7)
    rng = np.random.default_rng(8)
    accepted = 0
    for _ in range(3000):
        # Short words of small numbers: among longer ones, hardly any empties the coder.
        words = rng.integers(0, 2 ** rng.integers(1, 25), rng.integers(0, 2)).astype(np.uint32)
        try:
            symbols = tables.decode(words, 2)
        except CodecError:
            continue
        accepted += 1
        assert tables.encode(symbols).tolist() == words.tolist()
    assert accepted


@pytest.mark.parametrize("count", [63, 65])
def test_another_number_of_rows_is_refused(count):
    tables = make([8] * 16)
    words = tables.encode(draw(tables, 64, seed=5))
    with pytest.raises(CodecError, match="do not end with the symbols"):
        tables.decode(words, count)


@pytest.mark.parametrize("symbol", [-1, 8])
def test_symbols_outside_the_alphabet_are_refused(symbol):
    tables = make([8, 8])
    with pytest.raises(ValueError, match="outside its alphabet"):
        tables.encode(np.array([[0, symbol]], np.int16))


def test_codes_are_looked_up_and_clipped():
    tables = make([3, 200], minimum=[-1, -128])
    codes = np.array([[-128, -128], [-1, 0], [0, 71], [127, 127]], np.int8)
    np.testing.assert_array_equal(tables.symbols(codes), [[-1, -128], [-1, 0], [0, 71], [1, 71]])


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"requantize": np.zeros(255, np.int16)}, "requantize must hold 256"),
        ({"size": np.array([4], np.int16)}, "size must hold"),
        ({"size": np.array([8, 0], np.int16)}, "size must hold"),
        ({"size": np.array([4, 5], np.int16)}, r"counts must hold sum\(size\) = 9"),
        ({"minimum": np.array([0, 32767], np.int16)}, "must fit into int16"),
        ({"counts": np.full(8, 2**22 + 1, np.uint32)}, "latent 0 must be at least 1 and sum"),
        (
            {"counts": np.array([2**22] * 4 + [2**24, 0, 0, 0], np.uint32)},
            "latent 1 must be at least 1 and sum",
        ),
        ({"step": np.float32(0)}, "step must be positive"),
        ({"step": np.float32("nan")}, "step must be positive"),
        ({"tile": np.array([28, 28, 3], np.int16)}, r"tile must be \(height, width, 1\)"),
    ],
)
def test_tables_that_contradict_themselves(replace, message):
    with pytest.raises(ValueError, match=message):
        make([4, 4], **replace)


def test_unreadable_tables(tmp_path, model_folder):
    path = tmp_path / "codec.npz"
    arrays = dict(np.load(model_folder / "codec.npz"))
    for content in (b"", b"PK\x03\x04 no zip", (model_folder / "codec.npz").read_bytes()[:900]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="holds no codec tables"):
            Tables.read(path)
    np.savez(path, **{**arrays, "counts": arrays["counts"].astype(np.int64)})
    with pytest.raises(ValueError, match="counts must be uint32 with 1 axes: received int64"):
        Tables.read(path)
    del arrays["step"]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="step"):
        Tables.read(path)


def several(seed=0, **replace) -> Tables:
    """Three tables, one of which hardly any tile takes."""
    parts = [make([4, 1, 9], seed=seed + t) for t in range(3)]
    arrays = {
        "requantize": np.arange(-128, 128, dtype=np.int16),
        "minimum": np.array([-2, 7, 0], np.int16),
        "size": np.array([4, 1, 9], np.int16),
        "counts": np.concatenate([np.concatenate(p.counts[0]) for p in parts]).astype(np.uint32),
        "step": np.float32(0.5),
        "tile": np.array([28, 28, 1], np.int16),
        "index_counts": np.array([2**23, 2**23 - 1, 1], np.uint32),
    }
    return Tables(**{**arrays, **replace})


def drawn(tables: Tables, n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    rows = [[rng.choice(len(c), p=c / 2**24) for c in tables.counts[table]] for table in rng.integers(0, 2, n)]
    return (np.array(rows).reshape(n, 3) + tables.minimum).astype(np.int16)


def test_every_row_takes_the_table_that_codes_it_in_the_fewest_bits():
    tables = several()
    symbols = drawn(tables, 400)
    bits = np.array(
        [
            [
                24
                - np.log2(tables.index_counts[t])
                + sum(24 - np.log2(c[s - m]) for c, s, m in zip(tables.counts[t], row, tables.minimum, strict=True))
                for t in range(3)
            ]
            for row in symbols.astype(int)
        ]
    )
    chosen = tables.choose(symbols)
    assert set(chosen) >= {0, 1}
    assert (bits[np.arange(400), chosen] <= bits.min(axis=1) + 4 / 256).all()  # costs are rounded to 1/256 of a bit
    assert tables.information(symbols) == pytest.approx(bits[np.arange(400), chosen].sum())
    words = tables.encode(symbols)
    assert tables.information(symbols) <= 32 * len(words) <= tables.information(symbols) + 96
    np.testing.assert_array_equal(tables.decode(words, 400), symbols)


def test_words_of_several_tables_equal_those_of_integer_arithmetic():
    tables = several()
    symbols = drawn(tables, 50)
    chosen = tables.choose(symbols)
    rows, lists = [chosen.tolist()], [tables.index_counts.tolist()]
    for table in range(3):
        for d, counts in enumerate(tables.counts[table]):
            rows.append((symbols[chosen == table, d] - tables.minimum[d]).tolist())
            lists.append(counts.tolist())
    assert tables.encode(symbols).tolist() == ans_encode(rows, lists)


def test_one_tile_in_the_fewest_bytes():
    tables = several()
    symbols = drawn(tables, 300)
    sizes = []
    for row in symbols:
        data = tables.encode_one(row, b"salt")
        np.testing.assert_array_equal(tables.decode_one(data, b"salt"), row)
        sizes.append(len(data))
    # Beside the information: the check of 16 bits, the bit above it, and what is missing to a whole byte.
    assert 8 * np.sum(sizes) <= tables.information(symbols) + 300 * (17 + 8)


def test_a_damaged_tile_passes_no_more_often_than_a_check_of_16_bits_lets_it():
    tables, rng = several(), np.random.default_rng(3)
    symbols = drawn(tables, 40)
    passed = 0
    for i in range(4000):
        data = bytearray(tables.encode_one(symbols[i % 40]))
        match i % 3:
            case 0:
                data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
            case 1:
                data = data[:-1]
            case 2:
                data = bytearray(rng.bytes(int(rng.integers(1, 9))))
        try:
            passed += not np.array_equal(tables.decode_one(bytes(data)), symbols[i % 40])
        except CodecError:
            continue
    assert passed <= 2  # 4,000 / 2^16 are expected
    with pytest.raises(CodecError, match="check of 16 bits does not match"):
        tables.decode_one(tables.encode_one(symbols[0], b"a"), b"b")
    for data in (b"", b"\1\0", bytes(range(1, 40))):
        with pytest.raises(CodecError, match="cannot be those of one tile"):
            tables.decode_one(data)


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"index_counts": np.array([2**23, 2**23], np.uint32)}, r"2 × sum\(size\) = 28 numbers: received 42"),
        ({"index_counts": np.array([2**24, 0, 0], np.uint32)}, "index_counts must be at least 1"),
    ],
)
def test_several_tables_that_contradict_themselves(replace, message):
    with pytest.raises(ValueError, match=message):
        several(**replace)
