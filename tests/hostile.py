"""What a stranger may put into a project so that its audit runs, reads or waits for something."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
