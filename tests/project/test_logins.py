"""[[logins]] of a policy and of audit.toml: all faults at once, and under which names they count."""

from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.toml_table import TomlTable
from audit_lib.project import load_project
from audit_lib.project.logins import Login, joined, read_logins
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import bundled_policy
from tests.support.applications import write


def test_all_faults_are_told_at_once() -> None:
    """Each wrong entry is named with its place, and none is left out."""
    entries = [
        {"name": "page", "route": "login", "failed_statuses": [99]},
        {"name": "page", "route": "/login?next=/", "method": "BREW", "failed_message": "{email}"},
        {"name": "api", "route": "/api"},
        {"name": "x" * 41, "route": "/x", "failed_statuses": [200], "succeeded_statuses": [200, 302]},
        {"name": "sso", "route": "/sso", "succeeded_redirect": "/home", "failed_statuses": [400], "odd": 1},
        {"name": "many", "route": "/many", "failed_statuses": list(range(400, 411))},
        {"name": "to", "route": "/to", "failed_redirect": "https://example.com/"},
    ]
    faults: list[object] = []
    read_logins(TomlTable({"logins": entries}, "audit.toml", faults))  # type: ignore[arg-type]
    told = "\n".join(f"{fault.place}: {fault.text}" for fault in faults)  # type: ignore[attr-defined]
    for expected in (
        "logins #1 (page): failed_statuses must hold whole numbers from 100 to 599",
        "logins #1 (page): route must be a path",
        "logins #2 (page): method must be one of",
        "logins #2 (page): failed_message must be 6 to 200",
        "logins #3 (api): declares no failure",
        f"logins #4 ({'x' * 41}): name must be at most 40",
        f"logins #4 ({'x' * 41}): has one status as a failure and as a success",
        "logins #5 (sso): has a succeeded_redirect, but no failed_redirect",
        "logins #5 (sso): has an unknown key odd",
        "logins #6 (many): failed_statuses must hold at most 10 statuses",
        "logins #7 (to): failed_redirect must be a path",
        "has the login page twice",
    ):
        assert expected in told, expected


def test_audit_toml_cannot_take_the_name_of_a_policys_login() -> None:
    """A login of audit.toml under a name of the policy is a fault, not silence."""
    own, other = Login("page", "POST", "/login", (401,)), Login("page", "POST", "/x", (418,), added=True)
    with pytest.raises(BadInput, match=r"audit.toml: has the login page, which the policy has"):
        joined([own], [other, Login("api", "POST", "/api", (400,), added=True)])


def test_the_policy_has_the_logins_of_audit_toml(tmp_path: Path) -> None:
    """They come behind the policy's own, marked as added."""
    text = 'policy = "paiid"\n[[logins]]\nname = "admin"\nroute = "/admin/login"\nfailed_statuses = [200]\n'
    policy = choose_policy(load_project(write(tmp_path, {"audit.toml": text})))
    assert [one.name for one in policy.logins] == [
        *(one.name for one in bundled_policy("paiid").logins),
        "admin",
    ]
    assert [one.added for one in policy.logins][-1]


def test_a_fault_names_audit_toml(tmp_path: Path) -> None:
    """A wrong login in audit.toml ends the command with its place."""
    text = '[[logins]]\nname = "admin"\nroute = "admin"\n'
    with pytest.raises(BadInput, match=r"audit.toml: logins #1 \(admin\): route must be a path"):
        load_project(write(tmp_path, {"audit.toml": text}))
