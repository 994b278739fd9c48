"""Speech of a speaker that training did not hear: the zoo's codec beside Opus and ADPCM at equal bits.

    python benchmarks/speech_codecs.py -o speech-codecs

All recordings of the test speaker, each scaled to a peak of 0.7, follow one another in one WAV, which every codec gets.
All bytes of the files count; Opus' are also given without those of its Ogg container. Opus is asked for 6 kbit/s, and
for the least rate whose file is not smaller than the zoo's; ADPCM has 4 bits a sample, so at equal bits its sample rate
is low, and it is also given its own 8 kHz. Delays are taken out before anything is measured. STOI is the mean over
passages of 5 seconds. The WAVs are kept in the output folder, with codecs.json.

With --by-speaker, instead: the zoo's codec on all recordings of each speaker, whether training heard them or not.

Needs opusenc and opusdec (Debian: opus-tools), ffmpeg, and pystoi (pip install 'autoencoder-zoo[benchmark]').
"""

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from zoo import data, evaluation
from zoo.codec import Codec
from zoo.data.audio import speaker_of
from zoo.data.sets import load_rows
from zoo.evaluation.audio import measure_audio

RATE = 8000
LARGEST_DELAY = 400  # samples
RUNS = 5  # of the timing


def zoo_codec(model: str, wav: Path, folder: Path) -> tuple[Path, Path, dict]:
    """File, restored WAV, and how many times faster than real time both ways are, on one thread."""
    codec, file, restored = Codec(model), folder / f"{model}.zoo", folder / f"{model}.wav"
    seconds = soundfile.info(wav).duration
    times = {"compress": [], "restore": []}
    for run in range(RUNS + 1):
        start = time.perf_counter()
        codec.compress_file(wav, file)
        middle = time.perf_counter()
        codec.decompress_file(file, restored)
        if run:  # the first one opens the interpreters
            times["compress"].append(middle - start)
            times["restore"].append(time.perf_counter() - middle)
    return file, restored, {f"{what}_times_real_time": seconds / median(t) for what, t in times.items()}


def opus(kilobits: float, wav: Path, folder: Path) -> tuple[Path, Path, dict]:
    file, restored = folder / f"opus-{kilobits:g}.opus", folder / f"opus-{kilobits:g}.wav"
    options = ["--bitrate", f"{kilobits:g}", "--framesize", "60", "--comp", "10", "--speech"]
    _run("opusenc", "--quiet", *options, wav, file)
    _run("opusdec", "--quiet", "--rate", RATE, file, restored)
    return file, restored, {"payload_kilobits_per_second": 8e-3 * payload(file) / soundfile.info(wav).duration}


def adpcm(rate: int, wav: Path, folder: Path) -> tuple[Path, Path, dict]:
    """IMA ADPCM, 4 bits a sample, at another sample rate."""
    file, restored = folder / f"adpcm-{rate}.ima.wav", folder / f"adpcm-{rate}.wav"
    _run("ffmpeg", "-loglevel", "error", "-y", "-i", wav, "-ar", rate, "-c:a", "adpcm_ima_wav", file)
    _run("ffmpeg", "-loglevel", "error", "-y", "-i", file, "-ar", RATE, "-c:a", "pcm_s16le", restored)
    return file, restored, {}


def payload(file: Path) -> int:
    """Bytes of the packets of an Ogg file, without its pages' headers and its first two packets, which are headers."""
    content, at, total = file.read_bytes(), 0, 0
    headers = 0
    while at < len(content):
        table = content[at + 27 : at + 27 + content[at + 26]]
        at += 27 + len(table) + sum(table)
        if headers < 2:  # OpusHead and OpusTags have pages of their own
            headers += any(size < 255 for size in table)
        else:
            total += sum(table)
    return total


def aligned(signal: np.ndarray, restored: np.ndarray) -> tuple[np.ndarray, int]:
    """The restored signal without its delay, of the signal's length, and the delay in samples."""
    size = 1 << (2 * len(signal)).bit_length()
    product = np.fft.rfft(restored, size) * np.conj(np.fft.rfft(signal, size))
    correlation = np.fft.irfft(product, size)
    lags = np.arange(-LARGEST_DELAY, LARGEST_DELAY + 1)
    delay = int(lags[correlation[lags].argmax()])
    moved = restored[delay:] if delay > 0 else np.concatenate([np.zeros(-delay, restored.dtype), restored])
    return np.concatenate([moved, np.zeros(max(0, len(signal) - len(moved)), moved.dtype)])[: len(signal)], delay


def measure(file: Path, wav: Path, signal: np.ndarray, extra: dict) -> dict:
    restored, delay = aligned(signal, soundfile.read(wav, dtype="int16")[0])
    return {
        "bytes": file.stat().st_size,
        "kilobits_per_second": 8e-3 * file.stat().st_size / (len(signal) / RATE),
        **extra,
        "si_sdr": evaluation.si_sdr(signal, restored),
        "log_spectral_distance": evaluation.log_spectral_distance(signal, restored),
        "stoi": evaluation.stoi(signal, restored, RATE),
        "delay": delay,
    }


def by_speaker(model: str) -> dict[str, dict]:
    """What ``zoo evaluate`` says of a codec of signals, of each speaker's recordings in one file."""
    speakers: dict[str, list] = {}
    for row in sorted(
        load_rows("spoken_digit", "train", ("audio/filename", "audio")), key=lambda r: r["audio/filename"]
    ):
        speaker = speaker_of(row["audio/filename"].decode())
        speakers.setdefault(speaker, []).append(row["audio"].astype(np.int16))
    codec = Codec(model)
    return {speaker: measure_audio(codec, speakers[speaker]) for speaker in sorted(speakers)}


def _run(*command) -> None:
    if not shutil.which(command[0]):
        raise SystemExit(f"{command[0]} is not installed: apt-get install opus-tools ffmpeg")
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for codecs.json and the WAVs")
    parser.add_argument("--model", default="signal_ae.spoken_digit")
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--recordings", type=int, help="how many; default: all")
    parser.add_argument("--by-speaker", action="store_true", help="the zoo's codec on each speaker; nothing else")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.by_speaker:
        rows = by_speaker(arguments.model)
        (folder / "speakers.json").write_text(json.dumps(rows, indent=2) + "\n")
        for speaker, row in rows.items():
            print(f"{speaker:12}", "  ".join(f"{name} {value:.3f}" for name, value in row.items()))
        return
    recordings = data.load_audio("spoken_digit", arguments.split)[: arguments.recordings]
    signal, wav = evaluation.joined_audio(recordings), folder / "original.wav"
    soundfile.write(wav, signal, RATE)

    rows = {arguments.model: measure(*(found := zoo_codec(arguments.model, wav, folder))[:2], signal, found[2])}
    ours = rows[arguments.model]["bytes"]
    for kilobits in (6 + step / 10 for step in range(60)):
        found = opus(kilobits, wav, folder)
        enough = found[0].stat().st_size >= ours
        if kilobits == 6 or enough:
            rows[f"opus, {kilobits:g} kbit/s"] = measure(*found[:2], signal, found[2])
        else:
            for path in found[:2]:
                path.unlink()
        if enough:
            break
    equal = int(ours * 8 / (len(signal) / RATE) / 4)  # 4 bits a sample
    for rate in (equal, RATE):
        rows[f"adpcm, {rate} Hz"] = measure(*(found := adpcm(rate, wav, folder))[:2], signal, found[2])
    result = {
        "data": "spoken_digit",
        "split": arguments.split,
        "recordings": len(recordings),
        "seconds": len(signal) / RATE,
        "codecs": rows,
    }
    (folder / "codecs.json").write_text(json.dumps(result, indent=2) + "\n")
    columns = ("kilobits_per_second", "si_sdr", "log_spectral_distance", "stoi")
    for name, row in rows.items():
        print(f"{name:24}", "  ".join(f"{column} {row[column]:7.3f}" for column in columns))


if __name__ == "__main__":
    main()
