"""Whether an incident is over, and who got in, is said only of what the logs show until their end."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.incident.explain import CUT_OFF, OUTAGE
from audit_lib.investigation import open_incident
from tests.support.planted_incidents import (
    BUNDLE,
    INCIDENT,
    LOG,
    REGULARS,
    STRANGER,
    change,
    opened,
    plant,
    rewrite_log,
)

NEAR = REGULARS[2].rpartition(".")[0] + ".222"
WORDS = {"bundle": BUNDLE, "cut_off": CUT_OFF, "near": NEAR, "stranger": STRANGER}
WORDS |= {"known": REGULARS[0], "other": REGULARS[1], "beside": STRANGER.rpartition(".")[0] + ".78"}
SCENES = tomllib.loads(Template(Path(__file__).with_suffix(".toml").read_text("utf-8")).substitute(WORDS))


def _at(minutes: float) -> str:
    return f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("scene", SCENES["scene"], ids=lambda scene: scene["name"])
def test_what_logs_do_not_show_is_not_said(scene: dict[str, Any], tmp_path: Path) -> None:
    """An incident goes on, and somebody got in, as far as the logs show it."""
    since, until, of = scene.get("silent", (0, 0, ""))
    added = f"{_at(scene['at'])} {scene['line']}\n" if "at" in scene else f"{scene.get('line', '')}\n"
    added *= scene.get("times", 1)
    plant(tmp_path, scene["kind"], 0)
    change(tmp_path / "audit.toml", "", scene.get("toml", ""))
    change(tmp_path / LOG, "", added if "line" in scene else "")
    asked = scene.get("requests", ())
    rows = [(first + step * n, *rest) for first, step, count, *rest in asked for n in range(count)]
    rewrite_log(
        tmp_path,
        *rows,
        keep=lambda line: line in added or not (_at(since) <= line < _at(until) and of in line),
    )
    found = opened(tmp_path)
    found.look(**scene.get("look", {}), address=scene.get("address", ""))
    said = found.summary()
    answers = {one.question: (one.answer, one.why) for one in said.answers}
    assert answers["Still going on?"][0] == scene.get("going_on", answers["Still going on?"][0])
    assert scene.get("because", "") in answers["Still going on?"][1]
    assert scene.get("refused", "") in answers["Who was turned away?"][1]
    assert list(answers["Did anyone get in?"])[: len(scene.get("got_in", ""))] == scene.get("got_in", [])
    assert said.verdict == scene["verdict"] if "verdict" in scene else "over" not in said.verdict
    assert scene.get("said", {}).items() <= {"sentence": said.sentence, "is_attack": said.is_attack}.items()
    assert scene.get("fact", "") in "".join(said.facts)
    first = found.explanations.iloc[0]
    assert first["explanation"] == scene.get("explained", first["explanation"])
    assert scene.get("shows", "") in first["speaks_for"]
    assert found.steps.iloc[0]["step"].startswith(scene.get("step", ""))


@pytest.mark.parametrize(("at", "what", "near"), SCENES["deploys"])
def test_an_application_that_only_errs_after_a_deploy_is_told(at, what, near, tmp_path: Path) -> None:
    """Of errors until the next answer, whatever their pauses, and the deploy just before may explain them;
    those whom a limit refused later are refused, and a restart with more errors is none."""
    plant(tmp_path, BUNDLE, 0)
    errors = [(39 if number == 39 else number / 2, REGULARS[number % 5], 500) for number in range(40)]
    errors += [(60 + number, REGULARS[0], 429) for number in range(3)]
    errors += [(100, REGULARS[number % 5], 500) for number in range(50)]
    rewrite_log(
        tmp_path, *errors, keep=lambda line: not (_at(0) <= line < _at(40) and line.endswith("200 OK\n"))
    )
    deploys = [
        {"at": iso(INCIDENT + timedelta(minutes=one)), "commit": "aaaa111", "environment": "production"}
        for one in at
    ]
    (tmp_path / "deploys.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in deploys), "utf-8")
    where = 'pattern = "deploys.jsonl"\nenvironment = "production"\nservice = "backend"\n'
    change(tmp_path / "audit.toml", "", f"[[deploys]]\n{where}")
    found = opened(tmp_path)
    said = found.summary()
    assert said.sentence == f"{what} stopped the application for 39 minutes."
    assert "3 were refused, 90 met errors" in said.facts[0]
    assert "40 requests of 5 addresses were answered with server errors" in " ".join(said.facts)
    assert said.answers[2].why.endswith(", 40 failed requests")
    row = found.explanations.set_index("explanation").loc[OUTAGE]
    assert "nearly all" not in row["speaks_for"]  # only refusals show that
    assert [row["rating"], row["speaks_for"].count("just before"), found.steps["step"][0][:17]] == near


def test_a_default_that_anyone_can_guess_has_not_leaked(tmp_path: Path) -> None:
    """What code and documents hold as a default is in nobody's hands by a leak, as in a review."""
    default = "POSTGRES_PASSWORD=postgres\n"
    for name in (".env", "compose.yml", "README.md"):
        (tmp_path / name).write_text(default, "utf-8")
    CliRunner().invoke(main, ["snapshot", "--project", str(tmp_path)])
    found = open_incident(str(tmp_path), "30d")
    assert set(found.case.leaked.leaks["kind"]) == {"weak default"}
    assert found.exposure.empty
