"""Each symptom of the guide is told from the lines that show it, and is not told without them."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident import case
from audit_lib.incident.explain import OUTAGE, USED
from audit_lib.logs.formats import MOST_NAMES, load_formats
from audit_lib.logs.read import read_logs, without_values
from audit_lib.secrecy.redact import Redactor
from tests.support.planted_incidents import INCIDENT, LOG, change, opened, opened_once, plant

AT, MINUTE = INCIDENT + timedelta(hours=5), timedelta(minutes=1)
LACKING = next(one for one in load_formats().messages if one.name == "required secret missing").examples[0]
KINDS = {block.kind: block.examples[0] for block in load_formats().messages}
LINES = {
    "the start-up validation failed": [KINDS["startup_failed"], LACKING],
    "tokens are invalid after a deployment": [KINDS["jwt_invalid"]],
    "the database cannot be used": [KINDS["database_failure"]],
    "a value fails its validation": [KINDS["validation_error"]],
    "requests are rate limited": ['INFO:     198.51.100.9:50000 - "GET /x HTTP/1.1" 429 Too Many Requests'],
}


def _symptoms(folder: Path, *lines: str, policy: str = "paiid") -> pd.DataFrame:
    """The symptoms of a planted project whose log holds these lines as well."""
    plant(folder, "quiet misuse", 0)
    change(folder / LOG, "", "".join(f"{AT:%Y-%m-%d %H:%M:%S} {line}\n" for line in lines))
    change(folder / "audit.toml", 'extends = "paiid"', f'extends = "{policy}"')
    return opened(folder, AT - MINUTE, until=iso(AT + MINUTE)).symptoms.set_index("symptom")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The symptoms of a log that holds the lines of all, of one that holds none, and the first's lines."""
    folder = tmp_path_factory.mktemp("told")
    found = _symptoms(folder, *(line for lines in LINES.values() for line in lines))
    silent = _symptoms(tmp_path_factory.mktemp("silent"))
    return found, silent, (folder / LOG).read_text("utf-8").splitlines()


@pytest.mark.parametrize("symptom", LINES)
def test_a_symptom_is_told_from_its_lines(symptom: str, told: tuple[Any, Any, list[str]]) -> None:
    """It is found with the lines that show it, and by no other; without them it is none."""
    found, silent, log = told
    row = found.loc[symptom]
    assert (row["verdict"], bool(row["guide_lines"])) == ("found", True)
    cited = [log[int(number) - 1][20:] for number in re.findall(rf"{LOG}:(\d+)", row["evidence"])]
    assert cited
    assert set(cited) <= set(LINES[symptom])
    assert silent.loc[symptom, "verdict"] == ("unknown" if "limited" in symptom else "none")


def test_a_failed_start_names_what_the_env_file_lacks(told: tuple[Any, Any, list[str]]) -> None:
    """The name that the start logged is joined with its state in the env files."""
    diagnosis = told[0].loc["the start-up validation failed", "diagnosis"]
    name = diagnosis.partition("; ")[2].partition(":")[0]
    assert name
    assert name in LACKING
    assert "in no env file that was read" in diagnosis or "missing in" in diagnosis


@pytest.mark.parametrize(("policy", "line", "unknown"), [
    ("generic", "INFO: x", [*LINES][:3]),  # a policy that does not say that the wording is known
    ("paiid", "INFO: x\n?? -", ["the database cannot be used"]),  # a line that is not understood
])  # fmt: skip
def test_what_was_not_understood_rules_nothing_out(
    policy: str, line: str, unknown: list[str], tmp_path: Path
) -> None:
    """Under words that no format knows, or beside a line that is not understood, no symptom is none."""
    rows = _symptoms(tmp_path, line, policy=policy).loc[unknown]
    assert set(rows["verdict"]) == {"unknown"}
    assert policy == "generic" or "not understood: 1" in rows.iloc[0]["diagnosis"]


def test_a_broken_pair_explains_the_frontend() -> None:
    """401 on the frontend with halves that differ: the pair is named, and that a restart is not enough."""
    row = opened_once("pair break").symptoms.set_index("symptom").loc["the frontend gets 401"]
    assert row["verdict"] == "found"
    assert "API_TOKEN" in row["diagnosis"]
    assert "rebuild" in row["diagnosis"]


@pytest.mark.parametrize(("routes", "rating"), [(MOST_NAMES, "unlikely"), (0, "unknown")])
def test_routes_that_are_not_kept_rule_nothing_out(
    routes: int, rating: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where requests stand under one name, no answer on a protected route is ruled out."""

    def read(project: Any, keeper: Any, **more: Any) -> Any:
        return without_values(read_logs(project, None, routes=routes, **more), Redactor.of(keeper))

    plant(tmp_path, "brute force", 0)
    monkeypatch.setattr(case, "cached_logs", read)
    ratings = opened(tmp_path).explanations.set_index("explanation")["rating"]
    assert [ratings[name] for name in (USED, OUTAGE)] == [rating] * 2
