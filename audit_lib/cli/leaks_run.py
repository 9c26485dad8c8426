"""Finds a project's leaks and gives the answer in its layout; imported while git lists its objects."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words
from audit_lib.base.progress import Progress
from audit_lib.cli.options import now
from audit_lib.cli.terminal import BAD, DOUBT, FAINT, GOOD, TITLE, Style
from audit_lib.leaks.contracts import PUBLISHED_PLACE
from audit_lib.leaks.find_leaks import LeakAudit, LeakOptions, find_leaks
from audit_lib.leaks.tables import (
    IN_FORCE,
    NO_SECRETS,
    NOT_IN_FORCE,
    NOT_KNOWN,
    PRODUCTION,
    exit_code,
    next_step,
    shows_no_leak,
    tabulate_elsewhere,
)
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.ledger.timeline import tenures
from audit_lib.report.known_values import known_values
from audit_lib.report.sarif import leaks_sarif
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import Project

_STYLES = {IN_FORCE: BAD, NOT_KNOWN: DOUBT}
_WORDS = {IN_FORCE: "IN FORCE", NOT_KNOWN: "not known to be in force", NOT_IN_FORCE: "not in force"}
_STATES = ("incomplete", "not searched", "partly", "searched")
_MOST_NAMES = 4

Line = dict[str, Any]  # what `say` takes


def search(project: Project, progress: Progress, given: Mapping[str, Any]) -> LeakAudit:
    """What leaked of the values in the project's env files and in `--env`, as `find_leaks` says."""
    keeper = keeper_of(project)
    known = known_values(project, keeper, given["policy"], parse_env_options(given["env"], sys.stdin.buffer))
    asked = {name: given[name] for name in ("also", "reports", "patterns", "every_provider", "fresh")}
    options = LeakOptions(**asked, cache=user_cache(), progress=progress)
    ledger = read_ledger(project.ledger_dir, None if keeper.key.origin == "throw-away" else keeper.key)
    stays = tenures(ledger)
    return find_leaks(
        project, keeper, known.policy, known.entries, known.inventory, stays=stays, options=options
    )


def answer_of(found: LeakAudit, layout: str, most: int, stops: tuple[str, ...]) -> dict[str, Any]:
    """What the command says, never a value: lines for a person or a text, and the exit code.

    `stops` are the classes of leaks at which a pipeline stops; without one the code is 0.
    """
    elsewhere = tabulate_elsewhere(found.leaks, found.places, now())
    lines = list(leak_lines(found, most, elsewhere)) if layout == "table" else []
    text = {"json": _as_json, "sarif": _as_sarif}[layout](found, elsewhere) if layout != "table" else ""
    code = exit_code(found.leaks, found.coverage, stops) if stops else 0
    return {"lines": lines, "text": text, "code": code}


def _as_json(found: LeakAudit, elsewhere: pd.DataFrame) -> str:
    table, coverage = found.leaks, found.coverage
    named = found.places.rename(columns=PUBLISHED_PLACE)
    places: dict[str, list[dict[str, Any]]] = {}
    for place in named.to_dict("records"):
        places.setdefault(place.pop("leak_id"), []).append(_record(place))
    leaks_ = [
        _record(leak) | {"places": places[leak["leak_id"]]}
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


def _as_sarif(found: LeakAudit, _: pd.DataFrame) -> str:
    complete = not (found.coverage["state"] == "incomplete").any()
    log = leaks_sarif(found.leaks, found.places, complete=complete)
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"


def leak_lines(found: LeakAudit, most: int, elsewhere: pd.DataFrame) -> Iterator[Line]:
    """The answer, then each leak with at most so many places, the most urgent first; never a value."""
    real = found.leaks[~found.leaks["kind"].isin(NO_SECRETS)]
    whole = shows_no_leak(found.coverage)
    yield _line(_totals(found.leaks, real, whole), *_answer(real, whole))
    since = {(row.leak_id, row.path): _since(row) for row in rows(elsewhere)}
    for leak in rows(found.leaks):
        yield _leak_line(leak)
        there = found.places[found.places["leak_id"] == leak.leak_id]
        for place in rows(there.head(most)):
            yield _line(f"{_place(place)}{since.get((place.leak_id, place.path), '')}", indent="    ")
        if len(there) > most:
            yield _line(
                f"and {counted(len(there) - most, 'more place')} (--places {len(there)})", indent="    "
            )
    yield _line()
    yield from _coverage_lines(found.coverage)
    yield _line()
    yield _line(f" {next_step(found.leaks, found.coverage)}", "do first:")


def _line(text: str = "", lead: str = "", style: Style = TITLE, *, indent: str = "") -> Line:
    return {"text": text, "lead": lead, "style": style, "indent": indent}


def _answer(real: pd.DataFrame, whole: bool) -> tuple[str, Any]:
    if len(real):
        return counted(len(real), "leak"), BAD
    return ("No leak", GOOD) if whole else ("No leak was found, but not everything was searched", DOUBT)


def _totals(leaks: pd.DataFrame, real: pd.DataFrame, whole: bool) -> str:
    force = real["force"].eq(IN_FORCE)
    there = force & real["in_force"].str.split(",").map(lambda places: PRODUCTION in places)
    doubt = int(real["force"].eq(NOT_KNOWN).sum())
    chosen = int(leaks["kind"].eq("possible").sum())
    hashes = int(leaks["kind"].eq("hash").sum())
    others = len(leaks) - len(real) - chosen - hashes
    said = [
        f"{int(there.sum())} in force in production, {int((force & ~there).sum())} in force elsewhere, "
        f"{doubt} not known to be in force, {len(real) - int(force.sum()) - doubt} not in force"
    ] * bool(len(real))
    said.append(counted(chosen, "possible password"))
    said += [f"{counted(hashes, 'hash', 'hashes')} of passwords"] * bool(hashes)
    said.append(counted(others, "template or weak default", "templates and weak defaults"))
    return f": {'; '.join(said)}"


def _leak_line(leak: Any) -> Line:
    kind = "" if leak.kind == "leak" else f" ({leak.kind})"
    there = f" in {leak.in_force.replace(',', ', ')}" if leak.in_force else ""
    commit = f" in {leak.first_commit[:12]}" if leak.first_commit else ""
    since = "" if leak.first_at is None else f", first {day_words(leak.first_at)}{commit}"
    where = "at HEAD" if leak.at_head else "not at HEAD"
    reach = "" if leak.reachable else ", not reachable by a ref"
    often = counted(leak.occurrences, "occurrence")
    told = f"{_WORDS[leak.force]}{there}{since}, {where}{reach}, {often}, {leak.leak_id}"
    style = FAINT if leak.kind in NO_SECRETS else _STYLES.get(leak.force, FAINT)
    return _line(f": {told}", f"{leak.variable}{kind}", style)


def _place(place: Any) -> str:
    line = "" if place.line is None else f":{place.line}"
    commit = f" {place.commit[:12]}" if place.commit else ""
    return f"{place.place}{commit} {place.path}{line} ({place.encoding})"


def _since(row: Any) -> str:
    """For how long a value has been in a file outside the project, and how grave that is."""
    if row.written_at is None:
        return f"; {row.severity}: since when is not known"
    days = counted(int(row.days_min), "day")
    return f"; {row.severity}: there for {days} at least, since {day_words(row.written_at)}"


def _coverage_lines(coverage: pd.DataFrame) -> Iterator[Line]:
    """What was searched, by what is the same of it; what was left out comes first."""
    keys = ["state", "part", "reason"]
    ordered = coverage.sort_values("state", key=lambda states: states.map(_STATES.index), kind="stable")
    for (state, part, reason), group in ordered.groupby(keys, sort=False):
        count = None if group["count"].isna().all() else int(group["count"].sum())
        parts = str(part)
        amount = parts if count is None else counted(count, re.sub(r"s\b", "", parts, count=1), parts)
        named = [place for place in group["place"] if place not in ("", ".")]
        more = [f"{len(named) - _MOST_NAMES} more"] * (len(named) > _MOST_NAMES)
        names = f" ({', '.join([*named[:_MOST_NAMES], *more])})" if named else ""
        said = f" {amount}{names}{f': {reason}' if reason else ''}"
        yield _line(said, f"{state}:", FAINT if state == "searched" else DOUBT)
