"""Whether two blocks can match one text: where they cannot, their order does not matter.

A block is seen as the sets of bytes that must follow one another from where it begins. A field takes all
bytes of its class and never gives one back (templates.py), so each next byte decides where it stands. What
has no such beginning, or what follows it, is taken to match anything.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from audit_lib.logs.kernel.match_steps import BYTES, HEAD_OF, HEXES, Do, MatchStep
from audit_lib.logs.templates import BEGINS, LEVELS

_CAPITALS, _SMALL, _DIGITS = BEGINS["variable"], bytes(range(97, 123)), BEGINS["digits"]
_NAME = (_CAPITALS, _SMALL, _SMALL)
_DATE = (*(_DIGITS,) * 4, b"-/", _DIGITS, _DIGITS, b"-/", _DIGITS, _DIGITS, b"T ")
_SHORT = (_DIGITS, b"/- ", *_NAME, b"/- ", *(_DIGITS,) * 4, b": ")
_TIMES = {
    Do.TIME: _DATE,
    Do.TIME_CLF: (_DIGITS, *_SHORT),
    Do.TIME_SHORT: _SHORT,
    Do.TIME_SYSLOG: (*_NAME, b" "),
    Do.TIME_DATED: (*_NAME, b" "),
    Do.TIME_ASCTIME: (*_NAME, b" ", *_NAME, b" "),
}
_LEVELS = (BEGINS["level"], *(_CAPITALS,) * (min(map(len, LEVELS)) - 1))

ENDS_AT = 256  # the place, behind those of all bytes, of the end of the text
BEHIND_SPACES = ENDS_AT + 1  # so many more for a byte behind spaces
_SPACE = 1 << 32


class Bytes(NamedTuple):
    """One byte of a set, or (`run`) all bytes of it that follow; sets are bits of a number."""

    members: int
    run: bool = False


Head = tuple[Bytes, ...]


@cache
def bits_of(members: bytes) -> int:
    """A set of bytes as the bits of a number."""
    return sum(1 << byte for byte in set(members))


@lru_cache(maxsize=1 << 10)
def begun_by(step: MatchStep) -> Head:
    """The bytes that begin what a step takes, as far as they are known."""
    match step.do:
        case Do.LITERAL:
            sets = [bytes([byte]) for byte in step.text]
        case Do.HEAD:
            sets = [HEAD_OF[step.members], *(BYTES[step.members],) * min(step.least, 2)]
        case Do.RUN:
            sets = [BYTES[step.members]] * step.least
        case Do.STATUS:
            sets = [BEGINS["status"], _DIGITS, _DIGITS]
        case Do.LEVEL:
            sets = [*_LEVELS]
        case _:
            sets = [*_TIMES.get(step.do, ())]
    if step.do is Do.ADDRESS:  # before its first mark it has nothing but digits
        return Bytes(bits_of(bytes(set(BYTES[HEXES]) - set(b".:"))), run=True), Bytes(bits_of(b".:"))
    run = (Bytes(bits_of(BYTES[step.members]), run=True),) if step.do in (Do.RUN, Do.HEAD) else ()
    return (*(Bytes(bits_of(members)) for members in sets), *run)


def is_known_to_its_end(step: MatchStep) -> bool:
    """Whether what begins a step is all that it takes, so that it is known what follows."""
    return step.do in (Do.LITERAL, Do.RUN, Do.HEAD, Do.STATUS)


def first_of(head: Head) -> int:
    """The bytes with which a match can begin, as bits; -1 for any."""
    found = 0
    for following in head:
        found |= following.members
        if not following.run:
            return found
    return -1


def may_overlap(one: Head, two: Head) -> bool:
    """Whether a text can begin as both say."""
    seen = {(0, 0)}
    places = [(0, 0)]
    while places:
        first, second = places.pop()
        if first == len(one) or second == len(two):
            return True
        for members, after in _ways(one, first):
            for others, then in _ways(two, second):
                if members & others and (after, then) not in seen:
                    seen.add((after, then))
                    places.append((after, then))
    return False


@lru_cache(maxsize=1 << 15)
def behind_run(head: Head, members: int) -> int:
    """What may stand behind all bytes of a class where a match begins with one, as bits.

    It is a byte, ENDS_AT for the end of the text; or behind spaces what follows them, by BEHIND_SPACES more.
    """
    run = bits_of(BYTES[members])
    places = _past(head, {0}, run)
    beside = _next(head, places) & ~run & ~_SPACE
    return beside | (_next(head, _past(head, places, _SPACE & ~run)) & ~_SPACE) << BEHIND_SPACES


def _past(head: Head, places: set[int], members: int) -> set[int]:
    """Where a match may stand when at least one byte of a set was taken, from these places on."""
    seen, waiting = set[int](), [*places]
    while waiting:
        for following, after in _ways(head, waiting.pop()):
            if following & members and after not in seen:
                seen.add(after)
                waiting.append(after)
    return seen


def _next(head: Head, places: set[int]) -> int:
    """The bytes that may follow at one of these places."""
    found = 0
    for place in places:
        for following, _ in _ways(head, place):
            found |= following
    return found & (1 << BEHIND_SPACES) - 1


def _ways(head: Head, place: int) -> Iterator[tuple[int, int]]:
    """The next byte by the place where it leads; at the end of what is known any one, or the text's end."""
    taken = 0
    while place < len(head) and head[place].run:
        yield head[place].members & ~taken, place
        taken |= head[place].members
        place += 1
    if place < len(head):
        yield head[place].members & ~taken, place + 1
    else:
        yield ~taken, place
