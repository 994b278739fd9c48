"""``.tflite`` files from strangers: looked through before LiteRT trusts them."""

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from zoo import artifacts
from zoo.codec import Codec, flatbuffer, tables
from zoo.codec.litert import Network

SHIPPED = [
    (name, file) for name in artifacts.names() for file in artifacts.find(name).manifest if ".tflite" == file[-7:]
]


@pytest.fixture(scope="module")
def content() -> bytes:
    return artifacts.find("conv_ae").file("decoder.tflite").read_bytes()


def changed(content: bytes, change) -> bytes:
    """The file after ``change`` had its way with the model's tables."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_every_shipped_network_passes():
    assert len(SHIPPED) > 50
    for name, file in SHIPPED:
        flatbuffer.check(artifacts.find(name).file(file).read_bytes())


def test_an_unchanged_copy_passes(content):
    flatbuffer.check(changed(content, lambda model, graph: None))


def outside(model, graph):
    model.buffers[1].offset, model.buffers[1].size = 1 << 20, 1 << 20


def early(model, graph):
    graph.operators = graph.operators[::-1]


def twice(model, graph):
    graph.operators[-1].outputs = graph.operators[0].outputs


def stride(model, graph):
    convolution = next(o for o in graph.operators if o.builtinOptionsType == schema.BuiltinOptions.Conv2DOptions)
    convolution.builtinOptions.strideW = 0


def optionless(model, graph):
    convolution = next(o for o in graph.operators if o.builtinOptionsType == schema.BuiltinOptions.Conv2DOptions)
    convolution.builtinOptions = None


def shapes(index, shape):
    def change(model, graph):
        graph.tensors[index].shape = np.array(shape, np.int32)

    return change


def unlike(model, graph):
    code = next(at for at, code in enumerate(model.operatorCodes) if code.builtinCode == 6)  # DEQUANTIZE
    operator = next(operator for operator in graph.operators if operator.opcodeIndex == code)
    tensor = graph.tensors[operator.outputs[0]]
    tensor.shape = np.append(tensor.shape[:-1], 31747).astype(np.int32)


def set_first(table, **fields):
    def change(model, graph):
        found = {"tensor": graph.tensors, "operator": graph.operators, "code": model.operatorCodes, "graph": [graph]}
        for name, value in fields.items():
            setattr(found[table][0], name, value)

    return change


def scales(model, graph):
    tensor = next(t for t in graph.tensors if t.quantization is not None)
    tensor.quantization.scale = np.array([0.1, 0.2, 0.3], np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "a buffer lies outside the file's tables"),
        (early, "an operator reads what is not there"),
        (twice, "an operator writes what is there already"),
        (stride, "a stride, a window or a block is not positive"),
        (optionless, "an operator lacks its options"),
        (shapes(0, [1 << 15, 1 << 15]), "more than 268,435,456 bytes"),
        (shapes(0, [-1, 64]), "a tensor has the shape"),
        (unlike, "have to be alike"),
        (set_first("tensor", buffer=9999), "a tensor has no buffer"),
        (set_first("tensor", type=5), "a tensor has the type 5"),
        (set_first("tensor", isVariable=True), "a tensor is sparse or a variable"),
        (set_first("operator", opcodeIndex=99), "an operator has no code"),
        (set_first("operator", inputs=np.array([12345], np.int32)), "an operator reads what is not there"),
        (set_first("operator", customOptions=np.ones(9, np.uint8)), "custom options or a state"),
        (set_first("code", deprecatedBuiltinCode=32, builtinCode=32), "operator 32 is none of those that the zoo runs"),
        (set_first("graph", inputs=np.array([-7], np.int32)), "the graph has no such tensor"),
        (scales, "more scales than zero points"),
        (lambda model, graph: model.subgraphs.append(graph), "it has 2 graphs"),
        (lambda model, graph: setattr(model, "version", 4), "its schema is not of version 3"),
    ],
)
def test_networks_that_cannot_be(content, change, message):
    with pytest.raises(ValueError, match=message):
        flatbuffer.check(changed(content, change))


def test_litert_does_not_see_what_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.setattr(Network, "_open", lambda self: pytest.fail("LiteRT saw it"))
    for name, data in (("early", changed(content, early)), ("cut", content[: len(content) // 2]), ("none", b"")):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}.tflite cannot be run: ") as error:
            Network(path)
        assert len(str(error.value).splitlines()) == 1


def test_damage_of_any_kind_is_a_value_error(content):
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        data = bytearray(content)
        for at in rng.integers(len(content) if rng.random() < 0.5 else 3000, size=int(rng.integers(1, 4))):
            data[at : at + 4] = rng.bytes(4)
        try:
            flatbuffer.check(bytes(data[: int(rng.integers(len(data)))] if rng.random() < 0.2 else data))
        except ValueError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
    assert refused > 50


def test_tables_that_unpack_to_too_much_are_refused_unread(tmp_path, monkeypatch):
    folder = tmp_path / "bomb"
    folder.mkdir()
    for name in ("codec.npz", "lossless.npz", "text.npz"):
        for file in folder.iterdir():
            file.unlink()
        np.savez_compressed(folder / name, counts=np.zeros(1 << 18, np.uint32))
        for network in ("top_posterior", "posterior", "prior", "likelihood"):
            source = artifacts.find("hierarchical_vae").file(f"{network}.tflite")
            (folder / source.name).write_bytes(source.read_bytes())
        artifacts.write_manifest(folder)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "MOST_BYTES", 1 << 20)
            patch.setattr(np, "load", lambda *_, **__: pytest.fail("it was read"))
            with pytest.raises(ValueError, match=f"{name} holds no .*tables.*: it unpacks to 1,048,7.* are the most"):
                Codec(folder)


def test_a_digest_that_is_a_number(tmp_path):
    (tmp_path / "codec.npz").write_bytes(b"")
    (tmp_path / "manifest.json").write_text('{"files": {"codec.npz": {"sha256": 7, "bytes": 0}}}')
    with pytest.raises(ValueError, match="is no file of its folder with a sha256 digest"):
        Codec(tmp_path)
