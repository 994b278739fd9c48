"""Texts to words without loss: a recurrent language model in integers, mixed with what the text itself has shown.

Mahoney 2000, "Fast Text Compression with Neural Networks", for a network that foretells a text and a coder that takes
only what it did not foresee. Differs from the paper in a network that is trained beforehand and does not change, which
counts of the text's own pieces adapt; in pieces of SentencePiece for bits; and in many places of a text coded at once,
so that the network's products are of matrices.
"""

import functools
import hashlib
import platform
import re
from collections.abc import Callable

import numpy as np

from zoo import artifacts
from zoo.codec.contexts import Contexts
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Probe
from zoo.codec.language import BLOCKS, LanguageModel, LanguageTables
from zoo.codec.tables import PRECISION
from zoo.codec.tokenizer import END, START, Tokenizer

LANES = 256  # the most tiles of a chunk: memory grows by them
NOTHING = -1  # in a tile, after its last byte
END_MASS = 1 << 10  # of the end of a lane, at any place
PROBE_LANES, PROBE_STEPS = 4, 8
MOST_RATIO = 8  # of a chunk's text to its bytes, where it could be coded otherwise
MOST_RATIO_ALONE = 1 << 12  # where it could not
SAMPLE_LANES, SAMPLE_BYTES = 16, 256  # of a chunk, that show whether the model suits it
# What no piece gives back: bytes that are no UTF-8, and the character by which SentencePiece writes a space.
_RAW = re.compile("([\udc80-\udcff\u2581]+)")


class TextCoder:
    """What a language model does with tiles, which are runs of a text's bytes.

    ::

        tile → pieces → each by the network's and the contexts' distribution → range coder → words

    The tiles of a chunk are coded side by side, as lanes: step by step, the next piece of each. The network begins each
    lane anew; the counts are of all lanes' earlier steps.

    Args:
        artifact: with ``text.npz`` and ``tokenizer.model``.
    """

    tables_file = "text.npz"
    offers: frozenset[str] = frozenset()
    lossless, depths, qualities = True, (8,), None
    tiles_per_chunk = LANES  # about 1 MB of text: counts begin anew in each

    def __init__(self, artifact: artifacts.Artifact):
        self._tables = LanguageTables.read(artifact.file("text.npz"))
        self._model = LanguageModel(self._tables)
        self._tokenizer = Tokenizer(artifact.file("tokenizer.model").read_bytes())
        if len(self._tokenizer) != self._model.vocabulary:
            raise ValueError(
                f"{artifact.name}: tokenizer.model has {len(self._tokenizer)} pieces, text.npz has "
                f"{self._model.vocabulary}. Reinstall the model."
            )
        self.tile = (1, int(self._tables.tile))
        # A piece costs 48 bits at most, and gives a byte at least; the space before the first, and the end, give none.
        self.words_per_tile = 3 * (self.tile[1] + 2) // 2 + 1

    @functools.cached_property
    def probe(self) -> Probe:
        """What this machine's network gives, for another machine to compare."""
        digest = hashlib.sha256()
        state = self._model.start(PROBE_LANES)
        for step in range(PROBE_STEPS):
            pieces = np.arange(PROBE_LANES) * 2654435761 + step * 40503 >> 3
            weights, state = self._model.step(pieces % self._model.vocabulary, state)
            digest.update(weights.astype("<i4").tobytes())
            digest.update(state.astype("<i4").tobytes())
        return Probe(f"NumPy {np.__version__} on {platform.machine()}", digest.digest()[:8])

    def pack(self, tiles: np.ndarray, advance: Callable[[float], None] | None = None) -> np.ndarray:
        """Uint32 words of tiles, int16 ``(n, bytes)``, ``NOTHING`` after the last byte.

        Args:
            tiles: at most ``LANES``.
            advance: hears which part of them is done.
        """
        coder, sizes = _Encoder(), (tiles != NOTHING).sum(axis=1)
        lanes = [self.pieces(row[:size].astype(np.uint8).tobytes()) for row, size in zip(tiles, sizes, strict=True)]
        self._run(sizes, lambda distribution, lane, at: coder.put(distribution, [lanes[i][at] for i in lane]), advance)
        return coder.words()

    def estimated_words(self, tiles: np.ndarray) -> float:
        """About how many words tiles take, and rather too many, from a few bytes of some of them."""
        some = tiles[:: -(-len(tiles) // SAMPLE_LANES), :SAMPLE_BYTES]
        size, seen = (tiles != NOTHING).sum(), (some != NOTHING).sum()
        return 0 if 4 * seen >= size else len(self.pack(some)) * size / seen

    def most_words(self, count: int, size: int) -> int:
        """The most words that tiles can take."""
        return count * self.words_per_tile + 2

    def least_words(self, count: int, size: int, coded: bool) -> float:
        """The fewest words that texts of ``size`` bytes are accepted in, so that few bytes do not buy much work.

        What takes less is coded otherwise where a chunk says how (``coded``).
        """
        return size / (4 * (MOST_RATIO if coded else MOST_RATIO_ALONE)) - 1

    def unpack(
        self,
        words: np.ndarray,
        count: int,
        sizes: np.ndarray,
        advance: Callable[[float], None] | None = None,
    ) -> np.ndarray:
        """The tiles, int16 ``(count, bytes)``, that words stand for.

        Args:
            words: uint32.
            count: of the tiles.
            sizes: bytes of each.
            advance: hears which part of them is done.

        Raises:
            CodecError: if they are not those of ``count`` tiles of these sizes.
        """
        if count > LANES:
            raise CodecError(f"it has {count} tiles: of a text, {LANES} are the most")
        coder, tiles = _Decoder(words), np.full((count, self.tile[1]), NOTHING, np.int16)
        lanes = self._run(sizes, lambda distribution, lane, at: coder.take(distribution), advance)
        if not np.array_equal(coder.words(), words):
            raise CodecError(f"its words do not end with the pieces of {count} tiles")
        for row, pieces in zip(tiles, lanes, strict=True):
            content = self.content(pieces)
            row[: len(content)] = np.frombuffer(content, np.uint8)
        return tiles

    # Pieces

    def pieces(self, content: bytes) -> list[int]:
        """A tile's pieces, ``END`` included; they begin with a space, which is not the tile's."""
        if not content:
            return [END]
        found, first = [], True
        for number, run in enumerate(_RAW.split(content.decode("utf-8", "surrogateescape"))):
            if number % 2:
                found += self._raw(run, first)
            elif first:
                found += self._tokenizer.encode(run)
            elif run:
                # SentencePiece puts a space before what it is given: from a space on, that is right.
                head, space, rest = run.partition(" ")
                found += self._raw(head) + (self._spaced(rest) if space else [])
            first = first and not run
        if self._joined(found) != b" " + content:
            found = self._tokenizer.byte_pieces[np.frombuffer(b" " + content, np.uint8)].tolist()
        return [*found, END]

    def _spaced(self, text: str) -> list[int]:
        return self._tokenizer.encode(text) or self._raw(" ")

    def _raw(self, text: str, first: bool = False) -> list[int]:
        content = b" " * first + text.encode("utf-8", "surrogateescape")
        return self._tokenizer.byte_pieces[np.frombuffer(content, np.uint8)].tolist()

    def content(self, pieces: list[int]) -> bytes:
        """The bytes of a tile's pieces, without ``END``.

        Raises:
            CodecError: if they are no tile's.
        """
        content = self._joined(pieces)
        if content[:1] not in (b"", b" "):
            raise CodecError("its pieces do not begin with a space")
        return content[1:]

    def _joined(self, pieces: list[int]) -> bytes:
        return b"".join(map(self._tokenizer.piece_bytes.__getitem__, pieces))

    # Steps

    def _run(self, wanted: np.ndarray, next_pieces, advance: Callable[[float], None] | None) -> list[list[int]]:
        """Goes through all lanes, step by step, until each has its ``END``.

        Args:
            wanted: bytes of each lane.
            next_pieces: takes a ``Distribution``, the numbers of the lanes that go on, and the step, from 0; returns
                their pieces.
            advance: hears which part of the bytes is done.

        Returns:
            The pieces of each lane, without ``END``.

        Raises:
            CodecError: if a lane has other bytes than it should.
        """
        count = len(wanted)
        lanes = [[START] for _ in range(count)]
        contexts = Contexts(self._tables.confidence, self._model.vocabulary)
        running, state = list(range(count)), self._model.start(count)
        left = [int(size) + (size > 0) for size in wanted]  # with the space before the first
        step, total = 0, max(sum(left), 1)
        while running:
            histories = [lanes[lane] for lane in running]
            weights, state = self._model.step(np.array([history[-1] for history in histories]), state)
            pieces = next_pieces(Distribution(weights, contexts, histories), running, step)
            contexts.add(histories, pieces)
            for history, lane, piece in zip(histories, running, pieces, strict=True):
                history.append(piece)
                left[lane] -= self._size(piece)
                if left[lane] < 0 or (piece == END and left[lane]):
                    raise CodecError(
                        f"a tile of {wanted[lane]} bytes has {'less' if piece == END else 'more'}: the file is corrupt"
                    )
            going = [at for at, piece in enumerate(pieces) if piece != END]
            if len(going) < len(running):
                running, state = [running[at] for at in going], state[going]
            step += 1
            if advance and step % 16 == 0:
                advance(1 - sum(left) / total)
        return [lane[1:-1] for lane in lanes]

    def _size(self, piece: int) -> int:
        if piece == END:
            return 0
        if piece >= self._model.vocabulary or not self._tokenizer.piece_bytes[piece]:
            raise CodecError("its words stand for a piece that no text has")
        return len(self._tokenizer.piece_bytes[piece])


class Distribution:
    """Of the next piece of each lane, as the frequencies of its block, and of its place within the block."""

    def __init__(self, weights: np.ndarray, contexts: Contexts, histories: list[list[int]]):
        lanes = len(weights)
        self._weights, self._rest = weights, np.full(lanes, (1 << PRECISION) - END_MASS, np.int64)
        self._lanes, self._pieces, self._masses = contexts.masses(histories, self._rest)
        self._sums = weights.sum(axis=1, dtype=np.int64)
        self._total = self._sums.sum(axis=1)

    def blocks(self) -> np.ndarray:
        """Frequencies of the blocks, int64 ``(lanes, BLOCKS)``, at least 1, with the sum 2^24."""
        masses = self._rest[:, None] * self._sums // self._total[:, None]
        masses[:, END % BLOCKS] += END_MASS
        masses += _scattered(self._lanes * BLOCKS + self._pieces % BLOCKS, self._masses, masses.shape)
        return frequencies(masses)

    def places(self, blocks: np.ndarray) -> np.ndarray:
        """Frequencies within a block of each lane, int64 ``(lanes, v / BLOCKS)``, at least 1, with the sum 2^24."""
        weights = self._weights[np.arange(len(blocks)), :, blocks].astype(np.int64)
        masses = (self._rest[:, None] * weights << 12) // self._total[:, None]
        masses[blocks == END % BLOCKS, END // BLOCKS] += END_MASS << 12
        inside = self._pieces % BLOCKS == blocks[self._lanes]
        places = self._lanes[inside] * masses.shape[1] + self._pieces[inside] // BLOCKS
        masses += _scattered(places, self._masses[inside] << 12, masses.shape)
        return frequencies(masses)


def frequencies(masses: np.ndarray) -> np.ndarray:
    """Integers at least 1 with the sum 2^24, as masses up to 2^37 are; the first largest takes what is left."""
    total = 1 << PRECISION
    masses = masses + 1
    counts = 1 + masses * (total - masses.shape[1]) // masses.sum(axis=1, keepdims=True)
    counts[np.arange(len(counts)), masses.argmax(axis=1)] += total - counts.sum(axis=1)
    return counts


class _Encoder:
    """Pieces to words."""

    def __init__(self):
        import constriction

        self._coder = constriction.stream.queue.RangeEncoder()

    def put(self, distribution: Distribution, pieces: list[int]) -> list[int]:
        symbols = np.array(pieces, np.int32)
        blocks = symbols % BLOCKS
        self.encode(blocks, distribution.blocks())
        self.encode(symbols // BLOCKS, distribution.places(blocks))
        return pieces

    def encode(self, symbols: np.ndarray, counts: np.ndarray) -> None:
        # With weights of count - 1, the coder's frequencies are the counts themselves.
        self._coder.encode(symbols, _family(), (counts - 1).astype(np.float64))

    @property
    def size(self) -> int:
        return self._coder.num_words()

    def words(self) -> np.ndarray:
        return self._coder.get_compressed()


class _Decoder:
    """Words to pieces, which it encodes again: only words that an encoder wrote come out the same."""

    def __init__(self, words: np.ndarray):
        import constriction

        self._coder, self._again = constriction.stream.queue.RangeDecoder(words), _Encoder()
        self.words, self._most = self._again.words, len(words)

    def take(self, distribution: Distribution) -> list[int]:
        blocks = self._decode(distribution.blocks())
        return (self._decode(distribution.places(blocks)) * BLOCKS + blocks).tolist()

    def _decode(self, counts: np.ndarray) -> np.ndarray:
        try:
            symbols = self._coder.decode(_family(), (counts - 1).astype(np.float64))
        except AssertionError:  # constriction's, of a state that no encoder has
            raise CodecError("its words stand for no pieces") from None
        self._again.encode(symbols, counts)
        if self._again.size > self._most:  # beyond their end, words are zeros: this could take long
            raise CodecError("its words end too early")
        return symbols


@functools.cache
def _family():
    import constriction

    return constriction.stream.model.Categorical(perfect=False)


def _scattered(places: np.ndarray, masses: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    # Sums below 2^53: exact, though they are floats.
    return np.bincount(places, masses, minlength=shape[0] * shape[1]).astype(np.int64).reshape(shape)
