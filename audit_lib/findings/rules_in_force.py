"""What a review judges by, as flat fields of names, numbers and digests, so that two reviews compare."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import rows
from audit_lib.base.git import last_change
from audit_lib.base.severities import SEVERITIES
from audit_lib.base.toml_table import read_text_file
from audit_lib.rotation.triggers import KINDS, listed_days
from audit_lib.settings import Policy, Project
from audit_lib.settings.load import PLACES, POLICIES

Rules = Mapping[str, Mapping[str, str]]  # subject, then field; an empty one is left out

BUNDLED_POLICY = "comes with the program"
IN_PROJECT = "in the audited project"
OUTSIDE = "outside of the audited project (--policy)"

LARGEST_IGNORE_FILE = 2**20
MOST_TEXTS = 200  # of a list; of a longer one the digest of the whole
IGNORE_FILES = {
    ".gitignore": "ignore file",
    ".dockerignore": "ignore file",
    ".secrets.baseline": "scanner file",
    ".gitleaksignore": "scanner file",
    ".gitleaks.toml": "scanner file",
}

# Fields of closed words and of names that a report shows anyway. Any other text is shown by its digest: it
# could be a value, which the report must not repeat.
_SHOWN = {
    *("name", "environments", "guide", "formats", "exports", "time_zone", "environment", "service"),
    *("path", "pattern", "loader", "kind", "kinds", "required", "required_in", "missing_severity", "records"),
    *("exposure_severity", "component", "classes", "aliases", "equals", "differs", "rotates_with", "format"),
    *("usual_format", "forbidden_formats", "environment_formats", "consumers", "restart", "overlap", "rules"),
    *("method", "route", "extends", "severity", "runtime", "refresh", "secret"),
    *("leavers", "breaches", "access_log", "days"),
}
_NAME = re.compile(r"[\w./*@ +{}:-]{1,200}")  # nothing that is escaped where it is shown
OF_PROJECT = (
    *("name", "extends", "guide", "formats", "environments", "exports", "time_zone", "zone_declared"),
    *("leavers", "breaches", "access_log", "may_look"),
)
_TABLES = ("access", "attestations", "detections", "due_days", "emergency")
_SAYS_ONLY = {"title", "lines", "guide_line"}  # of a policy and its parts: they judge nothing
_KEPT_WORDS = {*SEVERITIES, "real"}
# Kinds of Sources that a review judges by; "log" is the first word of another subject.
_OF_SOURCES = {"guide": "guide", "log formats": "formats file", "example": "example"}
_OF_SOURCES |= {KINDS[kind]: KINDS[kind] for kind in ("leaver", "breach")}


def rules_in_force(project: Project, policy: Policy, sources: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By subject (`secret API_TOKEN`, `env file backend/.env`, `policy`) what the review goes by.

    Texts that could be a value are digests. Of the machine nothing is in it: no path outside the project.
    """
    named = {**_of_project(project), **_of_policy(project, policy), **_of_files(project, policy, sources)}
    return {
        _name(subject): {_name(field): text for field, text in sorted(named[subject].items())}
        for subject in sorted(named)
    }


def decided_by(
    project: Project, policy: Policy, shown: Callable[[str], str]
) -> tuple[tuple[str, str, str], ...]:
    """Of the files that say what is reviewed and by which rules the last commit and its author, as `shown`.

    A file that git does not hold is left out.
    """
    inside = origin_of(project, policy) == IN_PROJECT
    files = [*PLACES, *([policy.path.relative_to(project.root).as_posix()] if inside else [])]
    found = ((name, *last_change(project.root, name)) for name in files)
    return tuple((name, commit, shown(mail)) for name, commit, mail in found if commit)


def origin_of(project: Project, policy: Policy) -> str:
    """Whether the policy comes with the program, is in the audited project, or the reviewer's own."""
    path = policy.path.resolve()
    if path.parent == POLICIES:
        return BUNDLED_POLICY
    return IN_PROJECT if path.is_relative_to(project.root) else OUTSIDE


def _of_project(project: Project) -> dict[str, dict[str, str]]:
    found = {"audit.toml": _fields(project, keep=OF_PROJECT)}
    # What an option gives is the reviewer's own, and no rule of the project.
    logs = [source for source in project.log_sources if source.file is None]
    for word, sources, key in (
        ("env file", project.env_sources, "path"),
        ("log", logs, "pattern"),
        ("deploys", project.deploy_sources, "pattern"),
        ("evidence", project.evidence_sources, "pattern"),
    ):
        found |= {f"{word} {getattr(one, key)}": _fields(one, omit={key, "file"}) for one in sources}
    return found


def _of_policy(project: Project, policy: Policy) -> dict[str, dict[str, str]]:
    parts = {"secrets", "logins", "consumers", "alerts", "formats", "startup", *_TABLES}
    origin = {"origin": origin_of(project, policy)}
    found = {"policy": origin | _fields(policy, omit=parts | _SAYS_ONLY | {"path", "sha256"})}
    found |= {f"format {name}": {"expression": _digest(text)} for name, text in policy.formats.items()}
    for word, several in (
        ("secret", policy.secrets),
        ("login", [login for login in policy.logins if not login.added]),
        ("added login", [login for login in policy.logins if login.added]),
        ("consumer", policy.consumers),
        ("alert", policy.alerts),
    ):
        found |= {f"{word} {one.name}": _fields(one, omit=_SAYS_ONLY) for one in several}
    tables = {name: getattr(policy, name) for name in _TABLES} | {"startup": vars(policy.startup)}
    found |= {f"table {name}": dict(_flat(table)) for name, table in tables.items() if table}
    return found


def _of_files(project: Project, policy: Policy, sources: pd.DataFrame) -> dict[str, dict[str, str]]:
    digests = {"file audit.toml": project.layout_sha256, "file of the policy": policy.sha256}
    known = sources[sources["kind"].isin(_OF_SOURCES) & sources["state"].eq("read")]
    digests |= {
        f"{_OF_SOURCES[row.kind]} {row.source}": row.sha256 or row.keyed_digest or "" for row in rows(known)
    }
    if policy.rules.endswith(".toml"):
        digests[f"rules {policy.rules}"] = _digest_of_rules(policy.path.parent / policy.rules)
    digests |= dict(_ignore_files(project))
    found = {subject: {"sha256": digest} for subject, digest in digests.items() if digest}
    for subject, days in listed_days(project).items():
        found.setdefault(subject, {})["days"] = _words("days", days)
    return found


def _digest_of_rules(path: Path) -> str:
    try:
        return sha256(read_text_file(path, path.name)).hexdigest()
    except BadInput:  # said where the rules are read
        return "not read"


def _ignore_files(project: Project) -> Iterator[tuple[str, str]]:
    """Files that take others out of git, out of images, or hits out of a scanner's report."""
    folders = {Path(), *(Path(source.path).parent for source in project.env_sources)}
    for folder in sorted(folders):
        for name, word in IGNORE_FILES.items():
            place = (folder / name).as_posix()
            try:
                yield f"{word} {place}", read_source(project.root, place, LARGEST_IGNORE_FILE).sha256
            except Unreadable as error:
                yield f"{word} {place}", "" if error.state == "missing" else f"not read: {error.state}"


def _fields(value: Any, omit: Iterable[str] = (), keep: Iterable[str] = ()) -> dict[str, str]:
    """The fields of a dataclass in words, but for empty ones and the name, which is in the subject."""
    found: dict[str, str] = {}
    for name in keep or (field.name for field in fields(value) if field.name not in {*omit, "name"}):
        inner = getattr(value, name)
        if isinstance(inner, Mapping):
            found |= {f"{name}.{key}": _words(name, one) for key, one in inner.items()}
        elif inner:
            found[name] = _words(name, inner)
    return found


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf of a TOML table by its dotted name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, _words(name, value)


def _words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        several = sorted(_words(name, one) for one in value)
        return ", ".join(several) if len(several) <= MOST_TEXTS else f"{len(several)} of {_digest(several)}"
    text = str(value)
    plain = name in _SHOWN and _NAME.fullmatch(text)
    return text if plain or text in _KEPT_WORDS else _digest(text)


def _name(text: str) -> str:
    """A subject or field as every report can show it, and reads it again."""
    return text if _NAME.fullmatch(text) else _digest(text)


def _digest(value: object) -> str:
    """`sha256:` and 64 bits, in a form that no scanner takes for a secret beside a name."""
    return f"sha256:{sha256(str(value).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
