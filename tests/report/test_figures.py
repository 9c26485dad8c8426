"""Figures: byte-stable, inert, complete as text."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from audit_lib.report.days_of_quarter import days, stretches
from audit_lib.report.review_figures import MOST_ROWS, ages_figure, refused_figure
from audit_lib.report.svg import Figure
from audit_lib.secrets.contracts import Freshness
from tests.support import made_up_audit as frames
from tests.support.paths import ROOT

DRAW = """
from tests.report.test_figures import _digest, refused_figure, frames, ages_figure
for draw in (ages_figure, refused_figure):
    print(_digest(draw(frames.audit()).svg))
"""


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module", params=[ages_figure, refused_figure])
def figure(request: pytest.FixtureRequest) -> Figure:
    """Each of the figures, drawn from the made-up audit."""
    return request.param(frames.audit())


def test_the_drawing_is_inert_xml_with_an_alt_text(figure: Figure) -> None:
    """The SVG parses, is labelled by the alt text, has real text, and holds no script, link or style."""
    root = ET.fromstring(figure.svg)
    assert root.get("aria-label") == figure.alt
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "text" in tags
    assert not tags & {"script", "a", "foreignObject", "image", "style", "metadata"}


def test_a_figure_has_only_colours_that_the_page_names(figure: Figure) -> None:
    """Each colour is a variable of the page's style, so that it follows light, dark and print."""
    css = (ROOT / "audit_lib/report/page.css").read_text("utf-8")
    named = set(re.findall(r"var\(--(\w+),#", figure.svg))
    assert named <= set(re.findall(r"--(\w+):", css))
    assert "#" not in re.sub(r"var\(--\w+,#[0-9a-f]{6}\)|#\w+\"|&#\w+;", "", figure.svg)


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
    here = [_digest(draw(frames.audit()).svg) for draw in (ages_figure, refused_figure)]
    assert (run.stdout.decode().split(), run.stderr) == (here, b"")


def test_many_secrets_are_cut_and_said() -> None:
    """Beyond the rows that can be read the most pressing stay, and the alt text says how many."""
    one = frames.freshness().iloc[[2]]
    many = pd.concat([one.assign(secret=f"SECRET_{number}") for number in range(MOST_ROWS + 5)])
    drawn = ages_figure(frames.audit(freshness=Freshness.checked(many)))
    assert f"Age of {MOST_ROWS + 5} production secrets" in drawn.alt
    assert f"The {MOST_ROWS} most pressing are drawn." in drawn.alt


def test_a_day_without_logs_is_not_a_day_without_failures() -> None:
    """Days of which nothing was read hold nulls; a quarter without logs says so and draws."""
    table = days(frames.audit())
    assert len(table) == 92
    assert table["requests"].dropna().tolist() == [45, 2]
    assert stretches(table)["day"].tolist() == ["1 Jul 2026", "2 Jul 2026", "3 Jul 2026 – 30 Sep 2026"]
    assert stretches(table, 2026)["day"].tolist()[-1] == "3 Jul – 30 Sep"
    nothing = frames.audit(log_counts=frames.log_counts().head(0))
    assert refused_figure(nothing).title == "Refused requests are not known"
    assert "0 of 92 days have a log line" in refused_figure(nothing).alt


@pytest.mark.parametrize(
    ("status", "low", "high", "said"),
    [
        ("overdue", 149.9, None, "+59 d or more"),
        ("overdue", 149.9, 178.2, "+59 to +89 d"),
        ("due", 76.5, 80.1, "due in 9–14 d"),
        ("fresh", 3.0, 10.0, "80–87 d left"),
        ("unknown", 60.0, None, "not known"),
    ],
)
def test_an_age_is_told_from_its_limit(status: str, low: float, high: float | None, said: str) -> None:
    """In days from the limit, rounded so that it claims no more than is known; an open end is said."""
    row = frames.freshness().iloc[[2]].assign(status=status, age_days_min=low, age_days_max=high)
    drawn = ages_figure(frames.audit(freshness=Freshness.checked(row)))
    assert said in drawn.data
    assert said in drawn.svg.replace("&#8211;", "–")


def test_an_audit_without_secrets_draws() -> None:
    """No row is no error."""
    assert "Age of 0 secrets" in ages_figure(frames.audit(freshness=frames.freshness().head(0))).alt
