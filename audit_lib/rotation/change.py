"""A rotation in env files: a variable and its twins get a new value, nothing else changes."""

import io
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from audit_lib.base.bounded import url_parts
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source, sync_folder
from audit_lib.ledger import Draft
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.rotation.validation import made_value
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component, has_password
from audit_lib.secrets.env import MAX_BYTES, EnvLine, decoded, parse_env, value_is_unknown
from audit_lib.secrets.loaders import BY_HAND, READERS, loaders_of
from audit_lib.secrets.sources import parse_values
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import EnvSource, Policy, Project, SecretRule

_PASSWORD = re.compile(
    r"(://[^:/@\s]*:)[^@\s]*(?=@)"  # of a URL, to the first @
    r"|(^[^:/@\s]*:)(?!//)(?s:.*)(?=@\w+\([^()]*\)/)"  # of Go's driver for MySQL, to the last @
    r"|(\bpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&']*)"  # of libpq
)
SUFFIX = ".audit-lib-new"
_ASSIGNMENT = r"(\ufeff?[ \t]*(?:export[ \t]+)?{name}[ \t]*[=:])([ \t]*)(.*)"
_QUOTED = re.compile(r"(['\"`])(.*)\1([ \t]*#.*|[ \t]*)", re.DOTALL)  # mark, value, comment behind it
_BARE = re.compile(r"()(.*?)([ \t]+#.*|[ \t]*)", re.DOTALL)
Change = Callable[[str], str]  # from the value that is set to the new one


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
    fingerprint: str | None

    def draft(self, at: datetime, said: Mapping[str, str]) -> Draft:
        """The ledger's record of the change: both values were seen, and `said` is by whom and why.

        It claims the instant itself, not its day. Values are fingerprints, None for one that was not set.
        """
        seen = {name: getattr(self, name) for name in ("source", "loader", "previous", "fingerprint")}
        claim = {"claimed_at": iso(at), "day_only": False}
        return Draft("rotation", {**self.place._asdict(), **seen, **claim, **said})


def env_source(project: Project, file: Path) -> EnvSource:
    """The env file in force that a path names; `BadInput` if the project has no such file."""
    by_path = {(project.root / source.path).resolve(): source for source in _in_force(project)}
    if source := by_path.get(file.resolve()):
        return source
    known = ", ".join(source.path for source in by_path.values()) or "none"
    raise BadInput.at(str(file), f"is not an env file in force of the project: {known}")


def _in_force(project: Project) -> list[EnvSource]:
    return [file for file in project.env_sources if not (file.example or file.backup or file.export)]


def planned(
    project: Project, policy: Policy, rule: SecretRule, source: EnvSource, *, new: str, keeper: Keeper
) -> tuple[FileChange, ...]:
    """What must change for a new value: the variable in the file, and what must equal it in the environment.
    `new` is made if it is empty. Nothing is written yet. The changes of one file follow each other: it is
    written once, with the first. The values go to the keeper. `BadInput` if a file cannot be read or changed.
    """
    text, names = _content((project.root / source.path).resolve(), source.path), (rule.name, *rule.aliases)
    _, old = current_value(text, names, loaders_of(project.root, source, text), source.path)
    new = new or made_value(rule, policy, source.environment, old or "")
    twins = [rule, *(one for one in policy.secrets if one.name in rule.equals or rule.name in one.equals)]
    others = [file for file in _in_force(project) if file.environment == source.environment]
    changes: list[FileChange] = []
    for file in dict.fromkeys((source, *others)):
        path = (project.root / file.path).resolve()
        before = after = _content(path, file.path) if file == source or path.exists() else b""
        loaders, here = loaders_of(project.root, file, before), []
        for twin in twins:
            name, old = current_value(before, (twin.name, *twin.aliases), loaders, file.path)
            if old is not None or (twin is rule and file == source):
                change: Change = partial(_changed, twin, new)
                after = with_value(after, name, change, loaders, file.path)
                loader, both = loaders[0] if len(loaders) == 1 else "", (old, change(old or ""))
                held = (hold(keeper, keeper.take(one), twin.component).part if one else None for one in both)
                place = SecretPlace(twin.name, file.environment, file.service)
                here.append(FileChange(place, file.path, loader, path, before, b"", *held))
        changes += [replace(change, after=after) for change in here]
    return tuple(changes)


def _changed(rule: SecretRule, new: str, old: str) -> str:
    """The new value; of a URL with a password that one alone is new. What is no URL is the secret itself.
    `BadInput` if nothing is set, or a URL in which a new password would not be read.
    """
    in_url, place = rule.component == "password" or has_password(old), f"secret {rule.name}"
    if url_parts(new) or not in_url or (old and url_parts(old) is None):
        return new
    BadInput.unless(old, place, "must be set to a URL with a password first")
    changed = _PASSWORD.sub(
        lambda at: at[at.lastindex or 0] + (quote(new, safe="") if "://" in old else new), old, count=1
    )
    BadInput.unless(component("password")(changed) == new, place, "is set to a URL: edit it by hand")
    return changed


def current_value(
    content: bytes, names: tuple[str, ...], loaders: tuple[str, ...], place: str
) -> tuple[str, str | None]:
    """The first of a variable's names that a file sets, and its value; the first name and None without one.
    `BadInput`, with the file's place, if it sets one more than once or to a value that is not known.
    """
    found = {name: [it for it in parse_values(content, place, loaders) if it.name == name] for name in names}
    for name, lines in found.items():
        BadInput.unless(len(lines) < 2, place, f"sets {name} {len(lines)} times: keep one line")
        clear = all(line.value is not None and not value_is_unknown(line.faults) for line in lines)
        BadInput.unless(clear, place, f"loaders read {name} differently: state its loader in audit.toml")
    return next(((name, lines[0].value) for name, lines in found.items() if lines), (names[0], None))


def with_value(content: bytes, name: str, change: Change, loaders: tuple[str, ...], place: str) -> bytes:
    """The file's bytes with the variable's new value; `BadInput` if it cannot be set alone.
    Comments, order and line ends stay. Every loader shall read the new value, so its quotes go and
    a comment behind it gets a line of its own; both stay if only the file's own loader reads it then. A
    variable that is not set is appended. No YAML is written, and no file of one value.
    """
    BadInput.unless(loaders not in BY_HAND, place, f"is no env text: edit it, then audit-lib record {name}")
    _, old = current_value(content, (name,), loaders, place)
    new = change(old or "")
    if old == new:
        return content
    text, other_encoding = decoded(content)
    end = _line_end(text)
    added = [text + end * (text[-1:] not in ("", "\n", "\r")) + f"{name}={new}{end}"]
    written = added if old is None else _replaced(text, parse_env(content, loaders), name, change, new)
    candidates = [one.encode("utf-8", "surrogateescape") for one in written if not other_encoding]
    for readers in (tuple(READERS), loaders):
        for candidate in candidates:
            if _changes_only(name, new, content, candidate, readers):
                return candidate
    raise BadInput.at(place, f"cannot be given a new {name} that its loader reads as it is: edit it by hand")


def _replaced(text: str, lines: tuple[EnvLine, ...], name: str, change: Change, new: str) -> Iterator[str]:
    """The texts that may do, the one that keeps most first."""
    raw = list(io.StringIO(text, newline=""))
    first = next(number for number, line in enumerate(lines) if line.name == name)
    behind = (number for number in range(first + 1, len(lines)) if "continuation" not in lines[number].faults)
    last = next(behind, len(lines))
    before, own, after = ("".join(part) for part in (raw[:first], raw[first:last], raw[last:]))
    body = own.rstrip("\r\n")
    end, found = own[len(body) :], re.fullmatch(_ASSIGNMENT.format(name=re.escape(name)), body, re.DOTALL)
    value = found and (_QUOTED.fullmatch(found[3]) or _BARE.fullmatch(found[3]))
    if not found or not value:
        return
    mark, old, tail = value.groups()
    for kept in dict.fromkeys((change(old) if old else new, new)):
        yield f"{before}{found[1]}{found[2]}{mark}{kept}{mark}{tail}{end}{after}"
    comment = f"{tail.strip()}{end or _line_end(text)}" if tail.strip() else ""
    start = "\ufeff" if found[1].startswith("\ufeff") else ""
    yield f"{before}{start}{comment}{found[1].removeprefix(start).strip()}{new}{end}{after}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _changes_only(name: str, new: str, old: bytes, edited: bytes, readers: tuple[str, ...]) -> bool:
    """Whether each loader that takes the file reads the new value, and all else as before.
    A variable that refers to this one changes with it, which is meant.
    """
    before, after = decoded(old)[0], decoded(edited)[0]
    refers = re.search(rf"\$\{{?{re.escape(name)}\b", before)
    for reader in readers:
        was, now = READERS[reader](before), READERS[reader](after)
        if was.refused and now.refused:
            continue
        held = {one.name: one.value for one in now.statements if one.name}
        others = {one.name: one.value for one in was.statements if one.name and one.name != name}
        kept = refers or all(held.get(other) == value for other, value in others.items() if value is not None)
        if now.refused != was.refused or held.get(name) != new or not kept or {*held} != {*others, name}:
            return False
    return True


def replace_file(path: Path, expected: bytes, content: bytes) -> None:
    """The file has the new content, its mode and, as far as the system allows, its owner.

    It is written beside it first, for its owner alone: what lies there, of a crash or of somebody who reads
    along, is removed. `BadInput` if the file holds other bytes than expected, or cannot be written.
    """
    beside = path.with_name(path.name + SUFFIX)
    try:
        facts = path.stat()
        beside.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                with suppress(PermissionError):
                    os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
                file.flush()
                os.fsync(file.fileno())
            unchanged = _content(path, path.name) == expected
            BadInput.unless(unchanged, path.name, "was changed meanwhile: nothing was written")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise BadInput.at(path.name, f"cannot be written ({error.strerror})") from None


def _content(path: Path, place: str) -> bytes:
    """The bytes of a regular file; `BadInput` of any other: nothing waits for the writer of a FIFO."""
    try:
        return read_source(path.parent, path.name, MAX_BYTES).content
    except Unreadable as error:
        raise BadInput.at(place, error.reason) from None
