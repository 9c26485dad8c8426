"""The committed page of the sample as a person sees it: small, folded, sorted and filtered by keyboard."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import browser, new_page
from tests.support.paths import GOLDEN
from tests.support.real_loaders import NODE_FOLDER

REPORT = GOLDEN / "report.html"
AXE = NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js"
HEIGHT = "document.documentElement.scrollHeight"
LARGEST = 400 * 1024


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browser() as one:
        yield one


def _opened(chromium: Browser, wide: int = 1280, scripts: bool = True, at: str = "") -> Page:
    page = new_page(chromium, viewport={"width": wide, "height": 900}, java_script_enabled=scripts)
    page.goto(REPORT.as_uri() + at)
    return page


@pytest.mark.parametrize(("wide", "tall"), [(1280, 6000), (390, 9000)])
def test_folded_it_is_short_and_asks_for_nothing(chromium: Browser, wide: int, tall: int) -> None:
    """On a screen and on a phone: not taller than can be read, nothing beyond its width, no request."""
    page = new_page(chromium, viewport={"width": wide, "height": 900})
    asked, faults = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(REPORT.as_uri())
    assert page.evaluate(HEIGHT) <= tall
    assert page.evaluate("document.documentElement.scrollWidth") == wide
    assert asked == [REPORT.as_uri()]
    assert faults == []


@pytest.mark.parametrize(("wide", "media"), [(1280, "screen"), (390, "screen"), (760, "print")])
def test_a_date_of_next_year_covers_nothing(
    chromium: Browser, wide: int, media: Literal["screen", "print"]
) -> None:
    """In the list of what to do first a date with its year stays in its column."""
    page = _opened(chromium, wide)
    page.emulate_media(media=media)
    dates = ".first li .by"
    page.eval_on_selector_all(dates, "all => all.forEach(one => { one.textContent = '31 Dec 2027' })")
    beyond = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert page.locator(dates).count() == 5
    assert page.eval_on_selector_all(dates, beyond) == 0


def test_it_is_small() -> None:
    """The whole page with its figures."""
    assert REPORT.stat().st_size <= LARGEST


def test_without_scripts_it_is_whole(chromium: Browser) -> None:
    """Each section opens, by keyboard too, and holds its tables."""
    page = _opened(chromium, scripts=False)
    folds = page.locator("details.section")
    assert folds.count() == 8
    folds.first.locator("> summary").press("Enter")
    assert page.locator("#leaks table").first.is_visible()


def test_severity_is_sorted_by_rank_with_the_keyboard(chromium: Browser) -> None:
    """Enter on a heading sorts, and again turns the order; the heading says so."""
    page = _opened(chromium, at="#all-findings")
    table = page.locator("#all-findings table.audit").first
    head = table.locator("th", has_text="severity")
    words = table.locator("tbody td:nth-child(2)")
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert words.first.inner_text() == "critical"
    head.locator("button").press("Enter")
    assert words.first.inner_text() == "info"


def test_rows_are_filtered_by_text_and_by_word(chromium: Browser) -> None:
    """What is typed and what is pressed must both hold; how many are left is said."""
    page = _opened(chromium, at="#all-findings")
    bar = page.locator("#all-findings .chips").first
    rows = page.locator("#all-findings table.audit").first.locator("tbody tr")
    bar.locator("input").fill("jwt_secret_key")
    bar.locator("button", has_text="critical").press("Enter")
    shown = [row for row in rows.all() if row.is_visible()]
    assert shown
    assert all("JWT_SECRET_KEY" in row.inner_text() and "critical" in row.inner_text() for row in shown)
    assert bar.locator("[role=status]").inner_text() == f"{len(shown)} of {rows.count()} shown"


def test_a_link_opens_what_it_leads_to(chromium: Browser) -> None:
    """From the first action to its row, from a finding to its leak, from the leak to its line."""
    page = _opened(chromium)
    page.locator(".first li .n").first.click()
    assert page.locator("#do-1").is_visible()
    page.locator("#all-findings td a[href^='#leak-']").first.click()
    leak = page.locator("tr:target")
    assert leak.is_visible()
    link = leak.locator("a[href^='#at-']")
    named = link.inner_text()
    link.click()
    assert named in page.locator("tr:target").inner_text()


@pytest.mark.skipif(not AXE.exists(), reason="npm ci of tests/loaders into .cache/npm is needed")
@pytest.mark.parametrize(
    ("wide", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.long),
        pytest.param(390, "light", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing(chromium: Browser, wide: int, scheme: str) -> None:
    """No violation, folded and with every fold open.

    Each width and each scheme once: widths move and hide, schemes colour (test_page.py).
    """
    viewport = {"width": wide, "height": 900}
    page = new_page(chromium, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.goto(REPORT.as_uri())
    page.evaluate(AXE.read_text("utf-8"))
    for opened in (False, True):
        page.evaluate(
            f"document.querySelectorAll('details').forEach(fold => fold.open = {str(opened).lower()})"
        )
        found = page.evaluate(
            "axe.run({resultTypes: ['violations']})"
            ".then(done => done.violations.map(one => one.id + one.nodes[0].html))"
        )
        assert found == []
