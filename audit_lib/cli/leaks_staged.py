"""`leaks --staged`: a hook for commits that says where known values are staged, never what they are."""

import os
import sys
from pathlib import Path

import click

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import BadInput
from audit_lib.base.git import follow_link
from audit_lib.base.in_words import counted
from audit_lib.leaks.rules import Rules, is_available
from audit_lib.leaks.staged import StagedHit, search_staged
from audit_lib.leaks.targets import leak_targets
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.report import escape as inert
from audit_lib.report.known_values import known_values
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import Project

FOUND = 3  # the exit code
_HOW = "do first: take it out and stage again; what is not a secret passes `leaks --staged --no-patterns`"


def report_staged(project: Project, *, given: tuple[str, ...], policy: str, patterns: bool) -> int:
    """Prints one line for each place of a known value or, with `patterns`, of what looks like a secret.

    Returns the exit code, 3 if there is one.
    """
    follow_link(project.root)
    keeper = _keeper(project)
    rules = policy or _policy(project, given)
    known = known_values(project, keeper, rules, parse_env_options(given, sys.stdin.buffer))
    patterns = patterns and is_available()
    named = os.environ.get("GIT_INDEX_FILE", "")
    done = search_staged(
        project.root,
        keeper,
        leak_targets(known.entries, known.inventory, known.policy, keeper),
        read_ledger(project.ledger_dir, keeper.key),
        index=Path(named) if named else None,
        rules=Rules(keeper, known.policy.placeholders, user_cache() / "rules") if patterns else None,
    )
    for hit in done.hits:
        click.echo(inert.plain(_line(hit)))
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
        click.echo(_HOW, err=True)
    return FOUND if done.hits else 0


def _line(hit: StagedHit) -> str:
    place = f"{hit.path}:{hit.line}" if hit.line else f"{hit.path} (its name)"
    return f"{place}: {hit.secret}, {hit.known}"


def _policy(project: Project, given: tuple[str, ...]) -> str:
    """The generic one if there is no value to judge: to recognise the project, its code would be read."""
    there = any(os.path.lexists(project.root / source.path) for source in project.env_sources)
    return "" if project.extends or project.demands or given or there else "generic"


def _keeper(project: Project) -> Keeper:
    """Under the ledger's key; without it, values of env files can be searched for all the same."""
    try:
        return keeper_of(project)
    except BadInput as error:
        click.echo(f"only values of env files are searched for: {error}", err=True)
        return Keeper(Key.throw_away())
