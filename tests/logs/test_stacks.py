"""Failed logins planted among a thousand visits, as each stack writes them, are counted exactly."""

import io
import os
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel import worker
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.project_logs import read_logs
from audit_lib.logs.read_file import NAIVE_ALONE, read_log, read_naively
from audit_lib.logs.read_line import read_line
from audit_lib.logs.read_options import Plan
from audit_lib.project import LogSource, Project
from tests.support.login_events import LOGIN_STACKS
from tests.support.server_logins import SERVER_STACKS
from tests.support.stack_logs import STACKS, Stack, visits, written
from tests.support.sums import told

FORMATS = load_formats()
MADE = visits(7)
ALL_STACKS = (*STACKS, *LOGIN_STACKS, *SERVER_STACKS)


@pytest.mark.parametrize("stack", [pytest.param(stack, id=stack.name) for stack in ALL_STACKS])
def test_planted_failures_are_counted_with_client_and_time(stack: Stack, tmp_path: Path) -> None:
    """As many failures as were planted, with client and time if the stack writes them; no line is lost."""
    path = tmp_path / "app.log"
    path.write_text("\n".join(written(stack, MADE)) + "\n")
    os.utime(path, (MADE[-1].at.timestamp() + 60,) * 2)
    read = read_logs(Project("test", tmp_path, log_sources=(LogSource("*.log"),)), None)
    failed = [visit for visit in MADE if visit.failed]
    shown = read.events[read.events["kind"].eq(stack.shows)]
    if stack.shows == "login_failed":
        possible = read.counts.loc[read.counts["kind"].eq("possible_login_failure"), "count"].sum()
        assert possible == stack.beside * len(failed)
    assert len(shown) == len(failed)
    clients = Counter(str(ip_address(visit.client)) if stack.named else "" for visit in failed)
    assert Counter(shown["client"]) == clients
    times = [visit.at for visit in failed] if stack.timed else []
    assert shown["at"].dropna().dt.to_pydatetime().tolist() == times
    if stack.shows == "unauthorized":
        requests = read.counts[read.counts["status"].notna()]
        statuses = requests.groupby("status")["count"].sum().to_dict()
        assert statuses == Counter(visit.status for visit in MADE)
    assert read.sources.iloc[0][["not_understood", "blank"]].tolist() == [0, 0]


@pytest.mark.parametrize("stack", [pytest.param(stack, id=stack.name) for stack in ALL_STACKS])
def test_a_stack_is_read_by_the_kernel_alone(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both readers agree on every stack's lines; only rare ones are left to the naive one.

    Those are lines that begin as an expression does, and files that the kernel is not given at all.
    """
    left: list[bytes] = []
    monkeypatch.setattr(worker, "read_line", lambda raw, *plan: left.append(raw) or read_line(raw, *plan))
    plan = Plan(FORMATS, ZoneInfo("UTC"), chunk=1 << 14, written=1_800_000_000_000_000)
    content = "\n".join(written(stack, MADE[:200])).encode()
    naive = told(read_naively(io.BytesIO(content), plan))
    if NAIVE_ALONE.search(content):
        assert told(read_log(io.BytesIO(content), plan, 1 << 30, fast_from=1 << 10)) == naive
        return
    assert told(reduce_chunks(read_chunks(io.BytesIO(content), plan), plan)) == naive
    assert any(b"Failed " not in raw for raw in left) != stack.kernel
