"""The one Finding table: every check over its table, with what was accepted."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from string import Formatter
from typing import Any

import pandas as pd

from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.check import Tables, judged, looked_at, with_lines
from audit_lib.findings.checks import CHECKS, Check
from audit_lib.findings.contracts import Findings
from audit_lib.findings.covered import covered_words
from audit_lib.findings.ledger_tables import tabulate_acceptances, tabulate_ledger_faults
from audit_lib.findings.nhi import nhi_risk
from audit_lib.findings.row_words import cell_words, row_words
from audit_lib.ledger import Ledger
from audit_lib.settings import Policy

LATER = ("exceptions", "acceptances")  # tables about what the other checks find
SHOWN = 3  # pieces of evidence shown of rows that share an id
PLACES = 5
QUOTED = 50  # rows of one subject from which they are drawn
_ENDS_OPEN = re.compile(r"(?:\. [^.:]+)?:$")  # a remedy of which the policy says no more


@dataclass(frozen=True)
class _Finding:
    id: str
    check: Check
    severity: str
    status: str
    subject: str
    environment: str
    service: str
    evidence: tuple[str, ...]
    where: tuple[str, ...]
    remedy: tuple[str, ...]
    guide_lines: str
    covers: tuple[str, ...] = ()
    rows: int = 1


def find(
    tables: Tables,
    policy: Policy,
    ledger: Ledger,
    as_of: datetime,
    register: Callable[[pd.DataFrame], pd.DataFrame],
) -> pd.DataFrame:
    """`Findings`, in the order of CHECKS: what is open, what was accepted, what is not known.

    `tables` holds every table that a check names. Those about the ledger are made here, and `register` makes
    `Exceptions` of the findings before the checks on it. A table that is absent raises `KeyError`: its checks
    would else pass in silence. An acceptance that has run out leaves its finding open, and one of an unknown
    does not make it known.
    """
    everything = {**tables, "ledger_faults": tabulate_ledger_faults(ledger)}
    found = _run((check for check in CHECKS if check.table not in LATER), everything, policy)
    everything["exceptions"] = register(_decided(found, ledger, as_of))
    found += _run((check for check in CHECKS if check.table == "exceptions"), everything, policy)
    everything["acceptances"] = tabulate_acceptances(ledger, {finding.id for finding in found}, as_of)
    found += _run((check for check in CHECKS if check.table == "acceptances"), everything, policy)
    return _decided(found, ledger, as_of)


def _decided(found: list[_Finding], ledger: Ledger, as_of: datetime) -> pd.DataFrame:
    acceptances = tabulate_acceptances(ledger, {finding.id for finding in found}, as_of)
    decisions = acceptances.set_index("accepted_id").to_dict("index")
    return Findings.of(_row(finding, decisions.get(finding.id)) for finding in found)


def _run(checks: Iterable[Check], tables: Tables, policy: Policy) -> list[_Finding]:
    found: list[_Finding] = []
    for check in checks:
        alike: dict[str, list[_Finding]] = defaultdict(list)
        for finding in _apply(check, with_lines(check, looked_at(check, tables), tables), policy):
            alike[finding.id].append(finding)
        found += map(_merged, alike.values())
    return found


def _apply(check: Check, rows: pd.DataFrame, policy: Policy) -> Iterator[_Finding]:
    """One finding for each subject and place that the check picks, faults first."""
    if rows.empty:
        return
    fault, unknown = judged(check, rows)
    yield from _picked(check, rows[fault], "open", policy)
    yield from _picked(check, rows[unknown], "unknown", policy)


def _picked(check: Check, rows: pd.DataFrame, status: str, policy: Policy) -> Iterator[_Finding]:
    """The findings of rows that share a status; of many rows about one subject a few are quoted.

    A log can hold a million rows of one fault, and an attacker can make them: they are counted, not quoted.
    """
    if rows.empty:
        return
    severities = pd.Series(
        check.severity if isinstance(check.severity, str) else check.severity(rows), rows.index
    )
    if len(rows) < QUOTED:  # few, as nearly always: grouping would take longer than all else
        for row, severity in zip(rows.to_dict("records"), severities, strict=True):
            yield _finding(check, row, status, str(severity), policy)
        return
    named = _fields(_subject(check, status)) | _fields(check.covers) | {"environment", "service"}
    alike = [rows[column] for column in rows.columns if column in named]
    groups = rows.groupby(alike or (lambda _: ""), sort=False, dropna=False)
    sizes, places = groups[rows.columns[0]].transform("size"), groups.cumcount()
    quoted = places < QUOTED
    parts = (rows[quoted].to_dict("records"), severities[quoted], sizes[quoted], places[quoted])
    for row, severity, size, place in zip(*parts, strict=True):
        found = _finding(check, row, status, str(severity), policy)
        yield replace(found, rows=1 + int(size) - QUOTED) if place == QUOTED - 1 else found


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _subject(check: Check, status: str) -> str:
    return (status == "unknown" and check.unknown_subject) or check.subject


def _finding(
    check: Check, row: Mapping[Hashable, Any], status: str, severity: str, policy: Policy
) -> _Finding:
    said = row_words(row)
    template = (status == "unknown" and check.unknown_evidence) or check.evidence
    wider = _subject(check, status) != check.subject  # then nothing is said of one secret
    subject = _subject(check, status).format_map(said)
    environment, service = (
        ("", "") if check.listed and not wider else (said.get("environment", ""), said.get("service", ""))
    )
    return _Finding(
        id=finding_id(check.id, subject, environment, service),
        check=check,
        severity=severity,
        status=status,
        subject=subject,
        environment=environment,
        service=service,
        evidence=(template.format_map(said).rstrip(" .:;"),),
        where=(check.where.format_map(said),),
        remedy=(_ENDS_OPEN.sub(".", check.remedy.format_map(said).strip()),),
        guide_lines=_guide_lines(check, row, policy),
        covers=() if wider else tuple(filter(None, check.covers.format_map(said).split("; "))),
    )


def finding_id(check: str, subject: str, environment: str, service: str) -> str:
    """The stable id of a finding: no path and no line, so that it outlives a move."""
    scope = "/".join(part for part in (environment, service) if part)
    parts = (check, subject, scope) if scope else (check, subject)
    return ":".join(re.sub(r"[^\w.@/=-]+", "-", part).strip("-") for part in parts)


def _merged(alike: list[_Finding]) -> _Finding:
    """One finding of those that share an id: a fault outweighs not knowing, the worst severity counts."""
    faults = [finding for finding in alike if finding.status == "open"]
    counted = faults or alike
    merged = replace(
        counted[0],
        severity=max((finding.severity for finding in counted), key=SEVERITIES.index),
        evidence=_distinct(finding.evidence for finding in counted),
        where=_distinct(finding.where for finding in counted),
        remedy=_distinct(finding.remedy for finding in counted),
        covers=_distinct(finding.covers for finding in counted),
        guide_lines=", ".join(_distinct(finding.guide_lines.split(", ") for finding in counted)),
        rows=sum(finding.rows for finding in counted),
    )
    if merged.check.listed and merged.status == "open":
        # Whoever accepts a list accepts what is on it: a longer one has another id, and is open.
        digest = sha256("; ".join(sorted(merged.covers)).encode("utf-8", "surrogatepass")).hexdigest()
        return replace(merged, id=f"{merged.id}-{digest[:8]}")
    return merged


def _distinct(texts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for several in texts for text in several))


def _evidence(finding: _Finding) -> str:
    """The first pieces of evidence, and of a list everything that is on it."""
    evidence = "; ".join(finding.evidence[:SHOWN])
    if finding.check.listed and finding.covers:
        return f"{evidence}: {covered_words(finding.covers)}"
    if finding.rows > len(finding.evidence[:SHOWN]):
        evidence += f"; {finding.rows} in all"
    return evidence


def _where(finding: _Finding) -> str:
    """The first places, and how many more were met; of a flood of rows each is a place."""
    places = len(finding.where) if finding.rows <= QUOTED else finding.rows
    more = (f"and {places - PLACES} more",) if places > PLACES else ()
    return "; ".join((*finding.where[:PLACES], *more))


def _row(finding: _Finding, decision: Mapping[Hashable, Any] | None) -> dict[str, Any]:
    evidence, status = _evidence(finding), finding.status
    if decision and decision["expired"]:
        until = cell_words(decision["until_at"])
        evidence += f"; accepted by {decision['by']} until {until}, which has passed"
    elif decision and status == "open":
        status = "accepted"
    elif decision:
        evidence += "; accepting it does not make it known"
    return {
        "id": finding.id,
        "check": finding.check.id,
        "severity": finding.severity,
        "status": status,
        "subject": finding.subject,
        "environment": finding.environment,
        "service": finding.service,
        "covers": "; ".join(finding.covers),
        "evidence": evidence,
        "where": _where(finding),
        "remedy": "; ".join(finding.remedy if finding.check.listed else finding.remedy[:1]),
        "controls": "; ".join((*finding.check.controls, *nhi_risk(finding.check.id))),
        "guide_lines": finding.guide_lines,
        "accepted_by": decision["by"] if decision else "",
        "accepted_until_at": decision["until_at"] if decision else None,
    }


def _guide_lines(check: Check, row: Mapping[Hashable, Any], policy: Policy) -> str:
    """The lines of the guide that state what the check demands of the secret."""
    if "guide_line" in row:
        return str(row["guide_line"])
    rule = policy.rule(row.get("secret", ""))
    return ", ".join(str(line) for line in rule.cited(*check.facts)) if rule else ""
