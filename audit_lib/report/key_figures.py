"""Five figures of a review, each with its parts as a bar."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.in_words import NOT_KNOWN, counted, day_words
from audit_lib.base.log_kinds import FAILED_REQUESTS
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.leaks.tables import NO_SECRETS, PRODUCTION, shows_no_leak
from audit_lib.report import escape as inert
from audit_lib.report.block import APART, Block
from audit_lib.report.days_of_quarter import REQUESTS, bursts
from audit_lib.report.headline import losses
from audit_lib.report.verdict import judged

BAD, DUE, OK, UNKNOWN = "bad", "due", "ok", "unk"  # one colour each, on the page and in its figures


@dataclass(frozen=True)
class KeyFigure:
    """A count with its unit, what it consists of, and a remark."""

    title: str
    count: str
    unit: str
    parts: tuple[tuple[str, int], ...]
    note: str


def key_figures(audit: Audit) -> Block:
    """What leaked, what is too old, who was refused, what is good, and what is new or open."""
    shown = figures(audit)
    text = "\n".join(f"{one.title}: {one.count} {one.unit} ({one.note})" for one in shown)
    return Block("", f'<div class="kpi">{"".join(map(_html, shown))}</div>', text)


def figures(audit: Audit) -> tuple[KeyFigure, ...]:
    """The five, in the order of the page; without an earlier review the last is what is open."""
    last = _since_previous(audit) if len(audit.tables["changes"]) else _open(audit)
    return _leaked(audit), _too_old(audit), _refused(audit), _good(audit), last


def _html(figure: KeyFigure) -> str:
    bars = "".join(f'<i class="{kind}" style="flex:{count}"></i>' for kind, count in figure.parts if count)
    return (
        f'<div><span class="t">{inert.html(figure.title)}</span>{APART}'
        f"<b>{inert.html(figure.count)} <small>{inert.html(figure.unit)}</small></b>"
        f'<span class="stack" aria-hidden="true">{bars}</span>{APART}'
        f"<span>{inert.html(figure.note)}</span></div>"
    )


def _leaked(audit: Audit) -> KeyFigure:
    leaks = audit.tables["leaks"]
    real = leaks[~leaks["kind"].isin(NO_SECRETS)]
    force = real[real["force"].eq("in force")]
    there = int(force["in_force"].str.split(",").map(lambda places: PRODUCTION in places).sum())
    doubt = int(real["force"].eq("not known").sum())
    parts = ((BAD, there), (DUE, len(force) - there), (UNKNOWN, doubt))
    whole = shows_no_leak(audit.tables["leak_coverage"])
    since = force["first_at"].min()
    oldest = "" if pd.isna(since) else f"; the oldest since {day_words(since, audit.as_of.year)}"
    more = len(losses(audit)) - there
    also = f"; {more} more there can be read" if more > 0 else ""
    note = f"{there} of them in production{also}{oldest}" if len(force) else "everything was searched"
    if not len(force) and not whole:
        note = "but not everything was searched"
    return KeyFigure("Leaked, still in force", str(len(force)), _noun(len(force), "value"), parts, note)


def _too_old(audit: Audit) -> KeyFigure:
    ages = audit.tables["freshness"]
    stated, status = ages["period_stated"], ages["status"]
    default = int((status.eq("overdue") & ~stated).sum())
    late = int((status.eq("overdue") & stated).sum())
    unknown, due, fresh = (int(status.eq(one).sum()) for one in ("unknown", "due", "fresh"))
    note = f"{default} beyond a default limit, " * bool(default)
    note += f"{unknown} {NOT_KNOWN}, {due} due, {fresh} fresh"
    parts = ((BAD, late), (UNKNOWN, default + unknown), (DUE, due), (OK, fresh))
    every = late + default + unknown + due + fresh
    return KeyFigure("Too old", str(late), f"of {counted(every, 'secret')}", parts, note)


def _refused(audit: Audit) -> KeyFigure:
    counts = audit.tables["log_counts"]
    asked = int(counts.loc[counts["kind"].isin(REQUESTS), "count"].sum())
    if not asked:
        return KeyFigure("Requests refused", NOT_KNOWN, "", (), f"no request of {audit.quarter} was read")
    refused = int(counts.loc[counts["kind"].isin(FAILED_REQUESTS), "count"].sum())
    found = bursts(audit)
    within = int(found["refused"].sum())
    detections = audit.tables["detections"]
    blind = detections.loc[detections["detection"].eq("guessing"), "verdict"].eq("unknown").any()
    none = "whether in bursts is not known" if blind else "no burst was found"
    many = f"{within:,} on {counted(len(found), 'day')} with a burst" if len(found) else none
    parts = ((BAD, within), (UNKNOWN, refused - within))
    return KeyFigure("Requests refused", f"{refused:,}", f"of {asked:,}", parts, many)


def _good(audit: Audit) -> KeyFigure:
    marks = judged(audit)["mark"]
    good, unknown, bad = (int(marks.eq(mark).sum()) for mark in ("good", "unknown", "bad"))
    note = f"secrets, files, logs and rules: {unknown} {NOT_KNOWN}, {bad} with an open finding"
    parts = ((OK, good), (UNKNOWN, unknown), (BAD, bad))
    return KeyFigure("Judged good", str(good), f"of {len(marks)} checked", parts, note)


def _open(audit: Audit) -> KeyFigure:
    findings = audit.tables["findings"]
    severity = findings.loc[findings["status"].eq("open"), "severity"]
    counts = {word: int(severity.eq(word).sum()) for word in reversed(SEVERITIES)}
    grave = counts["critical"] + counts["high"]
    parts = ((BAD, grave), (DUE, counts["medium"]), (UNKNOWN, counts["low"] + counts["info"]))
    said = [f"{count} {word}" for word, count in counts.items() if count]
    lower = sum(int(text.split()[0]) for text in said[3:])
    said[3:] = [f"{lower} lower"] * bool(lower)
    note = ", ".join(said) or "none"
    return KeyFigure("Open", str(len(severity)), _noun(len(severity), "finding"), parts, note)


def _since_previous(audit: Audit) -> KeyFigure:
    change = audit.tables["changes"]["change"]
    worse, new, better, ended = (int(change.eq(one).sum()) for one in ("worse", "new", "better", "ended"))
    parts = ((BAD, worse + new), (OK, better + ended))
    note = f"{worse} worse, {better} better, {ended} ended"
    return KeyFigure("Since the previous review", str(new), _noun(new, "new finding"), parts, note)


def _noun(count: int, noun: str) -> str:
    return counted(count, noun).partition(" ")[2]
