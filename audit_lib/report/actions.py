"""What to do, the most urgent first: one action closes all findings about one value, file or document."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.base.in_words import few
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.closed_together import TARGETS, WHOLE, closed_together
from audit_lib.findings.covered import items
from audit_lib.leaks.urgency import PRODUCTION
from audit_lib.settings import Policy

Frames = Mapping[str, pd.DataFrame]
FIRST = 5
LONGEST = 90  # days for what has no date of its own
NOBODY = "nobody"
URGENT = ("critical", "high")
ATTACKS = ("attack-on-logins", "let-in")  # checks by which somebody may have got in
MOST_NAMES = 2
MOST_SIGNS = 150  # of a reason
_TABLES = {check.id: check.table for check in CHECKS}
_DELETED = ("backup-on-disk", "export-on-disk", "production-values-on-disk")
_PUBLIC = ("public-exposure", "equal-but-must-differ")
_REVOKED = ("forbidden-format", "compromised-value")
# Of a target that is one thing as a whole: what to do, and the command that begins it.
_OF_WHOLE = {
    "guide": ("Correct the guide", ""),
    "policy": ("Complete the settings", ""),
    "history": ("Purge what leaked before from the history and the logs", "audit-lib leaks --project ."),
    "logs": ("Complete the logs", "audit-lib explain --project ."),
    "questions": ("Answer the questions that no file answers", "audit-lib decide list --project ."),
    "ledger": ("Repair the ledger", "audit-lib verify .audit/ledger"),
    "records": ("Record the rotations that nobody recorded", "audit-lib record --project ."),
}


class Actions(Contract):
    """One row for each thing to do, the most urgent first; it closes findings with its number as `action`."""

    number: Series[int] = Field(unique=True)
    action: Series[str]
    why: Series[str]  # the gravest finding's evidence
    where: Series[str]  # its first place
    owner: Series[str]  # as assigned, or as the settings name it; else "nobody"
    severity: Series[str] = Field(isin=SEVERITIES)  # of the worst finding that it closes
    due_at: Series[Instant]
    overdue: Series[bool]
    closes: Series[int]  # open findings
    command: Series[str]  # that begins it; "" for a change of a document
    finding: Series[str]  # the id of the gravest


@dataclass(frozen=True, eq=False)
class _Group:
    """Open findings that one action closes, the most severe first."""

    findings: pd.DataFrame
    about: tuple[tuple[str, str], ...]  # secret and environment
    as_of: datetime

    @cached_property
    def worst(self) -> Any:
        return next(rows(self.findings))

    @cached_property
    def checks(self) -> set[str]:
        return set(self.findings["check"])

    @cached_property
    def target(self) -> str:
        return TARGETS.get(self.worst.check, "")

    @cached_property
    def renews(self) -> bool:
        """Whether it gives values anew."""
        return bool({"value", "each"} & {TARGETS.get(check, "") for check in self.checks} and self.about)

    @cached_property
    def in_production(self) -> bool:
        return PRODUCTION in {*self.findings["environment"], *(place for _, place in self.about)}

    @cached_property
    def leaked(self) -> bool:
        return any(_TABLES.get(check) == "leaked_secrets" for check in self.checks)

    @cached_property
    def due_at(self) -> pd.Timestamp:
        first = self.findings["due_at"].min()
        return pd.Timestamp(self.as_of + timedelta(days=LONGEST)) if pd.isna(first) else first

    @cached_property
    def order(self) -> tuple[int, int, bool, int]:
        """An attack comes first, then what others can use in production, then by severity."""
        urgent = self.worst.severity in URGENT
        attack = urgent and self.worst.check in ATTACKS
        lost = self.worst.severity == "critical" and self.in_production and bool(self.about)
        broken = urgent and self.in_production and self.renews
        kind = 0 if attack else 1 if lost else 2 if broken else 3
        severity = -SEVERITIES.index(self.worst.severity)
        return (kind, severity, not self.in_production, -len(self.findings))


def with_actions(
    findings: pd.DataFrame, frames: Frames, policy: Policy, as_of: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The findings, each open one with the number of the `action` that closes it; and `Actions`."""
    together = closed_together({**_needed(frames), "findings": findings})
    known = set(zip(frames["inventory"]["secret"], frames["inventory"]["environment"], strict=True))
    open_ = findings[findings["status"].eq("open")]
    severity = -open_["severity"].map(SEVERITIES.index).astype("int64")
    leaked = ~open_["check"].map(_TABLES).eq(
        "leaked_secrets"
    )  # what others have is the gravest of its severity
    order = open_.assign(_severity=severity, _leaked=leaked).sort_values(
        ["_severity", "_leaked"], kind="stable"
    )
    ordered = order.drop(columns=["_severity", "_leaked"])
    groups = [
        _Group(group, tuple(dict.fromkeys(_about(group, known))), as_of)
        for _, group in ordered.groupby(together[ordered.index], sort=False)
    ]
    groups.sort(key=lambda group: group.order)
    number = pd.Series(pd.NA, findings.index, dtype="Int64")
    for place, group in enumerate(groups, 1):
        number[group.findings.index] = place
    table = Actions.of(
        {"number": place} | _row(group, frames["inventory"], policy) for place, group in enumerate(groups, 1)
    )
    return findings.assign(action=number), table


def _needed(frames: Frames) -> dict[str, pd.DataFrame]:
    return {name: frames[name] for name in ("inventory", "rotation_pairs", "leaks", "leak_places")}


def _about(findings: pd.DataFrame, known: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Secret and environment of everything that the findings name and that the inventory has."""
    for finding in findings.to_dict("records"):
        for subject, environment, _ in items(finding):
            name, _, other = subject.partition(" as in ")
            for secret in name.replace("=", " ").split():
                yield from ((secret, place) for place in (environment, other) if (secret, place) in known)


def _row(group: _Group, inventory: pd.DataFrame, policy: Policy) -> dict[str, Any]:
    action, command = _of_values(group, inventory) if group.renews else _of_things(group)
    return {
        "action": action,
        "why": shortened(group.worst.evidence),
        "where": group.worst.where.split("; ")[0],
        "owner": _owner(group, policy),
        "severity": group.worst.severity,
        "due_at": group.due_at,
        "overdue": bool(group.due_at < pd.Timestamp(group.as_of)),
        "closes": len(group.findings),
        "command": command,
        "finding": group.worst.id,
    }


def _of_values(group: _Group, inventory: pd.DataFrame) -> tuple[str, str]:
    """What to do about values, and the command."""
    about = pd.MultiIndex.from_tuples(group.about)
    here = pd.MultiIndex.from_frame(inventory[["secret", "environment"]]).isin(about)
    there = inventory[here & inventory["state"].eq("present")]
    names = list(dict.fromkeys(there["secret"])) or list(dict.fromkeys(name for name, _ in group.about))
    places = sorted({place for _, place in group.about if place}, key=_rank)
    shown = list(dict.fromkeys(there.loc[there["public"], "secret"])) if group.checks & {*_PUBLIC} else []
    kept = [name for name in names if name not in shown]
    where = f" in {_listed(places, 3)}" if places else ""
    first = f"audit-lib rotate plan {(kept or names)[0]} --project ."
    command = f"{first} --compromised" if group.leaked else first
    if shown:
        return f"Take {_listed(shown)} out of the page, rotate {_listed(kept) or 'it'}{where}", command
    if there.empty and not group.leaked:
        return f"Set {_listed(names)}{where}", ""
    verb = "Revoke and replace" if group.checks & {*_REVOKED} else "Rotate"
    return f"{verb} {_listed(names)}{where}", command


def _of_things(group: _Group) -> tuple[str, str]:
    """What to do about a file, a document or an attack, and the command."""
    worst = group.worst
    if group.target == "file":
        path = worst.where.split("; ")[0].split(":")[0]
        if "tracked-env-file" in group.checks:
            return f"Untrack {path}", f"git rm --cached {shlex.quote(path)}"
        return f"{'Delete' if group.checks & {*_DELETED} else 'Correct'} {path}", ""
    if group.target in WHOLE:
        return _OF_WHOLE[group.target]
    command = "audit-lib investigate --project ." if _TABLES.get(worst.check) == "detections" else ""
    return worst.remedy.split(". ")[0].rstrip("."), command


def _owner(group: _Group, policy: Policy) -> str:
    """Who was assigned; else who answers for its secrets, or for the services that read them."""
    rules = [rule for secret, _ in group.about if (rule := policy.rule(secret))]
    owners = [owner for owner in group.findings["owner"] if owner]
    owners = owners or [rule.owner for rule in rules if rule.owner]
    owners = owners or [
        owner for rule in rules for name in rule.consumers if (owner := policy.consumer(name).owner)
    ]
    return few(dict.fromkeys(owners), MOST_NAMES) or NOBODY


def _listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """`A`, `A and B`, `A, B and 2 more`."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""


def _rank(environment: str) -> tuple[bool, bool, str]:
    return environment != PRODUCTION, environment != "staging", environment


def shortened(text: str) -> str:
    """The text up to its first piece of evidence, cut at a word."""
    first = text.split("; ", maxsplit=1)[0]
    if len(first) <= MOST_SIGNS:
        return first
    return f"{first[:MOST_SIGNS].rsplit(' ', 1)[0]} …"
