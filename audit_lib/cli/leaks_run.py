"""Finds a project's leaks and prints them as table, JSON or SARIF; imported while git lists its objects."""

import json
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.base.contracts.leaks import PUBLISHED_PLACE
from audit_lib.base.in_words import counted
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.next_step import next_step
from audit_lib.leaks.search_objects import Progress
from audit_lib.leaks.whole_search import shows_no_leak
from audit_lib.ledger.keys import keeper_of
from audit_lib.project import Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.report.publish.known_values import guard_values
from audit_lib.report.sarif import leaks_sarif
from audit_lib.secrets.env_files import read_env_sources
from audit_lib.secrets.given_values import parse_env_options
from audit_lib.secrets.inventory import tabulate_inventory


def search(
    project: Project,
    listing: "Future[Listing]",
    progress: Progress,
    *,
    given: tuple[str, ...],
    policy: str,
    patterns: bool,
    every_provider: bool,
    also: tuple[Path, ...],
    reports: tuple[Path, ...],
    fresh: bool,
) -> LeakAudit:
    """What leaked of the values in the project's env files and in `given`, as `find_leaks` says."""
    keeper = keeper_of(project)
    rules = choose_policy(project, policy)
    values = parse_env_options(given, sys.stdin.buffer)
    sources, entries = read_env_sources(project, values, keeper, rules)
    inventory = tabulate_inventory(entries, rules, project, keeper, sources)
    guard_values(keeper, inventory, rules, project)
    return find_leaks(
        project,
        keeper,
        rules,
        entries,
        inventory,
        also=also,
        reports=reports,
        patterns=patterns,
        every_provider=every_provider,
        listing=listing,
        cache=user_cache(),
        fresh=fresh,
        progress=progress,
    )


def printed(found: LeakAudit, layout: str, most: int, elsewhere: pd.DataFrame) -> str:
    """The leaks as table, json or sarif, never a value; the table shows at most `most` places of each."""
    if layout == "sarif":
        return _as_sarif(found)
    return _as_json(found, elsewhere) if layout == "json" else _as_table(found, most, elsewhere)


def _as_table(found: LeakAudit, most: int, elsewhere: pd.DataFrame) -> str:
    table, places, coverage = found.leaks, found.places, found.coverage
    since = {(row.leak_id, row.path): _since(row) for row in rows(elsewhere)}
    lines = []
    for leak in table.to_dict("records"):
        lines.append(_leak_line(leak))
        there = places[places["leak_id"] == leak["leak_id"]]
        for place in there.head(most).to_dict("records"):
            lines.append(f"    {_place_line(place)}{since.get((place['leak_id'], place['path']), '')}")
        if len(there) > most:
            rest = counted(len(there) - most, "more place")
            lines.append(f"    and {rest} (--places {len(there)})")
    real = table["kind"].isin(("leak", "pattern", "truncated"))
    possible = table["kind"].eq("possible")
    chosen = counted(int(possible.sum()), "possible password", "possible passwords")
    harmless = counted(
        int((~real & ~possible).sum()), "template or weak default", "templates and weak defaults"
    )
    rest = (
        "" if real.any() or shows_no_leak(coverage) else "; not everything was searched, so there may be some"
    )
    lines.append(f"{counted(int(real.sum()), 'leak')}, {chosen}, {harmless}{rest}")
    lines += [_coverage_line(row) for row in coverage.to_dict("records")]
    lines.append(f"do first: {next_step(table, coverage)}")
    return "".join(f"{_plain(line)}\n" for line in lines)


def _since(row: Any) -> str:
    """For how long a value has been in a file outside the project, and how grave that is."""
    if row.written_at is None:
        return f"; {row.severity}: since when is not known"
    days = counted(int(row.days_min), "day")
    return f"; {row.severity}: there for {days} at least, since {iso(row.written_at)}"


def _leak_line(leak: dict[Any, Any]) -> str:
    since = (
        "" if pd.isna(leak["first_at"]) else f", first {iso(leak['first_at'])} in {leak['first_commit'][:12]}"
    )
    where = "at HEAD" if leak["at_head"] else "not at HEAD"
    reach = "reachable by a ref" if leak["reachable"] else "not reachable by a ref"
    force = f"IN FORCE in {leak['in_force']}" if leak["in_force"] else "not known to be in force"
    kind = "" if leak["kind"] == "leak" else f" ({leak['kind']})"
    name = f"{leak['leak_id']} {leak['variable']}{kind}"
    return f"{name}: {force}, {counted(leak['occurrences'], 'occurrence')}, {where}, {reach}{since}"


def _place_line(place: dict[Any, Any]) -> str:
    line = "" if pd.isna(place["line"]) else f":{place['line']}"
    commit = f" {place['commit'][:12]}" if place["commit"] else ""
    return f"{place['place']}{commit} {place['path']}{line} ({place['encoding']})"


def _coverage_line(row: dict[Any, Any]) -> str:
    count = "" if pd.isna(row["count"]) else f"{row['count']:,} "
    place = f" {row['place']}" if row["place"] not in ("", ".") else ""
    return f"{row['state']}: {count}{row['part']}{place}" + (f": {row['reason']}" if row["reason"] else "")


def _as_json(found: LeakAudit, elsewhere: pd.DataFrame) -> str:
    table, coverage = found.leaks, found.coverage
    named = found.places.rename(columns=PUBLISHED_PLACE)
    by_leak = {key: group.drop(columns="leak_id") for key, group in named.groupby("leak_id")}
    leaks_ = [
        _record(leak) | {"places": [_record(place) for place in by_leak[leak["leak_id"]].to_dict("records")]}
        for leak in table.drop(columns="fingerprint").to_dict("records")
    ]
    document = {
        "leaks": leaks_,
        "elsewhere": [_record(row) for row in elsewhere.to_dict("records")],
        "coverage": [_record(row) for row in coverage.to_dict("records")],
        "do_first": next_step(table, coverage),
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _record(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): None if pd.isna(value) else iso(value) if hasattr(value, "tzinfo") else value
        for key, value in row.items()
    }


def _as_sarif(found: LeakAudit) -> str:
    complete = not (found.coverage["state"] == "incomplete").any()
    log = leaks_sarif(found.leaks, found.places, complete=complete)
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def _plain(text: str) -> str:
    """Without control and direction characters: paths and messages are other people's text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
