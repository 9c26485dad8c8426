"""The notebook to learn by: its cells show what its texts say, and its blocks of TOML are read."""

import re
from pathlib import Path

import nbformat

from audit_lib.logs.formats import BUNDLED, parse_formats
from audit_lib.settings import load_policy
from tests.support.paths import ROOT
from tests.support.run_notebook import run_notebook

NOTEBOOK = ROOT / "notebooks" / "start_here.ipynb"
SHOWN = {  # by heading, what its outputs hold of the sample
    "An age is an interval": r"149.*\s179.*\s90\s+overdue",
    "One finding, followed to its line": r"leaked-in-force:JWT_SECRET_KEY",
    "Count in your own way": r"high\s+1\s",
    "Accept a finding": r"audit-lib decide accept leaked-in-force:JWT_SECRET_KEY",
    "Add a secret": r"BILLING_API_SECRET",
    "Add a log format": r"logs/worker\.log",
    "Add a check": r"JWT_SECRET_KEY",
}


def test_it_teaches_one_thing_a_part() -> None:
    """Run in its kernel, each part shows of the sample what its text says, and none fails."""
    shown: dict[str, str] = {}
    heading = ""
    for cell in run_notebook(NOTEBOOK, {}).cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"(?m)^## (.*)$", cell.source) or [heading])[0]
        for output in cell.get("outputs", []):
            shown[heading] = shown.get(heading, "") + output.get("data", {}).get("text/plain", "")
    for heading, expected in SHOWN.items():
        assert re.search(expected, shown[heading]), heading


def test_its_blocks_are_read(tmp_path: Path) -> None:
    """The block of a secret is that of settings, that of a format a format's with examples that pass."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    secret, prefix = re.findall(r"(?s)```toml\n(.*?)```", "\n".join(cell.source for cell in cells))
    (tmp_path / "own.toml").write_text(f'name = "mine"\n{secret}', "utf-8")
    rule = load_policy(tmp_path / "own.toml").rule("BILLING_API_SECRET")
    assert rule is not None
    assert rule.owner == "Billing team"
    assert "time between bars" in repr(parse_formats(BUNDLED.read_bytes() + prefix.encode(), "mine"))
