"""`leaks`: every place to which a value of the project has leaked; staged files; files to be given away."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib.base import cache, errors, frames
from audit_lib.base.in_words import counted, day_words, few, progress_bar
from audit_lib.cli import open_project as cli
from audit_lib.leaks import find_leaks as finder, rules, search, tables
from audit_lib.ledger.timeline import tenures
from audit_lib.report import known_values
from audit_lib.report.tables import records
from audit_lib.secrecy import keeper, seal

FAIL_ON = ("in-force", "not-known", "not-in-force", "possible")  # the most urgent first
_FORMAT = cli.shown("--format", "layout", default="table", type=click.Choice(("table", "json", "sarif")))
_MOST_PLACES, _MOST_NAMES = 3, 4  # that are shown
_STATES = ("incomplete", "not searched", "partly", "searched")
_FORCES = {  # in words, and their colour
    tables.IN_FORCE: ("IN FORCE", "red"),
    tables.NOT_KNOWN: ("not known to be in force", "yellow"),
    tables.NOT_IN_FORCE: ("not in force", ""),
}


@cli.command(
    click.argument("paths", nargs=-1, type=cli.PATH, metavar="[PATH...]"),
    *(_FORMAT, "--env", "--policy", "--ledger", cli.flag("--staged")),
    click.option("--patterns/--no-patterns", default=True),
    click.option("--also", multiple=True, type=cli.PATH),
    click.option("--import", "reports", multiple=True, type=cli.PATH),
    click.option("--fail-on", type=click.Choice(FAIL_ON)),
)
def leaks(context: cli.Opened, paths: tuple[Path, ...], staged: bool, patterns: bool, **given: Any) -> None:
    """Search the whole project, or only some paths, or what is staged. Raises `BadInput` if more than one of
    these is asked for."""
    modes = [staged, paths, given["reports"] or given["also"] or given["fail_on"]]
    fault = "cannot combine --staged, PATHs and the options of a whole search (--import, --also, --fail-on)"
    cli.refuse((sum(map(bool, modes)) > 1, "leaks", fault))
    if staged:
        _search_staged(context, patterns)
    elif paths:
        _search_paths(context, paths)
    else:
        _search_project(context, patterns, **given)


def _search_project(
    context: cli.Opened, patterns: bool, also: tuple[Path, ...], reports: tuple[Path, ...], **given: Any
) -> None:
    """Print every leak, by the layout that was given; ends with 3 or 2 as `--fail-on` says.
    `also` are folders and files beside the project, `reports` those of other scanners."""
    root, paths = context.project.root.resolve(), [path.resolve() for path in also]
    within = [path for path in paths if path.is_relative_to(root) or root.is_relative_to(path)]
    fault = "is in the project or holds it: name a folder beside it"  # env files are the values' homes
    cli.refuse(
        *((not path.exists(), "--also", f"{path} does not exist") for path in paths),
        *((True, "--also", f"{path} {fault}") for path in within),
    )
    known, stays = context.read(), tenures(context.ledger())
    with progress_bar() as bar:
        found = finder.find_leaks(
            context.project,
            known.keeper,
            known.policy,
            known.entries,
            known.inventory,
            stays=stays,
            options=search.LeakOptions(also, reports, patterns, cache.user_cache(), bar),
        )

    if given["layout"] == "table":
        _say_leaks(found)
    elif given["layout"] == "json":
        from audit_lib.report.record import nested  # noqa: PLC0415  with the pages, which a hook has no time for

        places = records(found.places.rename(columns=tables.PUBLISHED_PLACE))
        cli.print_json(
            {
                "leaks": nested(records(found.leaks), places, ("leak_id",), "places"),
                "coverage": records(found.coverage),
                "do_first": tables.next_step(found.leaks, found.coverage),
            }
        )
    else:
        from audit_lib.report.exports import leaks_sarif  # noqa: PLC0415  as above

        complete = not found.coverage["state"].eq("incomplete").any()
        cli.print_json(leaks_sarif(found.leaks, found.places, complete=complete))
    if fail_on := given["fail_on"]:
        sys.exit(tables.exit_code(found.leaks, found.coverage, FAIL_ON[: FAIL_ON.index(fail_on) + 1]))


def _say_leaks(found: tables.LeakAudit) -> None:
    """The answer ("No leak" only if all was searched), each leak with some of its places, what was searched,
    and what to do first."""
    leaks, none = found.leaks, found.leaks["kind"].isin(tables.NO_SECRETS)
    forces = leaks.loc[~none, "force"].value_counts().reindex(tables.FORCES, fill_value=0)
    others, places = leaks.loc[none, "kind"].value_counts(), leaks["in_force"].str.split(",")
    production = int(places[~none].map(lambda names: tables.PRODUCTION in names).sum())
    counts = [
        f"{production} in force in production",
        f"{forces[tables.IN_FORCE] - production} elsewhere",
        *(f"{forces[force]} {_FORCES[force][0]}" for force in tables.FORCES[1:]),
        *(f"{counted(count, 'more value')} of kind {kind}" for kind, count in others.items()),
    ]
    answer, colour = "No leak was found, but not everything was searched", "yellow"
    if forces.sum():
        answer, colour = counted(forces.sum(), "leak"), "red"
    elif tables.shows_no_leak(found.coverage):
        answer, colour = "No leak", "green"
    cli.say(f": {', '.join(counts)}" if len(leaks) else "", lead=answer, colour=colour)
    for leak in frames.rows(found.leaks):
        _say_leak(leak, found.places[found.places["leak_id"].eq(leak.leak_id)])
    cli.say("")
    _say_coverage(found.coverage)
    cli.say("", f"do first: {tables.next_step(found.leaks, found.coverage)}")


def _say_leak(leak: Any, places: pd.DataFrame) -> None:
    words, colour = _FORCES[leak.force]
    commit = f" in {leak.first_commit[:12]}" if leak.first_commit else ""
    facts = [
        f"{words} in {leak.in_force.replace(',', ', ')}" if leak.in_force else words,
        f"first {day_words(leak.first_at)}{commit}" if leak.first_at is not None else "",
        f"{'' if leak.at_head else 'not '}at HEAD",
        "" if leak.reachable else "not reachable by a ref",
        counted(leak.occurrences, "occurrence"),
        leak.leak_id,
    ]
    cli.say(
        f": {', '.join(filter(None, facts))}",
        lead=leak.variable if leak.kind == "leak" else f"{leak.variable} ({leak.kind})",
        colour="" if leak.kind in tables.NO_SECRETS else colour,
    )

    for place in frames.rows(places.head(_MOST_PLACES)):
        commit = f" {place.commit[:12]}" if place.commit else ""
        line = "" if place.line is None else f":{place.line}"
        cli.say(f"{place.place}{commit} {place.path}{line} ({place.encoding})", indent="    ")
    more = len(places) - _MOST_PLACES
    cli.say(f"and {counted(more, 'more place')} (--format json)" if more > 0 else None, indent="    ")


def _say_coverage(coverage: pd.DataFrame) -> None:
    ordered = coverage.sort_values("state", key=lambda states: states.map(_STATES.index), kind="stable")
    for (state, part, reason), group in ordered.groupby(["state", "part", "reason"], sort=False):
        singular, count = re.sub(r"s\b", "", str(part), count=1), int(group["count"].sum())
        amount = counted(count, singular, str(part)) if group["count"].notna().any() else part
        named = few([place for place in group["place"] if place not in ("", ".")], _MOST_NAMES)
        cli.say(
            f" {amount}{f' ({named})' if named else ''}{f': {reason}' if reason else ''}",
            lead=f"{state}:",
            colour="" if state == "searched" else "yellow",
        )


def _search_paths(context: cli.Opened, paths: Iterable[Path]) -> None:
    """Print each place of these files that holds a value in force; raises `Refused` if there is one."""
    known = context.read()
    classes = known_values.guard_values(known)
    fault = "has no value to search for: name its folder, or give some by --env"
    cli.refuse((not classes.sealed | classes.whole, "--project", fault))
    inside = [one for path in paths for one in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    files = {str(one): one for one in inside if not one.is_dir()}
    cli.refuse(*((not one.is_file(), name, "is not a file that can be read") for name, one in files.items()))

    planned = seal.plan(known.keeper, classes, len(files))
    hits = seal.search_files(files, known.keeper, classes)
    cli.say(*hits)
    cli.say(", ".join(planned["not_searched"]) or None, lead="too weak to be searched for: ", err=True)
    searched = f"{counted(len(files), 'file')} searched for {counted(planned['values'], 'value')}"
    cli.say(f"{searched} in {counted(planned['forms'], 'form')}: {counted(len(hits), 'place')}", err=True)
    if hits:
        raise errors.Refused("a secret value is in what you would give away")


def _search_staged(context: cli.Opened, patterns: bool) -> None:
    try:
        key = context.key
    except errors.BadInput as error:
        cli.say(f"only values of env files are searched for: {error}", err=True)
        key = keeper.Key.throw_away()
    index, known = os.environ.get("GIT_INDEX_FILE", ""), context.read(key)
    done = finder.search_staged(
        context.project.root,
        known.keeper,
        finder.leak_targets(known.entries, known.inventory, known.policy, known.keeper),
        index=Path(index) if index else None,
        rules=rules.Rules(known.keeper, known.policy.placeholders) if patterns else None,
    )

    for hit in done.hits:
        cli.say(f"{hit.path}{f':{hit.line}' if hit.line else ' (its name)'}: {hit.secret}, {hit.known}")
    cli.say(
        *map(str, done.left_out),
        None if patterns else "what looks like a secret: only known values were searched for",
        None if done.values else "known values: there is neither an env file nor a ledger",
        lead="not searched: ",
        err=True,
    )
    found = f"{counted(len(done.hits), 'place')} of a secret" if done.hits else "no secret"
    cli.say(f"{counted(done.values, 'known value')}, {counted(done.files, 'staged file')}: {found}", err=True)
    if done.hits:
        advice = "take it out and stage again; --no-patterns lets pass what is not a secret"
        cli.say(f"do first: {advice}", err=True)
        sys.exit(tables.FOUND)
