"""Each trigger and symptom of the guide is told from the lines that show it, and is not told without them."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.log_kinds import MOST_ROUTES
from audit_lib.incident.explanations import USED, tabulate_explanations
from audit_lib.incident.question import Question
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs import project_logs as log_cache
from audit_lib.logs.formats import load_formats
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import load_project
from tests.support.planted_incidents import AS_OF, INCIDENT, STRANGER, plant

AT = INCIDENT + pd.Timedelta(hours=5)
ACCESS = 'INFO:     198.51.100.9:50000 - "GET {} HTTP/1.1" {}'
MESSAGES = {block.name: block.examples[0] for block in load_formats().messages}
KINDS = {block.kind: block.examples[0] for block in load_formats().messages}
LINES = {
    "the start-up validation failed": [KINDS["startup_failed"], MESSAGES["required secret missing"]],
    "tokens are invalid after a deployment": [KINDS["jwt_invalid"]],
    "the database cannot be used": [KINDS["database_failure"]],
    "a value fails its validation": [KINDS["validation_error"]],
    "requests are rate limited": [ACCESS.format("/api/orders", "429 Too Many Requests")],
    "a log line shows a value": [ACCESS.format("/api/orders?api_key=x1", "200 OK")],
}


def _symptoms(
    folder: Path, lines: list[str], kind: str = "quiet misuse", policy: str = "paiid"
) -> pd.DataFrame:
    """The symptoms of a planted project whose log holds these lines as well."""
    plant(folder, kind, 0)
    log = folder / "backend/logs/backend.log"
    log.write_text(log.read_text("utf-8") + "".join(f"{AT:%Y-%m-%d %H:%M:%S} {line}\n" for line in lines))
    project = load_project(folder)
    since = (AT - pd.Timedelta(minutes=1)).isoformat()
    question = Question(since, (AT + pd.Timedelta(minutes=1)).isoformat())
    found = investigate(project, question, AS_OF, keeper_of(project), policy=policy)
    return tabulate_symptoms(found).set_index("symptom")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The symptoms of a planted project whose log holds no line of them."""
    return _symptoms(tmp_path_factory.mktemp("without"), [])


@pytest.mark.parametrize("symptom", LINES)
def test_a_symptom_is_told_from_its_lines(symptom: str, without: pd.DataFrame, tmp_path: Path) -> None:
    """It is found with the line that shows it; without that line it is none, or not spoken of.

    That nobody was limited shows nothing while the policy declares no limiter.
    """
    with_lines = _symptoms(tmp_path / "with", LINES[symptom])
    assert with_lines.loc[symptom, "verdict"] == "found"
    assert "backend/logs/backend.log:" in with_lines.loc[symptom, "evidence"]
    assert symptom not in without.index or without.loc[symptom, "verdict"] == (
        "unknown" if "limited" in symptom else "none"
    )


def test_words_that_no_format_knows_leave_symptoms_unknown(tmp_path: Path) -> None:
    """Under a policy that does not say that the wording is known, no failure of start or database is none."""
    rows = _symptoms(tmp_path, [], policy="generic")
    for symptom in (
        "the start-up validation failed",
        "the database cannot be used",
        "tokens are invalid after a deployment",
    ):
        assert rows.loc[symptom, "verdict"] == "unknown"
        assert "was ever met in these logs" in rows.loc[symptom, "diagnosis"]


def test_a_line_that_is_not_understood_rules_nothing_out(tmp_path: Path) -> None:
    """While a line was not understood, no symptom of the logs is none."""
    rows = _symptoms(tmp_path, ["INFO: x\n?? -"])
    assert rows.loc["requests are rate limited", "verdict"] == "unknown"
    assert "not understood: 1" in rows.loc["requests are rate limited", "diagnosis"]


def test_a_failed_start_names_what_the_env_file_lacks(tmp_path: Path) -> None:
    """The name that the start told is joined with its state in the env files."""
    line = MESSAGES["required secret missing"]
    told = _symptoms(tmp_path, [KINDS["startup_failed"], line]).loc["the start-up validation failed"]
    name = told["diagnosis"].partition(":")[0]
    assert name in line
    assert "in no env file that was read" in told["diagnosis"] or "missing in" in told["diagnosis"]


def test_a_broken_pair_explains_the_frontend(tmp_path: Path) -> None:
    """401 on the frontend with halves that differ: the pair is named, and that a restart is not enough."""
    plant(tmp_path, "pair break", 0)
    project = load_project(tmp_path)
    question = Question((INCIDENT - pd.Timedelta(hours=2)).isoformat(), AS_OF.isoformat())
    found = investigate(project, question, AS_OF, keeper_of(project))
    told = tabulate_symptoms(found).set_index("symptom").loc["the frontend gets 401"]
    assert told["verdict"] == "found"
    assert "rebuild" in told["diagnosis"]


def test_triggers_tell_leaks_and_admit_what_is_not_read(tmp_path: Path) -> None:
    """A committed value in force is an emergency; who left and what providers say is unknown."""
    found = _symptoms(tmp_path, [], "leaked and used")
    assert found.loc["a secret was committed", "verdict"] == "found"
    assert found.loc["somebody with access left", "verdict"] == "unknown"
    assert found.loc["a provider reports a breach", "verdict"] == "unknown"


def test_routes_that_are_not_kept_rule_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where requests stand under one name, no answer on a protected route is ruled out."""
    plant(tmp_path, "quiet misuse", 0)
    project = load_project(tmp_path)
    question = Question((INCIDENT - pd.Timedelta(hours=2)).isoformat(), AS_OF.isoformat())
    told = {}
    for routes in (MOST_ROUTES, 0):
        monkeypatch.setattr(log_cache, "read_logs", partial(read_logs, routes=routes))
        monkeypatch.setattr(log_cache, "user_cache", partial(Path, tmp_path / f"cache {routes}"))
        found = investigate(project, question, AS_OF, keeper_of(project))
        verdict = tabulate_symptoms(found).set_index("symptom").loc["the frontend gets 401", "verdict"]
        table = tabulate_explanations(found).set_index("explanation")
        told[routes] = verdict, table
    (known, before), (unknown, after) = told[MOST_ROUTES], told[0]
    assert (known, unknown) == ("none", "unknown")
    silent = "nobody of a new network|no guessing and no spraying|nobody who was answered before"
    assert before["speaks_against"].str.contains(silent).any()
    assert not after["speaks_against"].str.contains(silent).any()


def test_a_leak_that_was_perhaps_used_is_not_called_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value leaked and no newcomer is seen: that speaks against its use only where routes are known."""
    plant(tmp_path, "leaked and used", 0)
    log = tmp_path / "backend/logs/backend.log"
    kept = [line for line in log.read_text("utf-8").splitlines(keepends=True) if STRANGER not in line]
    log.write_text("".join(kept), "utf-8")
    project = load_project(tmp_path)
    question = Question((INCIDENT - pd.Timedelta(hours=2)).isoformat(), AS_OF.isoformat())
    against = {}
    for routes in (MOST_ROUTES, 0):
        monkeypatch.setattr(log_cache, "read_logs", partial(read_logs, routes=routes))
        monkeypatch.setattr(log_cache, "user_cache", partial(Path, tmp_path / f"cache {routes}"))
        found = investigate(project, question, AS_OF, keeper_of(project))
        row = tabulate_explanations(found).set_index("explanation").loc[USED]
        against[routes] = "nobody of a new network" in row["speaks_against"]
    assert against == {MOST_ROUTES: True, 0: False}
