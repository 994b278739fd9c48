"""What came next before: counts of pieces after the last few, of all that is coded so far in a chunk."""

from collections.abc import Iterator

import numpy as np

ORDERS = 3  # the most pieces of a context
SHARE_BITS = 16  # of a context's share
BUCKETS = 8  # of a context's count: 1, 2 to 3, 4 to 7, … 128 and more
DISCOUNT = 8  # sixteenths, that a count is less than it says

_BUCKET = np.array([0, *(min(n.bit_length(), BUCKETS) - 1 for n in range(1, 129))])


class Contexts:
    """Distributions of the next piece after the last one, two, … pieces, as counted so far.

    The longest context that occurred gets a share of all mass, by how often it occurred and with how many pieces after
    it; the next shorter one a share of what is left; and so on. What is left at the end is the network's. A piece is
    counted in its longest context, and in shorter ones only where it is new in all longer (Cleary & Witten 1984, "Data
    Compression Using Adaptive Coding and Partial String Matching", with Moffat's exclusion of updates); a context's own
    distribution is that of absolute discounting (Ney, Essen & Kneser 1994, "On Structuring Probabilistic Dependences in
    Stochastic Language Modelling"), but with shares that are learned.

    Args:
        confidence: integers ``(orders, BUCKETS, BUCKETS)``: the share, out of 2^16, of a context of 1, 2, … pieces, by
            its count and the number of its different pieces.
        vocabulary: number of pieces.
    """

    def __init__(self, confidence: np.ndarray, vocabulary: int):
        self._confidence, self._vocabulary = confidence.astype(np.int64), vocabulary
        # Context → the one piece that followed it, or piece → count of several.
        self._followers: list[dict[int, int | dict[int, int]]] = [{} for _ in confidence]

    def masses(self, histories: list[list[int]], total: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What pieces get from their contexts.

        Args:
            histories: of each lane, the pieces so far, at least one.
            total: what there is to share, int64 ``(lanes,)``, at most 2^24; what is left is written into it.

        Returns:
            Lane, piece and mass, int64 ``(n,)`` each; a piece may occur several times.
        """
        result = []
        for order, (lanes, lengths, pieces, counts) in reversed(list(enumerate(self.followers(histories)))):
            if len(lanes):
                starts = np.cumsum(lengths) - lengths
                occurred = np.add.reduceat(counts, starts)
                share = self._confidence[order, bucket(occurred), bucket(lengths)]
                share = total[lanes] * share >> SHARE_BITS
                whole = 16 * occurred - DISCOUNT * lengths
                masses = np.repeat(share, lengths) * (16 * counts - DISCOUNT) // np.repeat(whole, lengths)
                total[lanes] -= np.add.reduceat(masses, starts)
                result.append((np.repeat(lanes, lengths), pieces, masses))
        if not result:
            return (np.zeros(0, np.int64),) * 3
        return tuple(np.concatenate(arrays) for arrays in zip(*result, strict=True))

    def followers(self, histories: list[list[int]]) -> Iterator[tuple[np.ndarray, ...]]:
        """Of contexts of 1, 2, … pieces: which lanes' occurred, and what followed them.

        Yields:
            Lanes and how many different pieces followed, int64 ``(m,)``; these pieces and their counts, one lane's
            after the other's.
        """
        for table, keys in zip(self._followers, self._keys(histories), strict=True):
            lanes, lengths, pieces, counts = [], [], [], []
            for lane, key in enumerate(keys):
                if (found := table.get(key)) is None:
                    continue
                lanes.append(lane)
                if isinstance(found, dict):
                    lengths.append(len(found))
                    pieces.extend(found)
                    counts.extend(found.values())
                else:
                    lengths.append(1)
                    pieces.append(found)
                    counts.append(1)
            yield tuple(np.array(a, np.int64) for a in (lanes, lengths, pieces, counts))

    def add(self, histories: list[list[int]], pieces: list[int]) -> None:
        """Counts what followed each history: in its longest context, and on to the first where it is known."""
        keys = self._keys(histories)
        for lane, piece in enumerate(pieces):
            for table, of_order in zip(reversed(self._followers), reversed(keys), strict=True):
                key = of_order[lane]
                if key is None:
                    continue
                found = table.get(key)
                if found is None:
                    table[key] = piece
                elif isinstance(found, dict):
                    count = found[piece] = found.get(piece, 0) + 1
                    if count > 1:
                        break
                elif found == piece:
                    table[key] = {piece: 2}
                    break
                else:
                    table[key] = {found: 1, piece: 1}

    def _keys(self, histories: list[list[int]]) -> list[list[int | None]]:
        """Of each order, each lane's context as a number; None where its history is shorter."""
        keys: list[list[int | None]] = [[] for _ in self._followers]
        for history in histories:
            key = 0
            for order, of_order in enumerate(keys):
                if order < len(history):
                    key = key * self._vocabulary + history[-1 - order]
                    of_order.append(key)
                else:
                    of_order.append(None)
        return keys


def bucket(counts: np.ndarray) -> np.ndarray:
    """Of counts from 1 on, which of ``BUCKETS`` they are in."""
    return _BUCKET[counts.clip(max=len(_BUCKET) - 1)]
