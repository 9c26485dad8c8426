"""The frames as a reader wants them: fewer columns, intervals in words, the most pressing first."""

import re
from typing import Any

import pandas as pd

from audit_lib.base.in_words import NOT_KNOWN, age_words, counted, day_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.findings.checks import BY_ID
from audit_lib.findings.find import REASONS, with_texts
from audit_lib.report.columns import status_words
from audit_lib.report.table import Table, show

_TIME = re.compile(r"(?<=[A-Z][a-z]{2} \d{4}) \d\d:\d\d")
_KIND = re.compile(r"\bE\d+ ")  # the number of an evidence kind says nothing to a reader

PRESSING = ("overdue", "unknown", "due", "fresh", "exempt")


def place(rows: pd.DataFrame) -> "pd.Series[str]":
    """`production/backend` for each row; the part that is empty falls away."""
    both = rows["environment"].where(rows["service"] == "", rows["environment"] + "/" + rows["service"])
    return both.str.strip("/")


def age_text(rows: pd.DataFrame) -> "pd.Series[str]":
    """Each row's age on the tenure clock in whole days: `41–94`, `at least 41`, `at most 94`, `not known`."""
    pairs = zip(rows["age_days_min"], rows["age_days_max"], strict=True)
    return pd.Series([age_words(low, high) for low, high in pairs], index=rows.index, dtype="str")


def by_pressing(freshness: pd.DataFrame) -> pd.DataFrame:
    """The rows of Freshness with the most pressing first: by status, then by how far beyond the limit."""
    rank = freshness["status"].map({status: rank for rank, status in enumerate(PRESSING)})
    beyond = freshness["age_days_min"].fillna(0) - freshness["max_age_days"].astype("Float64").fillna(0)
    order = freshness.assign(_rank=rank, _within=-beyond.astype(float))
    keys = ["_rank", "_within", "secret", "environment", "service"]
    return order.sort_values(keys, kind="stable").drop(columns=["_rank", "_within"]).reset_index(drop=True)


def freshness_view(audit: Audit) -> pd.DataFrame:
    """One row for each secret and place with a limit: status, age, when overdue, what would decide."""
    rows = by_pressing(audit.tables["freshness"])
    year = audit.as_of.year
    dates = {name: _days(rows[f"{name}_at"], year) for name in ("overdue_from", "possibly_overdue_from")}
    view = rows.assign(
        place=place(rows),
        age=age_text(rows),
        overdue=_overdue(dates["possibly_overdue_from"], dates["overdue_from"]),
        why=rows.apply(_why, axis=1) if len(rows) else pd.Series(dtype="str"),
    )
    view = view[["secret", "place", "status", "age", "max_age_days", "overdue", "why", "next_evidence"]]
    return view[rows["status"] != "exempt"].reset_index(drop=True)


def _days(instants: "pd.Series[Any]", year: int) -> "pd.Series[str]":
    words = [NOT_KNOWN if pd.isna(at) else day_words(at.to_pydatetime(), year) for at in instants]
    return pd.Series(words, index=instants.index, dtype="str")


def _overdue(possibly: "pd.Series[str]", surely: "pd.Series[str]") -> "pd.Series[str]":
    """`from 1 Sep`, or, if the age is an interval, the dates between which it becomes overdue."""
    both = "between " + possibly + " and " + surely
    one_sided = possibly.eq(NOT_KNOWN) & surely.ne(NOT_KNOWN)
    return (
        both.mask(possibly.eq(surely), "from " + surely)
        .mask(one_sided, "by " + surely)
        .mask(surely.eq(NOT_KNOWN) & possibly.ne(NOT_KNOWN), "not before " + possibly)
        .mask(possibly.eq(NOT_KNOWN) & surely.eq(NOT_KNOWN), NOT_KNOWN)
    )


def _why(row: "pd.Series[Any]") -> str:
    """Why there is no answer, and what bounds the age; report.json has the times in full."""
    low, high = str(row["lo_evidence"]), str(row["hi_evidence"])
    sides = [
        f"at most this old: {low}" if low != high else low,
        f"at least this old: {high}" if low != high else "",
    ]
    texts = [
        REASONS.get(str(row["reason"]), str(row["reason"])),
        *(side for side in sides if not side.endswith(": ")),
    ]
    return _TIME.sub("", "; ".join(_KIND.sub("", text) for text in texts if text))


def freshness_table(audit: Audit) -> Table:
    """Every secret with a limit, the most pressing first; those without are counted below."""
    exempt = (
        audit.tables["freshness"][audit.tables["freshness"]["status"] == "exempt"]["reason"]
        .value_counts()
        .sort_index()
    )
    reasons = ", ".join(f"{count} {reason or 'by the policy'}" for reason, count in exempt.items())
    note = f"{counted(int(exempt.sum()), 'more secret')} without a limit: {reasons}" if reasons else ""
    ages, empty = audit.tables["freshness"], "no secret has an age limit"
    return show(freshness_view(audit), "Age of each secret", note, empty, whole=ages)


def findings_table(audit: Audit, *statuses: str) -> Table:
    """The findings of these statuses, the most severe first."""
    title = f"Findings: {', '.join(map(status_words, statuses))}" if statuses else "Findings"
    view = findings_view(audit, *statuses)
    every = audit.tables["findings"]
    whole = every[every["status"].isin(statuses)] if statuses else every
    shown = view.drop(columns="id")
    return show(shown, title, year=audit.as_of.year, ids=list(view["id"]), whole=whole)


def findings_view(audit: Audit, *statuses: str) -> pd.DataFrame:
    """One row for each finding of the statuses named (all if none is), the most severe first."""
    rows = with_texts(by_severity(audit.tables["findings"]))
    rows = rows[rows["status"].isin(statuses)] if statuses else rows
    lines = rows["guide_lines"].where(rows["guide_lines"] == "", "guide " + rows["guide_lines"])
    view = rows.assign(
        place=place(rows),
        where=rows["where"].mask(rows["where"] == place(rows), ""),
        control=(rows["controls"] + "; " + lines).str.strip("; "),
    )
    about = [
        "id",
        "severity",
        "status",
        "check",
        "subject",
        "place",
        "evidence",
        "remedy",
        "where",
        "control",
    ]
    shown = [*about, *(["accepted_by", "accepted_until_at"] if "accepted" in statuses else [])]
    return view[[name for name in shown if name != "status" or len(statuses) != 1]].reset_index(drop=True)


def by_severity(findings: pd.DataFrame) -> pd.DataFrame:
    """The rows of Findings, the most severe first; of equal severity what leaked, then production.

    Leaks keep the order of urgency in which they were found (docs/leak_search.md#urgency), the rest the order
    of the checks.
    """
    leaks = findings["check"].map(lambda check: BY_ID[check].family == "leak").astype(bool)
    order = findings.assign(
        _rank=-findings["severity"].map(SEVERITIES.index).astype(int),
        _leak=~leaks,
        _place=~leaks & findings["environment"].ne("production"),
    )
    order = order.sort_values(["_rank", "_leak", "_place"], kind="stable")
    return order.drop(columns=["_rank", "_leak", "_place"]).reset_index(drop=True)
