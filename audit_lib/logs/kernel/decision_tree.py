"""The formats as one array: a tree of steps, walked by match.py until a block matches.

Blocks that begin with the same steps share them, and what stands in the order of the formats first is tried
first, so that the first block that matches is the one that is found. A node is one step. Where it succeeds
the walk goes on at N_NEXT, behind what it took; where it fails at N_FAIL, where that node began. Where it
succeeded and no way on from there did, the walk comes back to N_OTHER, where the node began, too. Neither
tries what is known to fail there. A way that ends without a choice (MISS) ends that of the node before it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from audit_lib.logs.kernel.match_steps import NOTHING, TIMES, Do, MatchStep
from audit_lib.logs.kernel.overlap import ENDS_AT
from audit_lib.logs.kernel.shared_arrays import MESSAGE, MISS, NODE
from audit_lib.logs.kernel.shared_steps import (
    NEXT,
    Blocks,
    Look,
    Rest,
    best_class,
    divided,
    fails_behind,
    fails_with,
    places_of,
    share_step,
)
from audit_lib.logs.units import Ints

_WORD = 8  # bytes
# The shape of a text: blocks that hold a sign which it lacks are not tried.
HAS_QUOTE, HAS_BRACKET, SHAPES = 1, 2, 4
_MANY = 3  # from so many ways to go on a switch is worth it
# Bits of what a match left behind, beside one for each capture.
TIMED, WITH_STATUS = 1, 1 << 6


class _Way(NamedTuple):
    """How the walk came to a node."""

    depth: int  # so many steps before it
    left: int  # the bits of what they left behind
    end: int  # where it goes on if no block matches there, or MISS


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
        self._switches: list[int] = []
        self._known: dict[tuple[object, ...], int] = {}  # nodes by what they decide
        rows: list[list[int]] = []
        for phase, blocks in enumerate(phases):
            for shape in range(SHAPES):
                if phase == MESSAGE and shape:  # few messages need a sign: one choice for all shapes
                    rows.append(rows[-1])
                    continue
                given = ~0 if phase == MESSAGE else shape
                able = tuple(block for block in blocks if not _needs(block.steps) & ~given)
                rows.append(self._choices(able, _Way(0, 0, MISS), NEXT, Look())[:ENDS_AT])
        self.roots = np.array(rows, np.int64)

    def nodes(self) -> Ints:
        """One row a node."""
        return np.array(self._rows, np.int64).reshape(-1, NODE)

    def switches(self) -> Ints:
        """For each switch and for what it may find the next node, or MISS."""
        return np.array(self._switches, np.int64)

    def _first_of(self, blocks: Blocks, way: _Way) -> int:
        """The address of the node that is tried first behind a step."""
        if len({block.step for block in blocks}) < _MANY:
            return self._chain(blocks, way)
        return self._switch(blocks, way, NEXT, Look())

    def _switch(self, blocks: Blocks, way: _Way, behind: int, look: Look) -> int:
        """The address of a node that chooses by a byte: the next one, or the one behind all of a class."""
        key = blocks, way, behind, look
        if key not in self._known:
            self._known[key] = _address(len(self._rows))
            do, at = Do.SWITCH if behind == NEXT else Do.AHEAD, len(self._switches)
            self._rows.append([do, at, behind, 0, 0, MISS, way.end, MISS])
            self._switches += [MISS] * places_of(behind)
            self._switches[at : at + places_of(behind)] = self._choices(blocks, way, behind, look)
        return self._known[key]

    def _choices(self, blocks: Blocks, way: _Way, behind: int, look: Look) -> list[int]:
        """For each byte, and for the end of the text, the first node of the blocks that can go on so.

        Behind a class the same once more for what follows spaces there.
        """
        chosen = [MISS] * places_of(behind)
        for found, fitting in divided(blocks, behind):
            node = self._look_ahead(fitting, way, look.told(behind, found))
            for place, bit in enumerate(bin(found)[:1:-1]):
                if bit == "1":
                    chosen[place] = node
        return chosen

    def _look_ahead(self, blocks: Blocks, way: _Way, look: Look) -> int:
        """The address of the first node of blocks; if many begin alike, what follows a class divides them."""
        behind = best_class(blocks, look)
        return self._chain(blocks, way) if behind is None else self._switch(blocks, way, behind, look)

    def _chain(self, blocks: Blocks, way: _Way) -> int:
        """The address of the first node of blocks that are tried one after another."""
        if not blocks:
            return way.end
        key = blocks, way
        if key not in self._known:
            place = len(self._rows)
            self._known[key] = _address(place)
            self._rows.append([0] * NODE)
            self._rows[place] = self._node(blocks, way)
        return self._known[key]

    def _node(self, blocks: Blocks, way: _Way) -> list[int]:
        """The node of the first block's next step, with all that can share it, and what follows it."""
        row, step = blocks[0].row, blocks[0].step
        if step is None:
            return [Do.MATCHED, row, way.depth, 0, way.left, MISS, MISS, MISS]
        sharing, others = share_step(blocks)
        step = sharing[0].steps[0]
        following = tuple(block.behind for block in sharing)
        fail = self._chain(tuple(block for block in others if not fails_with(block, step)), way)
        other = self._chain(tuple(block for block in others if not fails_behind(block, step)), way)
        behind = _Way(way.depth + 1, way.left | _left(step), MISS)
        if step.do is Do.SEEK:
            next_ = self._sought(step, following, behind)
        else:
            next_ = MISS if step.do is Do.ASK else self._first_of(following, behind)
        text, size = self._texts.place(step.text) if step.text else (step.members, step.least)
        shown = step.text[:_WORD]
        head, mask = (_number(shown), _number(b"\xff" * len(shown))) if shown else (step.most, step.capture)
        return [step.do, text, size, head, mask, next_, fail, other]

    def _sought(self, step: MatchStep, following: Blocks, way: _Way) -> int:
        """The node that follows a text that was found; if none of them matches, the text is sought again."""
        place = len(self._rows)
        self._rows.append([0] * NODE)
        next_ = self._first_of(following, way._replace(end=_address(place)))
        text, size = self._texts.place(step.text)
        self._rows[place] = [Do.AGAIN, text, size, 0, 0, next_, MISS, MISS]
        return next_


def _needs(steps: tuple[MatchStep, ...]) -> int:
    """The signs of a text's shape that a match must hold."""
    text = b"".join(step.text for step in steps)
    return (b'"' in text) * HAS_QUOTE | (b"[" in text) * HAS_BRACKET


def _address(place: int) -> int:
    return 8 * NODE * place


@lru_cache(maxsize=1 << 12)
def _number(text: bytes) -> int:
    return int.from_bytes(text.ljust(_WORD, b"\0"), "little", signed=True)


def _left(step: MatchStep) -> int:
    """The bit of what a step leaves behind."""
    if step.do in TIMES:
        return TIMED
    if step.do is Do.STATUS:
        return WITH_STATUS
    return 1 << step.capture if step.capture != NOTHING else 0
