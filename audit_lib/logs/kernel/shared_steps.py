"""What is left of a block to be matched, which blocks share their next step, and what to look ahead for."""

from functools import cached_property, lru_cache
from os.path import commonprefix
from typing import NamedTuple

from audit_lib.logs.kernel.match_steps import BYTES, NOTHING, Do, MatchStep
from audit_lib.logs.kernel.overlap import (
    BEHIND_SPACES,
    Head,
    begun_by,
    behind_run,
    bits_of,
    first_of,
    is_known_to_its_end,
    may_overlap,
)

_overlap = lru_cache(maxsize=1 << 16)(may_overlap)
NEXT = -1  # instead of a class: the next byte itself
# What often stands behind a word: a sign, or spaces and what follows them.
_LIKELY = bits_of(b":.,-/=[]()\"'|;_a1") | bits_of(b'aA1-["(/|<:') << BEHIND_SPACES
_WORTH = 2  # so many ways to go on must be ruled out in the mean: to look ahead costs about one


class Rest:
    """A block's row, and the steps that are still to be taken; the same one is made once."""

    def __init__(self, row: int, steps: tuple[MatchStep, ...]) -> None:
        self.row, self.steps = row, steps
        self._divided: dict[int, Rest] = {}

    @property
    def step(self) -> MatchStep | None:
        """The next step."""
        return self.steps[0] if self.steps else None

    @property
    def text(self) -> bytes:
        """The text that must stand first, if one must."""
        return self.steps[0].text if self.steps and self.steps[0].do is Do.LITERAL else b""

    @cached_property
    def behind(self) -> "Rest":
        """What is left behind the next step."""
        return Rest(self.row, self.steps[1:])

    @cached_property
    def head(self) -> Head:
        """The bytes that must stand first, as far as they are known."""
        if not self.steps:
            return ()
        begun = begun_by(self.steps[0])
        return begun + self.behind.head if is_known_to_its_end(self.steps[0]) else begun

    @cached_property
    def begins(self) -> int:
        """The bytes with which a match can begin, as bits; that of ENDS_AT for the end of the text."""
        return first_of(self.head)

    def divided(self, size: int) -> "Rest":
        """The same with its first text as two steps."""
        if size == len(self.text):
            return self
        if size not in self._divided:
            parts = (MatchStep(Do.LITERAL, text) for text in (self.text[:size], self.text[size:]))
            self._divided[size] = Rest(self.row, (*parts, *self.steps[1:]))
        return self._divided[size]


Blocks = tuple[Rest, ...]


def share_step(blocks: Blocks) -> tuple[Blocks, Blocks]:
    """The blocks that begin with the first one's step, or text, and the others, each in their order.

    One is moved before others only if no text can match it and one of them.
    """
    first, sharing, others = blocks[0], [blocks[0]], list[Rest]()
    for block in blocks[1:]:
        shares = _is_alike(first, block) and not any(_overlap(other.head, block.head) for other in others)
        (sharing if shares else others).append(block)
    if first.text:
        size = len(commonprefix([block.text for block in sharing]))  # noqa: RUF071  texts, not paths
        sharing = [block.divided(size) for block in sharing]
    return tuple(sharing), tuple(others)


def _is_alike(one: Rest, two: Rest) -> bool:
    """Whether two blocks can share a node; each seeks by itself, to be tried at every place."""
    if one.text:
        return one.text[:1] == two.text[:1]
    return one.step == two.step and one.steps[0].do is not Do.SEEK


def fails_with(block: Rest, failed: MatchStep) -> bool:
    """Whether a block cannot match where this step failed."""
    step = block.step
    if step is None or step.do is not failed.do:
        return False
    if failed.do is Do.LITERAL:
        return step.text.startswith(failed.text)
    return step._replace(capture=NOTHING) == failed._replace(capture=NOTHING)


def fails_behind(block: Rest, matched: MatchStep) -> bool:
    """Whether a block cannot match where this step succeeded."""
    return not _overlap(begun_by(matched), block.head)


class Look(NamedTuple):
    """What is known of a text: the bytes, as bits, that it may begin with, and those behind classes."""

    first: int = 0
    classes: tuple[tuple[int, int], ...] = ()

    def told(self, behind: int, found: int) -> "Look":
        """What is known when one of these bytes was found behind a class, or next."""
        return Look(found) if behind == NEXT else Look(self.first, (*self.classes, (behind, found)))

    def tells_more(self, members: int) -> bool:
        """Whether the text begins with bytes of a class, and what stands behind them is not known yet."""
        taken = bits_of(BYTES[members])
        ends_so = (not bits_of(BYTES[other]) & ~taken and not found & taken for other, found in self.classes)
        return not self.first & ~taken and not any(ends_so)


def places_of(behind: int) -> int:
    """How many different things may be found next, or behind a class."""
    return BEHIND_SPACES if behind == NEXT else 2 * BEHIND_SPACES


def bytes_at(block: Rest, behind: int) -> int:
    """The bytes, as bits, that may stand next where the block matches, or behind all bytes of a class."""
    return block.begins if behind == NEXT else behind_run(block.head, behind)


def best_class(blocks: Blocks, look: Look) -> int | None:
    """The class that leaves the fewest ways to go on; None if none is worth it."""
    most = len({block.step for block in blocks}) - _WORTH
    if most < 0:
        return None
    costs = {members: _ways_left(blocks, members) for members in BYTES if look.tells_more(members)}
    best = min(costs, key=costs.__getitem__, default=None)
    return best if best is not None and costs[best] <= most else None


def _ways_left(blocks: Blocks, members: int) -> float:
    """How many ways to go on are left in the mean."""
    ways: dict[MatchStep | None, int] = {}
    for block in blocks:
        ways[block.step] = ways.get(block.step, 0) | bytes_at(block, members)
    likely = _LIKELY & ~bits_of(BYTES[members])
    return sum((bits & likely).bit_count() for bits in ways.values()) / likely.bit_count()


def divided(blocks: Blocks, behind: int) -> list[tuple[int, Blocks]]:
    """What may be found, as bits, by the blocks that can go on so."""
    parts: list[tuple[int, Blocks]] = [((1 << places_of(behind)) - 1, ())]
    for block in blocks:
        bits = bytes_at(block, behind)
        within = [(part & bits, (*fitting, block)) for part, fitting in parts]
        parts = [part for part in (*within, *((part & ~bits, fitting) for part, fitting in parts)) if part[0]]
    return parts
