"""On a cluster: the identical sums from local files and from S3, and with a worker lost in the middle."""

import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest
from click.testing import CliRunner
from distributed import Client, LocalCluster
from moto.server import ThreadedMotoServer

from audit_lib.__main__ import main
from audit_lib.base.compiled import load_code
from audit_lib.base.errors import BadInput
from audit_lib.logs.cluster import _lines_from, read_on_cluster, read_range
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_options import Plan
from tests.logs.kernel.test_fast_reader import _mixture
from tests.support.sums import told

PLAN = Plan(load_formats(), ZoneInfo("UTC"))


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An S3 server on the loopback, with a bucket; workers find it by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    kept = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    boto3.client("s3").create_bucket(Bucket="logs")
    yield "s3://logs"
    server.stop()
    for name, value in kept.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def cluster(store: str) -> Iterator[LocalCluster]:
    """Two workers in processes of their own."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def _lines(content: bytes, start: int, end: int) -> bytes:
    buffer, size = _lines_from(io.BytesIO(content), start, end)
    return buffer[:size].tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 40])
def test_ranges_hold_each_line_once(size: int) -> None:
    """Wherever ranges begin and end, a line belongs to the one that it begins in."""
    for content in (b"a\nbb\n\nccc\n", b"a\nbb", b"\n", b"abcdefghijk", b"\n\nx\n"):
        parts = [_lines(content, at, at + size) for at in range(0, len(content), size)]
        assert b"".join(parts) == content
        assert all(
            part.endswith(b"\n") for part in parts[:-1] if part and b"".join(parts[parts.index(part) + 1 :])
        )


def test_a_line_beyond_the_limit_is_not_held_whole() -> None:
    """Of a line of ten megabytes a range keeps what shows that it is too long."""
    content = b"x" * 10_000_000 + b"\ny\n"
    assert len(_lines(content, 0, 10)) < 1_200_000
    assert _lines(content, 5_000_000, 10_000_001) == b""
    assert _lines(content, 10_000_000, 10_000_003) == b"y\n"


def test_ranges_of_any_size_give_the_same_sums(tmp_path: Path) -> None:
    """A file read in ranges, each with tables of its own, gives what the naive reader gives."""
    content = _mixture(11, 120)
    path = tmp_path / "a.log"
    path.write_bytes(content)
    expected = told(read_naively(io.BytesIO(content), PLAN))
    for size in (501, 4096, 1 << 20):
        starts = range(0, len(content), size)
        reads = (read_range(str(path), start, start + size, PLAN) for start in starts)
        assert told(reduce_chunks(reads, PLAN)) == expected


def test_a_cluster_gives_the_same_sums_from_s3(cluster: LocalCluster, store: str, tmp_path: Path) -> None:
    """A plain and a packed object in S3 and a local file: the identical sums, by command line too."""
    content = _mixture(12, 3000)
    for name, body in (("a.log", content), ("a.log.gz", gzip.compress(content))):
        boto3.client("s3").put_object(Bucket="logs", Key=name, Body=body)
    (tmp_path / "a.log").write_bytes(content)
    places = [f"{store}/a.log", f"{store}/a.log.gz", str(tmp_path / "a.log")]
    expected = told(read_naively(io.BytesIO(content), PLAN))
    sums = read_on_cluster(places, PLAN, cluster.scheduler_address, 100_000)
    assert [told(each) for each in sums] == [expected] * 3
    arguments = ["failures", "--by", "day,kind,status,client,route", "--format", "csv"]
    local = CliRunner().invoke(main, [*arguments, places[2]])
    remote = CliRunner().invoke(main, [*arguments, places[0], "--scheduler", cluster.scheduler_address])
    streamed = CliRunner().invoke(main, [*arguments, places[0]])
    assert local.stdout == remote.stdout == streamed.stdout


def test_a_worker_that_is_killed_changes_nothing(cluster: LocalCluster, tmp_path: Path) -> None:
    """A worker killed while tasks are waiting: others do its work again, and the sums are the same."""
    content = _mixture(13, 4000)
    path = tmp_path / "a.log"
    path.write_bytes(content)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
        kill = client.submit(_kill_after_a_task, victim, str(path), pure=False)
        sums = read_on_cluster([str(path)], PLAN, cluster.scheduler_address, 20_000)
        kill.result()
        assert victim not in client.run(os.getpid).values()
    assert told(sums[0]) == told(read_naively(io.BytesIO(content), PLAN))


def _kill_after_a_task(victim: int, path: str) -> None:
    """Reads a range, then kills a worker, perhaps the one that it runs on: then it runs again, elsewhere."""
    read_range(path, 0, 20_000, PLAN)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_faults_are_clear(cluster: LocalCluster, store: str) -> None:
    """A missing object, an unknown scheme, no scheduler: one clear line each."""
    with pytest.raises(BadInput, match="cannot be read"):
        read_on_cluster([f"{store}/gone.log"], PLAN, cluster.scheduler_address)
    with pytest.raises(BadInput, match="cannot be read"):
        read_on_cluster(["nope://x"], PLAN, cluster.scheduler_address)
    result = CliRunner().invoke(main, ["failures", "-", "--scheduler", cluster.scheduler_address])
    assert (result.exit_code, result.stderr) == (2, "-: is stdin, which a cluster cannot read\n")
    result = CliRunner().invoke(main, ["failures", "s3://logs/a", "--scheduler", "nonsense://x"])
    assert result.exit_code == 2


def test_a_machine_that_compiles_nothing_is_named(cluster: LocalCluster, tmp_path: Path) -> None:
    """Where the fast reader cannot be compiled, one line says whether that is here or on a worker."""
    path = tmp_path / "a.log"
    path.write_bytes(_mixture(14, 500))
    words = ["failures", str(path), "--scheduler", cluster.scheduler_address]
    program = "import llvmlite.binding as llvm; llvm.get_host_cpu_name = None; import audit_lib.__main__"
    done = subprocess.run(
        [sys.executable, "-c", f"{program} as it; it.run()", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--scheduler: what workers count cannot be joined here (TypeError)\n"
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        read = client.submit(_read_without_llvm, str(path), pure=False)
        with pytest.raises(
            BadInput, match=r"a\.log: a worker cannot compile the fast log reader \(numba is not"
        ):
            read.result()


def _read_without_llvm(path: str) -> None:
    """On a worker, as on a machine that numba has no wheel for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load_code, "llvm", None)
        load_code.load_entry.cache_clear()
        read_range(path, 0, 1000, PLAN)
