"""Which policy a project is audited by."""

from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.project import load_project
from audit_lib.project.onboarding.choose_policy import choose_policy
from tests.support.applications import write
from tests.support.fakes import fake_value

OWN = 'name = "own"\n'
EXAMPLE = "".join(f"{name}=\n" for name in ("TRADIER_API_KEY", "ALPACA_PAPER_API_KEY", "TRADIER_ACCOUNT_ID"))
TWO = "".join(f"{name}=\n" for name in ("TRADIER_API_KEY", "ALPACA_PAPER_API_KEY"))
CODE = 'import os\nos.environ["TRADIER_ACCOUNT_ID"], os.getenv("ALPACA_PAPER_SECRET_KEY")\n'


@pytest.mark.parametrize(
    ("files", "override", "name"),
    [
        ({"README.md": ""}, "", "generic"),
        ({"README.md": ""}, "paiid", "paiid"),
        ({"audit.toml": 'policy = "paiid"\n'}, "", "paiid"),
        ({"audit.toml": 'policy = "paiid"\n', "policy.toml": OWN}, "", "paiid"),
        ({"audit.toml": 'policy = "p/x.toml"\n', "p/x.toml": OWN}, "", "own"),
        ({"audit.toml": 'policy = "p/x.toml"\n', "p/x.toml": OWN}, "generic", "generic"),
        ({"audit.toml": "", "policy.toml": OWN}, "", "own"),
        ({".audit/policy.toml": OWN, "backend/.env.example": EXAMPLE}, "", "own"),
        ({"backend/.env.example": EXAMPLE}, "", "paiid"),
        ({"backend/.env": EXAMPLE.replace("=", f"={fake_value('x', 20)}")}, "", "paiid"),
        ({"backend/.env.example": TWO}, "", "generic"),
        ({"backend/.env.example": TWO, "app/settings.py": CODE}, "", "paiid"),
        ({"app/settings.py": CODE, "notes.md": EXAMPLE}, "", "generic"),
    ],
)
def test_the_policy_is_chosen_in_order(
    files: dict[str, str], override: str, name: str, tmp_path: Path
) -> None:
    """The flag, then audit.toml, then the project's own file, then recognition by names, then generic."""
    assert choose_policy(load_project(write(tmp_path, files)), override).name == name


def test_a_policy_given_by_path_is_read_from_anywhere(tmp_path: Path) -> None:
    """`--policy` names a file of the auditor, not of the project, and its fault names it as it was given."""
    project = load_project(write(tmp_path / "app", {"README.md": ""}))
    path = write(tmp_path / "mine", {"p.toml": OWN, "bad.toml": ""}) / "p.toml"
    assert choose_policy(project, str(path)).path == path
    bad = str(path.with_name("bad.toml"))
    with pytest.raises(BadInput, match=r"bad\.toml: has no name"):
        choose_policy(project, bad)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"audit.toml": 'policy = "paid"\n'}, "policy paid: is not a bundled policy"),
        ({"audit.toml": 'policy = "gone.toml"\n'}, "gone.toml: does not exist"),
        ({"policy.toml": OWN, ".audit/policy.toml": OWN}, "policy.toml: exists twice"),
        ({"policy.toml": ""}, "policy.toml: has no name"),
    ],
)
def test_a_policy_that_cannot_be_used_is_one_clear_fault(
    files: dict[str, str], fault: str, tmp_path: Path
) -> None:
    """A misspelt or broken policy is never passed over for another one."""
    with pytest.raises(BadInput, match=fault):
        choose_policy(load_project(write(tmp_path, files)))


def test_a_policy_behind_a_link_to_the_outside_is_refused(tmp_path: Path) -> None:
    """The project's own policy lies in the project, also where the link leads nowhere."""
    project = write(tmp_path / "app", {"README.md": ""})
    (project / "policy.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(BadInput, match="leads out of the project"):
        choose_policy(load_project(project))
