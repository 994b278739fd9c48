"""Arm's compiler for Ethos-U: which share of a network a microcontroller's NPU takes, and in how many cycles."""

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from zoo import extras

ACCELERATOR = "ethos-u55-128"
_OPERATORS = re.compile(r"(CPU|NPU) operators = (\d+)")


def compile_for_ethos(flatbuffer: bytes, accelerator: str = ACCELERATOR) -> dict[str, Any]:
    """What Vela makes of an int8 file, by its own estimate: nothing is run.

    Args:
        flatbuffer: the LiteRT file.
        accelerator: Vela's name of a configuration, ``ethos-u55-128`` by default: 128 multiplications a cycle.

    Returns:
        ``accelerator``, its ``system`` and ``memory`` as Vela assumes them, ``npu_operators`` and ``cpu_operators``,
        ``npu_share_percent``, ``cycles`` of an inference, ``microseconds`` at ``clock_mhz``, ``sram_bytes`` and
        ``flash_bytes``.

    Raises:
        ValueError: if ethos-u-vela is missing, or does not compile the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(flatbuffer)
        command = [sys.executable, "-m", "ethosu.vela", str(path), "--output-dir", folder]
        run = subprocess.run([*command, "--accelerator-config", accelerator], capture_output=True, text=True)
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        if "No module named" in run.stderr:
            raise extras.missing("Ethos-U", "ethosu")
        if run.returncode or not summaries:
            lines = (run.stderr or run.stdout).strip().splitlines()
            raise ValueError(f"ethos-u-vela does not compile the file for {accelerator}: {lines[-1] if lines else ''}")
        with open(summaries[0], newline="") as file:
            (row,) = csv.DictReader(file)
    operators = {kind: int(count) for kind, count in _OPERATORS.findall(run.stdout)}
    return {
        "accelerator": accelerator,
        "system": row["system_config"],
        "memory": row["memory_mode"],
        "npu_operators": operators["NPU"],
        "cpu_operators": operators["CPU"],
        "npu_share_percent": 100 * operators["NPU"] / sum(operators.values()),
        "cycles": round(float(row["cycles_total"])),
        "microseconds": 1e6 * float(row["inference_time"]),
        "clock_mhz": float(row["core_clock"]) / 1e6,
        "sram_bytes": round(1024 * float(row["sram_memory_used"])),
        "flash_bytes": round(1024 * float(row["off_chip_flash_memory_used"])),
    }
