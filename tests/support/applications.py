"""Small applications that tests write at run time, with fake values."""

import re
import tomllib
from pathlib import Path

from tests.support.fakes import fake_value


def write(root: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def django_vue(root: Path) -> Path:
    """A shop: Django at the top with django-environ and a pydantic settings class, Vue in frontend/."""
    files = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return write(root, {name: re.sub(r"«(\w+) (\d+)»", _value, text) for name, text in files.items()})


def _value(named: re.Match[str]) -> str:
    return fake_value(named[1], int(named[2]))
