"""Electrocardiograms of people whom training did not see: the zoo's codec beside classical transforms, all bytes.

    ZOO_MITBIH=mitbih_beats.npz python benchmarks/ecg_compression.py -o ecg-compression

Each person of DS2 is one signal at 360 Hz, as far as the file's windows reach. Every codec gets the same signals. The
original has 11 bits a sample, and the compression ratio is their bits against all bytes of the files, of all people
together; samples that bridge a gap between two windows cost bytes and count neither as originals nor in the error. PRD
and PRDN (``zoo.codec.media.signals.percent_differences``) are the means over the people.

Beside the zoo's models, each at its own rate:

- wavelet: the biorthogonal 4.4 wavelet over 5 octaves (PyWavelets), coefficients below a threshold set to 0, the others
  to whole steps;
- dct and pca: the same of a cosine transform, and of the principal components of the training people, of 256 samples;
- decimate: fewer samples, 8 bits each, no entropy coder.

The first three quantise with a step that is a share of each person's standard deviation, and go through the zoo's
entropy coder (``zoo.codec.tables.Tables``): as many tables as the zoo's model has, counted over the training people, of
which every 256 samples take the cheapest. The threshold is the one of a few that is best for the validation people. At
10 : 1 and 20 : 1 their PRD is interpolated between two measured steps, in logarithms of both.

Needs PyWavelets (pip install 'autoencoder-zoo[benchmark]').
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo.codec import Codec
from zoo.codec.tables import PRECISION, Tables
from zoo.data.heartbeats import BITS, RATE, Stretch, load_people
from zoo.evaluation import measure_people

BLOCK, LEVELS, WAVELET = 256, 5, "bior4.4"
STEPS = (0.18, 0.3, 0.5, 0.8)  # of the standard deviation
THRESHOLDS = (0.55, 0.65, 0.75)  # of a step
TRAINED_BLOCKS, ROUNDS = 6000, 6
TARGETS = (10, 20)
DECIMATED = (36, 24, 18, 12)  # Hz, of 360


def wavelet(signal: np.ndarray) -> np.ndarray:
    """Coefficients ``(blocks, 256)`` of a signal whose length is a multiple of 256; a row is of one time."""
    import pywt

    parts = pywt.wavedec(signal, WAVELET, mode="periodization", level=LEVELS)
    return np.concatenate([part.reshape(len(signal) // BLOCK, -1) for part in parts], axis=1)


def from_wavelet(coefficients: np.ndarray) -> np.ndarray:
    import pywt

    sizes = [BLOCK >> LEVELS, *(BLOCK >> level for level in range(LEVELS, 0, -1))]
    parts = np.split(coefficients, np.cumsum(sizes)[:-1], axis=1)
    return pywt.waverec([part.ravel() for part in parts], WAVELET, mode="periodization")


def transforms(train: list[np.ndarray]) -> dict[str, tuple[Callable, Callable]]:
    """Name → a transform of a padded signal to ``(blocks, 256)``, and back."""
    from scipy.fft import dct, idct

    blocks = np.concatenate([padded(signal).reshape(-1, BLOCK) / signal.std() for signal in train])
    _, basis = np.linalg.eigh(blocks.T @ blocks)  # columns are orthonormal
    return {
        "wavelet": (wavelet, from_wavelet),
        "dct": (
            lambda signal: dct(signal.reshape(-1, BLOCK), norm="ortho"),
            lambda found: idct(found, norm="ortho").ravel(),
        ),
        "pca": (lambda signal: signal.reshape(-1, BLOCK) @ basis, lambda found: (found @ basis.T).ravel()),
    }


def padded(signal: np.ndarray) -> np.ndarray:
    return np.pad(signal.astype(np.float64), (0, -len(signal) % BLOCK), mode="edge")


def quantised(coefficients: np.ndarray, step: float, threshold: float) -> np.ndarray:
    symbols = np.rint(coefficients / step)
    return np.where(np.abs(coefficients) < threshold * step, 0, symbols).astype(np.int64)


def tables_of(symbols: np.ndarray, number: int) -> Tables:
    """Tables of symbols ``(n, 256)``, of training blocks: each is counted over those that it codes in fewest bits."""
    reach = np.ceil(1.5 * np.abs(symbols).max(axis=0)).astype(np.int64) + 1
    sizes, most = 2 * reach + 1, int(reach.max())
    values = np.arange(-most, most + 1)
    inside = np.abs(values) <= reach[:, None]
    order = np.argsort(np.abs(symbols).sum(axis=1))  # first by how much a block holds
    chosen = np.empty(len(symbols), np.int64)
    chosen[order] = np.arange(len(symbols)) * number // len(symbols)
    columns = np.arange(BLOCK)
    for _ in range(ROUNDS):
        masses = []
        for table in range(number):
            members = symbols[chosen == table]
            # A symbol's share is its count, smoothed by the Laplace distribution of the mean magnitude.
            mean = (np.abs(members).sum(axis=0) + 0.05) / (len(members) + 1)
            decay = mean / (np.sqrt(1 + mean**2) + 1)
            prior = np.power(decay[:, None], np.abs(values)) * inside + 1e-12 * inside
            mass = 8 * prior / prior.sum(axis=1, keepdims=True)
            np.add.at(mass, (np.broadcast_to(columns, members.shape), members + most), 1)
            masses.append(mass / mass.sum(axis=1, keepdims=True))
        bits = [-np.log2(np.maximum(mass, 2.0**-PRECISION)) for mass in masses]
        use = (np.bincount(chosen, minlength=number) + 1) / (len(symbols) + number)
        costs = [b[columns, symbols + most].sum(axis=1) - np.log2(share) for b, share in zip(bits, use, strict=True)]
        chosen = np.argmin(costs, axis=0)
    counts = [whole(mass[row][inside[row]]) for mass in masses for row in range(BLOCK)]
    return Tables(
        requantize=np.zeros(256, np.int16), minimum=(-reach).astype(np.int16), size=sizes.astype(np.int16),
        counts=np.concatenate(counts).astype(np.uint32), step=1.0, tile=(1, BLOCK, 1),
        index_counts=whole(use).astype(np.uint32) if number > 1 else None,
    )  # fmt: skip


def whole(mass: np.ndarray) -> np.ndarray:
    """Integers of at least 1 that sum to 2^24, in proportion to a mass."""
    counts = 1 + np.floor(mass / mass.sum() * ((1 << PRECISION) - len(mass))).astype(np.int64)
    counts[np.argmax(counts)] += (1 << PRECISION) - counts.sum()
    return counts


def coded(people, transform, tables: Tables, step: float, threshold: float) -> dict:
    """What a transform with its tables makes of people: real words of the entropy coder, and 2 bytes for the step."""
    forward, back = transform
    highest = tables.minimum + (tables.size - 1)

    def code(signal):
        own = step * float(np.float16(signal.std()))
        symbols = np.clip(quantised(forward(padded(signal)), own, threshold), tables.minimum, highest)
        words = tables.encode(symbols)
        return 4 * len(words) + 2, back(symbols * own)[: len(signal)]

    return measure_people(code, people)


def decimated(people, rate: int) -> dict:
    """What fewer samples of 8 bits make of people."""
    import soxr

    def code(signal):
        largest = np.abs(signal).max()
        low = np.rint(soxr.resample(signal.astype(np.float64), RATE, rate) * (127 / largest)).clip(-127, 127)
        found = soxr.resample(low * (largest / 127), rate, RATE)
        return len(low) + 2, np.pad(found, (0, max(0, len(signal) - len(found))))[: len(signal)]

    return measure_people(code, people)


def of_zoo(people, name: str) -> dict:
    """What a model of the zoo makes of people, a container each."""
    codec = Codec(name)

    def code(signal):
        data = codec.compress(signal)
        return len(data), codec.decompress(data)

    return measure_people(code, people)


def at_ratio(points: list[dict], ratio: float, name: str) -> float | None:
    """A measure at a ratio, between the two nearest points of a curve; None beyond its ends."""
    curve = sorted((point["ratio"], point[name]) for point in points)
    if not curve[0][0] <= ratio <= curve[-1][0]:
        return None
    ratios, values = np.log(np.array(curve)).T
    return float(np.exp(np.interp(np.log(ratio), ratios, values)))


def curve(name, transform, train, choose, people, number: int) -> list[dict]:
    """The points of a transform, with the threshold that is best for other people."""
    forward, _ = transform
    blocks = np.concatenate([forward(padded(signal)) / signal.std() for signal in train])
    blocks = blocks[np.linspace(0, len(blocks) - 1, min(len(blocks), TRAINED_BLOCKS)).astype(int)]

    def fitted(step, threshold):
        return tables_of(quantised(blocks, step, threshold), number)

    middle = STEPS[len(STEPS) // 2]
    tried = {}
    for threshold in THRESHOLDS:
        found = coded(choose, transform, fitted(middle, threshold), middle, threshold)
        tried[threshold] = np.log(found["prd"]) - np.log(found["ratio"])  # PRD rises about as the ratio does
    threshold = min(tried, key=tried.get)
    points = []
    for step in STEPS:
        found = coded(people, transform, fitted(step, threshold), step, threshold)
        points.append({"codec": name, "step": step, "threshold": threshold, **found})
    return points


def cut(people: list[Stretch], seconds: float | None) -> list[Stretch]:
    """The first seconds of each person."""
    end = None if seconds is None else int(RATE * seconds)
    return [Stretch(person.record, person.samples[:end], person.known[:end]) for person in people]


def draw(points: list[dict], path: Path) -> None:
    from zoo import plots

    series = {}
    for point in points:
        series.setdefault(point["codec"], ([], []))[0].append(point["ratio"])
        series[point["codec"]][1].append(point["prd"])
    plots.lines(series, path, x_label="compression ratio, 11 bits a sample", y_label="PRD, %", log_x=True, log_y=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for ecg.json and ecg.png")
    parser.add_argument("--models", nargs="*", default=["signal_ae.ecg", "signal_ae.ecg_20"])
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--seconds", type=float, help="of each person; default: all")
    arguments = parser.parse_args()
    train = [person.samples for person in cut(load_people("train"), 600)]
    choose = cut(load_people("validation"), 120)
    people = cut(load_people(arguments.split), arguments.seconds)
    points = [{"codec": name, **of_zoo(people, name)} for name in arguments.models]
    number = len(Codec(arguments.models[0]).tables.index_counts) if arguments.models else 32
    for name, transform in transforms(train).items():
        points += curve(name, transform, train, choose, people, number)
    points += [{"codec": "decimate", "rate": rate, **decimated(people, rate)} for rate in DECIMATED]
    at = {}
    for name in dict.fromkeys(point["codec"] for point in points):
        own = [point for point in points if point["codec"] == name]
        at[name] = {f"{measure} at {r} : 1": at_ratio(own, r, measure) for r in TARGETS for measure in ("prd", "prdn")}
    result = {
        "data": "mitbih", "split": arguments.split, "people": len(people), "bits": BITS,
        "seconds": sum(int(person.known.sum()) for person in people) / RATE,
        "tables": number, "points": points, "at": at,
    }  # fmt: skip
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "ecg.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(points, arguments.output / "ecg.png")
    for point in points:
        extra = {key: point[key] for key in ("step", "threshold", "rate") if key in point}
        measures = f"PRD {point['prd']:6.2f} %  PRDN {point['prdn']:6.2f} %"
        print(f"{point['codec']:18} {point['ratio']:6.2f} : 1  {measures}", extra or "")
    for name, row in at.items():
        print(f"{name:18}", {key: value and round(value, 2) for key, value in row.items()})


if __name__ == "__main__":
    main()
