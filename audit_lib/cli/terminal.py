"""What a command says to a person: wrapped and coloured on a terminal, plain whole lines elsewhere."""

import os
import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import click
from tqdm import tqdm

from audit_lib.base.progress import Progress, quiet
from audit_lib.report import escape as inert

Style = Mapping[str, Any]
TITLE: Style = {"bold": True}
BAD: Style = {"fg": "red", "bold": True}
DOUBT: Style = {"fg": "yellow", "bold": True}
GOOD: Style = {"fg": "green", "bold": True}
FAINT: Style = {"dim": True}

_USUAL = 80  # columns of a terminal that does not say how many it has
_LEAST = 20
_FILLER = "\0"  # never in inert text: the second column of a wide character
PATIENCE = 1.0  # seconds without a word; only longer work shows a bar


def colour() -> bool | None:
    """click's `color`: False if NO_COLOR (no-color.org) is set or the terminal is dumb; else it decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns(stream: TextIO) -> int | None:
    """How many columns may be written in a line; None if no terminal shows them."""
    if not stream.isatty():
        return None
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or _USUAL, _LEAST)
    except OSError:
        return _USUAL


def say(text: str = "", lead: str = "", style: Style = TITLE, *, indent: str = "", err: bool = False) -> None:
    """Write one line, its `lead` in a style; on a terminal wrapped, and what follows set in by two more.

    Whatever of it could act on a terminal is written as its escape.
    """
    shown = inert.plain(f"{indent}{lead}{text}")
    if width := columns(sys.stderr if err else sys.stdout):
        wide = "".join(_FILLER * (unicodedata.east_asian_width(one) in "WF") + one for one in shown)
        lines = textwrap.fill(wide, width - 1, subsequent_indent=indent + "  ", break_on_hyphens=False)
        shown = lines.replace(_FILLER, "")
    words = inert.plain(lead).split()
    head = re.match(r"\s*".join(["", *map(re.escape, words)]), shown) if words else None
    click.echo(click.style(head[0], **style) + shown[head.end() :] if head else shown, err=err)


def shortened(text: str, width: int) -> str:
    """The text, its middle left out if it has more characters than that."""
    head = (width - 1) // 2
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


@contextmanager
def progress_bar(work: Mapping[str, int], patience: float = PATIENCE) -> Iterator[Progress]:
    """Reports on a terminal's stderr, as one bar, how far a long work is; nothing elsewhere.

    `work` names its parts in their order, each with its share of the time.
    """
    if columns(sys.stderr) is None or os.environ.get("TERM") == "dumb":
        yield quiet
        return
    whole = sum(work.values())
    looks = "{desc:<40.40}{bar}{percentage:4.0f}%"
    with tqdm(
        total=whole,
        file=sys.stderr,
        delay=PATIENCE if patience is None else patience,
        leave=False,
        bar_format=looks,
    ) as bar:

        def show(what: str, done: int, of: int) -> None:
            count = f" {done:,} of {of:,}" if of > 1 else ""
            bar.set_description_str(f"{what}{count}", refresh=False)
            bar.update(max(_place(work, what, done, of) - bar.n, 0))

        yield show


def _place(work: Mapping[str, int], what: str, done: int, of: int) -> float:
    """How much of all is done at such a part; half of a part without a known end is done after a hundred."""
    names = list(work)
    if what not in work:
        return 0
    before = sum(work[name] for name in names[: names.index(what)])
    return before + work[what] * min(done / of if of else done / (done + 100), 1)
