"""What commands end with and say, step by step, as `scenes.toml` has it."""

import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.small import FINDING, SmallProject, write_report

SCENES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("scenes.toml").read_text("utf-8"))
SOON = f"{datetime.now(UTC) + timedelta(days=80):%Y-%m-%d}"


def _no_kernel(*_: object, **__: object) -> None:
    pytest.fail("a kernel was started")


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
            small.write(f"project/{path}", text)
    monkeypatch.chdir(small.root)
    monkeypatch.setattr("audit_lib.cli.review.run_notebook", _no_kernel)
    for verb, *given in SCENES[scene]["steps"]:
        if verb in ("write", "delete", "edit", "values"):
            getattr(small, verb)(*given)
            continue
        before, (code, *texts) = _files(small.folder), given
        line = verb.replace("{finding}", FINDING).replace("{soon}", SOON)
        result = small.run(line, code, named=not files)
        for text in texts:
            wanted = text.replace("{project}", str(small.root)).replace("{finding}", FINDING)
            assert (wanted.removeprefix("!") in result.output) is not wanted.startswith("!"), result.output
        if code == 2:
            usage = result.stderr.startswith("Usage: ")
            assert usage or len(result.stderr.splitlines()) == max(1, texts[0].count("\n")), result.stderr
            assert result.stdout == ""
            assert _files(small.folder) == before
    assert page.read_text() == "report"
