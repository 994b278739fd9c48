"""Noisy speech through the zoo's denoiser, ffmpeg's afftdn and spectral gating: SI-SDR and STOI by noise and level.

    python benchmarks/speech_denoising.py -o denoising.json
    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-it-wav asterisk-moh-opsound-wav
    python benchmarks/speech_denoising.py --voices /usr/share/asterisk/sounds/*/ --music /usr/share/asterisk/moh \\
        -o denoising.json

Voices are the test speaker of spoken_digit, whom training has not heard, and each folder of recordings that is given;
their recordings, of a second at least, follow one another. Noises are white, pink and brown, a hum of 50 Hz with its
overtones, wind (brown, of a moving loudness), and, where there are folders, music and, of several, babble of the other
voices together: training knows none of the last four. Each is added at several levels.

- ``model``: what the network gives alone, ``gated``: ``zoo.denoise_audio``;
- ``afftdn``: ffmpeg's, following the noise (``tn=1``), with the best of a few noise floors for each noise and level, by
  the clean speech, which the others are not given;
- ``spectral_gating``: stationary, as noisereduce 3 does it (Sainburg, Thielk & Gentner 2020): what lies less than 1.5
  standard deviations above a frequency's mean level in dB is left out, softened over frequencies and time.

Needs ffmpeg, and pystoi (pip install 'autoencoder-zoo[benchmark]').
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
LEVELS = (0, 5, 10, 15, 20)  # dB
FLOORS = (-50, -40, -30, -20)  # dB, of afftdn


def voice(folder: Path, seconds: int) -> np.ndarray:
    """Recordings of a folder, one after the other in a random order, float ``(samples,)`` with a peak of 0.6."""
    files = sorted(folder.glob("*.wav"))
    np.random.default_rng(0).shuffle(files)
    parts = []
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        if rate == RATE and samples.ndim == 1 and len(samples) >= RATE:
            parts.append(samples)
        if sum(map(len, parts)) >= seconds * RATE:
            break
    joined = np.concatenate(parts)[: seconds * RATE]
    return joined * (0.6 / np.abs(joined).max())


def coloured(n: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose power falls with the frequency to the power of an exponent, from 20 Hz on."""
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    shape = np.where(frequencies >= 20, np.maximum(frequencies, 20) ** (-exponent / 2), 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape, n)
    return noise / noise.std()


def noises(n: int, voices: dict[str, np.ndarray], music: Path | None) -> dict[str, np.ndarray]:
    """All noises, float ``(n,)`` each, of any level."""
    rng, time = np.random.default_rng(0), np.arange(n) / RATE
    found = {name: coloured(n, exponent, rng) for name, exponent in (("white", 0), ("pink", 1), ("brown", 2))}
    found["hum"] = sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 20)) + coloured(n, 0, rng) / 10
    found["wind"] = coloured(n, 2, rng) * (0.3 + np.abs(coloured(n, 3, rng)))
    if len(voices) > 1:
        found["babble"] = sum(np.roll(np.resize(samples, n), 9973 * at) for at, samples in enumerate(voices.values()))
    if music is not None:
        samples = soundfile.read(sorted(music.glob("*.wav"))[0], dtype="float32")[0]
        found["music"] = np.resize(samples[20 * RATE :], n)
    return found


def afftdn(noisy: np.ndarray, floor: int) -> np.ndarray:
    """By ffmpeg, its delay taken out."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = (str(Path(folder, name)) for name in ("before.wav", "after.wav"))
        soundfile.write(before, noisy, RATE, subtype="FLOAT")
        options = ["-af", f"afftdn=nr=20:nf={floor}:tn=1", "-c:a", "pcm_f32le"]
        subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", before, *options, after], check=True)
        found = soundfile.read(after)[0]
    found = np.pad(found, (0, max(0, len(noisy) - len(found))))[: len(noisy)]
    size = 2 * len(noisy)
    lags = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(noisy, size)))
    return np.roll(found, -int((lags.argmax() + len(noisy)) % size - len(noisy)))


def spectral_gating(noisy: np.ndarray) -> np.ndarray:
    """Stationary, without a recording of noise alone."""
    from scipy.ndimage import uniform_filter
    from scipy.signal import istft, stft

    spectrum = stft(noisy, nperseg=512, noverlap=384)[2]
    decibels = 20 * np.log10(np.maximum(np.abs(spectrum), 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    threshold = decibels.mean(axis=1, keepdims=True) + 1.5 * decibels.std(axis=1, keepdims=True)
    mask = uniform_filter((decibels > threshold).astype(float), (9, 5))
    return istft(spectrum * mask, nperseg=512, noverlap=384)[1][: len(noisy)]


def measure(clean: np.ndarray, noise: np.ndarray, level: float, model) -> dict[str, dict[str, float]]:
    """Name of a way → ``si_sdr`` in dB and ``stoi``."""
    from zoo import evaluation
    from zoo.denoising import audio

    noisy = clean + noise * np.sqrt(np.sum(clean**2) / np.sum(noise**2)) * 10 ** (-level / 20)
    gain = min(1.0, 0.98 / np.abs(noisy).max())
    clean, noisy = gain * clean, gain * noisy
    samples = np.rint(noisy * 32768).astype(np.int16)
    length = model.example_shape[0]
    pairs = list(audio._by_model([samples], len(samples), model, length, length // 2))
    by_floor = [afftdn(noisy, floor) for floor in FLOORS]
    ways = {
        "noisy": noisy,
        "model": np.concatenate([found for _, found in pairs]),
        "gated": np.concatenate(list(audio._in_sections(pairs, len(samples), None))),
        "afftdn": max(by_floor, key=lambda found: evaluation.si_sdr(clean, found)),
        "spectral_gating": spectral_gating(noisy),
    }
    return {
        name: {"si_sdr": evaluation.si_sdr(clean, found), "stoi": evaluation.stoi(clean, found, RATE)}
        for name, found in ways.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .json file")
    parser.add_argument("--model", default="denoising_signal_ae.spoken_digit")
    parser.add_argument("--voices", type=Path, nargs="*", default=[], help="folders of recordings at 8 kHz")
    parser.add_argument("--music", type=Path, help="a folder of music at 8 kHz")
    parser.add_argument("--seconds", type=int, default=20, help="of each voice, at least 5")
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS, help="of noise, in dB below the speech")
    arguments = parser.parse_args()
    if not shutil.which("ffmpeg"):
        raise SystemExit("ffmpeg is not installed: apt-get install ffmpeg")
    import zoo
    from zoo import data, evaluation

    model, samples = zoo.load(arguments.model), arguments.seconds * RATE
    test = evaluation.joined_audio(data.load_audio("spoken_digit", "test"))[:samples] / 32768
    voices = {"spoken_digit": test, **{folder.name: voice(folder, arguments.seconds) for folder in arguments.voices}}
    rows = []
    for name, clean in voices.items():
        others = {other: values for other, values in voices.items() if other != name}
        for kind, noise in noises(len(clean), others, arguments.music).items():
            for level in arguments.levels:
                rows.append({"voice": name, "noise": kind, "level": level, **measure(clean, noise, level, model)})
                arguments.output.write_text(json.dumps(rows, indent=2) + "\n")
    ways = ("noisy", "model", "gated", "afftdn", "spectral_gating")
    print(f"{'':10}{'dB':>4}", *(f"{way:>16}" for way in ways))
    for kind in dict.fromkeys(row["noise"] for row in rows):
        for level in arguments.levels:
            chosen = [row for row in rows if (row["noise"], row["level"]) == (kind, level)]
            means = [[np.mean([row[way][key] for row in chosen]) for key in ("si_sdr", "stoi")] for way in ways]
            print(f"{kind:10}{level:4g}", *(f"{si_sdr:9.1f} {stoi:6.3f}" for si_sdr, stoi in means))
    least = min(rows, key=lambda row: row["gated"]["si_sdr"] - row["noisy"]["si_sdr"])
    loss = least["gated"]["si_sdr"] - least["noisy"]["si_sdr"]
    print(f"The least gain is {loss:+.2f} dB: {least['voice']}, {least['noise']}, {least['level']} dB.")


if __name__ == "__main__":
    main()
