"""What in a content is not as in the one before it: of the versions of a file, little need be searched.

A change is searched with what stands around it, as far as anything that is sought can reach: what is found
there neither in the new version nor in the old one is in both or in neither.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.load_code import Entry, Kernel, NotCompiled, is_at_hand, load_entry

# The task of the compiled comparison, by place: where the contents lie and how long they are, how far what
# stands around a change goes, a table of places and how many bits its size has, and where to write the parts.
NEW, NEW_SIZE, OLD, OLD_SIZE, REACH, TABLE, TABLE_BITS, NEW_PARTS, OLD_PARTS, TASK = range(10)
MOST_PARTS = 4_000  # of one content; what comes after them is one part
_HERE = Path(__file__)
_SOURCES = (_HERE, _HERE.with_name("compare_kernel.py"))
COMPARE = Kernel("comparison", "audit_lib.leaks.compare_kernel", _SOURCES)
_BITS = 15  # of the size of the table
_WORTH = 2_000  # objects, from which on loading it is less work than what it saves,
WORTH_COMPILING = 20_000  # and compiling it
_SMALL = 2_000  # bytes; what is smaller is searched as a whole
_APART = b"\n\n\n"  # between two parts, so that they do not read as one


class Change(NamedTuple):
    """A content, with what is to be searched in order to know whether it holds anything."""

    oid: str
    content: bytes
    new: bytes  # what is not as in the content before it, with what stands around that
    before: bytes | None = None  # that content; None if it says nothing of this one, and `new` is all of it
    gone_parts: tuple[int, ...] = ()

    @property
    def gone(self) -> bytes:
        """What of the content before is not in this one, with what stood around it."""
        return _joined(self.before or b"", self.gone_parts)


class Comparison:
    """Contents as they come, each compared with the one before it; used by one thread at a time."""

    def __init__(self, reach: int, endless: Callable[[bytes], bool], entry: Entry | None) -> None:
        """`reach` is how far from the line of a change that matters to it can begin or end what is sought.

        A content in which something is `endless`, so that no reach holds, is to be searched as a whole; and
        so is every content without the compiled `entry`.
        """
        self._reach, self._endless, self._entry = reach, endless, entry
        self._before, self._before_endless, self._before_at = b"", False, 0
        table, self._parts = np.zeros(1 << _BITS, np.int64), np.zeros((2, 2 * MOST_PARTS + 1), np.int64)
        self._task, self._table = np.zeros(TASK, np.int64), table
        self._task[[REACH, TABLE, TABLE_BITS]] = reach, table.ctypes.data, _BITS
        self._task[[NEW_PARTS, OLD_PARTS]] = [parts.ctypes.data for parts in self._parts]
        self._at = self._task.ctypes.data

    def another(self) -> "Comparison":
        """One like it, for other contents."""
        return Comparison(self._reach, self._endless, self._entry)

    def changes(self, contents: Iterable[tuple[str, bytes]]) -> Iterator[Change]:
        """What of each content, given with its id, is to be searched."""
        for oid, content in contents:
            yield self._change(oid, content) if self._entry else Change(oid, content, content)
            self._before = content

    def _change(self, oid: str, content: bytes) -> Change:
        before, had = self._before, self._before_endless
        if min(len(content), len(before)) >= _SMALL:
            new_parts, gone_parts = self._differing(content, before)
            new = _joined(content, new_parts)
        else:
            new, gone_parts, self._before_at = content, (), 0
        self._before_endless = self._endless(content if had else new)
        if self._before_endless or 4 * len(new) > 3 * len(content):
            return Change(oid, content, content)
        return Change(oid, content, new, before, gone_parts)

    def _differing(self, content: bytes, before: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Start and end of each part that differs, in the content and in the one before."""
        assert self._entry is not None
        task, at = self._task, _address(content)
        task[NEW], task[NEW_SIZE] = at, len(content)
        task[OLD], task[OLD_SIZE] = self._before_at or _address(before), len(before)
        self._before_at = at
        counts = self._entry(self._at, 0)
        of_new, of_old = counts & 0xFFFFFFFF, counts >> 32
        return tuple(self._parts[0, : 2 * of_new].tolist()), tuple(self._parts[1, : 2 * of_old].tolist())


def holding(
    changes: Iterable[tuple[Change, bool]], meets: Callable[[bytes], bool]
) -> Iterator[tuple[Change, bool]]:
    """Each change, which comes with whether its new part meets anything, with whether its content does."""
    before = False
    for change, new in changes:
        if change.before is not None and before:
            before = not meets(change.gone) or new or meets(change.content)
        else:
            before = new
        yield change, before


def comparison(reach: int, endless: Callable[[bytes], bool], objects: int) -> Comparison:
    """A comparison for a search in so many objects; where it is not worth its while, it compares nothing."""
    entry = None
    if objects >= WORTH_COMPILING or (objects >= _WORTH and is_at_hand(COMPARE)):
        try:
            entry = load_entry(COMPARE)
        except NotCompiled:
            entry = None  # all is searched, which takes longer and finds the same
    return Comparison(reach, endless, entry)


def _address(content: bytes) -> int:
    return np.frombuffer(content, np.uint8).ctypes.data


def _joined(content: bytes, parts: tuple[int, ...]) -> bytes:
    return _APART.join([content[start:end] for start, end in zip(parts[::2], parts[1::2], strict=True)])
