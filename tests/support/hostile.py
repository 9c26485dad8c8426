"""What a stranger may put into a project so that its audit runs, reads or waits for something."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.paths import rows_beside


@contextmanager
def deep_tree(root: Path, depth: int = 700) -> Iterator[Path]:
    """A folder with folders deeper than Python recurses, removed afterwards."""
    root.mkdir()
    folder = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a", dir_fd=folder)
        below = os.open("a", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    try:
        yield root
    finally:
        subprocess.run(["rm", "-rf", root], check=True)  # shutil gives up on such a depth


# What would be loaded from a folder if it were not forbidden.
_NAMES = rows_beside(__file__)


def booby_trap(folder: Path, sprung: Path) -> None:
    """Everything that could run or be read as settings in a folder; each writes its name into `sprung`."""
    for name in (*(f"{module}.py" for module in _NAMES["modules"]), *_NAMES["configurations"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(sprung)!r}, 'a').write({name!r} + '\\n')\n")
    (folder / "matplotlibrc").write_text("savefig.facecolor: red\nbackend: module://pandas\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    trap = folder / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "git $0 $*" >> {sprung}\n')
    trap.chmod(0o755)
    for setting in _NAMES["git"]:
        subprocess.run(["git", "-C", folder, "config", setting, str(trap)], check=True)
    (folder / ".gitattributes").write_text("* diff=x filter=x\n")
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        (folder / ".git" / "hooks" / hook).symlink_to(trap)
