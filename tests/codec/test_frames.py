"""Cutting signals into frames and fading them into each other: exact, whatever comes in pieces."""

import numpy as np
import pytest
from tone_signals import tones

import zoo
from zoo.codec import frames


@pytest.mark.parametrize("n", [1, 31, 32, 33, 511, 512, 513, 5000])
@pytest.mark.parametrize(("length", "overlap"), [(576, 64), (96, 0), (64, 32)])
def test_what_is_cut_up_comes_back_exactly(n, length, overlap):
    rng = np.random.default_rng(n)
    signal = rng.integers(-32768, 32768, n).astype(np.int16)
    pieces = np.split(signal, np.sort(rng.integers(0, n + 1, 4)))
    cut = np.concatenate(list(frames.split(pieces, length, overlap)))
    np.testing.assert_array_equal(cut, np.concatenate(list(frames.split([signal], length, overlap))))
    assert cut.shape == (-(-n // (length - overlap)), length)
    fading, out, at = frames.OverlapAdd(n, length, overlap), [], 0
    while at < len(cut):
        count = int(rng.integers(1, 5))
        out.append(fading.add(cut[at : at + count].astype(np.float32)))
        at += count
    np.testing.assert_array_equal(np.concatenate(out), signal)


def test_the_first_frame_begins_half_an_overlap_before_the_signal():
    signal = np.arange(1, 101, dtype=np.int16)
    cut = np.concatenate(list(frames.split([signal], 48, 16)))
    np.testing.assert_array_equal(cut[0], [0] * 8 + list(range(1, 41)))
    np.testing.assert_array_equal(cut[1], range(25, 73))


def test_two_neighbours_weigh_one():
    window = frames.crossfade(576, 64)
    np.testing.assert_allclose(window[:64] + window[-64:], 1, atol=1e-6)
    assert (window[64:-64] == 1).all() and window[0] == pytest.approx(np.sin(np.pi / 256) ** 2, rel=1e-3)


def test_errors_of_two_frames_are_faded():
    fading = frames.OverlapAdd(160, 96, 16)
    out = fading.add(np.stack([np.full(96, 1000.0), np.full(96, -1000.0)]).astype(np.float32))
    assert (out[:72] == 1000).all() and (out[88:] == -1000).all()
    expected = 1000 * np.cos(np.pi * (np.arange(16) + 0.5) / 16)
    np.testing.assert_allclose(out[72:88], expected, atol=0.51)


def test_a_level_follows_at_once():
    loud, quiet, silent = (np.full((n, 8), peak, np.int16) for n, peak in ((1, 20000), (40, 30), (2, 0)))
    levels, state = frames.levels_of(np.concatenate([loud, quiet, silent]))
    lowest = int(np.searchsorted(frames.PEAKS, 30))
    assert levels[0] == 61  # 20000 / 32768 is -4.3 dB, and a step is 1.5 dB
    assert (levels[1:41] == lowest + frames.HEADROOM).all() and (levels[41:] == frames.HEADROOM).all()
    later, _ = frames.levels_of(loud, state)
    assert later[0] == 61
    together, _ = frames.levels_of(np.concatenate([loud, quiet, silent, loud]))
    np.testing.assert_array_equal(together, [*levels, *later])


def test_a_level_of_much_headroom_falls_slowly():
    loud, quiet = np.full((1, 8), 20000, np.int16), np.full((40, 8), 30, np.int16)
    levels, _ = frames.levels_of(np.concatenate([loud, quiet]), headroom=frames.LEVELS)
    assert (np.diff(levels) <= 0).all() and levels[0] - levels[-1] == 40 // frames.DECAY_FRAMES


def test_samples_fit_their_level():
    peaks = np.arange(0, 32769, 7)
    levels = np.concatenate([frames.levels_of(np.full((1, 4), min(p, 32767), np.int16))[0] for p in peaks])
    scale = frames.scale_of(levels)
    assert (peaks <= scale + 1).all() and (peaks[levels > 3] > 0.8 * scale[levels > 3]).all()
    assert frames.scale_of(np.array([63, 59, 3])) == pytest.approx([32768, 16384, 1])


def decibels(signal, error):
    return 10 * np.log10(np.square(signal, dtype=float).sum() / np.square(error, dtype=float).sum())


@pytest.fixture(scope="module")
def shipped():
    return zoo.Codec("signal_ae")


def test_silence_after_speech_is_silent(shipped):
    speech = tones(24_000, 0)
    signal = np.concatenate([speech, np.zeros(16_000, np.int16), speech[:8000]])
    restored = shipped.decompress(shipped.compress(signal)).astype(float)
    silent = restored[len(speech) + 2 * 576 : len(speech) + 16_000 - 576]
    assert np.abs(silent).max() <= 1 and 20 * np.log10(max(silent.std(), 1e-3) / 32768) < -90


@pytest.mark.parametrize("quieter", [20, 30])
def test_quiet_speech_after_loud_speech_keeps_its_ratio(shipped, quieter):
    speech = tones(24_000, 1)
    quiet = np.rint(tones(24_000, 2) * 10 ** (-quieter / 20)).astype(np.int16)
    after = shipped.decompress(shipped.compress(np.concatenate([speech, quiet])))[len(speech) :]
    alone = shipped.decompress(shipped.compress(quiet))
    settled = slice(2 * 576, None)
    expected = decibels(quiet[settled], quiet[settled] - alone[settled].astype(float))
    assert decibels(quiet[settled], quiet[settled] - after[settled].astype(float)) > expected - 1


def test_nothing_clicks_where_levels_change(shipped):
    """The restored signal leaps nowhere by more than the original and the codec's usual error do."""
    speech = tones(8000, 1).astype(float)
    signal = np.concatenate([speech, speech / 30, np.zeros(4000), speech]).astype(np.int16)
    restored = shipped.decompress(shipped.compress(signal)).astype(float)
    usual = np.abs(np.diff(shipped.decompress(shipped.compress(speech.astype(np.int16))).astype(float))).max()
    assert np.abs(np.diff(restored)).max() < 1.2 * usual
