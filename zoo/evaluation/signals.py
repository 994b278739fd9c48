"""Measures of what codecs make of measured signals of many people."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from zoo.codec import Codec
from zoo.codec.media.signals import percent_differences
from zoo.data.heartbeats import BITS, Stretch


def measure_codec_of_people(codec: Codec, people: Iterable[Stretch]) -> dict[str, float]:
    """What a codec makes of people's signals, a container each.

    Args:
        codec: of measured signals.
        people: see ``zoo.data.load_people``.

    Returns:
        ``codec_ratio``, ``codec_prd``, ``codec_prdn`` and ``codec_bytes``: see ``measure_people``.
    """

    def code(signal: np.ndarray) -> tuple[int, np.ndarray]:
        data = codec.compress(signal)
        return len(data), codec.decompress(data)

    found = measure_people(code, people)
    return {f"codec_{name}": found[name] for name in ("ratio", "prd", "prdn", "bytes")}


def measure_people(
    code: Callable[[np.ndarray], tuple[int, np.ndarray]], people: Iterable[Stretch], *, bits: int = BITS
) -> dict[str, Any]:
    """What any codec makes of people's signals.

    Samples that bridge a gap cost bytes, but count neither as originals nor in the error.

    Args:
        code: a signal int16 ``(n,)`` → its bytes, all of them, and what is restored, ``(n,)``.
        people: see ``zoo.data.load_people``.
        bits: of an original sample: the database was recorded with 11.

    Returns:
        ``ratio``: bits of all originals against those of all bytes; ``prd`` and ``prdn``, means over the people, in per
        cent (``percent_differences``); ``bytes``; ``people``: record, ratio, PRD and PRDN of each.
    """
    size = samples = 0
    rows = []
    for person in people:
        taken, restored = code(person.samples)
        known = int(person.known.sum())
        size, samples = size + taken, samples + known
        prd, prdn = percent_differences(person.samples[person.known], np.asarray(restored)[person.known])
        rows.append({"record": person.record, "ratio": bits * known / (8 * taken), "prd": prd, "prdn": prdn})
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("prd", "prdn")}
    return {"bytes": size, "ratio": bits * samples / (8 * size), **means, "people": rows}
