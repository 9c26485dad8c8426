"""Whether an incident is over, and who got in, is said only of what the logs show until their end."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explain import CUT_OFF, OUTAGE
from audit_lib.investigation import Investigation
from tests.support.planted_incidents import INCIDENT, REGULARS, STRANGER, opened, plant, rewrite_log

BUNDLE = "our own bundle explains the sighting"
LOG = "backend/logs/backend.log"


def _answers(found: Investigation) -> dict[str, tuple[str, str]]:
    return {one.question: (one.answer, one.why) for one in found.summary().answers}


def _at(minutes: float) -> str:
    return f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"


def _add(folder: Path, line: str) -> None:
    lines = (folder / LOG).read_text("utf-8").splitlines(keepends=True)
    (folder / LOG).write_text("".join(sorted([*lines, f"{line}\n"])), "utf-8")


def test_who_guessed_and_got_in_is_not_over(tmp_path: Path) -> None:
    """The refusals end when the guess is right: then it is said until when the address was seen."""
    plant(tmp_path, "brute force", 0)
    rewrite_log(tmp_path, *((15 + 9 * number, STRANGER, 200) for number in range(9)))
    found = opened(tmp_path)
    assert _answers(found)["Still going on?"][0] == "Last seen 16 Sep 01:27"
    assert "over" not in found.summary().verdict
    assert found.steps.iloc[0]["step"].startswith("Block who got in")


def test_a_known_address_that_guessed_and_got_in_is_named(tmp_path: Path) -> None:
    """That an address was answered before does not make who guesses from it somebody known."""
    plant(tmp_path, BUNDLE, 0)
    guesses = [(number / 10, REGULARS[0], 401) for number in range(60)]
    rewrite_log(tmp_path, *guesses, (8, REGULARS[0], 200))
    assert _answers(opened(tmp_path))["Did anyone get in?"] == ("1 address after failures", REGULARS[0])


def test_guessing_that_failed_is_over_once_the_logs_go_on_without_it(tmp_path: Path) -> None:
    """Four days of requests of others, none of the guesser's; of refused orders nobody says logins."""
    plant(tmp_path, "brute force", 0)
    said = opened(tmp_path).summary()
    assert (said.verdict, said.is_attack) == ("Likely an attack, and over.", True)
    assert said.sentence == "Somebody sent requests that were refused."


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        pytest.param(
            lambda at: rewrite_log(at, keep=lambda line: line < _at(3)), "end too soon", id="cut off"
        ),
        pytest.param(
            lambda at: rewrite_log(at, keep=lambda line: not _at(9) < line < _at(540)), "have a gap", id="gap"
        ),
        pytest.param(
            lambda at: rewrite_log(
                at,
                *((60 * number, STRANGER, 401) for number in range(42)),
                keep=lambda line: line < _at(42 * 60),
            ),
            "end too soon",
            id="who tries once an hour",
        ),
    ],
)
def test_logs_that_do_not_go_on_show_no_end(tmp_path: Path, change: object, doubt: str) -> None:
    """A log that is cut, has a gap or ends within a pause of the tries shows no end of them."""
    plant(tmp_path, "brute force", 0)
    change(tmp_path)  # type: ignore[operator]
    answers = _answers(opened(tmp_path))
    assert answers["Still going on?"][0] == "Not known"
    assert doubt in answers["Still going on?"][1]
    assert answers["Did anyone get in?"][0] == "None seen"


def test_a_line_without_a_time_may_be_a_later_one(tmp_path: Path) -> None:
    """What the guesser asked at a time that is not known may have been asked after the last that is."""
    plant(tmp_path, "brute force", 0)
    with (tmp_path / LOG).open("a", encoding="utf-8") as log:
        log.write(f'INFO:     {STRANGER}:50000 - "GET /api/orders HTTP/1.1" 401 Unauthorized\n')
    assert _answers(opened(tmp_path))["Still going on?"][0] == "Not known"


def test_a_failed_login_that_a_message_tells_counts_as_seen(tmp_path: Path) -> None:
    """Who goes on at another door, which logs no requests, has not ended with the last request."""
    plant(tmp_path, "brute force", 0)
    _add(tmp_path, f"{_at(300)} sshd[77]: Failed password for root from {STRANGER} port 50000 ssh2")
    assert _answers(opened(tmp_path))["Still going on?"][1].startswith("last seen 16 Sep 05:00")


def test_what_is_not_explained_is_not_over(tmp_path: Path) -> None:
    """A refusal among everyday requests says nothing of what is asked: no end of it is known."""
    plant(tmp_path, BUNDLE, 0)
    rewrite_log(tmp_path, (5, REGULARS[1], 401))
    found = opened(tmp_path)
    assert found.summary().verdict == "Not known."
    assert _answers(found)["Still going on?"][0] == "Not known"


def test_a_client_that_still_fails_when_the_log_ends_is_not_over(tmp_path: Path) -> None:
    """Others are answered meanwhile: that says nothing of the client with the old value."""
    plant(tmp_path, "stale client after a rotation", 0)
    late = [(5 * number, REGULARS[0], 401) for number in range(1, 12 * 96)]
    rewrite_log(tmp_path, *late, keep=lambda line: line < _at(0) or REGULARS[0] not in line)
    found = opened(tmp_path)
    assert found.explanations.iloc[0]["explanation"] == CUT_OFF
    assert _answers(found)["Still going on?"][0] == "Not known"


def test_who_is_new(tmp_path: Path) -> None:
    """A neighbour of a known address is no new network; who only logged in is somebody new."""
    plant(tmp_path, BUNDLE, 0)
    near = REGULARS[2].rpartition(".")[0] + ".222"
    rewrite_log(tmp_path, *((number, near, 200) for number in range(30)))
    answer = _answers(opened(tmp_path))["Did anyone get in?"]
    assert answer == ("Nobody of a new network", f"but new addresses of known ones: {near}")
    _add(tmp_path, f'{_at(3)} INFO:     {STRANGER}:50000 - "POST /api/auth/login HTTP/1.1" 200 OK')
    assert _answers(opened(tmp_path))["Did anyone get in?"] == (
        "1 new address",
        f"first {STRANGER} at 16 Sep 00:03",
    )


def test_another_attack_of_others_is_told_too(tmp_path: Path) -> None:
    """A value that leaked was used; at the same time somebody else guessed: neither hides the other."""
    plant(tmp_path, "leaked and used", 0)
    rewrite_log(tmp_path, *((1500 + number / 10, "203.0.114.9", 401) for number in range(60)))
    said = opened(tmp_path).summary().sentence
    assert said == "A leaked value may have been used. Somebody sent requests that were refused."


def test_an_application_that_only_errs_after_a_deploy_is_told(tmp_path: Path) -> None:
    """No request was refused: the errors of all are the outage, and the deploy just before may explain it."""
    plant(tmp_path, BUNDLE, 0)
    errors = [(number / 2, REGULARS[number % 5], 500) for number in range(40)]
    rewrite_log(
        tmp_path, *errors, keep=lambda line: not (_at(0) <= line < _at(20) and line.endswith("200 OK\n"))
    )
    deploys = [
        {"at": iso(INCIDENT + timedelta(minutes=one)), "commit": "aaaa111", "environment": "production"}
        for one in (-9000, -0.5, 20.5)
    ]
    (tmp_path / "deploys.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in deploys), "utf-8")
    with (tmp_path / "audit.toml").open("a", encoding="utf-8") as toml:
        toml.write(
            '[[deploys]]\npattern = "deploys.jsonl"\nenvironment = "production"\nservice = "backend"\n'
        )
    found = opened(tmp_path)
    said = found.summary()
    assert said.sentence == "A deploy stopped the application for 19 minutes."
    assert "40 requests of 5 addresses were answered with server errors" in " ".join(said.facts)
    row = found.explanations.set_index("explanation").loc[OUTAGE]
    assert row["rating"] == "likely"
    assert "took effect just before" in row["speaks_for"]


def test_an_address_that_is_in_no_request_is_said(tmp_path: Path) -> None:
    """Whoever is asked about and was never seen is not passed over."""
    plant(tmp_path, BUNDLE, 0)
    assert (
        "192.0.2.99 is in no request that was read." in opened(tmp_path, address="192.0.2.99").summary().facts
    )
