"""What may explain an incident: five explanations, each with what speaks for it, against it, and is missing.

What happened is what the detections say, and nothing else: what they found counts for or against,
what they did not find counts only if they say "none", and what they cannot say is missing evidence.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from audit_lib.base import in_words
from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident import outages, pairs
from audit_lib.incident.addresses import (
    GOT_IN,
    GUESSING,
    NOBODY_NEW,
    NewAddress,
    addresses,
    lacks_history,
    new_addresses,
    nobody_new,
)
from audit_lib.incident.contracts import Explanations
from audit_lib.incident.exposure_windows import span, tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.secret_values import (
    coupled,
    fingerprints,
    held_throughout,
    public_twins,
    unread_places,
    was_searched_for,
)
from audit_lib.incident.timeline import first_start
from audit_lib.incident.window_detections import changes_seen, detected_in_window
from audit_lib.leaks.tables import PRODUCTION, searched_whole
from audit_lib.logins.changes import BEGUN
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.requests import Window, within

GUESSED, USED, OUTAGE = "guessed logins", "leaked value used", "outage"
CUT_OFF, EXPOSED = "known clients cut off", "our own exposure"
# What must have been seen before each is called unlikely (docs/detections.md#what-unlikely-needs).
UNLIKELY_NEEDS = {
    GUESSED: "all that *none* of guessing, spraying and let-in needs",
    USED: "all that *none* of let-in needs, and older logs; or, of a secret that callers do not send, its "
    "values of the time and a whole search for them",
    OUTAGE: "all that *none* of known-clients-failing and application-failing needs",
    CUT_OFF: "all that *none* of known-clients-failing needs, and snapshots just before and after",
    EXPOSED: "a value of the secret, each env file and export, and all that *none* of secret-in-url needs",
}
SHOWN = 3  # names and incidents in one point
few = partial(in_words.few, most=SHOWN)


@dataclass
class Explanation:
    """What speaks for it, what against, and which evidence is missing."""

    name: str
    shown: list[str] = field(default_factory=list)  # what by itself makes it likely
    hinted: list[str] = field(default_factory=list)  # what makes it possible
    against: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ()  # those that it is about, the most conspicuous first
    happened: bool = True  # what speaks for it lies in the window: that a value leaked once does not
    doubted: bool = False  # something against it explains what speaks for it as well
    ruled_out: bool = False  # a point against it has all that it rests on

    @property
    def verdict(self) -> str:
        """likely, possible, unlikely; unknown if nothing speaks for it, and nothing rules it out."""
        if self.shown and not self.doubted:
            return "likely"
        if self.shown or self.hinted:
            return "possible"
        return "unlikely" if self.ruled_out else "unknown"

    @property
    def speaks_for(self) -> list[str]:
        """What speaks for it, the strongest first."""
        return [*self.shown, *self.hinted]

    def lacks(self, text: str, holds: object = True) -> None:
        """Evidence that would decide and is not there."""
        if holds and text and text not in self.missing:
            self.missing.append(text)

    def rule_out(self, text: str) -> None:
        """A point against it whose evidence would have shown otherwise."""
        self.against.append(text)
        self.ruled_out = True


def explanations(investigation: Investigation) -> tuple[Explanation, ...]:
    """The five, the best supported first; of one verdict those that name somebody, then what happened."""
    return investigation.of_both("explanations", lambda: _ranked(investigation))


def _ranked(investigation: Investigation) -> tuple[Explanation, ...]:
    order = ("likely", "possible", "unknown", "unlikely")
    cases = [explain(investigation) for explain in _EXPLAIN]
    if not investigation.seen:
        for case in cases:
            case.missing.insert(0, "log lines of the window: none could be read")
            case.ruled_out &= case.name == EXPOSED
    cases.sort(key=lambda case: (order.index(case.verdict), not case.addresses, not case.happened))
    return tuple(cases)


def tabulate_explanations(investigation: Investigation) -> pd.DataFrame:
    """`Explanations`, the best supported first."""
    return Explanations.of(
        {
            "rank": rank,
            "explanation": case.name,
            "verdict": case.verdict,
            "speaks_for": "; ".join(case.speaks_for),
            "speaks_against": "; ".join(case.against),
            "missing": "; ".join(case.missing),
            "addresses": "; ".join(case.addresses),
        }
        for rank, case in enumerate(explanations(investigation), 1)
    )


def supported(investigation: Investigation) -> tuple[Explanation, ...]:
    """Those that something speaks for, the best first."""
    return tuple(case for case in explanations(investigation) if case.speaks_for)


def best_explanation(investigation: Investigation) -> Explanation | None:
    """The best supported; None if nothing speaks for any."""
    return next(iter(supported(investigation)), None)


def suspect(investigation: Investigation) -> str:
    """The address to look at first: the best explanation's, else whoever was refused most."""
    best = best_explanation(investigation)
    if best and best.addresses:
        return best.addresses[0]
    clients = investigation.clients
    named = clients.loc[clients["client"] != "", "client"]
    return str(named.iloc[0]) if len(named) else ""


def callers_send(investigation: Investigation) -> bool:
    """Whether callers send the secret that is asked for, by the policy: only then do logins concern it."""
    names = investigation.rules.caller_secrets
    return not investigation.secret or not names or investigation.secret in names


def _of_logins(name: str, investigation: Investigation) -> tuple[Explanation, bool]:
    """An explanation by what happened at the login, and whether that says anything of what is asked."""
    case, sent = Explanation(name), callers_send(investigation)
    text = f"callers do not send {investigation.secret}: what failed at the login says nothing of it"
    case.lacks(text, not sent)
    return case, sent


def _doubts(case: Explanation, investigation: Investigation, about: str, *detections: str) -> None:
    """Why the detections of something may have missed it: that never speaks against."""
    for reason in detected_in_window(investigation).doubts(*detections):
        case.lacks(f"{about} may have been missed: {reason}")


def _guessed(investigation: Investigation) -> Explanation:
    """Grave guessing shows it, and so does guessing that ended in a success; anything less hints at it."""
    case, told = _of_logins(GUESSED, investigation)
    if not told:
        return case
    detected = detected_in_window(investigation)
    guesses, entered = detected.threats(*GUESSING), detected.alarms(GOT_IN)
    grave = bool(guesses and entered)
    for name, alarms in guesses.items():
        worst = any(alarm.severity in ("high", "critical") for alarm in alarms)
        (case.shown if worst or grave else case.hinted).append(f"{_in_words(alarms)} ({name})")
    if entered:
        (case.shown if guesses else case.hinted).append(f"{_in_words(entered)} (let in)")
    if not guesses and not entered and detected.are_none(*GUESSING, GOT_IN):
        accidents = [alarm for alarm in detected.alarms("known-clients-failing") if alarm.classification]
        case.rule_out("no guessing and no spraying was found")
        if accidents:
            case.against.insert(0, f"what failed has another cause: {_in_words(accidents)}")
    case.lacks(detected.proxied or detected.few)
    _doubts(case, investigation, "guessing", *GUESSING, GOT_IN)
    names = (*addresses(entered), *addresses(alarm for found in guesses.values() for alarm in found))
    case.addresses = tuple(dict.fromkeys(names))
    return case


def _in_words(alarms: Iterable[Incident]) -> str:
    """The gravest of some incidents: whose, what, how many."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.count, alarm.client, alarm.subject))
    return ", ".join(
        f"{alarm.client or alarm.subject or few(sorted(alarm.clients)) or 'no address is named'}: "
        f"{alarm.classification} ({alarm.count})"
        for alarm in ordered[:SHOWN]
    )


def _used(investigation: Investigation) -> Explanation:
    """Somebody new who was answered without a guess shows it while a value is known to have leaked."""
    case, windows = Explanation(USED), tabulate_exposure_windows(investigation)
    leaked, stake = windows[windows["leaked"]], _at_stake(investigation)
    if len(stake):
        case.hinted.append(f"known to have leaked: {', '.join(sorted(set(stake['secret'])))}")
    for environment in sorted({*leaked["environment"]} - {*stake["environment"]}):
        case.lacks(f"whether a leaked value of {environment} opened anything in the window")
    searched = was_searched_for(investigation) and searched_whole(investigation.leak_coverage)
    if leaked.empty and searched:
        case.against.append("no leak of the secret is known")
    text = "each value of the time, to search for: an env file or export that holds it"
    case.lacks(text, not was_searched_for(investigation))
    text = "a complete search of files and history: what was left out may hold a leak"
    case.lacks(text, not searched_whole(investigation.leak_coverage))
    if not callers_send(investigation):
        case.lacks(f"who used {investigation.secret}: callers do not send it, its provider's log would say")
        case.ruled_out = leaked.empty and searched
        return case
    _of_new_addresses(case, investigation, stake)
    return case


def _of_new_addresses(case: Explanation, investigation: Investigation, stake: pd.DataFrame) -> None:
    spans = [span(row, investigation.as_of) for row in rows(stake)]
    new = new_addresses(investigation)
    quiet = [one for one in new if not one.guessed]
    used = [one for one in quiet if any(it.since <= one.first_at <= it.until for it in spans)]
    if used:
        named = _named(investigation, used)
        case.shown.append(f"new addresses were answered at once while it was exposed: {named}")
    elif quiet:
        named = _named(investigation, quiet)
        case.hinted.append(f"new addresses were answered without having guessed: {named}")
    elif new and not detected_in_window(investigation).doubts(GOT_IN) and not lacks_history(investigation)[1]:
        case.rule_out(f"{few(one.client for one in new)} guessed before being answered")
    elif nobody_new(investigation):
        case.rule_out(NOBODY_NEW)
    case.happened = bool(quiet)
    case.lacks("whose address it is: a new user looks the same", quiet)
    case.lacks("which token a request carried: the logs do not say")
    _doubts(case, investigation, "new addresses", GOT_IN)
    case.lacks(*lacks_history(investigation))
    case.addresses = tuple(one.client for one in used or quiet)


def _at_stake(investigation: Investigation) -> pd.DataFrame:
    """The exposure windows of what leaked: of production, or of the secret that is asked for, and open to
    use before the window ends."""
    windows, window = tabulate_exposure_windows(investigation), investigation.window
    leaked = windows[windows["leaked"]]
    mine = leaked["environment"].eq(PRODUCTION) | bool(investigation.secret)
    spans = [span(row, investigation.as_of) for row in rows(leaked)]
    here = pd.Series([one.since <= window.until and one.until >= window.since for one in spans], leaked.index)
    return leaked[mine & here.astype(bool)]


def _named(investigation: Investigation, found: Iterable[NewAddress]) -> str:
    return ", ".join(
        f"{one.client} ({one.successes} times since {briefly(one.first_at, investigation.as_of)})"
        for one in list(found)[:SHOWN]
    )


def _outage(investigation: Investigation) -> Explanation:
    """That nearly all requests failed shows it; a deploy or a broken pair just then is its cause."""
    case, told = _of_logins(OUTAGE, investigation)
    if not told:
        return case
    outage = outages.worst_break(investigation)
    _doubts(case, investigation, "an outage", "known-clients-failing", "application-failing")
    if outage is None:
        if not detected_in_window(investigation).doubts("known-clients-failing", "application-failing"):
            case.rule_out("at no time did nearly everyone fail")
        return case
    case.shown.append(f"{outages.in_words(investigation, outage)}, nearly all there were")
    _of_deploys(case, investigation, outage)
    unequal = () if outage.errors else pairs.unequal_pairs(investigation)
    case.hinted += unequal[:SHOWN]
    answered = pairs.answered_while_apart(investigation)
    if unequal and answered:
        case.against.append(answered)
    for halves in pairs.unequal_since(investigation)[:SHOWN]:
        case.lacks(f"whether {halves} did differ already in the window: a snapshot of then would show it")
    case.lacks("what the last build of the frontend holds: search its bundle (`leaks`)", not outage.errors)
    return case


def _of_deploys(case: Explanation, investigation: Investigation, outage: outages.Outage) -> None:
    case.lacks("a deploy list: name an export in audit.toml ([[deploys]])", investigation.deploys.empty)
    before, after = outages.deploy_before(investigation, outage), outages.deploy_after(investigation, outage)
    if before is None:
        if outages.is_listed(investigation, outage.first_at):
            case.against.append("no deploy just before: the deploy list has none")
        return
    how = ", set off by changed variables" if before.of_variables else ""
    took = f"a deploy of {briefly(before.began_at, investigation.as_of)} took effect just before"
    case.hinted.append(f"{took}{how} ({before.evidence})")
    if after:
        case.hinted.append(f"it ended just before the next deploy began ({after.evidence})")
    case.lacks("which variables were changed: the platform's event list would say")


def _cut_off(investigation: Investigation) -> Explanation:
    """Known clients that failed after a rotation show it; after a start or a deploy they hint at it."""
    case, told = _of_logins(CUT_OFF, investigation)
    if not told:
        return case
    failing = detected_in_window(investigation).alarms("known-clients-failing")
    after = sorted((one for one in failing if one.cause), key=lambda one: -one.count)
    clients = addresses(after)
    mine = {investigation.secret, *coupled(investigation, investigation.secret)}
    rotated = [one for one in after if one.cause not in BEGUN]
    rotated = [one for one in rotated if not investigation.secret or one.subject in mine]
    begun = [one for one in after if one.cause in BEGUN]
    case.shown += [f"{one.classification} ({few(clients)})" for one in rotated[:2]]
    if begun and not rotated:
        case.hinted.append(f"{begun[0].classification} ({few(clients)})")
    if rotated or begun:
        case.addresses = clients
    if rotated and (early := _before_start(investigation, rotated[0], clients)):
        case.against.append(f"{early}: a process that has the old value answers those that send it")
    outage = outages.worst_outage(investigation)
    if outage and (outages.deploy_before(investigation, outage) or pairs.unequal_pairs(investigation)):
        case.against.append("nearly everyone failed, those with the new value too")
        case.doubted = True
    _of_changes(case, investigation)
    _doubts(case, investigation, "clients that failed after a change", "known-clients-failing")
    return case


def _of_changes(case: Explanation, investigation: Investigation) -> None:
    """What the snapshots say of changes in the window: one, none, or nothing."""
    named = (investigation.secret,) if investigation.secret else investigation.rules.caller_secrets
    mine = [one for one in investigation.tenures if not named or one.home.secret in named]
    held = {one.home for one in mine if held_throughout(investigation, one, investigation.window)}
    unchanged, changed = bool(mine) and {one.home for one in mine} == held, changes_seen(investigation)
    none = detected_in_window(investigation).are_none("known-clients-failing")
    if unchanged and none:
        case.rule_out("no value changed in the window: before and after it, it was the same")
    if changed and none:
        case.rule_out("nobody who was answered before failed after a change")
    case.lacks("a snapshot just before and after each rotation", not changed and not unchanged)


def _before_start(investigation: Investigation, rotated: Incident, clients: tuple[str, ...]) -> str:
    """How many refusals surely came before the first start after a change: until then the old value held."""
    start = first_start(investigation.events, rotated.first_at)
    if start is None or rotated.first_at is None:
        return ""
    near = within(investigation.requests, Window(rotated.first_at, start["at"]))
    near = near[near["refused"] & near["client"].isin(clients)]
    early = near[near["not_after_at"].lt(start["at"]) & near["not_before_at"].ge(rotated.first_at)]
    count = int(early["count"].sum())
    place = f"{start['file']}:{start['line']}"
    return f"{count} of its failures were before the start in {place}" if count else ""


def _exposed(investigation: Investigation) -> Explanation:
    """A public variable that holds the value shows it; a secret in a URL of the window hints at it."""
    case, secret = Explanation(EXPOSED), investigation.secret
    detected = detected_in_window(investigation)
    if urls := detected.alarms("secret-in-url"):
        case.hinted.append(f"a value stands in the URL of requests: {_in_words(urls)}")
    _doubts(case, investigation, "a value in a URL", "secret-in-url")
    if not secret:
        case.lacks("which secret was seen: name it (secret), or ask `whose`")
        return case
    if twins := public_twins(investigation, secret):
        case.shown.append(f"{', '.join(twins)} holds the value and is built into what every browser loads")
        case.hinted.append("rotation will not contain it: the next build publishes the new value as well")
    known, unread = fingerprints(investigation, secret), unread_places(investigation)
    if known and not unread and not twins:
        case.against.append("no public variable holds the value")
        case.ruled_out = detected.are_none("secret-in-url")
    case.lacks("a value of the secret: no env file, snapshot or commit that was read holds one", not known)
    case.lacks(f"the values of {few(unread)}, which may hold it", unread)
    windows = tabulate_exposure_windows(investigation)
    if windows["leaked"].any():
        case.against.append("a leak outside the bundle is known")
        case.doubted = True
    return case


_EXPLAIN: tuple[Callable[[Investigation], Explanation], ...] = (_used, _guessed, _outage, _cut_off, _exposed)
