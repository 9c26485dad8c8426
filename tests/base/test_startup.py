"""The tricks that make a command start sooner still save what they are there for."""

import subprocess
import sys

import pytest

from audit_lib.base.startup import UNUSED

IRI = "import jsonschema.validators"


def _loaded(code: str, name: str, *, kept: tuple[str, ...] = ()) -> bool:
    """Whether a fresh process has a module once the code has run; the tricks for `kept` are undone."""
    undone = "".join(f"sys.modules.pop({one!r}, None);" for one in kept)
    program = f"import sys, audit_lib;{undone}{code};sys.exit(bool(sys.modules.get({name!r})))"
    return subprocess.run([sys.executable, "-c", program], check=False).returncode == 1


def test_what_nothing_uses_is_not_imported() -> None:
    """A library imports it when nobody keeps it from that, and does not as the package leaves it out."""
    (unused,) = UNUSED
    pytest.importorskip(unused)
    assert _loaded(IRI, unused, kept=UNUSED), f"{unused} is imported no longer: remove the trick"
    assert not _loaded(IRI, unused)


@pytest.mark.parametrize(
    ("command", "unused"),
    [
        ("leaks_staged", "nbformat"),
        ("verify", "pypdf"),
        ("verify", "filelock"),
        ("verify", "cryptography"),
    ],
)
def test_a_command_waits_for_nothing_that_it_has_no_use_for(command: str, unused: str) -> None:
    """To read notebooks would be a fifth of the imports of a hook, PDFs a third of those of `verify`."""
    assert not _loaded(f"import audit_lib.cli.{command}", unused)


@pytest.mark.parametrize(("block", "searched"), [("kept_imports", False), ("nullcontext", True)])
def test_imports_are_not_searched_for_garbage(block: str, searched: bool) -> None:
    """Importing pandas makes the collector run many times, and never within `kept_imports`."""
    program = (
        "import gc, sys; from contextlib import nullcontext\n"
        "from audit_lib.base.startup import kept_imports\n"
        "runs = lambda: sum(one['collections'] for one in gc.get_stats())\n"
        f"before = runs()\nwith {block}(): import pandas\n"
        "sys.exit(runs() > before + 5)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == int(searched)
