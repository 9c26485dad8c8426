"""What is given: values by `--env`, which are stored nowhere, and exports of stores, which date values."""

import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.given import (
    MOST,
    given_lines,
    parse_env_option,
    parse_env_options,
    parse_store_export,
)
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import GivenValues, choose_policy, load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.one_file import one_file

VALUE = fake_value("given")
NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(minutes=10)


def option(content: bytes | str, text: str = "prod/backend=-") -> GivenValues:
    """What an option gives that reads these bytes from stdin."""
    return parse_env_option(text, io.BytesIO(content if isinstance(content, bytes) else content.encode()))


def given(text: str) -> list[tuple[int, str, str | None, str | None]]:
    """Line, state, name and value of what stdin gives."""
    return [(line.line, line.state, line.name, line.value) for line in given_lines(option(text))]


LOST = ("not understood", None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# note\nA={VALUE}\n", [(1, "read", None, None), (2, "read", "A", VALUE)]),
        (json.dumps({"A": VALUE, "B": ""}), [(1, "read", "A", VALUE), (2, "read", "B", "")]),
        (json.dumps([{"key": "A", "value": VALUE}]), [(1, "read", "A", VALUE)]),
        (json.dumps([{"envVar": {"key": "A", "value": VALUE}, "cursor": "c"}]), [(1, "read", "A", VALUE)]),
        ('{"A": 10, "B": 1.50}', [(1, "read", "A", "10"), (2, "read", "B", "1.50")]),
        ('{"C": true, "D": null}', [(1, "read", "C", "true"), (2, "read", "D", "")]),
        ('{"A": "1", "A": "2"}', [(1, "read", "A", "1"), (2, "read", "A", "2")]),
        ('\ufeff {"A": "1", "B": [1], "C": {}}', [(1, "read", "A", "1"), (2, *LOST), (3, *LOST)]),
        ('[{"key": "A", "value": "1"}, {"key": "B"}, 7]', [(1, "read", "A", "1"), (2, *LOST), (3, *LOST)]),
        (
            '[{"key": "A", "value": "1"}, {"key": "[", "value": "x"}, {"envVar": 1}]',
            [(1, "read", "A", "1"), (2, *LOST), (3, *LOST)],
        ),
    ],
)
def test_stdin_is_dotenv_text_or_json(text: str, expected: list[tuple[Any, ...]]) -> None:
    """Both forms give the same lines; an entry of another shape is counted, not dropped."""
    assert given(text) == expected


EMPTY = "--env production/backend: contains"


@pytest.mark.parametrize(
    ("text", "content", "fault"),
    [
        *(
            (bad, b"", "must have the form")
            for bad in ("", "production", "production=-", "production/backend")
        ),
        *((bad, b"", "must have the form") for bad in ("production/backend=", "production/../x=-")),
        ("live/backend=-", b"", "one of development, staging, production"),
        ("production/backend=/nowhere/file", b"", "does not exist"),
        ("production/backend=/dev/zero", b"", "not a regular file"),
        ("production/backend=/", b"", "not a regular file"),
        ("production/backend=-", b"", "contains no variable"),
        # Nothing, binary and too much are each one line, never silence.
        *(("prod/backend=-", content, EMPTY) for content in (b"\n", b"no variable here", b"\x7fELF\0\0\0\0")),
        ("prod/backend=-", b"x" * (2 * 1024 * 1024 + 1), EMPTY),
        *(
            ("prod/backend=-", text, "looks like JSON and cannot")
            for text in (b"[1", b"{", b'{"A": ', b"[" * 10**5)
        ),
    ],
)
def test_a_bad_option_is_one_line_that_does_not_repeat_it(text: str, content: bytes, fault: str) -> None:
    """What was given by mistake may be a value: neither it nor what it contains is quoted."""
    with pytest.raises(BadInput, match=fault) as error:
        option(content, text)
    assert "\n" not in str(error.value)
    assert "/nowhere" not in str(error.value)


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


# ---- Exports of stores ----

POLICY = "name = 'small'\n" + "".join(
    f"[[secret]]\nname = '{name}'\nservice = 'backend'\nmax_age_days = 90\n" for name in ("API_TOKEN", "SALT")
)


def _ago(days: float) -> str:
    return iso(NOW - timedelta(days=days))


def vault(days: float, **version: Any) -> dict[str, Any]:
    """What `vault kv metadata get -format=json` writes, with times to the nanosecond."""
    at = _ago(days).replace("Z", ".395814123Z")
    old = {"created_time": _ago(days + 50), "deletion_time": "", "destroyed": False}
    versions = {"4": old, "5": {"created_time": at, "deletion_time": "", "destroyed": False} | version}
    data = {"current_version": 5, "created_time": _ago(days + 99), "updated_time": at, "versions": versions}
    return {"request_id": "x", "data": data, "warnings": None}


def github(days: float) -> dict[str, Any]:
    """What `gh api repos/OWNER/NAME/actions/secrets` writes."""
    one = {"name": "API_TOKEN", "created_at": _ago(days + 9), "updated_at": _ago(days)}
    return {"total_count": 1, "secrets": [one]}


def one_password(days: float, value: str = "") -> dict[str, Any]:
    """What `op item get --format json` writes, with the value unless it is left out."""
    fields = [{"id": "p", "type": "CONCEALED", "label": "API_TOKEN"} | ({"value": value} if value else {})]
    head = {"id": "abc", "title": "Production", "version": 3, "vault": {"id": "v", "name": "Ops"}}
    return head | {"created_at": _ago(days + 9), "updated_at": _ago(days), "fields": fields}


SHAPES = {"vault": (vault, "E13"), "github": (github, "E14"), "one_password": (one_password, "E14")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose values are on a platform alone, with a folder for exports."""
    root = tmp_path / "app"
    (root / "evidence").mkdir(parents=True)
    layout = (
        'extends = "generic"\nenvironments = ["production"]\n[[evidence]]\npattern = "evidence/*.json"\n'
        'environment = "production"\nservice = "backend"\nsecret = "API_TOKEN"\n'
    )
    (root / "audit.toml").write_text(one_file(layout, POLICY), "utf-8")
    return root


def _read(root: Path, *given: GivenValues) -> ProjectRead:
    project, keeper = load_project(root), Keeper(Key.throw_away())
    return ProjectRead(
        project=project, policy=choose_policy(project), keeper=keeper, as_of=LATER, given=given
    )


def _age(read: ProjectRead, secret: str = "API_TOKEN") -> dict[str, Any]:
    ages = read.ages
    return ages[ages["secret"].eq(secret)].to_dict("records")[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_old_date_turns_unknown_into_overdue(project: Path, shape: str) -> None:
    """Nobody supplied the value; the store says that it was there 120 days ago. A new date proves nothing."""
    made, kind = SHAPES[shape]
    assert _age(_read(project))["status"] == "unknown"
    path = project / "evidence" / "export.json"
    path.write_text(json.dumps(made(120)), "utf-8")
    age = _age(_read(project))
    assert (age["status"], age["age_days_min"]) == ("overdue", 120.0)
    assert age["hi_evidence"].startswith(f"{kind} evidence/export.json")
    path.write_text(json.dumps(made(3)), "utf-8")
    # Written again with the same value, it would have the same date.
    assert _age(_read(project))["status"] == "unknown"


def test_an_export_on_stdin_gives_dates_and_no_values(project: Path) -> None:
    """`--env production/backend:API_TOKEN=-` bounds the age: the values count as not supplied still."""
    value = fake_value("one password")
    for export in (vault(120), one_password(120, value)):
        given = option(json.dumps(export), "prod/backend:API_TOKEN=-")
        read = _read(project, given)
        assert _age(read)["status"] == "overdue"
        assert read.inventory["state"].unique().tolist() == ["not supplied"]
        assert (given.content, value in repr(given)) == (b"", False)


def test_values_in_an_export_on_disk_are_refused(project: Path) -> None:
    """A file with a value in clear is a finding."""
    content = json.dumps(one_password(120, fake_value("one password")))
    (project / "evidence" / "item.json").write_text(content, "utf-8")
    audit = run_audit(load_project(project), as_of=iso(LATER))
    (source,) = audit.sources.query("kind == 'store export'").to_dict("records")
    assert (source["state"], "holds values in clear" in source["reason"]) == ("refused", True)
    assert "source-not-read" in set(audit.findings["check"])


def test_every_fault_is_told_at_once_and_no_content() -> None:
    """Wrong times, entries that are none, names that are none; a deleted version; never what was found."""
    bad = {"secrets": [{"name": "A", "updated_at": "s3cret"}, 7, {"name": "a b", "updated_at": _ago(1)}]}
    export = parse_store_export(json.dumps(bad).encode())
    assert export.faults == [
        "entry #1: updated_at is not a time",
        "entry #2: is not an object",
        "entry #3: does not name a variable: say which with `secret`",
    ]
    gone = parse_store_export(json.dumps(vault(1, destroyed=True)).encode(), "API_TOKEN")
    assert gone.faults == ["entry #1: its current version is deleted"]
    with pytest.raises(BadInput) as caught:
        option(json.dumps(bad))
    assert len(caught.value.faults) == 3
    assert "s3cret" not in str(caught.value)
    assert not parse_store_export(b'{"API_TOKEN": "x"}').is_known
    assert parse_store_export(b"[" * 100_000).faults == ["cannot be parsed as JSON"]
    many = {"secrets": [{"name": "A", "updated_at": _ago(1)}] * (MOST + 1)}
    assert len(parse_store_export(json.dumps(many).encode()).dates) == MOST


def _replaced(found: Any, by: Any) -> Iterator[Any]:
    """An export with each of its parts replaced in turn."""
    parts = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for name, part in list(parts):
        for value in (by, *_replaced(part, by)):
            copy = dict(found) if isinstance(found, dict) else list(found)
            copy[name] = value
            yield copy


@pytest.mark.parametrize(
    "by", [5, None, True, "x", [], {}, [5], "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_no_part_of_an_export_ends_in_an_error(by: Any) -> None:
    """Whatever stands in a part's place, what comes out are faults and dates that can be counted with."""
    for whole in (vault(3), github(3), one_password(3)):
        for export in _replaced(whole, by):
            for date in parse_store_export(json.dumps(export).encode()).dates:
                assert timedelta(0) <= NOW - date.hi_at < timedelta(days=99)
