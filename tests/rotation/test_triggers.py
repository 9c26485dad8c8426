"""After somebody left, or a provider was breached, what was not rotated since is found."""

import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.frames import rows
from audit_lib.ledger import Ledger
from audit_lib.rotation.triggers import is_of, tabulate_triggers
from audit_lib.secrets.ages import Freshness
from audit_lib.settings import bundled_policy, load_project
from tests.support.made_up_audit import filled

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
LAYOUT = 'leavers = "leavers.csv"\nbreaches = "breaches.csv"\naccess_log = "access.csv"\nmay_look = '


def _tabulate(
    root: Path, may_look: str = '["ada@x.example"]', **files: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    (root / "audit.toml").write_text(LAYOUT + may_look)
    for name, text in files.items():
        (root / name.replace("_", ".")).write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    author = ["-c", "user.name=Ada L", "-c", "user.email=ada@x.example"]
    subprocess.run(["git", "-C", root, *author, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    place = {"environment": "production", "service": "backend", "status": "fresh", "strict_status": ""}
    ages = [{"secret": name, "lo_at": lo, "hi_at": hi, **place} for name, lo, hi in CASES["ages"]]
    known = (bundled_policy("paiid"), Ledger(()), filled(Freshness, ages))
    return tabulate_triggers(load_project(root), *known, AS_OF)


def test_what_was_in_force_when_somebody_left_is_found(tmp_path: Path) -> None:
    """By git's authors, by secret: since, not since, not known; of the day itself nothing is known. Who never
    committed may have had access all the same."""
    _, found = _tabulate(tmp_path, leavers_csv="name,email,date\nx,ADA@x.example,2026-09-02\n")
    known = {"API_TOKEN": "yes", "JWT_SECRET_KEY": "no"}
    not_known = dict.fromkeys(("ALPACA_PAPER_API_KEY", "TRADIER_API_KEY"), "unknown")
    assert dict(zip(found["secret"], found["answer"], strict=True)) == known | not_known
    assert "ada" not in found.to_csv().lower()
    (tmp_path / "b").mkdir()
    _, found = _tabulate(tmp_path / "b", leavers_csv="who,date\nGrace H,2026-09-02\n")
    assert found[["secret", "answer"]].to_numpy().tolist() == [["", "unknown"]]


def test_a_breach_concerns_the_provider_s_secrets(tmp_path: Path) -> None:
    """By name, title or place of issue, in whole words; of a provider that the policy does not know nothing
    is known."""
    lines = ("provider,date", "Alpaca,2026-12-01", "Tradier,2026-09-20", "Acme,2026-09-01")
    _, found = _tabulate(tmp_path, breaches_csv="\n".join(lines))
    told = found[["subject", "secret", "answer"]].to_numpy().tolist()
    assert told == [["Tradier", "TRADIER_API_KEY", "no"], ["Acme", "", "unknown"]]
    for provider, secret, together in CASES["providers"]:
        assert is_of(provider, secret, bundled_policy("paiid")) is together


@pytest.mark.parametrize(("may_look", "answer"), CASES["access"])
def test_who_looked_at_values_is_compared_with_who_may(tmp_path: Path, may_look: str, answer: str) -> None:
    """Without a list of who may nothing is known; nobody is named."""
    _, found = _tabulate(tmp_path, may_look, access_csv="who,date\nAda@x.example,2026-09-01T10:00:00Z\n")
    assert found[["subject", "answer"]].to_numpy().tolist() == [["who looked on 2026-09-01", answer]]
    assert "ada" not in found.to_csv().lower()


def test_each_list_and_each_line_is_accounted_for(tmp_path: Path) -> None:
    """A list that is missing or broken is a row; so are lines without a date, and those of later."""
    lists, found = _tabulate(
        tmp_path,
        leavers_csv="who,date\nAda L,soon\nAda L,2027-01-01\n\nAda L,2026-09-02\n",
        access_csv='[{"who": 1}]',
    )
    assert {row.source: (row.state, row.lines, row.read, row.not_understood) for row in rows(lists)} == {
        "leavers.csv": ("read", 3, 2, 1),
        "breaches.csv": ("missing", None, None, None),
        "access.csv": ("unreadable", None, None, None),
    }
    assert lists["reason"].iloc[0] == "1 line not understood; 1 line dated after this review left out"
    assert set(found["line"]) == {5}
    for size, reason in ((16 << 20, "is not understood"), ((16 << 20) + 1, "limit of 16,777,216 bytes")):
        with (tmp_path / "leavers.csv").open("wb") as file:
            file.truncate(size)
        lists, found = _tabulate(tmp_path)
        assert (reason in lists["reason"].iloc[0], found.empty) == (True, True)
