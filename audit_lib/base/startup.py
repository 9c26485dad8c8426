"""What makes a command start sooner. What each trick saves is seen by tests/base/test_startup.py.

Processor seconds seen on Python 3.11: jsonschema's grammar 0.9 of a notebook's start, the search for garbage
0.12 of importing pandas.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What libraries import if it is installed, and nothing here uses: jsonschema a grammar for the format `iri`.
UNUSED = ("rfc3987_syntax",)


def leave_out(*names: str) -> None:
    """Let an import of these modules fail, as if they were not installed, unless they are loaded already."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def one_thread() -> None:
    """Keep numpy from starting a thread for each processor, for linear algebra that no command does."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@contextmanager
def kept_imports() -> Iterator[None]:
    """In this block nothing is searched for garbage, and what it leaves never will be.

    What imports make stays until the end: looking through it, then and at the exit, is lost time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
