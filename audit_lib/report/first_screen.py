"""What is below the verdict on the first screen: do first, what falls due, and what is not known."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, few, number_words
from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.findings.audit import Audit
from audit_lib.findings.contracts import PREFIX
from audit_lib.findings.decisions import due_days
from audit_lib.findings.find import next_step
from audit_lib.report import escape as inert
from audit_lib.report.action_groups import FIRST, NOT_NAMED, renewals
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.block import APART, Block, named, pairs
from audit_lib.report.days_of_quarter import days, silent_days
from audit_lib.report.log_tables import detections_counted
from audit_lib.report.verdict import unread
from audit_lib.rotation.schedule import tabulate_schedule

MOST_NAMES = 3
MOST_DATES = 10


def do_first(audit: Audit, most: int = FIRST) -> Block:
    """The `most` actions that come first, each with why, owner, date and how many findings it closes."""
    actions = tabulate_actions(audit)
    first, rest = actions.head(most), actions.iloc[most:]
    everything = int(actions["closes"].sum())
    if first.empty:
        doubt = possible_failures(audit)
        title = f"No finding is open, but {doubt}: declare what they say" if doubt else ""
        return Block(title or "Nothing to do: no finding is open", "", "", "left tall")
    closed = int(first["closes"].sum())
    these, close = (
        ("this", "it closes") if len(first) == 1 else (f"these {number_words(len(first))}", "they close")
    )
    title = f"Do {these} first: {close} {closed} of the {counted(everything, 'open finding')}"
    days = due_days(audit.policy)
    note = f"Due so many days after it was found: {', '.join(f'{word} {days[word]}' for word in days)}. " + (
        "Owners are as assigned, or as the policy names them."
        if first["owner"].ne(NOT_NAMED).any()
        else "Nobody is assigned, and the policy names no owner."
    )
    more = f"Then {counted(len(rest), 'other action')}, for {int(rest['closes'].sum())} findings"
    year = audit.as_of.year
    html = (
        f'<p class="sub">{inert.html(note)}</p>'
        f'<div class="hd" aria-hidden="true"><span></span><span>what, and why</span>{APART}<span>owner</span>'
        f"{APART}<span>by</span>{APART}<span>closes</span></div>"
        f"<ul>{''.join(_item(row, audit.as_of) for row in rows(first))}</ul>"
        + (f'<p class="sub more"><a href="#all-findings">{inert.html(more)}</a></p>' if len(rest) else "")
    )
    text = "\n".join(
        f"{row.number}. {row.action}. {row.why}. Severity: {row.severity}. Owner: {row.owner}. "
        f"By {day_words(row.by_at, year)}. Closes {row.closes}."
        for row in rows(first)
    )
    return Block(title, html, "\n".join(filter(None, (note, text, more if len(rest) else ""))), "left tall")


def possible_failures(audit: Audit) -> str:
    """How many lines may be failed logins, in words that no format knows; "" if there is none."""
    counts = audit.tables["log_counts"]
    number = int(counts.loc[counts["kind"].eq(POSSIBLE), "count"].sum())
    return f"{counted(number, 'line')} may be failed logins" if number else ""


def _item(row: Any, as_of: datetime) -> str:
    year, late = as_of.year, " n" if row.by_at < as_of else ""
    none = " none" if row.owner == NOT_NAMED else ""
    noun = "finding" if row.closes == 1 else "findings"
    return (
        f'<li><a class="n" href="#do-{row.number}">{row.number}</a><div><b>{inert.html(row.action)}</b>'
        f'<p><span class="word {row.severity}">{row.severity}</span>{APART} {named(row.why)}.</p></div>'
        f'<span class="who{none}">{inert.html(row.owner)}</span>{APART}'
        f'<span class="by{late}">{day_words(row.by_at, year)}</span>{APART}'
        f'<span class="cl">{row.closes}<span class="unseen"> {noun} closed</span></span></li>'
    )


def falls_due(audit: Audit) -> Block:
    """What reaches its limit or ends after this review and before the next one ends."""
    until = Quarter.containing(audit.quarter.end).end - pd.Timedelta(seconds=1)
    dated = sorted([*_ages_due(audit, until), *_endings(audit, until)], key=lambda one: one[0])
    shown = [one[1:] for one in dated[:MOST_DATES]]
    left = len(dated) - len(shown)
    if left > 0:
        shown.append(("later", f"{counted(left, 'more date')}: see Ages and Decisions", ""))
    title = f"Falls due before the next review, {day_words(until, audit.as_of.year)}"
    return pairs(title, shown, "Nothing that is not due already.")


def _ages_due(audit: Audit, until: datetime) -> Iterator[tuple[datetime, str, str, str]]:
    """By the days between which secrets become overdue: which ones."""
    schedule = tabulate_schedule(audit.tables["freshness"])
    schedule = schedule[schedule["period_stated"]]  # a limit that nobody stated sets no date
    first = schedule["possible_at"].fillna(schedule["provable_at"])
    ahead = schedule[first.gt(audit.as_of) & first.le(until)].astype({"environment": "str"})
    keys, year = ["possible_at", "provable_at", "environment"], audit.as_of.year
    renewed = renewals(audit)
    for _, group in ahead.groupby(keys, dropna=False, sort=False):
        possible, provable, environment = group.iloc[0][keys]
        names = list(dict.fromkeys(group["secret"]))
        said = f"{few(names, MOST_NAMES)}, {environment}"
        when = provable if pd.isna(possible) else possible
        do = _sooner((renewed.get((name, environment)) for name in names), when, year)
        said += ", at the latest" * bool(pd.isna(possible)) + ";" * bool(do)
        span = day_words(when, year) if pd.isna(possible) else _span(possible, provable, year)
        yield when, span, said, do


def _sooner(renewed: Iterable[tuple[int, datetime] | None], when: pd.Timestamp, year: int) -> str:
    """The action that renews all of them, if there is one and it is due before that."""
    actions = set(renewed)
    action = actions.pop() if len(actions) == 1 else None
    if action is None or action[1] >= when:
        return ""
    return f"action {action[0]} asks for it by {day_words(action[1], year)}"


def _span(first: datetime, last: datetime, year: int) -> str:
    """`10–14 Oct`, `27 Nov – 26 Dec`, or the first day alone."""
    begin = day_words(first, year)
    if pd.isna(last) or day_words(last, year) == begin:
        return begin
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day_words(last, year)}"
    return f"{begin} – {day_words(last, year)}"


def _endings(audit: Audit, until: datetime) -> Iterator[tuple[datetime, str, str, str]]:
    """By day: the acceptances and answers that expire, with whose they are and what the answers are about."""
    accepted, answers = _accepted(audit), audit.tables["attestations"]
    about = answers["rule"].map(lambda rule: rule.removeprefix(PREFIX) if PREFIX in rule else f"rule {rule}")
    ending = pd.concat(
        [
            accepted[accepted["state"].eq("in force")].assign(about="")[["until_at", "by", "about"]],
            answers.assign(about=about)[answers["status"].eq("attested")][["until_at", "by", "about"]],
        ]
    )
    ending = ending[ending["until_at"].gt(audit.as_of) & ending["until_at"].le(until)]
    for day, group in ending.groupby(ending["until_at"].dt.floor("D"), sort=True):
        asked = sorted(filter(None, group["about"]))
        risks, names = len(group) - len(asked), few(asked, MOST_NAMES)
        said = [counted(risks, "accepted risk")] * bool(risks)
        said += [f"{counted(len(asked), 'answer')} about {names}"] * bool(asked)
        verb = "expires" if len(group) == 1 else "expire"
        do = " and ".join(["decide"] * bool(risks) + ["answer"] * bool(asked))
        do = f"{do} again ({', '.join(sorted(set(group['by'])))})"
        yield day, day_words(day, audit.as_of.year), f"{' and '.join(said)} {verb};", do


def _accepted(audit: Audit) -> pd.DataFrame:
    made = audit.tables["decisions"]
    return made[made["verdict"].eq("accept")]


def not_known(audit: Audit) -> Block:
    """What could not be decided, by how much of it, and the cheapest evidence that would."""
    title, nothing = "Not known, and what would decide", "Everything that was asked was decided."
    return pairs(title, _gaps(audit), nothing, colon="")


def _gaps(audit: Audit) -> Iterator[tuple[str, str, str]]:
    yield from _gaps_of_logs(audit)
    ages = audit.tables["freshness"]
    unknown = ages[ages["status"].eq("unknown")]
    if len(unknown):
        steps = unknown["next_evidence"].map(next_step).str.rstrip(".").value_counts(sort=True)
        number = f"{len(unknown)} of {int(ages['status'].ne('exempt').sum())}"
        yield number, "ages are not known.", ". ".join(map(str, steps.index[:2])) + "."
    silent = unread(audit)
    if len(silent):
        names = ", ".join(sorted(silent["source"])[:MOST_NAMES])
        number = f"{len(silent)} of {len(audit.tables['sources'])}"
        yield number, f"files were not read: {names}.", "Supply them."
    asked = audit.tables["attestations"]
    open_ = int(asked["status"].ne("attested").sum())
    if open_:
        told = "questions that only people can answer are open."
        yield f"{open_} of {len(asked)}", told, "`attest --missing` lists them."


def _gaps_of_logs(audit: Audit) -> Iterator[tuple[str, str, str]]:
    counts, table = audit.tables["log_counts"], days(audit)
    silent = int(table["requests"].isna().sum())
    every, _, blind = detections_counted(audit.tables["detections"])
    if counts.empty:
        yield f"all {len(table)}", "days: no log line says anything about requests.", "Name or export logs."
        return
    if blind:
        untimed, entries = int(counts["untimed"].sum()), int(counts["count"].sum())
        why = f": {untimed:,} of {entries:,} log entries have no time" if untimed else ""
        yield (
            f"{blind} of {every}",
            f"detections are not decided{why}.",
            "Log a time and an address.",
        )
    doubt = possible_failures(audit)
    if doubt:
        yield "", f"{doubt}, in words that no format knows.", "Declare what they say."
    by_service = silent_days(audit)
    if by_service:
        each = ", ".join(f"{count} of {service}" for service, count in by_service.items())
        some = f": {each}" if len(by_service) > 1 else ""
        yield f"{silent} of {len(table)}", f"days have no log line{some}.", "Export them."
