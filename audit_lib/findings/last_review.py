"""What the last review judged by and found open: from its report, or from its sign-off in the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.contracts import SignOffs
from audit_lib.base.in_words import instant_words
from audit_lib.findings.rules_in_force import Rules
from audit_lib.ledger import Ledger

NOT_KNOWN = "no earlier review was given (--previous), and the ledger has no sign-off of one"


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
    return {"as_of": record["as_of"], "rules": laid_back(rules), "opened": opened}


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
