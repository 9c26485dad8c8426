"""A guide's contradictions are found by its text alone, each with its line; what agrees is left alone."""

import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit_lib.project import load_project
from audit_lib.project.guide import lint, tabulate_guide
from audit_lib.project.guide.text import Statement, read_guide
from audit_lib.project.policy import bundled_policy
from audit_lib.project.policy.guide_rules import guide_rules
from tests.support.check_rows import GUIDE_CHECKS
from tests.support.fakes import fake_value

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
REAL = Path("shared/spec/secret-management-guide.md")  # beside the repository, not in it
# Each has a topic, a text that does not agree with itself, the line, and a text just beside it that does.
CASES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))["case"]


def _said(text: str) -> list[Statement]:
    value = fake_value("an example of a guide", 40)
    return list(lint(read_guide("guide.md", text.replace("{value}", value)), bundled_policy("paiid"), AS_OF))


@pytest.mark.parametrize("case", CASES, ids=[f"{case['topic']} {at}" for at, case in enumerate(CASES)])
def test_what_does_not_agree_is_found_with_its_line(case: dict[str, Any]) -> None:
    """Each rule finds its fault in the line that has it, and nothing in a text just beside it."""
    faults, beside = (
        [one for one in _said(case[text]) if one.topic == case["topic"] and one.answer == "no"]
        for text in ("fault", "beside")
    )
    assert case["line"] in [one.line for one in faults]
    assert all(one.reason for one in faults)
    assert beside == []


def test_every_topic_is_tried() -> None:
    """No rule goes without a text that it finds fault with; what cannot be read is tried below."""
    assert {case["topic"] for case in CASES} == set(GUIDE_CHECKS.values()) - {"text"}


def test_no_value_of_the_guide_is_repeated() -> None:
    """An example that looks real, and a password in a command, are found and not shown."""
    value = fake_value("in a guide", 40)
    said = _said(
        f"### API_TOKEN\n- Example: `{value}`\n```\npsql --password={value} -c \"PASSWORD '{value}'\"\n```"
    )
    assert {one.topic for one in said if one.answer == "no"} >= {"example value", "command"}
    assert value not in repr(said)


@pytest.fixture(scope="module")
def real() -> list[Statement]:
    """What the guide that the policy was made from says, if it is beside the repository."""
    for folder in Path(__file__).resolve().parents:
        if (folder / REAL).is_file():
            return list(
                lint(read_guide("guide", (folder / REAL).read_text("utf-8")), bundled_policy("paiid"), AS_OF)
            )
    pytest.skip("the guide is not here")


# Decided without the guide's text, not decidable, and not in this guide but in another document.
ELSEWHERE = {"D9", "D13", "D38"}


def test_the_real_guide_s_contradictions_are_found(real: list[Statement]) -> None:
    """Each of D1 to D40 that the text decides has a fault on a line that the rule cites."""
    missed = set()
    for rule in guide_rules(bundled_policy("paiid")):
        if not rule.number.startswith("D"):
            continue
        asked = {GUIDE_CHECKS[check] for check in rule.checks if check in GUIDE_CHECKS}
        found = [
            one
            for one in real
            if one.topic in asked and one.answer == "no"
            and (not rule.secrets or one.secret in rule.secrets)
            and (not rule.subjects or one.subject in rule.subjects)
        ]  # fmt: skip
        missed |= set() if found else {rule.number}
    assert missed == ELSEWHERE


def test_a_guide_that_is_no_text_is_not_known(tmp_path: Path) -> None:
    """What cannot be read has not agreed; what nobody declared is not asked."""
    (tmp_path / "docs").mkdir()
    guide = tmp_path / "docs/SECRETS.md"
    policy = bundled_policy("paiid")
    assert tabulate_guide(load_project(tmp_path), policy, AS_OF).empty
    for content in (b"\xff\xfe", b"x" * (1 << 19), b"# A\n" + b"x" * 3_000, b"\n" * 6_000):
        guide.write_bytes(content)
        rows = tabulate_guide(load_project(tmp_path), policy, AS_OF)
        assert rows[rows["topic"].eq("text")]["answer"].tolist() == ["unknown"]


@pytest.mark.parametrize(
    "text",
    [
        (" " * 1_999 + "\n") * 40,
        ("string.digits+" * 140 + "\n") * 40,
        ("next review" + " " * 1_000) * 200,
        ("```\ngrep " + "a/" * 900 + "\n```\n") * 40,
        "".join(f"### VAR_{n}\n- every 90 days, must match VAR_{n + 1}, 32+ bytes\n" for n in range(499)),
    ],
    ids=["spaces", "alphabets", "reviews", "paths", "variables"],
)
def test_a_hostile_guide_is_read_in_time(text: str) -> None:
    """No rule is quadratic in the length of a line, or in the number of variables beyond its bound."""
    began = time.process_time()
    _said(text)
    assert time.process_time() - began < 8


@pytest.mark.parametrize("text", ["Next review: soon", "nothing of the kind"])
def test_a_review_without_a_date_is_not_known(text: str) -> None:
    """No date, or one that is not understood, has neither passed nor is it to come."""
    assert [one.answer for one in _said(text) if one.topic == "next review"] == ["unknown"]
