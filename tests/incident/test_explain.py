"""Explanations by the detections: what is not seen never counts, and each is about what was asked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explain import CUT_OFF, EXPOSED, GUESSED, OUTAGE, USED
from audit_lib.incident.outage import pairs_apart
from audit_lib.investigation import Investigation, open_incident
from audit_lib.logins.traffic import Window
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, STRANGER, opened, plant, rewrite_log
from tests.support.sample_copy import write_sample

BUNDLE = "our own bundle explains the sighting"
LOG = "backend/logs/backend.log"


def _explained(found: Investigation) -> pd.DataFrame:
    return found.explanations.set_index("explanation")


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    file.write_text(text.replace(old, new) if old else text + new, "utf-8")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project."""
    return write_sample(tmp_path_factory.mktemp("explained") / "sample")


def test_undeclared_logins_rule_no_guessing_out(tmp_path: Path) -> None:
    """If the policy does not say what a failed login looks like, guessing is unknown, with that reason."""
    plant(tmp_path, "quiet misuse", 0)
    assert _explained(opened(tmp_path)).loc[GUESSED, "rating"] == "unlikely"
    _change(tmp_path / "audit.toml", 'extends = "paiid"', 'extends = "generic"')
    row = _explained(opened(tmp_path)).loc[GUESSED]
    assert (row["rating"], row["speaks_against"]) == ("unknown", "")
    assert "does not declare what a failed login looks like" in row["missing"]


def test_who_guessed_and_got_in_is_no_leak_used(tmp_path: Path) -> None:
    """An address that failed sixty times and then got in speaks for guessing, not for a leaked value."""
    plant(tmp_path, "brute force", 0)
    guesses = [(20 + number / 10, STRANGER, 401) for number in range(60)]
    rewrite_log(tmp_path, *guesses, (27, STRANGER, 200), (29, STRANGER, 200))
    found = opened(tmp_path)
    table = _explained(found)
    assert (table.index[0], table.iloc[0]["rating"]) == (GUESSED, "likely")
    assert "then let in on /api/orders" in table.loc[GUESSED, "speaks_for"]
    assert found.suspects[0] == STRANGER
    assert f"{STRANGER} guessed before being answered" in table.loc[USED, "speaks_against"]


def test_a_new_address_of_a_known_network_is_no_newcomer(tmp_path: Path) -> None:
    """A user whose provider gives another address of the same /24 is not said to be a stranger."""
    plant(tmp_path, BUNDLE, 0)
    moved = REGULARS[0].rpartition(".")[0] + ".99"
    rewrite_log(tmp_path, *((30 + 7 * number, moved, 200) for number in range(12)))
    table = _explained(opened(tmp_path))
    assert table.loc[USED, "rating"] == "unlikely"
    assert moved not in "".join(table["speaks_for"])


def test_explanations_are_about_the_secret_that_was_asked_for(sample: Path) -> None:
    """What failed at the login says nothing of a provider's key; of the application's own token it does."""
    table = _explained(open_incident(str(sample), "2026-08-19", "2026-08-22", "TRADIER_API_KEY"))
    for name in (GUESSED, OUTAGE, CUT_OFF):
        assert table.loc[name, "rating"] == "unknown"
        assert "callers do not send TRADIER_API_KEY" in table.loc[name, "missing"]
    assert "203.0.113" not in "".join(table["speaks_for"])


def test_variables_changed_by_a_deploy_explain_an_outage(sample: Path) -> None:
    """On 24 September all were refused just after a deploy of variables; the pair had differed for long."""
    found = open_incident(str(sample), "2026-09-24T09:00Z", "2026-09-25T14:00Z")
    best = found.explanations.iloc[0]
    assert (best["explanation"], best["rating"]) == (OUTAGE, "likely")
    assert "evidence/deploys-backend.json:3" in best["speaks_for"]
    said = found.summary()
    assert said.sentence == "A change of variables shut callers out for 14 minutes."
    assert not said.is_attack


def test_lines_without_a_time_of_other_weeks_are_not_in_the_window(sample: Path) -> None:
    """Most of the sample's requests have no time of their own, but lie between days that their file names."""
    found = open_incident(str(sample), "2026-08-19", "2026-08-22")
    best = found.explanations.iloc[0]
    assert (best["explanation"], best["rating"]) == (GUESSED, "likely")
    assert best["addresses"] == "203.0.113.45"


def test_one_set_of_thresholds(tmp_path: Path) -> None:
    """A policy that asks for more failures takes detection and explanation away together."""
    plant(tmp_path, "brute force", 0)
    _change(tmp_path / "audit.toml", "", "\n[detections.guessing]\nladder = [[500, 10]]\n")
    found = opened(tmp_path)
    assert found.detections.set_index("detection").loc["guessing", "verdict"] == "none"
    assert _explained(found).loc[GUESSED, "rating"] == "unlikely"


def test_a_pair_counts_in_production_and_while_it_differed(tmp_path: Path) -> None:
    """One of development explains nothing, nor one that broke after the window."""
    plant(tmp_path, "pair break", 0)
    case = opened(tmp_path).case
    (pair,) = pairs_apart(case)
    assert (pair.secret, pair.other, pair.environment) == ("API_TOKEN", "NEXT_PUBLIC_API_TOKEN", "production")
    assert pair.within(case.window)
    assert not pair.within(Window(INCIDENT - pd.Timedelta(days=9), INCIDENT - pd.Timedelta(days=1)))
    assert not pair.within(Window(INCIDENT + pd.Timedelta(days=1), AS_OF))
    assert len(pairs_apart(replace(case, secret="API_TOKEN"))) == 1
    assert pairs_apart(replace(case, secret="JWT_SECRET_KEY")) == ()


def test_a_leak_of_development_is_no_attack_on_production(tmp_path: Path) -> None:
    """A value that leaked elsewhere speaks for no use of it in the window."""
    plant(tmp_path, "leaked and used", 0)
    assert "known to have leaked: " in _explained(opened(tmp_path)).loc[USED, "speaks_for"]
    for service in ("backend", "frontend"):
        known = f'environment = "production", service = "{service}"'
        _change(tmp_path / "audit.toml", known, known.replace("production", "development"))
    rmtree(tmp_path / ".audit" / "ledger")
    told = _explained(opened(tmp_path)).loc[USED]
    assert "known to have leaked" not in told["speaks_for"]
    assert "of development" in told["missing"]


def _keep(change: Callable[[str], bool]) -> Callable[[Path], None]:
    return lambda folder: rewrite_log(folder, keep=change)


def _behind_a_proxy(folder: Path) -> None:
    for client in REGULARS:
        _change(folder / LOG, client, "10.0.0.7")


def _not_understood(folder: Path) -> None:
    _change(folder / LOG, "", "?? POST /api/auth/login 401\n")


def _no_snapshots(folder: Path) -> None:
    rmtree(folder / ".audit/ledger")


def _no_values(folder: Path) -> None:
    _no_snapshots(folder)
    for name in ("backend/.env", "frontend/.env.local"):
        (folder / name).write_text("OTHER=1\n", "utf-8")


_unread = _keep(lambda line: line[:10] < f"{INCIDENT:%Y-%m-%d}")
_young = _keep(lambda line: line[:10] >= f"{INCIDENT - pd.Timedelta(days=7):%Y-%m-%d}")
# Each explanation in an incident that it does not explain, the secret that is asked for, and what it needs:
# with any of these taken away it is not unlikely.
RULED_OUT: dict[str, tuple[str, str, tuple[Callable[[Path], None], ...]]] = {
    GUESSED: ("quiet misuse", "", (_unread, _not_understood, _behind_a_proxy)),
    USED: ("brute force", "", (_unread, _not_understood, _young)),
    OUTAGE: ("quiet misuse", "", (_unread, _not_understood)),
    CUT_OFF: ("leaked and used", "API_TOKEN", (_unread, _not_understood, _no_snapshots)),
    EXPOSED: (
        "quiet misuse",
        "JWT_SECRET_KEY",
        (_no_values, lambda at: (at / "frontend/.env.local").unlink()),
    ),
}


@pytest.mark.parametrize("name", RULED_OUT)
def test_unlikely_is_earned(name: str, tmp_path: Path) -> None:
    """With all that it needs an explanation is unlikely where it explains nothing; else it is not."""
    kind, secret, needs = RULED_OUT[name]
    whole = tmp_path / "whole"
    whole.mkdir()
    plant(whole, kind, 0)
    _change(whole / "audit.toml", 'name = "planted"', 'environments = ["production"]\nname = "planted"')
    assert _explained(opened(whole, secret=secret)).loc[name, "rating"] == "unlikely"
    for number, take_away in enumerate(needs):
        folder = tmp_path / f"without {number}"
        copytree(whole, folder)
        take_away(folder)
        assert _explained(opened(folder, secret=secret)).loc[name, "rating"] != "unlikely", number


def test_a_window_that_no_log_reaches_rules_nothing_out(tmp_path: Path) -> None:
    """Two months after the last line silence rules nothing out, no symptom is none, nobody is blocked."""
    plant(tmp_path, "leaked and used", 1)
    found = opened(tmp_path, "2026-11-10", as_of=iso(AS_OF + pd.Timedelta(days=60)))
    table = _explained(found)
    assert not table["rating"].eq("unlikely").any()
    assert table["missing"].str.contains("none could be read").all()
    assert set(found.symptoms["verdict"]) == {"unknown"}
    assert not found.steps["step"].str.startswith("Block").any()
