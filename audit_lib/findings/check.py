"""What a check is: which rows of one table it picks, and what it says of them (checks.toml, checks.py)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audit_lib.secrets.inventory import DEVELOPMENT

Rows = pd.DataFrame
Tables = Mapping[str, pd.DataFrame]
Truths = np.ndarray[Any, np.dtype[np.bool_]]
Prepare = Callable[[Rows, Tables], Rows]


class Item(NamedTuple):
    """One thing that a finding is about."""

    subject: str
    environment: str
    service: str


@dataclass(frozen=True)
class Severity:
    """How grave a row is: by a column's word if it has one, else by its environment."""

    elsewhere: str = ""
    production: str = ""
    development: str = ""
    column: str = ""
    words: Mapping[str, str] | None = None  # of the column; None: its words are severities

    def of(self, rows: Rows) -> "pd.Series[str]":
        """The severity of each row; one about two environments is about production if either is."""
        severity = pd.Series(self.elsewhere, rows.index, dtype="str")
        if self.development:
            severity = severity.mask(rows["environment"].isin(DEVELOPMENT), self.development)
        for column in ("environment", "other_environment"):
            if self.production and column in rows:
                severity = severity.mask(rows[column].eq("production"), self.production)
        if not self.column:
            return severity
        words = rows[self.column].astype("str")
        own = words if self.words is None else words.map(self.words).fillna("")
        return severity.mask(own.ne(""), own)


def severity_of(block: str | Mapping[str, Any]) -> Severity:
    """The severity that checks.toml states, as a word or by column and environment."""
    return Severity(block) if isinstance(block, str) else Severity(**block)


@dataclass(frozen=True)
class Case:
    """One way in which a check finds a fault, or cannot tell; the first that holds for a row counts."""

    evidence: str  # quotes what was seen beside what is required
    name: str = ""  # part of the finding's id: an acceptance of one case covers no other
    severity: Severity | None = None  # None: the check's
    status: str = "open"  # or unknown; or told: a fault of which another check's finding speaks
    remedy: str = ""  # "": the check's
    subject: str = ""  # wider than the check's, if one cause leaves many rows undecided


@dataclass(frozen=True)
class Predicate:
    """Which rows something holds for, as plain booleans: a null is never "no fault" by accident."""

    holds: Callable[[Rows], Any]  # a Series or an array

    def __call__(self, rows: Rows) -> Truths:
        """Whether it holds, for each row."""
        return np.asarray(self.holds(rows), dtype=bool)

    def __and__(self, other: "Predicate") -> "Predicate":
        return Predicate(lambda rows: self(rows) & other(rows))

    def __or__(self, other: "Predicate") -> "Predicate":
        return Predicate(lambda rows: self(rows) | other(rows))

    def __invert__(self) -> "Predicate":
        return Predicate(lambda rows: ~self(rows))


every = Predicate(lambda rows: np.ones(len(rows)))


@dataclass(frozen=True)
class Condition:
    """Which rows a check picks: for each of its cases a predicate, in their order. Each row that it is
    `about` is tested, or not known. `prepare`, which gets all tables, leaves rows out or adds columns."""

    cases: tuple[Predicate, ...]
    about: Predicate = every
    prepare: Prepare = lambda rows, _tables: rows


def when(*cases: Predicate, about: Predicate = every, prepare: Prepare = Condition.prepare) -> Condition:
    """The condition of a check with these cases."""
    return Condition(cases, about, prepare)


@dataclass(frozen=True)
class Check:
    """One check. Texts are templates over the row's columns."""

    id: str  # kebab-case, saying the fault
    table: str
    what: str  # the fault in one sentence, for docs/checks.md
    why: str  # and why it matters
    severity: Severity
    subject: str  # stable from run to run: no path, no line, no count
    remedy: str
    controls: tuple[str, ...]  # that it bears on, a risk of OWASP's NHI Top 10 last: docs/checks.md#controls
    cases: tuple[Case, ...]
    condition: Condition
    where: tuple[str, ...] = ("{source}",)
    covers: tuple[str, ...] | str = ""  # of each Item, if it is about several; or the column that holds them
    listed: bool = False  # one finding of all rows of a subject; a longer list is open under another id
    action: str = ""  # what is changed to close its findings; "" for its subject alone
    family: str = ""  # checks that say the same fault more or less gravely, in the order of the report
    facts: tuple[str, ...] = ()  # those of SecretRule.lines whose guide lines the finding cites
    formerly: tuple[str, ...] = ()  # checks before 0.3.0 that were merged into it

    def rows(self, tables: Tables) -> Rows:
        """The rows that it judges."""
        return self.condition.prepare(tables[self.table], tables)

    def picked(self, rows: Rows) -> Iterator[tuple[Case, Truths]]:
        """Which rows are of each case, without those of an earlier one."""
        left = self.condition.about(rows)
        for case, holds in zip(self.cases, self.condition.cases, strict=True):
            here = left & holds(rows)
            left = left & ~here
            yield case, here


def judged(check: Check, rows: Rows) -> tuple[Truths, Truths]:
    """Which rows are faults, and which of the others cannot be decided."""
    truths = {status: np.zeros(len(rows), bool) for status in ("open", "unknown", "told")}
    for case, here in check.picked(rows):
        truths[case.status] |= here
    return truths["open"] | truths["told"], truths["unknown"]


def check_of(block: Mapping[str, Any], condition: Condition) -> Check:
    """The check of a block of checks.toml; it has `cases`, or `evidence` and `unknown`."""
    named: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in block.items()
    }
    evidence, unknown = named.pop("evidence", ""), named.pop("unknown", "")
    short = [{"evidence": evidence}, {"evidence": unknown, "status": "unknown"}]
    cases = named.pop("cases", ()) or [one for one in short if one["evidence"]]
    named["severity"] = severity_of(named["severity"])
    graded = [
        {**one, "severity": severity_of(one["severity"])} if "severity" in one else one for one in cases
    ]
    made = tuple(Case(**{"evidence": evidence} | one) for one in graded)
    return Check(**named, cases=made, condition=condition)
