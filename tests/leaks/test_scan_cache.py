"""What a re-audit believes: only what the same key wrote for the same search."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base import cache_folder
from audit_lib.leaks import search_files
from audit_lib.leaks.scan_cache import Memory, ScanCache, packed
from audit_lib.leaks.search import search_leaks
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import EnvSource, Project
from tests.leaks.test_search import met, search, targets_of
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

KEY = Key(b"k" * 32, "file")
FULL = Memory(
    listing="ab" * 32,
    refs="cd" * 32,
    marked=("1" * 40, "2" * 40),
    commits={"3" * 40: "other ref", "4" * 40: "commit"},
    witnesses={"1" * 40: "01"},
    held='{"state": "a"}',
    files=frozenset({"5" * 40}),
    found={"8" * 40: [[7, 2, "9" * 64, "base64", "exact"]]},
    packed=packed([b"6" * 40, b"7" * 40]),
)


def _cache(
    folder: Path, key: Key = KEY, what: str = "values", digest: str = "d" * 64, believe: bool = True
) -> ScanCache:
    return ScanCache(folder, key, folder, what, digest, believe=believe)


@pytest.mark.parametrize("memory", [FULL, Memory(), Memory(files=frozenset({"a", "b"}))])
def test_what_is_stored_is_read(memory: Memory, tmp_path: Path) -> None:
    """A memory comes back whole."""
    _cache(tmp_path).store(memory)
    assert _cache(tmp_path).memory == memory


def test_only_the_same_search_under_the_same_key_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key, another set of values, another project, other code or a public key start anew."""
    _cache(tmp_path).store(FULL)
    with monkeypatch.context() as patch:
        patch.setattr(cache_folder, "_program", lambda: b"other code")
        assert _cache(tmp_path).memory == Memory()
    assert _cache(tmp_path, digest="e" * 64).memory == Memory()
    assert _cache(tmp_path, what="shapes").memory == Memory()
    assert _cache(tmp_path, key=Key(b"x" * 32, "file")).memory == Memory()
    assert _cache(tmp_path, believe=False).memory == Memory()
    for origin in ("demo", "throw-away"):
        _cache(tmp_path, key=Key(b"y" * 32, origin)).store(FULL)
        assert _cache(tmp_path, key=Key(b"y" * 32, origin)).memory == Memory()


def test_a_changed_cache_is_not_believed(tmp_path: Path) -> None:
    """One byte changed, cut or added anywhere means a full search."""
    _cache(tmp_path).store(FULL)
    path = next(tmp_path.glob("*.values"))
    whole = path.read_bytes()
    for broken in (whole[:-1], whole + b"\n", whole[:50] + b"X" + whole[51:], b"", b"garbage"):
        path.write_bytes(broken)
        assert _cache(tmp_path).memory == Memory()


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """Without a cache the search is only slower."""
    (tmp_path / "file").write_text("")
    cache = ScanCache(tmp_path / "file" / "below", KEY, tmp_path, "values", "d" * 64)
    cache.store(FULL)
    assert cache.memory == Memory()


def test_a_new_value_forces_a_full_search(tmp_path: Path) -> None:
    """What was clean of one value is searched again for two."""
    plot = new_plot(tmp_path / "repo")
    one, two = fake_value("one"), fake_value("two")
    plot.commit("a.txt", one)
    plot.commit("b.txt", two)
    first, _ = search(plot.root, {"ONE": one}, tmp_path)
    again, _ = search(plot.root, {"ONE": one}, tmp_path)
    # Two commits and what they brought; the names in their trees are seen by the walk.
    assert (first.new_objects, again.new_objects) == (6, 0)
    both, keeper = search(plot.root, {"ONE": one, "TWO": two}, tmp_path)
    assert both.new_objects == 6
    assert set(met(both, keeper, two)["path"]) == {"b.txt"}


def test_only_new_objects_and_changed_files_are_read(tmp_path: Path) -> None:
    """After a commit its objects are read, and its leak is found beside the old one."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("growing")
    first = plot.commit("a.txt", value)
    search(plot.root, {"TOKEN": value}, tmp_path)
    plot.commit("c/d.txt", f"and {value}")
    grown, keeper = search(plot.root, {"TOKEN": value}, tmp_path)
    assert grown.new_objects == 5  # blob, two trees, commit, and the one that holds the value
    places = met(grown, keeper, value)
    assert set(places.loc[places["place"] == "commit", "path"]) == {"a.txt", "c/d.txt"}
    assert first in set(places["commit"])
    (plot.root / "a.txt").write_text("gone")
    plot.git("rm", "-q", "-r", "--cached", "a.txt")
    plot.git("commit", "-qm", "Remove")
    later = met(search(plot.root, {"TOKEN": value}, tmp_path)[0], keeper, value)
    assert list(later.loc[later["path"] == "a.txt", "at_head"]) == [False]


def test_a_file_that_holds_a_value_is_looked_into_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its places are remembered until it changes; a value in its name is looked for each time."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("in a file")
    for path in ("a.txt", "b.txt", value):
        plot.file(path, f"\nkey = {value}\n" if path != "b.txt" else "nothing")
    first, _ = search(plot.root, {"T": value}, tmp_path / "cache")
    looked: list[str] = []
    look = search_files._search_file
    monkeypatch.setattr(
        search_files, "_search_file", lambda file, *more: looked.append(file.path) or look(file, *more)
    )
    again, _ = search(plot.root, {"T": value}, tmp_path / "cache")
    assert looked == [value]
    pd.testing.assert_frame_equal(again.sightings, first.sightings)
    plot.file("a.txt", "gone")
    later, _ = search(plot.root, {"T": value}, tmp_path / "cache")
    assert "a.txt" not in set(later.sightings["path"])
    stored = [path.read_bytes() for path in (tmp_path / "cache").rglob("*.*")]
    assert stored
    assert not any(value.encode() in content for content in stored)


def test_an_env_file_that_is_one_no_longer_is_searched(tmp_path: Path) -> None:
    """Where a value is at home it is no leak, and so nothing is remembered of the file for another day."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("at home")
    plot.file("a.env", f"KEY={value}\n")
    keeper = Keeper(KEY)
    targets = targets_of(keeper, {"KEY": value})
    home = (EnvSource("production", "", "a.env"),)
    found = [
        search_leaks(Project("p", plot.root, env_sources=sources), keeper, targets, cache=tmp_path / "cache")
        for sources in (home, (), home)
    ]
    assert [list(one.sightings["path"]) for one in found] == [[], ["a.env"], []]


def test_reach_follows_the_refs(tmp_path: Path) -> None:
    """A branch that is deleted between two searches takes its leak out of reach, whatever was remembered."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("reach")
    plot.git("checkout", "-q", "-b", "side")
    plot.commit("side.txt", value)
    plot.git("checkout", "-q", "main")
    assert list(search(plot.root, {"T": value}, tmp_path)[0].sightings["place"]) == ["commit"]
    assert list(search(plot.root, {"T": value}, tmp_path)[0].sightings["place"]) == ["commit"]
    plot.git("branch", "-q", "-D", "side")
    found = search(plot.root, {"T": value}, tmp_path)[0].sightings
    assert list(found[["place", "reachable"]].itertuples(index=False, name=None)) == [("reflog", False)]


def test_what_moves_in_a_history_is_seen(tmp_path: Path) -> None:
    """Places are remembered only as long as refs, index and reflogs are what they were."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("moving")

    def places() -> list[str]:
        found = [search(plot.root, {"T": value}, tmp_path)[0] for _ in range(2)]
        assert found[0].sightings.equals(found[1].sightings)
        assert found[1].new_objects == 0
        return list(found[1].sightings["place"])

    plot.commit("kept.txt", "nothing")
    (plot.root / "new.txt").write_text(value)
    plot.git("add", "new.txt")
    (plot.root / "new.txt").unlink()
    assert places() == ["staged"]
    plot.git("commit", "-qm", "Add")
    assert places() == ["commit"]
    plot.git("reset", "-q", "--hard", "HEAD~1")
    assert places() == ["reflog"]
    plot.git("reflog", "expire", "--expire=now", "--all")
    assert places() == ["unreachable"]
