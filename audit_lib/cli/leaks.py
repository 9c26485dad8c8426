"""`leaks`: every place to which a value of the project has leaked; staged files; files to be given away."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click import option

from audit_lib.base.cache import user_cache
from audit_lib.base.errors import BadInput, Fault, Refused
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, few
from audit_lib.base.progress import progress_bar
from audit_lib.cli.open_project import PATH, Opened, command, flag, layout, opened, refuse_if
from audit_lib.cli.terminal import print_json, say
from audit_lib.leaks import tables
from audit_lib.leaks.contracts import PUBLISHED_PLACE
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks, search_staged
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.targets import leak_targets
from audit_lib.ledger.timeline import tenures
from audit_lib.report.exports import leaks_sarif
from audit_lib.report.known_values import guard_values
from audit_lib.report.tables import records
from audit_lib.secrecy.keeper import Key
from audit_lib.secrecy.seal import search_files
from audit_lib.settings import load_project

FAIL_ON = ("in-force", "not-known", "not-in-force", "possible")  # the most urgent first
_MOST_PLACES, _MOST_NAMES = 3, 4  # that are shown
_WORDS = dict(zip(tables.FORCES, ("IN FORCE", "not known to be in force", "not in force"), strict=True))
_COLOURS = dict(zip(tables.FORCES, ("red", "yellow", ""), strict=True))
_STATES = ("incomplete", "not searched", "partly", "searched")


@command(
    *(click.argument("paths", nargs=-1, type=PATH, metavar="[PATH...]"), "--project"),
    *(layout("table", "json", "sarif"), "--env", "--policy", "--ledger", flag("--staged")),
    *(option("--patterns/--no-patterns", default=True), option("--also", multiple=True, type=PATH)),
    option("--import", "reports", multiple=True, type=PATH),
    option("--fail-on", type=click.Choice(FAIL_ON)),
)
def leaks(paths: tuple[Path, ...], folder: Path, staged: bool, fail_on: str | None, **given: Any) -> None:
    """Search the whole project, or only some paths, or what is staged."""
    fault = "cannot combine --staged, PATHs and the options of a whole search (--import, --also, --fail-on)"
    whole = bool(given["reports"] or given["also"] or fail_on)
    refuse_if(sum((staged, bool(paths), whole)) > 1, "leaks", fault)
    if staged:
        sys.exit(_search_staged(folder, given))
    context = opened(folder, given)
    if paths:
        _search_paths(context, paths)
        return
    for path in given["also"]:  # env files are the values' homes
        one, root = path.resolve(), context.project.root.resolve()
        refuse_if(not one.exists(), "--also", f"{path} does not exist")
        within = one.is_relative_to(root) or root.is_relative_to(one)
        refuse_if(within, "--also", f"{path} is in the project or holds it: name a folder beside it")
    known, stays = context.read(), tenures(context.ledger())
    how = {name: given[name] for name in ("also", "reports", "patterns")}
    read = (known.policy, known.entries, known.inventory)
    with progress_bar() as progress:
        options = LeakOptions(**how, cache=user_cache(), progress=progress)
        found = find_leaks(context.project, known.keeper, *read, stays=stays, options=options)
    if given["layout"] == "table":
        _say_leaks(found)
    elif given["layout"] == "json":
        places = dict(list(found.places.rename(columns=PUBLISHED_PLACE).groupby("leak_id")))
        listed = records(found.leaks)
        for leak in listed:
            leak["places"] = records(places[leak["leak_id"]].drop(columns="leak_id"))
        first = tables.next_step(found.leaks, found.coverage)
        print_json({"leaks": listed, "coverage": records(found.coverage), "do_first": first})
    else:
        complete = not found.coverage["state"].eq("incomplete").any()
        print_json(leaks_sarif(found.leaks, found.places, complete=complete))
    if fail_on:
        sys.exit(tables.exit_code(found.leaks, found.coverage, FAIL_ON[: FAIL_ON.index(fail_on) + 1]))


def _say_leaks(found: LeakAudit) -> None:
    """The answer, each leak with some of its places, what was searched, and what to do first."""
    listed, coverage = found.leaks, found.coverage
    none = listed["kind"].isin(tables.NO_SECRETS)
    forces = listed.loc[~none, "force"].value_counts().reindex(tables.FORCES, fill_value=0)
    production = int(listed["in_force"].str.split(",").map(lambda names: tables.PRODUCTION in names).sum())
    parts = [f"{production} in force in production", f"{forces.iloc[0] - production} elsewhere"]
    parts += [f"{forces[force]} {_WORDS[force]}" for force in tables.FORCES[1:]]
    others = listed.loc[none, "kind"].value_counts()
    parts += [f"{counted(count, 'more value')} of kind {kind}" for kind, count in others.items()]
    answer, colour = counted(forces.sum(), "leak"), "red"
    if not forces.sum() and tables.shows_no_leak(coverage):
        answer, colour = "No leak", "green"
    elif not forces.sum():
        answer, colour = "No leak was found, but not everything was searched", "yellow"
    say(f": {', '.join(parts)}" if len(listed) else "", answer, colour)
    for leak in rows(listed):
        there = f" in {leak.in_force.replace(',', ', ')}" if leak.in_force else ""
        commit = f" in {leak.first_commit[:12]}" if leak.first_commit else ""
        since = "" if leak.first_at is None else f", first {day_words(leak.first_at)}{commit}"
        where = f"{'' if leak.at_head else 'not '}at HEAD"
        where += "" if leak.reachable else ", not reachable by a ref"
        text = f": {_WORDS[leak.force]}{there}{since}, {where}, {counted(leak.occurrences, 'occurrence')}"
        kind = "" if leak.kind == "leak" else f" ({leak.kind})"
        colour = "" if leak.kind in tables.NO_SECRETS else _COLOURS[leak.force]
        say(f"{text}, {leak.leak_id}", f"{leak.variable}{kind}", colour)
        places = found.places[found.places["leak_id"].eq(leak.leak_id)]
        for place in rows(places.head(_MOST_PLACES)):
            commit = f" {place.commit[:12]}" if place.commit else ""
            line = "" if place.line is None else f":{place.line}"
            say(f"{place.place}{commit} {place.path}{line} ({place.encoding})", indent="    ")
        if (more := len(places) - _MOST_PLACES) > 0:
            say(f"and {counted(more, 'more place')} (--format json)", indent="    ")
    say()
    ordered = coverage.sort_values("state", key=lambda states: states.map(_STATES.index), kind="stable")
    for (state, part, reason), group in ordered.groupby(["state", "part", "reason"], sort=False):
        one, count = re.sub(r"s\b", "", str(part), count=1), group["count"].sum()
        amount = counted(int(count), one, str(part)) if group["count"].notna().any() else part
        named = few([place for place in group["place"] if place not in ("", ".")], _MOST_NAMES)
        text = f" {amount}{f' ({named})' if named else ''}{f': {reason}' if reason else ''}"
        say(text, f"{state}:", "" if state == "searched" else "yellow")
    say()
    say(f" {tables.next_step(listed, coverage)}", "do first:")


def _search_paths(context: Opened, paths: Iterable[Path]) -> None:
    """Prints each place of these files that holds a value in force; raises `Refused` if there is one."""
    known = context.read()
    classes = guard_values(known)
    fault = "has no value to search for: name its folder, or give some by --env"
    refuse_if(not classes.sealed | classes.whole, "--project", fault)
    inside = [one for path in paths for one in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    files = {str(one): one for one in inside if not one.is_dir()}
    if odd := [name for name, one in files.items() if not one.is_file()]:
        raise BadInput(Fault(name, "is not a file that can be read") for name in odd)
    done = search_files(files, known.keeper, classes)
    for hit in done.hits:
        say(hit)
    if done.not_searched:
        say(f"too weak to be searched for: {', '.join(done.not_searched)}", err=True)
    searched = f"{counted(done.artefacts, 'file')} searched for {counted(done.values, 'value')}"
    say(f"{searched} in {counted(done.forms, 'form')}: {counted(len(done.hits), 'place')}", err=True)
    if done.hits:
        raise Refused("a secret value is in what you would give away")


def _search_staged(folder: Path, given: dict[str, Any]) -> int:
    """Prints each place of a known value or of what looks like a secret; 3 if there is one."""
    project, index = load_project(folder, given["ledger"]), os.environ.get("GIT_INDEX_FILE", "")
    held = any(os.path.lexists(project.root / source.path) for source in project.env_sources)
    if not (given["policy"] or project.extends or project.demands or given["env"] or held):
        given["policy"] = "generic"  # to recognise the project, its code would be read
    context = opened(folder, given)
    try:
        key = context.key
    except BadInput as error:
        say(f"only values of env files are searched for: {error}", err=True)
        key = Key.throw_away()
    known, patterns = context.read(key), given["patterns"]
    keeper, where = known.keeper, {"index": Path(index) if index else None}
    rules = Rules(keeper, known.policy.placeholders, user_cache() / "rules") if patterns else None
    targets = leak_targets(known.entries, known.inventory, known.policy, keeper)
    done = search_staged(project.root, keeper, targets, **where, rules=rules)
    for hit in done.hits:
        place = f"{hit.path}:{hit.line}" if hit.line else f"{hit.path} (its name)"
        say(f"{place}: {hit.secret}, {hit.known}")
    left_out = [f"{one.place}: {one.reason}" for one in done.left_out]
    left_out += [] if patterns else ["what looks like a secret: only known values were searched for"]
    left_out += [] if done.values else ["known values: there is neither an env file nor a ledger"]
    for text in left_out:
        say(f"not searched: {text}", err=True)
    found = counted(len(done.hits), "place") + " of a secret" if done.hits else "no secret"
    say(f"{counted(done.values, 'known value')}, {counted(done.files, 'staged file')}: {found}", err=True)
    if done.hits:
        say("do first: take it out and stage again; --no-patterns lets pass what is not a secret", err=True)
    return tables.FOUND if done.hits else 0
