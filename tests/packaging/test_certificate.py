"""Certificates: measured as they say, kept to their limits, and those that are shipped true."""

import json
import shutil

import numpy as np
import pytest

import zoo
from zoo import artifacts, data, exporting, modalities, registry
from zoo.codec import Codec
from zoo.codec.litert import Network, as_int8
from zoo.exporting import litert, micro
from zoo.packaging import certificate as certificates

NAMES = [name for name in artifacts.names() if modalities.quantizes(registry.spec_of(name))]


@pytest.fixture
def stand_in(monkeypatch):
    """Data sets of the calibration images that each model brings along, as the official ones need a download."""

    def load(source, **options):
        images = np.load(artifacts.find(f"stacked_ae.{source}").file("calibration.npz"))["images"]
        images = images.reshape(-1, 28, 28, 1)
        return data.DataSet(source, source, images, images[:0], images, "none")

    monkeypatch.setattr(data, "load", load)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compressor", "unpool_ae.mnist", "vae.mnist"])
def test_a_certificate_is_measured(name, stand_in, tmp_path):
    found = zoo.certify(name, tmp_path / "c", images=40)
    artifact = registry.artifact_of(name)
    path = artifact.file("encoder.tflite")
    assert found["model"] == artifact.name and found["images"] == 40 and found["agreement"]["images"] == 40
    assert found["sha256"] == artifacts.sha256(path) and found["bytes"] == path.stat().st_size

    # Float against int8, by NumPy and the model's own call.
    model = zoo.load(name)
    trained_on = artifact.card["data"]
    data_set = data.load(trained_on["source"])
    images = (data_set.binarized(trained_on["seed"]) if trained_on["binarized"] else data_set).test[:40]
    clean = images / np.float32(255)
    quantization = found["quantization"]
    code = model.encoder.predict(clean, verbose=0)  # of vae.mnist the mean
    if name == "compressor":
        code = np.rint(code / model.step) * model.step
    error = np.mean((model.decoder.predict(code, verbose=0) - clean) ** 2)
    assert quantization["float_psnr"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
    if name == "compressor":
        codec = zoo.Codec(name)
        error = np.mean((codec.decode(codec.encode(images)) / 255 - clean) ** 2)
        assert quantization["int8_psnr"] == pytest.approx(-10 * np.log10(error), abs=0.02)
        bits = codec.tables.information(codec.encode(images))
        assert quantization["int8_bits_per_pixel"] == pytest.approx(bits / images.size)
    else:
        assert "int8_bits_per_pixel" not in quantization
        assert abs(quantization["int8_psnr"] - quantization["float_psnr"]) < 1

    agreement = found["agreement"]
    quantized, reference = micro.MicroNetwork(path.read_bytes())(as_int8(images)), Network(path, reference=True)
    apart = np.abs(quantized[0].astype(int) - reference(as_int8(images))[0])
    assert agreement["micro_against_litert_reference"] == {
        "differing_percent": pytest.approx(100 * (apart > 0).mean()), "largest": apart.max()
    }  # fmt: skip
    assert agreement["saved_model"] < 1e-4 and agreement["litert_float32"] < 1e-3
    assert all(figure > 0 for figure in found["speed"].values())
    npu = found["npu"]
    share = npu["npu_operators"] / (npu["npu_operators"] + npu["cpu_operators"])
    assert npu["npu_share_percent"] == pytest.approx(100 * share) and npu["cycles"] > 10_000
    assert npu["microseconds"] == pytest.approx(npu["cycles"] / npu["clock_mhz"], rel=0.01)
    assert npu["cpu_operators"] == 0 or name == "unpool_ae.mnist"

    assert json.loads((tmp_path / "c" / "certificate.json").read_text()) == found
    text = (tmp_path / "c" / "certificate.md").read_text()
    assert f"# Certificate of {artifact.name}'s encoder" in text and text.count("| passed |") == sum(
        check["passed"] for check in found["checks"]
    )


@pytest.mark.slow
def test_a_check_that_fails_is_said(stand_in, monkeypatch, tmp_path):
    import typer

    from zoo.cli.certify import certify

    app = typer.Typer()
    app.command()(certify)
    monkeypatch.chdir(tmp_path)
    limits = dict(certificates.LIMITS) | {"int8 loses PSNR": (-100.0, "dB")}
    monkeypatch.setattr(certificates, "LIMITS", limits)
    assert app(["vae.mnist", "--images", "10"], standalone_mode=False) == 1
    text = (tmp_path / "vae.mnist-certificate" / "certificate.md").read_text()
    assert "| **failed** |" in text and "≤ -100 dB" in text
    with pytest.raises(ValueError, match="output is of one model"):
        app(["vae.mnist", "vae.fashion_mnist", "-o", "c"], standalone_mode=False)


def test_a_certificate_becomes_part_of_a_model(stand_in, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(artifacts.find("stacked_ae.mnist").path, folder)
    (folder / "certificate.json").unlink()
    (folder / "certificate.md").unlink()
    (folder / "manifest.json").unlink()
    artifacts.write_manifest(folder)
    before = artifacts.find(folder).manifest
    zoo.certify(folder, folder, images=10)
    artifact = artifacts.find(folder)
    assert json.loads(artifact.file("certificate.json").read_text())["model"] == "mine"
    assert artifact.file("certificate.md").read_text().startswith("# Certificate of mine's encoder")
    assert artifact.manifest.items() >= before.items()
    assert artifact.manifest.keys() - before.keys() == {"certificate.json", "certificate.md"}
    assert zoo.load(folder)


def test_certify_refuses(stand_in, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="dcgan.fashion_mnist has no encoder to certify"):
        zoo.certify("dcgan")
    with pytest.raises(ValueError, match="images must be at least 1: received 0"):
        zoo.certify("vae", images=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Cannot write to .*file"):
        zoo.certify("vae", tmp_path / "file")
    with pytest.raises(ValueError, match="Cannot write to"):
        zoo.certify("vae", tmp_path / "file" / "below")
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ValueError, match="LiteRT Micro does not run the file in"):
        zoo.certify("vae")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shipped_certificates_are_true(name):
    artifact, model = artifacts.find(name), zoo.load(name)
    found = json.loads(artifact.file("certificate.json").read_text())
    path = artifact.file("encoder.tflite")
    content = path.read_bytes()
    assert found["model"] == name and found["sha256"] == artifacts.sha256(path) and found["bytes"] == len(content)
    assert found["weights_sha256"] == litert.weights_digest(model) == litert.metadata(content)["sha256"]
    assert found["operators"] == exporting.operators(content) == artifact.card["litert"]["encoder_operators"]
    assert {key: found[key] for key in ("signature", "inputs", "outputs")} == litert.described(content)
    assert found["micro"]["arena_bytes"] == micro.arena_bytes(content)
    tiles = hasattr(model, "coded_latents")  # whose pictures are cut up, and whose PSNR is by its codec
    normal = {"detecting_ae.fashion_mnist": 1000, "detecting_signal_ae.mitbih": 44_239}  # of one class alone
    assert found["images"] == normal.get(name, artifact.card["data"]["test"] * (9 if tiles else 1))
    assert artifact.file("certificate.md").read_text() == certificates.page(found)
    assert found["checks"] == certificates.checks(found)
    assert found["passed"] and len(found["checks"]) >= 6

    # The figures hold on other images of the kind, within what another sample makes of them.
    images = np.load(artifact.file("calibration.npz"))["images"].reshape(-1, *artifact.card["input_shape"])
    again = certificates.quantization(
        model, Network(path), certificates.tables_of(artifact), images, modalities.of(model)
    )
    if tiles:
        again |= certificates._by_quality(model, Codec(artifact), images)
    loss = again["float_psnr"] - again["int8_psnr"]
    assert loss == pytest.approx(found["quantization"]["float_psnr"] - found["quantization"]["int8_psnr"], abs=0.3)
    error = found["quantization"]["code_error_percent"]
    if name == "detecting_signal_ae.mitbih":  # of people that it heard, whose beats stay within its range
        assert again["code_error_percent"] < error
    else:
        assert again["code_error_percent"] == pytest.approx(error, rel=0.5)
