"""What `failures` prints: the answer and a table for people, rows in order as CSV or JSON for scripts."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any

import click
import numpy as np

from audit_lib.base.how_started import command
from audit_lib.base.in_words import counted, lines_in_words
from audit_lib.base.log_kinds import MESSAGE_KINDS, NOTICE, POSSIBLE
from audit_lib.cli.terminal import BAD, TITLE, columns as columns_of, say, shortened
from audit_lib.logs.file_counts import (
    KINDS,
    Columns,
    LogSums,
    day_text,
    distinct_in,
    no_sums,
    renamed,
    summed,
)
from audit_lib.logs.group_limit import OTHER_CLIENTS
from audit_lib.logs.units import Ints
from audit_lib.report import escape as inert

COLUMNS = ("day", "kind", "status", "client", "route")
MOST_ROWS = 1_000  # of a table; the others are one row
ROWS_ON_A_TERMINAL = 20
FAILURES = frozenset(KINDS) - {"other", POSSIBLE, NOTICE}
_SLICE = 1 << 14  # rows
_NOTHING = "no request and no failure message was found"
_SHORTEST = 8  # characters that every column keeps


def summary(sums: Sequence[LogSums]) -> str:
    """How the lines were read, by their five states."""
    states = {name: sum(part.states[name] for part in sums) for name in no_sums().states}
    return lines_in_words(states)


def printed(sums: Sequence[LogSums], by: Sequence[str], layout: str) -> Iterator[str]:
    """The rows as CSV or JSON, in pieces: there may be millions."""
    columns = _columns(by)
    if layout == "csv":
        lines = map(",".join, chain([columns], rows(sums, by, _in_csv)))
        while piece := list(islice(lines, _SLICE)):
            yield "\n".join([*piece, ""])
    else:
        comma = ""
        yield "["
        for record in rows(sums, by, partial(json.dumps, ensure_ascii=False)):
            named = zip(columns, record, strict=True)
            yield comma + "\n {\n" + ",\n".join(f'  "{name}": {cell}' for name, cell in named) + "\n }"
            comma = ","
        yield "\n]\n" if comma else "]\n"


def rows(
    sums: Sequence[LogSums], by: Sequence[str], shown: Callable[[Any], Any] = lambda value: value
) -> Iterator[tuple[Any, ...]]:
    """One row for each group, in order: the columns asked for, then `count`, and `untimed` with days.

    `shown` is what becomes of a value. Rows are made a few thousand at a time, since there may be millions.
    """
    columns = _columns(by)
    table, names = _summed(sums, by, columns[len(by) :])
    yield from _cells(table, columns, names, shown)


def _columns(by: Sequence[str]) -> tuple[str, ...]:
    return (*by, "count", *(("untimed",) if "day" in by else ()))


def _summed(
    sums: Sequence[LogSums], by: Sequence[str], values: Sequence[str]
) -> tuple[Columns, tuple[str, ...]]:
    """The sums of the values by the columns, in their order; and the names that client and route number."""
    # Kinds are numbered by name, so that the order of numbers is the order of what is shown.
    kinds = np.array([sorted(KINDS).index(kind) for kind in KINDS])
    failed = np.array([kind in FAILURES for kind in KINDS])

    def column(part: LogSums, name: str) -> Ints:
        if name == "failures":
            return np.where(failed[part.groups["kind"]], part.groups["count"], 0)
        return kinds[part.groups["kind"]] if name == "kind" else part.groups[name]

    columns, names = renamed(
        sums, lambda part: {name: column(part, name) for name in (*by, *values)}, ("client", "route")
    )
    return summed(columns, by, values), names


def _cells(
    table: Columns, columns: Sequence[str], names: Sequence[str], shown: Callable[[Any], Any]
) -> Iterator[tuple[Any, ...]]:
    text: dict[str, Callable[[int], Any]] = {
        "day": day_text,
        "kind": sorted(KINDS).__getitem__,
        "status": lambda number: number or None,
        "client": names.__getitem__,
        "route": names.__getitem__,
    }
    cells = [
        _known_cells(table[name], text[name], shown) if name in text else _counted_cells(shown)
        for name in columns
    ]
    for start in range(0, len(table["count"]), _SLICE):
        part = [table[name][start : start + _SLICE] for name in columns]
        yield from zip(*(of(numbers) for of, numbers in zip(cells, part, strict=True)), strict=True)


def _known_cells(
    column: Ints, text: Callable[[int], Any], shown: Callable[[Any], Any]
) -> Callable[[Ints], list[Any]]:
    """The cells of numbers of a column, each of which is made once, beforehand."""
    distinct = distinct_in(column)
    cells = np.empty(int(np.max(column, initial=0)) + 1, object)
    for number in distinct.tolist():
        cells[number] = shown(text(number))
    return lambda numbers: cells[numbers].tolist()


def _counted_cells(shown: Callable[[Any], Any]) -> Callable[[Ints], list[Any]]:
    """The cells of counts, most of which are low."""
    cell = lru_cache(maxsize=1 << 14)(shown)
    return lambda numbers: list(map(cell, numbers.tolist()))


def _in_csv(value: Any) -> str:
    """A value as a field of CSV, in quotes if it needs them."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([value, ""])
    return stream.getvalue().removesuffix(",")


def say_failures(sums: Sequence[LogSums], by: Sequence[str]) -> None:
    """The answer, then a table with most failures first; what comes late is one row, and so is the total."""
    values = ("failures", "count", *(("untimed",) if "day" in by else ()))
    table, names = _summed(sums, by, values)
    failed = int(table["failures"].sum())
    say(lead=answer(sums) if len(table["count"]) else _NOTHING, style=BAD if failed else TITLE)
    width = columns_of(sys.stdout)
    most = ROWS_ON_A_TERMINAL if width else MOST_ROWS
    order = np.lexsort((-table["count"], -table["failures"]))
    first, late = order[:most], order[most:]
    part = {name: numbers[first] for name, numbers in table.items()}
    columns = (*by, *values)
    shown: list[tuple[Any, ...]] = list(_cells(part, columns, names, lambda value: value))
    rest = [f"({counted(len(late), 'more row')})"] if len(late) else []
    for label, chosen in (*((one, late) for one in rest), ("total", order)):
        sums_of = (int(table[name][chosen].sum()) for name in values)
        shown.append((label, *[""] * (len(by) - 1), *sums_of))
    text = _aligned(_with_share(shown, len(by)), (*by, "failures", "share", *values[1:]), width)
    click.echo(text if len(table["count"]) else "", nl=False)
    say(summary(sums), err=True)
    if failed:
        say(*_next(by, first, table, names), err=True)


def _next(by: Sequence[str], first: Ints, table: Columns, names: Sequence[str]) -> tuple[str, str]:
    """What to do about the failures, in the last line."""
    if "client" not in by:
        return " add --by client,route", "To see whose they are:"
    client = names[int(table["client"][first[0]])]
    if not client or client == OTHER_CLIENTS:
        return " add --format csv", "To see every row:"
    return f" {command('investigate', '--client', client)}", "To look into the first:"


def _with_share(records: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """The rows with the share of all failures behind the number of their own."""
    total = records[-1][place]
    share = [f"{100 * record[place] / total:.1f} %" if total else None for record in records]
    return [
        (*record[: place + 1], one, *record[place + 1 :]) for record, one in zip(records, share, strict=True)
    ]


def answer(sums: Sequence[LogSums]) -> str:
    """How many requests were refused, of how many, and how many messages report a failure, in a sentence."""
    counts = dict.fromkeys(KINDS, 0)
    days = [day for part in sums for day in distinct_in(part.groups["day"]).tolist() if day]
    for part in sums:
        for number, kind in enumerate(KINDS):
            counts[kind] += int(part.groups["count"][part.groups["kind"] == number].sum())
    requests = sum(count for kind, count in counts.items() if kind not in MESSAGE_KINDS)
    refused = requests - counts["other"]
    messages = sum(counts[kind] for kind in FAILURES & set(MESSAGE_KINDS))
    share = f" ({100 * refused / requests:.1f} %)" if requests else ""
    told = f"{refused:,} of {counted(requests, 'request')} failed{share}"
    told += f", {counted(messages, 'message')} of a failure"
    possible = f", {counted(counts[POSSIBLE], 'possible login failure')}" if counts[POSSIBLE] else ""
    period = f", {day_text(min(days))} to {day_text(max(days))}" if days else ""
    return f"{told}{possible}{period}"


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
