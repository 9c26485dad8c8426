"""The steps of steps.toml: whole, in an order that does not contradict itself, at the places concerned."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from audit_lib.incident.explanations import GUESSED, UNLIKELY_NEEDS
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.first_steps import explained_step, step_templates, steps
from audit_lib.incident.investigation import LastComputed
from audit_lib.incident.question import Question
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.settings import bundled_policy, instant_of, load_project
from tests.support.audits import run_audit
from tests.support.sample_copy import write_sample

SECRETS = [rule.name for rule in bundled_policy("paiid").secrets]


def test_every_step_says_what_to_do_and_how_to_see_it() -> None:
    """Each has an action, a text and a way to verify it, and the text begins with a verb."""
    for templates in step_templates().values():
        assert templates
        for step in templates:
            assert step.action
            assert step.verify
            assert re.match(r"[A-Z{]", step.text), step.text


@pytest.mark.parametrize("secret", ["", "NO_SUCH", *SECRETS])
def test_the_words_of_a_step_are_filled_in(secret: str) -> None:
    """No step of any secret of the policy is left with a word in braces, or without a text."""
    for step in steps(bundled_policy("paiid"), secret):
        assert step.text
        assert step.verify
        assert "{" not in "".join((step.text, step.place, step.verify, step.breaks))


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_is_revoked_before_the_new_value_works(secret: str) -> None:
    """As the guide demands (line 305): at the provider last, and no step says both at once and afterwards."""
    found = steps(bundled_policy("paiid"), secret)
    actions = [step.action for step in found]
    if "revoke" in actions:
        assert max(actions.index(name) for name in actions if name in ("make", "replace", "restart")) < (
            actions.index("revoke")
        )
    assert not [step for step in found if "without an overlap" in step.text]


def test_each_explanation_asks_for_something() -> None:
    """Every explanation that can be the best one has a step of its own."""
    named = {step.explanation for step in step_templates()["explained"]}
    assert named == set(UNLIKELY_NEEDS)
    assert explained_step(GUESSED, "203.0.113.9").place == "203.0.113.9"


def test_a_leaked_value_is_rotated_where_it_is_in_force(tmp_path: Path) -> None:
    """No place with another value is named, no leaked secret left out, and every list has the same order."""
    write_sample(tmp_path / "sample")
    project = load_project(tmp_path / "sample")
    found = investigate(project, Question(), instant_of(project, ""), keeper_of(project))
    windows = tabulate_exposure_windows(found)
    open_ = windows[windows["leaked"] & windows["open"]]
    told = tabulate_steps(found)
    told = told[(told["action"] == "rotate") & (told["secret"] != "")]
    assert set(told["secret"]) == set(open_["secret"])
    for step in told.itertuples():
        mine = open_[open_["secret"] == step.secret]
        assert set(step.place.split(", ")) == set(mine["environment"] + "/" + mine["service"])
    stands_out = tabulate_suspicions(found)
    assert stands_out.loc[stands_out["secret"] != "", "secret"].tolist() == told["secret"].tolist()
    # Also of a value that is in force under a name which the leak does not bear.
    assert (stands_out.loc[stands_out["secret"] != "", "count"] > 0).all()
    assert told["secret"].iloc[0] == "JWT_SECRET_KEY"  # the only one that is in force in production
    secrets = run_audit(project).leaked_secrets
    in_force = secrets.loc[secrets["status"] == "emergency", "secret"]
    assert in_force.tolist() == told["secret"].tolist()


def test_an_address_that_the_policy_knows_is_marked_beside_it(tmp_path: Path) -> None:
    """What stands out says whose address it is, and leaves the address as it is copied as a parameter."""
    write_sample(tmp_path / "sample")
    project = load_project(tmp_path / "sample")
    found = investigate(project, Question(), instant_of(project, ""), keeper_of(project))
    client = next(one for one in tabulate_suspicions(found)["client"] if one)
    detections = {**found.policy.options["detections"], "known_clients": [client]}
    policy = replace(found.policy, detections=detections)
    told = tabulate_suspicions(replace(found, policy=policy, computed=LastComputed()))
    assert client in set(told["client"])
    assert (told["what"].str.endswith("; known to the policy") == told["client"].eq(client)).all()
