"""The formats as one array: a tree of steps, walked by match.py until a block matches.

Blocks that begin with the same steps share them, and what stands in the order of the formats first is tried
first, so that the first block that matches is the one that is found. A node is one step: where it succeeds
the walk goes on at N_NEXT, behind what it took; where it fails at N_FAIL, where that node began.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from audit_lib.logs.kernel.match_steps import NOTHING, Do, MatchStep, first_bytes
from audit_lib.logs.kernel.shared_arrays import MESSAGE, MISS, NODE
from audit_lib.logs.units import Ints

# A block of one phase: its row among the blocks, and the steps that are still to be taken.
Rest = tuple[int, tuple[MatchStep, ...]]
_WORD = 8  # bytes
# The shape of a text: blocks that hold a sign which it lacks are not tried.
HAS_QUOTE, HAS_BRACKET, SHAPES = 1, 2, 4
_MANY = 3  # from so many ways to go on a switch is worth it
ENDS_AT = 256  # the place in a switch of the end of the text
# Bits of what a match left behind, beside one for each capture.
TIMED, WITH_STATUS = 1, 1 << 6


class Literals:
    """All literals, one behind another."""

    def __init__(self) -> None:
        self.text = bytearray(b" ")
        self._places: dict[bytes, tuple[int, int]] = {}

    def place(self, text: bytes) -> tuple[int, int]:
        """Where a text stands, and its length."""
        if text not in self._places:
            at = self.text.find(text)
            if at < 0:
                at = len(self.text)
                self.text += text
            self._places[text] = at, len(text)
        return self._places[text]


class Tree:
    """The nodes of all phases, and for each phase and first byte the node that the walk begins at."""

    def __init__(self, phases: Sequence[Sequence[Rest]], texts: Literals) -> None:
        self._texts = texts
        self._rows: list[list[int]] = []
        self._switches: list[list[int]] = []
        self._known: dict[tuple[object, ...], int] = {}  # nodes by what they decide
        rows: list[list[int]] = []
        known: dict[tuple[Rest, ...], int] = {(): MISS}
        for phase, blocks in enumerate(phases):
            for shape in range(SHAPES):
                if phase == MESSAGE and shape:  # few messages need a sign: one choice for all shapes
                    rows.append(rows[-1])
                    continue
                given = ~0 if phase == MESSAGE else shape
                able = [block for block in blocks if not _needs(block[1]) & ~given]
                rows.append(self._choices(able, known, MISS, 0, 0)[:ENDS_AT])
        self.roots = np.array(rows, np.int64)

    def nodes(self) -> Ints:
        """One row a node."""
        return np.array(self._rows, np.int64).reshape(-1, NODE)

    def switches(self) -> Ints:
        """One row a switch: for each next byte, and for the end of the text, the next node or MISS."""
        return np.array(self._switches, np.int64).reshape(-1, ENDS_AT + 1)

    def _first_of(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The address of the node that is tried first; `left` are the bits of what the steps before left."""
        if not depth or len({block[1][:1] for block in blocks}) < _MANY:
            return self._chain(blocks, fail, depth, left)
        place, switch = len(self._rows), len(self._switches)
        self._rows.append([Do.SWITCH, (ENDS_AT + 1) * switch, 0, 0, 0, 0, 0, MISS, fail, depth])
        self._switches.append([])
        self._switches[switch] = self._choices(blocks, {(): MISS}, fail, depth, left)
        return _address(place)

    def _choices(
        self, blocks: Sequence[Rest], known: dict[tuple[Rest, ...], int], fail: int, depth: int, left: int
    ) -> list[int]:
        """For each next byte, and for the end of the text, the first node of the blocks that can go on so."""
        chosen = []
        begins = np.array([_beginnings(steps) for _, steps in blocks], np.bool_).reshape(-1, ENDS_AT + 1)
        _, kinds, places = np.unique(begins, axis=1, return_index=True, return_inverse=True)
        for kind in kinds.tolist():
            fitting = tuple(block for block, fits in zip(blocks, begins[:, kind], strict=True) if fits)
            if fitting not in known:
                known[fitting] = self._chain(fitting, fail, depth, left)
            chosen.append(known[fitting])
        return [chosen[place] for place in places.reshape(-1).tolist()]

    def _chain(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The address of the first node of blocks that are tried one after another."""
        groups = [list(group) for _, group in groupby(blocks, key=_shared_step)]
        for group in reversed(groups):
            fail = self._node(group, fail, depth, left)
        return fail

    def _node(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The node of the step with which all of these blocks go on, and behind it all that follow."""
        key = tuple((row, len(steps)) for row, steps in blocks), fail, depth, left
        if key not in self._known:
            self._known[key] = self._new_node(blocks, fail, depth, left)
        return self._known[key]

    def _new_node(self, blocks: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        place = len(self._rows)
        self._rows.append([0] * NODE)
        row, steps = blocks[0]
        if not steps:
            self._rows[place] = [Do.MATCHED, row, 0, 0, left, 0, 0, MISS, fail, depth]
            return _address(place)
        step = steps[0]
        following = [(row, steps[1:]) for row, steps in blocks]
        left |= _left(step)
        if step.do is Do.SEEK:
            next_ = self._sought(step, following, fail, depth, left)
        else:
            next_ = MISS if step.do is Do.ASK else self._first_of(following, fail, depth + 1, left)
        text, size = self._texts.place(step.text) if step.text else (step.members, step.least)
        shown = len(step.text[:_WORD])
        head = _number(step.text[:_WORD])
        mask = _number(b"\xff" * shown)
        self._rows[place] = [step.do, text, size, step.most, step.capture, head, mask, next_, fail, depth]
        return _address(place)

    def _sought(self, step: MatchStep, following: Sequence[Rest], fail: int, depth: int, left: int) -> int:
        """The node that follows a text that was found; if none of them matches, the text is sought again."""
        place = len(self._rows)
        self._rows.append([0] * NODE)
        next_ = self._first_of(following, _address(place), depth + 1, left)
        text, size = self._texts.place(step.text)
        self._rows[place] = [Do.AGAIN, text, size, 0, 0, 0, 0, next_, fail, depth + 1]
        return next_


@lru_cache(maxsize=1 << 12)
def _beginnings(steps: tuple[MatchStep, ...]) -> np.ndarray:
    """For each byte, and for the end of the text, whether a match can begin with it."""
    firsts = first_bytes(steps)
    return np.array([byte in firsts or byte == ENDS_AT for byte in range(ENDS_AT + 1)])


def _needs(steps: tuple[MatchStep, ...]) -> int:
    """The signs of a text's shape that a match must hold."""
    text = b"".join(step.text for step in steps)
    return (b'"' in text) * HAS_QUOTE | (b"[" in text) * HAS_BRACKET


def _shared_step(block: Rest) -> tuple[object, ...]:
    """What blocks must have in common to share a node; each seeks by itself, to be tried at every place."""
    row, steps = block
    return (*steps[:1], row if steps[:1] and steps[0].do is Do.SEEK else None)


def _address(place: int) -> int:
    return 8 * NODE * place


@lru_cache(maxsize=1 << 12)
def _number(text: bytes) -> int:
    return int.from_bytes(text.ljust(_WORD, b"\0"), "little", signed=True)


def _left(step: MatchStep) -> int:
    """The bit of what a step leaves behind."""
    if step.do in (Do.TIME, Do.TIME_CLF, Do.TIME_ASCTIME, Do.TIME_SYSLOG):
        return TIMED
    if step.do is Do.STATUS:
        return WITH_STATUS
    return 1 << step.capture if step.capture != NOTHING else 0
