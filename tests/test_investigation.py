"""An incident from its sources to its explanation: seven kinds, planted in generated projects."""

import re
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.incident.explanations import CUT_OFF, EXPOSED, GUESSED, OUTAGE, tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question
from audit_lib.incident.record import tabulate_record, windows_concerned
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.investigation import investigate, seen_through
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key, keeper_of
from audit_lib.logins.parameters import DETECTIONS
from audit_lib.logins.requests import Window
from audit_lib.report.incident_tables import timeline_table
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.settings import instant_of, load_project
from tests.support.planted_incidents import AS_OF, EXPLAINED, INCIDENT, STRANGER, Planted, plant
from tests.support.sample_copy import write_sample

SEEDS = range(1)
PLACES = r":\d+$|^commit [0-9a-f]+$|^ledger "  # a line of a log or of the ledger, a commit
LONG_SEEDS = range(1, 10)


def looked_into(folder: Path, plan: Planted) -> Investigation:
    """The incident as an investigator opens it, in the hours around it."""
    project = load_project(folder)
    since, until = INCIDENT - pd.Timedelta(hours=2), AS_OF
    question = Question(since.isoformat(), until.isoformat(), plan.secret)
    return investigate(project, question, AS_OF, keeper_of(project))


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """The sample in the days of its brute force; nobody writes in it."""
    project = load_project(write_sample(tmp_path_factory.mktemp("burst") / "sample"))
    asked = Question("2026-08-19", "2026-08-22")
    return investigate(project, asked, instant_of(project, ""), keeper_of(project))


def days(first: str, last: str) -> Window:
    """From the start of one day to the end of another."""
    return Window(parse_instant(f"{first}T00:00:00Z", "since"), parse_instant(last, "until"))


def seeds(kind: str) -> list[object]:
    """A seed in each run, more in the long one."""
    few = [pytest.param(kind, seed, id=f"{kind}-{seed}") for seed in SEEDS]
    return few + [
        pytest.param(kind, seed, id=f"{kind}-{seed}", marks=pytest.mark.long) for seed in LONG_SEEDS
    ]


@pytest.mark.parametrize(("kind", "seed"), [case for kind in EXPLAINED for case in seeds(kind)])
def test_the_planted_explanation_comes_first(tmp_path: Path, kind: str, seed: int) -> None:
    """Of five explanations the true one is first, and the exposure window contains the true one."""
    plan = plant(tmp_path, kind, seed)
    found = looked_into(tmp_path, plan)
    table = tabulate_explanations(found)
    assert (table.iloc[0]["explanation"], table.iloc[0]["verdict"]) == EXPLAINED[kind], table.to_string()
    assert tabulate_timeline(found)["evidence"].str.contains(PLACES).all()
    if plan.exposed:
        begins, ends = plan.exposed
        mine = tabulate_exposure_windows(found)[
            (tabulate_exposure_windows(found)["secret"] == plan.of)
            & ~tabulate_exposure_windows(found)["open"]
        ]
        assert len(mine) == 1
        assert mine.iloc[0]["begins_at"] <= begins
        assert mine.iloc[0]["ends_at"] >= ends


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        (Question(since="yesterday"), "since: must be a date or time"),
        (Question(since="2026-09-19", until="2026-09-01"), "since: is not before"),
        (Question(secret="NO_SUCH_NAME"), "secret: no such variable in the policy or the project"),
        (Question(client="1.2.3"), "client: must be an address such as 203.0.113.45"),
        (Question(discovered="at night"), "discovered: must be a date or time"),
        (Question(discovered="2026-09-20T00:00:01Z"), "discovered: is after 2026-09-20T00:00:00Z"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(tmp_path: Path, question: Question, fault: str) -> None:
    """A date or a name that cannot be used ends as bad input, and the text given is not repeated."""
    plant(tmp_path, "quiet misuse", 0)
    project = load_project(tmp_path)
    with pytest.raises(BadInput, match=fault):
        investigate(project, question, AS_OF, keeper_of(project))


def test_detections_speak_of_the_window(tmp_path: Path) -> None:
    """Guessing is found in its window with its lines; in a later window there is none, where nothing speaks
    against that."""
    plant(tmp_path, "brute force", 0)
    project = load_project(tmp_path)
    keeper = keeper_of(project)
    there = tabulate_window_detections(investigate(project, Question(INCIDENT.isoformat()), AS_OF, keeper))
    burst = there[there["detection"] == "guessing"].iloc[0]
    assert (burst["verdict"], burst["subject"]) == ("found", STRANGER)
    assert burst["evidence"].startswith("backend/logs/backend.log:")
    later = Question((INCIDENT + pd.Timedelta(days=2)).isoformat())
    after = tabulate_window_detections(investigate(project, later, AS_OF, keeper)).set_index("detection")
    assert tuple(after.loc["guessing", ["verdict", "reason"]]) == ("none", "")
    assert set(after.index) == set(DETECTIONS)
    with (tmp_path / "backend/logs/backend.log").open("a", encoding="utf-8") as log:
        log.write(f'INFO:     {STRANGER}:1 - "GET /api/account HTTP/1.1" 401 Unauthorized\n')
    unsure = tabulate_window_detections(investigate(project, later, AS_OF, keeper)).set_index("detection")
    assert unsure.loc["guessing", "verdict"] == "unknown"
    assert unsure.loc["guessing", "reason"] == "1 failed logins have no time of their own"


def test_of_a_window_that_no_log_reaches_nothing_is_unlikely_for_want_of_lines(tmp_path: Path) -> None:
    """Two months after the last line no explanation is ruled out by silence, and no symptom is "none"."""
    plant(tmp_path, "leaked and used", 1)
    project = load_project(tmp_path)
    found = investigate(project, Question(), AS_OF + pd.Timedelta(days=60), keeper_of(project))
    table = tabulate_explanations(found).set_index("explanation")
    blind = table.drop(index=[EXPOSED, CUT_OFF])
    assert not blind["speaks_against"].str.contains("fail|succeeded|ten minutes|outside").any()
    assert blind["missing"].str.contains("none could be read").all()
    assert table.loc[GUESSED, "verdict"] == "unknown"
    symptoms = tabulate_symptoms(found).set_index("symptom")
    assert symptoms.loc["the start-up validation failed", "verdict"] == "unknown"
    assert "none" not in set(symptoms["verdict"].drop("a secret appears in logs"))
    steps = tabulate_steps(found)
    assert "block" not in set(steps["action"])


def test_failures_before_the_start_speak_against_stale_clients(tmp_path: Path) -> None:
    """Until the start that reads the new value the old one holds: who fails before fails of other."""
    plan = plant(tmp_path, "stale client after a rotation", 815)
    table = tabulate_explanations(looked_into(tmp_path, plan)).set_index("explanation")
    stale = table.loc[CUT_OFF]
    assert stale["verdict"] == "likely"
    log = (tmp_path / "backend/logs/backend.log").read_text("utf-8").splitlines()
    told = re.search(r"(\d+) of its failures were before the start in \S+:(\d+)", stale["speaks_against"])
    assert told
    count, start = int(told[1]), int(told[2]) - 1
    assert "validated successfully" in log[start]
    refused = [line for line in log[:start] if " 401 " in line and line[:16] >= f"{INCIDENT:%Y-%m-%d %H:%M}"]
    assert 0 < count <= len(refused)


def test_new_addresses_have_a_lane_of_their_own(tmp_path: Path) -> None:
    """Thirty successes of a stranger among two thousand are drawn, and told, apart from them."""
    plant(tmp_path, "leaked and used", 1)
    project = load_project(tmp_path)
    found = investigate(project, Question(INCIDENT.isoformat()), AS_OF, keeper_of(project))
    assert "30 new addresses" in timeline_figure(found).alt
    assert any(STRANGER in cell for row in timeline_table(found).rows for cell in row)


def test_what_has_been_replaced_is_not_rotated_for_its_leak_again(tmp_path: Path) -> None:
    """Of a secret whose leaked value is retired the steps say by what, and end with the purge."""
    plan = plant(tmp_path, "leaked and used", 1)
    project = load_project(tmp_path)
    found = investigate(project, Question(secret=plan.of), AS_OF, keeper_of(project))
    steps = tabulate_steps(found)
    assert steps["action"].tolist() == ["block", "check", "record", "purge"]
    assert steps["place"].iloc[0] == STRANGER
    assert "has been replaced (another value in ledger weekly#" in steps["text"].iloc[1]
    other = investigate(project, Question(secret="JWT_SECRET_KEY"), AS_OF, keeper_of(project))
    assert "replace" in set(tabulate_steps(other)["action"])


def test_without_logs_ledger_and_repository_nothing_is_claimed(tmp_path: Path) -> None:
    """An empty project has an investigation too: nothing is likely, and what is missing is said."""
    project = load_project(tmp_path)
    found = investigate(project, Question(), AS_OF, keeper_of(project))
    assert set(tabulate_explanations(found)["verdict"]) <= {"unknown", "unlikely"}
    assert (tabulate_explanations(found)["missing"] != "").any()
    assert tabulate_timeline(found).empty


def test_a_secret_that_nobody_named_is_not_in_the_record(burst: Investigation) -> None:
    """A brute force is recorded without a secret, though some have leaked; one that is named is told."""
    for secret, told in (("", "not known"), ("API_TOKEN", "API_TOKEN")):
        fields = tabulate_record(seen_through(burst, secret=secret)).set_index("field")["value"]
        assert fields["secret"] == told
        assert (fields["replaced"] == "not known") is (not secret)


def test_a_quiet_week_has_no_likely_explanation(burst: Investigation) -> None:
    """Rare failures in a row, or halves of a pair that differ, are no incident; the last week has one."""
    quiet = seen_through(burst, days("2026-07-22", "2026-07-28"))
    assert "likely" not in set(tabulate_explanations(quiet)["verdict"])
    last = investigate(burst.project, Question(), burst.as_of, keeper_of(burst.project))
    best = tabulate_explanations(last).iloc[0]
    assert (best["explanation"], best["verdict"]) == (OUTAGE, "likely")


def test_the_record_says_when_it_was_discovered_and_revoked_and_by_whom(tmp_path: Path) -> None:
    """As given and as recorded: claims; else the instant of opening, and what record is missing."""
    plan = plant(tmp_path, "leaked and used", 0)
    found = looked_into(tmp_path, plan)
    fields = tabulate_record(found).set_index("field")
    assert fields.loc["discovered", "value"] == "opened as of 2026-09-20T00:00:00Z"
    assert fields.loc["revoked", "value"] == "not known"
    assert "--revoked" in fields.loc["revoked", "evidence"]
    # Of another value the record is the earlier one, and says nothing of this one.
    mine = windows_concerned(found).iloc[0]["fingerprint"]
    for value, name, day in ((mine, "Ada", "2026-09-17"), ("0" * 64, "Bo", "2026-09-16")):
        body = {"secret": plan.of, "environment": "production", "service": "backend", "day_only": True}
        body |= {"claimed_at": f"{day}T00:00:00Z", "fingerprint": value, "by": name, "proof": "401"}
        append(tmp_path / ".audit" / "ledger", demo_key(), Draft("revocation", body), AS_OF, name.lower())
    project = load_project(tmp_path)
    asked = Question("2026-09-15", discovered="2026-09-20")
    again = investigate(project, asked, AS_OF, keeper_of(project))
    fields = tabulate_record(again).set_index("field")
    assert tuple(fields.loc["discovered"]) == ("on 2026-09-20", "as given (discovered): a claim")
    assert fields.loc["revoked", "value"] == "on 2026-09-17"
    told = "ledger ada#1, recorded 2026-09-20T00:00:00Z by Ada; proof: 401; the provider was not asked"
    assert fields.loc["revoked", "evidence"] == told
    lines = tabulate_timeline(again)[tabulate_timeline(again)["evidence"] == "ledger ada#1"]
    assert lines["text"].tolist() == ["recorded as revoked by Ada"]
    assert lines["at"].isna().all()


def test_a_deploy_list_is_told_as_far_as_it_reaches(burst: Investigation) -> None:
    """The sample's deploys stand in timeline and record with their lines; outside the list it is unknown."""
    deploys = tabulate_timeline(burst)[tabulate_timeline(burst)["kind"] == "deploy"]
    assert deploys["evidence"].tolist() == [f"evidence/deploys-backend.json:{line}" for line in (6, 5)]
    assert deploys["text"].str.startswith(("failed (build_failed)", "took effect (deactivated)")).all()
    fields = tabulate_record(burst).set_index("field")
    assert tuple(fields.loc["deploys"]) == (
        "production/backend: 1 failed, 1 took effect",
        "evidence/deploys-backend.json",
    )
    early = seen_through(burst, days("2026-07-01", "2026-07-02"))
    told = tabulate_record(early).set_index("field").loc["deploys", "value"]
    assert told == "production/backend: none; nothing is known before 15 Jul 11:00"


def test_without_a_deploy_list_no_deploy_is_denied(tmp_path: Path) -> None:
    """Starts in the logs are the nearest, and where there is none it is unknown."""
    found = looked_into(tmp_path, plant(tmp_path, "pair break", 0))
    told, evidence = tuple(tabulate_record(found).set_index("field").loc["deploys"])
    assert told == "starts in the logs (boot): 1; whether one was a deploy is not known"
    assert "[[deploys]]" in evidence
    empty = investigate(
        load_project(tmp_path), Question("2026-09-10", "2026-09-11"), AS_OF, keeper_of(load_project(tmp_path))
    )
    assert (
        tabulate_record(empty)
        .set_index("field")
        .loc["deploys", "value"]
        .startswith("not known: the logs show no start")
    )
