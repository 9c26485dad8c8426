"""`init`: the key and a first audit.toml."""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git import GitFailed, tracked
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.ledger.keys import key_file, made_key_of
from audit_lib.logins.declared import propose
from audit_lib.logins.parameters import detection_policy
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read import read_logs
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.sources import MAX_BYTES
from audit_lib.settings import Policy, Project, bundled_policy, choose_policy, load_project
from audit_lib.settings.code_reads import MAX_CODE_FILES, code_files, shown
from audit_lib.settings.first_file import (
    Guess,
    first_audit_toml,
    guess_variables,
    nameable,
    with_environments,
    write_new,
)

SHOWN = 5  # places that were not searched


@click.command()
@options.several(options.project, options.ledger)
def init(folder: Path, ledger: Path | None) -> None:
    """Create the key and a first audit.toml.

    An existing file is never overwritten. Names of variables come from example files, from env files that
    git tracks and from the code that reads them. No value is written to a file, and guesses are marked.

    Example: audit-lib init --project ../my-app
    """
    project = load_project(folder, ledger)
    policy = choose_policy(project)
    if policy.name == "generic" and not project.configured:
        project = with_environments(project)
    _say_key(project)
    rules = detection_policy(policy)
    logs = read_logs(project, None, load_formats().declaring(rules.failed_statuses, rules.logins))
    proposals = propose(logs.counts, rules.logins, rules.failed_statuses)
    if project.configured:
        click.echo("audit.toml: exists and is kept")
        for one in proposals:
            click.echo(one.block)
    else:
        _write(project, policy, [one.block for one in proposals])
        for one in proposals:
            click.echo(f"in audit.toml, as a comment: {one.question}")
        _say_not_searched(project, policy)
    snapshot = shlex.join(["audit-lib", "snapshot", "--project", str(folder)])
    click.echo(f"next: {snapshot}  (weekly: it is what proves ages later)")


def _say_key(project: Project) -> None:
    there, key = key_file().exists(), made_key_of(project)
    if key.origin == "demo":
        click.echo("key: the public DEMO key, since this is a sample")
    elif there:
        click.echo(f"key: {key.key_id} exists in {key_file()} and is kept")
    else:
        text = "keep a copy, the ledger cannot be read without it"
        click.echo(f"key: {key.key_id} created in {key_file()}: {text}")


def _write(project: Project, policy: Policy, blocks: Sequence[str]) -> None:
    known = f"{counted(len(policy.secrets), 'variable')} by the policy {policy.name}"
    guesses: tuple[Guess, ...] = ()
    if policy.name == "generic":
        guesses = guess_variables(project, bundled_policy("generic"), _tracked(project))
        secrets = sum(guess.kind == "secret" for guess in guesses)
        known = f"{counted(len(guesses), 'variable')}, {secrets} guessed to be secrets"
    text = first_audit_toml(project, policy.name, guesses, _known_loaders(project), blocks)
    write_new(project.root / "audit.toml", text, "audit.toml")
    envs, logs = (len(re.findall(rf"(?m)^\[\[{word}\]\]", text)) for word in ("env", "log"))
    found = f"{counted(envs, 'env file')}, {counted(logs, 'log pattern')}"
    click.echo(f"audit.toml: written, {found}, {known}: check the guesses")


def _say_not_searched(project: Project, policy: Policy) -> None:
    for path in (source.path for source in project.env_sources if not nameable(source.path)):
        click.echo(f"not named in audit.toml, because of the characters in its name: {shown(path)}")
    notes = [str(note) for note in project.not_searched]
    beyond = len(code_files(project)) - MAX_CODE_FILES if policy.name == "generic" else 0
    if beyond > 0:
        notes.insert(0, f"{counted(beyond, 'code file')} beyond the first {MAX_CODE_FILES:,}")
    for note in notes[:SHOWN]:
        click.echo(f"not searched: {note}")
    if len(notes) > SHOWN:
        click.echo(f"not searched: {counted(len(notes) - SHOWN, 'more place')}")


def _tracked(project: Project) -> set[str]:
    """The paths that git tracks; none if it cannot say."""
    with suppress(GitFailed):
        return tracked(project.root)
    return set()


def _known_loaders(project: Project) -> dict[str, str]:
    """The loader of each env file of which the file and its neighbours leave no doubt."""
    known: dict[str, str] = {}
    for source in project.env_sources:
        with suppress(Unreadable):
            content = read_source(project.root, source.path, MAX_BYTES).content
            loaders = () if source.example else loaders_of(project.root, source, content)
            known |= {source.path: loaders[0]} if len(loaders) == 1 else {}
    return known
