"""The findings with what people decided about them: owner, due, accepted until; and what they must answer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import LAST, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import instant_words, nearest
from audit_lib.findings.actions import UNDECIDED, actions_of
from audit_lib.findings.changes import Fault, compare, faults_of, gravity
from audit_lib.findings.check import Tables
from audit_lib.findings.checks import SUCCESSORS
from audit_lib.findings.contracts import Attestations, Decisions, Findings, LedgerFaults, Ownership
from audit_lib.findings.find import Finding, find
from audit_lib.findings.reviews import LastReview, Opened, PreviousReport
from audit_lib.ledger import Ledger
from audit_lib.ledger.chain import Decision, decisions
from audit_lib.settings import Policy

DUE_DAYS: Mapping[str, int] = {"critical": 1, "high": 7, "medium": 30, "low": 90}
ABOUT_FINDINGS, UNANSWERED = ("accept", "assign", "close"), ("open", "expired")
QUARTER = 92  # days: CIS Controls 8.1, safeguard 5.5: "at a minimum quarterly"
Row = dict[str, Any]


@dataclass(frozen=True)
class Reviews:
    """This review, and what is known of those before it."""

    last: LastReview | None
    previous: PreviousReport | None
    quarter: str
    as_of: datetime


def judge_findings(
    tables: Tables, policy: Policy, ledger: Ledger, reviews: Reviews
) -> dict[str, pd.DataFrame]:
    """`Findings` of every check over these tables, `Changes` since the last report, `Decisions` about them. A
    decision closes nothing: an acceptance that has run out leaves its finding open, that of an unknown makes
    only a leak known, which people decide; a finding recorded as closed that is still here says so."""
    found = find(tables, policy)
    changes = compare(reviews.previous, [finding.columns for finding in found], tables, ledger)
    change_of = changes.drop_duplicates("id").set_index("id")["change"].to_dict()
    made_of, earlier = defaultdict(list), defaultdict(list)
    for made in decisions(ledger, *ABOUT_FINDINGS):
        made_of[made.subject].append(made)
    if previous := reviews.previous:
        for was in previous.findings.values():
            for fault in faults_of(was):
                earlier[fault].append((gravity(was), previous.opened[was["id"]]))
    owners = dict(zip(tables["ownership"]["secret"], tables["ownership"]["owner"], strict=True))
    register = _Register(reviews, made_of, earlier, owners, policy)
    return {
        "findings": Findings.of(
            register.decided(finding) | {"action": action, "change": change_of.get(finding.id, "")}
            for finding, action in zip(found, actions_of(found, tables), strict=True)
        ),
        "changes": changes,
        "decisions": tabulate_decisions(ledger, [finding.id for finding in found], reviews.as_of),
    }


@dataclass(frozen=True)
class _Register:
    """What the columns about decisions are drawn from."""

    reviews: Reviews
    decisions: Mapping[str, list[Decision]]  # by finding
    earlier: Mapping[Fault, list[tuple[tuple[int, int], Opened]]]  # faults of the previous report
    owners: Mapping[str, str]  # by secret
    policy: Policy

    def decided(self, finding: Finding) -> Row:
        row, last = finding.columns, {made.verdict: made for made in self.decisions.get(finding.id, ())}
        accepted, assigned, closed = (last.get(verdict) for verdict in ABOUT_FINDINGS)
        if accepted and accepted.until and accepted.until < self.reviews.as_of:
            until = instant_words(accepted.until)
            row["evidence"] += f"; accepted by {accepted.by} until {until}, which has passed"
        elif accepted and (row["status"] == "open" or row["check"] == UNDECIDED):
            row["status"] = "accepted"
        elif accepted:
            row["evidence"] += "; accepting it does not make it known"
        opened = self._opened(row)
        due = self._due(row, opened, accepted, assigned)
        still = closed and self.decisions[finding.id][-1] is closed and row["status"] != "unknown"
        return row | {
            "opened_at": opened.at,
            "opened_in": opened.place,
            "owner": assigned.owner if assigned else self._owner(finding),
            "ticket": assigned.ticket if assigned else "",
            "due_at": due,
            "overdue": row["status"] == "open" and due is not None and due < self.reviews.as_of,
            "accepted_by": accepted.by if accepted else "",
            "accepted_until_at": accepted.until if accepted else None,
            "decided_in": accepted.place if accepted else "",
            "closed_by": f"{closed.by} ({closed.place})" if closed and still else "",
        }

    def _opened(self, row: Row) -> Opened:
        """The first review or record that named the finding, or the same fault no less gravely."""
        known = [Opened(self.reviews.as_of, self.reviews.quarter)]
        known += [Opened(made.at, made.place) for made in self.decisions.get(row["id"], ())[:1]]
        known += [
            review.opened[row["id"]]
            for review in (self.reviews.last, self.reviews.previous)
            if review and row["id"] in review.opened
        ]
        for fault in faults_of(row):
            known += [opened for grave, opened in self.earlier.get(fault, ()) if grave >= gravity(row)]
        return min(known, key=lambda opened: opened.at)

    def _due(
        self, row: Row, opened: Opened, accepted: Decision | None, assigned: Decision | None
    ) -> datetime | None:
        """By severity, or as promised if that is earlier; as long as it is accepted, no sooner."""
        days = {**DUE_DAYS, **self.policy.due_days}.get(row["severity"])
        by_severity = opened.at + timedelta(days=days) if days else None
        due = min(filter(None, (by_severity, assigned.until if assigned else None)), default=None)
        return max(due, accepted.until) if due and accepted and accepted.until else due

    def _owner(self, finding: Finding) -> str:
        names = {item.subject for item in finding.covers or (finding.item,)}
        owners = {self.owners.get(part, "") for name in names for part in name.replace("=", " ").split()}
        return ", ".join(sorted(owners - {""}))


def tabulate_decisions(ledger: Ledger, ids: list[str], as_of: datetime) -> pd.DataFrame:
    """`Decisions`: the last of each verdict on each finding, whether it holds, and what must be repeated, by
    id and verdict. `expired` is an acceptance that has run out, whatever became of its finding; `repeat` a
    decision on a finding that goes on under other ids, `no finding` on none of `ids`."""
    last = {(made.subject, made.verdict): made for made in decisions(ledger, *ABOUT_FINDINGS)}
    return Decisions.of(
        {
            "subject": subject,
            "verdict": verdict,
            **{name: getattr(made, name) for name in ("by", "owner", "reason", "at", "place")},
            "until_at": made.until,
            "state": _state(made, ids, as_of),
            "repeat_for": successors_of(subject, ids),
        }
        for (subject, verdict), made in sorted(last.items())
    )


def _state(made: Decision, ids: list[str], as_of: datetime) -> str:
    if made.verdict == "accept" and made.until and made.until < as_of:
        return "expired"
    if made.subject in ids:
        return "in force"
    return "repeat" if successors_of(made.subject, ids) else "no finding"


def successors_of(id_: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The ids under which a finding of a merged check goes on; () if it ended, or was not merged."""
    check, _, rest = id_.partition(":")
    merged = [other for other in ids if other.partition(":")[0] == SUCCESSORS.get(check)]
    return tuple([it for it in merged if f"{it}:".startswith(f"{SUCCESSORS.get(check)}:{rest}:")] or merged)


def refuse_unknown_id(id_: str, ids: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Raises `BadInput`, with the nearest ids, if no finding has an id; `close` takes those `gone`, too."""
    known = {*ids, *gone}
    repeated = successors_of(id_, known)
    hint = f"; it goes on as {' and '.join(repeated)}" if repeated else nearest(id_, known)
    BadInput.unless(id_ in known, "ID", f"is the id of no finding{hint}")


def tabulate_attestations(policy: Policy, ledger: Ledger, as_of: datetime) -> pd.DataFrame:
    """`Attestations`: each question of the policy, then, by rule, answers to what it does not ask. An answer
    that has run out is "expired": its question is open again (docs/rules.md#attestations)."""
    answers = {made.subject: made for made in decisions(ledger, "attest", "deny")}
    return Attestations.of(
        {
            "rule": rule,
            "question": policy.attestations.get(rule, ""),
            "status": _answer(answers.get(rule), as_of),
            **{name: getattr(answers.get(rule), name, "") for name in ("by", "reason")},
            "until_at": answers[rule].until if rule in answers else None,
        }
        for rule in dict.fromkeys([*policy.attestations, *sorted(answers)])
    )


def _answer(made: Decision | None, as_of: datetime) -> str:
    if made is None or made.until is None:
        return "open"
    return "expired" if made.until < as_of else "answered no" if made.verdict == "deny" else "attested"


def tabulate_ownership(policy: Policy, as_of: datetime) -> pd.DataFrame:
    """`Ownership`: one row for each secret of the policy, in its order. A review counts for a quarter."""
    return Ownership.of(
        {
            "secret": rule.name,
            **{key: getattr(rule, key) for key in ("service", "purpose", "owner", "reach", "max_age_days")},
            "period_reason": rule.reason,
            "reviewed_at": at if at <= as_of else None,
            "review": "missing" if at > as_of else "current" if (as_of - at).days <= QUARTER else "late",
        }
        for rule in policy.secrets
        if rule.kind == "secret"
        for at in [parse_instant(rule.reviewed or LAST, "policy", day=time.min)]  # not yet: after any review
    )


def tabulate_ledger_faults(ledger: Ledger) -> pd.DataFrame:
    """`LedgerFaults`: what is wrong with the entries that are there, then what is gone."""
    return LedgerFaults.of(
        {"place": fault.place, "fault": fault.text, "lost": lost}
        for lost, several in ((False, ledger.faults), (True, ledger.lost))
        for fault in several
    )
