"""Beyond so many groups routes, then addresses, are counted together: whole, the same for every split."""

import io
from collections import Counter
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.formats import load_formats
from audit_lib.logs.group_limit import OTHER_CLIENTS, GroupLimit, joined
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_options import Plan, Wanted

FORMATS = load_formats()


def _plan(most: int | None, chunk: int = 1 << 20) -> Plan:
    wanted = Wanted(minutes=False)
    limit = None if most is None else GroupLimit(most)
    return Plan(FORMATS, ZoneInfo("UTC"), wanted=wanted, chunk=chunk, limit=limit)


def _log(clients: int, routes: int, lines: int = 1500) -> bytes:
    return b"".join(
        b'2026-08-%02dT10:00:00Z INFO:     192.0.2.%d:1 - "GET /r%s HTTP/1.1" %d X\n'
        % (1 + n * 20 // lines, 1 + n % clients, b"abcdefghij"[n % 7 : n % 7 + 1] * (n % routes), 401 - n % 2)
        for n in range(lines)
    )


def _by(sums: LogSums, column: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for number, count in zip(sums.groups[column].tolist(), sums.groups["count"].tolist(), strict=True):
        counted[sums.names[number]] += count
    return counted


def _shown(sums: LogSums) -> list[tuple[Any, ...]]:
    """Each group by its names, with its count."""
    columns = {name: sums.groups[name].tolist() for name in ("day", "status", "count", "client", "route")}
    rows = zip(*columns.values(), strict=True)
    return sorted((*numbers, sums.names[client], sums.names[route]) for *numbers, client, route in rows)


@pytest.mark.parametrize(("clients", "routes"), [(200, 1), (40, 60), (200, 60)])
@pytest.mark.parametrize("most", [60, 400, 900])
def test_what_is_kept_is_whole_and_the_same_for_every_split(clients: int, routes: int, most: int) -> None:
    """Both readers, and files in any pieces, keep the same addresses and routes, each with all its rows."""
    content = _log(clients, routes)
    whole, few = (read_naively(io.BytesIO(content), _plan(each)) for each in (None, most))
    assert sum(_by(few, "client").values()) == sum(_by(whole, "client").values())
    for column, other in (("client", OTHER_CLIENTS), ("route", OTHER_ROUTES)):
        full, kept = _by(whole, column), _by(few, column)
        assert {name: count for name, count in kept.items() if name != other}.items() <= full.items()
    for size in (997, 20_011):
        plan = _plan(most, chunk=size)
        assert _shown(reduce_chunks(read_chunks(io.BytesIO(content), plan), plan)) == _shown(few)


@pytest.mark.parametrize("wanted", [Wanted(method=False, events=False, minutes=False), Wanted(*[False] * 5)])
def test_what_is_not_wanted_brings_no_limit_nearer(wanted: Wanted) -> None:
    """A small file gives the same rows before the fast reader is compiled and after."""
    content = _log(200, 60)
    plans = [replace(_plan(400), wanted=wanted, limit=GroupLimit(400)) for _ in range(2)]
    fast = reduce_chunks(read_chunks(io.BytesIO(content), plans[0]), plans[0])
    assert _shown(fast) == _shown(read_naively(io.BytesIO(content), plans[1]))


def test_files_share_the_limit() -> None:
    """What is beyond the limit over two files is the same as of one file that holds the lines of both."""
    content = _log(200, 60)
    lines = content.splitlines(keepends=True)
    plan = _plan(400)
    assert plan.limit is not None
    parts: list[LogSums] = []
    for part in (lines[:700], lines[700:]):
        read = read_naively(io.BytesIO(b"".join(part)), plan)
        parts = [plan.limit.within(joined([*parts, read]))]
    expected = read_naively(io.BytesIO(content), _plan(400))
    assert _shown(parts[0]) == _shown(expected)
