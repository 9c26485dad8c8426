"""The steps for what was found: secret by secret, each with the places that hold its value."""

from collections.abc import Iterator

import pandas as pd

from audit_lib.base.contracts import Steps
from audit_lib.incident.data import Scene
from audit_lib.incident.first_steps import Step, steps
from audit_lib.incident.pivots import suspect

MOST_SECRETS = 5


# What the best explanation asks for before anything else, and how to see that it worked.
_BY_EXPLANATION = {
    "brute force": (
        "block",
        "Block the source at the edge, and look at the address below: did it ever succeed?",
        "the log shows no more of it",
    ),
    "leaked and used": (
        "block",
        "Block the new sources and keep the logs: the value is used by others; rotate what is in force",
        "the log shows no more of them",
    ),
    "pair break": (
        "compare",
        "Give both halves of the pair one value; rebuild the frontend, restart the backend",
        "`review` finds no pairing-mismatch, and requests are answered again",
    ),
    "stale client after a rotation": (
        "tell",
        "Give the new value to the clients that failed, if they still do; nothing is to be blocked",
        "the address below is answered again",
    ),
    "proxy collapse": (
        "forward",
        "Have the proxy forward the sources' addresses before you judge or block any",
        "the log names addresses that are not the proxy's",
    ),
    "quiet misuse": (
        "ask",
        "Find out whose the new addresses are; if nobody knows them, rotate at once",
        "somebody has named each",
    ),
    "our own bundle explains the sighting": (
        "think",
        "Everyone who loads the page has the value: rotation alone is no help",
        "the backend asks for something that a browser does not have",
    ),
}
# Those that concern sources: the one to look at first is named.
_OF_SOURCES = ("brute force", "leaked and used", "stale client after a rotation", "quiet misuse")


def tabulate_steps(scene: Scene, windows: pd.DataFrame, explanations: pd.DataFrame) -> pd.DataFrame:
    """`Steps`: what the best explanation asks for, then a secret's rotation, or how to find out which."""
    known = steps(scene.policy, scene.secret, _places(scene, scene.secret))
    retired = _retired(scene, windows)
    if retired:
        known = (retired, *(step for step in known if step.action in ("record", "purge")))
    found = [*_first(scene, explanations), *known]
    if not scene.secret:
        found += [_leaked(scene, secret) for secret in exposed(windows)[:MOST_SECRETS]]
    names = list(Steps.to_schema().columns)[1:]
    return Steps.of(
        {"step": number} | {name: getattr(step, name) for name in names}
        for number, step in enumerate(found, 1)
    )


def exposed(windows: pd.DataFrame) -> list[str]:
    """The secrets that have leaked and are in force, production's first."""
    here = windows[windows["open"] & windows["leaked"]]
    first = here.assign(other=here["environment"] != "production").sort_values(
        ["other", "secret"], kind="stable"
    )
    return list(dict.fromkeys(first["secret"]))


def _retired(scene: Scene, windows: pd.DataFrame) -> Step | None:
    """Where all that leaked of the secret has been replaced: by what; it is not rotated for that again."""
    mine = windows[(windows["secret"] == scene.secret) & windows["leaked"]]
    if mine.empty or mine["open"].any():
        return None
    places = ", ".join(sorted(set(mine["environment"] + "/" + mine["service"])))
    ends = "; ".join(dict.fromkeys(mine["ends_by"]))
    text = f"What leaked of {scene.secret} has been replaced ({ends}): do not rotate it for that again"
    return Step(scene.secret, places, "check", text, "`whose` says of the old value: retired")


def _first(scene: Scene, explanations: pd.DataFrame) -> Iterator[Step]:
    best = explanations.iloc[0]
    if best["verdict"] in ("likely", "possible"):
        action, text, verify = _BY_EXPLANATION[best["explanation"]]
        where = suspect(scene) if best["explanation"] in _OF_SOURCES else ""
        if not where and best["explanation"] in _OF_SOURCES:
            return  # nobody is seen, so there is nobody to block or to ask
        yield Step("", where, action, text, verify)


def _leaked(scene: Scene, secret: str) -> Step:
    text = f"{secret} has leaked and is in force: for its steps `investigate --secret {secret}`"
    return Step(secret, _places(scene, secret), "rotate", text, "`whose` says of the old value: retired")


def _places(scene: Scene, secret: str) -> str:
    """Where its present values are in force, under whatever name."""
    here = scene.inventory[(scene.inventory["secret"] == secret) & scene.inventory["fingerprint"].notna()]
    same = scene.inventory[scene.inventory["fingerprint"].isin(here["fingerprint"])]
    places = sorted(set(same["environment"] + "/" + same["service"]))
    return ", ".join(places) or "every environment that holds it"
