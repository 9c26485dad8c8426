"""A review of a project that a stranger prepared: nothing of it runs, nothing outside is read, it ends."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.hostile import booby_trap, deep_tree
from tests.support.packed import gzip_zeros

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
LAYOUTS = CASES["layouts"] | {"nested": "x = " + "[" * 100_000}
MARK = "outside-the-project"
SECONDS = 120  # within which a review ends even on a busy machine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with traps, links out of it, FIFOs, bombs and a hostile repository."""
    project, outside = tmp_path / "project", tmp_path / MARK
    for folder in (project / "backend" / "logs", project / "docs", outside / "logs"):
        folder.mkdir(parents=True)
    (outside / ".env").write_text(f"JWT_SECRET_KEY={fake_value('outside')}\n")
    (outside / "logs" / f"{MARK}.log").write_text("x\n")
    (project / "backend" / ".env").write_text(f"JWT_SECRET_KEY={fake_value('inside')}\n")
    (project / "backend" / ".env.local").symlink_to(outside / ".env")
    (project / "linked").symlink_to(outside)
    (project / "docs" / "SECRETS.md").symlink_to(outside / ".env")
    os.mkfifo(project / ".env")
    os.mkfifo(project / "backend" / "logs" / "fifo.log")
    (project / "backend" / "logs" / "null.log").symlink_to("/dev/zero")
    (project / "backend" / "logs" / "bomb.log.gz").write_bytes(gzip_zeros(80 << 20))
    return project


def test_nothing_of_a_hostile_project_runs_or_leads_out(project: Path, tmp_path: Path) -> None:
    """Started by a person who stands in it, whose home is hostile, too: no module, setting, hook or git
    configuration runs; links, FIFOs and bombs are stated, not read."""
    sprung = tmp_path / "sprung"
    for folder in (project, tmp_path / "home"):
        booby_trap(folder, sprung)
    out = tmp_path / "out"
    home = with_rules(tmp_path / "home")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "-m", "audit_lib", "review", "--project", ".", "--quarter", "2026Q3"]
    run = subprocess.run(
        [*command, "--as-of", "2026-10-01", "--out", str(out)],
        cwd=project,
        env=environment | {"HOME": str(home), "AUDIT_KEY_FILE": str(home / "key")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-500:]
    assert not sprung.exists(), sprung.read_text()
    sources = {row["source"]: row for row in json.loads((out / "report.json").read_text())["sources"]}
    for path in ("backend/.env.local", ".env", "backend/logs/fifo.log", "backend/logs/bomb.log.gz"):
        assert sources[path]["state"] == "refused", path
    assert "symbolic link" in sources["docs/SECRETS.md"]["reason"]
    texts = [run.stdout, run.stderr, *(path.read_text("utf-8") for path in out.iterdir())]
    assert not any(MARK in text for text in texts)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_path_that_leads_out_is_one_line(project: Path, tmp_path: Path, layout: str) -> None:
    """Exit 2 with the place, before anything is read or written."""
    (project / "audit.toml").write_text(layout + "\n")
    out = tmp_path / "out"
    run = CliRunner().invoke(main, ["review", "--project", str(project), "--out", str(out)])
    assert (run.exit_code, run.stdout) == (2, ""), run.output
    assert run.stderr.startswith("audit.toml")
    assert not out.exists()


def test_a_pattern_through_links_and_depths_ends(project: Path, tmp_path: Path) -> None:
    """A pattern of wildcards alone, over links to / and a deep tree: it ends, and names nothing outside."""
    (project / "system").symlink_to("/")
    pattern = 'extends = "generic"\n[[log]]\npattern = "**/*/**/*/*/*"\n'
    (project / "audit.toml").write_text(pattern)
    with deep_tree(project / "deep"):
        said = to_json(report_record(run_audit(load_project(project), "2026Q3", "2026-10-01")))
    assert '"sources"' in said
    assert MARK not in said
    assert "system/etc" not in said
