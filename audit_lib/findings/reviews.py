"""The reviews before this one: what a report.json or a sign-off keeps, and how the settings changed since."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from audit_lib.base import git
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import SEVERITIES, instant_words
from audit_lib.findings.check import Item
from audit_lib.findings.contracts import SettingsChanges, SignOffs
from audit_lib.ledger import Ledger
from audit_lib.secrecy.keeper import MANIFEST, Key, signature_holds
from audit_lib.settings import Policy, Project, bundled_policy
from audit_lib.settings.load import GENERIC, PLACES, difference, digest_of_difference, dump
from audit_lib.settings.models import POLICIES

NEVER_SIGNED = "no review was signed yet"
_NAMES = ("policy: name", "policy: extends")  # of a policy of one's own they differ from the bundled one's
_OWN = re.compile(  # what a project declares, but what in git frees a secret of a limit: a change at once
    r"[-+] policy: detections\.logs_queries .*|"  # which the logs show
    r"\+ (?:(?:login|policy: (?:no_logins|detections\.(?:known_)?clients)) |(?:secret [^:]+: |"
    r"policy: default_)(?!exempt|shared|max_age_days = (?!([1-9]?\d|[12]\d\d|3[0-5]\d|36[0-5])$))).*"
)
Settings = tuple[str, ...]  # one to a line, as settings/load.py writes them


@dataclass(frozen=True)
class Opened:
    """The first review or record that named a finding: it was there by then."""

    at: datetime
    place: str


@dataclass(frozen=True)
class LastReview:
    """The last signed review: its settings, and since when each finding is open."""

    as_of: datetime
    place: str  # of its sign-off
    settings: Settings | None  # None: a version before 0.3.0 signed it
    opened: Mapping[str, Opened] = field(default_factory=dict)


@dataclass(frozen=True)
class PreviousReport:
    """What an earlier review published: its findings by id, when, and how far the ledger's chains went."""

    findings: Mapping[str, Mapping[str, Any]]  # as far as rows of Findings
    as_of: datetime
    heads: tuple[tuple[str, str], ...]  # writer, "number:hash"
    opened: Mapping[str, Opened]
    doubt: str = ""  # why nothing shows that it is as it was published; "" if the key's signature holds


def last_signed(ledger: Ledger) -> LastReview | None:
    """The last sign-off that keeps what was judged by; None if the ledger has none."""
    signed = [entry for entry in ledger.of_kind("signoff") if {"in_force", "rules"} & entry.body.keys()]
    if not signed:
        return None
    body, place = signed[-1].body, signed[-1].place
    opened = {
        id_: Opened(parse_instant(first["at"], place), first["in"])
        for id_, first in body.get("opened", {}).items()
    }
    settings = tuple(body["in_force"]) if "in_force" in body else None
    return LastReview(parse_instant(body["as_of"], place), place, settings, opened)


def kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a sign-off keeps of a report.json; `KeyError` or `TypeError` if it is none."""
    return {
        "as_of": record["as_of"],
        "opened": {row["id"]: {"at": row["opened_at"], "in": row["opened_in"]} for row in record["findings"]},
        "in_force": record["settings"]["in_force"],
    }


def tabulate_sign_offs(ledger: Ledger) -> pd.DataFrame:
    """`SignOffs`: who signed which review, and when."""
    return SignOffs.of(
        {
            "place": entry.place,
            **{name: entry.body.get(name, "") for name in ("folder", "by", "role", "reason")},
            "at": entry.at,
            "as_of": parse_instant(entry.body["as_of"], entry.place) if "as_of" in entry.body else None,
        }
        for entry in ledger.of_kind("signoff")
    )


def tabulate_settings_changes(
    project: Project, policy: Policy, last: LastReview | None, doubt: str = ""
) -> pd.DataFrame:
    """`SettingsChanges` since the last signed review; else of the policy against the bundled one: then rows
    say that what is declared, and where the files were, is not known, and why a report is in doubt."""
    since, unsigned = NEVER_SIGNED, list[str]()
    if last and last.settings is not None:
        since = f"the review as of {instant_words(last.as_of)} ({last.place})"
        changed = difference(last.settings, dump(policy, project))
    else:
        known = policy.path.stem if policy.path.parent == POLICIES else policy.extends or GENERIC
        changed = difference(dump(bundled_policy(known)), dump(policy))
        in_git = not git.is_repository(project.root) or git.tracked(project.root) & {*PLACES}
        own = {it for it in changed if _OWN.fullmatch(it) or (it.startswith("+ secret ") and not in_git)}
        own = own if known == GENERIC else set()  # which declares none
        changed = tuple(it for it in changed if it not in own and _parted(it[2:])[0] not in _NAMES)
        unsigned = ["declared secrets and logins"] * bool(own) + ["the place of a file"]
    found = [{"setting": name, "was": was, "now": now, "known": True} for name, was, now in _paired(changed)]
    not_known = {"all settings": doubt} | dict.fromkeys(unsigned, NEVER_SIGNED)
    unknown = {"was": "not known", "now": "not known", "known": False}
    found += [unknown | {"setting": name, "since": why} for name, why in not_known.items() if why]
    common = {"since": since, "digest": digest_of_difference(changed)}
    return SettingsChanges.of(common | row for row in found)


def _paired(changed: Settings) -> Iterator[tuple[str, str, str]]:
    """Setting, value before and value now of what changed; `none` of a value that came or went."""
    lines = [(line[0], *_parted(line[2:])) for line in changed]
    for name in dict.fromkeys(name for _, name, _ in lines):
        was = [value for sign, other, value in lines if other == name and sign == "-"]
        now = [value for sign, other, value in lines if other == name and sign == "+"]
        yield name, ", ".join(was) or "none", ", ".join(now) or "none"


def _parted(line: str) -> tuple[str, str]:
    name, equals, value = line.partition(" = ")
    return (name, value) if equals else (line.rpartition(":")[0] or line, "declared")


class _Row(BaseModel):
    """A finding as a report.json lists it, or a change that was no longer known."""

    id: Annotated[str, Field(min_length=1)]
    check: Annotated[str, Field(min_length=1)]
    severity: Annotated[str, Field(pattern="|".join(SEVERITIES))]
    status: Annotated[str, Field(min_length=1)]
    subject: str = ""
    environment: str = ""
    service: str = ""
    covers: tuple[tuple[str, str, str], ...] = ()
    opened_at: str = ""
    opened_in: str = ""


class _Report(BaseModel):
    """What is read of a report.json."""

    schema_: Annotated[str, Field(alias="schema", pattern="^audit_lib/report/")]
    project: str
    quarter: str = ""
    as_of: str
    findings: tuple[_Row, ...]
    not_ended: tuple[_Row, ...] = ()  # findings of earlier reviews of which it is not known if they ended
    ledger: Mapping[str, str] = {}


def read_previous(path: Path, project: str, key: Key) -> PreviousReport:
    """The report.json at a path, which the manifest beside it must name under the reviewer's signature.
    Without a manifest, or with one under another key, nothing shows that the report was not edited: `doubt`
    says so. `BadInput` if it is not a report.json of this version, is another project's, or was edited."""
    try:
        report = TypeAdapter(_Report).validate_json(content := path.read_bytes())
    except OSError:
        raise BadInput.at(str(path), "cannot be read as a report.json") from None
    except (ValidationError, ValueError, RecursionError):
        raise BadInput.at(str(path), "is not a report.json of this version") from None
    if report.project != project:
        raise BadInput.at(str(path), f"is a report of another project than {project}")
    doubt, as_of = _doubt(path, content, key), parse_instant(report.as_of, str(path))
    findings, opened = {}, {}
    for row in (*report.not_ended, *report.findings):
        findings[row.id] = row.model_dump() | {"covers": tuple(map(Item._make, row.covers))}
        at = parse_instant(row.opened_at, str(path)) if row.opened_at else as_of
        opened[row.id] = Opened(at, row.opened_in or report.quarter)
    return PreviousReport(findings, as_of, tuple(sorted(report.ledger.items())), opened, doubt)


def _doubt(path: Path, content: bytes, key: Key) -> str:
    """Why nothing shows that a report was not edited; `BadInput` if something shows that it was."""
    try:
        manifest = json.loads(path.with_name(MANIFEST).read_text("utf-8"))
        digest, key_id = manifest["files"][path.name], (manifest.get("key") or {}).get("key_id")
    except FileNotFoundError:
        return f"the previous report has no {MANIFEST} beside it"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput.at(str(path), f"has a {MANIFEST} beside it that does not name it") from None
    if digest != sha256(content).hexdigest():
        raise BadInput.at(str(path), f"was edited: it is not the file that {MANIFEST} names")
    if signature_holds(key, manifest):
        return ""
    if key_id == key.key_id:
        raise BadInput.at(str(path), f"has an edited {MANIFEST} beside it: its signature does not hold")
    return "the previous report is not signed under the reviewer's key"
