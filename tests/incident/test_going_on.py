"""Whether an incident is over, and who got in: said only of what the logs show until their end."""

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explanations import CUT_OFF, OUTAGE, tabulate_explanations
from audit_lib.incident.going_on import _too_early, going_on, let_in_after_guessing
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import DETECTED, tabulate_suspicions
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.report import incident_screen as screen
from audit_lib.report.incident_answers import incident_answers
from audit_lib.settings import load_project
from audit_lib.settings.load import remember_sample
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, STRANGER, plant

LOG = "backend/logs/backend.log"
LINE = '{} INFO:     {}:50000 - "GET /api/orders HTTP/1.1" {}\n'


def _opened(folder: Path, days: float = 1) -> Investigation:
    remember_sample(folder)
    project = load_project(folder)
    since = (INCIDENT - pd.Timedelta(days=days)).isoformat()
    return investigate(project, Question(since, iso(AS_OF)), AS_OF, keeper_of(project))


def _rewrite(folder: Path, keep: int | None = None, *more: tuple[float, str, int]) -> None:
    """The log until so many minutes after the incident, or all of it, with more requests at such minutes."""
    lines = (folder / LOG).read_text("utf-8").splitlines(keepends=True)
    at = [f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}" for minutes, *_ in more]
    last = f"{INCIDENT + timedelta(minutes=keep or 10**5):%Y-%m-%d %H:%M:%S}"
    lines = [line for line in lines if line < last]
    lines += [LINE.format(when, *one[1:]) for when, one in zip(at, more, strict=True)]
    (folder / LOG).write_text("".join(sorted(lines)), "utf-8")


def test_who_guessed_and_got_in_is_not_over(tmp_path: Path) -> None:
    """The refusals end when the guess is right: then it is said until when the address was seen."""
    plant(tmp_path, "brute force", 0)
    _rewrite(tmp_path, None, *((15 + 9 * number, STRANGER, 200) for number in range(9)))
    found = _opened(tmp_path)
    assert going_on(found)[0] == "Last seen 16 Sep 01:27"
    assert "over" not in screen.incident_headline(found).text
    assert tabulate_steps(found).iloc[0]["text"].startswith("Block who got in")


def test_a_known_address_that_guessed_and_got_in_is_named(tmp_path: Path) -> None:
    """That an address was answered before does not make who guesses from it somebody known."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    guesses = [(number / 10, REGULARS[0], 401) for number in range(60)]
    _rewrite(tmp_path, None, *guesses, (8, REGULARS[0], 200))
    found = _opened(tmp_path)
    assert [one.client for one in let_in_after_guessing(found)] == [REGULARS[0]]
    assert f"1 address after guessing ({REGULARS[0]} was answered at" in incident_answers(found).text


def test_guessing_that_failed_is_over_once_the_logs_go_on_without_it(tmp_path: Path) -> None:
    """Four days of requests of others, none of the guesser's."""
    plant(tmp_path, "brute force", 0)
    found = _opened(tmp_path)
    assert going_on(found)[0] == "No"
    assert "Likely an attack, and over." in screen.incident_headline(found).text


def test_a_log_that_ends_within_a_pause_shows_no_end(tmp_path: Path) -> None:
    """Who tries once an hour has not stopped because the log goes on for half an hour."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    _rewrite(tmp_path, 42 * 60, *((60 * number, STRANGER, 401) for number in range(42)))
    answer, why = going_on(_opened(tmp_path))
    assert (answer, "the logs end too soon after it" in why) == ("Not known", True)


def test_a_log_that_was_cut_shows_nobody_new_and_no_end(tmp_path: Path) -> None:
    """A log that ends days before the window does may have lost who got in."""
    plant(tmp_path, "brute force", 0)
    _rewrite(tmp_path, 3)
    found = _opened(tmp_path)
    assert "Did anyone get in?: None seen" in incident_answers(found).text
    assert going_on(found)[0] == "Not known"
    assert detected_in_window(found).doubts("let-in")


def test_a_gap_after_it_shows_nobody_new_and_no_end(tmp_path: Path) -> None:
    """What happened within a gap of the logs is in none of them."""
    plant(tmp_path, "brute force", 0)
    lines = (tmp_path / LOG).read_text("utf-8").splitlines(keepends=True)
    low, high = (f"{INCIDENT + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (0.15, 9))
    (tmp_path / LOG).write_text("".join(line for line in lines if not low < line < high), "utf-8")
    found = _opened(tmp_path)
    assert going_on(found)[1].endswith("the logs have a gap after it")
    assert "Did anyone get in?: None seen" in incident_answers(found).text


def test_what_is_not_explained_is_not_over(tmp_path: Path) -> None:
    """A refusal among everyday requests says nothing of what is asked: no end of it is told."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    _rewrite(tmp_path, None, (5, REGULARS[1], 401))
    found = _opened(tmp_path)
    assert going_on(found) == ("Not known", "what happened is not known")
    assert screen.incident_headline(found).text.splitlines()[2].startswith("Not known.")


def test_a_client_that_still_fails_when_the_log_ends_is_not_over(tmp_path: Path) -> None:
    """Others are answered meanwhile: that says nothing of the client with the old value."""
    plant(tmp_path, "stale client after a rotation", 0)
    late = [(5 * number, REGULARS[0], 401) for number in range(1, 12 * 96)]
    lines = (tmp_path / LOG).read_text("utf-8").splitlines(keepends=True)
    begin = f"{INCIDENT:%Y-%m-%d %H:%M:%S}"
    (tmp_path / LOG).write_text(
        "".join(line for line in lines if line < begin or REGULARS[0] not in line), "utf-8"
    )
    _rewrite(tmp_path, None, *late)
    found = _opened(tmp_path)
    assert tabulate_explanations(found).iloc[0]["explanation"] == CUT_OFF
    assert going_on(found)[0] == "Not known"


def test_a_new_neighbour_of_a_known_address_is_named(tmp_path: Path) -> None:
    """A thief in the network of somebody known is no new network, and yet nobody who was there before."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    near = REGULARS[2].rpartition(".")[0] + ".222"
    _rewrite(tmp_path, None, *((number, near, 200) for number in range(30)))
    answers = incident_answers(_opened(tmp_path)).text
    assert f"No new network seen (but 1 new address of known ones: {near})" in answers


def test_who_only_logged_in_is_new_too(tmp_path: Path) -> None:
    """A login of a new network that succeeds counts, even if no protected route answered it."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    at = f"{INCIDENT + timedelta(minutes=3):%Y-%m-%d %H:%M:%S}"
    line = f'{at} INFO:     {STRANGER}:50000 - "POST /api/auth/login HTTP/1.1" 200 OK\n'
    lines = (tmp_path / LOG).read_text("utf-8").splitlines(keepends=True)
    (tmp_path / LOG).write_text("".join(sorted([*lines, line])), "utf-8")
    assert f"1 new address (first {STRANGER} at" in incident_answers(_opened(tmp_path)).text


def test_another_attack_of_others_is_told_too(tmp_path: Path) -> None:
    """A value that leaked was used; at the same time somebody else guessed: neither hides the other."""
    plant(tmp_path, "leaked and used", 0)
    other = "203.0.114.9"
    _rewrite(tmp_path, None, *((1500 + number / 10, other, 401) for number in range(60)))
    said = screen.incident_headline(_opened(tmp_path, 3)).text
    assert "A leaked value may have been used. Somebody sent requests that were refused." in said


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that answers everyone with 500 for twenty minutes, between two deploys."""
    folder = tmp_path_factory.mktemp("broken")
    plant(folder, "our own bundle explains the sighting", 0)
    errors = [(number / 2, REGULARS[number % 5], 500) for number in range(40)]
    _rewrite(folder, None, *errors)
    lines = (folder / LOG).read_text("utf-8").splitlines(keepends=True)
    low, high = (f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}" for minutes in (0, 20))
    kept = [line for line in lines if not (low <= line < high and line.endswith("200 OK\n"))]
    (folder / LOG).write_text("".join(kept), "utf-8")
    return folder


def _deploys(folder: Path, *minutes: float, spoilt: str = "") -> None:
    entries = [
        {"at": iso(INCIDENT + timedelta(minutes=one)), "commit": "aaaa111", "environment": "production"}
        for one in minutes
    ]
    lines = [json.dumps(one) for one in entries]
    (folder / "deploys.jsonl").write_text("\n".join(lines) + "\n" + spoilt, "utf-8")
    toml = (folder / "audit.toml").read_text("utf-8").partition("[[deploys]]")[0]
    block = '[[deploys]]\npattern = "deploys.jsonl"\nenvironment = "production"\nservice = "backend"\n'
    (folder / "audit.toml").write_text(toml + block, "utf-8")


def test_an_application_that_only_errs_after_a_deploy_is_told(broken: Path) -> None:
    """No request was refused: the errors of all are the outage, and the deploy just before may explain it."""
    _deploys(broken, -9000, -0.5, 20.5)
    found = _opened(broken)
    said = screen.incident_headline(found).text
    assert "A deploy may have stopped the application for 19 minutes." in said
    assert "40 requests of 5 addresses were answered with server errors" in said
    assert "5 known; 40 server errors" in incident_answers(found).text
    row = tabulate_explanations(found).set_index("explanation").loc[OUTAGE]
    assert row["verdict"] == "likely"
    assert "took effect just before" in row["speaks_for"]
    told = tabulate_suspicions(found)
    assert "40 server errors, 100% of the requests of that time (application-failing)" in told.iloc[0]["what"]
    assert told.iloc[0]["kind"] == DETECTED


def test_a_list_with_an_entry_not_read_rules_no_deploy_out(broken: Path) -> None:
    """The entry that was not understood may be the deploy: then nothing says that there was none."""
    denied = []
    for spoilt in ("", '{"at": "not a time", "commit": "b", "environment": "production"}\n'):
        _deploys(broken, -9000, 600, spoilt=spoilt)
        row = tabulate_explanations(_opened(broken)).set_index("explanation")
        denied.append("no deploy just before" in row.loc[OUTAGE, "speaks_against"])
    assert denied == [True, False]


def test_without_a_pair_in_the_policy_no_pair_broke(tmp_path: Path) -> None:
    """An outage alone does not speak for two halves of which the policy knows nothing."""
    plant(tmp_path, "pair break", 0)
    demands = '\n[detections]\nclients = "real"\n[[secret]]\n'
    demands += 'name = "API_TOKEN"\nservice = "backend"\nkind = "secret"\nmax_age_days = 90\n'
    toml = tmp_path / "audit.toml"
    text = toml.read_text("utf-8").replace('extends = "paiid"', 'extends = "generic"')
    toml.write_text(text + demands, "utf-8")
    found = _opened(tmp_path)
    row = tabulate_explanations(found).set_index("explanation").loc[OUTAGE]
    assert "differ" not in row["speaks_for"]
    assert "Two halves" not in screen.incident_headline(found).text


def test_a_request_without_a_time_may_be_a_later_one(tmp_path: Path) -> None:
    """What the guesser asked at a time that is not known may have been asked after the last that is."""
    plant(tmp_path, "brute force", 0)
    with (tmp_path / LOG).open("a", encoding="utf-8") as file:
        file.write(f'INFO:     {STRANGER}:50000 - "GET /api/orders HTTP/1.1" 401 Unauthorized\n')
    found = _opened(tmp_path)
    assert (going_on(found)[0], "over" in screen.incident_headline(found).text) == ("Not known", False)


def test_who_was_refused_once_is_not_over_at_once(tmp_path: Path) -> None:
    """Of a single refusal no pause is known: a log that goes on for minutes shows no end."""
    at = pd.Series(pd.to_datetime([iso(INCIDENT)], utc=True))
    later = pd.DataFrame({"not_before_at": at + pd.Timedelta(minutes=5)})
    plant(tmp_path, "brute force", 0)
    assert _too_early(_opened(tmp_path), at, later) == "end too soon"


def test_a_failed_login_that_a_message_tells_counts_as_seen(tmp_path: Path) -> None:
    """Who goes on at another door, which logs no requests, has not ended with the last request."""
    plant(tmp_path, "brute force", 0)
    at = f"{INCIDENT + timedelta(hours=5):%Y-%m-%d %H:%M:%S}"
    lines = (tmp_path / LOG).read_text("utf-8").splitlines(keepends=True)
    line = f"{at} sshd[77]: Failed password for root from {STRANGER} port 50000 ssh2\n"
    (tmp_path / LOG).write_text("".join(sorted([*lines, line])), "utf-8")
    assert going_on(_opened(tmp_path))[1].startswith("since 16 Sep 05:00: ")
