"""Failed logins planted among a thousand visits, as each stack writes them, are counted exactly."""

import os
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from audit_lib.logs.read import read_logs
from audit_lib.settings import LogSource, Project
from tests.support.stacks import Stack, stacks, visits, written

MADE = visits(7)
ALL_STACKS = stacks()


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
