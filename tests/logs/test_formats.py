"""The formats as data: every block keeps its examples, and a broken file tells all its faults."""

import re
import tomllib
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import POSSIBLE
from audit_lib.logs.formats import BUNDLED, load_formats, matchers
from audit_lib.logs.structured import json_fields
from audit_lib.logs.templates import FIELDS, Choice, Part, begins_of
from audit_lib.logs.times import Clock
from tests.support.log_lines import FORMATS, read_line
from tests.support.paths import rows_beside

UTC = ZoneInfo("UTC")
HEADS = {
    name: tuple(blocks)
    for section in (FORMATS.prefixes, FORMATS.bodies)
    for name, blocks in groupby(section, key=lambda block: block.name)
}
WORDS = tomllib.loads(BUNDLED.read_text("utf-8"))
CASES = rows_beside(__file__)
FIELD_DATA = tomllib.loads(BUNDLED.with_name("log_fields.toml").read_text("utf-8"))


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
    told = [(block, line) for block in blocks for line in block.examples]
    assert [line for block, line in told if (block.kind, block.name) not in shown(line)] == []
    silent = [(block, line) for block in blocks for line in block.counter_examples]
    assert [line for block, line in silent if (block.kind, block.name) in shown(line)] == []


@pytest.mark.parametrize("field", [name for name in FIELD_DATA if "example" in FIELD_DATA[name]])
def test_a_field_takes_its_example_and_nothing_that_begins_otherwise(field: str) -> None:
    """A block is tried only where its first field can begin: no text with another first byte is one."""
    example, taking = FIELD_DATA[field]["example"].encode(), re.compile(FIELDS[field])
    assert taking.fullmatch(example)
    tried = [bytes([byte]) + rest for byte in range(256) for rest in (example, example[1:])]
    begins = begins_of(Part(field)) or bytes(range(256))
    assert {text[0] for text in tried if taking.match(text)} <= set(begins)


def test_json_fields_take_their_examples() -> None:
    """A structured line gives its time; what is no object gives nothing."""
    fields, clock = matchers(FORMATS).fields, Clock(UTC)
    read = [json_fields(line.encode(), fields, clock) for line in WORDS["json"]["examples"]]
    assert all(each and each.time for each in read)
    broken = WORDS["json"]["counter_examples"]
    assert [line for line in broken if json_fields(line.encode(), fields, clock)] == []


def test_a_possible_failure_is_seen_in_its_examples_alone() -> None:
    """Words of failing beside words of logging in, with the address; either alone shows nothing."""
    shown = [read_line(line).events for line in WORDS["possible"]["examples"]]
    assert [(event.kind, event.client) for (event,) in shown] == [(POSSIBLE, "203.0.113.7")] * len(shown)
    assert [line for line in WORDS["possible"]["counter_examples"] if read_line(line).events] == []


def test_an_outcome_is_a_failed_login_in_its_examples_alone() -> None:
    """A field that says refused beside one that names a login; what was granted, or is no login, is none."""
    shown = [read_line(line) for line in WORDS["outcome"]["examples"]]
    found = [(event.kind, event.client) for line in shown for event in line.events]
    assert found == [("login_failed", "203.0.113.7")] * len(shown)
    assert all(line.at for line in shown)
    assert [line for line in WORDS["outcome"]["counter_examples"] if read_line(line).events] == []


@pytest.mark.parametrize(("line", "seen"), CASES["templates"])
def test_a_block_takes_each_of_its_templates(line: str, *, seen: bool) -> None:
    """A message of several shapes is seen in each; a text before the end is the last one, not the first."""
    assert [event.message for event in read_line(line).events] == ["apache login failed"] * seen


GOOD = 'examples = ["a"]\ncounter_examples = ["b"]\n'


def test_a_broken_file_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    """Every fault of a formats file is told, each with its place, and no block without examples passes."""
    path, broken = tmp_path / "broken.toml", CASES["broken"]
    blocks = (f"[[{section}]]\n{keys}" if "=" in keys else keys for section, keys, _ in broken)
    path.write_text("".join(dict.fromkeys(blocks)).replace("@good", GOOD))
    with pytest.raises(BadInput) as raised:
        load_formats(path)
    told = [str(fault) for fault in raised.value.faults]
    expected = [f"broken.toml: {section}{fault}" for section, _, fault in broken]
    assert [fault for fault in expected if not any(fault in each for each in told)] == []
    assert len(told) == len(broken)


@pytest.mark.parametrize(("content", "fault"), CASES["not_formats"])
def test_a_file_of_another_shape_is_a_fault(tmp_path: Path, content: str, fault: str) -> None:
    """What is no formats file at all ends in one clear line."""
    path = tmp_path / "formats.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=fault):
        load_formats(path)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """A missing formats file is told by name."""
    with pytest.raises(BadInput, match=r"gone\.toml: does not exist"):
        load_formats(tmp_path / "gone.toml")
