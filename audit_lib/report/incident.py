"""An incident's first screen: what it was, still going on, who got in, who was refused, why, what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.incident.case import APPLICATION, LET_IN, Case, lets_in, names_of
from audit_lib.incident.explain import (
    ATTACKS,
    CUT_OFF,
    EXPOSED,
    GUESSED,
    OUTAGE,
    USED,
    Explanation,
    few,
    supported,
)
from audit_lib.incident.exposure import in_force
from audit_lib.incident.outage import PAUSE, Outage, deploys_around, find_outage, is_of_variables, pairs_apart
from audit_lib.logins.detect.failing import SILENCE
from audit_lib.logins.requests import fits, unanswered
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.report import escape as inert
from audit_lib.report.register import template

_NOUNS = {
    GUESSED: "an attack",
    USED: "an attack",
    OUTAGE: "an outage",
    CUT_OFF: "no attack",
    EXPOSED: "no attack",
}


@dataclass(frozen=True)
class Answer:
    """A question with its answer in a few words, and what it rests on."""

    question: str
    answer: str
    why: str


@dataclass(frozen=True)
class IncidentSummary:
    """The first screen of an incident. It renders as HTML in a notebook, as text elsewhere."""

    title: str
    verdict: str  # in two or three words
    is_attack: bool
    sentence: str
    facts: tuple[str, ...]
    answers: tuple[Answer, ...]
    steps: pd.DataFrame  # the first of Steps
    explained: tuple[Explanation, ...]
    not_known: tuple[str, ...]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": template("incident.html.j2").render(screen=self), "text/plain": self.text()}

    def text(self) -> str:
        """The screen as lines for a terminal."""
        lines = [self.title, "", f"{self.verdict} {self.sentence}", *self.facts, ""]
        lines += [f"{one.question} {one.answer} ({one.why})" for one in self.answers]
        lines += ["", "What to do, in order"]
        for row in rows(self.steps):
            lines += [f"{row.number}. {row.step}{f' [{row.place}]' if row.place else ''}"]
            lines += [f"   {line}" for line in row.command.splitlines()]
        lines += ["", "What may explain it"]
        lines += [
            f"{one.rating}: {one.name}{f' ({one.points[0]})' if one.points else ''}" for one in self.explained
        ]
        lines += ["", "Not known", *self.not_known]
        return inert.plain_lines("\n".join(lines))


def summarise(
    case: Case, explained: tuple[Explanation, ...], exposure: pd.DataFrame, steps: pd.DataFrame
) -> IncidentSummary:
    """The first screen: what it was, five answers, the first steps, what explains it, what is not known."""
    told = supported(case, explained)
    best, outage, ongoing = told[0] if told else None, find_outage(case), going_on(case, told)
    others = [one for one in told[1:] if best and _is_apart(one, best)]
    is_attack = any(one.name in ATTACKS for one in (best, *others) if one)
    verdict = "Not known"
    if best:
        noun = _NOUNS[best.name] if best.name in ATTACKS or not others else "an attack, too"
        verdict = f"{'Likely' if best.rating == 'likely' else 'Possibly'} {noun}"
        verdict += ", and over" if ongoing.answer == "No" and not others else ""
    sentences = [_sentence(case, one, outage) for one in (best, *others) if one]
    if not best:
        seen = (
            "Nothing that was read speaks for an explanation."
            if case.is_seen
            else "No log line of it was read."
        )
        sentences = [seen]
    window = f"{briefly(case.window.since, case.as_of)} to {briefly(case.window.until, case.as_of)}"
    return IncidentSummary(
        title=f"{case.project.name}: {window} {case.window.until.year} (UTC)",
        verdict=f"{verdict}.",
        is_attack=is_attack,
        sentence=" ".join(sentences),
        facts=tuple(_facts(case, best, outage)),
        answers=(ongoing, _got_in(case), _who(case, best, outage), _cause(best), _left(case, exposure)),
        steps=steps.head(5),
        explained=explained,
        not_known=tuple(_gaps(case, explained)),
    )


def _is_apart(one: Explanation, best: Explanation) -> bool:
    """Whether it is an attack of its own, of other addresses than the best explanation."""
    likely = one.name in ATTACKS and one.rating == "likely"
    return likely and not {*one.addresses} & {*best.addresses}


def _sentence(case: Case, one: Explanation, outage: Outage | None) -> str:
    if one.name == OUTAGE and outage:
        before = deploys_around(case, outage)[0]
        cause = "A deploy" if before else "Something"
        cause = "A change of variables" if before and is_of_variables(before) else cause
        how = "stopped the application" if outage.errors else "shut callers out"
        return f"{cause} {how} for {counted(outage.minutes, 'minute')}."
    if one.name == GUESSED:
        routes = case.here.loc[case.here["refused"], "route"].astype("str")
        logins = fits(routes, case.rules.access.login).any() or case.said["kind"].eq(FAILED_LOGIN).any()
        return "Somebody guessed logins." if logins else "Somebody sent requests that were refused."
    if one.name == USED:
        leaked = any("leaked" in point for point in one.hinted)
        return "A leaked value may have been used." if leaked else "Somebody new was answered."
    if one.name == CUT_OFF:
        return "Clients that had been let in failed after a change."
    if one.shown:
        return "Our own page shows the value that is under suspicion."
    return "A secret stands in the URL of requests."


def going_on(case: Case, told: list[Explanation]) -> Answer:
    """Whether it goes on; of who got in only when they were seen last: they may be in."""
    question, outage = "Still going on?", find_outage(case)
    best = told[0] if told else None
    if best and best.name == OUTAGE and outage:
        later = case.here[case.here["timed"] & case.here["not_before_at"].gt(outage.last_at)]
        after = deploys_around(case, outage)[1]
        later = later[later["not_before_at"].gt(after.ended_at)] if after else later
        asked, lost = (int(part["count"].sum()) for part in (later, later[unanswered(later)]))
        why = f"since {briefly(outage.last_at, case.as_of)}: {asked - lost} of {asked} answered"
        return Answer(question, ("No" if lost * 2 < asked else "Yes") if asked else "Not known", why)
    if not best or not best.addresses:
        return Answer(question, "Not known", "no address is known to take part")
    theirs = case.here[case.here["client"].isin(best.addresses)]
    theirs = theirs if best.name in ATTACKS else theirs[theirs["refused"]]
    said = case.said[case.said["kind"].eq(FAILED_LOGIN) & case.said["client"].isin(best.addresses)]
    at = pd.concat([theirs.loc[theirs["timed"], "not_before_at"], said["at"].dropna()]).sort_values()
    if at.empty:
        return Answer(question, "Not known", "no request of theirs has a time")
    last, seen = at.iloc[-1], f"last seen {briefly(at.iloc[-1], case.as_of)}"
    if best.name in ATTACKS and lets_in(theirs).any():
        return Answer(question, f"L{seen[1:]}", "they were answered: they may be in")
    later = case.here[case.here["timed"] & case.here["not_before_at"].gt(last)]
    if doubt := _shows_no_end(case, at, later) or _untimed_later(theirs, said, last):
        return Answer(question, "Not known", f"{seen}, and {doubt}")
    return Answer(question, "No", f"{seen}: {int(later['count'].sum())} requests of others since")


def _untimed_later(theirs: pd.DataFrame, said: pd.DataFrame, last: pd.Timestamp) -> str:
    ends = pd.concat(
        [theirs.loc[~theirs["timed"], "not_after_at"], said.loc[said["at"].isna(), "not_after_at"]]
    )
    return "" if ends.le(last).all() else "lines of theirs that have no time may be later"


def _shows_no_end(case: Case, at: "pd.Series[pd.Timestamp]", later: pd.DataFrame) -> str:
    """Why the logs after the last instant show no end: who tries once an hour has not stopped within one."""
    pause = max(timedelta(0), *at.diff().dropna().tolist()) if len(at) > 1 else PAUSE
    if later.empty or later["not_before_at"].max() - at.iloc[-1] <= max(pause, PAUSE):
        return "the logs end too soon after it"
    silent = [one.last_at for one in case.found(APPLICATION) if one.subject == SILENCE and one.last_at]
    return "the logs have a gap after it" if silent and max(silent) > at.iloc[-1] else ""


def _got_in(case: Case) -> Answer:
    question, new = "Did anyone get in?", case.new_addresses
    if entered := names_of(case.found(LET_IN)):
        return Answer(
            question, f"{counted(len(entered), 'address', 'addresses')} after failures", few(entered)
        )
    if new:
        first = f"first {new[0].name} at {briefly(new[0].first_at, case.as_of)}"
        return Answer(question, counted(len(new), "new address", "new addresses"), first)
    near = case.clients.query("classification == 'new address' and successes > 0")["client"]
    if len(near):
        return Answer(question, "Nobody of a new network", f"but new addresses of known ones: {few(near)}")
    if case.shows_nobody_new:
        return Answer(question, "Nobody new", "no new address was answered")
    return Answer(question, "None seen", "but the logs might not have shown a new address")


def _who(case: Case, best: Explanation | None, outage: Outage | None) -> Answer:
    refused = case.here[case.here["refused"]]
    if best and best.name == OUTAGE and outage:
        refused = outage.failed(case.here)
    elif best and best.addresses:
        refused = refused[refused["client"].isin(best.addresses)]
    names = set(refused["client"].astype("str")) - {""}
    known = case.clients.loc[case.clients["client"].isin(names), "classification"].value_counts()
    kinds = ", ".join(f"{count} {name}" for name, count in known.items())
    number = counted(int(refused["count"].sum()), "request")
    answer = counted(len(names), "address", "addresses") if names else "Nobody"
    return Answer("Who was refused?", answer, f"{kinds}; {number}" if kinds else number)


def _cause(best: Explanation | None) -> Answer:
    if best is None:
        return Answer("Likely cause", "Not known", "nothing that was read speaks for one")
    return Answer("Likely cause", best.name.capitalize(), best.rating)


def _left(case: Case, exposure: pd.DataFrame) -> Answer:
    leaked = in_force(exposure)
    apart = [str(pair) for pair in pairs_apart(case) if pair.until == case.as_of]
    answer = f"{counted(len(leaked), 'leaked secret')} in force" if leaked else "No leak in force is known"
    return Answer("Left to fix", answer, few(apart) or few(leaked) or "and no pair that differs")


def _facts(case: Case, best: Explanation | None, outage: Outage | None) -> Iterator[str]:
    every, whose = case.here, ""
    if best and best.addresses:
        every = every[every["client"].isin(best.addresses)]
        whose = f" of {few(best.addresses)}"
    asked, refused, limited, failed = (
        int(part["count"].sum())
        for part in (
            every,
            every[every["refused"]],
            every[every["status"].eq(429)],
            every[every["status"].ge(500)],
        )
    )
    more = f", {limited:,} limited (429)" * bool(limited) + f", {failed:,} answered with an error" * bool(
        failed
    )
    yield f"Of {counted(asked, 'request')}{whose} in the window {refused:,} were refused{more}."
    if outage:
        since, until = (briefly(at, case.as_of) for at in (outage.first_at, outage.last_at))
        yield f"From {since} to {until}, {outage}."
    if case.address and not case.requests["client"].eq(case.address).any():
        yield f"{case.address} is in no request that was read."


def _gaps(case: Case, explained: tuple[Explanation, ...]) -> Iterator[str]:
    untimed, asked = int(case.here.loc[~case.here["timed"], "count"].sum()), int(case.here["count"].sum())
    if untimed:
        yield f"{untimed} of {asked} requests have no time: bursts among them cannot be seen"
    ends = [at for at in (case.requests["not_before_at"].max(), case.events["at"].max()) if not pd.isna(at)]
    yield f"after {briefly(max(ends), case.as_of)}: no later line was read" if ends else "no line has a time"
    missed = [text for one in explained for text in one.missing]
    yield from list(dict.fromkeys(missed))[:4]
