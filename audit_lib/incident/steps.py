"""What to do about an incident, in order: what its cause asks for, then the steps of each rotation."""

import shlex
from collections.abc import Iterator

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.in_words import few
from audit_lib.incident.case import MOST, Case
from audit_lib.incident.explain import CUT_OFF, ENDED, EXPOSED, GUESSED, OUTAGE, USED, Explanation, supported
from audit_lib.incident.exposure import in_force
from audit_lib.incident.outage import find_outage, pairs_apart
from audit_lib.rotation.runbook import plan_of

GOT_IN, MAY_BE_IN, MANY, OWN, NEW = "got in", "may be in", "many", "own", "new"
_ASKED = {  # for what each cause asks before anything else, and when that is done
    GUESSED: ("Block the address at the edge: it guessed, no success is seen", "it sends no more requests"),
    MANY: ("Limit logins at the edge: to block one address of many helps little", "no more are refused"),
    MAY_BE_IN: ("Find out who of these got in: end sessions, reset accounts, block them", "none is left"),
    OWN: ("Ask who is refused there: it was let in before or since; block nobody", "it is answered again"),
    NEW: ("Ask whose these addresses are before anybody is blocked; keep logs", "each is known"),
    GOT_IN: ("Block who got in, end sessions, revoke new tokens, reset the accounts", "no session is left"),
    USED: ("Replace what they sent, end what came of it, block who is no user; keep logs", "it is refused"),
    OUTAGE: ("Find out what was changed just before, change it back; block nobody", "requests are answered"),
    CUT_OFF: ("Give the new value to the clients that fail; block nobody", "they are answered again"),
    ENDED: ("Ask whose client it is, give it a new token; block nobody", "it is answered again"),
    EXPOSED: ("Take the value out of public variables and URLs, and revoke it", "leaks finds it nowhere"),
}
_RETIRED = "whose says of the old value of {} that it is retired"
COLUMNS = ["number", "step", "place", "command", "done_when", "breaks"]
Step = tuple[str, str, str, str, str]  # what comes after the number


def tabulate_steps(case: Case, explained: tuple[Explanation, ...], exposure: pd.DataFrame) -> pd.DataFrame:
    """A frame of the steps by number: what the best explanation asks for, then the rotation of each secret.
    `command` is to be typed, `done_when` is how to see that it worked, `breaks` what it breaks meanwhile. Of
    a secret that is asked for all steps of its rotation are there, of others the command that lists them."""
    best, leaked = next(iter(supported(case, explained)), None), in_force(exposure)
    found = list(_first(case, best)) if best and (best.addresses or best.name != USED) else []
    found += _of_secret(case, exposure, leaked) if case.secret else ()
    for name, places in ({} if case.secret else leaked).items():
        text, plan = f"{name} has leaked and is in force: rotate it", f"rotate plan {name} --compromised"
        found.append((text, places, _typed(case, plan), _RETIRED.format(name), ""))
    text = "Nothing that was read asks for anything: look at what is missing, and supply it"
    found = found or [(text, "", "", "the explanations are decided", "")]
    return pd.DataFrame([(number, *step) for number, step in enumerate(found, 1)], columns=COLUMNS)


def _typed(case: Case, words: str) -> str:
    return f"audit-lib {words} --project {shlex.quote(str(case.project.root))}"


def _first(case: Case, best: Explanation) -> Iterator[Step]:
    name, names = _asked(case, best)
    text, done = _ASKED[name]
    if name == OUTAGE and not (best.hinted or case.changes_seen) and (outage := find_outage(case)):
        text = f"Find out why {outage.named or 'requests failed'}; block nobody"  # no change is on record
    look = f"investigate --since {iso(case.window.since)} --address {names[0]}" if names else ""
    yield text, few(names), _typed(case, look) if look and case.address not in names else "", done, ""
    for pair in pairs_apart(case) if best.name == OUTAGE else ():
        if pair.until == case.as_of:
            text = f"Give {pair.secret} and {pair.other} one value in {pair.environment}: they differ"
            yield text, "", _typed(case, f"rotate plan {pair.secret}"), "requests are answered again", ""


def _asked(case: Case, best: Explanation) -> tuple[str, tuple[str, ...]]:
    """What the best explanation asks for, and of whom: of who guessed those first who got in or may be in."""
    names, inside = best.addresses, {*case.activity.requests.query("let_in")["client"]}
    if best.name != GUESSED:
        return NEW if best.name == USED and not best.shown else best.name, names
    outside = tuple(name for name in names if name not in inside)
    maybe = tuple(case.new_addresses.query("guessed")["client"]) or tuple(case.many_tries.index)
    whom = ((GOT_IN, case.got_in), (MAY_BE_IN, maybe), (MANY, outside[MOST:] and outside))
    return next((each for each in (*whom, (GUESSED, outside), (OWN, names)) if each[1]), (MANY, ()))


def _of_secret(case: Case, exposure: pd.DataFrame, leaked: dict[str, str]) -> Iterator[Step]:
    ends = exposure.loc[exposure["leaked"], "ends_by"]  # of this secret alone: it is asked for
    if len(ends) and case.secret not in leaked:
        by = "; ".join(dict.fromkeys(ends))
        text = f"What leaked of {case.secret} has been replaced ({by}): do not rotate it for that again"
        yield text, "", _typed(case, "whose"), _RETIRED.format(case.secret), ""
        return
    for step in plan_of(case.secret, case.read, leaks=case.leaked).steps:
        place = "/".join(filter(None, (step.environment, step.service)))
        yield step.text, place, step.command, step.verify, step.breaks
