"""`leaks --project DIR`: every place where a value of the project has leaked."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import click
import pandas as pd

from audit_lib.clock import iso
from audit_lib.leak_audit import find_leaks
from audit_lib.ledger.keys import keeper_of
from audit_lib.onboarding.choice import choose_policy
from audit_lib.project import load_project
from audit_lib.report.sarif import leaks_sarif
from audit_lib.sources.env_files import read_env_sources
from audit_lib.sources.given import parse_env_options
from audit_lib.sources.scan_cache import user_cache
from audit_lib.tables.inventory import tabulate_inventory

_PATIENCE = 2.0  # seconds without a word; a longer search shows that it works
_HELP = """
Searches git's objects, the working tree, .git files, logs, bundles and archives for every value that
the project's env files (and --env) hold, past and present, in every form.

Prints one line a leak, never a value. What could not be searched is listed, and never counts as clean.
"""


@click.command(help=_HELP)
@click.option(
    "--project",
    "root",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Folder of the application.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json", "sarif"]),
    default="table",
    show_default=True,
    help="How leaks are printed.",
)
@click.option(
    "--env",
    "given",
    multiple=True,
    metavar="ENV/SERVICE=FILE|-|environ",
    help="Values that live only on a platform.",
)
@click.option("--policy", default="", help="A bundled policy's name or a policy file.")
@click.option("--ledger", type=click.Path(path_type=Path), help="A ledger folder other than .audit/ledger.")
@click.option(
    "--places", "most", default=3, show_default=True, help="Places shown for each leak in the table."
)
@click.option(
    "--patterns/--no-patterns",
    default=True,
    show_default=True,
    help="Search by shape for values nobody gave.",
)
@click.option(
    "--every-provider", is_flag=True, help="Add the shapes of some 480 providers' keys, in 2 s more."
)
@click.option("--fresh", is_flag=True, help="Search everything anew, whatever was found clean before.")
def leaks(
    *,
    root: Path,
    layout: str,
    given: tuple[str, ...],
    policy: str,
    ledger: Path | None,
    most: int,
    patterns: bool,
    every_provider: bool,
    fresh: bool,
) -> None:
    """Find leaked secrets."""
    project = load_project(root, ledger)
    keeper = keeper_of(project)
    rules = choose_policy(project, policy)
    values = parse_env_options(given, sys.stdin.buffer)
    sources, entries = read_env_sources(project, values, keeper, rules)
    inventory = tabulate_inventory(entries, rules, project, keeper, sources)
    with _progress() as progress:
        found = find_leaks(
            project,
            keeper,
            rules,
            entries,
            inventory,
            patterns=patterns,
            every_provider=every_provider,
            cache=user_cache(),
            fresh=fresh,
            progress=progress,
        )
    click.echo(_PRINTED[layout](found.leaks, found.places, found.coverage, most), nl=False)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Says on a terminal's stderr how far a long search is; nothing elsewhere."""
    started = monotonic()
    shown = 0.0

    def show(what: str, done: int, of: int) -> None:
        nonlocal shown
        now = monotonic()
        if now - started > _PATIENCE and now - shown > 0.1:
            shown = now
            share = f" of {of:,}" if of else ""
            click.echo(f"\r\x1b[K{what}: {done:,}{share}", nl=False, err=True)

    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    yield show
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)


def _as_table(table: pd.DataFrame, places: pd.DataFrame, coverage: pd.DataFrame, most: int) -> str:
    lines = []
    for leak in table.to_dict("records"):
        lines.append(_leak_line(leak))
        there = places[places["leak_id"] == leak["leak_id"]]
        lines += [f"    {_place_line(place)}" for place in there.head(most).to_dict("records")]
        if len(there) > most:
            lines.append(f"    and {len(there) - most} more places (--places {len(there)})")
    real = table["kind"].isin(("leak", "pattern", "truncated"))
    lines.append(f"{int(real.sum())} leaks, {int((~real).sum())} templates and weak defaults")
    lines += [_coverage_line(row) for row in coverage.to_dict("records")]
    return "".join(f"{_plain(line)}\n" for line in lines)


def _leak_line(leak: dict[Any, Any]) -> str:
    since = (
        "" if pd.isna(leak["first_at"]) else f", first {iso(leak['first_at'])} in {leak['first_commit'][:12]}"
    )
    where = "at HEAD" if leak["at_head"] else "not at HEAD"
    reach = "reachable by a ref" if leak["reachable"] else "not reachable by a ref"
    force = f"IN FORCE in {leak['in_force']}" if leak["in_force"] else "not known to be in force"
    kind = "" if leak["kind"] == "leak" else f" ({leak['kind']})"
    name = f"{leak['leak_id']} {leak['variable']}{kind}"
    return f"{name}: {force}, {leak['occurrences']} occurrences, {where}, {reach}{since}"


def _place_line(place: dict[Any, Any]) -> str:
    line = "" if pd.isna(place["line"]) else f":{place['line']}"
    commit = f" {place['commit'][:12]}" if place["commit"] else ""
    return f"{place['source']}{commit} {place['path']}{line} ({place['encoding']})"


def _coverage_line(row: dict[Any, Any]) -> str:
    count = "" if pd.isna(row["count"]) else f"{row['count']:,} "
    place = f" {row['place']}" if row["place"] not in ("", ".") else ""
    return f"{row['state']}: {count}{row['part']}{place}" + (f": {row['reason']}" if row["reason"] else "")


def _as_json(table: pd.DataFrame, places: pd.DataFrame, coverage: pd.DataFrame, most: int) -> str:
    by_leak = {key: group.drop(columns="leak_id") for key, group in places.groupby("leak_id")}
    leaks_ = [
        _record(leak) | {"places": [_record(place) for place in by_leak[leak["leak_id"]].to_dict("records")]}
        for leak in table.drop(columns="fingerprint").to_dict("records")
    ]
    document = {"leaks": leaks_, "coverage": [_record(row) for row in coverage.to_dict("records")]}
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _record(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): None if pd.isna(value) else iso(value) if hasattr(value, "tzinfo") else value
        for key, value in row.items()
    }


def _as_sarif(table: pd.DataFrame, places: pd.DataFrame, coverage: pd.DataFrame, most: int) -> str:
    complete = not (coverage["state"] == "incomplete").any()
    return json.dumps(leaks_sarif(table, places, complete=complete), indent=2, ensure_ascii=True) + "\n"


def _plain(text: str) -> str:
    """Without control and direction characters: paths and messages are other people's text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


_PRINTED: dict[str, Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame, int], str]] = {
    "table": _as_table,
    "json": _as_json,
    "sarif": _as_sarif,
}
