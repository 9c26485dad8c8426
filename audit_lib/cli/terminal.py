"""What a command says to a person: wrapped and coloured on a terminal, plain whole lines elsewhere."""

import os
import re
import sys
import textwrap
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


def colour() -> bool | None:
    """click's `color`: False if NO_COLOR (no-color.org) is set or the terminal is dumb; else it decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns(stream: TextIO) -> int | None:
    """How many columns may be written in a line; None if no terminal shows them."""
    if not stream.isatty():
        return None
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, 20)
    except OSError:
        return 80


def say(text: str = "", lead: str = "", style: Style = TITLE, *, indent: str = "", err: bool = False) -> None:
    """Write one line, its `lead` in a style; on a terminal wrapped, and what follows set in by two more.

    Whatever of it could act on a terminal is written as its escape.
    """
    shown = inert.plain(f"{indent}{lead}{text}")
    if width := columns(sys.stderr if err else sys.stdout):
        shown = textwrap.fill(shown, width - 1, subsequent_indent=indent + "  ", break_on_hyphens=False)
    words = inert.plain(lead).split()
    head = re.match(r"\s*".join(["", *map(re.escape, words)]), shown) if words else None
    click.echo(click.style(head[0], **style) + shown[head.end() :] if head else shown, err=err)


@contextmanager
def progress_bar(work: Mapping[str, int], patience: float = 1.0) -> Iterator[Progress]:
    """Reports on a terminal's stderr, as one bar, how far a work is that takes longer than some seconds.

    `work` names its parts in their order, each with its share of the time.
    """
    if columns(sys.stderr) is None or os.environ.get("TERM") == "dumb":
        yield quiet
        return
    names, looks = list(work), "{desc:<40.40}{bar}{percentage:4.0f}%"
    with tqdm(
        total=sum(work.values()), file=sys.stderr, delay=patience, leave=False, bar_format=looks
    ) as bar:

        def show(what: str, done: int, of: int) -> None:
            before = sum(work[name] for name in names[: names.index(what)])
            part = done / of if of else done / (done + 100)  # of what has no known end
            bar.set_description_str(f"{what} {done:,} of {of:,}" if of > 1 else what, refresh=False)
            bar.update(max(before + work[what] * min(part, 1) - bar.n, 0))

        yield show
