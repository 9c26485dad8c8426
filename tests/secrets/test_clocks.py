"""Two simulated years on machines with wrong clocks: the truth contradicts no verdict, interval or flag."""

import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.cli import records, snapshot
from audit_lib.ledger import Entry
from audit_lib.ledger.keys import load_key
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import GivenValues, load_project
from tests.support.audits import run_audit
from tests.support.clock_simulation import SecretLife
from tests.support.clock_truth import Tally, measure
from tests.support.histories import NOW


def test_no_clock_makes_a_wrong_verdict(long_run: bool) -> None:
    """Skewed and jumping clocks, restores, copies, clones, rebases, images, false records: nothing false."""
    tally = measure(range(2000 if long_run else 60))
    assert tally.wrong_verdicts == []
    assert tally.wrong_intervals == []
    assert tally.false_flags == []
    if long_run:
        assert tally.unknown <= 13


# A platform, a file that was restored, and one with a copy on another machine.
SAMPLE = (4, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 5)))


@pytest.mark.parametrize("seed", SAMPLE)
def test_the_command_line_says_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`snapshot` and `record` by the machines' clocks, then a review: nothing that the truth contradicts."""
    life = SecretLife(seed)
    replay = Replay(life, tmp_path, monkeypatch)
    for entry in sorted(life.entries, key=lambda one: (one.at, one.seq)):
        replay.enter(entry)
    tally = Tally()
    tally.add(life, replay.reviewed())
    assert (tally.wrong_verdicts, tally.wrong_intervals, tally.false_flags) == ([], [], [])


class Replay:
    """A project in which what befell a simulated secret is done again, through the command line."""

    def __init__(self, life: SecretLife, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.life, self.root, self.monkeypatch = life, folder / "app", monkeypatch
        monkeypatch.setenv("AUDIT_KEY_FILE", str(folder / "key"))
        _, environment, service = life.place
        self.service = service
        self.env = self.root / life.source if life.is_file else folder / "platform.env"
        self.env.parent.mkdir(parents=True, exist_ok=True)
        place = f'environment = "{environment}"\nservice = "{service}"\n'
        layout = f'[[env]]\npath = "{life.source}"\n{place}' if life.is_file else ""
        self.root.mkdir(exist_ok=True)
        rule = f'name = "TOKEN"\nservice = "{service}"\nrequired = "always"\nmax_age_days = {life.period}\n'
        (self.root / "audit.toml").write_text(
            f'extends = "generic"\nenvironments = ["production"]\n{layout}[[secret]]\n{rule}'
        )

    def enter(self, entry: Entry) -> None:
        """What the entry says was in place is put there, and the command run by its clock."""
        row = (entry.body["secrets"] or [{}])[0] if entry.kind == "snapshot" else entry.body
        self.put(row.get("fingerprint"), row.get("modified_at"))
        given = [] if self.life.is_file else ["--env", f"production/{self.service}={self.env}"]
        if entry.kind == "rotation" and not row["fingerprint"]:
            self.env.unlink()  # recorded where the value is not at hand
            given = []
        elif not row.get("fingerprint"):
            given = given and ["--env", f"production/{self.service}=environ"]
        said = (
            [] if entry.kind == "snapshot" else ["TOKEN", "--environment", "prod", "--service", self.service]
        )
        if entry.kind == "rotation" and row["claimed_at"] != iso(entry.at):
            said += ["--at", row["claimed_at"][:10] if row["day_only"] else row["claimed_at"]]
        for module in (records, snapshot):
            self.monkeypatch.setattr(module, "now", lambda: entry.at)
        name = "snapshot" if entry.kind == "snapshot" else "record"
        arguments = [name, *said, "--project", str(self.root), "--writer", entry.writer, *given]
        result = CliRunner().invoke(main, arguments)
        lacking = entry.kind == "snapshot" and not row.get("fingerprint")
        assert result.exit_code == (2 if lacking else 0), result.output

    def put(self, what: str | None, written: str | None) -> None:
        """A value, or none, with the time of its file."""
        # Long and of all kinds of characters, as a simulated value is but a name.
        self.env.write_text(f"TOKEN={token(what)}\n" if what else "OTHER_NAME=1\n")
        if written:
            at = datetime.fromisoformat(written).timestamp()
            os.utime(self.env, (at, at))

    def reviewed(self) -> Any:
        """The secret's row of freshness by a review of the reviewer's copy."""
        what, written = self.life.reviewer.at(NOW)
        self.put(what, iso(written))
        project = load_project(self.root)
        values = GivenValues("production", self.service, str(self.env), self.env.read_bytes())
        audit = run_audit(
            project,
            "2026Q3",
            iso(NOW),
            given=() if self.life.is_file else (values,),
            keeper=Keeper(load_key(project.ledger_dir)),
        )
        return next(row for _, row in audit.ages.iterrows() if row.secret == "TOKEN")


def token(what: str) -> str:
    """A value for a simulated one: the same for the same."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
    return "".join(random.Random(what).choices(letters, k=40))
