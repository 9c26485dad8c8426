"""What a check is: a predicate over one table, which rows of it count, and what to say of those it picks."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.secrets.env import UNKNOWN_VALUES

Rows = pd.DataFrame
Tables = Mapping[str, pd.DataFrame]
Truths = pd.Series
Predicate = Callable[[Rows], Truths]

DEVELOPMENT = ("development", "local", "test")  # environments that hold nobody's data
SeverityOf = Callable[[Rows], pd.Series]
Severity = str | SeverityOf
LINE_OF, OTHER_LINE_OF = "{line_of}", "{other_line_of}"


def never(rows: Rows) -> Truths:
    """False for every row."""
    return pd.Series(False, index=rows.index)


def every(rows: Rows) -> Truths:
    """True for every row."""
    return pd.Series(True, index=rows.index)


def has(column: str, word: str) -> Predicate:
    """Rows with such a word in a column."""
    return lambda rows: rows[column].eq(word)


def held(rows: Rows) -> Truths:
    """Variables that have a value, or may have one: nothing of their place was supplied."""
    return rows["state"].isin(("present", "not supplied"))


def asked(column: str) -> Predicate:
    """Variables of which a question has its answer, or may be asked: their value is not known."""
    return lambda rows: rows[column].notna() | (held(rows) & rows["placeholder"].isna())


@dataclass(frozen=True)
class Check:
    """One check. `subject`, `evidence`, `where` and `remedy` are templates over the row's columns.

    `where` may name the line of the row's secrets, too (`with_lines`).

    Of the rows that it is `about`, one for which `when` holds is a fault; one for which `unknown_when` holds
    cannot be decided, and is a finding of status unknown. All three give plain booleans: a null is never "no
    fault" by accident.
    """

    id: str  # kebab-case, saying the fault
    what: str  # the fault in one sentence, for docs/checks.md
    why: str  # and why it matters
    table: str
    severity: Severity
    subject: str  # stable from run to run: no path, no line, no count
    evidence: str  # quotes what was seen beside what is required
    remedy: str
    controls: tuple[str, ...]  # one to three that the check bears on: docs/checks.md#controls
    about: Predicate = every  # the population: each of these rows is tested, or not known
    when: Predicate = never
    unknown_when: Predicate = never
    unknown_evidence: str = ""  # "" if `evidence` reads well for both
    unknown_subject: str = ""  # wider than `subject`, if one cause leaves many rows undecided
    where: str = "{source}"
    covers: str = ""  # SECRET@ENVIRONMENT/SERVICE, "; "-separated, if a finding is about several; else ""
    listed: bool = False  # one finding for all rows of one subject, with the list of what it covers
    spares_settings: bool = False  # nothing is said of files and lines that hold settings alone
    facts: tuple[str, ...] = ()  # those of SecretRule.lines whose guide lines the finding cites


def judged(check: Check, rows: Rows) -> tuple[Truths, Truths]:
    """Which rows are faults, and which of the others cannot be decided."""
    about = check.about(rows).astype(bool)
    fault = about & check.when(rows).astype(bool)
    return fault, about & ~fault & check.unknown_when(rows).astype(bool)


def yes(column: pd.Series) -> Truths:
    """True for each row whose nullable truth is known and true."""
    return column.fillna(False).astype(bool)


def no(column: pd.Series) -> Truths:
    """True for each row whose nullable truth is known and false."""
    return ~column.fillna(True).astype(bool)


def by_environment(production: str, elsewhere: str) -> SeverityOf:
    """A severity that is worse if the row is about production."""

    def severity(rows: Rows) -> pd.Series:
        involved = rows["environment"].eq("production")
        if "other_environment" in rows:
            involved |= rows["other_environment"].eq("production")
        return involved.map({True: production, False: elsewhere})

    return severity


def of_defaults(elsewhere: str) -> SeverityOf:
    """The severity of a known default: meant for development, and a way in for anyone in production."""

    def severity(rows: Rows) -> pd.Series:
        here = rows["environment"]
        worst = pd.Series(elsewhere, index=rows.index, dtype="str")
        return worst.mask(here.isin(DEVELOPMENT), "info").mask(here.eq("production"), "critical")

    return severity


def looked_at(check: Check, tables: Tables) -> Rows:
    """The rows of a check's table; for one that spares settings, without the files that hold nothing else,
    and without the settings whose value is not known: what a loader surely alters is told of them, too.

    A line that was not understood may be a secret, and so may what no inventory names.
    """
    rows = tables[check.table]
    if not check.spares_settings:
        return rows
    inventory = tables["inventory"]
    settings = inventory[inventory["kind"].eq("setting") & inventory["line"].notna()]
    if "line" in rows:
        not_known = rows["faults"].map(lambda faults: set(faults.split(",")) <= set(UNKNOWN_VALUES))
        return rows[~(_pairs(rows).isin(_pairs(settings)) & not_known.astype(bool))]
    others = inventory.loc[inventory["kind"].ne("setting"), "source"]
    bare = rows["source"].isin(settings["source"]) & ~rows["source"].isin(others)
    return rows[~(bare & rows["not_understood"].eq(0).fillna(False).astype(bool))]


def _pairs(rows: Rows) -> "pd.Series[str]":
    return rows["source"] + ":" + rows["line"].astype(str)


def with_lines(check: Check, table: Rows, tables: Tables) -> Rows:
    """The rows of a check; if it cites them, with `line_of` and `other_line_of`: FILE:LINE of their secrets.

    Without a line in the inventory it is ENVIRONMENT/SERVICE, since no value was seen there.
    """
    if LINE_OF not in check.where:
        return table
    inventory, lines = tables["inventory"], defaultdict(list)
    for one in rows(inventory[inventory["line"].notna()]):
        for service in {one.service, ""}:
            lines[one.secret, one.environment, service].append(f"{one.source}:{one.line}")
    for side, field in (("", LINE_OF), ("other_", OTHER_LINE_OF)):
        if field in check.where:
            named = [table[f"{side}{name}"].astype(str) for name in ("secret", "environment", "service")]
            held = [
                ", ".join(lines[place]) if place in lines else "/".join(filter(None, place[1:]))
                for place in zip(*named, strict=True)
            ]
            table = table.assign(**{f"{side}line_of": pd.Series(held, table.index, dtype="str")})
    return table
