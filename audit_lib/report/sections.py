"""The folded sections of the review, in the order of the page: their tables, and on one line what is in them.

A new table is one more argument of `together`.
"""

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words
from audit_lib.base.log_kinds import FAILED_REQUESTS
from audit_lib.findings.audit import Audit
from audit_lib.logins.tables import days_by_service
from audit_lib.report.actions import actions_table, findings_to_close
from audit_lib.report.columns import status_words
from audit_lib.report.days_of_quarter import REQUESTS, days
from audit_lib.report.leak_tables import not_searched
from audit_lib.report.limits import limits, what_would_prove
from audit_lib.report.log_tables import detections_counted, detections_tables, failures_tables
from audit_lib.report.population_tables import population_tables
from audit_lib.report.report_json import values_by_place
from audit_lib.report.review_record import review_facts
from audit_lib.report.review_summary import changes_tables, sign_off, what_was_not_read, what_was_read
from audit_lib.report.review_tables import findings_table, freshness_table
from audit_lib.report.rotation_tables import rotations_tables
from audit_lib.report.rule_results import rules_tables
from audit_lib.report.table import Table, Tables, show, together

STATUSES = ("overdue", "unknown", "due", "fresh")


def ages_tables(audit: Audit) -> Tables:
    """Each secret's age, what would decide those that are not known, and the rotations of the quarter."""
    status = audit.tables["freshness"]["status"]
    counts = [f"{int(status.eq(one).sum())} {status_words(one)}" for one in STATUSES]
    free = int(status.eq("exempt").sum())
    done = len(audit.tables["rotations"])
    brief = (
        f"{counted(len(status) - free, 'secret')} with a limit: {', '.join(counts)} · {free} without · "
        f"{counted(done, 'rotation')} in the quarter"
    )
    return together(freshness_table(audit), what_would_prove(audit), rotations_tables(audit), brief=brief)


def logins_tables(audit: Audit) -> Tables:
    """Who was refused or failed to log in, and what was detected."""
    counts = audit.tables["log_counts"]
    if counts.empty:
        brief = f"nothing of {audit.quarter} was recognised in the logs"
    else:
        asked, refused, failed = (
            int(counts.loc[counts["kind"].isin(kinds), "count"].sum())
            for kinds in (REQUESTS, FAILED_REQUESTS, ["login_failed"])
        )
        every, seen, blind = detections_counted(audit.tables["detections"])
        brief = (
            f"{counted(asked, 'request')}, {refused:,} refused, {counted(failed, 'failed login')} "
            f"reported · of {counted(every, 'detection')} {seen} found something, {blind} not known"
        )
    return together(failures_tables(audit), detections_tables(audit), brief=brief)


def findings_tables(audit: Audit) -> Tables:
    """Everything to do, then every finding below what closes it, and what changed since the last report."""
    status = audit.tables["findings"]["status"].value_counts()
    actions = actions_table(audit)
    accepted = int(status.get("accepted", 0))
    brief = (
        f"{counted(int(status.get('open', 0)), 'finding')} open, closed by "
        f"{counted(len(actions.rows), 'action')} · {status.get('unknown', 0)} not known · "
        f"{counted(accepted, 'accepted risk')} · register of exceptions, changes of findings and rules"
    )
    others = (findings_table(audit, one) for one in ("unknown", "accepted"))
    return together(actions, findings_to_close(audit), *others, changes_tables(audit), brief=brief)


def values_tables(audit: Audit) -> Tables:
    """Where each secret has the same value: the same letter is the same value."""
    found = values_by_place(audit.tables["inventory"])
    places = sorted({place for one in found for place in one["environments"]})
    view = pd.DataFrame(
        [
            [one["secret"], one["component"], *(one["environments"].get(place, "") for place in places)]
            for one in found
        ],
        columns=["secret", "part", *places],
    )
    drift = audit.tables["drift"]
    alike = int((drift["expected"].eq("different") & drift["relation"].eq("same")).sum())
    apart = int((drift["expected"].eq("same") & drift["relation"].eq("different")).sum())
    brief = (
        f"{counted(len(found), 'secret')} compared · {counted(alike, 'value')} used twice · "
        f"{counted(apart, 'pair')} that must be alike {'differs' if apart == 1 else 'differ'}"
    )
    note = "The same letter is the same value, whatever its name is. No letter says anything of the value."
    return together(show(view, "Values across environments", note, empty="none"), brief=brief)


def decisions_tables(audit: Audit) -> Tables:
    """What somebody answers for by name: accepted risks and answers, until when."""
    made, answers = audit.tables["decisions"], audit.tables["attestations"]
    accepted = made[made["verdict"].eq("accept")]
    holds, over = (int(accepted["state"].eq(state).sum()) for state in ("in force", "expired"))
    idle = len(accepted) - holds - over
    answered = int(answers["status"].eq("attested").sum())
    brief = (
        f"{counted(holds, 'risk')} accepted, {over} ended, {idle} without a finding · "
        f"{counted(answered, 'question')} answered, {len(answers) - answered} open"
    )
    return together(
        _acceptances(accepted, audit.as_of.year), _answers(answers, audit.as_of.year), brief=brief
    )


def _acceptances(accepted: pd.DataFrame, year: int) -> Table:
    view = accepted[["subject", "by", "reason", "until_at", "state"]]
    return show(view, "Accepted risks", empty="none", year=year)


def _answers(answers: pd.DataFrame, year: int) -> Table:
    until = [day_words(row.until_at, year) if row.until_at else "" for row in rows(answers)]
    view = answers[["rule", "question", "status", "by", "reason"]].assign(until=until)
    return show(view, "Questions that only people can answer", empty="the policy asks none")


def coverage_tables(audit: Audit) -> Tables:
    """What was read and searched, what was not, and what that leaves open."""
    sources = audit.tables["sources"]
    read, table = int(sources["state"].eq("read").sum()), days(audit)
    lines, lost = (int(sources[name].sum()) for name in ("lines", "not_understood"))
    of_logs = days_by_service(sources, audit.tables["log_counts"])
    covered = ", ".join(f"{number} of {len(table)} days of {service}" for service, number in of_logs.items())
    brief = (
        f"{read} of {counted(len(sources), 'file')} read · {counted(lines, 'line')}, {lost} not understood · "
        f"with a log line: {covered or 'no day'}"
    )
    tables = what_was_read(audit), what_was_not_read(audit), not_searched(audit), limits(audit)
    return together(*tables, brief=brief)


def auditor_tables(audit: Audit) -> Tables:
    """The review itself, every variable and secret, each rule with its population, and the sign-off."""
    variables = counted(len(audit.tables["population"]), "variable")
    brief = (
        f"control, command, days to rotate · {variables} accounted for · each rule of the guide: procedure, "
        "population, exceptions · integrity · sign-off: not signed"
    )
    tables = review_facts(audit), population_tables(audit), rules_tables(audit), sign_off(audit)
    return together(*tables, brief=brief)
