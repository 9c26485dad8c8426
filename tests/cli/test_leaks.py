"""`leaks`: what it prints, in each format, and what it never prints."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sarif_kit.validate import validation_errors

from audit_lib.__main__ import main
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot

TOKEN, OLD, DSN = (
    fake_value("cli token"),
    fake_value("cli old"),
    fake_value("cli dsn", 32, "0123456789abcdef"),
)


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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for several tests: the rules are compiled once."""
    return tmp_path_factory.mktemp("shared")


def run(plot: Plot, *args: str, cache: Path, code: int = 0) -> Any:
    """The command's result, with a cache and no key of its own."""
    environment = {"XDG_CACHE_HOME": str(cache), "AUDIT_KEY_FILE": str(cache / "no-key"), "HOME": str(cache)}
    done = CliRunner().invoke(main, ["leaks", "--project", str(plot.root), *args], env=environment)
    assert done.exit_code == code, done.output
    for value in (TOKEN, OLD, DSN):
        assert value not in done.output
        assert value[:12] not in done.output
    return done


def test_the_table_says_what_is_in_force(project: Plot, tmp_path: Path) -> None:
    """The totals, a line for each leak, what is in force first, what was left out, and what to do."""
    lines = run(project, "--no-patterns", cache=tmp_path).output.splitlines()
    force = "0 in force in production, 1 elsewhere, 1 not known to be in force, 0 not in force"
    assert lines[0] == f"2 leaks: {force}"
    assert lines[1].startswith("API_TOKEN: IN FORCE in development, first ")
    assert "at HEAD, 2 occurrences, leak-" in lines[1]
    assert lines[2].endswith("docs/my notes é.md:1 (plain)")
    assert lines[3] == "    working tree docs/my notes é.md:1 (plain)"
    assert lines[4].startswith("API_TOKEN: not known to be in force, ")
    assert lines[5] == "    log backend/logs/app.log:2 (plain)"
    assert any(line.startswith("partly: 1 value (DB_PASSWORD): has under 8 characters") for line in lines)
    assert lines[-1].startswith("do first: rotate API_TOKEN now")


def test_json_is_complete(project: Plot, shared: Path) -> None:
    """The record holds leaks with places by the public contract, patterns among them, and the coverage."""
    record = json.loads(run(project, "--format", "json", cache=shared).output)
    kinds = {(leak["kind"], leak["variable"], leak["in_force"]) for leak in record["leaks"]}
    assert {("leak", "API_TOKEN", "development"), ("leak", "API_TOKEN", "")} < kinds
    assert any(
        kind == "pattern" and "SENTRY_DSN" in name.upper().replace("-", "_") for kind, name, _ in kinds
    )
    for leak in record["leaks"]:
        assert {"leak_id", "matched", "first_commit", "first_at", "at_head", "occurrences"} < set(leak)
        assert all({"source", "path", "line", "commit", "encoding"} == set(place) for place in leak["places"])
    assert {row["part"] for row in record["coverage"]} == {"git objects", "files", "values", "patterns"}


def test_sarif_is_valid(project: Plot, shared: Path) -> None:
    """The published schema of SARIF 2.1.0 accepts the log, and every result names one of its rules."""
    log = json.loads(run(project, "--format", "sarif", cache=shared).output)
    assert validation_errors(log) == []
    results = log["runs"][0]["results"]
    assert {result["level"] for result in results} == {"error"}
    assert "docs/my%20notes%20%C3%A9.md" in uris(log)
    assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} >= {
        r["ruleId"] for r in results
    }


def uris(log: dict[str, Any]) -> set[str]:
    """The places of a SARIF log."""
    return {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
        for place in result["locations"]
    }


def test_sarif_names_odd_paths_by_references(tmp_path: Path) -> None:
    """A path of any characters, bytes that are no text included, is a relative reference in ASCII."""
    plot = new_plot(tmp_path / "odd")
    names = (
        "a b#c?d%41",
        "c:\\d",
        "-x\ny",
        "é\u202e/日本.md",
        "//z",
        "..&[<]>",
        b"\xff\xfe".decode("utf-8", "surrogateescape"),
    )
    for name in names:
        plot.file(f"at/{name}", f"token {TOKEN}\n")
    plot.git("add", "-f", "-A")
    plot.git("commit", "-qm", "Odd")
    plot.file("backend/.env", f"API_TOKEN={TOKEN}\n")
    log = json.loads(run(plot, "--no-patterns", "--format", "sarif", cache=tmp_path).output)
    assert validation_errors(log) == []
    assert len(uris(log)) == len(names)
    assert all(re.fullmatch(r"at/[\w.!~/%-]+", uri, re.ASCII) for uri in uris(log))


def test_sarif_of_nothing_is_valid(tmp_path: Path, shared: Path) -> None:
    """A project where nothing has leaked gives a valid log without results."""
    plot = new_plot(tmp_path / "clean")
    plot.commit("README.md", "nothing\n")
    log = json.loads(run(plot, "--format", "sarif", cache=shared).output)
    assert validation_errors(log) == []
    assert log["runs"][0]["results"] == []


def test_values_of_a_platform_are_searched_for(project: Plot, tmp_path: Path) -> None:
    """A value given with --env is in force where it was given, and found like any other."""
    given = tmp_path / "given.env"
    given.write_text(f"API_TOKEN={OLD}\n")
    lines = run(
        project, "--no-patterns", "--env", f"production/backend={given}", cache=tmp_path
    ).output.splitlines()
    assert any("IN FORCE in production" in line for line in lines)


def test_a_project_without_git_is_searched(tmp_path: Path) -> None:
    """Without a repository the files are searched and the coverage says so."""
    root = tmp_path / "plain"
    (root / "backend").mkdir(parents=True)
    (root / "backend" / ".env").write_text(f"API_TOKEN={TOKEN}\n")
    (root / "README.md").write_text(f"use {TOKEN}\n")
    output = run(Plot(root), "--no-patterns", cache=tmp_path).output
    assert "working tree README.md:1 (plain)" in output
    assert "is not a git repository" in output


def test_a_repeated_search_gives_the_same(project: Plot, tmp_path: Path) -> None:
    """With a lasting key the second run uses the cache, which holds no value, and prints the same."""
    key = tmp_path / "key"
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o600)
    outputs = []
    for _ in range(2):
        environment = {
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "AUDIT_KEY_FILE": str(key),
            "HOME": str(tmp_path),
        }
        arguments = ["leaks", "--project", str(project.root), "--no-patterns", "--format", "json"]
        outputs.append(CliRunner().invoke(main, arguments, env=environment).output)
    assert outputs[0] == outputs[1]
    held = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert not any(value.encode() in held for value in (TOKEN, OLD, DSN))


def test_the_project_must_exist(tmp_path: Path) -> None:
    """A folder that is not there is exit 2 with one line."""
    done = CliRunner().invoke(main, ["leaks", "--project", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1


def test_the_last_line_says_what_to_do(project: Plot, tmp_path: Path, shared: Path) -> None:
    """The most urgent comes first; where nothing leaked and all was searched there is nothing to do."""
    lines = run(project, "--no-patterns", cache=shared).output.splitlines()
    assert lines[-1] == "do first: rotate API_TOKEN now, then take the value out of the places above"
    plot = new_plot(tmp_path / "clean")
    plot.commit(".gitignore", ".env\n")
    plot.file(".env", f"API_TOKEN={TOKEN}\n")
    clean = run(plot, "--no-patterns", cache=shared).output.splitlines()
    assert clean[-1] == "do first: nothing: no leak was found, and everything was searched"
    (plot.root / "link").symlink_to("README.md")
    partly = run(plot, "--no-patterns", cache=shared).output.splitlines()
    assert partly[-1].startswith("do first: nothing, as far as was searched")


def test_a_pipeline_stops_at_the_class_named(project: Plot, tmp_path: Path, shared: Path) -> None:
    """It ends with 3 for such a leak, and with 2 if there is none but part was not searched."""
    run(project, "--no-patterns", "--fail-on", "in-force", cache=shared, code=3)
    (tmp_path / "bare").mkdir()
    run(Plot(tmp_path / "bare"), "--no-patterns", "--fail-on", "possible", cache=shared, code=2)


def test_a_commit_stops_at_a_new_secret(tmp_path: Path, shared: Path) -> None:
    """What looks like a secret counts, unless its file held it before or somebody chose it."""
    plot, new = new_plot(tmp_path / "shop"), fake_value("staged, known to nobody")
    plot.commit("old.py", f"API_TOKEN = '{new}'\n")
    plot.file("old.py", f"API_TOKEN = '{new}'\nother = 1\n")
    plot.file("new.py", f"other = 1\nSTRIPE_SECRET_KEY = '{new}'\nDB_PASSWORD = 'sunshine'\n")
    plot.git("add", "-A")
    done = run(plot, "--staged", cache=shared, code=3)
    assert done.stdout == "new.py:2: STRIPE_SECRET_KEY, looks like a secret\n"
    assert new[:12] not in done.output
    told = run(plot, "--staged", "--no-patterns", cache=shared)
    assert "not searched: what looks like a secret" in told.stderr


def test_a_staged_file_that_is_too_large_is_said(tmp_path: Path, shared: Path) -> None:
    """Only known values are searched for in it: that nothing was found in it says no more."""
    plot = new_plot(tmp_path / "shop")
    plot.file("large.py", "x = 1\n" * (1 << 20))
    plot.git("add", "-A")
    told = run(plot, "--staged", cache=shared).stderr
    assert (
        "not searched: large.py: has more than 4,194,304 bytes: only known values were searched for" in told
    )


def test_of_copies_that_change_each_has_its_past(tmp_path: Path, shared: Path) -> None:
    """What both of two equal files held before is no news to a commit that changes both."""
    plot, held = new_plot(tmp_path / "shop"), fake_value("in both, known to nobody")
    names = ("one.py", "other.py")
    for name in names:
        plot.file(name, f"API_TOKEN = '{held}'\n")
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Begin")
    for name in names:
        plot.file(name, f"API_TOKEN = '{held}'\n{name[:3]} = 1\n")
    plot.git("add", "-A")
    assert run(plot, "--staged", cache=shared).stdout == ""


def test_folders_outside_are_searched(project: Plot, tmp_path: Path, shared: Path) -> None:
    """A transcript and a history hold values: each place has its kind."""
    outside = tmp_path / "home"
    (outside / ".claude").mkdir(parents=True)
    transcript = outside / ".claude" / "session.jsonl"
    transcript.write_text(json.dumps({"text": f'curl -H "Authorization: Bearer {TOKEN}"\n'}) + "\n")
    history = outside / ".bash_history"
    history.write_text(f"export STRIPE_API_KEY={fake_value('typed')}\n")
    os.utime(transcript, (1_700_000_000, 1_700_000_000))
    also = ("--also", str(outside / ".claude"), "--also", str(history))
    record = json.loads(run(project, *also, "--format", "json", cache=shared).output)
    met = {(place["source"], leak["variable"]) for leak in record["leaks"] for place in leak["places"]}
    assert met >= {("assistant", "API_TOKEN"), ("shell history", "STRIPE_API_KEY")}
    assert [row["count"] for row in record["coverage"] if row["part"] == "files outside"] == [1, 1]


def test_what_is_left_out_outside_is_named_in_full(project: Plot, tmp_path: Path, shared: Path) -> None:
    """Files of one name in several folders are several: each has its folder before it, in every part."""
    places = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large.txt").write_bytes(b"x y\n" * (1 << 20) + b"z")
        (tmp_path / name / "link").symlink_to("large.txt")
        places.append(str(tmp_path / name))
    also = (word for place in places for word in ("--also", place))
    record = json.loads(run(project, *also, "--format", "json", cache=shared).output)
    rows = [row for row in record["coverage"] if row["state"] == "not searched"]
    told = {(row["part"], row["place"]) for row in rows}
    assert told >= {("patterns", f"{place}/large.txt") for place in places}
    assert told >= {("files outside", f"{place}/link") for place in places}


def test_a_folder_with_the_project_is_refused(project: Plot, tmp_path: Path) -> None:
    """Env files are the values' homes: a folder that holds them, or is held, is no place elsewhere."""
    for folder in (project.root.parent, project.root / "docs"):
        run(project, "--also", str(folder), cache=tmp_path, code=2)


def test_reports_of_scanners_are_joined(project: Plot, tmp_path: Path, shared: Path) -> None:
    """What a scanner reported is in force if an env file says so, wherever it was found."""
    report = tmp_path / "report.sarif"
    results = []
    for value in (TOKEN, fake_value("of a wiki")):
        region = {"startLine": 3, "snippet": {"text": value}}
        place = {"artifactLocation": {"uri": "wiki/page.md"}, "region": region}
        results.append({"ruleId": "generic", "locations": [{"physicalLocation": place}]})
    report.write_text(json.dumps({"version": "2.1.0", "runs": [{"results": results}]}))
    args = ("--no-patterns", "--import", str(report), "--format", "json")
    record = json.loads(run(project, *args, cache=shared).output)
    told = {(leak["variable"], leak["force"]) for leak in record["leaks"]}
    assert told == {("API_TOKEN", "in force"), ("API_TOKEN", "not known"), ("generic", "not known")}
