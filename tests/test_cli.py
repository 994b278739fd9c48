"""The ``zoo`` command: what it prints, and how it says no."""

import itertools
import json
import os
import subprocess
import sys

import fresh
import pytest

import zoo


def run(*arguments, cwd=".", bare=False):
    """What ``zoo …`` does, in a process that has imported TensorFlow already unless it starts ``bare``."""
    path = os.path.dirname(os.path.dirname(zoo.__file__))
    if not bare:
        code = f"import sys\nsys.argv = {['zoo', *map(str, arguments)]!r}\nfrom zoo.cli import main\nmain()"
        return fresh.run(code, cwd=cwd, path=path)
    command = [sys.executable, "-c", "from zoo.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONPATH": path})


def own_lines(stderr):
    """Lines on stderr without TensorFlow's own chatter."""
    return [line for line in stderr.splitlines() if line.startswith("zoo: ")]


def test_help_names_every_command():
    from zoo.cli.app import COMMANDS

    out = run("--help", bare=True).stdout
    assert all(command in out for command in COMMANDS)
    assert run("--version").stdout.strip() == zoo.__version__


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
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == zoo.list_models()
    card = json.loads(run("info", "conv_ae", "--json").stdout)
    assert card == zoo.info("conv_ae") and card["name"] == "conv_ae.fashion_mnist"
    assert "conv_ae.fashion_mnist" in run("info", "conv_ae").stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["info", "dense_ae"], ["train", "--help"]]
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
    assert found == "[]" and int(number) < 700


def test_a_list_looks_for_the_models_a_few_times_and_not_for_each(monkeypatch, capsys):
    from zoo import artifacts
    from zoo.cli.list import list as command

    calls, names = [], artifacts.names
    monkeypatch.setattr(artifacts, "names", lambda: calls.append(1) or names())
    command("*", as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == len(zoo.list_models()) and len(calls) <= 3


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
