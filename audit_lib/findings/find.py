"""The findings: every check over its table, with stable ids, the gravest first."""

import math
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from string import Formatter
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import NOT_KNOWN, SEVERITIES, age_words, few, instant_words
from audit_lib.findings.check import Case, Check, Item, Tables
from audit_lib.findings.checks import CHECKS, REASONS
from audit_lib.settings import Policy

EVIDENCE, PLACES, LISTED = 3, 5, 20  # shown: pieces and places of rows that share an id, subjects of a list
QUOTED = 50  # rows of one subject from which these are drawn: a log can hold a million, made by an attacker
_FAILING = {"database", "start-up-failed:start-up"} | {  # subjects, and a start of which no more is known
    f"application-failing {one}" for one in ("all sources", "connection", "process")
}
_ENDS_OPEN = re.compile(r"(?:\. [^.:]+)?:$")  # a remedy of which the policy says no more
_EVIDENCE_KIND = re.compile(r"^E\d+ ")  # the number of an evidence kind says nothing to a reader
DATED = re.compile(r" \(overdue if [^)]*\)| Otherwise it is overdue from .*")  # a date that is a secret's own


@dataclass(frozen=True)
class Finding:
    """What a check says of the rows that share an id."""

    id: str
    check: Check
    severity: str
    status: str
    item: Item
    evidence: tuple[str, ...]
    where: tuple[str, ...]
    remedy: tuple[str, ...]
    guide_lines: tuple[str, ...]
    covers: tuple[Item, ...]
    rows: int

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns of `Findings`, but for what was decided about it."""
        places = len(self.where) if self.rows <= QUOTED else self.rows  # of a flood each row is a place
        return {
            **{name: getattr(self, name) for name in ("id", "severity", "status", "covers", "guide_lines")},
            "check": self.check.id,
            **self.item._asdict(),
            "evidence": self._evidence,
            "where": (*self.where[:PLACES], *((f"and {places - PLACES} more",) if places > PLACES else ())),
            "remedy": "; ".join(self.remedy if self.check.listed else self.remedy[:1]),
            "controls": self.check.controls,
        }

    @property
    def _evidence(self) -> str:
        evidence = "; ".join(self.evidence[:EVIDENCE])
        more = f"; {self.rows} in all" * (self.rows > min(len(self.evidence), EVIDENCE))
        return evidence + (f": {listed_words(self.covers)}" if self.check.listed and self.covers else more)


def find(tables: Tables, policy: Policy, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """The findings of these checks, the gravest first, of one severity faults first, then as checks are
    ordered. Copies of a file, a failing application, and a value under several names of an environment, or
    leaked and an example's, have one finding each. A table that is absent raises `KeyError`."""
    alike: dict[object, list[Finding]] = {}
    held = tables["inventory"].query("state == 'present'").dropna(subset="fingerprint")
    marks = {(it.secret, it.environment, at): it.fingerprint for it in rows(held) for at in ("", it.service)}
    for check in (one for one in checks if len(tables[one.table])):
        for found in _apply(check, check.rows(tables), policy):
            is_copy = found.item.subject == "backup" and check.action == "file" and found.status == "open"
            fails = {found.item.subject, found.id} & _FAILING and check.table in ("detections", "log_events")
            kind = "leaked-in-force" if check.id == "placeholder-value" else check.id  # an example shows it
            value = (kind, found.status, found.item.environment, marks.get(found.item, found.id))
            some = alike.setdefault("outage" if fails else found.item if is_copy else value, [])
            some.insert(0 if is_copy else len(some), found)  # deleting ends all
    return sorted(
        (_merged(some, listed=False) for some in alike.values()),
        key=lambda one: (-SEVERITIES.index(one.severity), one.status != "open"),
    )


def _apply(check: Check, table: pd.DataFrame, policy: Policy) -> Iterator[Finding]:
    alike: dict[str, list[Finding]] = {}
    for case, here in check.picked(table):
        for one in _of_case(check, case, table[here], policy) if here.any() and case.status != "told" else ():
            alike.setdefault(one.id, []).append(one)
    yield from map(_merged, alike.values())


def _of_case(check: Check, case: Case, picked: pd.DataFrame, policy: Policy) -> Iterator[Finding]:
    subject, covers = case.subject or check.subject, () if case.subject else check.covers
    templates = (subject, *([f"{{{covers}}}"] if isinstance(covers, str) else covers))
    named = {name for text in templates for _, name, _, _ in Formatter().parse(text) if name}
    picked = picked.assign(severity_=(case.severity or check.severity).of(picked))
    columns = [name for name in picked.columns if name in named | {"environment", "service"}]
    alike: dict[Any, list[int]] = {}
    for at, *key in zip(range(len(picked)), *(picked[name].tolist() for name in columns), strict=True):
        alike.setdefault(tuple(key), []).append(at)
    quoted = iter(picked.iloc[[at for places in alike.values() for at in places[:QUOTED]]].to_dict("records"))
    for places in alike.values():
        several = [_finding(check, case, row, policy) for row in islice(quoted, min(len(places), QUOTED))]
        yield replace(_merged(several, listed=False), rows=len(places))


def _finding(check: Check, case: Case, row: Mapping[Hashable, Any], policy: Policy) -> Finding:
    words, rule = row_words(row), policy.rule(str(row.get("secret", "")))
    subject = (case.subject or check.subject).format_map(words)
    wide = check.listed and not case.subject  # its list says which places it is about
    place = ("", "") if wide else (words.get("environment", ""), words.get("service", ""))
    return Finding(
        id=finding_id(check.id, subject, *place, case.name.format_map(words)),
        check=check,
        severity=str(row["severity_"]),
        status=case.status,
        item=Item(subject, *place),
        evidence=(case.evidence.format_map(words).rstrip(" .:;"),),
        where=tuple(filter(None, (template.format_map(words) for template in check.where))),
        remedy=(_ENDS_OPEN.sub(".", (case.remedy or check.remedy).format_map(words).strip()),),
        guide_lines=tuple(map(str, rule.cited(*check.facts))) if rule else (),
        covers=() if case.subject else _covers(check, row, words),
        rows=1,
    )


def _covers(check: Check, row: Mapping[Hashable, Any], words: Mapping[str, str]) -> tuple[Item, ...]:
    if isinstance(check.covers, str):
        return tuple(Item(*one) for one in row[check.covers]) if check.covers else ()
    return (Item(*(template.format_map(words) for template in check.covers)),)


def finding_id(check: str, subject: str, environment: str = "", service: str = "", case: str = "") -> str:
    """The stable id of a finding: no path and no line, so that it outlives a move."""
    parts = (check, subject, *filter(None, ("/".join(filter(None, (environment, service))), case)))
    return ":".join(re.sub(r"[^\w.@/=-]+", "-", part).strip("-") for part in parts)


def _merged(alike: list[Finding], *, listed: bool = True) -> Finding:
    """One finding of those that share an id: a fault outweighs not knowing, the worst severity counts."""
    counted = [finding for finding in alike if finding.status == "open"] or alike
    lists: dict[str, Any] = {
        name: tuple(dict.fromkeys(item for one in counted for item in getattr(one, name)))
        for name in ("evidence", "where", "remedy", "covers", "guide_lines")
    }
    if len(items := dict.fromkeys(one.item for one in counted)) > 1 and not lists["covers"]:
        lists["covers"] = tuple(items)
    merged = replace(
        counted[0],
        severity=max((finding.severity for finding in counted), key=SEVERITIES.index),
        rows=sum(finding.rows for finding in counted),
        **lists,
    )
    if listed and merged.check.listed and merged.status == "open":
        names = sorted(f"{item.subject}@{item.environment}/{item.service}" for item in merged.covers)
        digest = sha256("; ".join(names).encode("utf-8", "surrogatepass")).hexdigest()
        return replace(merged, id=f"{merged.id}-{digest[:8]}")
    return merged


def listed_words(covers: Iterable[Item]) -> str:
    """`API_TOKEN (staging/backend), JWT_SECRET (production/backend, staging/backend)`."""
    places: dict[str, list[str]] = {}
    for subject, environment, service in covers:
        places.setdefault(subject, []).append("/".join(filter(None, (environment, service))))
    return few((f"{name} ({', '.join(them)})" for name, them in places.items()), LISTED, end=", and ")


def row_words(row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Each cell by its column, and what is made of several or only said in words, such as `age`."""
    words = {str(column): _cell_words(cell, str(column)) for column, cell in row.items()}
    if "age_days_min" in row:
        words["age"] = age_words(row["age_days_min"], row["age_days_max"], " days")
    if "detection" in row:
        words["detection_name"] = words["detection"].replace("-", " ")
    if "next_evidence" in row:
        words["next_step"] = DATED.sub("", words["next_evidence"])
        words["reason_words"] = REASONS.get(words["reason"], words["reason"])
    return words


def _cell_words(cell: Any, column: str) -> str:
    """One cell: a date without seconds, days that claim no more than is known, `not known` for a null."""
    if isinstance(cell, tuple):
        return ", ".join(map(str, cell))
    if pd.isna(cell):
        return NOT_KNOWN
    if isinstance(cell, pd.Timestamp):
        return instant_words(cell.to_pydatetime())
    if isinstance(cell, float):
        return str({"_min": math.floor, "_max": math.ceil}.get(column[-4:], round)(cell))
    return _EVIDENCE_KIND.sub("", str(cell)) if column.endswith("_evidence") else str(cell)
