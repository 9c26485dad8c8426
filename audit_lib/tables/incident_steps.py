"""The steps for what was found: secret by secret, each with the places that hold its value."""

from collections.abc import Iterator

import pandas as pd

from audit_lib.contracts import Steps
from audit_lib.tables.first_steps import Step, steps
from audit_lib.tables.scene import Scene

MOST_SECRETS = 5


# What the best explanation asks for before anything else.
_BY_HYPOTHESIS = {
    "brute force": (
        "block",
        "Block the source at the edge, and look at the address below: did it ever succeed?",
    ),
    "leaked and used": ("block", "Block the new sources, then rotate at once: the value is used by others"),
    "pair break": (
        "compare",
        "Give both halves of the pair one value; rebuild the frontend, restart the backend",
    ),
    "stale client after a rotation": (
        "tell",
        "Give the new value to the clients that failed; nothing is to be blocked",
    ),
    "proxy collapse": (
        "forward",
        "Have the proxy forward the sources' addresses before you judge or block any",
    ),
    "quiet misuse": ("ask", "Find out whose the new addresses are; if nobody knows them, rotate at once"),
    "our own bundle explains the sighting": (
        "think",
        "Everyone who loads the page has the value: rotation alone is no help",
    ),
}


def tabulate_steps(scene: Scene, windows: pd.DataFrame, hypotheses: pd.DataFrame) -> pd.DataFrame:
    """`Steps`: what the best explanation asks for, then a secret's rotation, or how to find out which."""
    found = [*_first(hypotheses), *steps(scene.policy, scene.secret, _places(scene, scene.secret))]
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


def _first(hypotheses: pd.DataFrame) -> Iterator[Step]:
    best = hypotheses.iloc[0]
    if best["verdict"] in ("likely", "possible"):
        action, text = _BY_HYPOTHESIS[best["hypothesis"]]
        yield Step("", "", action, text, f"the explanation is {best['verdict']}: {best['hypothesis']}")


def _leaked(scene: Scene, secret: str) -> Step:
    text = f"{secret} has leaked and is in force: open this notebook with secret = {secret} for its steps"
    return Step(secret, _places(scene, secret), "rotate", text, "`whose` says of the old value: retired")


def _places(scene: Scene, secret: str) -> str:
    """Where its present values are in force, under whatever name."""
    here = scene.inventory[(scene.inventory["secret"] == secret) & scene.inventory["fingerprint"].notna()]
    same = scene.inventory[scene.inventory["fingerprint"].isin(here["fingerprint"])]
    places = sorted(set(same["environment"] + "/" + same["service"]))
    return ", ".join(places) or "every environment that holds it"
