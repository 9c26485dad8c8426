"""An incident's first screen: what it was, if it goes on, who got in, who was turned away, why, the steps."""

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from audit_lib.base.in_words import DECLARED, counted, few, instant_words
from audit_lib.incident.case import APPLICATION, Case
from audit_lib.incident.explain import ATTACKS, ENDED, EXPOSED, GUESSED, OUTAGE, USED, Explanation, supported
from audit_lib.incident.exposure import in_force
from audit_lib.incident.outage import PAUSE, Outage, deploys_around, find_outage, is_of_variables, pairs_apart
from audit_lib.logins.detect import SILENCE
from audit_lib.logs.formats import SECRET_IN_URL
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.report.render import Screen

Reply = tuple[str, str]  # an answer in a few words, and what it rests on
QUESTIONS = ("Still going on?", "Did anyone get in?", "Who was turned away?", "Likely cause?", "Left to fix?")
Answer = namedtuple("Answer", ["question", "answer", "why"])


def summarise(
    case: Case, explained: tuple[Explanation, ...], exposure: pd.DataFrame, steps: pd.DataFrame
) -> Screen:
    """The first screen: what it was, five answers, the first steps, what explains it, what is not known."""
    outage, backed = find_outage(case), supported(case, explained)
    best = backed[0] if backed else None
    others = [it for it in backed[1:] if it.name in ATTACKS and not {*it.addresses} & {*backed[0].addresses}]
    shown = [best, *(one for one in others if one.rating == "likely")] if best else []
    is_attack = any(one.name in ATTACKS for one in shown)
    ongoing, verdict = _going_on(case, best, outage), "Not known"
    if best:
        noun = "an attack" if is_attack else "an outage" if best.name == OUTAGE else "no attack"
        over = ", and over" if ongoing[0] == "No" and not others and best.name != EXPOSED else ""
        verdict = f"{'Likely' if best.rating == 'likely' else 'Possibly'} {noun}{over}"
    no = "Nothing that was read explains {}." if case.is_seen else "No log line was read."
    name = f"{case.project.name} {case.address}".strip()
    since, until = (instant_words(at, case.as_of.year) for at in (case.window.since, case.window.until))
    cause = (best.name.capitalize(), best.rating) if best else ("Not known", "nothing speaks for one")
    leaked, apart = in_force(exposure), [str(it) for it in pairs_apart(case) if it.until == case.as_of]
    left = f"{counted(len(leaked), 'leaked secret')} in force" if leaked else "No leak in force is known"
    why = few(apart) or few(leaked) or "and no pair that differs"
    replies = (ongoing, _got_in(case, best), _refused(case, best, outage), cause, (left, why))
    return Screen(
        "incident.html.j2",
        "incident.txt.j2",
        title=f"{name}: {since} to {until} {case.window.until.year} (UTC)",
        verdict=f"{verdict}.",
        is_attack=is_attack,
        sentence=" ".join(_sentence(case, one, outage) for one in shown) or no.format(case.address or "it"),
        facts=tuple(_facts(case, best, outage)),
        answers=tuple(Answer(question, *reply) for question, reply in zip(QUESTIONS, replies, strict=True)),
        steps=steps.head(5),
        explained=explained,
        not_known=tuple(_gaps(case, explained)),
    )


def _sentence(case: Case, one: Explanation, outage: Outage | None) -> str:
    if one.name == OUTAGE and outage:
        before, _ = deploys_around(case, outage)
        by = "Something" if not before else "A change of variables" if is_of_variables(before) else "A deploy"
        minutes = max(round((outage.last_at - outage.first_at).total_seconds() / 60), 1)
        how = "stopped the application" if outage.errors else "shut callers out"
        what = outage.told.classification.capitalize() if outage.told else f"{by} {how}"
        return f"{what} for {counted(minutes, 'minute')}."
    if one.name == GUESSED:
        at_login = (case.here["refused"] & case.here["on_login"]).any() or len(case.many_tries) or case.joined
        logins = at_login or case.said["kind"].isin((FAILED_LOGIN, DECLARED)).any()
        return "Somebody guessed logins." if logins else "Somebody sent requests that were refused."
    if one.name == USED:
        new = f"Somebody new was answered{', and a leaked value lay open' * ('leaked' in str(one.points))}."
        return new if one.addresses and not one.shown else "A leaked value may have been used."
    if one.name == EXPOSED:
        shown = "Our own page shows the value that is under suspicion."
        return shown if one.shown else "A secret stands in the URL of requests."
    return f"{ENDED.capitalize()}." if one.name == ENDED else "Clients let in before failed after a change."


def _going_on(case: Case, best: Explanation | None, outage: Outage | None) -> Reply:
    """Whether it goes on, by the logs to their end; of who got in only when they were seen last."""
    names = (best and best.name == GUESSED and case.got_in) or (
        best.addresses if best else (case.address,) if case.address else {*case.here["client"]}
    )
    if case.window.until < case.as_of:  # the window ends there, the logs go on
        case = replace(case, window=replace(case.window, until=case.as_of))
    here, year = case.here[case.here["timed"]], case.as_of.year
    if best and best.name == OUTAGE and outage:
        _, after = deploys_around(case, outage)
        later = here[here["not_before_at"].gt(after.ended_at if after else outage.last_at)]
        asked, lost = (int(part["count"].sum()) for part in (later, later[later["unanswered"]]))
        why = f"since {instant_words(outage.last_at, year)}: {asked - lost} of {asked} answered"
        return ("No" if lost * 2 < asked else "Yes") if asked else "Not known", why
    is_attack = best is not None and best.name in ATTACKS
    theirs = case.here[case.here["client"].isin(names) & (case.here["refused"] | is_attack)]
    column, word = ("message", SECRET_IN_URL) if best and best.name == EXPOSED else ("kind", FAILED_LOGIN)
    said = case.said[case.said[column].eq(word) & case.said["client"].isin(names)]
    seen = pd.concat([theirs, said]).sort_values("at")
    times = seen["at"].dropna()
    if times.empty:
        return "Not known", "nothing of anybody who takes part was refused at a known time"
    last = f"ast seen {instant_words(times.iloc[-1], year)}"
    if best and is_attack and (best.name == USED or theirs["let_in"].any() or {*case.joined} & {*names}):
        back = max(times.iloc[-1], case.activity.requests.query("timed & client in @names")["at"].max())
        return f"Last seen {instant_words(back, year)}", (
            f"they were answered: they may be {'in' if best.name != USED or best.shown else 'users, or in'}"
        )
    later = here[here["not_before_at"].gt(times.iloc[-1])]
    good = here.query("granted and client in @seen.client and route in @theirs.route and at > @times.iloc[0]")
    is_back = not is_attack and {*seen["client"]} == {*good["client"]} and good["at"].min() > times.iloc[-1]
    doubt = not is_back and _shows_no_end(case, times, later) if best else "nothing that was read explains it"
    if not seen.loc[seen["at"].isna(), "not_after_at"].le(times.iloc[-1]).all():
        doubt = "lines of theirs that have no time may be later"
    if doubt:
        return "Not known", f"l{last}, and {doubt}"
    return "No", f"l{last}{', then answered' * is_back}: {int(later['count'].sum())} requests of others since"


def _shows_no_end(case: Case, times: "pd.Series[pd.Timestamp]", later: pd.DataFrame) -> str:
    """Why the logs after the last instant show no end: who tries once an hour has not stopped within one."""
    over = times.iloc[-1] + max([PAUSE, *times.diff().dropna()])
    if not later["not_before_at"].max() > over:
        return "the logs end too soon after it"
    silent = [it for it in case.found(APPLICATION) if it.subject == SILENCE and (it.first_at or over) <= over]
    return "the logs have a gap after it" * any(it.last_at and it.last_at > times.iloc[-1] for it in silent)


def _got_in(case: Case, best: Explanation | None) -> Reply:
    first = case.new_addresses.sort_values("first_at").set_index("client")["first_at"]
    beside = case.clients.query("classification == 'new address' and successes > 0")["client"]
    sent = best.addresses if best and best.name in (EXPOSED, USED) else ()
    every = (case.got_in, first.index, sent or case.many_tries.index, beside)
    entered, new, maybe, near = ([who for who in names if case.address in ("", who)] for names in every)
    if entered:
        some = [f"{it} (answered without a login of its own)" if it in case.joined else it for it in entered]
        return f"{counted(len(entered), 'address', 'addresses')} after failures", few(some)
    if new:
        at = instant_words(first[new[0]], case.as_of.year)
        return counted(len(new), "new address", "new addresses"), f"first {new[0]} at {at}"
    if maybe:
        whose = "whoever sent a secret in a URL" if sent else "answers at the login do not tell"
        return "Perhaps", f"{whose}: {few(maybe)}"
    if near:
        return "Nobody of a new network", f"but new addresses of known ones: {few(near)}"
    if case.shows_who_is_new:
        return "Nobody new", "no new address was answered where a login is known to be needed"
    return "None seen", "but the logs might not have shown a new address"


def _refused(case: Case, best: Explanation | None, outage: Outage | None) -> Reply:
    refused, noun, lost, others = case.here.query("refused"), "request", int(case.undecided["count"].sum()), 0
    if best and best.name == OUTAGE and outage:
        refused, noun = outage.failed, "failed request"
    elif best and (len(theirs := refused[refused["client"].isin(best.addresses)]) or case.address):
        others, refused = len({*refused["client"]} - {*theirs["client"], ""}), theirs
    names = set(refused["client"]) - {""}
    known = case.clients.loc[case.clients["client"].isin(names), "classification"].value_counts()
    kinds = [f"{counted(lost, 'login answer')} do not tell"] if lost else []
    kinds += [f"{n} {str(name).replace('new network', 'never let in before')}" for name, n in known.items()]
    nobody = "Not known" if lost else "Nobody that requests show"
    answer = counted(len(names), "address", "addresses") if names else nobody
    rest = f"; {counted(others, 'other address', 'other addresses')}, too" if others else ""
    return answer, ", ".join([*kinds, counted(int(refused["count"].sum()), noun)]) + rest


def _facts(case: Case, best: Explanation | None, outage: Outage | None) -> Iterator[str]:
    addresses = (case.address,) if case.address else best.addresses if best else ()
    parts = (case.here, case.here.query("refused"), case.here.query("status >= 500"), case.undecided)
    theirs = (part[part["client"].isin(addresses)] if addresses else part for part in parts)
    asked, refused, failed, lost = (int(part["count"].sum()) for part in theirs)
    also = f"; {counted(lost, 'login answer')} do not tell who got in" if lost else ""
    requests = counted(asked, "request") + (f" of {few(addresses)}" if addresses else "")
    yield f"Of {requests} in the window {refused:,} were refused, {failed:,} met errors{also}."
    got = [f"{it.client}: {it.classification}" for it in case.found("probing") if it.severity == "critical"]
    yield from (f"{text}." for text in (outage, *got) if text)
    if case.address and not case.activity.requests["client"].eq(case.address).any():
        yield f"{case.address} is in no request that was read."


def _gaps(case: Case, explained: tuple[Explanation, ...]) -> Iterator[str]:
    untimed, asked = int(case.here.loc[~case.here["timed"], "count"].sum()), int(case.here["count"].sum())
    if untimed:
        yield f"{untimed} of {asked} requests have no time: bursts among them cannot be seen"
    newest = pd.concat([case.activity.requests["not_before_at"], case.activity.events["at"]]).max()
    at = "" if pd.isna(newest) else instant_words(newest, case.as_of.year)
    yield f"no line after {at} was read" if at else "no line has a time"
    yield from list(dict.fromkeys(text for one in explained for text in one.missing))[:4]
