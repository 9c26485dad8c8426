"""Figures: byte-stable, inert, complete as text."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from audit_lib.base import contracts
from audit_lib.report.days_of_quarter import days, stretches
from audit_lib.report.review_figures import MOST_ROWS, auth_failures_figure, freshness_figure
from audit_lib.report.svg import Figure
from tests.support import made_up_audit as frames
from tests.support.paths import ROOT

DRAW = """
from tests.report.test_figures import _digest, auth_failures_figure, frames, freshness_figure
for draw in (freshness_figure, auth_failures_figure):
    print(_digest(draw(frames.audit()).svg))
"""


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module", params=[freshness_figure, auth_failures_figure])
def figure(request: pytest.FixtureRequest) -> Figure:
    """Each of the figures, drawn from the made-up audit."""
    return request.param(frames.audit())


def test_the_drawing_is_inert_xml_with_an_alt_text(figure: Figure) -> None:
    """The SVG parses, its first child is the alt text, and it holds no script, link or text element."""
    root = ET.fromstring(figure.svg)
    assert root[0].text == figure.alt
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "a", "foreignObject", "image", "text", "metadata"}


def test_the_bundle_carries_what_was_plotted(figure: Figure) -> None:
    """nbval compares text: the plotted data stands beside the drawing."""
    data, metadata = figure._repr_mimebundle_()
    assert figure.data in data["text/plain"]
    assert metadata["image/svg+xml"]["alt"] == figure.alt


def test_a_hostile_matplotlibrc_changes_nothing(tmp_path: Path) -> None:
    """Working folder, hash seed, zone, locale and settings of the surroundings leave every byte the same."""
    (tmp_path / "matplotlibrc").write_text("font.size: 40\nbackend: module://evil\ntext.parse_math: True\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "PYTHONSAFEPATH": "1"}
    env |= {"MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "COLUMNS": "40"}
    run = subprocess.run([sys.executable, "-c", DRAW], cwd=tmp_path, env=env, capture_output=True, check=True)
    here = [_digest(draw(frames.audit()).svg) for draw in (freshness_figure, auth_failures_figure)]
    assert (run.stdout.decode().split(), run.stderr) == (here, b"")


def test_many_secrets_are_cut_and_said() -> None:
    """Beyond the rows that can be read the most pressing stay, and the alt text says how many."""
    one = frames.freshness().iloc[[2]]
    many = pd.concat([one.assign(secret=f"SECRET_{number}") for number in range(MOST_ROWS + 5)])
    drawn = freshness_figure(frames.audit(freshness=contracts.Freshness.checked(many)))
    assert f"Age of {MOST_ROWS + 5} secrets" in drawn.alt
    assert f"The {MOST_ROWS} most pressing are drawn." in drawn.alt


def test_a_day_without_logs_is_not_a_day_without_failures() -> None:
    """Days of which nothing was read hold nulls; a quarter without logs says so and draws."""
    table = days(frames.audit())
    assert len(table) == 92
    assert table["requests"].dropna().tolist() == [45, 2]
    assert stretches(table)["day"].tolist() == ["1 Jul 2026", "2 Jul 2026", "3 Jul 2026 – 30 Sep 2026"]
    assert stretches(table, 2026)["day"].tolist()[-1] == "3 Jul – 30 Sep"
    nothing = frames.audit(log_counts=frames.log_counts().head(0))
    assert "nothing was recognised in the logs of any of the 92 days" in auth_failures_figure(nothing).alt


def test_an_audit_without_secrets_draws() -> None:
    """No row is no error."""
    assert "Age of 0 secrets" in freshness_figure(frames.audit(freshness=frames.freshness().head(0))).alt
