"""What is given: values by `--env`, which are stored nowhere, and exports of stores, which date values."""

import io
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.read_project import ProjectRead, places_lost, snapshot_draft
from audit_lib.secrets.sources import given_lines, parse_env_option, parse_env_options, parse_store_export
from audit_lib.settings import GivenValues, choose_policy, load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.histories import entry
from tests.support.paths import rows_beside

VALUE = fake_value("given")
CASES = rows_beside(__file__)
NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(minutes=10)


def option(content: bytes | str, text: str = "prod/backend=-") -> GivenValues:
    """What an option gives that reads these bytes from stdin."""
    return parse_env_option(text, io.BytesIO(content if isinstance(content, bytes) else content.encode()))


def given(text: str, origin: str = "-") -> list[tuple[int, str, str | None, str | None]]:
    """Line, state, name and value of what stdin or a file gives."""
    lines = given_lines(GivenValues("production", "backend", origin, text.encode()))
    return [(line.line, line.state, line.name, line.value) for line in lines]


DEEP = [["[" * 50_000, "cannot be parsed as one document"], ["a: 1\n" * 60_000, "more than 250,000 bytes"]]
FORMS = [*(("-", *it) for it in CASES["values"]), *(("config.yml", *it) for it in [*CASES["yaml"], *DEEP])]


@pytest.mark.parametrize(("origin", "text", "expected"), FORMS)
def test_values_are_dotenv_text_or_json_or_yaml(origin: str, text: str, expected: Any) -> None:
    """All forms give the same lines; an entry of another shape is counted, not dropped. Two values of a name
    are marked as in an env file. YAML that is not read is no dotenv text, and the fault quotes no value."""
    for of, two in {"-": b'{"A": " 1", "A": "2"}', "a.yml": b"A: ' 1'\nA: 2\n"}.items():
        twice = given_lines(GivenValues("production", "backend", of, two))
        assert [line.faults for line in twice] == [("spaces", "duplicate"), ("duplicate",)]
    if isinstance(expected, str):
        with pytest.raises(BadInput, match=re.escape(expected)) as error:
            given(text.replace("@V", VALUE), origin)
        assert VALUE not in str(error.value)
        return
    assert [
        ["-" if cell is None else cell for cell in line] for line in given(text.replace("@V", VALUE), origin)
    ] == [[number, *(cell.replace("@V", VALUE) for cell in cells)] for number, *cells in expected]


LARGE = [
    ("contains no variable", ["prod/backend=-"], ["x" * (2 << 20)]),
    ("contains more than 2,097,152 bytes", ["prod/backend=-"], ["x" * ((2 << 20) + 1)]),
    ("looks like JSON and cannot be parsed", ["prod/backend=-"], ["[" * 100_000]),
]


@pytest.mark.parametrize(("fault", "options", "contents"), [*CASES["faults"], *LARGE])
def test_a_bad_option_is_not_repeated(fault: str, options: list[str], contents: list[str]) -> None:
    """What was given by mistake may be a value: neither it nor what it contains is quoted."""
    for text, content in product(options, contents):
        with pytest.raises(BadInput, match=fault) as error:
            option(content, text)
        assert not any(part in str(error.value) for part in ("\n", "/nowhere"))


def test_all_faults_of_all_options_are_told_at_once() -> None:
    """Two bad options, one given twice and stdin twice are four lines."""
    options = ["x", "prod/y=/nowhere", "dev/api=environ", "development/api=environ", "dev/a=-", "dev/b=-"]
    with pytest.raises(BadInput) as error:
        parse_env_options(options, io.BytesIO(b"A=1\n"))
    for fault in ("stdin (-)", "must have the form", "does not exist", "development/api: is given twice"):
        assert fault in str(error.value)


def test_aliases_files_and_pipes(tmp_path: Path) -> None:
    """dev and prod stand for their environments; a file is read from anywhere, and a pipe of the shell."""
    path = tmp_path / "values.txt"
    path.write_text(f"A={VALUE}\n")
    read = option(b"", f"PROD/front-end={path}")
    assert (read.environment, read.service, read.origin) == ("production", "front-end", str(path))
    assert VALUE not in repr(read)
    assert option(b"", "dev/backend=environ").environment == "development"
    reader, writer = os.pipe()
    os.write(writer, b"A=1\n")
    os.close(writer)
    assert option(b"", f"prod/backend=/dev/fd/{reader}").content == b"A=1\n"
    os.close(reader)


def test_a_snapshot_holds_what_was_read_and_no_setting(project: Path) -> None:
    """Fingerprints of secrets, and whether the place was read whole; one whose values are gone is lost."""
    read = _read(project, option(f"API_TOKEN={VALUE}\nPORT=80\n?\n"))
    draft = snapshot_draft(read.inventory, read.sources)
    place = {"environment": "production", "service": "backend"}
    assert draft.body["places"] == [place | {"source": "--env production/backend", "complete": False}]
    held = {row["secret"]: row["fingerprint"] for row in draft.body["secrets"]}
    assert held == {"API_TOKEN": read.keeper.fingerprint(VALUE), "SALT": None}
    before = entry(NOW, draft.kind, dict(draft.body))
    empty = snapshot_draft(read.inventory.head(0), read.sources)
    assert places_lost(empty, before) == ["production/backend"]
    assert (places_lost(draft, before), places_lost(empty, None)) == ([], [])


# ---- Exports of stores ----

KINDS = {"vault": "E13", "github": "E14", "github_list": "E14", "one_password": "E14"}
ODD = (5, None, True, "x", [], {}, [5], "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")


def export_of(store: str, days: float, value: str = "") -> Any:
    """What a store's command writes of a value that was written so many days ago."""
    text = json.dumps(CASES[store]).replace("@value", value)
    for more in (0, 9, 50, 99):
        at = iso(NOW - timedelta(days=days + more))
        text = text.replace(f'"@{more}"', f'"{at}"').replace(f'"@{more}.nano"', f'"{at[:-1]}.395814123Z"')
    return json.loads(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose values are on a platform alone, with a folder for exports."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "audit.toml").write_text(CASES["project"], "utf-8")
    return tmp_path


def _read(root: Path, *given: GivenValues) -> ProjectRead:
    read, policy = load_project(root), choose_policy(load_project(root))
    return ProjectRead(project=read, policy=policy, keeper=Keeper(Key.throw_away()), as_of=LATER, given=given)


def _age(read: ProjectRead) -> dict[str, Any]:
    return read.ages.query("secret == 'API_TOKEN'").to_dict("records")[0]


@pytest.mark.parametrize(("store", "kind"), KINDS.items())
def test_an_old_date_turns_unknown_into_overdue(project: Path, store: str, kind: str) -> None:
    """Nobody supplied the value; the store says that it was there 120 days ago. A new date proves nothing."""
    assert _age(_read(project))["status"] == "unknown"
    path = project / "evidence" / "export.json"
    path.write_text(json.dumps(export_of(store, 120)), "utf-8")
    age = _age(_read(project))
    assert (age["status"], age["age_days_min"]) == ("overdue", 120.0)
    assert age["hi_evidence"].startswith(f"{kind} evidence/export.json")
    path.write_text(json.dumps(export_of(store, 90)), "utf-8")
    assert (
        _age(_read(project))["status"] == "overdue"
    )  # ten minutes ago: a store's clock errs by five at most
    path.write_text(json.dumps(export_of(store, 3)), "utf-8")
    # Written again with the same value, it would have the same date.
    assert _age(_read(project))["status"] == "unknown"


def test_an_export_on_stdin_gives_dates_and_no_values(project: Path) -> None:
    """`--env production/backend:API_TOKEN=-` bounds the age: the values count as not supplied still."""
    value = fake_value("one password")
    for export in (export_of("vault", 120), export_of("one_password", 120, value=value)):
        given = option(json.dumps(export), "prod/backend:API_TOKEN=-")
        read = _read(project, given)
        assert _age(read)["status"] == "overdue"
        assert read.inventory["state"].unique().tolist() == ["not supplied"]
        assert (given.content, value in repr(given)) == (b"", False)


def test_values_in_an_export_on_disk_are_refused(project: Path) -> None:
    """A file with a value in clear is a finding."""
    content = json.dumps(export_of("one_password", 120, value=fake_value("one password")))
    (project / "evidence" / "item.json").write_text(content, "utf-8")
    audit = run_audit(load_project(project), as_of=iso(LATER))
    (source,) = audit.sources.query("kind == 'store export'").to_dict("records")
    assert (source["state"], "holds values in clear" in source["reason"]) == ("refused", True)
    assert "source-not-read" in set(audit.findings["check"])


def test_every_fault_is_told_at_once_and_no_content() -> None:
    """Wrong times, entries that are none, names that are none; a deleted version; never what was found."""
    bad = {"secrets": [{"name": "A", "updated_at": "s3cret"}, 7, {"name": "a b", "updated_at": iso(NOW)}]}
    assert [fault.partition(" such")[0] for fault in faults_of(bad)] == [
        "entry #1: updated_at: must be a date or time",
        "entry #2: is not an object",
        "entry #3: does not name a variable: say which with `secret`",
    ]
    deleted = export_of("vault", 1)
    deleted["data"]["versions"]["5"]["destroyed"] = True
    assert faults_of(deleted, "API_TOKEN") == ["entry #1: its current version is deleted"]
    with pytest.raises(BadInput) as caught:
        option(json.dumps(bad))
    assert len(caught.value.faults) == 3
    assert "s3cret" not in str(caught.value)
    assert [parse_store_export(content) for content in (b'{"API_TOKEN": "x"}', b"[" * 100_000)] == [None] * 2
    assert faults_of({"total_count": 0, "secrets": []}) == []


def faults_of(found: Any, secret: str = "") -> list[str]:
    """The faults of an export of a known store."""
    return (parse_store_export(json.dumps(found).encode(), secret) or ((), ["is none"]))[1]


def _replaced(found: Any, by: Any) -> Iterator[Any]:
    """An export with each of its parts replaced in turn."""
    parts = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for name, part in list(parts):
        for value in (by, *_replaced(part, by)):
            copy = dict(found) if isinstance(found, dict) else list(found)
            copy[name] = value
            yield copy


@pytest.mark.parametrize("by", ODD)
def test_no_part_of_an_export_ends_in_an_error(by: Any) -> None:
    """Whatever stands in a part's place, what comes out are faults and dates that can be counted with."""
    for whole in (export_of(store, 3) for store in KINDS):
        for export in _replaced(whole, by):
            dates, *_ = parse_store_export(json.dumps(export).encode()) or ((),)
            for date in dates:
                assert timedelta(0) <= NOW - date.hi_at < timedelta(days=99)
