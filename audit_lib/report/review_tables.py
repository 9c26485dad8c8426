"""The frames as a reader wants them: fewer columns, intervals in words, the most pressing first."""

import re
from typing import Any

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.severities import SEVERITIES
from audit_lib.report.table import Table, outward, show

_TIME = re.compile(r"(?<=\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\dZ")
_KIND = re.compile(r"\bE\d+ ")  # the number of an evidence kind says nothing to a reader

REASONS = {
    "straddles": "its limit lies within the interval",
    "conflict": "two pieces of evidence contradict each other",
    "reviewed late": "all evidence is dated after this review's date",
    "no evidence": "no evidence of its age",
    "not supplied": "its source was not supplied",
}

PRESSING = ("overdue", "unknown", "due", "fresh", "exempt")


def place(rows: pd.DataFrame) -> "pd.Series[str]":
    """`production/backend` for each row; the part that is empty falls away."""
    both = rows["environment"].where(rows["service"] == "", rows["environment"] + "/" + rows["service"])
    return both.str.strip("/")


def age_text(rows: pd.DataFrame) -> "pd.Series[str]":
    """Each row's age on the tenure clock as `41.0–93.2`, `at least 41.0`, `at most 93.2` or `not known`."""
    pairs = zip(rows["age_days_min"], rows["age_days_max"], strict=True)
    return pd.Series([_interval(low, high) for low, high in pairs], index=rows.index, dtype="str")


def _interval(low: float, high: float) -> str:
    at_least = "" if pd.isna(low) else f"{outward(low, '_min'):.1f}"
    at_most = "" if pd.isna(high) else f"{outward(high, '_max'):.1f}"
    if at_least and at_most:
        return at_least if at_least == at_most else f"{at_least}–{at_most}"
    if at_least:
        return f"at least {at_least}"
    return f"at most {at_most}" if at_most else "not known"


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
    dates = {
        name: rows[f"{name}_at"].dt.strftime("%Y-%m-%d").fillna("not known")
        for name in ("overdue_from", "possibly_overdue_from")
    }
    view = pd.DataFrame(
        {
            "secret": rows["secret"],
            "where": place(rows),
            "status": rows["status"],
            "age": age_text(rows),
            "max_age_days": rows["max_age_days"],
            "overdue": _overdue(dates["possibly_overdue_from"], dates["overdue_from"]),
            "why": rows.apply(_why, axis=1) if len(rows) else pd.Series(dtype="str"),
            "next_evidence": rows["next_evidence"],
        }
    )
    return view[rows["status"] != "exempt"].reset_index(drop=True)


def _overdue(possibly: "pd.Series[str]", surely: "pd.Series[str]") -> "pd.Series[str]":
    """`from 2026-09-01`, or where the age is an interval the dates between which it becomes overdue."""
    both = "between " + possibly + " and " + surely
    one_sided = possibly.eq("not known") & surely.ne("not known")
    return (
        both.mask(possibly.eq(surely), "from " + surely)
        .mask(one_sided, "from " + surely + " at the latest")
        .mask(surely.eq("not known") & possibly.ne("not known"), "not before " + possibly)
        .mask(possibly.eq("not known") & surely.eq("not known"), "not known")
    )


def _why(row: "pd.Series[Any]") -> str:
    """Why there is no answer, and what bounds the age; its times stand whole in report.json."""
    low, high = str(row["lo_evidence"]), str(row["hi_evidence"])
    sides = [f"not older: {low}" if low != high else low, f"not younger: {high}" if low != high else ""]
    texts = [
        REASONS.get(str(row["reason"]), str(row["reason"])),
        *(side for side in sides if not side.endswith(": ")),
    ]
    return _TIME.sub("", "; ".join(_KIND.sub("", text) for text in texts if text))


def freshness_table(audit: Audit) -> Table:
    """Every secret with a limit, the most pressing first; what is exempt is counted below."""
    exempt = (
        audit.tables["freshness"][audit.tables["freshness"]["status"] == "exempt"]["reason"]
        .value_counts()
        .sort_index()
    )
    reasons = ", ".join(f"{count} {reason or 'exempt'}" for reason, count in exempt.items())
    note = f"{exempt.sum()} more have no age to judge: {reasons}" if reasons else ""
    return show(freshness_view(audit), "Age of each secret", note, empty="no secret has an age limit")


def findings_table(audit: Audit, *statuses: str) -> Table:
    """The findings of these statuses, the gravest first."""
    title = f"Findings: {', '.join(statuses)}" if statuses else "Findings"
    return show(findings_view(audit, *statuses), title, empty="there is none")


def findings_view(audit: Audit, *statuses: str) -> pd.DataFrame:
    """One row for each finding of the statuses named (all where none is), the gravest first."""
    rows = by_severity(audit.tables["findings"])
    rows = rows[rows["status"].isin(statuses)] if statuses else rows
    lines = rows["guide_lines"].where(rows["guide_lines"] == "", "guide " + rows["guide_lines"])
    view = {
        "severity": rows["severity"],
        "status": rows["status"],
        "check": rows["check"],
        "subject": rows["subject"],
        "in": place(rows),
        "evidence": rows["evidence"],
        "remedy": rows["remedy"],
        "found in": rows["where"],
        "bears on": (rows["controls"] + "; " + lines).str.strip("; "),
        "accepted_by": rows["accepted_by"],
        "accepted_until_at": rows["accepted_until_at"],
    }
    same = ["status"] if len(statuses) == 1 else []
    idle = [] if "accepted" in statuses else ["accepted_by", "accepted_until_at"]
    return pd.DataFrame(view).drop(columns=[*same, *idle]).reset_index(drop=True)


def by_severity(findings: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """The rows of Findings, the gravest first, then by further keys, check, subject and id."""
    rank = {severity: -rank for rank, severity in enumerate(SEVERITIES)}
    order = findings.assign(_rank=findings["severity"].map(rank))
    order = order.sort_values(["_rank", *keys, "check", "subject", "id"])
    return order.drop(columns="_rank").reset_index(drop=True)
