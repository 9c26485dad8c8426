"""The first screen of a review: the verdict in a sentence, key figures, what to do, what is not known."""

from collections import Counter, namedtuple
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import rows
from audit_lib.base.in_words import DECLARED, POSSIBLE, SEVERITIES, counted, day_words, few, instant_words
from audit_lib.findings.find import DATED
from audit_lib.leaks.tables import NO_SECRETS, PRODUCTION
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.report.actions import FIRST
from audit_lib.report.judge import FAIL, GRAVE, PASS, UNKNOWN, not_seen, unread, verdict
from audit_lib.report.render import Screen
from audit_lib.secrets.inventory import SECRET_KINDS, knows_production

if TYPE_CHECKING:
    from audit_lib.audit import Audit

WORDS = {FAIL: "Fail.", UNKNOWN: "Not known.", PASS: "Pass."}
KEYS = {"demo": "demo key", "throw-away": "temporary key", "file": "own key"}
BAD, DUE, OK, OPEN = "bad", "due", "ok", "unk"  # one colour each
MOST_NAMES, MOST_DATES = 3, 10
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
LET_IN = "let-in"  # the detection of a success that should not have been one
_SHOWN_IN = {"commit": "in git", "bundle": "in what browsers load", "log": "in a log"}  # the surest first
_UNDECIDED = "check in ('leak-undecided', 'value-in-log') and status in ('open', 'unknown')"

# A count with its unit, the parts it consists of by colour, and a remark.
KeyFigure = namedtuple("KeyFigure", ["title", "count", "unit", "parts", "note"])


def show_register(actions: pd.DataFrame, findings: pd.DataFrame, as_of: datetime) -> Screen:
    """The open findings by the action that closes them, each folded: for a notebook and its page."""
    found = findings[findings["status"].eq("open") | findings["id"].isin(actions["id"])]
    closed_by, year = dict(list(found.groupby("action"))), as_of.year
    return Screen("register.html.j2", "register.txt.j2", actions=actions, closed_by=closed_by, year=year)


def summarise(audit: "Audit") -> Screen:
    """The first screen of an audit; every number is counted from its frames.

    `figures` are key figures. `actions` are the first five; `falls_due` has `when`, `what` and `do`, at most
    ten rows by date; `not_known` has `share`, `what` and `do`."""
    state, quarter, key = verdict(audit), audit.quarter, audit.keeper.key.origin
    sentence, reasons = _sentence(audit, state)
    first, rest = audit.actions.head(FIRST), audit.actions.iloc[FIRST:]
    several = f"these {_number_words(len(first))} first: they close"
    these = "this one first: it closes" if len(first) == 1 else several
    every = counted(int(audit.actions["closes"].sum()), "open finding")
    more = f"Then {counted(len(rest), 'other action')} for {counted(int(rest['closes'].sum()), 'finding')}"
    until = Quarter.containing(quarter.end).end - timedelta(seconds=1)
    dates = pd.DataFrame(_falls_due(audit, until), columns=["at", "when", "what", "do"])
    return Screen(
        "summary.html.j2",
        "owner.md.j2",
        title=f"{audit.project.name}: review of secrets and logins, {quarter}",
        facts=f"{day_words(quarter.start, quarter.year)} to {day_words(quarter.end - timedelta(seconds=1))}, "
        f"as of {instant_words(audit.as_of)} UTC, {KEYS.get(key, key)}",
        verdict=state,
        word=WORDS[state],
        sentence=sentence,
        reasons=reasons,
        figures=(*secret_figures(audit), *other_figures(audit)),
        actions=first,
        year=audit.as_of.year,
        actions_title=f"Do {these} {first['closes'].sum()} of the {every}"
        if len(first)
        else "Nothing to do: no finding is open",
        more=more if len(rest) else "",
        falls_due=dates.sort_values("at", kind="stable").head(MOST_DATES).drop(columns="at"),
        falls_due_title=f"Falls due before the next review, {day_words(until, audit.as_of.year)}",
        not_known=pd.DataFrame(_not_known(audit), columns=["share", "what", "do"]),
    )


# ---- The verdict in a sentence ----


def _sentence(audit: "Audit", state: str) -> tuple[str, tuple[str, ...]]:
    doubt = [f"Whether a rule was lowered is not known: {audit.doubt}."] if audit.doubt else []
    grave = audit.detections.query("verdict == 'found' and severity in ['high', 'critical']")  # no mistypes
    entered = grave.query("detection == @LET_IN or (severity == 'critical' and seen_at.notna())")
    if state == FAIL:
        sentence, reasons = _failure(audit, entered)
    elif state == PASS:
        sentence = "Nothing is wrong, and everything was checked."
        young = counted(int(audit.ages["status"].isin(("fresh", "due")).sum()), "secret")
        reasons = [f"{young} within the age limit; no value was found outside its place."]
    else:
        sentence = "Nothing wrong was found, but not everything could be seen."
        undecided = counted(int(audit.findings["status"].eq("unknown").sum()), "question")
        missing = "; ".join(need.words for need in not_seen(audit)) or "nothing else"
        reasons = [f"{undecided} of this review could not be decided. Not seen: {missing}."]
    # Who was let in is named by the reasons.
    return sentence, (*doubt, *reasons, *([] if state == FAIL and len(entered) else [_use(audit)]))


def _failure(audit: "Audit", entered: pd.DataFrame) -> tuple[str, list[str]]:
    lost = _losses(audit)
    secrets = f"{_several(len(lost), 'production secret')} may be known to others"
    reasons = [f"{name} {how}." for name, how in list(lost.items())[:MOST_NAMES]]
    if not knows_production(audit.inventory):
        reasons = reasons or ["No secret of production was read: what is in force there is not known."]
    elif not lost:
        whole = "search" not in {need.name for need in not_seen(audit)}
        rest = "" if whole else ", but not everything was searched"
        rest = ", but not every leak is decided" if len(audit.findings.query(_UNDECIDED)) else rest
        reasons = [f"No production secret was found outside its place{rest}."]
    if len(lost) > MOST_NAMES:
        reasons.append(f"So may {counted(len(lost) - MOST_NAMES, 'other')}.")
    apart = audit.drift.query("relation == 'different' and expected == 'same'").query(
        "environment == @PRODUCTION and other_environment == @PRODUCTION"
    )
    if pairs := dict.fromkeys(f"{row.secret} and {row.other_secret}" for row in rows(apart)):
        reasons.append(f"{few(pairs, MOST_NAMES)} differ in production, but must be equal.")
    if entered.empty:
        return f"{secrets}." if lost else _worst(audit), reasons
    said = {f"{it.detection} {it.subject}": f"{it.subject}: {it.classification}." for it in rows(entered)}
    first = audit.actions.merge(audit.findings, left_on="id", right_on="action")["subject"]
    reasons[:0] = [said[name] for name in dict.fromkeys([*first, *said]) if name in said][:MOST_NAMES]
    return f"Somebody was let in after failed logins{f', and {secrets.lower()}' if lost else ''}.", reasons


def _losses(audit: "Audit") -> dict[str, str]:
    """By name each production secret that others can read, and how; of one value its least public name. One
    whose finding somebody accepted is left out."""
    held = audit.inventory.query("environment == @PRODUCTION and kind in ['secret', 'unlisted']")
    held = held[
        held["fingerprint"].notna()
        & (held["secret"].str.upper().str.contains("PASS") | ~held["placeholder"].fillna(False).astype(bool))
    ]
    accepted = audit.findings.query("status == 'accepted' and environment == @PRODUCTION")["subject"]
    named = held.sort_values(["public", "secret"]).groupby("fingerprint")["secret"].first()
    by_value: dict[str, tuple[str, str]] = {}
    for name, how in _readable(audit, held):
        for value in held.loc[held["secret"].eq(name) & ~held["secret"].isin(accepted), "fingerprint"]:
            by_value.setdefault(value, (named[value], how))
    return dict(by_value.values())


def _readable(audit: "Audit", held: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Names of production secrets that others can read, and how, the surest sign first."""
    kinds = audit.leak_places.groupby("leak_id")["place"].agg(set)
    for row in rows(audit.exposure.query("status == 'emergency' and environment == @PRODUCTION")):
        words = [word for kind, word in _SHOWN_IN.items() if kind in kinds[row.leak_id]]
        since = "" if row.first_at is None else f" since {day_words(row.first_at, audit.as_of.year)}"
        yield row.secret, f"has been {(*words, 'outside its place')[0]}{since}"
    signs = {
        "is built into the page that every browser loads": held["public"].astype(bool)
        & held["exposure_severity"].isin(GRAVE),
        "has a published value": held["compromised"],
        "has a value that an example file shows": held["template"],
        "has a placeholder for its value": held["placeholder"],
        "has the value that a file of the project shows": held["whole"].isin(_shown_weak(audit)),
    }
    for how, sign in signs.items():
        yield from ((name, how) for name in held.loc[sign.fillna(False).astype(bool), "secret"])


def _shown_weak(audit: "Audit") -> set[str]:
    """Weak values of production that a file shows beside the secret's name: beside others it is chance."""
    held = audit.inventory[audit.inventory["kind"].isin(SECRET_KINDS)]
    once = held.groupby("whole")["secret"].transform("nunique").eq(1)
    beside = {(row.whole, row.variable) for row in rows(held[once])}
    weak = audit.leaks.query("kind == 'weak default' and in_force.str.contains(@PRODUCTION)")
    return {leak.fingerprint for leak in rows(weak) if (leak.fingerprint, leak.variable) in beside}


def _worst(audit: "Audit") -> str:
    late = audit.ages.query("environment == @PRODUCTION and status == 'overdue' and period_stated")["secret"]
    if count := late.nunique():
        return f"{_several(count, 'production secret')} {'is' if count == 1 else 'are'} too old."
    severity = audit.findings.query("status == 'open'")["severity"]
    worst = max(severity, key=SEVERITIES.index)
    return f"{_several(int(severity.eq(worst).sum()), f'{worst} finding')} to close."


def _use(audit: "Audit") -> str:
    if audit.log_counts.empty:
        return "Refused logins are not known: no log of the quarter says anything about requests."
    found = audit.detections[audit.detections["detection"].eq(LET_IN)].iloc[0]
    unknown = f"Whether a client was let in after failed logins is not known: {found['reason']}."
    shown = {"found": "show a client", "none": "show no client"}.get(found["verdict"])
    return f"The logs {shown} that was let in after failed logins." if shown else unknown


def secret_figures(audit: "Audit") -> Iterator[KeyFigure]:
    """How many values have leaked and are in use, and how many secrets are too old.

    Parts of the first are values in production, elsewhere, and findings not decided; of the second ages
    overdue, not known (as is one past a limit that nobody stated), due and fresh; no exempt ones."""
    secrets = audit.inventory[audit.inventory["kind"].isin(SECRET_KINDS)]
    held = {mark: row.fingerprint for row in rows(secrets) for mark in (row.whole, row.fingerprint)}
    leaks = audit.leaks.assign(value=audit.leaks["fingerprint"].map(held)).dropna(subset="value")
    weak = leaks["fingerprint"].isin(_shown_weak(audit))
    weak |= leaks["kind"].eq("template") & leaks["in_force"].str.contains(PRODUCTION)  # an example's, in use
    force = leaks[leaks["force"].eq("in force") & (weak | ~leaks["kind"].isin(NO_SECRETS))]
    here, total = (it["value"].nunique() for it in (force[force["in_force"].str.contains(PRODUCTION)], force))
    whole = "search" not in {need.name for need in not_seen(audit)}
    note = "each file and git object was searched" if whole else "not everything was searched"
    if total:
        oldest = leaks.loc[leaks["value"].isin(force["value"]), "first_at"].min()
        since = "" if pd.isna(oldest) else f", oldest since {day_words(oldest, audit.as_of.year)}"
        note = f"{here} in production{since}"
    left = audit.findings.query(_UNDECIDED)
    note = f"{note}; {counted(len(left), 'finding')} not decided" if len(left) else note
    parts: Any = ((BAD, here), (DUE, total - here), (OPEN, len(left)))
    yield KeyFigure("Leaked, still in use", str(total), "value" if total == 1 else "values", parts, note)
    # A limit that nobody stated makes nothing too old: it is the policy's default.
    by_default = audit.ages["status"].eq("overdue") & ~audit.ages["period_stated"]
    ages = Counter(audit.ages["status"].mask(by_default, "by default"))
    del ages["exempt"]
    unsure = ages["by default"] + ages["unknown"]
    if not ages.total():
        yield KeyFigure("Too old", "not known", "", (), "no age of a secret could be judged")
        return
    parts = ((BAD, ages["overdue"]), (OPEN, unsure), (DUE, ages["due"]), (OK, ages["fresh"]))
    note = f"{ages['unknown']} not known, {ages['due']} due, {ages['fresh']} fresh"
    note += f", {ages['by default']} past a default limit" if ages["by default"] else ""
    yield KeyFigure("Too old", str(ages["overdue"]), f"of {counted(ages.total(), 'age')}", parts, note)


def other_figures(audit: "Audit") -> Iterator[KeyFigure]:
    """How many requests were refused, how many items are clean, and how many findings are open.

    Parts of the last are critical with high, medium, low with info. Without requests the first is unknown."""
    is_refused, is_open = audit.requests["refused"], audit.requests["kind"].eq(POSSIBLE)
    asked, refused, lost = (int(audit.requests["count"].mul(it).sum()) for it in (1, is_refused, is_open))
    if asked:
        said = int(audit.log_counts.loc[audit.log_counts["kind"].isin((FAILED_LOGIN, DECLARED))
                                        & audit.log_counts["status"].isna(), "count"].sum())  # fmt: skip
        note = f"{counted(said, 'failed login')} in the application's own words"
        note = note if said else "by 401, 403 or 429, or as a declared login fails"
        note += f"; {counted(lost, 'login answer')} do not tell who got in" if lost else ""
        shares = ((BAD, refused), (OPEN, lost), (OK, asked - refused - lost))
        yield KeyFigure("Requests refused", f"{refused:,}", f"of {asked:,}", shares, note)
    else:
        yield KeyFigure("Requests refused", "not known", "", (), f"no request of {audit.quarter} was read")
    marks = Counter(audit.marks)
    note = f"{marks['unknown']} undecided, {marks['bad']} with an open finding"
    parts = ((OK, marks["good"]), (OPEN, marks["unknown"]), (BAD, marks["bad"]))
    yield KeyFigure("Items clean", str(marks["good"]), f"of {marks.total()}", parts, note)
    counts = Counter(audit.findings.query("status == 'open'")["severity"])
    note = ", ".join(f"{counts[word]} {word}" for word in reversed(SEVERITIES) if counts[word]) or "none"
    if change := Counter(audit.changes["change"]):
        note = f"{change['new']} new, {change['worse']} worse, {change['ended']} ended since the last review"
    low, high, total = counts["low"] + counts["info"], counts["critical"] + counts["high"], counts.total()
    parts = ((BAD, high), (DUE, counts["medium"]), (OPEN, low))
    yield KeyFigure("Open", str(total), "finding" if total == 1 else "findings", parts, note)


# ---- What falls due, and what is not known ----


def _falls_due(audit: "Audit", until: datetime) -> Iterator[tuple[Any, str, str, str]]:
    due_now, year = audit.exposure.query("status == 'emergency'")["secret"], audit.as_of.year
    schedule = audit.schedule[~audit.schedule["secret"].isin(due_now)]
    first = schedule["possible_at"].fillna(schedule["provable_at"])
    ahead = schedule[first.gt(audit.as_of) & first.le(until)].astype({"environment": "str"})
    for _, group in ahead.groupby(["possible_at", "provable_at", "environment"], dropna=False, sort=False):
        row = next(rows(group))
        days = dict.fromkeys(day_words(at, year) for at in (row.possible_at, row.provable_at) if at)
        when = f"{'by ' * (not row.possible_at)}{' to '.join(days)}"
        names = few(dict.fromkeys(group["secret"]), MOST_NAMES)
        yield row.possible_at or row.provable_at, when, f"{names}, {row.environment}", ""
    if ahead.empty and (unknown := int(audit.ages["status"].eq("unknown").sum())):
        ages = f"{unknown} of {int(audit.ages['status'].ne('exempt').sum())} ages are not known"
        yield pd.NaT, f"Nothing{' else' * (len(due_now) > 0)}", f"is known to fall due; {ages}.", ""
    held = pd.concat([
        audit.decisions.query("verdict == 'accept' and state == 'in force'").assign(kind="accepted risk"),
        audit.attestations.query("status == 'attested'").assign(kind="answer"),
    ])  # fmt: skip
    for row in rows(held[held["until_at"].gt(audit.as_of) & held["until_at"].le(until)]):
        yield row.until_at, day_words(row.until_at, year), f"An {row.kind} expires.", f"Renew it ({row.by})."


def _not_known(audit: "Audit") -> Iterator[tuple[str, str, str]]:
    ages, silent, answers = audit.ages, unread(audit), audit.attestations["status"]
    blind = audit.detections.query("verdict == 'unknown'")
    if audit.log_counts.empty:
        yield "all days", "have no log line about requests.", "Name or export logs."
    else:
        every = audit.detections["detection"].nunique()
        for reason, count in blind["reason"].str.split("; ").str[0].value_counts().head(4).items():
            yield f"{count} of {every}", f"detections could not decide: {reason}.", ""
    gaps = audit.coverage.query("days_with_lines < days").sort_values("days_with_lines", kind="stable")
    for row in rows(gaps):
        place = "/".join(filter(None, (row.environment, row.service)))
        share = f"{row.days - row.days_with_lines} of {row.days}"
        yield share, f"days of {place} show no request or event that is understood.", "See what is missing."
    unknown = ages.loc[ages["status"].eq("unknown"), "next_evidence"]
    for step, count in unknown.str.replace(DATED, "", regex=True).value_counts().head(1).items():
        share = f"{len(unknown)} of {int(ages['status'].ne('exempt').sum())}"
        yield share, "ages are not known.", f"For {count} of them: {step}"
    if len(silent):
        what = few(sorted(f"{row.source} ({row.state})" for row in rows(silent)), MOST_NAMES)
        yield f"{len(silent)} of {len(audit.sources)}", f"sources were not read: {what}.", "Supply or mend."
    if waiting := int(answers.ne("attested").sum()):
        yield f"{waiting} of {len(answers)}", "questions need a person's answer.", "audit-lib decide list"


def _several(count: int, noun: str) -> str:
    return f"{_number_words(count).capitalize()} {noun}{'s' if count != 1 else ''}"


def _number_words(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"
