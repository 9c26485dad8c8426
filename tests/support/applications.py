"""Small applications that tests write at run time, with fake values."""

import re
from functools import partial
from pathlib import Path

from tests.support.fakes import fake_value
from tests.support.paths import rows_beside

_FILES = rows_beside(__file__)


def write(root: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def _written(application: str, root: Path) -> Path:
    """The folder, with an application of the file in it."""
    files = _FILES[application].items()
    return write(root, {name: re.sub(r"«(\w+) (\d+)»", _value, text) for name, text in files})


def _value(named: re.Match[str]) -> str:
    return fake_value(named[1], int(named[2]))


django_vue, stranger = partial(_written, "shop"), partial(_written, "stranger")
