"""The compiled log reader: where it is, what it is compiled from, and how it is called."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_lib.base.compiled.load_code import Entry, Kernel
from audit_lib.logs.kernel import shared_arrays as layout

_HERE = Path(__file__).parent
_CONSTANTS = ("templates.py", "units.py")  # beside the kernel
SOURCES = (*sorted(_HERE.glob("*.py")), *(_HERE.parent / name for name in _CONSTANTS))
LOG_KERNEL = Kernel("log reader", "audit_lib.logs.kernel.scan", SOURCES)


class Frame:
    """What the entry is given. Whoever links an array holds it: the frame knows where it lies, no more."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._places = np.zeros(layout.FRAME, np.int64)
        self._args = np.zeros(layout.MOST_ARGS, np.int64)
        self._at = self._places.ctypes.data
        self.link(layout.ARGS, [self._args])

    def link(self, first: int, arrays: Sequence[NDArray[Any]]) -> None:
        """Tells the kernel where arrays lie, from a place of the frame on."""
        for place, array in enumerate(arrays, first):
            self._places[place] = array.ctypes.data
            self._places[layout.ARRAYS + place] = array.size

    def call(self, task: int, *args: int) -> int:
        """Does one task with some numbers; what it returns."""
        self._args[: len(args)] = args
        return self._entry(self._at, task)
