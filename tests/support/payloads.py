"""Attackers' texts: every way we know to make a reader's browser, spreadsheet or terminal do something."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

_SHAPES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
MARKUP, OTHER = tuple(_SHAPES["markup"]), tuple(_SHAPES["other"])


def payloads(base: str, start: int, only: tuple[str, ...] = MARKUP + OTHER) -> Iterator[str]:
    """One text for each shape, each with its own number from `start` in its address under `base`."""
    for number, shape in enumerate(only, start):
        yield shape.replace("«u»", f"{base}/{number}").replace("«n»", str(number))
