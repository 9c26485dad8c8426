"""Which class of bytes to look behind where many blocks begin alike: what follows a word divides them."""

from typing import NamedTuple

from audit_lib.logs.kernel.match_steps import BYTES, MatchStep
from audit_lib.logs.kernel.overlap import BEHIND_SPACES, behind_run, bits_of
from audit_lib.logs.kernel.shared_steps import Blocks, Rest

NEXT = -1  # instead of a class: the next byte itself
# What often stands behind a word: a sign, or spaces and what follows them.
_LIKELY = bits_of(b":.,-/=[]()\"'|;_a1") | bits_of(b'aA1-["(/|<:') << BEHIND_SPACES
_WORTH = 2  # so many ways to go on must be ruled out in the mean: to look ahead costs about one


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
