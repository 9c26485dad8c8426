"""The steps for what was found: secret by secret, each with the places that hold its value."""

from collections.abc import Iterator

import pandas as pd

from audit_lib.incident.contracts import Steps
from audit_lib.incident.explanations import CUT_OFF, GUESSED, SHOWN, USED, best_explanation, few
from audit_lib.incident.exposure_windows import exposed, places_of, tabulate_exposure_windows
from audit_lib.incident.first_steps import EVERYWHERE, Step, explained_step, steps
from audit_lib.incident.going_on import let_in_after_guessing
from audit_lib.incident.investigation import Investigation

# Those that concern addresses: with none to block or to ask, there is nothing to do first.
_OF_ADDRESSES = (USED, GUESSED, CUT_OFF)
_RETIRED = "`whose` says of the old value: retired"


def tabulate_steps(investigation: Investigation) -> pd.DataFrame:
    """`Steps`: what the best explanation asks for, then a secret's rotation, or how to find out which."""
    windows = tabulate_exposure_windows(investigation)
    leaked = exposed(windows)
    mine = leaked.get(investigation.secret)
    place = _places(investigation) if mine is None else places_of(mine)
    known = steps(investigation.policy, investigation.secret, place or EVERYWHERE)
    retired = _retired(investigation, windows)
    if retired:
        known = (retired, *(step for step in known if step.action in ("record", "purge")))
    if not investigation.secret and not leaked:
        known = tuple(step for step in known if step.action != "rotate")
    found = [*_first(investigation), *known]
    if not investigation.secret:
        found += [_leaked(secret, here) for secret, here in leaked.items()]
    names = list(Steps.columns())[1:]
    return Steps.of(
        {"step": number} | {name: getattr(step, name) for name in names}
        for number, step in enumerate(found, 1)
    )


def _first(investigation: Investigation) -> Iterator[Step]:
    best = best_explanation(investigation)
    if not best or not (best.addresses or best.name not in _OF_ADDRESSES):
        return
    name, names = best.name, best.addresses
    if name == GUESSED and (inside := let_in_after_guessing(investigation)):
        yield explained_step(name, few(one.client for one in inside), "answered")
    else:
        many = name == GUESSED and len(names) > SHOWN
        yield explained_step(name, few(names), "many" if many else "")


def _retired(investigation: Investigation, windows: pd.DataFrame) -> Step | None:
    """If all that leaked of the secret has been replaced: by what; it is not rotated for that again."""
    mine = windows[(windows["secret"] == investigation.secret) & windows["leaked"]]
    if mine.empty or mine["open"].any():
        return None
    ends = "; ".join(dict.fromkeys(mine["ends_by"]))
    text = (
        f"What leaked of {investigation.secret} has been replaced ({ends}): do not rotate it for that again"
    )
    return Step(investigation.secret, places_of(mine), "check", text, _RETIRED)


def _leaked(secret: str, windows: pd.DataFrame) -> Step:
    """Of a value that leaked the places that hold it: another value of the secret is not concerned."""
    text = f"{secret} has leaked and is in force: for its steps run `investigate --secret {secret}`"
    return Step(secret, places_of(windows), "rotate", text, _RETIRED)


def _places(investigation: Investigation) -> str:
    """Where the present values of the secret that is asked for are in force, under whatever name."""
    inventory = investigation.inventory
    here = inventory[(inventory["secret"] == investigation.secret) & inventory["fingerprint"].notna()]
    same = inventory[inventory["fingerprint"].isin(here["fingerprint"])]
    return ", ".join(sorted(set(same["environment"] + "/" + same["service"])))
