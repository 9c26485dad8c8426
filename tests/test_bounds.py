"""docs/bounds.md says of each bound what the code holds."""

import pytest

from audit_lib.base import (
    archives,
    bounded_toml,
    decompress,
    tar_members,
    toml_table,
    tree,
    zip_members,
)
from audit_lib.base.git import child, sound
from audit_lib.findings import rules_in_force
from audit_lib.leaks import search_patterns
from audit_lib.report.publish import scratch
from audit_lib.secrecy import exact_search, scrub
from audit_lib.secrets import env_lines, env_room
from tests.support.paths import ROOT

STATED = {
    "any archive": (archives.EXPANDED, archives.MEMBERS, archives.SECONDS_A_SOURCE),
    "all archives": (archives.FAIR, archives.SURPLUS),
    "zip": (archives.LARGEST_ZIP, zip_members.ENTRIES),
    "gzip, bzip2, xz": (decompress.STREAMS, decompress.MEMORY),
    "ignore files": (rules_in_force.LARGEST_IGNORE_FILE,),
    "tar": (tar_members.LONGEST_HEADER,),
    "audit.toml, policy": (
        bounded_toml.MAX_BYTES,
        bounded_toml.KEY_PARTS,
        bounded_toml.DEPTH,
        toml_table.MOST_TABLES,
    ),
    "numbers in a policy": (toml_table.LARGEST,),
    "env file": (env_room.MAX_BYTES, env_lines.MAX_LINES, env_lines.MAX_LINE_CHARACTERS),
    "all env files": (
        env_room.MAX_LINES_IN_ALL,
        env_room.MAX_VALUES_IN_ALL,
        env_room.MAX_CHARACTERS_IN_ALL,
    ),
    "files of the leak search": (tree.MAX_DEPTH, search_patterns.LARGEST),
    "places of one value": (exact_search.MOST_PLACES,),
    "git |": (child.SECONDS, child.SILENCE_SECONDS, child.MAX_OUTPUT, child.MEMORY),
    "git's own folder": (sound.MOST_ENTRIES, sound.MAX_DEPTH),
    "the guard": (scrub.DEEPEST,),
    "another run's lock": (scratch.LOCK_SECONDS,),
}


@pytest.mark.parametrize("reader", STATED)
def test_a_bound_is_stated(reader: str) -> None:
    """The reader's line of the table has each of its numbers."""
    lines = (ROOT / "docs" / "bounds.md").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {reader}")]
    words = line.replace(";", " ").split()
    assert {f"{number:,}" for number in STATED[reader]} <= set(words)
