"""`--env` gives values as dotenv text, as the platform's JSON or from the environment, and stores none."""

import io
import json
import os
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.secrets.given import given_lines, parse_env_option, parse_env_options
from tests.support.fakes import fake_value

VALUE = fake_value("given")
EMPTY = io.BytesIO()


def given(text: str) -> list[tuple[int, str, str | None, str | None]]:
    """Line, state, name and value of what stdin gives."""
    option = parse_env_option("prod/backend=-", io.BytesIO(text.encode()))
    return [(line.line, line.state, line.name, line.value) for line in given_lines(option)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# note\nA={VALUE}\n", [(1, "read", None, None), (2, "read", "A", VALUE)]),
        (json.dumps({"A": VALUE, "B": ""}), [(1, "read", "A", VALUE), (2, "read", "B", "")]),
        (json.dumps([{"key": "A", "value": VALUE}]), [(1, "read", "A", VALUE)]),
        (json.dumps([{"envVar": {"key": "A", "value": VALUE}, "cursor": "c"}]), [(1, "read", "A", VALUE)]),
        ('{"A": 10, "B": 1.50, "C": true, "D": null}', [
            (1, "read", "A", "10"), (2, "read", "B", "1.50"), (3, "read", "C", "true"), (4, "read", "D", ""),
        ]),
        ('{"A": "1", "A": "2"}', [(1, "read", "A", "1"), (2, "read", "A", "2")]),
        ('\ufeff {"A": "1", "B": [1], "C": {}}', [
            (1, "read", "A", "1"), (2, "not understood", None, None), (3, "not understood", None, None),
        ]),
        ('[{"key": "A", "value": "1"}, {"key": "B"}, 7, {"key": "[", "value": "x"}, {"envVar": 1}]', [
            (1, "read", "A", "1"), *[(line, "not understood", None, None) for line in (2, 3, 4, 5)],
        ]),
    ],
)  # fmt: skip
def test_stdin_is_dotenv_text_or_json(
    text: str, expected: list[tuple[int, str, str | None, str | None]]
) -> None:
    """Both forms give the same lines; an entry of another shape is counted, not dropped."""
    assert given(text) == expected


@pytest.mark.parametrize("text", ["[1", "{", '{"A": ', "[" * 100_000])
def test_broken_json_is_one_line(text: str) -> None:
    """JSON that cannot be parsed is said, and nothing of it is quoted."""
    with pytest.raises(BadInput, match="looks like JSON and cannot be parsed"):
        given(text)


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        *((bad, "must have the form") for bad in ("", "production", "production=-", "production/backend")),
        *((bad, "must have the form") for bad in ("production/backend=", "production/../x=-")),
        ("live/backend=-", "one of development, staging, production"),
        ("production/backend=/nowhere/file", "does not exist"),
        ("production/backend=/dev/zero", "not a regular file"),
        ("production/backend=/", "not a regular file"),
        ("production/backend=-", "contains no variable"),
    ],
)
def test_a_bad_option_is_one_line_that_does_not_repeat_it(option: str, fault: str) -> None:
    """What was given by mistake may be a value: it is not quoted."""
    with pytest.raises(BadInput, match=fault) as error:
        parse_env_option(option, EMPTY)
    assert str(error.value).count("\n") == 0
    assert "/nowhere" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no variable here", b"\x7fELF\0\0\0\0", b"x" * (2 * 1024 * 1024 + 1)]
)
def test_what_gives_no_variable_is_refused(content: bytes) -> None:
    """Nothing, binary and too much are each one line, never silence."""
    with pytest.raises(BadInput, match="--env production/backend: contains"):
        parse_env_option("prod/backend=-", io.BytesIO(content))


def test_all_faults_of_all_options_are_told_at_once() -> None:
    """Two bad options, one given twice and stdin twice are four lines."""
    options = ["x", "prod/y=/nowhere", "dev/api=environ", "development/api=environ", "dev/a=-", "dev/b=-"]
    with pytest.raises(BadInput) as error:
        parse_env_options(options, io.BytesIO(b"A=1\n"))
    text = str(error.value)
    for fault in ("stdin (-)", "must have the form", "does not exist", "development/api: is given twice"):
        assert fault in text


def test_aliases_files_and_pipes(tmp_path: Path) -> None:
    """dev and prod stand for their environments; a file is read from anywhere, and a pipe of the shell."""
    path = tmp_path / "values.txt"
    path.write_text(f"A={VALUE}\n")
    option = parse_env_option(f"PROD/front-end={path}", EMPTY)
    assert (option.environment, option.service, option.origin) == ("production", "front-end", str(path))
    assert VALUE not in repr(option)
    assert parse_env_option("dev/backend=environ", EMPTY).environment == "development"
    reader, writer = os.pipe()
    os.write(writer, b"A=1\n")
    os.close(writer)
    assert parse_env_option(f"prod/backend=/dev/fd/{reader}", EMPTY).content == b"A=1\n"
    os.close(reader)
