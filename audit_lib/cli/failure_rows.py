"""What `failures` prints: the answer and a table for people, rows in order as CSV or JSON for scripts."""

import csv
import io
import json
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click
import pandas as pd

from audit_lib.base.frames import rows as rows_of
from audit_lib.base.in_words import counted, lines_in_words
from audit_lib.base.log_kinds import MESSAGE_KINDS, NOTICE, POSSIBLE
from audit_lib.cli.log_files import PathsRead
from audit_lib.cli.terminal import BAD, TITLE, columns as columns_of, say, shortened
from audit_lib.logs.sums import KINDS, OTHER_CLIENTS
from audit_lib.report import escape as inert

COLUMNS = ("day", "kind", "status", "client", "route")
MOST_ROWS = 1_000  # of a table; the others are one row
ROWS_ON_A_TERMINAL = 20
FAILURES = frozenset(KINDS) - {"other", POSSIBLE, NOTICE}
_NOTHING = "no request and no failure message was found"
_SHORTEST = 8  # characters that every column keeps


def printed(logs: PathsRead, by: Sequence[str], layout: str) -> str:
    """The rows as CSV or JSON, in the order of their columns."""
    columns = [*by, *_values(by)]
    table = _summed(logs, by)[columns]
    if layout == "csv":
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([columns, *rows_of(table)])
        return written.getvalue()
    records = [dict(zip(columns, row, strict=True)) for row in rows_of(table)]
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def _values(by: Sequence[str]) -> tuple[str, ...]:
    return ("count", "untimed") if "day" in by else ("count",)


def _summed(logs: PathsRead, by: Sequence[str]) -> pd.DataFrame:
    """The counts by the columns, in their order, with how many of them are failures."""
    failures = logs.counts["count"].where(logs.counts["kind"].isin(FAILURES), 0)
    groups = logs.counts.assign(failures=failures).groupby(list(by), dropna=False, as_index=False)
    table = groups[["failures", "count", "untimed"]].sum()
    return table.sort_values(list(by), na_position="first", kind="stable", ignore_index=True)


def say_failures(logs: PathsRead, by: Sequence[str]) -> None:
    """The answer, then a table with most failures first; what comes late is one row, and so is the total."""
    values = ["failures", *_values(by)]
    table = _summed(logs, by).sort_values(["failures", "count"], ascending=False, kind="stable")
    failed = int(table["failures"].sum())
    say(lead=answer(logs.counts) if len(table) else _NOTHING, style=BAD if failed else TITLE)
    width = columns_of(sys.stdout)
    most = ROWS_ON_A_TERMINAL if width else MOST_ROWS
    shown = [tuple(row) for row in rows_of(table[[*by, *values]].head(most))]
    late = table.iloc[most:]
    rest = [(f"({counted(len(late), 'more row')})", late)] if len(late) else []
    for label, part in (*rest, ("total", table)):
        shown.append((label, *[""] * (len(by) - 1), *part[values].sum().tolist()))
    text = _aligned(_with_share(shown, len(by)), (*by, "failures", "share", *values[1:]), width)
    click.echo(text if len(table) else "", nl=False)
    say(lines_in_words(logs.states), err=True)
    if failed:
        client = str(table["client"].iloc[0]) if "client" in by else None
        say(*_next(client), err=True)


def _next(client: str | None) -> tuple[str, str]:
    """What to do about the failures, in the last line; `client` is the one with most of them."""
    if client is None:
        return " add --by client,route", "To see whose they are:"
    if client in ("", OTHER_CLIENTS):
        return " add --format csv", "To see every row:"
    return f" {shlex.join(['audit-lib', 'investigate', '--client', client])}", "To look into the first:"


def _with_share(records: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """The rows with the share of all failures behind the number of their own."""
    total = records[-1][place]
    share = [f"{100 * record[place] / total:.1f} %" if total else None for record in records]
    return [
        (*record[: place + 1], one, *record[place + 1 :]) for record, one in zip(records, share, strict=True)
    ]


def answer(counts: pd.DataFrame) -> str:
    """How many requests were refused, of how many, and how many messages report a failure, in a sentence."""
    by_kind = dict.fromkeys(KINDS, 0) | counts.groupby("kind")["count"].sum().to_dict()
    requests = sum(count for kind, count in by_kind.items() if kind not in MESSAGE_KINDS)
    refused = requests - by_kind["other"]
    messages = sum(by_kind[kind] for kind in FAILURES & set(MESSAGE_KINDS))
    share = f" ({100 * refused / requests:.1f} %)" if requests else ""
    text = f"{refused:,} of {counted(requests, 'request')} failed{share}"
    text += f", {counted(messages, 'message')} of a failure"
    possible = f", {counted(by_kind[POSSIBLE], 'possible login failure')}" if by_kind[POSSIBLE] else ""
    days = counts["day"].dropna()
    period = f", {days.min()} to {days.max()}" if len(days) else ""
    return f"{text}{possible}{period}"


def _aligned(records: Sequence[tuple[Any, ...]], columns: Sequence[str], width: int | None) -> str:
    """Aligned text: numbers to the right, "-" for what is not known, long texts cut to the width."""
    texts = [list(columns)]
    texts += [["-" if cell is None else inert.plain(cell) for cell in record] for record in records]
    widths = [max(len(row[place]) for row in texts) for place in range(len(columns))]
    while width and sum(widths) + 2 * (len(widths) - 1) >= width and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    texts = [[shortened(cell, most) for cell, most in zip(row, widths, strict=True)] for row in texts]
    right = {"status", "failures", "share", "count", "untimed"}
    return "".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        ).rstrip()
        + "\n"
        for row in texts
    )
