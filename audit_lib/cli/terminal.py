"""What a command writes: wrapped and coloured on a terminal, plain whole lines elsewhere; and as JSON."""

import json
import os
import sys
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

import click
import pandas as pd
from pandas.api.types import is_numeric_dtype

from audit_lib.report import escape as inert
from audit_lib.report.tables import records

_SHORTEST = 8  # characters that every column of a table keeps


def colour() -> bool | None:
    """click's `color`: False if NO_COLOR (no-color.org) is set or the terminal is dumb; else it decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns(stream: TextIO) -> int | None:
    """How many columns may be written in a line; None if no terminal shows them."""
    if stream.isatty():
        with suppress(OSError):
            return max(os.get_terminal_size(stream.fileno()).columns or 80, 20)
        return 80
    return None


def say(text: object = "", lead: str = "", colour: str = "", *, indent: str = "", err: bool = False) -> None:
    """Write one inert line, its `lead` bold; on a terminal wrapped, and what follows set in by two more."""
    head = inert.plain(f"{indent}{lead}")
    shown = f"{head}{inert.plain(text)}"
    if width := columns(sys.stderr if err else sys.stdout):
        shown = textwrap.fill(shown, width - 1, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    end = len(shown) if not text else len(head) if shown.startswith(head) else 0  # of the lead
    if lead and end:
        shown = click.style(shown[:end], fg=colour or None, bold=True) + shown[end:]
    click.echo(shown, err=err)


def print_json(content: pd.DataFrame | Mapping[str, Any]) -> None:
    """Print a frame as a list of records, or what has such in it."""
    document = records(content) if isinstance(content, pd.DataFrame) else content
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


def print_table(table: pd.DataFrame) -> None:
    """Print a frame, "-" for a null; on a narrower terminal the middle of the longest texts is left out."""
    shown = table.astype(object).where(table.notna(), "-").map(inert.plain)
    lines = [list(table.columns), *shown.to_numpy().tolist()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    width = columns(sys.stdout) or sys.maxsize
    while sum(widths) + 2 * len(widths) > width and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    for line in lines:
        cells = []
        for text, most, kind in zip(line, widths, table.dtypes, strict=True):
            cut = text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[-(most // 2) :]}"
            cells.append(cut.rjust(most) if is_numeric_dtype(kind) else cut.ljust(most))
        click.echo("  ".join(cells).rstrip())
