"""Broken policy and audit files of every kind: a clear fault or a valid result, never another error."""

import random
import re
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.settings import load_policy, load_project
from audit_lib.settings.load import DEFAULT_LAYOUT, POLICIES

ODD = ["0", "-1", "true", '""', '"x"', "[]", "[1]", '["a", 1]', "{}", "{a = 1}", "1979-05-27", "nan"]
ODD += ["'\\0'", "=", "["]


def mutated(text: str, seed: int) -> str:
    """The text with a few lines dropped, doubled, swapped, or given another value."""
    rng = random.Random(seed)
    lines = text.splitlines()
    for _ in range(rng.randint(1, 4)):
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(other, lines[at])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = f"{lines[at].split('=')[0]}= {rng.choice(ODD)}"
            case _:
                cut = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + rng.choice("\"'[]{}=#\\\t\x00é") + lines[at][cut:]
    return "\n".join(lines)


def test_a_broken_file_gives_faults_and_nothing_else(tmp_path: Path, long_run: bool) -> None:
    """Whatever is done to a good file, it loads or every fault is one line with a place."""
    policy, audit = (POLICIES / "paiid.toml").read_text("utf-8"), DEFAULT_LAYOUT.read_text("utf-8")
    faults = []
    for seed in range(5_000 if long_run else 200):
        (tmp_path / "own.toml").write_text(mutated(policy, seed), "utf-8")
        (tmp_path / "audit.toml").write_text(mutated(audit, seed), "utf-8")
        for load, path in ((load_policy, tmp_path / "own.toml"), (load_project, tmp_path)):
            try:
                load(path)
            except BadInput as error:
                faults.extend(error.faults or ["none"])
    assert len(faults) > 200
    assert [fault for fault in map(str, faults) if not re.match(r"(own|audit)\.toml: ", fault)] == []
    assert all(str(fault).isprintable() for fault in faults)
