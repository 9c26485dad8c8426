"""The formats as one array: a tree of steps, walked by match.py until a block matches.

Blocks that begin with the same steps share them, and what stands in the order of the formats first is tried
first, so that the first block that matches is the one that is found. A node is one step: where it succeeds
the walk goes on at N_NEXT, behind what it took; where it fails at N_FAIL, where that node began.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from audit_lib.logs.kernel.match_steps import NOTHING, Do, MatchStep, first_bytes
from audit_lib.logs.kernel.shared_arrays import MISS, NODE
from audit_lib.logs.units import Ints

# A block of one phase: its row among the blocks, and the steps that are still to be taken.
Rest = tuple[int, tuple[MatchStep, ...]]
_WORD = 8  # bytes
# Bits of what a match left behind, beside one for each capture.
TIMED, WITH_STATUS = 1, 1 << 6


class Literals:
    """All literals, one behind another."""

    def __init__(self) -> None:
        self.text = bytearray(b" ")

    def place(self, text: bytes) -> tuple[int, int]:
        """Where a text stands, and its length."""
        at = self.text.find(text)
        if at < 0:
            at = len(self.text)
            self.text += text
        return at, len(text)


class Tree:
    """The nodes of all phases, and for each phase and first byte the node that the walk begins at."""

    def __init__(self, phases: Sequence[Sequence[Rest]], texts: Literals) -> None:
        self._texts = texts
        self._rows: list[list[int]] = []
        known: dict[tuple[Rest, ...], int] = {(): MISS}
        self.roots = np.full((len(phases), 256), MISS, np.int64)
        for phase, blocks in enumerate(phases):
            starts = {row: first_bytes(steps) for row, steps in blocks}
            for byte in range(256):
                fitting = tuple(block for block in blocks if byte in starts[block[0]])
                if fitting not in known:
                    known[fitting] = self._first_of(fitting, MISS, 0, 0)
                self.roots[phase, byte] = known[fitting]

    def nodes(self) -> Ints:
        """One row a node."""
        return np.array(self._rows, np.int64).reshape(-1, NODE)

    def _first_of(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The address of the node that is tried first; `left` are the bits of what the steps before left."""
        groups = [list(group) for _, group in groupby(blocks, key=lambda block: block[1][:1])]
        for group in reversed(groups):
            fail = self._node(group, fail, depth, left)
        return fail

    def _node(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The node of the step with which all of these blocks go on, and behind it all that follow."""
        place = len(self._rows)
        self._rows.append([0] * NODE)
        row, steps = blocks[0]
        if not steps:
            self._rows[place] = [Do.MATCHED, row, 0, 0, left, 0, 0, MISS, fail, depth]
            return _address(place)
        step = steps[0]
        following = [(row, steps[1:]) for row, steps in blocks]
        next_ = MISS if step.do is Do.ASK else self._first_of(following, fail, depth + 1, left | _left(step))
        text, size = self._texts.place(step.text) if step.text else (step.members, step.least)
        shown = len(step.text[:_WORD])
        head = _number(step.text[:_WORD])
        mask = _number(b"\xff" * shown)
        self._rows[place] = [step.do, text, size, step.most, step.capture, head, mask, next_, fail, depth]
        return _address(place)


def _address(place: int) -> int:
    return 8 * NODE * place


def _number(text: bytes) -> int:
    return int.from_bytes(text.ljust(_WORD, b"\0"), "little", signed=True)


def _left(step: MatchStep) -> int:
    """The bit of what a step leaves behind."""
    if step.do in (Do.TIME, Do.TIME_CLF, Do.TIME_ASCTIME):
        return TIMED
    if step.do is Do.STATUS:
        return WITH_STATUS
    return 1 << step.capture if step.capture != NOTHING else 0
