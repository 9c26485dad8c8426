"""What to do, the most urgent first: one action closes all findings about one value, file or document."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.base.in_words import few
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.checks import BY_ID
from audit_lib.leaks.tables import PRODUCTION

FIRST = 5
LONGEST = 90  # days for what has no date of its own
NOBODY = "nobody"
URGENT = ("critical", "high")
ATTACK, LEAK = "attack-on-logins", "leaked-in-force"
AGED = ("overdue-secret", "due-secret")
MOST_NAMES = 2
MOST_SIGNS = 150  # of a reason
_DELETED = ("backup-on-disk", "export-on-disk", "production-values-on-disk")
_PUBLIC = ("public-exposure", "equal-but-must-differ")
_REVOKED = ("forbidden-format", "compromised-value")
# Of what is changed as a whole: what to do, and the command that begins it.
_OF_WHOLE = {
    "guide": ("Correct the guide", ""),
    "policy": ("Complete the settings", ""),
    "settings": ("Sign off the changed settings, or take them back", ""),
    "history": ("Purge what leaked before from the history and the logs", "audit-lib leaks --project ."),
    "logs": ("Complete the logs", "audit-lib explain"),
    "questions": ("Answer the questions that no file answers", "audit-lib decide list --project ."),
    "ledger": ("Repair the ledger", "audit-lib verify .audit/ledger"),
    "records": ("Record the rotations that nobody recorded", ""),
}


class Actions(Contract):
    """One row for each thing to do, the most urgent first; findings name it as their `action`."""

    number: Series[int] = Field(unique=True)
    id: Series[str] = Field(unique=True)  # by which findings name it
    action: Series[str]
    why: Series[str]  # the gravest finding's evidence
    where: Series[str]  # its first place
    owner: Series[str]  # of its findings; else "nobody"
    severity: Series[str] = Field(isin=SEVERITIES)  # of the worst finding that it closes
    due_at: Series[Instant]
    overdue: Series[bool]
    closes: Series[int]  # open findings
    command: Series[str]  # that begins it; "" for a change of a document


@dataclass(frozen=True, eq=False)
class _Group:
    """Open findings that one action closes, the most severe first."""

    findings: pd.DataFrame
    about: tuple[tuple[str, str], ...]  # secret and environment
    as_of: datetime
    by_default: bool  # all of it is an age beyond a limit that nobody stated

    @cached_property
    def worst(self) -> Any:
        return next(rows(self.findings))

    @cached_property
    def checks(self) -> set[str]:
        return set(self.findings["check"])

    @cached_property
    def target(self) -> str:
        return BY_ID[self.worst.check].action

    @cached_property
    def renews(self) -> bool:
        """Whether it gives values anew."""
        return bool({"value", "each"} & {BY_ID[check].action for check in self.checks} and self.about)

    @cached_property
    def in_production(self) -> bool:
        return PRODUCTION in {*self.findings["environment"], *(place for _, place in self.about)}

    @cached_property
    def due_at(self) -> pd.Timestamp:
        first = self.findings["due_at"].min()
        return pd.Timestamp(self.as_of + timedelta(days=LONGEST)) if pd.isna(first) else first

    @cached_property
    def order(self) -> tuple[int, int, bool, int]:
        """An attack comes first, then what others can use in production, a broken pair, and by severity."""
        urgent = self.worst.severity in URGENT
        critical = self.worst.severity == "critical" and self.in_production
        grave = (
            urgent and self.worst.check == ATTACK,
            critical and LEAK in self.checks,
            critical and bool(self.about),
            urgent and self.in_production and "pairing-mismatch" in self.checks,
        )
        last = self.by_default or self.target == "guide"
        kind = len(grave) + 1 if last else grave.index(True) if True in grave else len(grave)
        severity = -SEVERITIES.index(self.worst.severity)
        return (kind, severity, not self.in_production, -len(self.findings))


def tabulate_actions(
    findings: pd.DataFrame, inventory: pd.DataFrame, ages: pd.DataFrame, as_of: datetime
) -> pd.DataFrame:
    """`Actions`: who may have got in comes first, then leaks in force and broken pairs of production."""
    open_ = findings[findings["status"].eq("open")]
    severity = -open_["severity"].map(SEVERITIES.index).astype("int64")
    # Of one severity, what others have is the gravest.
    ranked = pd.DataFrame({"severity": severity, "leaked": open_["check"].ne(LEAK)})
    ordered = open_.loc[ranked.sort_values(["severity", "leaked"], kind="stable").index]
    known = set(zip(inventory["secret"], inventory["environment"], strict=True))
    unstated = ages[~ages["period_stated"]]
    limits = set(zip(unstated["secret"], unstated["environment"], unstated["service"], strict=True))
    groups = [
        _Group(group, tuple(dict.fromkeys(_about(group, known))), as_of, _rests_on_default(group, limits))
        for _, group in ordered.groupby("action", sort=False)
    ]
    groups.sort(key=lambda group: group.order)
    return Actions.of({"number": number} | _row(group, inventory) for number, group in enumerate(groups, 1))


def _rests_on_default(findings: pd.DataFrame, unstated: set[tuple[str, str, str]]) -> bool:
    """Whether all of them are ages beyond limits that nobody stated: the policy's default."""
    places = zip(findings["subject"], findings["environment"], findings["service"], strict=True)
    return bool(findings["check"].isin(AGED).all()) and all(place in unstated for place in places)


def _about(findings: pd.DataFrame, known: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Secret and environment of everything that the findings name and that the inventory has."""
    for finding in rows(findings):
        for subject, environment, _ in finding.covers or ((finding.subject, finding.environment, ""),):
            name, _, other = subject.partition(" as in ")
            for secret in name.replace("=", " ").split():
                yield from ((secret, place) for place in (environment, other) if (secret, place) in known)


def _row(group: _Group, inventory: pd.DataFrame) -> dict[str, Any]:
    action, command = _of_values(group, inventory) if group.renews else _of_things(group)
    owners = dict.fromkeys(owner for owner in group.findings["owner"] if owner)
    return {
        "id": group.worst.action,
        "action": action,
        "why": shortened(group.worst.evidence),
        "where": next(iter(group.worst.where), ""),
        "owner": few(owners, MOST_NAMES) or NOBODY,
        "severity": group.worst.severity,
        "due_at": group.due_at,
        "overdue": bool(group.due_at < pd.Timestamp(group.as_of)),
        "closes": len(group.findings),
        "command": command,
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
    leaked = LEAK in group.checks
    command = f"{first} --compromised" if leaked else first
    if shown:
        return f"Take {_listed(shown)} out of the page, rotate {_listed(kept) or 'it'}{where}", command
    if there.empty and not leaked:
        return f"Set {_listed(names)}{where}", ""
    verb = "Revoke and replace" if group.checks & {*_REVOKED} else "Rotate"
    return f"{verb} {_listed(names)}{where}", command


def _of_things(group: _Group) -> tuple[str, str]:
    """What to do about a file, a document or an attack, and the command."""
    worst = group.worst
    if group.target == "file":
        path = next(iter(worst.where), worst.subject).split(":")[0]
        if "tracked-env-file" in group.checks:
            return f"Untrack {path}", f"git rm --cached {shlex.quote(path)}"
        return f"{'Delete' if group.checks & {*_DELETED} else 'Correct'} {path}", ""
    if group.target in _OF_WHOLE:
        return _OF_WHOLE[group.target]
    command = "audit-lib investigate --project ." if BY_ID[worst.check].table == "detections" else ""
    return worst.remedy.split(". ")[0].rstrip("."), command


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
