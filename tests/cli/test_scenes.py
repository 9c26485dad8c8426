"""What commands end with and say, step by step, as `scenes.toml` has it."""

import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.small import FINDING, SmallProject, write_report
from tests.support.fakes import fake_value

SCENES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("scenes.toml").read_text("utf-8"))
TEXTS = {
    "{value}": fake_value("scene", 40),
    "{finding}": FINDING,
    "{soon}": f"{datetime.now(UTC) + timedelta(days=80):%Y-%m-%d}",
    "{log}": """INFO:     203.0.113.9:1 - "GET /early HTTP/1.1" 401 Unauthorized
2026-08-01 10:00:00,000 - app.auth - WARNING - Failed login attempt for: a@example.com
INFO:     203.0.113.7:1 - "POST /login HTTP/1.1" 401 Unauthorized
2026-08-02T10:00:00Z INFO:     203.0.113.7:1 - "GET /a/7 HTTP/1.1" 200 OK
""",
}


def _no_kernel(*_: object, **__: object) -> None:
    pytest.fail("a kernel was started")


def _spelt(text: str, small: SmallProject) -> str:
    for name, meant in {**TEXTS, "{project}": str(small.root)}.items():
        text = text.replace(name, meant)
    return text


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene(small: SmallProject, scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command ends and says as it should, after all that went before; bad input is one line a fault on
    stderr, of which nothing is written and for which no kernel is started. A report that is there is kept."""
    page = write_report(small.report) / "report.html"
    if files := SCENES[scene].get("files"):
        shutil.rmtree(small.root)
        for path, text in files.items():
            small.write(f"project/{path}", _spelt(text, small))
    monkeypatch.chdir(small.root)
    monkeypatch.setattr("audit_lib.cli.review.run_notebook", _no_kernel)
    for verb, *given in SCENES[scene]["steps"]:
        if verb in ("write", "delete", "edit", "values", "report_findings"):
            getattr(small, verb)(*given)
            continue
        before, (code, *texts) = _files(small.folder), given
        result = small.run(_spelt(verb, small), code, named=not files)
        for text in texts:
            wanted, output = _spelt(text, small), result.output
            held = output.startswith(wanted[1:]) if text[0] == "^" else wanted.removeprefix("!") in output
            assert held is not text.startswith("!"), output
        if code == 2:
            usage = result.stderr.startswith("Usage: ")
            assert usage or len(result.stderr.splitlines()) == max(1, texts[0].count("\n")), result.stderr
            assert result.stdout == ""
            assert _files(small.folder) == before
    assert page.read_text() == "report"
