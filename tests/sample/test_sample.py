"""The sample is the same each time, holds no literal value, and shows one fault of each kind, not more."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.audit import Audit
from audit_lib.findings.contracts import STATUSES
from audit_lib.sample import AS_OF
from audit_lib.sample.logs import packed
from audit_lib.sample.story import timeline
from audit_lib.secrets.ages import FRESHNESS
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.paths import ROOT, rows_beside
from tests.support.sample_copy import write_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project, built once for this module."""
    return write_sample(tmp_path_factory.mktemp("sample") / "project")


@pytest.fixture(scope="module")
def audit(sample: Path) -> Audit:
    """The audit of the sample's own quarter."""
    return run_audit(load_project(sample))


def _content(folder: Path) -> Iterator[tuple[str, bytes, int, int]]:
    """Each file but git's own, with mode and last write; of git the commit that HEAD names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            facts = path.stat()
            fixed = (facts.st_mode, facts.st_mtime_ns) if ".audit" not in path.parts else (0, 0)
            yield str(path.relative_to(folder)), path.read_bytes(), *fixed
    yield "HEAD", (folder / ".git/refs/heads/main").read_bytes(), 0, 0


def test_the_sample_is_the_same_everywhere(sample: Path, tmp_path: Path) -> None:
    """Another process, hash seed, zone, user and umask give the same bytes, times, modes and commits."""
    code = "import os; os.umask(0o77); from audit_lib.sample import build_sample; from pathlib import Path; "
    home = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TZ": "Pacific/Auckland",
        "PYTHONHASHSEED": "7",
    }
    home |= {"GIT_AUTHOR_NAME": "Someone Else", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00"}
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n[core]\n\tautocrlf = true\n")
    command = [sys.executable, "-c", f"{code}build_sample(Path('{tmp_path / 'other'}'))"]
    subprocess.run(command, env=home, check=True, cwd=ROOT)
    assert list(_content(tmp_path / "other")) == list(_content(sample))


def test_the_sample_is_written_into_an_empty_folder_only(sample: Path, tmp_path: Path) -> None:
    """The command writes a project that can be reviewed, and refuses a folder that holds something."""
    assert CliRunner().invoke(main, ["sample", str(tmp_path / "new")]).exit_code == 0
    assert load_project(tmp_path / "new").key == "demo"
    refused = CliRunner().invoke(main, ["sample", str(sample)])
    assert refused.exit_code == 2
    assert "is not empty" in refused.output


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_a_packed_log_is_a_gzip_file(size: int) -> None:
    """What is packed without zlib is unpacked by it."""
    content = (b"0123456789" * (size // 10 + 1))[:size]
    assert gzip.decompress(packed(content)) == content


def test_no_value_stands_in_the_repository() -> None:
    """The values are made at run time: no source file holds one."""
    texts = [path.read_text("utf-8") for path in (ROOT / "audit_lib").rglob("*.py")]
    secrets = [held for held in timeline() if not held.name.endswith("BASE_URL")]
    values = {value.secret for held in secrets for _, value in held.steps if value}
    long = {value for value in values if len(value) >= 20 and "change-me" not in value}
    assert len(long) > 25
    assert not [value for value in long if any(value in text for text in texts)]


def test_every_status_is_shown_and_a_reader_is_not_drowned(audit: Audit) -> None:
    """Every status of a secret and of a finding occurs; at most sixty findings are open, and nothing else
    than what the story tells is detected."""
    assert set(audit.ages["status"]) == set(FRESHNESS)
    assert set(audit.findings["status"]) == set(STATUSES)
    assert audit.findings["status"].eq("open").sum() <= 60
    detected = audit.detections.query("verdict == 'found'")
    assert set(detected["detection"]) == {
        *("guessing", "let-in", "known-clients-failing", "probing", "secret-in-url", "application-failing"),
    }
    assert detected.query("detection == 'let-in'")["severity"].tolist() == ["critical"]


def test_what_was_planted_is_found(audit: Audit) -> None:
    """Each planted fault is found under its stable id, with its status."""
    status = dict(zip(audit.findings["id"], audit.findings["status"], strict=True))
    planted = rows_beside(__file__)["planted"]
    assert {id_: status.get(id_) for id_ in planted} == planted


def test_a_status_is_right_by_the_timeline(audit: Audit) -> None:
    """By when each value truly came up, what is fresh or due is young enough and what is overdue too old."""
    began: dict[str, str] = {}
    for day, value in sorted((day, value.secret) for one in timeline() for day, value in one.steps if value):
        began.setdefault(value, day)
    held = {(one.name, one.environment, one.service): one.at(AS_OF) for one in timeline()}
    for row in audit.ages[audit.ages["status"].isin(("fresh", "due", "overdue"))].itertuples():
        value = held[row.secret, row.environment, row.service]
        assert value is not None
        age_days = (pd.Timestamp(AS_OF) - pd.Timestamp(began[value.secret], tz="UTC")) / pd.Timedelta(days=1)
        assert (age_days > row.max_age_days) == (row.status == "overdue"), row.secret
        assert row.age_days_min <= age_days, row.secret
