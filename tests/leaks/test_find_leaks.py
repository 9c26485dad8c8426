"""The search for what nobody gave: history, messages and files, by shape and then by value."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.tables import tabulate_leaks
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.inventory import Inventory
from audit_lib.secrets.sources import EnvEntries
from audit_lib.settings import LogSource, Project, bundled_policy
from tests.leaks.test_search import search_places, targets_of
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot


def audit(root: Path, tmp_path: Path, **given: Any) -> tuple[LeakAudit, Keeper]:
    """The leaks of a project whose values nobody knows."""
    keeper, options = Keeper(Key(b"k" * 32, "file")), LeakOptions(cache=tmp_path / "cache", **given)
    known = bundled_policy("paiid"), EnvEntries.of([]), Inventory.of([])
    return find_leaks(Project("p", root), keeper, *known, options=options), keeper


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_leak_in_a_log_has_the_time_of_its_line(packed: bool, tmp_path: Path) -> None:
    """Since when it can be read is known: the line says so; of a line without a time it is not known."""
    keeper, value = Keeper(Key(b"k" * 32, "file")), fake_value("in a log")
    lines = f"GET /\n2026-08-20 03:00:07 INFO token={value}\n".encode()
    path = "logs/app.log.1.gz" if packed else "logs/app.log"
    (tmp_path / "p" / "logs").mkdir(parents=True)
    (tmp_path / "p" / path).write_bytes(gzip.compress(lines) if packed else lines)
    project = Project("p", tmp_path / "p", log_sources=(LogSource("logs/*", time_zone="Europe/Berlin"),))
    targets = targets_of(keeper, {"TOKEN": value})
    found, _ = search_places(project, keeper, targets)
    leak = tabulate_leaks(found, targets, Inventory.of([]))[0].iloc[0]
    assert leak["first_at"].isoformat() == "2026-08-20T01:00:07+00:00"
    assert leak["first_commit"] == ""


def test_one_leak_for_each_secret(tmp_path: Path) -> None:
    """A value found by its shape once is then found in every form and place, as one leak."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("one")
    first = plot.commit("docs/SETUP.md", f"API_TOKEN={value}\n")
    plot.commit("notes.txt", f"see {value}\n")
    plot.commit("b.txt", value.encode().hex())
    plot.file("backend/logs/app.log", f"Bearer {value}\n")
    found, keeper = audit(plot.root, tmp_path)
    (leak,) = found.leaks.to_dict("records")
    wanted = {"variable": "API_TOKEN", "kind": "pattern", "matched": "pattern", "in_force": ""}
    assert wanted | {"first_commit": first} == {name: leak[name] for name in (*wanted, "first_commit")}
    assert {"docs/SETUP.md", "notes.txt", "b.txt", "backend/logs/app.log"} == set(found.places["path"])
    assert set(found.places["encoding"]) == {"plain", "hex"}
    assert keeper.fingerprint(value) in keeper


def _removed(plot: Plot, text: str) -> None:
    plot.commit("a.env", text)
    plot.git("rm", "-q", "a.env")
    plot.git("commit", "-qm", "Remove")


def _stashed(plot: Plot, text: str) -> None:
    plot.file("base.txt", text)
    plot.git("stash", "-q")


HIDDEN: dict[str, Callable[[Plot, str], object]] = {
    "commit message": lambda plot, text: plot.git("commit", "-q", "--allow-empty", "-m", text),
    "removed file": _removed,
    "dangling blob": lambda plot, text: plot.git("hash-object", "-w", "--stdin", stdin=text.encode()),
    "tag message": lambda plot, text: plot.git("tag", "-a", "v1", "-m", text),
    "stash": _stashed,
}


@pytest.mark.parametrize("where", HIDDEN)
def test_history_is_searched_by_shape(where: str, tmp_path: Path) -> None:
    """What only the history holds is found by its shape too."""
    plot = new_plot(tmp_path / "repo")
    HIDDEN[where](plot, f"JWT_SECRET_KEY={fake_value(where)}\n")
    assert list(audit(plot.root, tmp_path)[0].leaks["variable"]) == ["JWT_SECRET_KEY"]


def test_a_second_search_finds_the_same(tmp_path: Path) -> None:
    """What was remembered as clean changes no result."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("a.py", f"API_TOKEN = '{fake_value('again')}'\n")
    plot.commit("b.py", "nothing = 1\n")
    first, second = (audit(plot.root, tmp_path)[0] for _ in range(2))
    for name in ("leaks", "places", "coverage"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
