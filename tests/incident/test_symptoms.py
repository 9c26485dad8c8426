"""Each symptom of the guide is told from the lines that show it, and is not told without them."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident import case
from audit_lib.incident.explain import OUTAGE, USED
from audit_lib.logs.formats import MOST_ROUTES, load_formats
from audit_lib.logs.read import read_logs, without_values
from audit_lib.secrecy.redact import Redactor
from tests.support.planted_incidents import INCIDENT, opened, plant

AT = INCIDENT + timedelta(hours=5)
ACCESS = 'INFO:     198.51.100.9:50000 - "GET {} HTTP/1.1" {}'
MESSAGES = {block.name: block.examples[0] for block in load_formats().messages}
KINDS = {block.kind: block.examples[0] for block in load_formats().messages}
LINES = {
    "the start-up validation failed": [KINDS["startup_failed"], MESSAGES["required secret missing"]],
    "tokens are invalid after a deployment": [KINDS["jwt_invalid"]],
    "the database cannot be used": [KINDS["database_failure"]],
    "a value fails its validation": [KINDS["validation_error"]],
    "requests are rate limited": [ACCESS.format("/api/orders", "429 Too Many Requests")],
}


def _symptoms(folder: Path, *lines: str, policy: str = "paiid") -> pd.DataFrame:
    """The symptoms of a planted project whose log holds these lines as well."""
    plant(folder, "quiet misuse", 0)
    with (folder / "backend/logs/backend.log").open("a", encoding="utf-8") as log:
        log.writelines(f"{AT:%Y-%m-%d %H:%M:%S} {line}\n" for line in lines)
    minute = timedelta(minutes=1)
    toml = folder / "audit.toml"
    toml.write_text(toml.read_text("utf-8").replace('extends = "paiid"', f'extends = "{policy}"'), "utf-8")
    found = opened(folder, AT - minute, until=iso(AT + minute))
    return found.symptoms.set_index("symptom")


@pytest.mark.parametrize("symptom", LINES)
def test_a_symptom_is_told_from_its_lines(symptom: str, tmp_path: Path) -> None:
    """It is found with the line that shows it; without that line it is none.

    That nobody was limited shows nothing while the policy declares no limiter.
    """
    told = _symptoms(tmp_path / "with", *LINES[symptom]).loc[symptom]
    assert (told["verdict"], bool(told["guide_lines"])) == ("found", True)
    assert "backend/logs/backend.log:" in told["evidence"]
    without = _symptoms(tmp_path / "without").loc[symptom, "verdict"]
    assert without == ("unknown" if "limited" in symptom else "none")


def test_words_that_no_format_knows_leave_symptoms_unknown(tmp_path: Path) -> None:
    """Under a policy that does not say that the wording is known, no failure of start or database is none."""
    rows = _symptoms(tmp_path, policy="generic")
    for symptom in list(LINES)[:3]:
        assert rows.loc[symptom, "verdict"] == "unknown"


def test_a_line_that_is_not_understood_rules_nothing_out(tmp_path: Path) -> None:
    """While a line was not understood, no symptom of the logs is none."""
    row = _symptoms(tmp_path, "INFO: x\n?? -").loc["the database cannot be used"]
    assert (row["verdict"], "not understood: 1" in row["diagnosis"]) == ("unknown", True)


def test_a_failed_start_names_what_the_env_file_lacks(tmp_path: Path) -> None:
    """The name that the start logged is joined with its state in the env files."""
    line = MESSAGES["required secret missing"]
    told = _symptoms(tmp_path, KINDS["startup_failed"], line).loc["the start-up validation failed"]
    name = told["diagnosis"].partition("; ")[2].partition(":")[0]
    assert name
    assert name in line
    assert "in no env file that was read" in told["diagnosis"] or "missing in" in told["diagnosis"]


def test_a_broken_pair_explains_the_frontend(tmp_path: Path) -> None:
    """401 on the frontend with halves that differ: the pair is named, and that a restart is not enough."""
    plant(tmp_path, "pair break", 0)
    told = opened(tmp_path).symptoms.set_index("symptom").loc["the frontend gets 401"]
    assert told["verdict"] == "found"
    assert "API_TOKEN" in told["diagnosis"]
    assert "rebuild" in told["diagnosis"]


def test_routes_that_are_not_kept_rule_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where requests stand under one name, no answer on a protected route is ruled out."""
    plant(tmp_path, "brute force", 0)
    told = {}
    for routes in (MOST_ROUTES, 0):

        def read(project, keeper, routes=routes, **more):  # type: ignore[no-untyped-def]
            return without_values(read_logs(project, None, routes=routes, **more), Redactor.of(keeper))

        monkeypatch.setattr(case, "cached_logs", partial(read))
        ratings = opened(tmp_path).explanations.set_index("explanation")["rating"]
        told[routes] = [ratings[name] for name in (USED, OUTAGE)]
    assert told == {MOST_ROUTES: ["unlikely"] * 2, 0: ["unknown"] * 2}
