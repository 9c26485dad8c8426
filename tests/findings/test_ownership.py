"""Who answers for a secret, whether that was confirmed in the last quarter, and who may be the owner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.findings.checks import CHECKS
from audit_lib.findings.nhi import NHI
from audit_lib.findings.ownership import guess_owners, tabulate_ownership
from audit_lib.ledger import Entry, Ledger
from audit_lib.settings import Policy, SecretRule, load_project
from audit_lib.settings.code_reads import read_code
from tests.support.planter import new_plot

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
TOKEN = SecretRule("API_TOKEN", "backend", "secret", "always", max_age_days=90)
POLICY = Policy("shop", Path("shop.toml"), "0" * 64, (TOKEN,))


def _policy(**fields: str) -> Policy:
    return replace(POLICY, secrets=(replace(TOKEN, **fields),))


def _attested(days_ago: int, until: str, rule: str = "secret:API_TOKEN") -> Ledger:
    body = {"rule": rule, "by": "Bo", "reason": "looked", "until": until}
    at = AS_OF - timedelta(days=days_ago)
    return Ledger((Entry("bo", 1, at, "attestation", "0" * 8, "", "", "", body),))


@pytest.mark.parametrize(
    ("reviewed", "ledger", "expected"),
    [
        ("", Ledger(), ("missing", "")),
        ("2026-07-01", Ledger(), ("current", "")),
        ("2026-06-28", Ledger(), ("late", "")),
        ("2026-10-01", Ledger(), ("missing", "")),  # later than the review
        ("", _attested(10, "2026-10-30T00:00:00Z"), ("current", "Bo")),
        ("", _attested(10, "2026-09-29T00:00:00Z"), ("late", "Bo")),
        ("", _attested(93, "2027-12-31T00:00:00Z"), ("late", "Bo")),  # a quarter at most
        ("2026-09-01", _attested(93, "2027-12-31T00:00:00Z"), ("current", "")),
        ("", _attested(10, "2026-10-30T00:00:00Z", "secret:OTHER"), ("missing", "")),
    ],
)
def test_a_review_counts_for_a_quarter(reviewed: str, ledger: Ledger, expected: tuple[str, str]) -> None:
    """The policy's date and an owner's attestation hold for 92 days at most; what is later is left out."""
    row = tabulate_ownership(_policy(reviewed=reviewed), ledger, {}, AS_OF).iloc[0]
    assert (row["review"], row["reviewed_by"]) == expected


def test_a_guess_never_stands_beside_an_owner() -> None:
    """Who is guessed is shown while the policy names nobody, and in a column of its own."""
    guesses = {"API_TOKEN": "s***@e***.com"}
    named, unnamed = (
        tabulate_ownership(_policy(owner=owner), Ledger(), guesses, AS_OF).iloc[0] for owner in ("Ada", "")
    )
    assert (named["owner"], named["owner_guess"]) == ("Ada", "")
    assert (unnamed["owner"], unnamed["owner_guess"]) == ("", "s***@e***.com")


def test_the_owner_is_guessed_by_the_line_that_reads(tmp_path: Path) -> None:
    """Who last changed that line is guessed, masked unless asked for in full; nobody if the line moved."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("app.py", 'import os\nos.environ["API_TOKEN"]\n')
    project = load_project(plot.root)
    code = read_code(project)
    masked, full = (guess_owners(project, POLICY, code, *shown) for shown in ((), (str,)))
    assert "@" in full["API_TOKEN"]
    assert masked["API_TOKEN"] != full["API_TOKEN"]
    assert "***@" in masked["API_TOKEN"]
    plot.file("app.py", 'import os\n\n\nos.environ["API_TOKEN"]\n')
    assert guess_owners(project, POLICY, read_code(project)) == {}


def test_blame_runs_no_program_of_the_repository(tmp_path: Path) -> None:
    """A text converter that the repository configures is not run."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("app.py", 'import os\nos.environ["API_TOKEN"]\n')
    plot.commit(".gitattributes", "*.py diff=evil\n")
    with (plot.root / ".git/config").open("a") as config:
        config.write(f'[diff "evil"]\n\ttextconv = "touch {tmp_path}/ran; cat"\n')
    project = load_project(plot.root)
    assert guess_owners(project, POLICY, read_code(project))
    assert not (tmp_path / "ran").exists()


def test_each_risk_names_checks_that_exist() -> None:
    """The column of the NHI Top 10 has no check twice, and none that is no more."""
    named = [check for checks in NHI.values() for check in checks]
    assert len(named) == len(set(named))
    assert set(named) <= {check.id for check in CHECKS}
