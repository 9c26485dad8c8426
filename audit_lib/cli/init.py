"""`init` and `sample`: the key and a first audit.toml; the sample project."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

import click

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git import GitFailed, tracked
from audit_lib.base.in_words import counted
from audit_lib.cli.open_project import PATH, command
from audit_lib.cli.terminal import say
from audit_lib.ledger.keys import key_file, made_key_of
from audit_lib.logins.declared import propose
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logs.read import read_logs
from audit_lib.sample import build_sample
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.sources import MAX_BYTES
from audit_lib.settings import bundled_policy, choose_policy, load_project
from audit_lib.settings.code_reads import MAX_CODE_FILES, code_files, shown
from audit_lib.settings.first_file import (
    first_audit_toml,
    guess_variables,
    nameable,
    with_environments,
    write_new,
)
from audit_lib.settings.load import remember_sample

_MOST_SHOWN = 5  # places that were not searched


@command("--project", "--ledger")
def init(folder: Path, ledger: Path | None) -> None:
    """Make the key and write a first audit.toml; an existing file is never overwritten."""
    project = load_project(folder, ledger)
    policy = choose_policy(project)
    generic = policy.name == "generic"
    project = with_environments(project) if generic and not project.configured else project
    there, key = key_file().exists(), made_key_of(project)
    made = (
        "exists in {} and is kept"
        if there
        else "created in {}: keep a copy, the ledger cannot be read without it"
    )
    say(
        f"key: {'the public DEMO key' if key.origin == 'demo' else f'{key.key_id} {made.format(key_file())}'}"
    )
    rules = detection_policy(policy)
    logs = read_logs(project, None, formats_of(project, policy))
    proposals = propose(logs.counts, rules.logins, rules.failed_statuses)
    if project.configured:
        say("audit.toml: exists and is kept")
        for one in proposals:
            click.echo(one.block)
    else:
        public: set[str] = set()
        loaders: dict[str, str] = {}
        with suppress(GitFailed):
            public = tracked(project.root)
        for source in project.env_sources:
            with suppress(Unreadable):
                content = read_source(project.root, source.path, MAX_BYTES).content
                likely = () if source.example else loaders_of(project.root, source, content)
                loaders |= {source.path: likely[0]} if len(likely) == 1 else {}
        guesses = guess_variables(project, bundled_policy("generic"), public) if generic else ()
        text = first_audit_toml(project, policy.name, guesses, loaders, [one.block for one in proposals])
        write_new(project.root / "audit.toml", text, "audit.toml")
        envs, logs_named = (len(re.findall(rf"(?m)^\[\[{word}\]\]", text)) for word in ("env", "log"))
        variables = counted(len(guesses or policy.secrets), "variable")
        known = f"{variables} {'guessed' if generic else f'by the policy {policy.name}'}"
        found = f"{counted(envs, 'env file')}, {counted(logs_named, 'log pattern')}, {known}"
        say(f"audit.toml: written, {found}: check the guesses")
        for one in proposals:
            say(f"in audit.toml, as a comment: {one.question}")
        for source in project.env_sources:
            if not nameable(source.path):
                say(f"not named in audit.toml, because of the characters in its name: {shown(source.path)}")
        if generic and (beyond := len(code_files(project)) - MAX_CODE_FILES) > 0:
            say(f"not searched: {counted(beyond, 'code file')} beyond the first {MAX_CODE_FILES:,}")
        for note in project.not_searched[:_MOST_SHOWN]:
            say(f"not searched: {note}")
        if (more := len(project.not_searched) - _MOST_SHOWN) > 0:
            say(f"not searched: {counted(more, 'more place')}")
    snapshot = shlex.join(["audit-lib", "snapshot", "--project", str(folder)])
    say(f"next: {snapshot}  (weekly: it is what proves ages later)")


@command(click.argument("folder", metavar="DIR", type=PATH))
def sample(folder: Path) -> None:
    """Write the sample project to a new or empty folder."""
    build_sample(folder)
    if not remember_sample(folder):
        say("the sample cannot be opened by its path: no state can be kept in the home folder", err=True)
    review_it = shlex.join(["audit-lib", "review", "--project", str(folder)])
    say(f"sample project written; review it: {review_it}")
