"""Files that the shipped codecs once wrote can be read as long as the package lives."""

import io

import numpy as np
import pytest
from golden import FOLDER, pictures

from zoo import artifacts
from zoo.codec import Codec, CodecError
from zoo.codec.coders.base import Strip
from zoo.codec.format.container import read_all, read_header
from zoo.codec.models import declaration_of, fingerprint_of

FILES = sorted(FOLDER.glob("*.npz"))
CODECS = [v for name in artifacts.names() for v in artifacts.find(name).versions() if v.has("model.keras")]
CODECS = [artifact for artifact in CODECS if declaration_of(artifact)]


def test_every_shipped_codec_has_its_golden_file():
    expected = {f"{artifact.name}-{fingerprint_of(artifact).hex()}" for artifact in CODECS}
    assert expected <= {path.stem for path in FILES}, "write it: python tests/codec/golden.py NAME"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_file(path, tmp_path):
    with np.load(path) as golden:
        golden = dict(golden)
    (tmp_path / "x.zoo").write_bytes(golden["container"].tobytes())
    codec, header = Codec.for_file(tmp_path / "x.zoo"), read_header(tmp_path / "x.zoo")
    assert path.stem == f"{codec.name}-{codec.fingerprint.hex()}"
    if "text" in golden:  # of integers alone: on every machine the same
        text = str(golden["text"])
        assert codec.decompress(golden["container"].tobytes()) == text.encode()
        readers, _ = read_all(io.BytesIO(golden["container"].tobytes()), "golden")
        ((words, *_),) = readers[0].chunks(codec._stream.limits(readers[0].header))
        rows = np.concatenate(list(codec._medium.rows(codec._medium.from_array(text))))
        np.testing.assert_array_equal(codec.coder.pack(rows), words)  # and the same words today
        return
    if codec.lossless and not header.probe:  # of integers alone as well
        np.testing.assert_array_equal(codec.decompress(golden["container"].tobytes()), golden["restored"])
        restored, words = golden["restored"], golden["words"]
        np.testing.assert_array_equal(codec.coder.pack(Strip(restored)), words)
        np.testing.assert_array_equal(codec.coder.unpack(words, 1, np.array(restored.shape)), restored)
        return
    if codec.lossless and header.probe.digest != codec.coder.probe.digest:
        # Of a machine with other int8 kernels, what is promised is that it says so.
        with pytest.raises(CodecError, match="was written by LiteRT .* other numbers than"):
            next(codec.pictures(tmp_path / "x.zoo"))
        return
    if "levels" in golden:
        check_sound(codec, golden)
        return
    if "latents" in golden:  # integers from words to latents; pixels are a network's
        (found,) = codec.coder.unpack(golden["words"], 1, np.array(golden["restored"].shape))
        np.testing.assert_array_equal(found, golden["latents"])
    restored = np.stack(list(codec.pictures(tmp_path / "x.zoo")))
    if codec.lossless:
        np.testing.assert_array_equal(restored, golden["restored"])
        np.testing.assert_array_equal(restored, pictures(codec))
        return
    # Another machine's floats may round a pixel otherwise; its symbols are the same.
    assert np.abs(restored.astype(int) - golden["restored"]).max() <= 1
    if "latents" in golden:
        return
    readers, _ = read_all(io.BytesIO(golden["container"].tobytes()), "golden")
    ((words, count, *_),) = readers[0].chunks(codec._stream.limits(readers[0].header))
    np.testing.assert_array_equal(codec.tables.decode(words, count), golden["symbols"])
    (tmp_path / "x.z").write_bytes(golden["compact"].tobytes())
    compact = Codec.for_file(tmp_path / "x.z")
    assert compact.fingerprint == codec.fingerprint
    np.testing.assert_array_equal(
        compact.tables.decode_one(golden["compact"].tobytes()[1:], compact.fingerprint), golden["symbols"][0]
    )
    np.testing.assert_array_equal(codec.tables.encode(golden["symbols"]), words)  # and writes the same bytes today


def check_sound(codec: Codec, golden: dict) -> None:
    """Of a sound: the same symbols and levels, and samples that a machine's floats may move a little."""
    data = golden["container"].tobytes()
    restored = codec.decompress(data)
    assert np.abs(restored.astype(int) - golden["restored"]).max() <= 2
    readers, _ = read_all(io.BytesIO(data), "golden")
    ((words, count, *_),) = readers[0].chunks(codec._stream.limits(readers[0].header))
    symbols, levels = codec.tables.decode_with_levels(words, count)
    np.testing.assert_array_equal(symbols, golden["symbols"])
    np.testing.assert_array_equal(levels, golden["levels"])
    np.testing.assert_array_equal(codec.tables.encode(symbols, codec.tables.encode_levels(levels)), words)
