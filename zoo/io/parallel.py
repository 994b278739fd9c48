"""Work on items in threads, a few ahead of what is taken."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_order(work: Callable[[Any], Any], items: Iterable[Any], threads: int, ahead: int) -> Iterator[Any]:
    """What ``work`` makes of each item, in their order.

    Args:
        work: runs in threads; what it raises is raised where its result would be taken.
        items: taken only as they are worked on.
        threads: that work at the same time.
        ahead: results that wait, at most, to be taken.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: collections.deque = collections.deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
