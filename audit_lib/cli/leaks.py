"""`leaks`: every place to which a value of the project has leaked; staged files; files to be given away."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault, Refused
from audit_lib.base.frames import rows
from audit_lib.base.git import follow_link
from audit_lib.base.in_words import counted, day_words, few
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import PATH, flag
from audit_lib.cli.terminal import BAD, DOUBT, FAINT, GOOD, progress_bar, say
from audit_lib.leaks import tables
from audit_lib.leaks.contracts import PUBLISHED_PLACE
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks, search_staged
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.targets import leak_targets
from audit_lib.ledger.keys import keeper_of
from audit_lib.ledger.timeline import tenures
from audit_lib.report import escape as inert
from audit_lib.report.exports import leaks_sarif
from audit_lib.report.known_values import guard_values
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.seal import search_files
from audit_lib.settings import Project, load_project

FAIL_ON = ("in-force", "not-known", "not-in-force", "possible")  # the most urgent first
FOUND = 3  # the exit code of --staged
MOST_PLACES, MOST_NAMES = 3, 4  # that are shown
# The parts of a search, as they report themselves, each with its share of the time.
_WORK = {"shapes in git objects": 40, "files": 20, "git objects": 40}
_FORCE = {
    tables.IN_FORCE: ("IN FORCE", BAD),
    tables.NOT_KNOWN: ("not known to be in force", DOUBT),
    tables.NOT_IN_FORCE: ("not in force", FAINT),
}
_STATES = ("incomplete", "not searched", "partly", "searched")
_STAGED = "do first: take it out and stage again; what is not a secret passes `leaks --staged --no-patterns`"


@click.command()
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH...]")
@options.several(options.project, options.layout("table", "json", "sarif"))
@options.several(options.env, options.policy, options.ledger)
@click.option("--patterns/--no-patterns", default=True, help="Also look for unknown secrets by pattern.")
@click.option("--also", multiple=True, type=PATH, help="Also search this folder or file beside the project.")
@click.option("--import", "reports", multiple=True, type=PATH, help="Take another scanner's SARIF, too.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), help="Exit with 3 at such a leak or a more urgent one."
)
@flag("--staged", "Search only what is staged for the next commit.")
def leaks(paths: tuple[Path, ...], folder: Path, staged: bool, fail_on: str | None, **given: Any) -> None:
    """Find every place to which a secret has leaked.

    Searches git's objects, the working tree, .git files, logs, bundles and archives for every value of the
    project's env files (and --env), past and present, in every form. Prints one line for each leak, the
    most urgent first, never a value. What could not be searched is listed and never counts as clean:
    with --fail-on it exits with 2.

    With PATHs, searches only these notebooks, pages and folders for known values, before you give them
    away, and exits with 4 if there is one. With --staged, as a hook for commits, it exits with 3 if a
    known value or a new secret is staged.

    Example: audit-lib leaks --project ../my-app --fail-on in-force
    """
    if sum((staged, bool(paths), bool(given["reports"] or given["also"] or fail_on))) > 1:
        fault = "--staged, PATHs and the options of a whole search (--import, --also, --fail-on)"
        raise BadInput.at("leaks", f"cannot combine {fault}")
    if staged and not given["policy"]:
        given["policy"] = _staged_policy(load_project(folder), given["env"])
    context = opened(folder, given)
    if paths:
        _search_paths(context, paths)
    elif staged:
        sys.exit(_search_staged(context, patterns=given["patterns"]))
    else:
        _require_outside(given["also"], context.project.root)
        found = _search_project(context, given)
        _print(found, given["layout"])
        stops = FAIL_ON[: FAIL_ON.index(fail_on) + 1] if fail_on else ()
        sys.exit(tables.exit_code(found.leaks, found.coverage, stops) if stops else 0)


def _require_outside(also: Iterable[Path], root: Path) -> None:
    """Raises `BadInput` for a folder that has the project in it, or is in it: its files are no leaks."""
    for path in also:
        known, project = path.resolve(), root.resolve()
        if not known.exists():
            raise BadInput.at("--also", f"{path} does not exist")
        if known.is_relative_to(project) or project.is_relative_to(known):
            raise BadInput.at("--also", f"{path} is in the project or holds it: name a folder beside it")


def _search_project(context: Opened, given: dict[str, Any]) -> LeakAudit:
    project, keeper = context.project, keeper_of(context.project)
    known = context.read(keeper)
    guard_values(known)
    asked = {name: given[name] for name in ("also", "reports", "patterns")}
    frames = (known.policy, known.entries, known.inventory)
    with progress_bar(_WORK) as progress:
        how = LeakOptions(**asked, cache=user_cache(), progress=progress)
        return find_leaks(project, keeper, *frames, stays=tenures(context.ledger()), options=how)


def _print(found: LeakAudit, layout: str) -> None:
    if layout == "table":
        _say_leaks(found)
    elif layout == "json":
        click.echo(json.dumps(_document(found), indent=2))
    else:
        complete = not found.coverage["state"].eq("incomplete").any()
        click.echo(json.dumps(leaks_sarif(found.leaks, found.places, complete=complete), indent=2))


def _document(found: LeakAudit) -> dict[str, Any]:
    """The leaks with their places, the coverage and what to do first, as JSON has them."""
    places = dict(list(found.places.rename(columns=PUBLISHED_PLACE).groupby("leak_id")))
    listed = [
        leak | {"places": _records(places[leak["leak_id"]].drop(columns="leak_id"))}
        for leak in _records(found.leaks.drop(columns="fingerprint"))
    ]
    first = tables.next_step(found.leaks, found.coverage)
    return {"leaks": listed, "coverage": _records(found.coverage), "do_first": first}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as JSON has them: instants as texts, null for what is not known."""
    return [
        {name: iso(value) if hasattr(value, "tzinfo") else value for name, value in row._asdict().items()}
        for row in rows(frame)
    ]


def _say_leaks(found: LeakAudit) -> None:
    """The answer, then each leak with some of its places, the most urgent first; never a value."""
    _say_totals(found)
    for leak in rows(found.leaks):
        _say_leak(leak)
        there = found.places[found.places["leak_id"].eq(leak.leak_id)]
        for place in rows(there.head(MOST_PLACES)):
            line = "" if place.line is None else f":{place.line}"
            commit = f" {place.commit[:12]}" if place.commit else ""
            say(f"{place.place}{commit} {place.path}{line} ({place.encoding})", indent="    ")
        if len(there) > MOST_PLACES:
            more = counted(len(there) - MOST_PLACES, "more place")
            say(f"and {more} (--format json)", indent="    ")
    say()
    _say_coverage(found.coverage)
    say()
    say(f" {tables.next_step(found.leaks, found.coverage)}", "do first:")


def _say_totals(found: LeakAudit) -> None:
    real = found.leaks[~found.leaks["kind"].isin(tables.NO_SECRETS)]
    inside = real["force"].eq(tables.IN_FORCE)
    there = inside & real["in_force"].str.split(",").map(lambda places: tables.PRODUCTION in places)
    doubt = int(real["force"].eq(tables.NOT_KNOWN).sum())
    rest = len(real) - int(inside.sum()) - doubt
    parts = [f"{int(there.sum())} in force in production", f"{int((inside & ~there).sum())} elsewhere"]
    parts += [f"{doubt} not known to be in force", f"{rest} not in force"]
    others = found.leaks.loc[found.leaks["kind"].isin(tables.NO_SECRETS), "kind"].value_counts()
    parts += [f"{counted(count, 'more value')} of kind {kind}" for kind, count in others.items()]
    if len(real):
        lead, style = counted(len(real), "leak"), BAD
    elif tables.shows_no_leak(found.coverage):
        lead, style = "No leak", GOOD
    else:
        lead, style = "No leak was found, but not everything was searched", DOUBT
    say(f": {', '.join(parts)}" if len(found.leaks) else "", lead, style)


def _say_leak(leak: Any) -> None:
    word, style = _FORCE[leak.force]
    there = f" in {leak.in_force.replace(',', ', ')}" if leak.in_force else ""
    commit = f" in {leak.first_commit[:12]}" if leak.first_commit else ""
    since = "" if leak.first_at is None else f", first {day_words(leak.first_at)}{commit}"
    where = f"{'' if leak.at_head else 'not '}at HEAD{'' if leak.reachable else ', not reachable by a ref'}"
    often = counted(leak.occurrences, "occurrence")
    kind = "" if leak.kind == "leak" else f" ({leak.kind})"
    style = FAINT if leak.kind in tables.NO_SECRETS else style
    say(f": {word}{there}{since}, {where}, {often}, {leak.leak_id}", f"{leak.variable}{kind}", style)


def _say_coverage(coverage: pd.DataFrame) -> None:
    """What was searched, by what is the same of it; what was left out comes first."""
    ordered = coverage.sort_values("state", key=lambda states: states.map(_STATES.index), kind="stable")
    for (state, part, reason), group in ordered.groupby(["state", "part", "reason"], sort=False):
        count = group["count"].sum(min_count=1)
        one = re.sub(r"s\b", "", str(part), count=1)
        amount = part if pd.isna(count) else counted(int(count), one, str(part))
        named = few([place for place in group["place"] if place not in ("", ".")], MOST_NAMES)
        names, why = f" ({named})" if named else "", f": {reason}" if reason else ""
        say(f" {amount}{names}{why}", f"{state}:", FAINT if state == "searched" else DOUBT)


def _search_paths(context: Opened, paths: tuple[Path, ...]) -> None:
    """Prints each place of these files that holds a known value; raises `Refused` if there is one.

    Retired values are not searched for: of them only fingerprints are kept.
    """
    keeper = keeper_of(context.project)
    classes = guard_values(context.read(keeper))
    if not classes.sealed | classes.whole:
        raise BadInput.at("--project", "has no value to search for: name its folder, or give some by --env")
    done = search_files(dict(_files(paths)), keeper, classes)
    for hit in done.hits:
        click.echo(inert.plain(hit))
    if done.not_searched:
        click.echo(f"too weak to be searched for: {', '.join(done.not_searched)}", err=True)
    searched = f"{counted(done.artefacts, 'file')} searched for {counted(done.values, 'value')}"
    click.echo(f"{searched} in {counted(done.forms, 'form')}: {counted(len(done.hits), 'place')}", err=True)
    if done.hits:
        raise Refused("a secret value is in what you would give away")


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Every file that is named, and those of folders, by its path; `BadInput` for what is no file."""
    inside = [one for path in paths for one in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    found = [one for one in inside if not one.is_dir()]
    if faults := [Fault(str(one), "is not a file that can be read") for one in found if not one.is_file()]:
        raise BadInput(faults)
    yield from ((str(one), one) for one in found)


def _search_staged(context: Opened, *, patterns: bool) -> int:
    """Prints one line for each place of a known value or, with `patterns`, of what looks like a secret.

    Returns the exit code, 3 if there is one.
    """
    root, keeper = context.project.root, _staged_keeper(context)
    follow_link(root)
    known = context.read(keeper)
    guard_values(known)
    index = os.environ.get("GIT_INDEX_FILE", "")
    done = search_staged(
        root,
        keeper,
        leak_targets(known.entries, known.inventory, known.policy, keeper),
        index=Path(index) if index else None,
        rules=Rules(keeper, known.policy.placeholders, user_cache() / "rules") if patterns else None,
    )
    for hit in done.hits:
        place = f"{hit.path}:{hit.line}" if hit.line else f"{hit.path} (its name)"
        click.echo(inert.plain(f"{place}: {hit.secret}, {hit.known}"))
    for one in done.left_out:
        click.echo(inert.plain(f"not searched: {one.place}: {one.reason}"), err=True)
    if not patterns:
        click.echo("not searched: what looks like a secret: only known values were searched for", err=True)
    if not done.values:
        click.echo("no value is known: there is neither an env file nor a ledger to search by", err=True)
    found = counted(len(done.hits), "place") + " of a secret" if done.hits else "no secret"
    searched = f"{counted(done.values, 'known value')}, {counted(done.files, 'staged file')}"
    click.echo(f"{searched}: {found}", err=True)
    if done.hits:
        click.echo(_STAGED, err=True)
    return FOUND if done.hits else 0


def _staged_policy(project: Project, env: tuple[str, ...]) -> str:
    """The generic one if there is no value to judge: to recognise the project, its code would be read."""
    there = any(os.path.lexists(project.root / source.path) for source in project.env_sources)
    return "" if project.extends or project.demands or env or there else "generic"


def _staged_keeper(context: Opened) -> Keeper:
    """Under the ledger's key; without it, values of env files can be searched for all the same."""
    try:
        return keeper_of(context.project)
    except BadInput as error:
        click.echo(f"only values of env files are searched for: {error}", err=True)
        return Keeper(Key.throw_away())
