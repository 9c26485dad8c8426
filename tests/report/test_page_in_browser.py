"""The page of the sample as a person sees it: its first screen, its folds, on a phone, without scripts."""

from typing import Any

import pytest

from tests.support.browser import new_page
from tests.support.paths import GOLDEN
from tests.support.real_loaders import NODE_FOLDER

REPORT = GOLDEN / "report.html"
AXE = NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js"
HEIGHT, WIDTH = "document.documentElement.scrollHeight", "document.documentElement.scrollWidth"
LARGEST = 400 * 1024


def _opened(chromium: Any, wide: int = 1280, at: str = "", **more: Any) -> Any:
    page = new_page(chromium, viewport={"width": wide, "height": 900}, **more)
    page.goto(REPORT.as_uri() + at)
    return page


@pytest.mark.parametrize(("wide", "tall"), [(1280, 2500), (390, 6000)])
def test_folded_it_is_short_and_loads_nothing(chromium: Any, wide: int, tall: int) -> None:
    """On a screen and on a phone: small, no taller than can be read, nothing beyond its width, no request."""
    assert REPORT.stat().st_size <= LARGEST
    page = new_page(chromium, viewport={"width": wide, "height": 900})
    seen = list[str]()
    page.on("request", lambda request: seen.append(request.url))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.goto(REPORT.as_uri())
    assert page.evaluate(HEIGHT) <= tall
    assert page.evaluate(WIDTH) == wide
    assert seen == [REPORT.as_uri()]


def test_the_five_actions_are_on_the_first_screen(chromium: Any) -> None:
    """Each with its owner and when it is due, above 900 pixels at 1280 wide."""
    actions = _opened(chromium).locator(".screen ol li")
    assert actions.count() == 5
    for action in actions.all():
        box = action.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
        assert "overdue since" in action.inner_text() or "by " in action.inner_text()


def test_without_scripts_it_is_whole(chromium: Any) -> None:
    """Each section opens, by keyboard too, and holds its tables."""
    folds = _opened(chromium, java_script_enabled=False).locator("details.section")
    assert folds.count() == 7
    folds.first.locator("> summary").press("Enter")
    assert folds.first.locator("table").first.is_visible()


def test_rows_are_filtered_and_links_open_what_they_lead_to(chromium: Any) -> None:
    """What is typed must be in each row that is left; an action leads to the findings that it closes."""
    page = _opened(chromium, at="#do-1")
    section = page.locator("#what-must-be-done-by-whom-by-when")
    section.locator("input[type=search]").fill("jwt_secret_key")
    shown = [row for row in section.locator("tbody tr").all() if row.is_visible()]
    assert shown
    assert all("jwt_secret_key" in row.inner_text().lower() for row in shown)
    page = _opened(chromium)
    page.locator(".screen ol .n").first.click()
    page.locator("#do-1 tbody tr").first.wait_for()  # visible: its fold opens a moment after the click


@pytest.mark.skipif(not AXE.exists(), reason="npm ci of tests/loaders into .cache/npm is needed")
@pytest.mark.parametrize(("wide", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(chromium: Any, wide: int, scheme: str) -> None:
    """No violation, folded and with every fold open; each width and each scheme once."""
    page = _opened(chromium, wide, color_scheme=scheme, bypass_csp=True)
    page.evaluate(AXE.read_text("utf-8"))
    for opened in ("false", "true"):
        page.evaluate(f"document.querySelectorAll('details').forEach(fold => fold.open = {opened})")
        found = page.evaluate(
            "axe.run({resultTypes: ['violations']})"
            ".then(done => done.violations.map(one => one.id + one.nodes[0].html))"
        )
        assert found == []
