"""What all tests share: `--long` runs the full counts that issues name; the long tests begin first."""

import gc
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import browser
from tests.support.paths import GOLDEN

WHOLE_PROGRAM = Path(__file__).parent
LONG = ("test_answers", "test_explain", "test_guard", "test_loaders", "test_none_is_earned", "test_tally")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help="run the full counts, as make test-long does")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker; look for garbage seldom: frames leave little."""
    gc.set_threshold(100_000, 50, 100)
    config.addinivalue_line("markers", "long: runs only with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked long unless asked; begin with the files that take long, so that no worker ends
    with one while the others have nothing left to do."""
    items.sort(key=lambda item: (item.path.parent != WHOLE_PROGRAM, item.path.stem not in LONG))
    if not config.getoption("--long"):
        config.hook.pytest_deselected(items=[item for item in items if "long" in item.keywords])
        items[:] = [item for item in items if "long" not in item.keywords]


def pytest_collection_finish() -> None:
    """Look for garbage no more in what was imported and collected."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what any process of the tests leaves, or remembers for its user, in pytest's temporary folder."""
    tempfile.tempdir = os.environ["TMPDIR"] = str(tmp_path_factory.mktemp("scratch"))
    os.environ["XDG_STATE_HOME"] = tempfile.tempdir


@pytest.fixture(scope="session")
def long_run(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts are asked for."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The committed report.json."""
    record: dict[str, Any] = json.loads((GOLDEN / "report.json").read_text("utf-8"))
    return record


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for all tests of a file; its loop goes on, so those that start a kernel come before."""
    with browser() as made:
        yield made
