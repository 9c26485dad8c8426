"""Reviews the sample as its report says to, under conditions that must not matter, and compares the bytes."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.homes import with_rules
from tests.support.paths import GOLDEN

ELSEWHERE = {"PYTHONHASHSEED": "11", "TZ": "Asia/Kathmandu", "COLUMNS": "40", "LANG": "C"}


def reproduce(program: list[str], cwd: Path, home: Path, environment: Mapping[str, str]) -> None:
    """What MANIFEST.json says to type gives the committed bytes by another hash seed, zone, locale and home.

    Open findings then end in exit code 3, and in the home folder nothing is left but empty files of locks,
    the compiled rules of the search for leaks, and matplotlib's list of fonts."""
    with_rules(home)
    steps = json.loads((GOLDEN / "MANIFEST.json").read_text("utf-8"))["how_to_repeat"]
    (told,) = [step for step in steps if step.startswith("audit-lib review")]
    command = [*program, *shlex.split(told)[1:], "--fail-on", "critical"]
    homes = {**environment, **ELSEWHERE, "HOME": str(home)}
    run = subprocess.run(command, cwd=cwd, env=homes, check=False, capture_output=True)
    assert run.returncode == 3, run.stderr
    made = {path.name: path.read_bytes() for path in (cwd / "again").iterdir()}
    committed = {path.name: path.read_bytes() for path in GOLDEN.iterdir()}
    assert sorted(made) == sorted(committed)
    assert [name for name in sorted(made) if made[name] != committed[name]] == [], "make golden renews it"
    left = [path for path in home.rglob("*") if path.is_file()]
    cache = home / ".cache" / "audit_lib"
    others = {path.relative_to(cache) for path in left if path.parent.name != "locks" or path.stat().st_size}
    kept = ("rules/*.vscdb", "matplotlib/fontlist-*.json")
    assert [path for path in others if not any(map(path.match, kept))] == []
