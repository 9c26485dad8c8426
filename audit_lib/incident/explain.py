"""What may explain an incident: five explanations, each with what speaks for it, against it, and is missing.

What happened is what the detections say, and nothing else: what they found counts for or against, what they
did not find counts only if they say "none", and what they cannot say is missing evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base import in_words
from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident.case import APPLICATION, GUESSING, KNOWN_CLIENTS, LET_IN, Case, NewAddress, names_of
from audit_lib.incident.contracts import RATINGS, Explanations
from audit_lib.incident.exposure import first_start, public_twins, span_of, values_of, was_searched_for
from audit_lib.incident.outage import (
    answered_while_apart,
    deploys_around,
    find_outage,
    is_of_variables,
    pairs_apart,
)
from audit_lib.leaks.tables import PRODUCTION, searched_whole
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.requests import Window, within
from audit_lib.logins.traffic import BEGUN

GUESSED, USED, OUTAGE = "guessed logins", "leaked value used", "outage"
CUT_OFF, EXPOSED = "known clients cut off", "our own exposure"
ATTACKS = (USED, GUESSED)
MOST = 3  # names and incidents in one point
URLS = "secret-in-url"


@dataclass
class Explanation:
    """What makes it likely by itself, what only possible, what speaks against it, and what is missing."""

    name: str
    shown: list[str] = field(default_factory=list)
    hinted: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ()  # those that it is about, the most conspicuous first
    doubted: bool = False  # something against it explains what speaks for it as well
    ruled_out: bool = False  # a point against it has all that it rests on

    @property
    def rating(self) -> str:
        """likely | possible | unlikely; unknown if nothing speaks for it, and nothing rules it out."""
        if self.shown and not self.doubted:
            return "likely"
        if self.shown or self.hinted:
            return "possible"
        return "unlikely" if self.ruled_out else "unknown"

    @property
    def points(self) -> tuple[str, ...]:
        """What speaks for it, the strongest first."""
        return (*self.shown, *self.hinted)

    def rule_out(self, text: str) -> None:
        """A point against it whose evidence would have shown otherwise."""
        self.against.append(text)
        self.ruled_out = True

    def lack(self, *texts: str) -> None:
        """Evidence that would decide and is not there; "" is none."""
        self.missing += [text for text in texts if text and text not in self.missing]


def explain(case: Case, exposure: pd.DataFrame) -> tuple[Explanation, ...]:
    """The five, the best supported first; of one rating those that name somebody.

    Of a secret that callers do not send, what failed at the login says nothing.
    """
    found = [_used(case, exposure), _exposed(case, exposure)]
    if _callers_send(case):
        found[1:1] = [_guessed(case), _outage(case), _cut_off(case)]
    else:
        lacking = f"callers do not send {case.secret}: what failed at the login says nothing of it"
        found[1:1] = [Explanation(name, missing=[lacking]) for name in (GUESSED, OUTAGE, CUT_OFF)]
    if not case.is_seen:
        for one in found:
            one.missing.insert(0, "log lines of the window: none could be read")
            one.ruled_out &= one.name == EXPOSED
    found.sort(key=lambda one: (RATINGS.index(one.rating), not one.addresses, _is_mere_leak(case, one)))
    return tuple(found)


def supported(case: Case, explained: Iterable[Explanation]) -> list[Explanation]:
    """Those that something speaks for in what happened, the best first."""
    return [one for one in explained if one.points and not _is_mere_leak(case, one)]


def _is_mere_leak(case: Case, one: Explanation) -> bool:
    """That a value has leaked says nothing of its use, unless somebody asks about it."""
    return one.name == USED and not one.addresses and not case.secret


def tabulate_explanations(explained: Iterable[Explanation]) -> pd.DataFrame:
    """`Explanations`, in their order."""
    return Explanations.of(
        {
            "rank": rank,
            "explanation": one.name,
            "rating": one.rating,
            "speaks_for": "; ".join(one.points),
            "speaks_against": "; ".join(one.against),
            "missing": "; ".join(one.missing),
            "addresses": ", ".join(one.addresses),
        }
        for rank, one in enumerate(explained, 1)
    )


def few(names: Iterable[str]) -> str:
    """`A, B, C and 2 more`."""
    return in_words.few(names, MOST)


def _callers_send(case: Case) -> bool:
    """Whether callers send the secret that is asked for, by the policy: only then do logins concern it."""
    names = case.rules.caller_secrets
    return not case.secret or not names or case.secret in names


def _in_words(incidents: Iterable[Incident]) -> str:
    """The gravest of some incidents: whose, what, how many."""
    ordered = sorted(incidents, key=lambda one: (-one.count, one.client, one.subject))
    return ", ".join(
        f"{one.client or one.subject or few(sorted(one.clients)) or 'no address is named'}: "
        f"{one.classification} ({one.count})"
        for one in ordered[:MOST]
    )


def _may_have_missed(case: Case, about: str, *detections: str) -> list[str]:
    """Why the detections of something may have missed it: that never speaks against."""
    return [f"{about} may have been missed: {reason}" for reason in case.doubts(*detections)]


def _guessed(case: Case) -> Explanation:
    """Grave guessing shows it, and so does guessing that ended in a success; anything less hints at it."""
    one = Explanation(GUESSED)
    guesses, entered = case.threats(*GUESSING), case.found(LET_IN)
    grave = [found for found in guesses if entered or found.severity in ("high", "critical")]
    rest = [found for found in guesses if found not in grave]
    one.shown += [_in_words(grave)] if grave else []
    one.hinted += [_in_words(rest)] if rest else []
    if entered:
        (one.shown if guesses else one.hinted).append(_in_words(entered))
    if not guesses and not entered and case.are_none(*GUESSING, LET_IN):
        one.rule_out("no guessing and no spraying was found")
        accidents = [found for found in case.found(KNOWN_CLIENTS) if found.classification]
        one.against += [f"what failed has another cause: {_in_words(accidents)}"] if accidents else []
    one.lack(case.hidden_callers, *_may_have_missed(case, "guessing", *GUESSING, LET_IN))
    one.addresses = tuple(dict.fromkeys((*names_of(entered), *names_of(guesses))))
    return one


def _used(case: Case, exposure: pd.DataFrame) -> Explanation:
    """Somebody new who was answered without a guess shows it while a value is known to have leaked.

    What leaked counts if it is of production, or of the secret that is asked for, and open in the window.
    """
    one, leaked = Explanation(USED), exposure[exposure["leaked"]]
    spans = [
        (row, span_of(row, case.as_of))
        for row in rows(leaked)
        if case.secret or row.environment == PRODUCTION
    ]
    at_stake = [
        (row, span)
        for row, span in spans
        if span.since <= case.window.until and span.until >= case.window.since
    ]
    if at_stake:
        one.hinted.append(f"known to have leaked: {', '.join(sorted({row.secret for row, _ in at_stake}))}")
    for environment in sorted({*leaked["environment"]} - {row.environment for row, _ in at_stake}):
        one.lack(f"whether a leaked value of {environment} opened anything in the window")
    searched, whole = was_searched_for(case), searched_whole(case.leaked.coverage)
    one.lack("" if searched else "each value of the time, to search for: an env file or export that holds it")
    one.lack("" if whole else "a complete search of files and history: what was left out may hold a leak")
    never_leaked = leaked.empty and searched and whole
    one.against += ["no leak of the secret is known"] if never_leaked else []
    if not _callers_send(case):
        one.lack(f"who used {case.secret}: callers do not send it, its provider's log would say")
        one.ruled_out = never_leaked
        return one
    quiet = [new for new in case.new_addresses if not new.guessed]
    used = [new for new in quiet if any(span.since <= new.first_at <= span.until for _, span in at_stake)]
    if used:
        one.shown.append(f"new addresses were answered at once while it was exposed: {_named(case, used)}")
    elif quiet:
        one.hinted.append(f"new addresses were answered without having guessed: {_named(case, quiet)}")
    elif case.shows_nobody_new:
        one.rule_out("nobody of a new network was let in, or answered on a protected route")
    elif case.new_addresses and not case.lacks_history and not case.doubts(LET_IN):
        one.rule_out(f"{few(new.name for new in case.new_addresses)} guessed before being answered")
    one.lack("whose address it is: a new user looks the same" if quiet else "")
    one.lack("which token a request carried: the logs do not say")
    one.lack(*_may_have_missed(case, "new addresses", LET_IN))
    days = case.rules.thresholds["let-in"].days
    text = f"logs of {days:.0f} days before the window: without them nobody is known to be new"
    one.lack(text if case.lacks_history else "")
    one.addresses = tuple(new.name for new in used or quiet)
    return one


def _named(case: Case, found: Iterable[NewAddress]) -> str:
    return few(
        f"{one.name} ({one.successes} times since {briefly(one.first_at, case.as_of)})" for one in found
    )


def _outage(case: Case) -> Explanation:
    """That nearly all requests failed shows it; a deploy or a broken pair just then is its cause."""
    one, outage = Explanation(OUTAGE), find_outage(case)
    one.lack(*_may_have_missed(case, "an outage", KNOWN_CLIENTS, APPLICATION))
    if outage is None:
        if not case.doubts(KNOWN_CLIENTS, APPLICATION):
            one.rule_out("at no time did nearly everyone fail")
        return one
    since, until = (briefly(at, case.as_of) for at in (outage.first_at, outage.last_at))
    one.shown.append(f"{outage} from {since} to {until}, nearly all there were")
    before, after = deploys_around(case, outage)
    if before:
        cause = ", set off by changed variables" if is_of_variables(before) else ""
        began = briefly(before.began_at, case.as_of)
        one.hinted.append(f"a deploy of {began} took effect just before{cause} ({before.evidence})")
        one.hinted += [f"it ended just before the next deploy began ({after.evidence})"] if after else []
        one.lack("which variables were changed: the platform's event list would say")
    if case.read.deploys.empty:
        one.lack("a deploy list: name an export in audit.toml ([[deploys]])")
    for pair in pairs_apart(case)[: 0 if outage.errors else MOST]:
        if not pair.within(case.window):
            one.lack(f"whether {pair.secret} and {pair.other} differed in the window, too")
            continue
        one.hinted.append(str(pair))
        answered = answered_while_apart(case, pair, outage.first_at)
        one.against += [answered] if answered else []
    return one


def _cut_off(case: Case) -> Explanation:
    """Known clients that failed after a rotation show it; after a start or a deploy they hint at it."""
    one = Explanation(CUT_OFF)
    after = sorted(
        (found for found in case.found(KNOWN_CLIENTS) if found.cause), key=lambda found: -found.count
    )
    rule = case.policy.rule(case.secret) if case.secret else None
    mine = {case.secret, *rule.equals, *rule.rotates_with} if rule else {case.secret}
    rotated = [
        found for found in after if found.cause not in BEGUN and (not case.secret or found.subject in mine)
    ]
    begun = [found for found in after if found.cause in BEGUN]
    one.shown += [f"{found.classification} ({few(names_of(after))})" for found in rotated[:2]]
    if begun and not rotated:
        one.hinted.append(f"{begun[0].classification} ({few(names_of(after))})")
    if rotated or begun:
        one.addresses = names_of(after)
    if rotated and (early := _before_start(case, rotated[0], one.addresses)):
        one.against.append(f"{early}: a process that has the old value answers those that send it")
    outage = find_outage(case)
    broken = any(pair.within(case.window) for pair in pairs_apart(case))
    if outage and not outage.errors and (broken or deploys_around(case, outage)[0]):
        one.against.append("nearly everyone failed, those with the new value too")
        one.doubted = True
    if case.changes_seen and case.are_none(KNOWN_CLIENTS):
        one.rule_out("nobody who was answered before failed after a change")
    one.lack("" if case.changes_seen else "a snapshot just before and after each rotation")
    one.lack(*_may_have_missed(case, "clients that failed after a change", KNOWN_CLIENTS))
    return one


def _before_start(case: Case, rotated: Incident, clients: Iterable[str]) -> str:
    """How many refusals surely came before the first start after a change: until then the old value held."""
    start = first_start(case.events, rotated.first_at)
    if start is None or rotated.first_at is None:
        return ""
    near = within(case.requests, Window(rotated.first_at, start["at"]))
    near = near[near["refused"] & near["client"].isin(list(clients)) & near["not_after_at"].lt(start["at"])]
    count = int(near["count"].sum())
    return (
        f"{count} of its failures were before the start in {start['file']}:{start['line']}" if count else ""
    )


def _exposed(case: Case, exposure: pd.DataFrame) -> Explanation:
    """A public variable that holds the value shows it; a secret in a URL of the window hints at it."""
    one, secret, urls = Explanation(EXPOSED), case.secret, case.found(URLS)
    one.hinted += [f"a value stands in the URL of requests: {_in_words(urls)}"] if urls else []
    one.lack(*_may_have_missed(case, "a value in a URL", URLS))
    if not secret:
        one.lack("which secret was seen: name it (secret), or ask `whose`")
        return one
    known, twins, sources = values_of(case, secret), public_twins(case, secret), case.read.sources
    expected = sources["kind"].isin(("env file", "export", "given values")) & sources["state"].ne("read")
    unread = sorted(sources.loc[expected, "source"])
    if twins:
        one.shown.append(f"{', '.join(twins)} holds the value and is built into what every browser loads")
        one.hinted.append("rotation will not contain it: the next build publishes the new value as well")
    elif known and not unread:
        one.against.append("no public variable holds the value")
        one.ruled_out = case.are_none(URLS)
    one.lack(
        "" if known else "a value of the secret: no env file, snapshot or commit that was read holds one"
    )
    one.lack(f"the values of {few(unread)}, which may hold it" if unread else "")
    if exposure["leaked"].any():
        one.against.append("a leak outside the bundle is known")
        one.doubted = True
    return one
