"""An edit of a published report does not pass: its digest differs, and its files agree no longer."""

import shutil
from pathlib import Path
from random import Random

import pytest

from audit_lib.cli.verify import report_faults
from tests.support.agreements import facts
from tests.support.paths import GOLDEN
from tests.support.planted_edits import FILES, KINDS, planted

TEXTS = {
    path.name: path.read_text("utf-8") for path in GOLDEN.iterdir() if path.suffix not in (".pdf", ".zip")
}
SHARE = 0.95  # of the edits that are seen without any digest


def _edits(count: int, seed: str) -> list[tuple[str, str]]:
    """So many edited files, of each kind of file and of edit alike."""
    random = Random(seed)
    pairs = [(name, kind) for kind in KINDS for name in FILES] * (count // len(FILES) // len(KINDS) + 1)
    return [(name, planted(name, TEXTS[name], kind, random)) for name, kind in pairs[:count]]


def _verified(folder: Path, edits: list[tuple[str, str]]) -> int:
    """How many of the edits `verify` reports, by the name of the file."""
    shutil.copytree(GOLDEN, folder)
    seen = 0
    for name, text in edits:
        (folder / name).write_text(text, "utf-8", newline="")
        seen += name in {fault.place for fault in report_faults(folder)}
        (folder / name).write_text(TEXTS[name], "utf-8", newline="")
    assert report_faults(folder) == []
    return seen


def _disagreeing(edits: list[tuple[str, str]]) -> int:
    """How many of the edits end an agreement between the files."""
    whole = facts(TEXTS)
    assert len(whole) > 20_000
    return sum(bool(whole - facts({**TEXTS, name: text})) for name, text in edits)


def test_an_edit_does_not_pass(tmp_path: Path) -> None:
    """`verify` names the edited file; in each of five files one ends an agreement, whatever the digests."""
    edits = _edits(20, "quick")
    assert _verified(tmp_path / "report", edits) == len(edits)
    assert _disagreeing(edits[:5]) == 5


@pytest.mark.long
def test_no_edit_in_a_thousand_passes(tmp_path: Path) -> None:
    """`verify` reports each of a thousand edits; without digests, at least the share is seen of 400."""
    edits = _edits(1_000, "long")
    assert _verified(tmp_path / "report", edits) == len(edits)
    seen = _disagreeing(edits[:400])
    print(f"{seen} of 400 are seen without a digest")
    assert seen >= SHARE * 400
