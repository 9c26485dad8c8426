"""A rotation in env files: a variable and its twins get a new value, the ledger both fingerprints."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source, sync_folder
from audit_lib.ledger import Draft
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.rotation.edit_env import Change, current_value, with_value
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.sources import MAX_BYTES
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import EnvSource, Policy, Project, SecretRule

# The password of a URL, from the colon behind the user to the @ before the host.
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)([^@\s]*)(?=@)")
SUFFIX = ".audit-lib-new"


@dataclass(frozen=True)
class FileChange:
    """One variable in one env file; the file before, and after all changes that are planned for it."""

    place: SecretPlace
    source: str
    loader: str  # whose reading it is; "" if it is not known which
    path: Path
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    previous: str | None  # the fingerprint that the variable had; None: it was not set
    fingerprint: str

    def write(self) -> None:
        """Change the file; `BadInput` if it has changed meanwhile or cannot be written."""
        replace_file(self.path, self.before, self.after)

    def draft(self, at: datetime, said: Mapping[str, str]) -> Draft:
        """The ledger's record of the change: both values were seen, and `said` is by whom and why."""
        secret, environment, service = self.place
        body = {
            "secret": secret,
            "environment": environment,
            "service": service,
            "source": self.source,
            "loader": self.loader,
            "claimed_at": iso(at),
            "day_only": False,
            "previous": self.previous,
            "fingerprint": self.fingerprint,
        }
        return Draft("rotation", body | dict(said))


def env_source(project: Project, file: Path) -> EnvSource:
    """The env file in force that a path names; `BadInput` if the project has no such file."""
    sources = _in_force(project)
    for source in sources:
        if (project.root / source.path).resolve() == file.resolve():
            return source
    known = ", ".join(source.path for source in sources) or "none"
    raise BadInput.at(str(file), f"is not an env file in force of the project: {known}")


def planned(
    project: Project, policy: Policy, rule: SecretRule, source: EnvSource, *, new: str, keeper: Keeper
) -> tuple[FileChange, ...]:
    """What must change for a new value: the variable in the file, and its twins in the same environment.

    Twins are the variables that the policy says must hold the same value, in every env file that sets them.
    Nothing is written yet. The changes of one file follow each other: it is written once, with the first.
    The values go to the keeper. `BadInput` if one of the files cannot be changed.
    """
    edited: dict[Path, bytes] = {}
    changes = []
    for what, where in ((rule, source), *_twins(policy, rule, source, project)):
        setting = _Setting.of(project, where, what)
        changes.append(_change(setting, edited.get(setting.path, setting.content), new, keeper))
        edited[setting.path] = changes[-1].after
    files = list(edited)
    changes.sort(key=lambda change: files.index(change.path))
    return tuple(replace(change, after=edited[change.path]) for change in changes)


def _in_force(project: Project) -> list[EnvSource]:
    return [one for one in project.env_sources if not (one.example or one.backup or one.export)]


def _twins(
    policy: Policy, rule: SecretRule, mine: EnvSource, project: Project
) -> Iterator[tuple[SecretRule, EnvSource]]:
    names = {rule.name, *rule.equals, *(one.name for one in policy.secrets if rule.name in one.equals)}
    for source in _in_force(project):
        for twin in policy.secrets:
            is_same = twin.name == rule.name and source.path == mine.path
            if twin.name in names and not is_same and source.environment == mine.environment:
                # What is not there, or does not set it, needs no change.
                setting = _Setting.of(project, source, twin, needed=False)
                if setting.value is not None:
                    yield twin, source


@dataclass(frozen=True)
class _Setting:
    """How a rule's variable is set in an env file."""

    rule: SecretRule
    source: EnvSource
    path: Path
    content: bytes = field(repr=False)
    loaders: tuple[str, ...]
    name: str  # the variable's name, or the alias that the file has
    value: str | None = field(repr=False)

    @classmethod
    def of(cls, project: Project, source: EnvSource, rule: SecretRule, *, needed: bool = True) -> "_Setting":
        """The setting in a file; `BadInput` if the file cannot be read, and is needed."""
        path = (project.root / source.path).resolve()
        try:
            content = _content(path)
        except Unreadable as error:
            if needed:
                raise BadInput.at(source.path, error.reason) from None
            return cls(rule, source, path, b"", (), rule.name, None)
        loaders = loaders_of(project.root, source, content)
        for name in (rule.name, *rule.aliases):
            value = current_value(content, name, loaders, source.path)
            if value is not None:
                return cls(rule, source, path, content, loaders, name, value)
        return cls(rule, source, path, content, loaders, rule.name, None)


def _change(setting: _Setting, content: bytes, new: str, keeper: Keeper) -> FileChange:
    """The change to a file's content, in which other variables may have their new values already."""
    rule, source, loaders = setting.rule, setting.source, setting.loaders
    part = rule.component == "password" and "://" not in new
    change = _password_of(rule, new) if part else (lambda _: new)
    return FileChange(
        place=SecretPlace(rule.name, source.environment, source.service),
        source=source.path,
        loader=loaders[0] if len(loaders) == 1 else "",
        path=setting.path,
        before=setting.content,
        after=with_value(content, setting.name, change, loaders, source.path),
        previous=_fingerprint(keeper, setting.value, rule) if setting.value else None,
        fingerprint=_fingerprint(keeper, change(setting.value or ""), rule),
    )


def _password_of(rule: SecretRule, new: str) -> Change:
    """Puts the password into the URL that is set; `BadInput` if none is set that has a password."""

    def change(old: str) -> str:
        if "://" not in old:
            if old:
                return new  # what is no URL is the secret itself
            raise BadInput.at(f"secret {rule.name}", "must be set to a URL with a password first")
        changed, count = _URL_PASSWORD.subn(lambda found: found[1] + new, old, count=1)
        if not count:
            raise BadInput.at(f"secret {rule.name}", "is set to a URL without a password: edit it by hand")
        return changed

    return change


def _fingerprint(keeper: Keeper, value: str, rule: SecretRule) -> str:
    return hold(keeper, keeper.take(value), rule.component).part


def replace_file(path: Path, expected: bytes, content: bytes) -> None:
    """The file has the new content, its mode and, as far as the system allows, its owner.

    No copy of the old content is made. The new one is written to `NAME.audit-lib-new` beside it first, for
    its owner alone, and is removed if anything fails. What lies there, of a crash or of somebody who holds
    it open to read along, is removed and not written to.

    `BadInput` if the file holds other bytes than expected by now, or cannot be written.
    """
    beside = path.with_name(path.name + SUFFIX)
    try:
        facts = path.stat()
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(handle, content, facts)
            if _content(path) != expected:
                raise BadInput.at(path.name, "was changed meanwhile: nothing was written")
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise BadInput.at(path.name, f"cannot be written ({error.strerror})") from None


def _content(path: Path) -> bytes:
    """`Unreadable` of what is no regular file: nothing waits for the writer of a FIFO."""
    return read_source(path.parent, path.name, MAX_BYTES).content


def _write(handle: int, content: bytes, facts: os.stat_result) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        if hasattr(os, "fchmod"):
            with suppress(PermissionError):
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
        file.flush()
        os.fsync(file.fileno())
