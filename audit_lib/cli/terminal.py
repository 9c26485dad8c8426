"""What a command says to a person: within the terminal's width and in colour; elsewhere plain whole lines."""

import os
import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, TextIO

import click

from audit_lib.base.progress import Progress, quiet
from audit_lib.report import escape as inert

Style = Mapping[str, Any]
TITLE: Style = {"bold": True}
BAD: Style = {"fg": "red", "bold": True}
DOUBT: Style = {"fg": "yellow", "bold": True}
GOOD: Style = {"fg": "green", "bold": True}
FAINT: Style = {"dim": True}

_EACH = 0.1  # seconds between two looks of the bar
_STEPS = 1_000  # of the bar
_USUAL = 80  # columns of a terminal that does not say how many it has
_LEAST = 20
_FILLER = "\0"  # never in inert text


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
    whole = inert.plain(f"{indent}{lead}{text}")
    width = columns(sys.stderr if err else sys.stdout)
    shown = "\n".join(_wrapped(whole, width, indent + "  ")) if width else whole
    click.echo(_styled(shown, inert.plain(lead).split(), style), err=err)


def _styled(shown: str, words: list[str], style: Style) -> str:
    """The text with its first words in a style, if no word was broken."""
    lead = re.match(r"\s*".join(["", *map(re.escape, words)]), shown) if words else None
    return click.style(lead[0], **style) + shown[lead.end() :] if lead else shown


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of at most so many columns, of which a wide character takes two."""
    wide = "".join(_FILLER * (unicodedata.east_asian_width(one) in "WF") + one for one in text)
    wrapper = textwrap.TextWrapper(
        width - 1, subsequent_indent=indent, break_on_hyphens=False, expand_tabs=False
    )
    return [line.replace(_FILLER, "") for line in wrapper.wrap(wide)] or [""]


def shortened(text: str, width: int) -> str:
    """The text, its middle left out if it has more characters than that."""
    head = (width - 1) // 2
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


@contextmanager
def progress_bar(work: Mapping[str, int], patience: float = 0.0) -> Iterator[Progress]:
    """Reports on a terminal's stderr, as one bar, how far a long work is; nothing elsewhere.

    `work` names its parts in their order, each with its share of the time. What is done within `patience`
    seconds shows no bar.
    """
    width = columns(sys.stderr)
    if width is None or os.environ.get("TERM") == "dumb":
        yield quiet
        return
    bar = _bar(work, width)
    started, shown, part = monotonic(), 0.0, ""

    def show(what: str, done: int, of: int) -> None:
        nonlocal part, shown
        now = monotonic()
        news = what != part or done == of or now - shown > _EACH
        if now - started < patience or not news:
            return
        bar.label = _label(what, done, of, width)
        if not shown:
            bar.__enter__()
        part, shown = what, now
        bar.update(max(_place(work, what, done, of) - bar.pos, 0))
        bar.render_progress()

    show(next(iter(work)), 0, 0)
    try:
        yield show
        if shown:
            bar.update(_STEPS - bar.pos)
    finally:
        if shown:
            bar.render_finish()


def _bar(work: Mapping[str, int], width: int) -> Any:
    label = _label(max(work, key=len), 0, 0, width)
    return click.progressbar(
        length=_STEPS,
        label=label,
        file=sys.stderr,
        width=max(width - len(label) - len("  [],  100%"), 4),
        show_eta=False,
    )


def _label(what: str, done: int, of: int, width: int) -> str:
    room = width // 2
    count = f" {done:,}" if done and not of else f" {done:,} of {of:,}" if of > 1 else ""
    return f"{what}{count}"[:room].ljust(room)


def _place(work: Mapping[str, int], what: str, done: int, of: int) -> int:
    """The step of the bar at which such a part of the work is."""
    before = 0
    for name, share in work.items():
        if name == what:
            # Of what has no known end, half is done after a hundred.
            part = done / of if of else done / (done + 100)
            return int(_STEPS * (before + share * min(part, 1)) / sum(work.values()))
        before += share
    return 0
