"""Items that are made ahead of their use come in order, and so do faults."""

import threading
from collections.abc import Generator

import pytest

from audit_lib.base.ahead import ahead


def test_items_come_in_their_order_from_another_thread() -> None:
    """All items come, as they would without a thread."""
    made_in: set[int] = set()

    def items() -> Generator[int]:
        for number in range(100):
            made_in.add(threading.get_ident())
            yield number

    assert list(ahead(items(), 3)) == list(range(100))
    assert threading.get_ident() not in made_in


def test_no_more_than_a_few_are_made_ahead() -> None:
    """However slow the taker is, few items wait for it."""
    made: list[int] = []

    def items() -> Generator[int]:
        for number in range(100):
            made.append(number)
            yield number

    for number in ahead(items(), 3):
        assert len(made) <= number + 1 + 3 + 1


def test_a_fault_comes_after_what_was_made_before_it() -> None:
    """What is raised while an item is made reaches the one who would have taken it."""

    def items() -> Generator[int]:
        yield 1
        raise ValueError("broken")

    taken = ahead(items(), 3)
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken"):
        next(taken)


def test_who_stops_early_closes_the_source() -> None:
    """A generator that holds a process open is closed if nobody takes its items any more."""
    closed = []

    def items() -> Generator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    taken = ahead(items(), 3)
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert closed == [True]
