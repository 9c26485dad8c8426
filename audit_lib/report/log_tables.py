"""The tables of what logs show: refusals and failed logins with totals, then what was detected."""

import pandas as pd

from audit_lib.base.in_words import SEVERITIES, counted, few
from audit_lib.base.log_kinds import kind_words
from audit_lib.findings.audit import Audit
from audit_lib.logins import tables as auth_failures
from audit_lib.logins.declared import propose
from audit_lib.logins.parameters import detection_policy
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 15
MOST_DETECTED = 20
PLACES_SHOWN = 3  # of one incident


def failures_tables(audit: Audit) -> Tables:
    """The totals; by kind; by address and by route."""
    by = failures_by_kind(audit), *failures_of_logins(audit)
    return together(failures_totals(audit), *by, failures_by_client(audit), failures_by_route(audit))


def failures_totals(audit: Audit) -> Table:
    """Lines by how they were read, requests, refusals, what has no time; or that nothing was read."""
    return show(
        auth_failures.totals(audit.tables["sources"], audit.tables["log_counts"]),
        f"Totals of {audit.quarter}",
    )


def failures_by_kind(audit: Audit) -> Table:
    """Each kind of refusal and message, also those that never occurred."""
    kinds = auth_failures.by_kind(audit.tables["log_counts"])
    kinds["kind"] = kinds["kind"].map(lambda kind: _other(audit) if kind == "other" else kind_words(kind))
    return _unless_unread(audit, kinds, "By kind")


def failures_of_logins(audit: Audit) -> tuple[Table, ...]:
    """Declared logins, and routes that look like one and are not declared; no table if there is nothing."""
    counts, rules = audit.tables["log_counts"], detection_policy(audit.policy)
    declared = audit.tables["declared_logins"]
    added = declared["declared_in"].eq("audit.toml").any()
    note = "What audit.toml declares adds to what counts without it; it takes nothing away" if added else ""
    found = [show(declared, "Declared logins", note)]
    asked = propose(counts, rules.logins, rules.failed_statuses)
    view = pd.DataFrame(
        {"question": [one.question for one in asked], "declaration": [one.declaration for one in asked]}
    )
    note = (
        "If so, copy the declaration into the policy or audit.toml; until then failures there are not known"
    )
    found.append(show(view, "Logins that are not declared", note))
    return tuple(one for one in found if one.rows)


def _other(audit: Audit) -> str:
    """The other requests, by their statuses."""
    counts = audit.tables["log_counts"]
    statuses = sorted(counts.loc[counts["kind"].eq("other"), "status"].dropna().unique().tolist())
    return f"other requests ({', '.join(map(str, statuses))})" if statuses else kind_words("other")


def failures_by_client(audit: Audit) -> Table:
    """The addresses with most refusals."""
    return _most(auth_failures.by_client(audit.tables["log_counts"]), "By address", "address")


def failures_by_route(audit: Audit) -> Table:
    """The routes with most refusals."""
    return _most(auth_failures.by_route(audit.tables["log_counts"]), "By route", "route")


def _unless_unread(audit: Audit, table: pd.DataFrame, title: str) -> Table:
    """The table; if nothing of the quarter was counted, words that say so instead of zeros."""
    if audit.tables["log_counts"].empty:
        return show(
            table.head(0), title, empty=f"not known: nothing of {audit.quarter} was recognised in the logs"
        )
    return show(table, title)


def _most(table: pd.DataFrame, title: str, noun: str) -> Table:
    """The rows with a refusal or message, at most fifteen, without the kinds that never occurred."""
    counts = table.select_dtypes("number").drop(columns=["requests", "failures", "untimed"])
    failed = table[(counts.sum(axis=1) + table["failures"]) > 0]
    kinds = [name for name in counts if counts[name].any()]
    names = [name for name in table if name not in counts]
    shown = failed[[*names[:-1], *kinds, names[-1]]].head(MOST_ROWS)
    left = len(failed) - len(shown)
    rest = counted(left, f"more {noun}", "more addresses" if noun == "address" else "")
    note = f"{rest} with fewer refusals in report.json" if left else ""
    empty = f"no refusal or message with this: {noun}" if len(table) else "nothing was read"
    return show(shown, title, note, empty)


def detections_tables(audit: Audit) -> Tables:
    """What was detected in the quarter, what was not, and what is not known."""
    return detected_and_not(audit.tables["detections"], "report.json", audit.as_of.year)


def detected_and_not(detections: pd.DataFrame, rest: str, year: int = 0) -> Tables:
    """`Detections` as two tables; `rest` is the file with every row. `year` is left out."""
    return together(_detected(detections, rest, year), _not_detected(detections))


def detections_counted(detections: pd.DataFrame) -> tuple[int, int, int]:
    """How many detections there are, how many of them found something, and how many are not known."""
    verdicts = [set(group) for _, group in detections.groupby("detection")["verdict"]]
    return len(verdicts), sum("found" in one for one in verdicts), verdicts.count({"unknown"})


def shown_evidence(detections: pd.DataFrame) -> "pd.Series[str]":
    """The places that the table of incidents names, of each row that it shows."""
    shown = _ordered(detections).head(MOST_DETECTED)["evidence"]
    return shown.map(lambda text: "; ".join(text.split("; ")[:PLACES_SHOWN]))


def _ordered(detections: pd.DataFrame) -> pd.DataFrame:
    found = detections[detections["verdict"].eq("found")]
    rank = found["severity"].map({severity: -place for place, severity in enumerate(SEVERITIES)})
    return found.assign(_rank=rank).sort_values(["_rank", "first_at", "detection", "subject"], kind="stable")


def _detected(detections: pd.DataFrame, rest: str, year: int) -> Table:
    """The incidents that were detected, the most severe first; those beyond twenty are counted."""
    rows = _ordered(detections)
    view = rows.assign(
        detection=rows["detection"].str.replace("-", " "),
        what=rows["classification"],
        lines=rows["evidence"].map(_few),
    )
    view = view[["severity", "detection", "subject", "what", "count", "first_at", "last_at", "lines"]]
    left = len(view) - MOST_DETECTED
    note = f"{counted(left, 'more row')} in {rest}" if left > 0 else ""
    shown, title, empty = view.head(MOST_DETECTED), "Detected in the logs", "nothing was detected"
    return show(shown, title, note, empty, year=year, whole=rows)


def _not_detected(detections: pd.DataFrame) -> Table:
    """What was looked for and not found, and what is not known, by its reason."""
    rest = detections[detections["verdict"].ne("found")]
    named = rest.assign(detection=rest["detection"].str.replace("-", " "))
    groups = named.groupby(["verdict", "reason"], sort=False)["detection"].agg(", ".join).reset_index()
    view = groups.sort_values("verdict", ascending=False, kind="stable")[["verdict", "detection", "reason"]]
    note = "The policy defines each detection and names its source: [detections]"
    return show(view.reset_index(drop=True), "Not found, or not known", note)


def _few(evidence: str) -> str:
    return few(evidence.split("; "), PLACES_SHOWN, "; ", "; ")
