"""The committed page of the sample in Firefox: accessible, worked by keys, without a request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.report.test_page_in_browser import AXE, REPORT
from tests.support.firefox import firefox

pytestmark = pytest.mark.long
FOLD = "document.querySelectorAll('details').forEach(fold => fold.open = {})"
FOUND = "axe.run().then(done => done.violations.map(one => one.id + one.nodes[0].html))"
STATUS = "document.querySelector('#all-findings .chips [role=status]').innerText"
SEVERITY = "[...document.querySelectorAll('#all-findings th')].find(head => /severity/.test(head.innerText))"


@contextmanager
def _served() -> Iterator[tuple[str, list[str]]]:
    """The address of the page on loopback, and the paths that anybody asked for."""
    asked: list[str] = []

    class Listener(SimpleHTTPRequestHandler):
        def log_message(self, *told: object) -> None:  # type: ignore[override]
            asked.append(self.path)

    def listener(*given: object) -> Listener:
        return Listener(*given, directory=str(REPORT.parent))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), listener) as server:  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/report.html", asked
        server.shutdown()


@pytest.mark.skipif(not AXE.exists(), reason="npm ci of tests/loaders into .cache/npm is needed")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_and_nothing_is_asked_for(dark: bool) -> None:
    """Folded and open, on a screen and on a phone: no violation, and no request but for the page."""
    with _served() as (address, asked), firefox(dark) as page:
        for wide, tall in ((1280, 6000), (390, 9000)):
            page.open(address, wide)
            assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
            assert page.run("document.documentElement.scrollHeight") <= tall
            assert page.run("document.documentElement.scrollWidth") <= wide
            assert {one for one in page.asked if not one.startswith("data:")} == {address}
            page.run(f"(() => {{ {AXE.read_text('utf-8')} }})()")
            for opened in ("false", "true"):
                page.run(FOLD.format(opened))
                assert page.run(FOUND) == []
        assert set(asked) == {"/report.html"}


def test_keys_alone_fold_filter_and_sort() -> None:
    """Tab, Enter and letters: a section opens, rows are filtered by text and by word, severities sorted."""
    with firefox() as page:
        page.open(REPORT.as_uri() + "#all-findings", 1280)
        page.tab_to("at.matches('#all-findings input')")
        page.press("jwt_secret_key")
        page.tab_to("at.innerText === 'critical'")
        page.press("Enter")
        assert page.run(STATUS).startswith("1 of ")
        page.tab_to("at.closest('th')?.innerText.startsWith('severity')")
        for order, worst in (("ascending", "critical"), ("descending", "info")):
            page.press("Enter")
            assert page.run(f"{SEVERITY}.ariaSort") == order
            first = page.run(f"{SEVERITY}.closest('table').tBodies[0].rows[0].innerText")
            assert worst in first
        page.open(REPORT.as_uri(), 1280)
        page.tab_to("at.matches('details.section > summary')")
        page.press("Enter")
        assert page.run("document.activeElement.parentElement.open")
