"""What a policy says of a secret as an asset: in its own block, or over the rule of another policy."""

from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.project.policy import bundled_policy, load_policy

OWN = '[[secret]]\nname = "A"\nservice = "backend"\n{}\n'


def _load(folder: Path, text: str) -> dict[str, object]:
    path = folder / "policy.toml"
    path.write_text(f'name = "shop"\n{text}', "utf-8")
    return {rule.name: rule.metadata for rule in load_policy(path).secrets}


def test_a_secret_says_who_answers_for_it(tmp_path: Path) -> None:
    """Each of the five fields is taken over as it is; what is left empty is missing."""
    (found,) = _load(tmp_path, OWN.format('owner = "Ada"\nreach = ""\nreviewed = "2026-09-01"')).values()
    assert vars(found) == {"purpose": "", "owner": "Ada", "reach": "", "reviewed": "2026-09-01", "reason": ""}


def test_another_policy_s_secret_gets_an_owner(tmp_path: Path) -> None:
    """[metadata.NAME] adds fields to a rule that is taken over, and keeps what that rule says."""
    found = _load(tmp_path, 'extends = "paiid"\n[metadata.API_TOKEN]\nowner = "Ada"\n')["API_TOKEN"]
    rule = bundled_policy("paiid").rule("API_TOKEN")
    assert rule is not None
    assert rule.metadata.purpose
    assert vars(found) == vars(rule.metadata) | {"owner": "Ada"}


def test_all_faults_are_reported(tmp_path: Path) -> None:
    """A date that is none, a name that no rule has, and a key that is misspelt."""
    text = OWN.format('reviewed = "soon"') + '[metadata.B]\nowner = "x"\n[metadata.A]\nower = "x"\n'
    with pytest.raises(BadInput) as raised:
        _load(tmp_path, text)
    assert len(raised.value.faults) == 3
    said = str(raised.value)
    assert "metadata.B must name a variable of the policy" in said
    assert "has an unknown key ower" in said
    assert "reviewed " in said
