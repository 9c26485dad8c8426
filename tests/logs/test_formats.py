"""The formats as data: every block keeps its examples, and a broken file tells all its faults."""

import re
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.logs.choice import Choice
from audit_lib.logs.formats import load_formats, project_formats
from audit_lib.logs.structured import json_fields
from audit_lib.logs.templates import BEGINS, FIELDS, LEVELS
from audit_lib.logs.values import Clock
from audit_lib.settings import Project
from tests.support.log_lines import FORMATS, read_line
from tests.support.own_formats import OWN_FORMATS

UTC = ZoneInfo("UTC")
HEADS = {
    name: tuple(blocks)
    for section in (FORMATS.prefixes, FORMATS.bodies)
    for name, blocks in groupby(section, key=lambda block: block.name)
}
# What each field that has first bytes of its own takes.
TAKEN = {
    "time": (b"2026-09-01 06:00:00", b"2026/09/01T06:00:00.5Z"),
    "time:clf": (b"01/Sep/2026:06:00:00 +0000",),
    "time:short": (b"1/Sep/2026 06:00:00",),
    "time:dated": (b"Sep  1 2026 06:00:00", b"Sep 01 2026 06:00:00.5"),
    "time:asctime": (b"Tue Sep  1 06:00:00 2026",),
    "time:syslog": (b"Sep  1 06:00:00",),
    "level": LEVELS,
    "sp": (b" ",),
    "digits": (b"7",),
    "word": (b"a",),
    "name": (b"a",),
    "dotted": (b"a",),
    "client": (b"203.0.113.7", b"2001:db8::7", b"::1", b".:1:1"),
    "host": (b"a",),
    "client:port": (b"a",),
    "method": (b"GET",),
    "status": (b"401",),
    "variable": (b"API_TOKEN",),
}


def _matches(choice: Choice, line: str) -> bool:
    """Whether a line begins by one of the templates of a block."""
    return choice.match(line.encode(), Clock(UTC)) is not None


def test_a_format_takes_its_examples_and_no_counter_example() -> None:
    """Each prefix and body matches its examples and none of its counter-examples."""
    faults = []
    for name, blocks in HEADS.items():
        choice = Choice(blocks)
        faults += [(name, line) for line in blocks[0].examples if not _matches(choice, line)]
        faults += [(name, line) for line in blocks[0].counter_examples if _matches(choice, line)]
    assert faults == []


def test_a_message_is_seen_in_its_examples_alone() -> None:
    """Each message is what its example shows, with its kind, and is not seen in a counter-example."""

    def shown(line: str) -> list[tuple[str, str]]:
        return [(event.kind, event.message) for event in read_line(line).events]

    blocks = {block.name: block for block in FORMATS.messages}.values()
    missed = [
        line for block in blocks for line in block.examples if (block.kind, block.name) not in shown(line)
    ]
    assert missed == []
    silent = [(block, line) for block in blocks for line in block.counter_examples]
    assert [line for block, line in silent if (block.kind, block.name) in shown(line)] == []


@pytest.mark.parametrize("field", BEGINS)
def test_a_field_takes_nothing_that_begins_otherwise(field: str) -> None:
    """A block is tried only where its first field can begin: no text with another first byte is one."""
    taking = re.compile(FIELDS[field])
    assert all(map(taking.fullmatch, TAKEN[field]))
    tried = [
        bytes([byte]) + rest for byte in range(256) for text in TAKEN[field] for rest in (text, text[1:])
    ]
    assert {text[0] for text in tried if taking.match(text)} <= set(BEGINS[field])


def test_json_fields_take_their_examples() -> None:
    """A structured line gives its time; what is no object gives nothing."""
    assert all(json_fields(line.encode(), FORMATS.fields, Clock(UTC)).at for line in FORMATS.fields.examples)
    broken = FORMATS.fields.counter_examples
    assert all(json_fields(line.encode(), FORMATS.fields, Clock(UTC)) is None for line in broken)


def test_a_possible_failure_is_seen_in_its_examples_alone() -> None:
    """Words of failing beside words of logging in, with the address; either alone shows nothing."""
    shown = [read_line(line).events for line in FORMATS.possible.examples]
    assert [(event.kind, event.client) for (event,) in shown] == [(POSSIBLE, "203.0.113.7")] * len(shown)
    silent = FORMATS.possible.counter_examples
    assert [line for line in silent if read_line(line).events] == []


def test_an_outcome_is_a_failed_login_in_its_examples_alone() -> None:
    """A field that says refused beside one that names a login; what was granted, or is no login, is none."""
    outcome = FORMATS.fields.outcome
    shown = [read_line(line) for line in outcome.examples]
    found = [(event.kind, event.client) for line in shown for event in line.events]
    assert found == [("login_failed", "203.0.113.7")] * len(shown)
    assert all(line.at for line in shown)
    silent = outcome.counter_examples
    assert [line for line in silent if read_line(line).events] == []


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("user x not found", True),
        ("user x not found: /a", True),
        ("user x not found y not found", True),
        ("user x not found y", False),
        ('user x: authentication failure for "/a"', True),
    ],
)
def test_a_block_takes_each_of_its_templates(line: str, *, seen: bool) -> None:
    """A message of several shapes is seen in each; a text before the end is the last one, not the first."""
    events = read_line(line).events
    assert [event.message for event in events] == ["apache login failed"] * seen


BROKEN = """
[[prefix]]
name = "no examples"
template = "{time} "
[[prefix]]
name = "no counter-examples"
template = "{clock} "
examples = ["a"]
[[body]]
template = "{word}"
pattern = "x"
examples = ["a"]
counter_examples = ["b"]
[[body]]
name = "unknown field"
template = "{hour} x"
examples = ["a"]
counter_examples = ["b"]
[[body]]
name = "twice"
template = "{status} {status}"
examples = ["a"]
counter_examples = ["b"]
[[body]]
name = "two times"
template = "{time:syslog} {time}"
examples = ["a"]
counter_examples = ["b"]
[[body]]
name = "text before a field"
template = "{text}{status}"
examples = ["a"]
counter_examples = ["b"]
[[body]]
name = "no text"
template = "{peer}"
examples = ["a"]
counter_examples = ["b"]
[[message]]
name = "no literal"
kind = "notice"
pattern = "user .*"
examples = ["a"]
counter_examples = ["b"]
[[message]]
name = "no kind"
kind = "oops"
template = "x y z"
once = 1
colour = "red"
examples = ["a"]
counter_examples = ["b"]
[[message]]
name = "no expression"
kind = "notice"
literal = "abc"
pattern = "abc("
examples = ["a"]
counter_examples = ["b"]
[[message]]
name = "numbered"
kind = "notice"
literal = "abc"
pattern = "abc(d)"
examples = ["a"]
counter_examples = ["b"]
[extra]
"""
FAULTS = """
broken.toml: prefix #1 (no examples): has no examples
broken.toml: prefix #1 (no examples): has no counter_examples
broken.toml: prefix #2 (no counter-examples): has no counter_examples
broken.toml: body #1: has no name
broken.toml: body #1: needs either a template, a list of templates or a pattern
broken.toml: body #2 (unknown field): its template has no field {hour}
broken.toml: body #3 (twice): its template names a field twice
broken.toml: body #4 (two times): its template names a field twice
broken.toml: body #5 (text before a field): its template needs plain text after {text}
broken.toml: body #6 (no text): matches an empty text
broken.toml: message #1 (no literal): needs, for its pattern, a literal of three characters or more
broken.toml: message #2 (no kind): has an unknown key colour
broken.toml: message #2 (no kind): once must be true or false
broken.toml: message #2 (no kind): kind must be one of
broken.toml: message #3 (no expression): its pattern is not a regular expression
broken.toml: message #4 (numbered): its pattern has a group without a name
broken.toml: json: has no time
broken.toml: query: has no secret_parameters
broken.toml: has an unknown key extra
"""


def test_a_broken_file_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    """Every fault of a formats file is told, each with its place, and no block without examples passes."""
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    with pytest.raises(BadInput) as raised:
        load_formats(path)
    told = [str(fault) for fault in raised.value.faults]
    missing = [
        line for line in FAULTS.split("\n") if line and not any(fault.startswith(line) for fault in told)
    ]
    assert missing == []
    assert len(told) == 31  # those, and each list that [json] lacks


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"prefix = 3", "must be a list of tables"), (b"\xff", "is not UTF-8"), (b"[", "is not TOML")],
)
def test_a_file_of_another_shape_is_a_fault(tmp_path: Path, content: bytes, fault: str) -> None:
    """What is no formats file at all ends in one clear line."""
    path = tmp_path / "formats.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=fault):
        load_formats(path)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """A missing formats file is told by name."""
    with pytest.raises(BadInput, match=r"gone\.toml: cannot be read"):
        load_formats(tmp_path / "gone.toml")


def test_a_projects_own_formats_have_templates_alone(tmp_path: Path) -> None:
    """A regular expression of whoever may commit could take for ever: it is refused by name."""
    own = OWN_FORMATS.replace('template = "DENIED {client}"', "pattern = '(?:a+)+b'\nliteral = 'aaa'")
    (tmp_path / "own.toml").write_text(own, "utf-8")
    project = Project("test", tmp_path, formats="own.toml")
    with pytest.raises(BadInput, match=r"own\.toml: denied has a pattern, which only a file"):
        project_formats(project)
    (tmp_path / "own.toml").write_text(OWN_FORMATS, "utf-8")
    assert [block.name for block in project_formats(project).bodies] == ["denied"]
