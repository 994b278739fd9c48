"""Texts as integers and back: the pieces of SentencePiece."""

import functools
import io
from collections.abc import Iterable

import numpy as np

from zoo import extras

PAD, UNKNOWN, START, END = range(4)  # the first pieces of every vocabulary


class Tokenizer:
    """A trained SentencePiece model whose pieces give every text back exactly.

    Args:
        model: its bytes, as ``train_tokenizer`` returns them.

    Raises:
        ValueError: if they are none.

    References:
        Kudo & Richardson 2018, "SentencePiece: A simple and language independent subword tokenizer".
    """

    def __init__(self, model: bytes):
        with extras.needed("The tokenizer of texts"):
            import sentencepiece

        self.model = bytes(model)
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_proto=self.model)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"The tokenizer is damaged: {error}. Reinstall the model.") from None

    def __len__(self) -> int:
        return self._pieces.vocab_size()

    def encode(self, texts: str | list[str]) -> list:
        """Integers of a text, or a list of them for each of many."""
        return self._pieces.encode(texts)

    def decode(self, pieces: Iterable[int]) -> str:
        """The text of pieces, up to the first ``END``; padding and the like are passed over."""
        kept = []
        for piece in map(int, pieces):
            if piece == END:
                break
            if piece > END:
                kept.append(piece)
        return self._pieces.decode(kept)

    def padded(self, texts: Iterable[str], length: int) -> np.ndarray:
        """Int32 ``(n, length)``: the pieces of each text, cut to fit, ``END``, and zeros."""
        return self.filled([row[: length - 1] for row in self.encode(list(texts))], length)

    @staticmethod
    def filled(rows: list[list[int]], length: int | None = None) -> np.ndarray:
        """Int32 ``(n, length)``: rows of pieces, each followed by ``END`` and zeros; None for the longest's length."""
        length = max(map(len, rows), default=0) + 1 if length is None else length
        result = np.full((len(rows), length), PAD, np.int32)
        for row, pieces in zip(result, rows, strict=True):
            row[: len(pieces) + 1] = [*pieces, END]
        return result

    @functools.cached_property
    def byte_pieces(self) -> np.ndarray:
        """The piece of each byte, int32 ``(256,)``, with which anything can be written."""
        return np.array([self._pieces.piece_to_id(f"<0x{byte:02X}>") for byte in range(256)], np.int32)

    @functools.cached_property
    def rarity(self) -> np.ndarray:
        """How much each piece tells of a text, float32 ``(pieces,)``: its information in nats, by the unigram model; 0
        of pieces without letters or digits.
        """
        told = [any(map(str.isalnum, self._pieces.id_to_piece(at))) and at > END for at in range(len(self))]
        nats = [-self._pieces.get_score(at) if tells else 0.0 for at, tells in enumerate(told)]
        return np.maximum(nats, 0).astype(np.float32)

    @functools.cached_property
    def piece_bytes(self) -> list[bytes]:
        """The bytes that each piece stands for, none of the special ones; what a text's give together is the text's."""
        found = [b""] * (END + 1)
        found += [self._pieces.id_to_piece(at).replace("\u2581", " ").encode() for at in range(END + 1, len(self))]
        for byte, piece in enumerate(self.byte_pieces):
            found[piece] = bytes([byte])
        return found


def train_tokenizer(texts: Iterable[str], vocabulary: int = 8192, *, threads: int = 2) -> bytes:
    """A unigram model over texts, which are left as they are: no normalisation, and bytes for what it has no piece for.

    Args:
        texts: to learn from.
        vocabulary: number of pieces, the four special ones and 256 for bytes included.
        threads: of the processor.

    References:
        Kudo 2018, "Subword Regularization: Improving Neural Network Translation Models with Multiple Subword
        Candidates".
    """
    with extras.needed("The tokenizer of texts"):
        import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        vocab_size=vocabulary,
        model_type="unigram",
        byte_fallback=True,
        character_coverage=0.9999,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        pad_id=PAD,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        num_threads=threads,
        max_sentence_length=1 << 16,
        minloglevel=2,
    )
    return written.getvalue()
