"""The steps for what was found: secret by secret, each with the places that hold its value."""

import pandas as pd

from audit_lib.contracts import Steps
from audit_lib.first_steps import steps
from audit_lib.tables.scene import Scene

MOST_SECRETS = 5


def tabulate_steps(scene: Scene, windows: pd.DataFrame) -> pd.DataFrame:
    """`Steps`: for the secret under suspicion, else for those that leaked and are in force, else to ask."""
    exposed = list(dict.fromkeys(windows.loc[windows["open"] & windows["leaked"], "secret"]))
    secrets = [scene.secret] if scene.secret else exposed[:MOST_SECRETS]
    found = [step for secret in secrets for step in steps(scene.policy, secret, _places(scene, secret))]
    if not secrets:
        found = list(steps(scene.policy))
    return Steps.of(
        {
            "step": number,
            "secret": step.secret,
            "where": step.where,
            "action": step.action,
            "text": step.text,
            "verify": step.verify,
            "breaks": step.breaks,
        }
        for number, step in enumerate(found, 1)
    )


def _places(scene: Scene, secret: str) -> str:
    """Where its present values are in force, under whatever name."""
    here = scene.inventory[(scene.inventory["secret"] == secret) & scene.inventory["fingerprint"].notna()]
    same = scene.inventory[scene.inventory["fingerprint"].isin(here["fingerprint"])]
    places = sorted(set(same["environment"] + "/" + same["service"]))
    return ", ".join(places) or "every environment that holds it"
