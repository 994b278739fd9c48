"""The ``zoo`` command: what it prints, and how it says no."""

import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from commands import own_lines, run

import zoo
from zoo.cli import console, process


def test_help_names_every_command():
    from zoo.cli.app import COMMANDS

    out = run("--help", bare=True).stdout
    assert all(command in out for command in COMMANDS)
    assert run("--version").stdout.strip() == zoo.__version__


def test_native_libraries_do_not_write_to_the_commands_stderr(tmp_path):
    """LiteRT tells of its delegate; the command's own lines are still there."""
    np.save(tmp_path / "a.npy", np.zeros((28, 28), np.uint8))
    done = run("compress", "a.npy", "-o", "x.zoo", cwd=tmp_path, bare=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "x.zoo").exists()
    done = run("decompress", "a.npy", "-o", "x", cwd=tmp_path, bare=True)
    assert done.returncode == 2 and done.stderr.startswith("zoo: a.npy is ")


def commands_of(group, path=()):
    """Every command and group of the command line, with the words that call it."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands_of(command, (*path, name))


def test_help_fits_80_columns_and_tells_of_every_parameter():
    from typer.main import get_command
    from typer.testing import CliRunner

    from zoo.cli.app import app

    for path, command in commands_of(get_command(app)):
        name = " ".join(path)
        text = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output
        lines = [line.rstrip() for line in text.splitlines()]
        assert lines and max(map(len, lines)) <= 80, name
        assert command.help and all(p.help for p in command.params), name
        # What an option takes is short, so that the column of the help has room, and stands whole.
        for parameter in command.params:
            assert parameter.metavar is None or len(parameter.metavar) <= 20, f"{name} {parameter.name}"
            assert parameter.metavar is None or parameter.metavar in text, f"{name} {parameter.name}"
        # The description flows: a line ends where the next word would not have fitted.
        description = text[: text.index("╭")].splitlines()
        for line, following in itertools.pairwise(row.strip() for row in description):
            if line and following:
                assert len(line) + 1 + len(following.split()[0]) > 78, f"{name}: {line!r} ends early"


def test_list_and_info_as_json():
    rows = json.loads(run("list", "--json").stdout)["rows"]
    assert [row["name"] for row in rows] == zoo.list_models()
    card = json.loads(run("info", "conv_ae", "--json").stdout)
    assert card == zoo.info("conv_ae") and card["name"] == "conv_ae.fashion_mnist"
    assert "conv_ae.fashion_mnist" in run("info", "conv_ae").stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list"], ["list", "--json"], ["info", "dense_ae"], ["train", "--help"], ["cache", "list"]],
)
def test_nothing_heavy_is_imported_to_list_and_to_help(arguments, run_python):
    heavy = {
        "tensorflow",
        "keras",
        "numpy",
        "scipy",
        "sklearn",
        "PIL",
        "matplotlib",
        "h5py",
        "jinja2",
        "ai_edge_litert",
        "huggingface_hub",
        "fsspec",
        "rich.progress",
    }
    code = f"""
import sys
sys.argv = {["zoo", *arguments]!r}
from zoo.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
print(sorted({heavy!r} & set(sys.modules)), len(sys.modules))
"""
    found, number = run_python(code, bare=True).splitlines()[-1].rsplit(" ", 1)
    assert found == "[]" and int(number) < 500


def test_a_list_looks_for_the_models_a_few_times_and_not_for_each(monkeypatch, capsys):
    from zoo import artifacts
    from zoo.cli.list import list as command

    calls, names = [], artifacts.names
    monkeypatch.setattr(artifacts, "names", lambda: calls.append(1) or names())
    command("*", as_json=True)
    assert len(json.loads(capsys.readouterr().out)["rows"]) == len(zoo.list_models()) and len(calls) <= 3


@pytest.mark.slow
def test_export_writes_a_builtin_int8_file(tmp_path):
    done = run("export", "conv_ae", "--quantization", "int8", "-o", tmp_path / "e.tflite", "--json", bare=True)
    result = json.loads(done.stdout)
    assert result["bytes"] == (tmp_path / "e.tflite").stat().st_size <= 300_000
    assert not any(name.startswith("CUSTOM") for name in result["operators"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "denoisng_ae"), "did you mean denoising_ae"),
        (("train", "conv_a", "-o", "out"), "did you mean conv_ae"),
        (("train", "conv_ae", "-o", "out", "--epochs", "0"), "epochs must be an integer ≥ 1"),
        (("export", "conv_ae", "--part", "head"), "part must be"),
        (("export", "conv_ae", "-o", "missing/e.tflite"), "Cannot write missing/e.tflite"),
        (("evaluate", "conv_ae", "--split", "dev"), "split must be test or validation"),
        (("evaluate", "conv_ae", "--data", "no_such_set"), "Unknown data 'no_such_set'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, message, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(own_lines(done.stderr)) == 1 and message in own_lines(done.stderr)[0]
    assert "Traceback" not in done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(zoo.__file__))}


def shell(line, **environment):
    """A line of a shell in which ``zoo`` is ``python -m zoo``."""
    define = f'zoo() {{ "{sys.executable}" -m zoo "$@"; }}\n'
    command = ["bash", "-c", define + line]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT | environment)


@pytest.mark.parametrize(
    ("line", "environment", "status", "printed", "errors"),
    [
        ("zoo list 'vae.m*'", {"PYTHONOPTIMIZE": "2", "COLUMNS": "0"}, 0, "vae.mnist", ""),
        ("zoo info vae", {"PYTHONIOENCODING": "ascii", "COLUMNS": "60"}, 0, "paper", ""),
        ("zoo info vae", {"PYTHONIOENCODING": "cp932"}, 0, "input range", ""),
        ("zoo list --json | head -c 1", {}, 0, "{", ""),
        ("zoo list > /dev/full", {}, 2, "", "No space left on device"),
        ("zoo summarize - <&-", {}, 2, "", "zoo: Standard input holds no words"),
        ("zoo compress '' -o x.zoo", {}, 2, "", "zoo: An argument is empty"),
        ("zoo list >&- 2>&-", {}, 0, "", ""),
    ],
)
def test_whatever_the_streams_are(line, environment, status, printed, errors):
    done = shell(line, **environment)
    assert done.returncode == status and printed in done.stdout and errors in done.stderr
    assert done.stderr.count("\n") == bool(errors), done.stderr


def test_nothing_is_lost_where_columns_are_few(monkeypatch, capsys):
    rows = [{"name": "compressor.fashion_mnist_q3", "bytes": 1234567, "psnr": 21.75, "what": "a rather long text"}]
    for width in (1, 20, 40, 80):
        monkeypatch.setattr(console.console, "width", width)
        console.emit(rows, as_json=False, title="a title")
        text = "".join(capsys.readouterr().out.split())
        for value in ("compressor.fashion_mnist_q3", "1,234,567", "21.75", "rather"):
            assert value in text, width
        console.emit({"name": "x" * 100, "few": 1}, as_json=False)
        assert capsys.readouterr().out.count("x") == 100


def test_what_is_printed_is_data(monkeypatch, capsys):
    monkeypatch.setattr(console.console, "width", 200)
    evil = "v[bold]x[/b] :smile: \x1b]0;title\x07\x1b[31m\u202egnp"
    shown = "v[bold]x[/b] :smile: \\x1b]0;title\\x07\\x1b[31m\\u202egnp"
    console.emit([{"name": evil}], as_json=False, title=evil)
    console.emit({evil: evil}, as_json=False)
    out = capsys.readouterr().out
    assert out.count(shown) == 4 and "\x1b" not in out
    with pytest.raises(console.typer.Exit):
        console.report_failures([evil])
    assert capsys.readouterr().err == f"Failed: {shown}\n"
    console.emit([{"name": evil}], as_json=True, failed=[])
    assert json.loads(capsys.readouterr().out) == {"rows": [{"name": evil}], "failed": []}


def test_a_package_that_is_missing_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["zoo"])

    def needs(name):
        monkeypatch.setitem(sys.modules, name, None)
        return lambda: __import__(name)

    assert process.run(needs("sentencepiece")) == 2
    assert process.run(needs("sklearn")) == 2
    assert process.run(needs("jax")) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "zoo: This command needs sentencepiece: pip install 'autoencoder-zoo[text]'.",
        "zoo: This command needs scikit-learn: pip install 'autoencoder-zoo[tensorflow]'.",
        "zoo: Keras is set to the backend jax",
    ]
    with pytest.raises(ImportError):  # a fault of ours is no missing package
        process.run(lambda: __import__("zoo.nothing"))


def test_backends_and_devices_are_looked_at_before_keras_is(monkeypatch):
    import importlib.util

    from zoo import backend

    for variable in ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(variable, "")
    with pytest.raises(ValueError, match="^backend must be tensorflow, jax or torch: received 'mxnet'"):
        console.choose("mxnet", None)
    for device in ("gpus", "gpu:", "gpu:x", "cpu:1"):
        with pytest.raises(ValueError, match=f"^device must be cpu, gpu, gpu:N or tpu: received '{device}'"):
            console.choose(None, device)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^The backend jax needs jax: pip install '[\w-]+\[jax\]'"):
        console.choose("jax", None)
    with pytest.raises(ValueError, match=r"^The backend torch needs PyTorch: pip install '[\w-]+\[torch\]'"):
        console.choose("torch", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    console.choose("torch", "gpu:2")
    assert (os.environ["KERAS_BACKEND"], os.environ["CUDA_VISIBLE_DEVICES"]) == ("torch", "2")
    console.choose(None, "cpu")
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["JAX_PLATFORMS"]) == ("-1", "cpu")
    monkeypatch.setattr(backend, "accelerators", lambda: 0)
    console.check_device("cpu")
    with pytest.raises(ValueError, match="^device must be cpu: .* sees no accelerator here, received 'gpu'"):
        console.check_device("gpu")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_put_everything_away(number, monkeypatch):
    monkeypatch.setattr("sys.argv", ["zoo"])
    if signal.getsignal(number) is signal.SIG_IGN:  # as under nohup
        signal.signal(number, signal.SIG_DFL)
    before, steps = signal.getsignal(number), []

    def command():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)  # a second one does not disturb
            steps.append("put away")

    assert process.run(command) == 128 + number
    assert steps == ["put away"] and signal.getsignal(number) is before

    def translated():  # as a library in C does
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise SystemError("returned a result with an exception set") from None

    assert process.run(translated) == 128 + number
    signal.signal(number, signal.SIG_IGN)
    try:
        assert process.run(command) == 0, "nohup has its way"
    finally:
        signal.signal(number, before)


def test_libraries_in_c_are_kept_out_of_stderr():
    code = "import os, sys; from zoo.cli import process\n"
    code += "process.run(lambda: [os.write(2, b'chatter'), print('ours', file=sys.stderr)])\nos.write(2, b'after')"
    for level, expected in (("2", "ours\nafter"), ("0", "chatterours\nafter")):
        command = [sys.executable, "-c", code]
        environment = ENVIRONMENT | {"TF_CPP_MIN_LOG_LEVEL": level}
        assert subprocess.run(command, capture_output=True, text=True, env=environment).stderr == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("export", "conv_ae", "-o", "x.onnx"),
            "output must be a name in .tflite for --format litert: received x.onnx",
        ),
        (("export", "conv_ae", "--micro", "-o", "x.tflite"), "output must be a folder for --format micro"),
        (("export", "conv_ae", "-o", "-"), "Cannot write -: results do not go to standard output"),
        (("embed", "vae", "a.png", "-o", "x.csv"), "output must end in .npy: received x.csv"),
        (("embed", "vae", "a.png", "-o", "x.npy", "--plot", "x.png"), "plot must end in .html: received x.png"),
        (("embed", "vae", "a.png", "-o", "no/x.npy"), "Cannot write no/x.npy: No such file or directory"),
        (("gallery", "--models", "vae.mnist", "-o", "-"), "Cannot write -"),
        (("demo", "-o", "-"), "Cannot write -"),
        (("tune", "dense_ae", "--output=-"), "Cannot write -"),
        (("certify", "compressor", "-o-"), "Cannot write -"),
    ],
)
def test_outputs_are_refused_before_any_work(arguments, message, tmp_path, monkeypatch, capsys):
    from zoo.cli import main

    monkeypatch.chdir(tmp_path)
    PIL.Image.new("L", (28, 28)).save("a.png")
    monkeypatch.setattr("sys.argv", ["zoo", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and len(lines) == 1 and message in lines[0]
    assert os.listdir(tmp_path) == ["a.png"]
