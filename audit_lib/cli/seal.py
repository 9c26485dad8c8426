"""`seal`: searches notebooks, pages and folders for every known value before they are given away."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from audit_lib.base.errors import BadInput, Fault, Refused
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.cli.options import PATH
from audit_lib.ledger.keys import keeper_of
from audit_lib.report import escape as inert
from audit_lib.report.known_values import known_values
from audit_lib.secrecy.seal import search_files
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import load_project


@click.command()
@options.several(options.project, options.env, options.policy)
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
def seal(folder: Path, env: tuple[str, ...], policy: str, paths: tuple[Path, ...]) -> None:
    """Search notebooks, pages and folders for known values.

    Each file is searched for every value of the project's env files in every form: encoded, escaped,
    packed, split, and in part. It prints the places, never a value, and exits with 4 if there is one.

    Retired values are not searched for: of them only fingerprints are kept.
    """
    project = load_project(folder)
    keeper = keeper_of(project)
    known = known_values(project, keeper, policy, parse_env_options(env, sys.stdin.buffer))
    if not known.classes.sealed | known.classes.whole:
        raise BadInput.at("--project", "has no value to search for: name its folder, or give some by --env")
    done = search_files(_files(paths), keeper, known.classes)
    for hit in done.hits:
        click.echo(inert.plain(hit))
    if done.not_searched:
        click.echo(f"too weak to be searched for: {', '.join(done.not_searched)}", err=True)
    searched = f"{counted(done.artefacts, 'file')} searched for {counted(done.values, 'value')}"
    click.echo(f"{searched} in {counted(done.forms, 'form')}: {counted(len(done.hits), 'place')}", err=True)
    if done.hits:
        raise Refused("a secret value is in what you would give away")


def _files(paths: Iterable[Path]) -> dict[str, Path]:
    """Every file that is named, and those of folders, by the path that was given; `BadInput` for others."""
    found: dict[str, Path] = {}
    faults = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if not one.is_dir()) if path.is_dir() else [path]
        faults += [Fault(str(one), "is not a file that can be read") for one in inside if not one.is_file()]
        found |= {str(one): one for one in inside}
    if faults:
        raise BadInput(faults)
    return found
