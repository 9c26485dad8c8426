"""`review` publishes a whole, searched report, or says in one line why it did not."""

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.cli.decisions import report_faults
from audit_lib.report.package import ARTEFACTS
from tests.support.paths import GOLDEN, ROOT

COMMAND = (sys.executable, "-m", "audit_lib", "review", "--sample", "--out")


def test_the_manifest_names_inputs_without_what_could_be_guessed() -> None:
    """Logs and guide by SHA-256, env files by a keyed digest alone, the ledger's heads, no machine."""
    text = (GOLDEN / "MANIFEST.json").read_text("utf-8")
    manifest = json.loads(text)
    assert {"env file", "example", "log", "guide"} <= {entry["kind"] for entry in manifest["inputs"]}
    for entry in manifest["inputs"]:
        keyed = entry["kind"] in ("env file", "backup", "example", "export", "given values")
        assert (entry["sha256"] is None) == (keyed or entry["kind"] in ("ledger", "git")), entry
        assert (entry["keyed_digest"] is not None) == keyed, entry
    assert manifest["ledger"]
    assert manifest["policy"]["sha256"]
    assert [place for place in (str(ROOT), "/tmp") if place in text] == []
    counts = manifest["seal"]
    assert (counts["hits"], counts["artefacts"]) == (0, len(ARTEFACTS))
    assert min(counts["values"], counts["forms"], counts["runs"]) > 0


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_last_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 at 20 random moments of a whole review: the last report stands, and nothing stays beside it."""
    generator = random.Random("kill a review")
    out, scratch = tmp_path / "reports" / "report", tmp_path / "tmp"
    scratch.mkdir()
    review = partial(subprocess.run, [*COMMAND, str(out)], cwd=ROOT, check=True, capture_output=True)
    review()
    expected = {name: sha256((GOLDEN / name).read_bytes()).digest() for name in ARTEFACTS}
    started = time.monotonic()
    review()
    took = time.monotonic() - started
    monkeypatch.setenv("TMPDIR", str(scratch))
    for _ in range(20):
        with subprocess.Popen([*COMMAND, str(out)], cwd=ROOT, stdout=subprocess.DEVNULL) as run:
            with suppress(subprocess.TimeoutExpired):  # what has ended is not waited for
                run.wait(generator.uniform(0, took))
            run.send_signal(signal.SIGKILL)
        assert {name: sha256((out / name).read_bytes()).digest() for name in ARTEFACTS} == expected
        assert report_faults(out) == []
    review()
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    # What a kill leaves holds no value: a connection, the made-up sample, git's configuration.
    left = {path.name.rpartition("-")[0] for path in scratch.iterdir()}
    assert left <= {"audit-kernel", "audit-sample", "audit-git"}
