"""The tree of formats is made once a machine, and again for other formats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.formats_as_arrays import compile_formats, program_of

BUNDLED = load_formats()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "audit_lib" / "kernel"


def test_kept_arrays_are_those_that_were_made(folder: Path) -> None:
    """What is loaded the second time is array for array what was made, and is not made again."""
    first = program_of.__wrapped__(BUNDLED, "Europe/Berlin")
    (kept,) = folder.glob("*.npz")
    written = kept.stat().st_mtime_ns
    again = program_of.__wrapped__(BUNDLED, "Europe/Berlin")
    made = compile_formats(BUNDLED)
    for name in made._fields:
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
        if not name.startswith("zone_"):
            assert np.array_equal(getattr(made, name), getattr(again, name)), name
    assert kept.stat().st_mtime_ns == written


def test_other_formats_have_another_tree(folder: Path) -> None:
    """What is kept belongs to the formats that it was made of: without messages there is another."""
    program_of.__wrapped__(BUNDLED, "UTC")
    fewer = replace(BUNDLED, prefixes=BUNDLED.prefixes[:1])
    program = program_of.__wrapped__(fewer, "UTC")
    assert len(list(folder.glob("*.npz"))) == 2
    assert len(program.nodes) == len(compile_formats(fewer).nodes)


def test_a_damaged_tree_is_made_anew(folder: Path) -> None:
    """What lost its end is not walked: the walk would go beyond it."""
    whole = program_of.__wrapped__(BUNDLED, "UTC")
    (kept,) = folder.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-1])
    assert np.array_equal(program_of.__wrapped__(BUNDLED, "UTC").nodes, whole.nodes)
