"""What attackers write into logs, names, policies and records comes out inert, in a real browser too."""

import csv
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from audit_lib.settings.load import remember_sample
from tests.support.browser import new_page
from tests.support.fakes import fake_value
from tests.support.payloads import MARKUP, OTHER, payloads, stolen

# Elements that have a handler, or that name anything but an embedded picture or a place in the page.
FOREIGN = """[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a =>
    a.name.startsWith('on') || (['src', 'href', 'data', 'action', 'background', 'srcdoc'].includes(a.name)
    && !/^(data:image|#)/.test(a.value)))).map(e => e.outerHTML.slice(0, 200))"""
ELEMENT = re.compile(r"<\s*(script|iframe|object|embed|link|meta|base|form|input|video|audio|img)\b", re.I)
AUDIT = Path(__file__).with_suffix(".toml").read_text("utf-8")
TOKEN = fake_value("injection")
ALIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]")


class _Listener(BaseHTTPRequestHandler):
    """Notes every request that a page makes."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def listener() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback that only remembers what was asked of it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Listener)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, listener: ThreadingHTTPServer) -> Path:
    """The published review of a project in which every text that a stranger can write is a payload."""
    root = tmp_path_factory.mktemp("attacked")
    project, out = root / "project", root / "out"
    base = f"http://127.0.0.1:{listener.server_port}"
    assert _write_project(project, base) >= 200
    words = ["review", "--project", str(project), "--quarter", "2026Q3", "--as-of", "2026-09-30"]
    done = CliRunner().invoke(main, [*words, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"--project {project}" in done.output  # wherever its reader stands
    assert not ALIVE.search(done.output.replace("\r", ""))
    assert not [form for form in stolen(TOKEN) if form in done.output]
    return out


def _write_project(project: Path, base: str) -> int:
    """Write the project, and return how many payloads it holds."""
    (project / "backend" / "logs").mkdir(parents=True)
    routes, messages, fields = (list(payloads(base, start)) for start in (1000, 2000, 3000))
    names = [_file_name(text) for text in payloads(base, 4000, MARKUP)]
    _write_env(project, [*payloads(base, 5000, OTHER)])
    _write_log(project / "backend" / "logs" / "app.log", routes, messages, fields)
    for name in [*names[:20], TOKEN]:
        (project / "backend" / "logs" / f"{name}.log").write_text("INFO:     nothing\n", "utf-8")
    for number, text in enumerate([*payloads(base, 6000, MARKUP)][:30]):
        body = {"id": f"finding {text}", "by": f"someone {text}", "reason": text}
        body["until"] = "2027-01-01T00:00:00Z"
        at = datetime(2026, 9, 1, 0, number, tzinfo=UTC)
        append(project / ".audit" / "ledger", demo_key(), Draft("acceptance", body), at, "mallory")
    _commit(project, [*payloads(base, 7000, MARKUP)][:20])
    return len(routes) + len(messages) + len(fields) + 20 + len(OTHER) + 30 + 20


def _file_name(text: str) -> str:
    return re.sub(r"[/\x00]", "_", text)[:80]


def _write_env(project: Path, texts: list[str]) -> None:
    lines = [f"API_TOKEN={TOKEN}", f"JWT_SECRET_KEY={fake_value('injection 2')}"]
    lines += [f"{text.replace(chr(10), ' ')}_SECRET=x{number}" for number, text in enumerate(texts)]
    (project / "backend" / ".env").write_text("\n".join(lines) + "\n", "utf-8")
    title = json.dumps("<img src=x onerror=alert(1)> =1+1 $x$")
    (project / "audit.toml").write_text(AUDIT.replace('"TITLE"', title), "utf-8")
    remember_sample(project)


def _write_log(path: Path, routes: list[str], messages: list[str], fields: list[str]) -> None:
    lines = ["2026-08-01 10:00:00,000 - app - INFO - started"]
    for text in [*routes, *(f"reset/{form}?t={form}" for form in stolen(TOKEN))]:
        route = text.replace("\n", "%0A").replace(" ", "%20")
        lines.append(f'INFO:     203.0.113.7:52341 - "GET /{route} HTTP/1.1" 401 Unauthorized')
    for text in messages:
        flat = text.replace("\n", " ")
        lines.append(f"2026-08-02 10:00:00,000 - app.auth - WARNING - Failed login attempt for: {flat}")
    for text in fields:
        record = {"timestamp": "2026-08-03T10:00:00Z", "client": text, "method": "GET", "path": f"/{text}"}
        lines.append(json.dumps(record | {"status": 403}))
    path.write_text("\n".join(lines) + "\n", "utf-8", errors="surrogatepass")


def _commit(project: Path, messages: list[str]) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    for message in messages:
        (project / _file_name(message)).write_text(TOKEN, "utf-8")
        subprocess.run([*git, "add", "-A", "-f"], check=True)
        subprocess.run([*git, "commit", "-q", "--no-verify", "-m", message], check=True)
        subprocess.run([*git, "rm", "-q", "--cached", _file_name(message)], check=True)
        (project / _file_name(message)).unlink()


def test_the_page_is_dead_in_a_real_browser(attacked: Path, listener: Any, chromium: Any) -> None:
    """Opened in Chromium, the report makes no request, runs nothing and holds no element of an attacker's."""
    page = new_page(chromium)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto((attacked / "report.html").as_uri(), wait_until="load")
    for link in page.query_selector_all("a, details, summary"):
        assert not (link.get_attribute("href") or "").startswith(("javascript", "http"))
    assert page.evaluate(FOREIGN) == []
    assert page.evaluate("document.scripts.length") <= 1
    assert dialogs == []
    assert listener.seen == []
    # Their text is shown, as text: a report that dropped them would prove nothing.
    assert (attacked / "report.html").read_text("utf-8").count(f"127.0.0.1:{listener.server_port}") > 50


def test_no_artefact_holds_a_control_or_direction_character(attacked: Path) -> None:
    """Escape sequences, bidi controls and invisible characters reach no artefact."""
    # The archive has these files once more, to the byte.
    for path in sorted(path for path in attacked.iterdir() if path.suffix != ".zip"):
        text = path.read_text("utf-8")
        is_json = path.suffix in (".json", ".ipynb")
        assert not ALIVE.search(json.dumps(json.loads(text), ensure_ascii=False) if is_json else text), path


def test_a_stolen_value_that_comes_in_a_request_is_published_in_no_form(attacked: Path) -> None:
    """In whatever way a thief sent it, and in the name of a log, it stops no review and is in no artefact."""
    published = b"".join(path.read_bytes() for path in attacked.iterdir()).decode("utf-8", "replace")
    assert not [form for form in stolen(TOKEN) if form in published]


def test_no_cell_of_the_csv_is_a_formula(attacked: Path) -> None:
    """A spreadsheet finds no cell that begins as a formula does."""
    with (attacked / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells
    assert [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []


def test_no_output_of_the_notebook_is_markup_of_an_attacker(attacked: Path) -> None:
    """The notebook's outputs hold no live element: JupyterLab renders them without the page's policy."""
    notebook = nbformat.read(attacked / "quarterly_review.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    data = [(kind, str(text)) for output in outputs for kind, text in output.get("data", {}).items()]
    assert [text for kind, text in data if kind == "text/html" and ELEMENT.search(text)] == []
    assert {kind for kind, _ in data} == {"text/html", "text/plain", "image/png"}
