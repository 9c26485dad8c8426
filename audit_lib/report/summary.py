"""The first screen of a review: the verdict in a sentence, key figures, what to do, what is not known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, few, instant_words, number_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.leaks.tables import NO_SECRETS, PRODUCTION, shows_no_leak
from audit_lib.report import escape as inert
from audit_lib.report.actions import FIRST, shortened
from audit_lib.report.judge import FAIL, PASS, PASS_NEEDS, UNKNOWN, judged, unread, verdict
from audit_lib.report.register import due_words, template

if TYPE_CHECKING:
    from audit_lib.audit import Audit

WORDS = {FAIL: "Fail.", UNKNOWN: "Not known.", PASS: "Pass."}
KEYS = {"demo": "demo key", "throw-away": "temporary key", "file": "own key"}
BAD, DUE, OK, OPEN = "bad", "due", "ok", "unk"  # one colour each
MOST_NAMES = 3
MOST_DATES = 10
LET_IN = ("let-in",)  # detections of a success that should not have been one
GRAVE = ("medium", "high", "critical")


@dataclass(frozen=True)
class Figure:
    """A count with its unit, the parts it consists of by colour, and a remark."""

    title: str
    count: str
    unit: str
    parts: tuple[tuple[str, int], ...]
    note: str


@dataclass(frozen=True)
class Summary:
    """The first screen. In a notebook it shows itself; `actions` and the other frames hold what it says."""

    title: str
    facts: str
    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    figures: tuple[Figure, ...]
    actions: pd.DataFrame  # the first of `Audit.actions`, with `by`, the date in words
    actions_title: str
    more: str  # what follows them
    falls_due: pd.DataFrame  # when, what, do
    falls_due_title: str
    not_known: pd.DataFrame  # share, what, do
    briefs: dict[str, str] = field(repr=False)  # by section of the notebook what is in it

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self.html(), "text/plain": self.text()}, {"briefs": self.briefs}

    def html(self) -> str:
        """The screen as HTML, every text inert."""
        return template("summary.html.j2").render(screen=self, word=WORDS[self.verdict])

    def text(self) -> str:
        """The screen as lines for a terminal."""
        lines = [self.title, self.facts, "", f"{WORDS[self.verdict]} {self.sentence}", *self.reasons, ""]
        lines += [f"{one.title}: {one.count} {one.unit} ({one.note})" for one in self.figures]
        lines += ["", self.actions_title]
        lines += [f"{row.number}. {row.action} ({row.by}, owner: {row.owner}). {row.why}."
                  for row in rows(self.actions)]  # fmt: skip
        lines += [self.more] if self.more else []
        lines += ["", self.falls_due_title, *_joined(self.falls_due)]
        lines += ["", "Not known, and what would decide", *_joined(self.not_known)]
        return inert.plain_lines("\n".join(lines))

    def record(self) -> dict[str, Any]:
        """What report.json says of it."""
        return {
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "figures": [
                {"title": one.title, "count": one.count, "unit": one.unit, "note": one.note}
                for one in self.figures
            ],
            "first": list(self.actions["number"].astype(int)),
            "falls_due": self.falls_due.to_dict("records"),
            "not_known": self.not_known.to_dict("records"),
        }


def _joined(frame: pd.DataFrame) -> list[str]:
    found = [f"{' '.join(filter(None, map(str, row)))}" for row in frame.itertuples(index=False)]
    return found or ["nothing"]


def summarise(audit: "Audit") -> Summary:
    """The first screen of an audit; every number is counted from its frames."""
    state = verdict(audit)
    sentence, reasons = _sentence(audit, state)
    first = audit.actions.head(FIRST)
    last = day_words(audit.quarter.end - pd.Timedelta(seconds=1))
    period = f"{day_words(audit.quarter.start, audit.quarter.year)} to {last}"
    key = audit.keeper.key.origin
    until = Quarter.containing(audit.quarter.end).end - pd.Timedelta(seconds=1)
    title, more = _action_words(audit, first)
    dates = pd.DataFrame(_falls_due(audit, until), columns=["at", "when", "what", "do"])
    return Summary(
        title=f"{audit.project.name}: review of secrets and logins, {audit.quarter}",
        facts=f"{period}, as of {instant_words(audit.as_of)} UTC, {KEYS.get(key, key)}",
        verdict=state,
        sentence=sentence,
        reasons=reasons,
        figures=tuple(_figures(audit)),
        actions=first.assign(by=[due_words(row.due_at, audit.as_of) for row in rows(first)]),
        actions_title=title,
        more=more,
        falls_due=dates.sort_values("at", kind="stable").head(MOST_DATES).drop(columns="at"),
        falls_due_title=f"Falls due before the next review, {day_words(until, audit.as_of.year)}",
        not_known=pd.DataFrame(_not_known(audit), columns=["share", "what", "do"]),
        briefs=dict(_briefs(audit)),
    )


def _action_words(audit: "Audit", first: pd.DataFrame) -> tuple[str, str]:
    """The title over the first actions, and what follows them."""
    rest = audit.actions.iloc[len(first) :]
    if first.empty:
        return "Nothing to do: no finding is open", ""
    these = "this" if len(first) == 1 else f"these {number_words(len(first))}"
    close = "it closes" if len(first) == 1 else "they close"
    total = counted(int(audit.actions["closes"].sum()), "open finding")
    title = f"Do {these} first: {close} {int(first['closes'].sum())} of the {total}"
    more = f"Then {counted(len(rest), 'other action')} for {counted(int(rest['closes'].sum()), 'finding')}"
    return title, more if len(rest) else ""


# ---- The verdict in a sentence ----


def _sentence(audit: "Audit", state: str) -> tuple[str, tuple[str, ...]]:
    """The sentence of the verdict, and those that say why."""
    doubt = f"Whether a rule was lowered is not known: {audit.doubt}." if audit.doubt else ""
    if state == PASS:
        sentence, reasons = "Nothing is wrong, and everything was checked.", [_passed(audit)]
    elif state == UNKNOWN:
        sentence, reasons = "Nothing wrong was found, but not everything could be seen.", _unseen(audit)
    else:
        sentence, reasons = _failure(audit)
    return sentence, tuple(filter(None, (doubt, *reasons, _use(audit))))


def _failure(audit: "Audit") -> tuple[str, list[str]]:
    """Attacks that got in come first, then what others can read in production, then the rest."""
    entered, lost = _let_in(audit), losses(audit)
    secrets = f"{number_words(len(lost))} production {_noun(len(lost), 'secret')} can be read by others"
    sentence = f"{_capital(secrets)}." if lost else _faults(audit)
    reasons = [*(_lost_words(lost) if lost else [_not_lost(audit)]), _apart(audit)]
    if len(entered):
        sentence = f"{_entered(entered)}{f', and {secrets}' if lost else ''}."
        found = rows(entered.head(MOST_NAMES))
        reasons = [*(f"{row.subject}: {row.classification}." for row in found), *reasons]
    return sentence, reasons


def _entered(entered: pd.DataFrame) -> str:
    """How many were let in after failed logins: surely, or in a minute that leaves it open."""
    sure = entered["severity"].isin(("high", "critical")).any()
    one = len(entered) == 1
    were = ("was" if one else "were") if sure else "may have been"
    noun = "address" if one else "addresses"
    return f"{_capital(number_words(len(entered)))} {noun} {were} let in after failed logins"


def _unseen(audit: "Audit") -> list[str]:
    """What could not be decided or seen."""
    undecided = int(audit.findings["status"].eq("unknown").sum())
    missing = [need.words for need in PASS_NEEDS if not need.holds(audit)]
    said = f"{counted(undecided, 'question')} of this review could not be decided." if undecided else ""
    return [said, f"Not seen: {'; '.join(missing)}." if missing else ""]


def _passed(audit: "Audit") -> str:
    young = int(audit.ages["status"].isin(("fresh", "due")).sum())
    return f"{counted(young, 'secret')} within the age limit; no value was found outside its place."


def _apart(audit: "Audit") -> str:
    """The pairs of production that must hold one value and do not."""
    drift = audit.drift
    apart = drift[drift["relation"].eq("different") & drift["expected"].eq("same")]
    apart = apart[apart["environment"].eq(PRODUCTION) & apart["other_environment"].eq(PRODUCTION)]
    pairs = dict.fromkeys(f"{row.secret} and {row.other_secret}" for row in rows(apart))
    return f"{few(pairs, MOST_NAMES)} differ in production, but must be equal." if pairs else ""


def losses(audit: "Audit") -> dict[str, str]:
    """By name each production secret that others can read, and how; of one value its least public name.

    One whose finding somebody accepted is left out.
    """
    inventory = audit.inventory
    held = inventory[inventory["environment"].eq(PRODUCTION) & inventory["fingerprint"].notna()]
    held = held[held["kind"].isin(("secret", "unlisted")) & ~held["placeholder"].fillna(False).astype(bool)]
    accepted = audit.findings.loc[audit.findings["status"].eq("accepted"), ["subject", "environment"]]
    spared = set(accepted.loc[accepted["environment"].eq(PRODUCTION), "subject"])
    by_value: dict[str, tuple[str, str]] = {}
    for name, how in _readable(audit, held):
        for value in held.loc[held["secret"].eq(name) & ~held["secret"].isin(spared), "fingerprint"]:
            same = held[held["fingerprint"].eq(value)].sort_values(["public", "secret"])
            by_value.setdefault(str(value), (str(same["secret"].iloc[0]), how))
    return dict(by_value.values())


def _readable(audit: "Audit", held: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Names of production secrets that others can read, and how, the surest sign first."""
    leaked = audit.exposure[audit.exposure["status"].eq("emergency")]
    for row in rows(leaked[leaked["environment"].eq(PRODUCTION)]):
        since = "" if row.first_at is None else f" since {day_words(row.first_at, audit.as_of.year)}"
        yield row.secret, f"has been {_place(audit, row.leak_id)}{since}"
    for name in held.loc[held["public"].astype(bool) & held["exposure_severity"].isin(GRAVE), "secret"]:
        yield name, "is built into the page that every browser loads"
    for flag, how in (
        ("compromised", "has a published value"),
        ("template", "has the value of an example file"),
    ):
        for name in held.loc[held[flag].fillna(False).astype(bool), "secret"]:
            yield name, how


def _place(audit: "Audit", leak_id: str) -> str:
    kinds = set(audit.leak_places.loc[audit.leak_places["leak_id"].eq(leak_id), "place"])
    words = (("commit", "in git"), ("bundle", "in what browsers load"), ("log", "in a log"))
    return next((said for kind, said in words if kind in kinds), "outside its place")


def _lost_words(lost: dict[str, str]) -> tuple[str, ...]:
    said = [f"{name} {how}." for name, how in list(lost.items())[:MOST_NAMES]]
    more = len(lost) - MOST_NAMES
    return (*said, *([f"So can {counted(more, 'other')}."] if more > 0 else []))


def _faults(audit: "Audit") -> str:
    """Without a loss in production: what is overdue there, else how severe the findings are."""
    ages = audit.ages
    late = ages[ages["environment"].eq(PRODUCTION) & ages["status"].eq("overdue") & ages["period_stated"]]
    names = list(dict.fromkeys(late["secret"]))
    if names:
        are = "is" if len(names) == 1 else "are"
        return f"{_capital(number_words(len(names)))} production {_noun(len(names), 'secret')} {are} too old."
    severity = audit.findings.loc[audit.findings["status"].eq("open"), "severity"]
    worst = max(severity, key=SEVERITIES.index)
    count = int(severity.eq(worst).sum())
    return f"{_capital(number_words(count))} {worst} {_noun(count, 'finding')} to close."


def _not_lost(audit: "Audit") -> str:
    """That no loss was found in production, as far as its values were read and searched for."""
    inventory = audit.inventory
    if not (inventory["environment"].eq(PRODUCTION) & inventory["fingerprint"].notna()).any():
        return "Of production nothing is known: no value of it was read."
    rest = "" if shows_no_leak(audit.leak_coverage) else ", but not everything was searched"
    return f"No production secret was found where others can read it{rest}."


def _let_in(audit: "Audit") -> pd.DataFrame:
    """The incidents in which a client succeeded that should not have."""
    found = audit.detections
    return found[
        found["verdict"].eq("found") & found["detection"].isin(LET_IN) & found["severity"].isin(GRAVE)
    ]


def _use(audit: "Audit") -> str:
    """Whether the logs show, or could have shown, that somebody got in."""
    logs = audit.sources[audit.sources["kind"].eq("log")]
    if not logs["read"].sum() or audit.log_counts.empty:
        return "Refused logins are not known: no log of the quarter says anything about requests."
    states = set(audit.detections.loc[audit.detections["detection"].isin(LET_IN), "verdict"])
    if states == {"none"}:
        return "The logs show no client that was let in after failed logins."
    if "found" in states:
        return "The logs show a client that was let in after failed logins."
    return "The logs could not show whether a client was let in after failed logins."


# ---- Key figures ----


def _figures(audit: "Audit") -> Iterator[Figure]:
    yield _leaked(audit)
    yield _too_old(audit)
    yield _refused(audit)
    yield _clean(audit)
    yield _since_previous(audit) if len(audit.changes) else _open(audit)


def leaks_in_force(audit: "Audit") -> pd.DataFrame:
    """The leaks of real values that are still in use somewhere."""
    leaks = audit.leaks
    return leaks[~leaks["kind"].isin(NO_SECRETS) & leaks["force"].eq("in force")]


def _leaked(audit: "Audit") -> Figure:
    force = leaks_in_force(audit)
    there = int(force["in_force"].str.split(",").map(lambda places: PRODUCTION in places).sum())
    real = audit.leaks[~audit.leaks["kind"].isin(NO_SECRETS)]
    doubt = int(real["force"].eq("not known").sum())
    whole = shows_no_leak(audit.leak_coverage)
    note = "everything was searched" if whole else "but not everything was searched"
    if len(force):
        since = force["first_at"].min()
        oldest = "" if pd.isna(since) else f", oldest since {day_words(since, audit.as_of.year)}"
        note = f"{there} in production{oldest}"
    parts = ((BAD, there), (DUE, len(force) - there), (OPEN, doubt))
    return Figure("Leaked, still in use", str(len(force)), _noun(len(force), "value"), parts, note)


def _too_old(audit: "Audit") -> Figure:
    status = audit.ages["status"]
    late, unknown, due, fresh = (int(status.eq(one).sum()) for one in ("overdue", "unknown", "due", "fresh"))
    parts = ((BAD, late), (OPEN, unknown), (DUE, due), (OK, fresh))
    unit = f"of {counted(late + unknown + due + fresh, 'secret')}"
    return Figure("Too old", str(late), unit, parts, f"{unknown} not known, {due} due, {fresh} fresh")


def _refused(audit: "Audit") -> Figure:
    asked = int(audit.requests["count"].sum())
    if not asked:
        return Figure("Requests refused", "not known", "", (), f"no request of {audit.quarter} was read")
    refused = int(audit.requests.loc[audit.requests["refused"], "count"].sum())
    failed = int(audit.failed_logins["count"].sum())
    note = f"{counted(failed, 'failed login')} beside them in the application's own words"
    return Figure(
        "Requests refused", f"{refused:,}", f"of {asked:,}", ((BAD, refused), (OK, asked - refused)), note
    )


def _clean(audit: "Audit") -> Figure:
    marks = judged(audit)["mark"]
    good, unknown, bad = (int(marks.eq(mark).sum()) for mark in ("good", "unknown", "bad"))
    parts = ((OK, good), (OPEN, unknown), (BAD, bad))
    note = f"{unknown} undecided, {bad} with an open finding"
    return Figure("Items clean", str(good), f"of {len(marks)}", parts, note)


def _open(audit: "Audit") -> Figure:
    severity = audit.findings.loc[audit.findings["status"].eq("open"), "severity"]
    counts = {word: int(severity.eq(word).sum()) for word in reversed(SEVERITIES)}
    parts = (
        (BAD, counts["critical"] + counts["high"]),
        (DUE, counts["medium"]),
        (OPEN, counts["low"] + counts["info"]),
    )
    note = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"
    return Figure("Open", str(len(severity)), _noun(len(severity), "finding"), parts, note)


def _since_previous(audit: "Audit") -> Figure:
    change = audit.changes["change"]
    worse, new, better, ended = (int(change.eq(one).sum()) for one in ("worse", "new", "better", "ended"))
    parts = ((BAD, worse + new), (OK, better + ended))
    note = f"{worse} worse, {better} better, {ended} ended"
    return Figure("Since the last review", str(new), _noun(new, "new finding"), parts, note)


# ---- What falls due, and what is not known ----


def _falls_due(audit: "Audit", until: datetime) -> Iterator[tuple[Any, str, str, str]]:
    """What reaches its limit or ends after this review and before the next one."""
    schedule, year = audit.schedule, audit.as_of.year
    first = schedule["possible_at"].fillna(schedule["provable_at"])
    ahead = schedule[first.gt(audit.as_of) & first.le(until)].astype({"environment": "str"})
    for _, group in ahead.groupby(["possible_at", "provable_at", "environment"], dropna=False, sort=False):
        row = next(rows(group))
        at = row.possible_at or row.provable_at
        names = few(dict.fromkeys(group["secret"]), MOST_NAMES)
        late = row.possible_at and row.provable_at and row.provable_at > row.possible_at
        when = f"{day_words(at, year)} to {day_words(row.provable_at, year)}" if late else day_words(at, year)
        yield pd.Timestamp(at), when, f"{names}, {row.environment}", ""
    decisions, answers = audit.decisions, audit.attestations
    accepted = decisions[decisions["verdict"].eq("accept") & decisions["state"].eq("in force")]
    attested = answers[answers["status"].eq("attested")]
    both = [accepted.assign(decision="accepted"), attested.assign(decision="answered")]
    ending = pd.concat([one[["until_at", "by", "decision"]] for one in both])
    ending = ending[ending["until_at"].gt(audit.as_of) & ending["until_at"].le(until)]
    for day, group in ending.groupby(ending["until_at"].dt.floor("D")):
        said = [
            counted(int(group["decision"].eq(kind).sum()), noun)
            for kind, noun in (("accepted", "accepted risk"), ("answered", "answer"))
            if group["decision"].eq(kind).any()
        ]
        verb = "expires" if len(group) == 1 else "expire"
        names = few(sorted(set(group["by"])), MOST_NAMES)
        yield day, day_words(day, year), f"{' and '.join(said)} {verb}.", f"Renew or close it ({names})."


def _not_known(audit: "Audit") -> Iterator[tuple[str, str, str]]:
    """What could not be decided, by how much of it, and the cheapest evidence that would decide it."""
    yield from _not_known_of_logs(audit)
    ages = audit.ages
    unknown = ages[ages["status"].eq("unknown")]
    if len(unknown):
        steps = (
            unknown["next_evidence"].str.split(r"; |\. ", regex=True).str[0].str.rstrip(".").value_counts()
        )
        share = f"{len(unknown)} of {int(ages['status'].ne('exempt').sum())}"
        yield share, "ages are not known.", ". ".join(map(str, steps.index[:1])) + "."
    silent = unread(audit)
    if len(silent):
        names = few(sorted(silent["source"]), MOST_NAMES)
        yield f"{len(silent)} of {len(audit.sources)}", f"sources were not read: {names}.", "Supply them."
    answers = audit.attestations["status"]
    open_ = int(answers.ne("attested").sum())
    if open_:
        yield f"{open_} of {len(answers)}", "questions need a person's answer.", "audit-lib decide list"


def _not_known_of_logs(audit: "Audit") -> Iterator[tuple[str, str, str]]:
    if audit.log_counts.empty:
        yield "all days", "have no log line about requests.", "Name or export logs."
        return
    found = audit.detections
    blind = found[found["verdict"].eq("unknown")]
    if len(blind):
        every = found["detection"].nunique()
        reason = blind["reason"].value_counts().index[0]
        yield (
            f"{blind['detection'].nunique()} of {every}",
            f"detections could not decide: {shortened(reason)}.",
            "",
        )
    for row in rows(audit.coverage.sort_values("days_with_lines", kind="stable")):
        if row.days_with_lines < row.days:
            place = "/".join(filter(None, (row.environment, row.service)))
            said = f"days of {place} have no log line."
            yield f"{row.days - row.days_with_lines} of {row.days}", said, "Export them."


def _briefs(audit: "Audit") -> Iterator[tuple[str, str]]:
    """By the heading's anchor in the notebook, what its section holds."""
    status, findings = audit.ages["status"].value_counts(), audit.findings["status"].value_counts()
    yield (
        "which-secrets-are-too-old",
        ", ".join(f"{status.get(word, 0)} {said}" for word, said in
                  (("overdue", "overdue"), ("unknown", "not known"), ("due", "due"), ("fresh", "fresh"))),
    )  # fmt: skip
    force = len(leaks_in_force(audit))
    yield (
        "which-have-leaked-and-are-still-in-use",
        f"{force} of {counted(len(audit.leaks), 'leak')} in use, {counted(len(audit.leak_places), 'place')}",
    )
    refused = int(audit.requests.loc[audit.requests["refused"], "count"].sum())
    found = int(audit.detections["verdict"].eq("found").sum())
    yield (
        "who-failed-to-log-in",
        f"{refused:,} of {int(audit.requests['count'].sum()):,} requests refused, {found} incidents",
    )
    yield (
        "what-must-be-done-by-whom-by-when",
        f"{findings.get('open', 0)} open, {findings.get('unknown', 0)} not decided, "
        f"{findings.get('accepted', 0)} accepted",
    )
    lines = audit.sources[["lines", "not_understood"]].sum()
    yield (
        "what-was-read-and-what-could-not-be-decided",
        f"{int(audit.sources['state'].eq('read').sum())} of {len(audit.sources)} sources, "
        f"{int(lines['lines']):,} lines, {int(lines['not_understood']):,} not understood",
    )


def _noun(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
