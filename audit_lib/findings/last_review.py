"""What the last review judged by and found: from its report.json, or its sign-off in the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import instant_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.contracts import SignOffs
from audit_lib.findings.rules_in_force import Rules
from audit_lib.ledger import Ledger
from audit_lib.secrecy.keeper import MANIFEST, Key, signature_holds

NOT_KNOWN = "no earlier review was given (--previous), and the ledger has no sign-off of one"
_NOT_ENDED = ("unknown", "claimed closed")
_SETTINGS = ("file audit.toml", "file of the policy", "formats file ")
_TEXTS = ("id", "check", "status", "subject", "environment", "service")


@dataclass(frozen=True)
class Opened:
    """The first review or record that named a finding: it was there by then."""

    at: datetime
    place: str


@dataclass(frozen=True)
class LastReview:
    """What the next review compares itself with."""

    as_of: datetime
    place: str = ""  # of its sign-off; "" if its report was given
    rules: Rules = field(default_factory=dict)  # those that it judged by; of a lowered one as it was before
    opened: Mapping[str, Opened] = field(default_factory=dict)  # by finding

    @property
    def words(self) -> str:
        """Which review it was."""
        return f"since the review as of {instant_words(self.as_of)}" + (
            f" ({self.place})" if self.place else ""
        )


def kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a sign-off keeps of a report.json, for reviews that have only the ledger; {} of an older report.

    Raises:
        KeyError, TypeError, AttributeError: it is not as a report.json has it.
    """
    rules, exceptions = record.get("rules"), record.get("exceptions")
    if not isinstance(rules, dict) or not isinstance(exceptions, list):
        return {}
    opened = {row["id"]: {"at": row["opened_at"], "in": row["opened_in"]} for row in exceptions}
    settings = settings_of(rules["in_force"])
    return {"as_of": record["as_of"], "rules": laid_back(rules), "opened": opened, "settings": settings}


def settings_of(rules: Rules) -> dict[str, str]:
    """The digests of audit.toml, the policy and the log formats among rules, by what each is of."""
    kept = {subject: fields for subject, fields in rules.items() if subject.startswith(_SETTINGS)}
    return {subject: fields["sha256"] for subject, fields in kept.items() if "sha256" in fields}


def settings_signed(ledger: Ledger) -> tuple[str, dict[str, str]] | None:
    """The place of the last sign-off that keeps digests of settings, with these; None if there is none."""
    for entry in reversed(ledger.of_kind("signoff")):
        if "settings" in entry.body or "rules" in entry.body:
            return entry.place, dict(entry.body.get("settings") or settings_of(entry.body["rules"]))
    return None


def last_signed(ledger: Ledger) -> LastReview | None:
    """The last sign-off that keeps what was judged by; None if the ledger has none."""
    signed = [entry for entry in ledger.of_kind("signoff") if "rules" in entry.body]
    if not signed:
        return None
    body, place = signed[-1].body, signed[-1].place
    return LastReview(parse_instant(body["as_of"], place), place, body["rules"], openings(body, place))


def tabulate_sign_offs(ledger: Ledger) -> pd.DataFrame:
    """`SignOffs`: who signed which review, and when."""
    return SignOffs.of(
        {
            "place": entry.place,
            "folder": entry.body.get("folder", ""),
            "by": entry.body["by"],
            "role": entry.body.get("role", ""),
            "reason": entry.body.get("reason", ""),
            "at": entry.at,
            "as_of": parse_instant(entry.body["as_of"], entry.place) if "as_of" in entry.body else None,
        }
        for entry in ledger.of_kind("signoff")
    )


def openings(body: Mapping[str, Any], place: str) -> dict[str, Opened]:
    """When and in which review each finding was opened."""
    return {
        id_: Opened(parse_instant(one["at"], place), one["in"]) for id_, one in body.get("opened", {}).items()
    }


def laid_back(rules: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The rules in force, but each that was lowered as it was before: so it stays lowered until restored."""
    back = {subject: dict(named) for subject, named in rules["in_force"].items()}
    for subject, named in rules["lowered_from"].items():
        merged = {**back.get(subject, {}), **named} if named else {}
        back[subject] = {name: text for name, text in merged.items() if text}
    if not all(isinstance(text, str) for named in back.values() for text in named.values()):
        raise TypeError("a rule is not a text")
    return {subject: named for subject, named in back.items() if named}


@dataclass(frozen=True)
class PreviousReport:
    """What an earlier review published: its findings by id, when, and how far the ledger's chains went."""

    findings: Mapping[str, Mapping[str, Any]]
    as_of: datetime
    heads: tuple[tuple[str, str], ...]  # writer, "number:hash"
    rules: Rules = field(default_factory=dict)  # that it judged by; {} of an older report
    opened: Mapping[str, Opened] = field(default_factory=dict)  # by finding
    doubt: str = ""  # why nothing shows that it is as it was published; "" if the key's signature holds

    @property
    def review(self) -> LastReview | None:
        """The review as one to compare with; None if that does not verify, or says not what it judged by."""
        return LastReview(self.as_of, "", self.rules, self.opened) if self.rules and not self.doubt else None


def read_previous(path: Path, project: str, key: Key) -> PreviousReport:
    """The report.json at a path.

    If the manifest that was published with it is beside it, the report must be the one that it names, and
    the manifest signed under the key, if it names that key. Without a manifest, or with one under another
    key, nothing shows that the report was not edited: `doubt` says so.

    Raises:
        BadInput: it is not a report.json, is another project's, or was edited.
    """
    try:
        content = path.read_bytes()
        report = json.loads(content)
    except (OSError, ValueError, RecursionError):
        raise BadInput.at(str(path), "cannot be read as a report.json") from None
    if not _is_report(report):
        raise BadInput.at(str(path), "is not a report.json of this tool")
    if report["project"] != project:
        raise BadInput.at(str(path), f"is a report of another project than {project}")
    if (fault := _edited(path.with_name(MANIFEST), content, key)) is not None:
        raise BadInput.at(str(path), fault)
    heads = report.get("ledger")
    known = (
        sorted((str(writer), str(head)) for writer, head in heads.items()) if isinstance(heads, dict) else []
    )
    as_of = parse_instant(report["as_of"], str(path))
    findings = {
        row["id"]: {**dict.fromkeys(_TEXTS, ""), **row, "covers": "; ".join(row.get("covers", ()))}
        for row in (*_carried(report), *report["findings"])
    }
    rules, opened = _kept(report, str(path))
    first = dict.fromkeys(findings, Opened(as_of, str(report.get("quarter", ""))))
    doubt = _doubt(path.with_name(MANIFEST), key)
    return PreviousReport(findings, as_of, tuple(known), rules, first | opened, doubt)


def _carried(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What its register says of findings that were gone and of which it is not known if they ended."""
    found = {row["id"] for row in report["findings"]}
    exceptions = report.get("exceptions", [])
    return [row for row in exceptions if row["status"] in _NOT_ENDED and row["id"] not in found]


def _kept(report: dict[str, Any], place: str) -> tuple[Rules, dict[str, Opened]]:
    """What it judged by, and when each of its findings was opened."""
    try:
        said = kept(report)
        return said.get("rules", {}), openings(said, place)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise BadInput.at(place, "has rules or exceptions that are not of this tool") from None


def _is_report(report: Any) -> bool:
    known = isinstance(report, dict) and str(report.get("schema", "")).startswith("audit_lib/report/")
    findings = report.get("findings") if known else None
    return (
        isinstance(findings, list)
        and isinstance(report.get("exceptions", []), list)
        and isinstance(report.get("project"), str)
        and isinstance(report.get("as_of"), str)
        and all(
            isinstance(row, dict)
            and all(isinstance(row.get(name, ""), str) for name in _TEXTS)
            and row.get("severity") in SEVERITIES
            and isinstance(row.get("covers", []), list)
            and all(isinstance(one, str) for one in row.get("covers", []))
            and all(row.get(name) for name in ("id", "check", "status"))
            for row in (*findings, *report.get("exceptions", []))
        )
    )


def _edited(manifest: Path, content: bytes, key: Key) -> str | None:
    """What shows that a report is not as it was published; None if nothing does."""
    try:
        said = json.loads(manifest.read_text("utf-8"))
        named = said["files"]["report.json"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"has a {MANIFEST} beside it that does not name it"
    if named != sha256(content).hexdigest():
        return f"was edited: it is not the file that {MANIFEST} names"
    if said.get("key", {}).get("key_id") == key.key_id and not signature_holds(key, said):
        return f"has a {MANIFEST} beside it that was edited: its signature does not hold"
    return None


def _doubt(manifest: Path, key: Key) -> str:
    """Why nothing shows that a report, which its manifest names if there is one, was not edited."""
    if not manifest.exists():
        return f"the previous report has no {MANIFEST} beside it"
    said = json.loads(manifest.read_text("utf-8"))
    return "" if signature_holds(key, said) else "the previous report is not signed under the reviewer's key"
