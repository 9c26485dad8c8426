"""What a command writes: wrapped and coloured on a terminal, plain whole lines elsewhere; and as JSON."""

import json
import os
import sys
import textwrap
from typing import TextIO

import click
import pandas as pd
from pandas.api.types import is_numeric_dtype

from audit_lib.report import escape as inert

_SHORTEST = 8  # characters that every column of a table keeps


def colour() -> bool | None:
    """click's `color`: False if NO_COLOR (no-color.org) is set or the terminal is dumb; else it decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns(stream: TextIO) -> int | None:
    """The columns that may be written in a line of a stream; None if no terminal shows them."""
    return max(os.get_terminal_size(stream.fileno()).columns or 80, 20) if stream.isatty() else None


def say(*lines: object, lead: str = "", colour: str = "", indent: str = "", err: bool = False) -> None:
    """Write inert lines, each after the `lead`, which is bold; a line that is None is left out.

    On a terminal a line is wrapped, and what follows its first part is set in by two more.
    """
    width, head = columns(sys.stderr if err else sys.stdout), inert.plain(f"{indent}{lead}")
    for line in (line for line in lines if line is not None):
        shown = f"{head}{inert.plain(line)}"
        if width:
            more = f"{indent}  "
            shown = textwrap.fill(shown, width - 1, subsequent_indent=more, break_on_hyphens=False)
        if lead:
            shown = click.style(shown[: len(head)], fg=colour or None, bold=True) + shown[len(head) :]
        click.echo(shown, err=err)


def print_json(document: object) -> None:
    """Print a document that holds JSON values alone, indented."""
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
