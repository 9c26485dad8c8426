"""Whether an incident is over, and who got in, is said only of what the logs show until their end."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from audit_lib.base.clock import iso
from audit_lib.cli import load_command
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
    opened_once,
    plant,
    rewrite_log,
)

GUESSES = "brute force"
NEAR = REGULARS[2].rpartition(".")[0] + ".222"
REFUSED = f'INFO:     {STRANGER}:50000 - "GET /api/orders HTTP/1.1" 401 Unauthorized'
LOGGED_IN = f'INFO:     {STRANGER}:50000 - "POST /api/auth/login HTTP/1.1" 200 OK'


def _at(minutes: float) -> str:
    return f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"


class Scene(NamedTuple):
    """A planted incident with a changed log, and what is answered; what is empty may be anything."""

    kind: str
    more: Sequence[tuple[float, str, int]] = ()  # requests: minutes after the incident, address, status
    keep: Callable[[str], bool] = lambda line: True  # lines of the log
    line: str = ""  # on top
    going_on: str = ""
    because: str = ""  # is in the reason
    got_in: tuple[str, ...] = ()  # the answer, and its reason
    verdict: str = ""
    explained: str = ""
    step: str = ""  # how the first begins


UNSEEN = ("None seen",)
OPEN_END = "end too soon"
SCENES = {
    # The refusals end when the guess is right: then it is said until when the address was seen.
    "who guessed and got in": Scene(
        GUESSES, [(15 + 9 * n, STRANGER, 200) for n in range(9)],
        going_on="Last seen 16 Sep 01:27", step="Block who got in"),
    # That an address was answered before does not make who guesses from it somebody known.
    "a known address that guessed and got in": Scene(
        BUNDLE, [*((n / 10, REGULARS[0], 401) for n in range(60)), (8, REGULARS[0], 200)],
        got_in=("1 address after failures", REGULARS[0])),
    # A log that is cut, has a gap or ends within a pause of the tries shows no end of them.
    "a log that is cut off": Scene(
        GUESSES, keep=lambda line: line < _at(3), going_on="Not known", because=OPEN_END, got_in=UNSEEN),
    "a gap": Scene(
        GUESSES, keep=lambda line: not _at(9) < line < _at(540), going_on="Not known", because="have a gap",
        got_in=UNSEEN),
    "who tries once an hour": Scene(
        GUESSES, [(60 * n, STRANGER, 401) for n in range(42)], lambda line: line < _at(42 * 60),
        going_on="Not known", because=OPEN_END, got_in=UNSEEN),
    # It may have been asked after the last that has a time.
    "a line without a time": Scene(GUESSES, line=REFUSED, going_on="Not known"),
    # Who goes on at another door, which logs no requests, has not ended with the last request.
    "a failed login that a message tells": Scene(
        GUESSES, line=f"{_at(300)} sshd[77]: Failed password for root from {STRANGER} port 50000 ssh2",
        because="last seen 16 Sep 05:00", verdict="Likely an attack, and over."),
    # A refusal among everyday requests says nothing of what is asked: no end of it is known.
    "what is not explained": Scene(
        BUNDLE, [(5, REGULARS[1], 401)], going_on="Not known", verdict="Not known."),
    # Others are answered meanwhile: that says nothing of the client with the old value.
    "a client that still fails when the log ends": Scene(
        "stale client after a rotation", [(5 * n, REGULARS[0], 401) for n in range(1, 12 * 96)],
        lambda line: line < _at(0) or REGULARS[0] not in line, going_on="Not known", explained=CUT_OFF),
    # A neighbour of a known address is no new network; who only logged in is somebody new.
    "a neighbour": Scene(
        BUNDLE, [(n, NEAR, 200) for n in range(30)],
        got_in=("Nobody of a new network", f"but new addresses of known ones: {NEAR}")),
    "a neighbour, and a stranger's login": Scene(
        BUNDLE, [(n, NEAR, 200) for n in range(30)], line=f"{_at(3)} {LOGGED_IN}",
        got_in=("1 new address", f"first {STRANGER} at 16 Sep 00:03")),
    "a neighbour, and who logged in weeks ago, too": Scene(
        BUNDLE, [(n, NEAR, 200) for n in range(30)],
        line=f"{_at(-9 * 24 * 60)} {LOGGED_IN}\n{_at(3)} {LOGGED_IN}",
        got_in=("Nobody of a new network", f"but new addresses of known ones: {NEAR}")),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_what_logs_do_not_show_is_not_said(name: str, tmp_path: Path) -> None:
    """An incident goes on, and somebody got in, as far as the logs show it."""
    scene = SCENES[name]
    plant(tmp_path, scene.kind, 0)
    change(tmp_path / LOG, "", f"{scene.line}\n" * bool(scene.line))
    rewrite_log(tmp_path, *scene.more, keep=lambda line: line == f"{scene.line}\n" or scene.keep(line))
    found = opened(tmp_path)
    said = found.summary()
    answers = {one.question: (one.answer, one.why) for one in said.answers}
    answer, why = answers["Still going on?"]
    assert scene.going_on in ("", answer)
    assert scene.because in why
    assert answers["Did anyone get in?"][: len(scene.got_in)] == scene.got_in
    assert said.verdict == scene.verdict if scene.verdict else "over" not in said.verdict
    assert scene.explained in ("", found.explanations.iloc[0]["explanation"])
    assert found.steps.iloc[0]["step"].startswith(scene.step)


def test_guessing_that_failed_is_over_once_the_logs_go_on_without_it() -> None:
    """Four days of requests of others, none of the guesser's; of refused orders nobody says logins."""
    said = opened_once(GUESSES).summary()
    assert (said.verdict, said.is_attack) == ("Likely an attack, and over.", True)
    assert said.sentence == "Somebody sent requests that were refused."


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
    where = 'pattern = "deploys.jsonl"\nenvironment = "production"\nservice = "backend"\n'
    change(tmp_path / "audit.toml", "", f"[[deploys]]\n{where}")
    found = opened(tmp_path)
    said = found.summary()
    assert said.sentence == "A deploy stopped the application for 19 minutes."
    assert "40 requests of 5 addresses were answered with server errors" in " ".join(said.facts)
    row = found.explanations.set_index("explanation").loc[OUTAGE]
    assert row["rating"] == "likely"
    assert "took effect just before" in row["speaks_for"]


def test_an_address_that_is_in_no_request_is_said() -> None:
    """Whoever is asked about and was never seen is not passed over."""
    found = opened_once(BUNDLE)
    found.look(address="192.0.2.99")
    assert "192.0.2.99 is in no request that was read." in found.summary().facts
    found.look(address="")


def test_a_default_that_anyone_can_guess_has_not_leaked(tmp_path: Path) -> None:
    """What code and documents hold as a default is in nobody's hands by a leak, as in a review."""
    default = "POSTGRES_PASSWORD=postgres\n"
    for name in (".env", "compose.yml", "README.md"):
        (tmp_path / name).write_text(default, "utf-8")
    CliRunner().invoke(load_command("snapshot"), ["--project", str(tmp_path)], catch_exceptions=False)
    found = open_incident(str(tmp_path), "30d")
    assert set(found.case.leaked.leaks["kind"]) == {"weak default"}
    assert found.exposure.empty
