"""What to do about an incident, in order: what its cause asks for, then the steps of each rotation."""

import shlex
from collections.abc import Iterator

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.incident.case import LET_IN, Case, names_of
from audit_lib.incident.contracts import Steps
from audit_lib.incident.explain import (
    CUT_OFF,
    EXPOSED,
    GUESSED,
    MOST,
    OUTAGE,
    USED,
    Explanation,
    few,
    supported,
)
from audit_lib.incident.exposure import in_force
from audit_lib.incident.outage import pairs_apart
from audit_lib.rotation.runbook import plan_of

_ASKED = {
    GUESSED: (
        "Block the address at the edge: it guessed, and nothing shows that it got in",
        "the log shows no more requests from it",
    ),
    USED: (
        "Block the new addresses and keep the logs: others may use the value",
        "the log shows no more requests from them",
    ),
    OUTAGE: (
        "Find out what was changed just before, and change it back; block nobody and rotate nothing for this",
        "requests are answered again",
    ),
    CUT_OFF: (
        "Give the new value to the clients that fail, if they still do; block nobody",
        "they are answered again",
    ),
    EXPOSED: (
        "Take the value out of the public variable, or the URL: until then every new value is published, too",
        "leaks finds it in no bundle",
    ),
}
_MANY = ("Limit logins at the edge: to block one address of many helps little", "no more logins are refused")
_GOT_IN = (
    "Block who got in, end their sessions, and reset the accounts that they used",
    "the log shows no more requests from them, and no session of those accounts is left",
)


def tabulate_steps(case: Case, explained: tuple[Explanation, ...], exposure: pd.DataFrame) -> pd.DataFrame:
    """`Steps`: what the best explanation asks for, then the rotation of each secret concerned."""
    best = next(iter(supported(case, explained)), None)
    found = list(_first(case, best)) if best else []
    leaked = in_force(exposure)
    if case.secret:
        found += _of_secret(case, exposure, leaked)
    for name, places in leaked.items() if not case.secret else ():
        text = f"{name} has leaked and is in force: rotate it as compromised"
        found.append((text, places, _typed(case, "rotate plan", name, "--compromised"), _retired(name), ""))
    if not found:
        text = "Nothing that was read asks for anything: look at what is missing, and supply it"
        found = [(text, "", "", "the explanations are decided", "")]
    names = list(Steps.columns())[1:]
    return Steps.of(
        {"number": number} | dict(zip(names, step, strict=True)) for number, step in enumerate(found, 1)
    )


def _typed(case: Case, *words: str) -> str:
    return " ".join(["audit-lib", *words, f"--project {shlex.quote(str(case.project.root))}"])


def _retired(name: str) -> str:
    return f"whose says of the old value of {name} that it is retired"


def _first(case: Case, best: Explanation) -> Iterator[tuple[str, ...]]:
    entered = names_of(case.found(LET_IN)) if best.name == GUESSED else ()
    text, done = _GOT_IN if entered else _ASKED[best.name]
    if best.name == GUESSED and not entered and len(best.addresses) > MOST:
        text, done = _MANY
    names = entered or best.addresses
    look = (
        _typed(case, "investigate", f"--since {iso(case.window.since)} --address {names[0]}") if names else ""
    )
    yield text, few(names), look, done, ""
    if best.name == OUTAGE:
        for pair in (one for one in pairs_apart(case) if one.until == case.as_of):
            text = f"Give {pair.secret} and {pair.other} one value in {pair.environment}: they differ"
            yield text, "", _typed(case, "rotate plan", pair.secret), "requests are answered again", ""


def _of_secret(case: Case, exposure: pd.DataFrame, leaked: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """The steps of the rotation; of a value that has been replaced since, only that it has."""
    mine = exposure[exposure["secret"].eq(case.secret) & exposure["leaked"]]
    if len(mine) and case.secret not in leaked:
        by = "; ".join(dict.fromkeys(mine["ends_by"]))
        text = f"What leaked of {case.secret} has been replaced ({by}): do not rotate it for that again"
        yield text, "", _typed(case, "whose"), _retired(case.secret), ""
        return
    found = (case.project, case.policy, case.read, case.as_of)
    plan = plan_of(case.secret, *found, leaks=case.leaked)
    for step in plan.steps:
        place = "/".join(filter(None, (step.environment, step.service)))
        yield step.text, place, "\n".join(step.commands), step.verify, step.breaks
