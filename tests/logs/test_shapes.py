"""A line that no format understands is shown by its shape, and by nothing that it says."""

import random
import tomllib
from pathlib import Path

import pytest

from audit_lib.logs.formats import BUNDLED
from audit_lib.logs.values import shape_of
from tests.support import fakes
from tests.support.log_lines import read_folder, read_line, read_text
from tests.support.paths import rows_beside

WORDS = tomllib.loads(BUNDLED.read_text("utf-8"))["refusal"]
CASES = rows_beside(__file__)


def test_a_shape_tells_no_letter_and_no_digit() -> None:
    """Runs of letters and digits become a, 0 or a0, all that is not ASCII one ?; nothing tells how long."""
    assert shape_of(b"?? POST /login/7f3a 401 [x]") == "?? a /a/a0 0 [a]"
    assert shape_of("möglich 12.5 %".encode()) == "a?a 0.0 %"
    chance = random.Random("shapes")
    for _ in range(200):
        secret = "".join(chance.choices("abcXYZ0189", k=chance.randrange(8, 60)))
        assert set(shape_of(secret.encode())) <= {"a", "0"}
        assert len(shape_of(secret.encode())) <= 2


def test_lines_of_one_shape_are_counted_together() -> None:
    """What is understood has no shape; each line that is not, or is too long, is named by its number."""
    sums = read_text(b"?? x 1\n?? y 22\nINFO: fine\n!! x\n\n## x\n" + b"y" * (2 << 20))
    assert sums.facts.shapes["not understood"] == {"?? a 0": 2, "!! a": 1, "## a": 1, "a": 1}
    assert sums.facts.shapes["own words"] == {"a: a": 1}
    assert sums.facts.unread == [1, 2, 4, 6, 7]


def test_text_that_speaks_of_a_refusal_is_listed_by_its_shape() -> None:
    """A status without a method, or words of any language, are no event, and are not passed over."""
    lines = {line: read_line(f"INFO: {line}") for line in WORDS["examples"]}
    assert {line.state for line in lines.values()} == {"text only"}
    assert [text for text, line in lines.items() if line.unknown != "refusal" or not line.shape] == []
    silent = [f"INFO: {line}" for line in WORDS["counter_examples"]]
    assert {read_line(line).unknown for line in silent} == {"own words"}


@pytest.mark.parametrize(("lines", "shapes"), CASES["lines"])
def test_text_beside_requests_and_a_warning_may_report_refusals(
    lines: list[str], shapes: dict[str, int]
) -> None:
    """Whoever writes there what went wrong writes of refusals there, too; elsewhere a status is needed."""
    assert read_text("\n".join(lines)).facts.refusals == shapes


def test_a_source_says_which_shapes_were_not_understood(tmp_path: Path) -> None:
    """The reason of its row has the shapes and no content."""
    secret = fakes.fake_value("shape")
    (tmp_path / "a.log").write_text(f"2026-08-01T00:00:00Z INFO: a\n?? password {secret}\n", "utf-8")
    (row,) = read_folder(tmp_path).sources.itertuples()
    assert row.reason.startswith("not understood are lines such as `?? a ")
    assert secret not in row.reason
