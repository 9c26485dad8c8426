"""The incident's first screen: five answers for what is known and what is not, a sentence for each cause."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.incident import matter as matter_of
from audit_lib.incident.explanations import UNLIKELY_NEEDS
from audit_lib.incident.investigation import Investigation, LastComputed
from audit_lib.incident.matter import ATTACKS
from audit_lib.incident.outages import Outage
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate, seen_through
from audit_lib.ledger.keys import keeper_of
from audit_lib.logins.requests import Window
from audit_lib.report import incident_screen as screen
from audit_lib.report.incident_answers import incident_answers
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.settings import load_project
from tests.support.planted_incidents import AS_OF, STRANGER, plant


def _planted(folder: Path, kind: str) -> Investigation:
    plant(folder, kind, 0)
    project = load_project(folder)
    return investigate(project, Question("2026-09-10"), AS_OF, keeper_of(project))


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """A value that leaked and was used."""
    return _planted(tmp_path_factory.mktemp("leaked"), "leaked and used")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """Somebody new was answered, in a project whose page shows the value that callers send."""
    return _planted(tmp_path_factory.mktemp("quiet"), "quiet misuse")


def test_every_explanation_has_its_sentence() -> None:
    """None is left without words."""
    assert set(screen.SENTENCES) == set(UNLIKELY_NEEDS)
    assert set(ATTACKS) < set(screen.SENTENCES)


def test_an_attack_is_called_one_and_the_new_address_is_named(leaked: Investigation) -> None:
    """The verdict of the best explanation, and who got in since when."""
    assert "an attack" in screen.incident_headline(leaked).text
    assert "A leaked value may have been used." in screen.incident_headline(leaked).text
    assert f"Did anyone get in?: 1 new address (first {STRANGER}" in incident_answers(leaked).text


def test_a_window_without_a_refusal_says_so(tmp_path: Path) -> None:
    """It is no fault of the data: so many requests were read, and none of them was refused."""
    quiet = _planted(tmp_path, "our own bundle explains the sighting")
    start = AS_OF - timedelta(days=1)
    calm = replace(quiet, window=Window(start, start + timedelta(hours=6)), computed=LastComputed())
    assert re.search(
        r"Still going on\?: Nothing refused \(of \d+ requests? that", incident_answers(calm).text
    )


def test_a_harmless_explanation_rules_no_attack_out(quiet: Investigation) -> None:
    """That the page itself shows a value says how somebody can have it, not that nobody used it."""
    named = screen.incident_headline(seen_through(quiet, secret="API_TOKEN")).text
    assert "Perhaps an attack. Our own page or log shows the value" in named
    assert f"Somebody new was answered.\nOf 36 requests of {STRANGER} " in named


def test_who_was_answered_was_last_seen_then(quiet: Investigation) -> None:
    """Where nothing is refused the last request of the new address says until when it went on."""
    answers = incident_answers(quiet).text
    assert (
        f"Still going on?: Last seen 18 Sep 04:01 (36 of 36 requests of {STRANGER} were answered)" in answers
    )
    assert "Who was refused: Nobody (no request was refused)" in answers


def test_a_published_value_is_left_to_fix(quiet: Investigation) -> None:
    """A rotation by itself publishes the next value, so the page says what shows it."""
    answers = incident_answers(quiet).text
    assert "Left to fix: A published value (NEXT_PUBLIC_API_TOKEN shows API_TOKEN" in answers


def test_an_outage_is_not_said_to_be_the_attack(
    monkeypatch: pytest.MonkeyPatch, leaked: Investigation
) -> None:
    """What the attack's addresses were refused is told of them; an outage beside it is something else."""
    outage = Outage(AS_OF, AS_OF, 45, 3)
    monkeypatch.setattr(matter_of, "worst_break", lambda _: outage)
    monkeypatch.setattr(matter_of, "core_of", lambda *_: outage)
    lead = screen.incident_headline(leaked).text.splitlines()[-1]
    assert re.match(
        rf"Of \d+ requests? of {STRANGER} in the window \d+ were refused\. Something else happ", lead
    )
    assert "45 requests of 3 addresses were refused." in lead


def test_nothing_is_claimed_of_a_window_that_was_not_read(leaked: Investigation) -> None:
    """Without a line of the window neither an end nor an absence is stated."""
    window = Window(AS_OF.replace(year=2020), AS_OF.replace(year=2021))
    unread = replace(leaked, window=window, computed=LastComputed())
    assert "Not known. No log line of the window was read." in screen.incident_headline(unread).text
    answers = incident_answers(unread).text
    assert "Still going on?: Not known" in answers
    assert "None seen" in answers
    assert "the window: no log line of it was read." in screen.incident_not_known(unread).text


def test_each_block_says_as_text_what_it_shows(leaked: Investigation) -> None:
    """Steps in order, explanations with their ratings, and what the figure draws."""
    steps = screen.incident_steps(leaked)
    assert steps.text.startswith("1. ")
    assert steps.html.count("<li") == min(steps.text.count("done if"), screen.MOST_STEPS)
    assert screen.incident_explanations(leaked).text.split(":")[0] in ("likely", "possible")
    drawn = timeline_figure(leaked)
    assert "1 leak" in drawn.alt
    assert drawn.svg.startswith("<svg")
