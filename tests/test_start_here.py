"""The notebook to learn by: its cells show what its texts say, and its blocks of TOML are read."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from audit_lib.logs.formats import BUNDLED, parse_formats
from audit_lib.report.table import Table, as_text
from audit_lib.settings import load_policy, load_project
from tests.support.audits import run_audit
from tests.support.paths import ROOT
from tests.support.run_notebook import run_notebook
from tests.support.sample_copy import write_sample

NOTEBOOK = ROOT / "notebooks" / "start_here.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
LEARNT = (
    "An age is an interval",
    "One finding, followed to its line",
    "One frame",
    "Accept a finding",
    "Add a secret",
    "Add a log format",
    "Add a check",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tables by the heading they are under, as the cells make them of the sample."""
    sample = write_sample(tmp_path_factory.mktemp("start") / "sample")
    names: dict[str, object] = {}
    tables: dict[str, str] = {}
    heading = ""
    for cell in CELLS:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"(?m)^## (.*)$", cell.source) or [heading])[0]
        elif "open_audit" in cell.source:
            names["audit"] = run_audit(load_project(sample))
        else:
            *body, last = re.split(r"\n(?=\S)", cell.source)
            exec("\n".join(body), names)
            value = eval(last, names) if last.startswith("report.") else exec(last, names)
            tables[heading] = tables.get(heading, "") + (as_text(value) if isinstance(value, Table) else "")
    return tables


def test_it_teaches_one_thing_a_part(shown: dict[str, str]) -> None:
    """Each part has a table of the sample that is not empty, and shows what its text says."""
    assert tuple(heading for heading in shown if heading in LEARNT) == LEARNT
    assert re.search(r"production +backend +149 +179 +90 +overdue", shown[LEARNT[0]])
    assert "another value was seen there 6 Apr 2026" in shown[LEARNT[0]]
    assert re.search(r"deploy/backend.staging.env +8 +staging +backend +JWT_SECRET_KEY", shown[LEARNT[1]])
    assert re.search(r"high +accepted +1\n", shown[LEARNT[2]])
    assert "audit-lib accept leaked-in-force:JWT_SECRET_KEY" in shown[LEARNT[3]]
    assert "BILLING_API_SECRET" in shown[LEARNT[4]]
    assert "logs/worker.log" in shown[LEARNT[5]]
    assert re.search(r"JWT_SECRET_KEY +production +backend +149 +90", shown[LEARNT[6]])


def test_its_blocks_are_read(tmp_path: Path) -> None:
    """The block of a secret is a policy's, that of a format a format's with examples that pass."""
    secret, prefix = re.findall(r"(?s)```toml\n(.*?)```", "\n".join(cell.source for cell in CELLS))
    (tmp_path / "own.toml").write_text(f'name = "mine"\n{secret}', "utf-8")
    rule = load_policy(tmp_path / "own.toml").rule("BILLING_API_SECRET")
    assert rule is not None
    assert rule.owner == "Billing team"
    formats = parse_formats(BUNDLED.read_bytes() + prefix.encode(), "mine")
    assert "time between bars" in repr(formats)


@pytest.mark.long
def test_nbval_replays_it(tmp_path: Path) -> None:
    """Run in its kernel, then again by nbval, every output is the same."""
    nbformat.write(run_notebook(NOTEBOOK, {}), tmp_path / "start_here.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", str(tmp_path / "start_here.ipynb")]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
