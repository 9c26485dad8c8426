"""The committed report of the sample, guarded three ways (docs/design.md#same-bytes).

nbval sees a changed output, not a changed picture or text; bytes see any change, not that all of it is wrong;
the numbers are counted here from the sample's raw files, by code that shares nothing with the audit. Renew
the report: make golden."""

import gzip
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import GOLDEN, ROOT
from tests.support.reproduced import reproduce
from tests.support.sample_copy import write_sample

AS_OF, DAY = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), timedelta(days=1)
REQUEST = re.compile(r'"[A-Z]+ \S+ HTTP/1\.1" (\d{3})')
WORDS = {
    "login_failed": "Failed login attempt for", "csrf_blocked": "[CSRF] Blocked request",
    "jwt_invalid": "JWT auth failed", "secret_validation_failed": "SECRET VALIDATION FAILED",
    "startup_failed": "Application startup failed. Exiting.",
}  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's raw files."""
    return write_sample(tmp_path_factory.mktemp("golden") / "sample")


def test_the_notebook_replays(tmp_path: Path) -> None:
    """nbval runs the committed notebook again, with its own parameters, and finds the same outputs."""
    environment = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONPATH": str(ROOT)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # it needs none of the others, which take seconds
    # The first keeps jsonschema from building grammars that nobody needs.
    names = ("audit_lib.report", "nbval.plugin", "no:cacheprovider")
    plugins = [word for name in names for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, "--nbval", str(GOLDEN / "quarterly_review.ipynb")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.returncode}: {(done.stdout + done.stderr)[:3000]}"


@pytest.mark.long
def test_the_report_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """A checkout gives the committed bytes by another hash seed, zone, locale and home."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    reproduce([sys.executable, "-m", "audit_lib"], tmp_path, tmp_path / "home", environment)


def _log_lines(sample: Path) -> Iterator[tuple[str, str]]:
    for path in sorted([*sample.glob("backend/logs/*"), *sample.glob("logs/*")]):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from ((str(path.relative_to(sample)), line) for line in content.decode().splitlines())


def _status(line: str) -> int | None:
    if line.startswith("{"):
        status = json.loads(line).get("status")
        return int(status) if status else None
    found = REQUEST.search(line)
    return int(found[1]) if found else None


def test_requests_and_failures_are_those_of_the_logs(sample: Path, report: dict[str, Any]) -> None:
    """Counts of requests by status, of messages by kind and of lines by file, counted anew."""
    lines = list(_log_lines(sample))
    status = Counter(found for _, line in lines if (found := _status(line)) is not None)
    failures = report["auth_failures"]
    assert failures["by_status"] == {str(number): count for number, count in status.items()}
    assert failures["requests"] == status.total()
    assert failures["by_kind"]["unauthorized"] == status[401]
    for kind, words in WORDS.items():
        assert failures["by_kind"].get(kind, 0) == sum(words in line for _, line in lines), kind
    files = Counter(name for name, _ in lines)
    told = {row["source"]: row["lines"] for row in report["sources"] if row["kind"] == "log"}
    assert {name: count for name, count in told.items() if count} == dict(files)


def test_the_days_add_up(sample: Path, report: dict[str, Any]) -> None:
    """Each request is on one day; of the lines that carry a time the days are counted anew."""
    days = report["auth_failures"]["by_day"]
    assert sum(day["requests"] or 0 for day in days) == report["auth_failures"]["requests"]
    timed = Counter(
        json.loads(line)["timestamp"][:10] if line.startswith("{") else line[:10]
        for name, line in _log_lines(sample)
        if name in ("logs/edge.jsonl", "logs/platform-export.log") and _status(line) in (401, 429)
    )
    told = {day["day"]: day for day in days}
    assert all(count <= told[day]["refused"] for day, count in timed.items())
    # 72 carry that day; one of the backend's has no time, and counts on the last day before it.
    assert told["2026-09-09"]["refused"] == 73
    assert told["2026-08-20"]["failed_logins"] == 40


def _sightings(sample: Path) -> dict[tuple[str, str], list[tuple[datetime, str | None]]]:
    """By secret and place what each weekly snapshot saw, straight from the ledger's lines."""
    seen: dict[tuple[str, str], list[tuple[datetime, str | None]]] = {}
    for line in (sample / ".audit/ledger/weekly.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["at"])
        for one in entry["body"]["secrets"]:
            place = f"{one['environment']}/{one['service']}"
            seen.setdefault((one["secret"], place), []).append((at, one["fingerprint"]))
    return seen


def test_ages_are_those_of_the_ledger(sample: Path, report: dict[str, Any]) -> None:
    """What is fresh or due changed between two snapshots; what is overdue was seen before its period."""
    seen = _sightings(sample)
    rows = [row for row in report["freshness"] if row["status"] in ("fresh", "due", "overdue")]
    assert len(rows) == 13
    for row in rows:
        if row["status"] == "overdue":
            assert row["age_days_min"] >= row["max_age_days"]
            continue
        history = seen[row["secret"], f"{row['environment']}/{row['service']}"]
        others = [at for at, fingerprint in history if fingerprint != history[-1][1]]
        oldest_days = (AS_OF - max(others)) / DAY + 14 / 24  # what a clock may be wrong by
        assert row["age_days_max"] == math.ceil(oldest_days), row
        assert oldest_days <= row["max_age_days"]
        assert (row["status"] == "fresh") == (oldest_days <= row["max_age_days"] - 14)
    overdue = {(row["secret"], row["environment"]) for row in rows if row["status"] == "overdue"}
    public = {
        (row["secret"], row["environment"]) for row in report["freshness"] if row["reason"][:6] == "public"
    }
    for (secret, place), history in seen.items():
        days = (AS_OF - min(at for at, mark in history if mark == history[-1][1])) / DAY
        if days > 180 and history[-1][1]:
            assert (secret, place.split("/")[0]) in overdue | public


def _values(path: Path) -> dict[str, str]:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return {item["envVar"]["key"]: item["envVar"]["value"] for item in json.loads(text)}
    pairs = re.findall(r'(?m)^(?:export )?(\w+)="?(.*?)"?$', text)
    return dict(pairs)


def test_findings_are_those_of_the_files(sample: Path, report: dict[str, Any]) -> None:
    """What is unequal, equal, tracked or open to others, looked up in the files themselves."""
    found = {row["id"]: row["status"] for row in report["findings"]}
    production = _values(sample / "deploy/backend.production.json")
    staging = _values(sample / "deploy/backend.staging.env")
    public = _values(sample / "deploy/frontend.production.env")
    assert production["API_TOKEN"] != public["NEXT_PUBLIC_API_TOKEN"]
    assert found["pairing-mismatch:API_TOKEN=NEXT_PUBLIC_API_TOKEN:production/backend"] == "open"
    assert production["JWT_SECRET_KEY"] == staging["JWT_SECRET_KEY"]
    same = {name for name in production.keys() & staging.keys() if production[name] == staging[name]}
    told = {id_.split(":")[1] for id_ in found if id_.endswith("as-in-production:staging/backend")}
    assert {f"{name}-as-in-production" for name in same} <= told
    tracked = subprocess.run(["git", "ls-files"], cwd=sample, capture_output=True, text=True, check=True)
    assert {name for name in tracked.stdout.split() if name.endswith((".env", ".json", ".local"))} == set()
    assert [id_ for id_ in found if id_.startswith("tracked-env-file")] == []


def test_the_lines_of_a_source_add_up(report: dict[str, Any]) -> None:
    """Each line of a source was read, not understood, or blank."""
    for source in report["sources"]:
        if source["lines"] is not None:
            assert source["lines"] == source["read"] + source["not_understood"] + source["blank"]


def test_what_is_grave_can_be_looked_up(report: dict[str, Any]) -> None:
    """Each critical or high finding cites a line, a leak, a ledger entry, or the file or place at fault."""
    cited = re.compile(r"[\w./-]+:\d+\b|leak-[0-9a-f]{10}|ledger [\w.-]+#\d+")
    files = {row["source"] for row in report["sources"]}
    files |= {f"{row['environment']}/{row['service']}" for row in report["sources"]}  # not supplied
    grave = [row for row in report["findings"] if row["severity"] in ("critical", "high")]
    assert len(grave) == 28
    vague = [row for row in grave if not cited.search(f"{'; '.join(row['where'])} {row['evidence']}")]
    assert [row["id"] for row in vague if not files.intersection(row["where"])] == []
