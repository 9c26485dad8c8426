"""Runs a generator in a thread of its own, a few items ahead of whoever takes them."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar, cast

Item = TypeVar("Item")
_END = object()


def ahead(items: Generator[Item], most: int) -> Iterator[Item]:
    """The items in their order, of which up to `most` wait to be taken; what is raised is raised in turn.

    Worth a thread where what makes the items waits for others, or runs without Python's lock.
    """
    with closing(items), ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items, _END) for _ in range(most))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, items, _END))
            yield cast(Item, item)
