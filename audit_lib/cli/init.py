"""`init`: the key, a first audit.toml and, for another application, a first policy."""

import re
from contextlib import suppress
from pathlib import Path

import click

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git.commands import GitFailed, tracked
from audit_lib.base.how_started import command
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.ledger.keys import key_file, made_key_of
from audit_lib.logins.declared import Proposal, propose
from audit_lib.logins.parameters import detection_policy
from audit_lib.logs.formats import load_formats
from audit_lib.logs.project_logs import read_logs
from audit_lib.project import Project, load_project
from audit_lib.project.discovery import shown
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.onboarding.first_files import first_audit_toml, first_policy_toml, nameable, write_new
from audit_lib.project.onboarding.guesses import guess_variables
from audit_lib.project.onboarding.services import with_environments, with_services
from audit_lib.project.policy import bundled_policy
from audit_lib.project.variables import MAX_CODE_FILES, code_files
from audit_lib.secrets.env_room import MAX_BYTES
from audit_lib.secrets.loaders.choose import loaders_of

SHOWN = 5  # places that were not searched


@click.command()
@options.several(options.project, options.ledger)
def init(folder: Path, ledger: Path | None) -> None:
    """Create the key, and a first audit.toml and policy.toml.

    Existing files are never overwritten. Names of variables come from example files, from env files that
    git tracks and from the code that reads them. No value is written to a file, and guesses are marked.
    """
    project = load_project(folder, ledger)
    policy = choose_policy(project)
    if policy.name == "generic" and not project.configured:
        project = with_environments(with_services(project))
    _say_key(project)
    name = policy.name
    if policy.name != "generic":
        click.echo(f"policy: {policy.name}, {counted(len(policy.secrets), 'variable')}, kept as it is")
        bundled = policy.path.is_relative_to(Path(__file__).parents[1])
        name = policy.name if bundled else policy.path.relative_to(project.root).as_posix()
    elif not project.policy:
        name = _write_policy(project)
    _write_audit(project, name)
    snapshot = command("snapshot", "--project", folder)
    click.echo(f"next: {snapshot}  (weekly: it is what proves ages later)")


def _say_key(project: Project) -> None:
    there = key_file().exists()
    key = made_key_of(project)
    if key.origin == "demo":
        click.echo("key: the public DEMO key, since this is a sample")
    elif there:
        click.echo(f"key: {key.key_id} exists in {key_file()} and is kept")
    else:
        click.echo(
            f"key: {key.key_id} created in {key_file()}: keep a copy, the ledger cannot be read without it"
        )


def _write_policy(project: Project) -> str:
    beyond = len(code_files(project)) - MAX_CODE_FILES
    if beyond > 0:
        click.echo(f"not searched: {counted(beyond, 'code file')} beyond the first {MAX_CODE_FILES:,}")
    generic = bundled_policy("generic")
    guesses = guess_variables(project, generic, _tracked(project))
    if not guesses:
        click.echo(
            "policy.toml: not written, since no example file or code names a variable; "
            "the generic policy applies"
        )
        return "generic"
    text = first_policy_toml(project.name, guesses, generic.default_max_age_days)
    written = write_new(project.root / "policy.toml", text, "policy.toml")
    if not written:
        click.echo("policy.toml: exists and is kept")
        return "policy.toml"
    secrets = sum(guess.kind == "secret" for guess in guesses)
    click.echo(
        f"policy.toml: written, {counted(len(guesses), 'variable')}, {secrets} guessed to be secrets: "
        "check the guesses"
    )
    return "policy.toml"


def _write_audit(project: Project, policy: str) -> None:
    proposals = _proposals(project)
    if project.configured:
        click.echo("audit.toml: exists and is kept")
        for one in proposals:
            click.echo(one.block)
        return
    text = first_audit_toml(project, policy, _known_loaders(project), [one.block for one in proposals])
    write_new(project.root / "audit.toml", text, "audit.toml")
    for one in proposals:
        click.echo(f"in audit.toml, as a comment: {one.question}")
    counts = [len(re.findall(rf"(?m)^\[\[{word}\]\]", text)) for word in ("env", "log")]
    found = f"{counted(counts[0], 'env file')}, {counted(counts[1], 'log pattern')}"
    click.echo(f"audit.toml: written, {found}: check the guesses")
    for path in (source.path for source in project.env_sources if not nameable(source.path)):
        click.echo(f"not named in audit.toml, because of the characters in its name: {shown(path)}")
    for note in project.not_searched[:SHOWN]:
        click.echo(f"not searched: {note}")
    if len(project.not_searched) > SHOWN:
        click.echo(f"not searched: {counted(len(project.not_searched) - SHOWN, 'more place')}")


def _proposals(project: Project) -> tuple[Proposal, ...]:
    """The routes of the project's logs that look like logins and are not declared."""
    policy = choose_policy(project)
    rules = detection_policy(policy)
    logs = read_logs(project, None, load_formats().declaring(rules.failed_statuses, rules.logins))
    return propose(logs.counts, rules.logins, rules.failed_statuses)


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
