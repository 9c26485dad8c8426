"""What may explain an incident: for each explanation what speaks for it, what against, what is missing.

What happened is what the detections say, and nothing else: what they found counts for or against,
what they did not find counts only if they say "none", and what they cannot say is missing evidence.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident import outages, pairs
from audit_lib.incident.addresses import NOBODY_NEW, NewAddress, lacks_history, new_addresses, nobody_new
from audit_lib.incident.contracts import Explanations
from audit_lib.incident.explanation import SHOWN, Explanation, callers_send, few, of_logins
from audit_lib.incident.exposure_windows import span, tabulate_exposure_windows
from audit_lib.incident.failed_logins import explain_brute_force, explain_stale_client
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.ruled_out import (
    BY_ADDRESSES,
    BY_ANSWERS,
    BY_CALLERS,
    BY_DEPLOYS,
    BY_HALVES,
    BY_OUTAGES,
    BY_PLACES,
    BY_SEARCH,
)
from audit_lib.incident.secret_values import fingerprints, public_twins, unread_places, was_searched_for
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.leaks.tables import PRODUCTION, searched_whole


def tabulate_explanations(investigation: Investigation) -> pd.DataFrame:
    """`Explanations`, the best supported first; ties in the order of `EXPLANATIONS`."""
    return investigation.of_both("explanations", lambda: _explanations(investigation))


def best_explanation(investigation: Investigation) -> Any | None:
    """The row of the best one, if it is likely or possible; None if nothing speaks for any."""
    first = next(rows(tabulate_explanations(investigation)))
    return first if first.verdict in ("likely", "possible") else None


def suspect(investigation: Investigation) -> str:
    """The address to look at first: the best explanation's, else whoever was refused most."""
    best = best_explanation(investigation)
    if best and best.addresses:
        return str(best.addresses).partition("; ")[0]
    clients = investigation.clients
    named = clients.loc[clients["client"] != "", "client"]
    return str(named.iloc[0]) if len(named) else ""


def _explanations(investigation: Investigation) -> pd.DataFrame:
    cases = [explain(investigation) for explain in EXPLANATIONS]
    order = ("likely", "possible", "unknown", "unlikely")
    cases.sort(key=lambda case: (order.index(case.verdict), -case.weight))
    return Explanations.of(
        {
            "rank": rank,
            "explanation": case.name,
            "verdict": case.verdict,
            "weight": case.weight,
            "speaks_for": "; ".join(text for _, text in case.found),
            "speaks_against": "; ".join(text for _, text in case.against),
            "missing": "; ".join(case.missing),
            "addresses": "; ".join(case.addresses),
        }
        for rank, case in enumerate(cases, 1)
    )


def _own_bundle(investigation: Investigation) -> Explanation:
    case = Explanation("our own bundle explains the sighting", investigation)
    secret = investigation.secret
    case.lacks("which secret was seen: name it (secret), or ask `whose`", not secret)
    if not secret:
        return case
    twins = public_twins(investigation, secret)
    text = f"{', '.join(twins)} holds the value and is built into what every browser loads"
    case.pro(3, text, twins)
    case.pro(1, "rotation will not contain it: the next build publishes the new value as well", twins)
    known, unread = fingerprints(investigation, secret), unread_places(investigation)
    case.rules_out(BY_PLACES, 2, "no public variable holds the value", not twins)
    case.lacks("a value of the secret: no env file, snapshot or commit that was read holds one", not known)
    case.lacks(f"the values of {few(unread)}, which may hold it", unread)
    leaked = tabulate_exposure_windows(investigation)["leaked"].any()
    case.contra(2, "a leak outside the bundle is known", leaked)
    used = _used_after_leak(investigation)
    case.contra(1, f"new addresses were answered: {_named(investigation, used)}", used)
    return case


def _used_after_leak(investigation: Investigation) -> list[NewAddress]:
    """New addresses first answered in the exposure window of a value that leaked, without having guessed."""
    if not callers_send(investigation):
        return []
    spans = [span(row, investigation.as_of) for row in rows(_at_stake(investigation))]
    quiet = [one for one in new_addresses(investigation) if not one.guessed]
    return [one for one in quiet if any(s.since <= one.first_at <= s.until for s in spans)]


def _at_stake(investigation: Investigation) -> pd.DataFrame:
    """The exposure windows of what leaked: of production, or of the secret that is asked for, and open to
    use before the window ends."""
    windows, window = tabulate_exposure_windows(investigation), investigation.window
    leaked = windows[windows["leaked"]]
    mine = leaked["environment"].eq(PRODUCTION) | bool(investigation.secret)
    spans = [span(row, investigation.as_of) for row in rows(leaked)]
    here = pd.Series([one.since <= window.until and one.until >= window.since for one in spans], leaked.index)
    return leaked[mine & here.astype(bool)]


def _leaked_and_used(investigation: Investigation) -> Explanation:
    case = Explanation("leaked and used", investigation)
    windows = tabulate_exposure_windows(investigation)
    leaked = windows[windows["leaked"]]
    stake = _at_stake(investigation)
    case.pro(1, f"known to have leaked: {', '.join(sorted(set(stake['secret'])))}", len(stake))
    for environment in sorted({*leaked["environment"]} - {*stake["environment"]}):
        case.lacks(f"whether a leaked value of {environment} opened anything in the window")
    case.rules_out(BY_SEARCH, 2, "no leak of the secret is known", leaked.empty)
    text = "each value of the time, to search for: an env file or export that holds it"
    case.lacks(text, not was_searched_for(investigation))
    text = "a complete search of files and history: what was left out may hold a leak"
    case.lacks(text, not searched_whole(investigation.leak_coverage))
    if not callers_send(investigation):
        case.lacks(f"who used {investigation.secret}: callers do not send it, its provider's log would say")
        return case
    used = _used_after_leak(investigation)
    text = f"new addresses were answered at once while it was exposed: {_named(investigation, used)}"
    case.pro(4, text, used)
    case.rules_out(BY_ADDRESSES, 2, NOBODY_NEW, len(leaked) and not used and nobody_new(investigation))
    case.lacks("which token a request carried: the logs do not say")
    case.doubts("new addresses", detected_in_window(investigation).doubts("let-in"))
    case.lacks(*lacks_history(investigation))
    case.addresses = tuple(one.client for one in used)
    return case


def _pair_break(investigation: Investigation) -> Explanation:
    case, told = of_logins("pair break", investigation)
    if not told:
        return case
    detected, outage = detected_in_window(investigation), outages.worst_outage(investigation)
    named = any(rule.equals for rule in investigation.policy.secrets)
    case.lacks("a pair: the policy names none (equals)", not named)
    if outage is not None and named:
        case.pro(2, f"{outages.in_words(investigation, outage)}, nearly all there were")
    # A pair that differs all along would have shut everyone out all along.
    answered = pairs.answered_while_apart(investigation)
    case.rules_out(BY_ANSWERS, 3, answered, answered)
    unequal = pairs.unequal_pairs(investigation)
    case.pro(2, "; ".join(unequal[:SHOWN]), unequal)
    for halves in pairs.unequal_since(investigation)[:SHOWN]:
        case.lacks(f"whether {halves} did differ already in the window: a snapshot of then would show it")
    equal = pairs.has_equal_pairs(investigation)
    text = "both halves of every pair that was compared are equal, and were"
    case.rules_out(BY_HALVES, 2, text, equal and not unequal)
    case.lacks("values of both halves of a pair", not (equal or unequal))
    case.rules_out(
        BY_OUTAGES, 2, "at no time did nearly everyone fail", detected.are_none("known-clients-failing")
    )
    case.doubts("an outage", detected.doubts("known-clients-failing"))
    case.lacks("what the last build of the frontend holds: search its bundle (`leaks`)")
    return case


def _changed_by_a_deploy(investigation: Investigation) -> Explanation:
    case, told = of_logins("variables changed by a deploy", investigation)
    if not told:
        return case
    detected, outage = detected_in_window(investigation), outages.worst_break(investigation)
    case.lacks("a deploy list: name an export in audit.toml ([[deploys]])", investigation.deploys.empty)
    never = outage is None and detected.are_none("known-clients-failing")
    case.rules_out(BY_OUTAGES, 2, "at no time did nearly everyone fail", never)
    case.doubts("an outage", detected.doubts("known-clients-failing"))
    if outage is None:
        return case
    before, after = outages.deploy_before(investigation, outage), outages.deploy_after(investigation, outage)
    text = outages.in_words(investigation, outage)
    if before is None:
        case.rules_out(BY_DEPLOYS, 2, f"{text}, and the deploy list has no deploy just before", True)
        return case
    took = f"a deploy of {briefly(before.began_at, investigation.as_of)} took effect just before"
    case.pro(3, f"{text}; {took}, set off by changed variables ({before.evidence})", before.of_variables)
    case.pro(1, f"{text}; {took} ({before.evidence})", not before.of_variables)
    case.pro(1, f"it ended just before the next deploy began ({after and after.evidence})", after)
    case.lacks("which variables were changed: the platform's event list would say")
    return case


def _proxy_collapse(investigation: Investigation) -> Explanation:
    case, told = of_logins("proxy collapse", investigation)
    if not told:
        return case
    detected = detected_in_window(investigation)
    limited = int(investigation.here.loc[investigation.here["status"].eq(429), "count"].sum())
    unusual = detected.alarms("known-clients-failing")
    case.pro(2, detected.proxied, detected.proxied)
    text = f"{limited} requests over the limit; the limiter may count the proxy as one client"
    case.pro(2, text, detected.proxied and limited)
    text = "; ".join(alarm.classification for alarm in unusual[:SHOWN])
    case.pro(1, text, detected.proxied and not limited and unusual)
    case.rules_out(BY_CALLERS, 3, "the log names the addresses of many callers", True)
    case.lacks(detected.few, detected.few and not detected.proxied)
    case.lacks("the proxy's own log, or X-Forwarded-For from a proxy that is trusted", detected.proxied)
    return case


def _quiet_misuse(investigation: Investigation) -> Explanation:
    case, told = of_logins("quiet misuse", investigation)
    if not told:
        return case
    new = new_addresses(investigation)
    quiet, guessed = ([one for one in new if one.guessed is wanted] for wanted in (False, True))
    text = f"new addresses were answered without having guessed: {_named(investigation, quiet)}"
    case.pro(3, text, quiet)
    text = f"{few(one.client for one in guessed)} guessed before being answered"
    case.rules_out(BY_ADDRESSES, 2, text, guessed and not quiet)
    case.contra(1, "a leak that is known explains it", _used_after_leak(investigation))
    case.rules_out(BY_ADDRESSES, 2, NOBODY_NEW, nobody_new(investigation))
    case.lacks("whose address it is: a new user looks the same", quiet)
    case.doubts("new addresses", detected_in_window(investigation).doubts("let-in"))
    case.lacks(*lacks_history(investigation))
    case.addresses = tuple(one.client for one in quiet)
    return case


def _named(investigation: Investigation, found: Iterable[NewAddress]) -> str:
    return ", ".join(
        f"{one.client} ({one.successes} times since {briefly(one.first_at, investigation.as_of)})"
        for one in list(found)[:SHOWN]
    )


EXPLANATIONS: tuple[Callable[[Investigation], Explanation], ...] = (
    _leaked_and_used,
    explain_brute_force,
    _changed_by_a_deploy,
    _pair_break,
    explain_stale_client,
    _proxy_collapse,
    _quiet_misuse,
    _own_bundle,
)
