"""What every test shares: a quiet, thread-capped TensorFlow and fresh Python processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fresh
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# TensorFlow starts a thread per core in every process; parallel workers would fight for the cores.
_THREADS = max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
for _variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, str(_THREADS))
fresh.collect_rarely()

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def run_python():
    """Runs source code in a fresh Python process and returns what it printed.

    ``cwd`` is the process's folder and ``path`` the folder that ``zoo`` is imported from. Unless it starts ``bare``,
    TensorFlow and Keras are imported already.
    """

    def run(code: str, *, cwd: Path | str = ROOT, path: Path | str = ROOT, bare: bool = False) -> str:
        if bare:
            environment = {**os.environ, "PYTHONPATH": str(path)}
            command = [sys.executable, "-c", code]
            process = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        else:
            process = fresh.run(code, cwd=cwd, path=path)
        assert process.returncode == 0, process.stderr[-4000:]
        return process.stdout

    return run


@pytest.fixture
def eagerly():
    """Takes every step of training as it stands in Python: a graph takes longer to be made than a few steps do.

    For tests of what a step computes. As graphs, all models are trained in test_models.py, test_gans.py and
    test_text_models.py.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def command_line(tmp_path, capsys, monkeypatch):
    """Types ``zoo compress …`` and ``zoo decompress …`` in ``tmp_path``.

    Given the folder of a model, which lies there as ``model``, returns a function: line → exit status, and what was
    printed on stdout and on stderr.
    """

    def with_model(folder: Path):
        import typer

        from zoo.cli.compress import compress
        from zoo.cli.decompress import decompress

        monkeypatch.chdir(tmp_path)
        (tmp_path / "model").symlink_to(folder)
        app = typer.Typer(add_completion=False)
        app.command()(compress)
        app.command()(decompress)

        def run(line: str):
            capsys.readouterr()
            status = app(line.split(), standalone_mode=False)
            printed = capsys.readouterr()
            return status, printed.out, printed.err

        return run

    return with_model


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of twelve WAV files of about a second, of tones."""
    import soundfile
    from tone_signals import RATE, tones

    folder = tmp_path_factory.mktemp("recordings")
    for index in range(12):
        soundfile.write(folder / f"{index:02}.wav", tones(7000 + 300 * index, index), RATE)
    return folder


@pytest.fixture(scope="session")
def audio_model(recordings, tmp_path_factory):
    """The folder of a small model of audio as ``zoo train`` writes it, with a codec; trained for a moment."""
    from zoo import packaging, training

    folder = tmp_path_factory.mktemp("audio_model")
    small = {
        "filters": (8, 8, 16),
        "decoder_filters": (8, 8, 16),
        "encoder_blocks": (0, 1, 0),
        "decoder_blocks": (0, 1, 0),
        "latent_channels": 4,
        "num_priors": 3,
        "rate_weight": 0.0002,
    }
    recipe = {"epochs": 15, "batch_size": 16, "learning_rate": 5e-3}
    trained = training.train("signal_ae", data_source=str(recordings), output=folder, overrides=small, **recipe)
    packaging.write_artifact(trained, folder)
    assert json.loads((folder / "card.json").read_text())["metrics"]["codec_bytes"] > 0
    return folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The cache of what is downloaded, empty."""
    from zoo.artifacts import sources

    for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE", "ZOO_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources.time, "sleep", lambda seconds: None)
    sources.forget()
    return tmp_path / "cache"


@pytest.fixture
def hub(kept, tmp_path, monkeypatch):
    """A server that is the hub of this process, and of those that it starts."""
    import hub_server
    from huggingface_hub import constants

    with hub_server.serving() as server:
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        settings = {"ENDPOINT": server.url, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_DISABLE_XET": True}
        settings |= {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HOME": str(tmp_path / "hub")}
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value)
        variables = {"HF_ENDPOINT": server.url, "HF_TOKEN": hub_server.TOKEN, "HF_HUB_DISABLE_XET": "1"}
        for name, value in (variables | {"HF_HOME": str(tmp_path / "hub")}).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """Models of one module do not burden the next."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same initial weights, alone or after others."""
    if "keras" in sys.modules:  # the codec's tests do without
        sys.modules["keras"].utils.set_random_seed(0)
