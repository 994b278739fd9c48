"""Training on several devices and by several processes: the weights of one, and clear words when one is gone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import distribution as benchmark
import numpy as np
import pytest
from PIL import Image

from zoo import data, training
from zoo.training import distribution

ROOT = Path(__file__).resolve().parents[2]
# A model of each base class, and of each way in which examples of a batch have to do with each other.
BASES = (
    "sparse_ae", "denoising_ae", "compressor", "map_ae", "conv_vae", "hierarchical_vae", "text_ae", "classifier",
    "gan", "wgan", "wgan_gp", "aae", "vae_gan",
)  # fmt: skip


@pytest.mark.slow
def test_two_devices_take_the_steps_of_one(run_python):
    """Noise, dropout, batch statistics, penalties and regularisers included; in a process whose processor is cut."""
    printed = run_python(
        f"""
import sys
sys.path.insert(0, "tests")
import keras, numpy as np, tensorflow as tf
from zoo import models
from zoo.data import training_batches
from zoo.training import distribution
two = distribution.start("mirrored", devices=2, threads=1, deterministic=True)
assert two.num_replicas_in_sync == 2
import small

make = dict(small.SMALL)
make["gan"] = lambda: small.GANS["gan"](dropout=0.3)
make["conv_vae"] = lambda: models.ConvVAE(
    **small.SHAPE, filters=8, latent_dim=4, samples=2, dropout=0.2, prior_couplings=2, prior_units=8)
make["free_bits"] = lambda: models.BetaVAE(**small.SHAPE, filters=8, latent_dim=4, free_bits=0.05)

def train(name, strategy):
    keras.utils.set_random_seed(0)
    kind = "dense_ae" if name == "free_bits" else name
    x, y = small.examples(kind, 40), small.targets(kind, 40)
    with strategy.scope():
        model = make[name]()
        model.build()
        rates = [keras.optimizers.SGD(0.01) for _ in range(2 if isinstance(model, models.AdversarialModel) else 1)]
        model.compile(*rates, jit_compile=False)
    def batches(replicas, own):
        shares = training_batches(x, 20, epochs=2, labels=y, replicas=replicas, own=own,
                                  parts=getattr(model, "batch_parts", 1))
        return shares[0]
    history = model.fit(distribution.distributed(strategy, batches), steps_per_epoch=2, epochs=2, verbose=0,
                        shuffle=False).history
    return model.get_weights(), history

for name in {[*BASES, "free_bits"]!r}:
    (one, history), (both, history_of_two) = (train(name, s) for s in (tf.distribute.get_strategy(), two))
    for a, b in zip(one, both, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6, err_msg=name)
    for key in history:
        # A norm of a share's gradients is larger; the penalty of its mean activations bounds that of all from above.
        if not key.endswith("norm") and name not in ("sparse_ae", "free_bits"):
            np.testing.assert_allclose(history_of_two[key], history[key], rtol=1e-4, atol=1e-6, err_msg=name + key)
    print(name)
"""
    )
    assert printed.split() == [*BASES, "free_bits"]


@pytest.mark.slow
def test_two_workers_take_the_steps_of_one():
    """As the benchmark measures it for all models, here of three."""
    found = benchmark.compare("multiworker", ["dense_ae", "gan", "beta_vae"], steps=4)
    assert set(found["largest_difference"]) == {"dense_ae", "gan", "beta_vae"}
    assert found["largest"] < 1e-5


def test_replicas_share_batches_out():
    images = np.arange(24, dtype=np.float32).reshape(24, 1)
    options = {"batch_size": 12, "epochs": 2, "seed": 3}
    whole = [batch.numpy().ravel() for batch in data.training_batches(images, **options)[0]]
    both = [b.numpy().ravel() for b in data.training_batches(images, **options, replicas=2, own=(0, 1))[0]]
    assert len(whole) == 4 and len(both) == 8
    for step, batch in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate(both[2 * step : 2 * step + 2]), batch)
    # Of three parts the second replica has the second half each.
    second = [b.numpy().ravel() for b in data.training_batches(images, **options, replicas=2, own=(1,), parts=3)[0]]
    np.testing.assert_array_equal(second[0], whole[0].reshape(3, 2, 2)[:, 1].ravel())
    with pytest.raises(ValueError, match="batch_size must be a multiple of 10, for 2 replicas .* 5 parts: received 12"):
        data.training_batches(images, **options, replicas=2, parts=5)


def cluster(ports, index=0, kind="worker") -> str:
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "TF_CONFIG must name the workers of the cluster: it is not set. Such as"),
        ("{", "TF_CONFIG must be JSON with cluster.worker, .*received '{' .JSONDecodeError"),
        ('{"cluster": {}}', "TF_CONFIG must be JSON with cluster.worker.*KeyError"),
        (cluster(["a", "b"]), "TF_CONFIG must be JSON with cluster.worker.*ValueError"),
        (cluster([1, 2], index=2), "TF_CONFIG's task must be a worker from 0 to 1: received worker 2"),
        (cluster([1, 2], kind="ps"), "TF_CONFIG's task must be a worker from 0 to 1: received ps 0"),
        (cluster([7, 7]), "TF_CONFIG's workers must have different addresses"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=message):
        distribution.start("multiworker")


def test_a_port_that_is_taken_is_refused(monkeypatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("TF_CONFIG", cluster([port, port + 1]))
        with pytest.raises(ValueError, match=f"the port {port}, which cannot be opened .*: choose a free one"):
            distribution.start("multiworker")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "parameter_server"}, "strategy must be mirrored or multiworker: received 'parameter_server'"),
        ({"name": "mirrored", "devices": 0}, "devices must be at least 1, and belong to strategy mirrored"),
        ({"name": "multiworker", "devices": 2}, "devices must be at least 1, and .* received 2 of multiworker"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        distribution.start(**arguments)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(60):
        Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(folder / f"{index:02}.png")
    return folder


def command(pictures, output, *options) -> list[str]:
    train = ["train", "dense_ae", "--data", str(pictures), "--batch-size", "16", "--threads", "1", "-o", str(output)]
    return [sys.executable, "-c", "from zoo.cli import main; main()", *train, *options]


def workers(arguments: list[str]) -> list[subprocess.Popen]:
    ports = benchmark.free_ports(2)
    environments = ({**os.environ, "PYTHONPATH": os.getcwd(), "TF_CONFIG": cluster(ports, i)} for i in range(2))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen(arguments, env=environment, **pipes) for environment in environments]


@pytest.mark.slow
def test_a_worker_that_is_gone_is_said_and_the_restarted_job_resumes(pictures, tmp_path):
    arguments = command(pictures, tmp_path, "--epochs", "12", "--strategy", "multiworker")
    chief, other = workers(arguments)
    checkpoint = tmp_path / training.run.CHECKPOINT
    while not checkpoint.exists():
        assert chief.poll() is None and other.poll() is None, chief.stderr.read()
        time.sleep(0.1)
    other.send_signal(signal.SIGKILL)
    _, message = chief.communicate(timeout=120)
    other.communicate()
    assert chief.returncode == 2 and "A worker of the cluster is gone" in message.splitlines()[-1]
    assert "--resume" in message.splitlines()[-1]

    before = np.load(checkpoint)["state"].item()
    assert 0 < json.loads(before)["epochs"] < 12
    restarted = workers([*arguments, "--resume", "--json"])
    out, errors = restarted[0].communicate(timeout=300)
    restarted[1].communicate(timeout=60)
    assert [process.returncode for process in restarted] == [0, 0], errors
    assert json.loads(out)["training"]["epochs"] == 12
    assert len(json.loads((tmp_path / "history.json").read_text())["val_loss"]) == 12


@pytest.mark.slow
def test_the_command_trains_on_two_halves_of_the_processor(pictures, tmp_path):
    cards = []
    for name, options in (("one", []), ("two", ["--strategy", "mirrored", "--devices", "2"])):
        arguments = [*command(pictures, tmp_path / name, "--epochs", "2", "--json"), *options]
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        process = subprocess.run(arguments, capture_output=True, text=True, env=environment)
        assert process.returncode == 0, process.stderr
        cards.append(json.loads(process.stdout))
    one, two = ({key: v for key, v in card["metrics"].items() if key != "not_measured"} for card in cards)
    assert two == pytest.approx(one, rel=1e-3)
    assert cards[1]["training"]["validation_mse"] == pytest.approx(cards[0]["training"]["validation_mse"], rel=1e-4)


@pytest.mark.parametrize("file", ["kubernetes.yaml", "slurm.sh"])
def test_deployment_files_tell_every_worker_of_the_cluster(file, tmp_path, monkeypatch):
    """What they run, with what the cluster's own programs would answer, and ``zoo`` that prints what it is given."""
    stubs = {
        "zoo": 'echo "$TF_CONFIG"; echo "$@" >&2',
        "scontrol": "printf 'node%d\\n' 1 2 3 4",
        "srun": 'shift; for SLURM_PROCID in 0 1 2 3; do export SLURM_PROCID; "$@"; done',
    }
    for name, body in stubs.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    environment |= {"SLURM_JOB_NODELIST": "node[1-4]", "SLURM_CPUS_PER_TASK": "8", "HOME": str(tmp_path)}
    source = ROOT / "docs/deployment" / file
    if file.endswith(".yaml"):
        import yaml

        job = list(yaml.safe_load_all(source.read_text()))[1]
        container = job["spec"]["template"]["spec"]["containers"][0]
        commands = [[*container["command"], *container["args"]]] * 4
        environments = [{**environment, "JOB_COMPLETION_INDEX": str(index)} for index in range(4)]
    else:
        commands, environments = [["bash", str(source)]], [environment]
    printed = ""
    for arguments, variables in zip(commands, environments, strict=True):
        process = subprocess.run(arguments, env=variables, capture_output=True, text=True, check=True)
        assert "train conv_ae --strategy multiworker --resume" in process.stderr
        printed += process.stdout
    decoder, tasks = json.JSONDecoder(), []
    while printed.strip():
        config, end = decoder.raw_decode(printed.strip())
        printed = printed.strip()[end:]
        tasks.append(config["task"]["index"])
        assert len(set(config["cluster"]["worker"])) == 4
    assert tasks == [0, 1, 2, 3]
