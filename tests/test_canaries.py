"""Thousands of fake values in env files with every fault: a review says none of them, anywhere."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_lib.secrecy.redact import Matcher
from tests.support.fakes import URL_SAFE, encodings, fake_value
from tests.support.homes import with_rules
from tests.support.paths import ROOT, rows_beside

CASES = rows_beside(__file__)
FILES = 50  # env files a project
NAMES = "JWT_SECRET_KEY API_TOKEN DATABASE_URL ANTHROPIC_API_KEY STRIPE_SECRET LOG_LEVEL WORD"
ALPHABETS = (URL_SAFE, "0123456789abcdef", URL_SAFE + "+/=", URL_SAFE + "!$&%#@;:<>'\\", URL_SAFE + "äß€漢")


def _line(generator: random.Random, value: str) -> bytes:
    """A value in one of the ways in which env files hold them, right and wrong."""
    name = generator.choice(NAMES.split())
    text = generator.choice(CASES["lines"]).format(name=name, value=value, no_utf8="\udcff")
    return text.encode("utf-8", "surrogateescape")


def _damaged(generator: random.Random, content: bytes) -> bytes:
    """Now and then a file as a whole is none that can be parsed."""
    wide = content.decode("utf-8", "replace").encode("utf-16")
    return generator.choice((*[content] * 7, content + b"\0", wide, content.replace(b"\n", b"\r\n")))


def _project(folder: Path, seed: str, files: int) -> list[str]:
    """The values of a project of so many env files, whose logs hold them, too."""
    generator = random.Random(seed)
    values: list[str] = []
    toml = ['name = "canaries"', 'extends = "paiid"']
    for number in range(files):
        lines = []
        for line in range(8):
            length, alphabet = generator.randint(24, 60), generator.choice(ALPHABETS)
            values.append(fake_value(f"{seed} {number} {line}", length, alphabet))
            lines.append(_line(generator, values[-1]))
        path = folder / "env" / f"{number}.env"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_damaged(generator, b"\n".join(lines) + b"\n"))
        environment = ("development", "staging", "production")[number % 3]
        place = f'environment = "{environment}"\nservice = "s{number // 3}"'
        toml.append(f'[[env]]\n{place}\npath = "env/{number}.env"')
    (folder / "audit.toml").write_text("\n".join(toml) + "\n", "utf-8")
    (folder / "logs").mkdir()
    with (folder / "logs" / "app.log").open("w", encoding="utf-8") as log:
        for value in generator.sample(values, len(values) // 4):
            log.write(f"2026-08-01 10:00:00,000 - app - ERROR - Login failed for {value}: token {value}\n")
            log.write(f'INFO:     10.0.0.1:5000 - "GET /reset/{value}?token={value} HTTP/1.1" 401 X\n')
    return values


@pytest.mark.parametrize("batch", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 20))])
def test_no_canary_comes_out(tmp_path: Path, batch: int, long_run: bool) -> None:
    """Artefacts, streams and scratch folders: of 20 projects with 50 env files, or of one with 12.

    Nor does a value given on stdin or by a shell's pipe, which is written nowhere at all. No text of the
    record is eight characters of a value or more, such as the name of a variable before an equals sign."""
    project, home, scratch = tmp_path / "project", tmp_path / "home", tmp_path / "tmp"
    for folder in (project, home, scratch):
        folder.mkdir()
    with_rules(home)
    values = _project(project, f"canaries {batch}", FILES if long_run else 12)
    given = fake_value(f"given on stdin {batch}")
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "audit_lib", "review", "--project", str(project), "--quarter", "2026Q3"]
    command += ["--as-of", "2026-10-01", "--out", str(tmp_path / "out"), "--identities", "full"]
    pipe, end = os.pipe()
    command += ["--env", "production/given=-", "--env", f"staging/given=/dev/fd/{pipe}"]
    typed = f"JWT_SECRET_KEY={given}\nAPI_TOKEN={given}\n".encode()
    with os.fdopen(end, "wb") as shell:
        shell.write(typed)
    options: Any = {"cwd": tmp_path, "env": environment, "pass_fds": (pipe,), "capture_output": True}
    run = subprocess.run(command, input=typed, check=False, **options)
    assert run.returncode == 0, run.stderr.decode()[:500]
    sealed = json.loads((tmp_path / "out" / "MANIFEST.json").read_text("utf-8"))["seal"]
    assert sealed["values"] > len(values) // 4
    record = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    read = [row for row in record["sources"] if row["state"] == "read"]
    assert {row["environment"] for row in read if row["service"] == "given"} == {"production", "staging"}
    values.append(given)
    whole = "\n".join(values)
    assert [text for text in _texts(record) if len(text) >= 8 and text in whole] == []
    matcher = Matcher(
        {}, texts=[(name, "encoding", form) for value in values for name, form in encodings(value)]
    )
    for place, data in [("stdout", run.stdout), ("stderr", run.stderr), *_files(tmp_path, project)]:
        assert [hit.name for hit in matcher.find(data)] == [], place
    files = [path for path in project.rglob("*") if path.is_file()]
    assert [path for path in files if given.encode() in path.read_bytes()] == []
    assert list(scratch.iterdir()) == []


def _texts(node: Any) -> Iterator[str]:
    """Every text in a record, and every key."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for inner in [*node, *node.values()] if isinstance(node, dict) else node:
            yield from _texts(inner)


def _files(folder: Path, project: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_relative_to(project):
            yield str(path), path.read_bytes()
        yield f"name of {path.name}", path.name.encode()
