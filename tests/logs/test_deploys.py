"""Deploy lists: every form that is accepted, every fault of a file at once, no value, nothing lost."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from audit_lib.ledger.keys import demo_key
from audit_lib.logs.deploys import parse_deploys, read_deploys
from audit_lib.sample.story import drawn
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import DeploySource, Project
from tests.support.paths import rows_beside

CASES = rows_beside(__file__)
AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
LIST = DeploySource("evidence/deploys*.json", "backend", "production")


class Found(NamedTuple):
    """The frames of deploy lists."""

    sources: pd.DataFrame
    deploys: pd.DataFrame


def deploy(number: int = 1, **more: Any) -> dict[str, Any]:
    """A deploy as Render's API tells of it."""
    text = json.dumps(CASES["deploy"]).replace("@day", f"2026-09-{number:02}")
    return json.loads(text.replace("@number", str(number)).replace("@commit", f"{number:040x}")) | more


def read(folder: Path, text: str | bytes, keeper: Keeper | None = None, as_of: datetime = AS_OF) -> Found:
    """What one list gives."""
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / "evidence" / "deploys.json").write_bytes(text.encode() if isinstance(text, str) else text)
    project = Project("p", folder, deploy_sources=(LIST,))
    return Found(*read_deploys(project, keeper or Keeper(demo_key()), as_of))


ANSWER = [{"deploy": deploy(2), "cursor": "b"}, {"deploy": deploy(1), "cursor": "a"}]
PAGES = "".join(json.dumps([entry]) + "\n" for entry in ANSWER)


@pytest.mark.parametrize(("text", "evidence"), [
    (json.dumps(ANSWER), ["1 (dep-1)", "1 (dep-2)"]),
    (json.dumps(ANSWER, indent=0), None),
    (json.dumps([deploy(2), deploy(1)]), ["1 (dep-1)", "1 (dep-2)"]),
    (f"{json.dumps(deploy(2))}\n\n{json.dumps(deploy(1))}", ["3", "1"]),
    (PAGES, ["2", "1"]),
    ("[\n" + ",\n".join(map(json.dumps, ANSWER)) + "\n]", ["3", "2"]),
    ("\ufeff" + json.dumps(ANSWER), ["1 (dep-1)", "1 (dep-2)"]),
    (json.dumps(ANSWER).encode("utf-16"), ["1 (dep-1)", "1 (dep-2)"]),
], ids=["answer", "pretty", "bare", "lines", "pages", "one a line", "bom", "utf-16"])  # fmt: skip
def test_each_form_gives_the_same_deploys(
    tmp_path: Path, text: str | bytes, evidence: list[str] | None
) -> None:
    """Render's answer, bare deploys, JSON Lines and pages one after another, each cited by its line."""
    found = read(tmp_path, text)
    assert found.deploys["deploy"].tolist() == ["dep-1", "dep-2"]
    assert set(found.deploys["outcome"]) == {"took effect"}
    assert found.deploys["message"].tolist() == ["Say it"] * 2
    assert [f"{at:%d %H:%M:%S}" for at in found.deploys["began_at"]] == ["01 09:00:10", "02 09:00:10"]
    if evidence:
        assert found.deploys["evidence"].tolist() == [f"evidence/deploys.json:{end}" for end in evidence]
    row = found.sources.iloc[0]
    assert (row["state"], row["reason"], row["lines"], row["read"]) == ("read", "", 2, 2)


def test_our_own_form_needs_an_instant_alone(tmp_path: Path) -> None:
    """A day is one of unknown hour; environment and service of an entry go before the list's."""
    lines = [
        {"at": "2026-09-03T10:00:00+02:00", "commit": "ABCDEF1", "environment": "staging"},
        {"at": "2026-09-04", "environment": "dev", "service": "web"},
    ]
    found = read(tmp_path, "\n".join(map(json.dumps, lines))).deploys
    assert found["outcome"].tolist() == ["not told"] * 2
    assert found["commit"].tolist() == ["abcdef1", ""]
    assert found["environment"].tolist() == ["staging", "development"]
    assert found["service"].tolist() == ["backend", "web"]
    assert (found["ended_at"] - found["began_at"]).dt.total_seconds().tolist() == [0, 86399]
    assert found["began_at"].iloc[0] == datetime(2026, 9, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(("status", "outcome"), CASES["statuses"])
def test_what_became_of_it_is_the_platforms_word(tmp_path: Path, status: str, outcome: str) -> None:
    """A word that is none of Render's is kept, and nothing is made of it."""
    found = read(tmp_path, json.dumps([deploy(status=status)])).deploys.iloc[0]
    assert (found["outcome"], found["status"]) == (outcome, status)


def test_a_trigger_is_a_word_or_what_an_object_says_yes_to(tmp_path: Path) -> None:
    """Of an object the names that are true; a person in it is not taken over."""
    trigger = {"envUpdated": True, "rollback": False, "manual": True, "user": {"email": "a@b.example"}}
    found = read(tmp_path, json.dumps([deploy(1, trigger=trigger), deploy(2)])).deploys
    assert found["trigger"].tolist() == ["envUpdated, manual", "new_commit"]


def test_all_faults_of_a_file_come_at_once_and_quote_nothing(tmp_path: Path) -> None:
    """Place, then fault, for each; what is good is read, and the sum is the number of entries."""
    secret = drawn("pasted into a deploy list", 43)
    bad = [
        deploy(1, createdAt=secret, startedAt=None), deploy(2, status=f"{secret} !"),
        deploy(3, finishedAt="2026-08-01T00:00:00Z"), {"message": secret}, [secret],
        deploy(4, environment=secret), deploy(5, commit={"id": secret}), deploy(6, id=7), deploy(7),
    ]  # fmt: skip
    found = read(tmp_path, "\n".join(map(json.dumps, bad)) + f"\n{{{secret}\n")
    row = found.sources.iloc[0]
    assert (row["state"], row["lines"], row["read"], row["not_understood"]) == ("read", 10, 1, 9)
    assert [fault.partition(": ")[2] for fault in row["reason"].split("; ")] == CASES["faults"]
    assert secret not in found.sources.to_csv() + found.deploys.to_csv()


@pytest.mark.parametrize(("text", "state", "entries"), [
    ("", "empty", 0),
    ("[]", "empty", 0),
    ('{"message": "Unauthorized"}', "unreadable", 1),
    ("<html>", "unreadable", 1),
    ("[" * 5000, "unreadable", 1),
    (json.dumps(ANSWER)[:-200], "read", 2),
    (json.dumps(ANSWER)[:-1], "read", 3),
], ids=["nothing", "no deploy", "an error", "a page", "deep", "cut", "without an end"])  # fmt: skip
def test_a_file_that_is_no_whole_list_is_said(tmp_path: Path, text: str, state: str, entries: int) -> None:
    """An empty list proves nothing; of one that was cut short what is whole is read."""
    row = read(tmp_path, text).sources.iloc[0]
    assert (row["state"], row["lines"]) == (state, entries)
    assert row["reason"]


@given(st.one_of(st.binary(max_size=80), st.text(alphabet='[]{},":\n 01aten', max_size=80).map(str.encode)))
def test_no_bytes_are_too_odd(content: bytes) -> None:
    """Whatever a file holds, each entry is used or has a fault."""
    deploys, faults, entries = parse_deploys(content, "x")
    assert entries - len(deploys) == len({fault.split(": ")[1] for fault in faults})


def test_a_file_that_is_not_there_is_a_row(tmp_path: Path) -> None:
    """A pattern without a file is missing, with what would supply it; a link is refused."""
    project = Project("p", tmp_path, deploy_sources=(LIST,))
    row = read_deploys(project, Keeper(demo_key()), AS_OF)[0].iloc[0]
    assert (row["state"], row["source"]) == ("missing", LIST.pattern)
    assert "export" in row["remedy"]
    (tmp_path / "evidence").mkdir()
    (tmp_path / "elsewhere").write_text("[]")
    (tmp_path / "evidence" / "deploys.json").symlink_to(tmp_path / "elsewhere")
    assert read_deploys(project, Keeper(demo_key()), AS_OF)[0].iloc[0]["state"] == "refused"


def test_later_deploys_are_left_out_and_counted(tmp_path: Path) -> None:
    """As of an earlier instant a deploy is not known, and one that was under way has no end yet."""
    found = read(tmp_path, json.dumps(ANSWER), as_of=datetime(2026, 9, 1, 9, 2, tzinfo=UTC))
    assert found.deploys["deploy"].tolist() == ["dep-1"]
    assert found.deploys["outcome"].tolist() == ["in progress"]
    assert found.deploys["ended_at"].isna().all()
    assert found.sources.iloc[0]["reason"] == "1 deploys dated after this review are left out"


def test_pages_that_overlap_tell_of_a_deploy_once(tmp_path: Path) -> None:
    """Of two entries of one deploy the one that tells of its end stays."""
    running = deploy(1, finishedAt=None, status="build_in_progress")
    found = read(tmp_path, json.dumps([running, deploy(1), deploy(2)]))
    assert found.deploys["outcome"].tolist() == ["took effect"] * 2
    assert found.sources.iloc[0]["read"] == 3


def test_a_message_is_rid_of_values(tmp_path: Path) -> None:
    """A known value, also beyond where the message is cut, and what stands where a value does."""
    secret, other = drawn("known", 43), drawn("unknown", 43)
    keeper = Keeper(demo_key())
    keeper.take(secret)
    told = [
        deploy(1, commit={"id": "abcdef0", "message": f"{'x' * 80} {secret}"}),
        deploy(2, commit={"id": "abcdef0", "message": f"Set API_TOKEN={other}"}),
        deploy(3, status=secret.replace("/", "_")),
    ]
    found = read(tmp_path, json.dumps(told), keeper)
    text = found.deploys.to_csv() + found.sources.to_csv()
    assert secret not in text
    assert secret[:12] not in text
    assert other not in text
    shown = ["x" * 80 + " [secret removed]", "Set API_TOKEN=[secret removed]"]
    assert found.deploys["message"].tolist()[:2] == shown
