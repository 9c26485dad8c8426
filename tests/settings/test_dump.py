"""Settings as lines: whatever changes what a review looks for is a line of the difference."""

import tomllib
from pathlib import Path

import pytest

from audit_lib.settings import bundled_policy, choose_policy, load_project
from audit_lib.settings.load import difference, digest_of_difference, dump
from tests.support.applications import write
from tests.support.fakes import fake_value

ROWS = tomllib.loads(Path(__file__).with_name("dump.toml").read_text("utf-8"))
BEFORE = ROWS["before"]


def lines_of(folder: Path, text: str, policy: str = "") -> tuple[str, ...]:
    """The settings of a project with this audit.toml."""
    project = load_project(write(folder, {"audit.toml": text}))
    return dump(choose_policy(project, policy), project)


@pytest.mark.parametrize(("old", "new", "lines"), ROWS["changes"])
def test_a_change_is_its_lines(old: str, new: str, lines: list[str], tmp_path: Path) -> None:
    """Old and new line by line, whichever way it went; a comment changes nothing."""
    assert old in BEFORE
    changed = difference(lines_of(tmp_path, BEFORE), lines_of(tmp_path, BEFORE.replace(old, new, 1)))
    assert list(changed) == lines
    assert bool(digest_of_difference(changed)) == bool(lines)


def test_another_policy_says_where_it_comes_from(tmp_path: Path) -> None:
    """Bundled, of audit.toml or the reviewer's own is a line; without a project only the policy counts."""
    own = write(tmp_path / "mine", {"p.toml": 'name = "p"\n'}) / "p.toml"
    for policy, origin in (("generic", "bundled"), ("", "audit.toml"), (str(own), "the reviewer")):
        assert f"policy: from = {origin}" in lines_of(tmp_path / "app", BEFORE, policy)
    assert not [line for line in dump(bundled_policy("paiid")) if line.startswith(("audit.toml", "env "))]


def test_the_digest_knows_one_difference() -> None:
    """Another change has another digest, so that no acceptance covers it."""
    digests = {digest_of_difference(difference(["a"], [new])) for new in ("b", "c", "a")}
    assert len(digests) == 3


def test_no_value_is_a_line(tmp_path: Path) -> None:
    """A value that somebody wrote into audit.toml is shown by its digest, and a formats file by its own."""
    value = fake_value("in the settings", 40)
    text = BEFORE.replace("*todo*", value).replace('name = "shop"', 'name = "shop"\nlog_formats = "f.toml"')
    write(tmp_path, {"f.toml": "x"})
    lines = lines_of(tmp_path, text)
    assert value not in "\n".join(lines)
    write(tmp_path, {"f.toml": "y"})
    assert len(difference(lines, lines_of(tmp_path, text))) == 2
