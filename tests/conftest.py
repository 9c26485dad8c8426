"""What all tests share: `--long` runs the full counts that issues name; the long tests begin first."""

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import browser

WHOLE_PROGRAM = Path(__file__).parent
LONG = ("test_answers", "test_explain", "test_guard", "test_loaders", "test_none_is_earned", "test_tally")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help="run the full counts, as make test-long does")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and keep what commands remember for their user out of the home folder."""
    scratch = tempfile.TemporaryDirectory(prefix="audit-state-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    os.environ["XDG_STATE_HOME"] = scratch.name
    config.addinivalue_line("markers", "long: runs only with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked long unless asked; begin with the files that take long, so that no worker ends with
    one while the others have nothing left to do."""
    items.sort(key=lambda item: (item.path.parent != WHOLE_PROGRAM, item.path.stem not in LONG))
    for item in items:
        if "long" in item.keywords and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="runs with make test-long"))


def pytest_collection_finish() -> None:
    """Look for garbage no more in what was imported and collected, and else seldom: frames leave little."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session")
def long_run(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts are asked for."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for all tests of a file; its loop goes on, so those that start a kernel come before."""
    with browser() as made:
        yield made
