"""On a cluster: the identical sums from local files and from URLs, and with a worker lost in the middle."""

import gzip
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.logs.files import LogFile
from audit_lib.logs.read import workers
from audit_lib.logs.tally import LogSums, read_log
from tests.support.log_lines import FORMATS, read_text, requests_of

if TYPE_CHECKING:  # slow to import
    from distributed import LocalCluster

LINE = '203.0.113.{} - - [{:02}/Aug/2026:10:{:02}:00 +0000] "GET /r{} HTTP/1.1" {} 1 "-" "x"\n'


def _log(lines: int) -> bytes:
    made = (LINE.format(n % 250, 1 + n // 300, n % 60, n % 7, (200, 401, 404)[n % 3]) for n in range(lines))
    return "".join(made).encode()


@pytest.fixture(scope="module")
def cluster() -> "Iterator[LocalCluster]":
    """Two workers in processes of their own."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def test_a_cluster_gives_the_same_sums_from_urls(cluster: "LocalCluster", tmp_path: Path) -> None:
    """A plain and a packed file by URL and by path: the identical counts."""
    content = _log(3_000)
    for name, body in (("a.log", content), ("a.log.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(body)
    store = f"file://{tmp_path}"
    words = ["failures", "--by", "day,kind,status,address,route", "--format", "csv"]
    here = CliRunner().invoke(main, [*words, str(tmp_path / "a.log")])
    assert here.exit_code == 0
    assert here.stdout.count("\n") > 100
    for place in (f"{store}/a.log", f"{store}/a.log.gz", str(tmp_path / "a.log")):
        there = CliRunner().invoke(main, [*words, place, "--scheduler", cluster.scheduler_address])
        assert there.stdout == here.stdout
    assert CliRunner().invoke(main, [*words, f"{store}/a.log"]).stdout == here.stdout


def test_a_worker_that_is_killed_changes_nothing(cluster: "LocalCluster", tmp_path: Path) -> None:
    """A worker killed while logs are waiting: others do its work again, and the sums are the same."""
    from distributed import Client

    content = _log(400)
    files = []
    for number in range(10):
        (tmp_path / f"{number}.log").write_bytes(content)
        files.append(LogFile(tmp_path, f"{number}.log", f"{number}.log"))
    with (
        Client(cluster.scheduler_address, set_as_default=False) as client,
        workers(cluster.scheduler_address) as run,
    ):
        victim = next(iter(client.run(os.getpid).values()))
        kill = client.submit(_kill_after_a_log, victim, files[0], pure=False)
        read = list(run(_read, files))
        kill.result()
        assert victim not in client.run(os.getpid).values()
    by = ("minute", "status", "client", "route")
    assert all(requests_of(sums, *by) == requests_of(read_text(content), *by) for sums in read)


def _read(file: LogFile) -> LogSums:
    return read_log(FORMATS, file)


def _kill_after_a_log(victim: int, file: LogFile) -> None:
    """Reads a log, then kills a worker, perhaps the one that it runs on: then it runs again, elsewhere."""
    _read(file)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_faults_are_clear(cluster: "LocalCluster", tmp_path: Path) -> None:
    """A missing object, an unknown scheme, no scheduler: one clear line each."""
    for place in (f"file://{tmp_path}/gone.log", "nope://x"):
        result = CliRunner().invoke(main, ["failures", place, "--scheduler", cluster.scheduler_address])
        assert result.exit_code == 2
        assert "cannot be read" in result.stderr
    result = CliRunner().invoke(main, ["failures", "file:///a", "--scheduler", "nonsense://x"])
    assert result.exit_code == 2
