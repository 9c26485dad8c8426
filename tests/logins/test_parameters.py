"""The policy's [detections] is checked whole: ranges, old names, and what the bundled policy says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logins.parameters import DETECTIONS, detection_policy, formats_of
from audit_lib.settings import Login, Project, SecretRule, bundled_policy, load_policy

GENERIC = bundled_policy("generic")


def test_a_policy_that_states_nothing_has_the_bundled_thresholds(tmp_path: Path) -> None:
    """What a policy leaves out, also of one detection, generic.toml says."""
    (tmp_path / "own.toml").write_text('name = "own"\n[detections.guessing]\nhigh = 7\n', "utf-8")
    stated, own = (detection_policy(one).thresholds for one in (GENERIC, load_policy(tmp_path / "own.toml")))
    assert set(stated) == set(DETECTIONS)
    assert own == {**stated, "guessing": stated["guessing"].model_copy(update={"high": 7})}


@pytest.mark.parametrize("given", [
    {"guessing": {"high": 99_999_999}}, {"guessing": {"ladder": [[5]]}}, {"guessing": {"ladder": [[5, 1e9]]}},
    {"spraying": {"share": 2}}, {"let-in": {"severity": "awful"}}, {"probing": {"routs": 5}}, {"failure": {}},
    {"failure": {"statuses": [99]}}, {"known_clients": ["10.0.0.0/99"]}, {"known_messages": ["nothing"]},
    {"clients": "unreal"}, {"logins": []},
])  # fmt: skip
def test_a_fault_is_bad_input(given: dict[str, Any]) -> None:
    """What is out of range, misspelt or of another type is refused by its place, without its value."""
    with pytest.raises(BadInput) as caught:
        detection_policy(replace(GENERIC, detections={**GENERIC.detections, **given}))
    assert all(fault.place.startswith("policy generic: detections.") for fault in caught.value.faults)


def test_formats_know_what_the_policy_declares() -> None:
    """The policy's own statuses, its logins and the names of its secrets, not of its settings."""
    secret = SecretRule("OWN_CODE", "web", "secret", aliases=("OLD_CODE",))
    setting = SecretRule("OWN_PLACE", "web", "setting")
    login = Login("page", "POST", "/session", failed_statuses=(422,))
    stated = {**GENERIC.detections, "failure": {"statuses": [418]}}
    policy = replace(GENERIC, detections=stated, secrets=(secret, setting), logins=(login,))
    formats = formats_of(Project("p", Path()), policy)
    assert (formats.declared_statuses, formats.logins) == ((418,), (login,))
    known = str(formats.words)
    assert [name in known for name in ("own_code", "old_code", "own_place")] == [True, True, False]
