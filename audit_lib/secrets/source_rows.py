"""What the row of an env source says beside its lines: its place, git's answer, what would supply it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_lib.base import git
from audit_lib.base.files import Unreadable, read_source
from audit_lib.secrets.env_room import MAX_BYTES
from audit_lib.secrets.given_values import ENVIRON, STDIN
from audit_lib.settings import EnvSource, GivenValues, Policy, Project


@dataclass(frozen=True)
class EnvPlace:
    """What a row of either frame says of where it comes from."""

    source: str
    kind: str
    environment: str
    service: str

    def row(self, **columns: Any) -> dict[str, Any]:
        """A row of this place with further columns."""
        return vars(self) | columns


@dataclass(frozen=True)
class GitAnswers:
    """What git says of the env files; None if it cannot be asked."""

    tracked: set[str] | None
    ignored: dict[str, bool]

    def columns(self, path: str) -> dict[str, bool | None]:
        """The columns `tracked` and `ignored` of a path within the project; null if git gives no answer."""
        return {
            "tracked": None if self.tracked is None else path in self.tracked,
            "ignored": self.ignored.get(path),
        }


def kind_of(source: EnvSource) -> str:
    """The kind of a source by its declaration, as `Sources` lists them."""
    kinds = {"example": source.example, "backup": source.backup, "export": source.export}
    return next((kind for kind, is_one in kinds.items() if is_one), "env file")


def remedy_for(source: EnvSource, state: str) -> str:
    """The command that would supply the values of a source that was not read."""
    if state == "read" or source.backup:
        return ""
    if source.example:
        return f"commit {source.path} with every name and no value"
    return f"--env {source.environment}/{source.service}=- (dotenv text or the platform's JSON on stdin)"


def origin_of(given: GivenValues) -> str:
    """Where given values came from, as the reason of their row."""
    return {STDIN: "from stdin", ENVIRON: "from the process environment"}.get(given.origin, "from a file")


def not_supplied(
    project: Project, given: tuple[GivenValues, ...], policy: Policy | None
) -> Iterator[dict[str, Any]]:
    """One row for each place of the application for which neither a file is named nor a value given."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    named = {(source.environment, source.service) for source in in_force}
    named |= {(one.environment, one.service) for one in given}
    services = {source.service for source in project.env_sources} | {service for _, service in named}
    services |= {rule.service for rule in policy.secrets} if policy else set()
    for environment in project.environments:
        for service in sorted(services - {""}):
            if (environment, service) not in named:
                option = f"--env {environment}/{service}"
                remedy = f"{option}=- (dotenv text or the platform's JSON on stdin)"
                place = EnvPlace(option, "given values", environment, service)
                yield place.row(state="missing", reason="nothing was supplied", remedy=remedy)


def left_on_disk(
    project: Project, given: GivenValues, answers: GitAnswers, digest: str | None
) -> Iterator[dict[str, Any]]:
    """The file that values were given from is itself a plain export on disk, which is a finding."""
    if given.origin in (STDIN, ENVIRON) or given.origin.startswith("/dev/fd/"):
        return
    path = Path(given.origin).resolve()
    inside = path.is_relative_to(project.root)
    name = str(path.relative_to(project.root)) if inside else path.name
    place = EnvPlace(name, "export", given.environment, given.service)
    modified_at, mode = _facts_of(path)
    yield place.row(
        state="read",
        reason="plain-text values left on disk"
        if inside
        else "plain-text values left on disk outside the project",
        remedy="",
        keyed_digest=digest,
        size_bytes=len(given.content),
        modified_at=modified_at,
        mode=mode,
        **(answers.columns(name) if inside else {}),
    )


def _facts_of(path: Path) -> tuple[datetime | None, str | None]:
    try:
        facts = read_source(path.parent, path.name, MAX_BYTES).facts
    except Unreadable:
        return None, None
    return facts.modified_at, facts.mode


def ask_git(project: Project) -> GitAnswers:
    """What git says of the project's env files."""
    # git gives no answer at all where one of the paths lies behind a link.
    root = project.root.resolve()
    paths = [source.path for source in project.env_sources if _is_direct(root, source.path)]
    tracked, ignored = None, None
    with suppress(git.GitFailed):
        tracked = git.tracked(project.root)
        ignored = git.ignored(project.root, paths)
    return GitAnswers(tracked, {} if ignored is None else {path: path in ignored for path in paths})


def _is_direct(root: Path, path: str) -> bool:
    try:
        return (root / path).resolve() == root / path
    except (OSError, ValueError, RuntimeError):
        return False
