"""One walk over the history sees every name, and whether all that is named is there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audit_lib.leaks.git_objects import kinds_of_objects, list_objects
from audit_lib.leaks.history_walk import HistoryWalk, walk_history
from tests.leaks.test_search_patterns import audit
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot


def _blob(plot: Plot, content: bytes) -> str:
    return plot.git("hash-object", "-w", "--stdin", stdin=content)


def _tree(plot: Plot, name: str, content: bytes = b"x\n") -> str:
    entry = f"100644 blob {_blob(plot, content)}\t{name}\n"
    return plot.git("mktree", stdin=entry.encode())


def _walk(plot: Plot) -> HistoryWalk:
    return walk_history(plot.root, list_objects(plot.root))


def _removed(plot: Plot, name: str) -> None:
    plot.commit(f"docs/{name}", "x\n")
    plot.git("rm", "-q", f"docs/{name}")
    plot.git("commit", "-q", "-m", "Remove")


def _in_a_merge(plot: Plot, name: str) -> None:
    head = plot.git("rev-parse", "HEAD")
    other = plot.git("commit-tree", _tree(plot, "other"), "-m", "Other")
    merge = plot.git("commit-tree", _tree(plot, name), "-p", head, "-p", other, "-m", "Merge")
    plot.git("update-ref", "refs/heads/merged", merge)


PLACES: dict[str, Callable[[Plot, str], object]] = {
    "a removed file": _removed,
    "a folder": lambda plot, name: plot.commit(f"{name}/a.txt", "x\n"),
    "a second name of the same content": lambda plot, name: plot.commit(f"b/{name}", "first\n"),
    "only a merge": _in_a_merge,
    "a commit that no ref leads to": lambda plot, name: plot.git(
        "commit-tree", _tree(plot, name), "-m", "Loose"
    ),
    "a tree that no commit leads to": _tree,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_value_in_a_name_is_found_wherever_it_was(place: str, tmp_path: Path) -> None:
    """Trees are not read again once their names were seen; those that no commit has are read."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("in a name")
    plot.commit("README.md", "first\n")
    plot.commit("SETUP.md", f"API_TOKEN={value}\n")
    before, _ = audit(plot.root, tmp_path)
    PLACES[place](plot, value)
    found, _ = audit(plot.root, tmp_path / "other")
    assert len(found.places) > len(before.places)
    assert found.places["path"].str.contains("[secret]", regex=False).any()
    assert set(found.coverage.loc[found.coverage["part"] == "git objects", "state"]) == {"searched"}


def test_every_name_is_seen(tmp_path: Path) -> None:
    """What the walk saw, and what the trees that are left hold, are the names of all trees."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("a/b/c.txt", "x\n")
    plot.commit("a/b/d.txt", "x\n")
    for number, hide in enumerate(PLACES.values()):
        hide(plot, f"name {number}")
    walk, every = _walk(plot), kinds_of_objects(plot.root).trees
    left = every - walk.trees
    assert len(left) == 1
    names = {line for one in every for line in plot.git("ls-tree", "--name-only", one).splitlines()}
    named = {line for one in left for line in plot.git("ls-tree", "--name-only", one).splitlines()}
    assert {path.decode().rpartition("/")[2] for path in walk.paths} | named == names
    assert walk.is_whole


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """A blob that the history names and that is gone is counted; a commit of a submodule is none of it."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("a.txt", f"API_TOKEN={fake_value('kept')}\n")
    gone = plot.git("rev-parse", plot.commit("b.txt", "gone\n") + ":b.txt")
    plot.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},inner")
    plot.git("commit", "-q", "-m", "Inner")
    assert _walk(plot).is_whole
    (plot.root / ".git/objects" / gone[:2] / gone[2:]).unlink()
    assert not _walk(plot).is_whole
    found, _ = audit(plot.root, tmp_path)
    assert "lacks 1 object that its history names" in set(found.coverage["reason"])


@pytest.mark.parametrize("ref", ["heads/gone", "tags/gone"])
def test_a_ref_to_nothing_is_said(ref: str, tmp_path: Path) -> None:
    """The walk begins at commits; that each ref leads somewhere is asked for by itself."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("a.txt", f"API_TOKEN={fake_value('kept')}\n")
    target = _blob(plot, b"gone\n")
    plot.git("tag", "-a", "-m", "Tag", "kept", target)
    if ref.startswith("tags"):
        plot.git("update-ref", f"refs/{ref}", plot.git("rev-parse", "kept"))
        (plot.root / ".git/objects" / target[:2] / target[2:]).unlink()
    else:
        plot.file(f".git/refs/{ref}", f"{'1' * 40}\n")
    found, _ = audit(plot.root, tmp_path)
    reasons = set(found.coverage["reason"])
    assert any("cannot follow to the end" in one or "lacks" in one for one in reasons)


def test_places_are_those_of_all_files(tmp_path: Path) -> None:
    """Each commit that put a file at a path is a place of it; folders and submodules have none."""
    plot = new_plot(tmp_path / "repo")
    first = plot.commit("a/b.txt", "same\n")
    second = plot.commit("c.txt", "same\n")
    plot.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},inner")
    plot.git("commit", "-q", "-m", "Inner")
    walk = _walk(plot)
    oid, folder = (plot.git("rev-parse", f"HEAD:{path}") for path in ("c.txt", "a"))
    places = walk.places([oid, folder, "1" * 40])
    assert {(place.commit, place.path) for place in places[oid]} == {(first, b"a/b.txt"), (second, b"c.txt")}
    assert set(places) == {oid}


def test_versions_of_a_file_are_side_by_side(tmp_path: Path) -> None:
    """Objects are put in the order of their paths; what was at none comes first."""
    plot = new_plot(tmp_path / "repo")
    versions: dict[str, list[str]] = {"a.txt": [], "b.txt": []}
    for number in range(3):
        for path, oids in versions.items():
            plot.commit(path, f"{path} {number}\n")
            oids.append(plot.git("rev-parse", f"HEAD:{path}"))
    loose = _blob(plot, b"at no path\n")
    ordered = _walk(plot).by_path([*versions["b.txt"], loose, *versions["a.txt"]])
    assert ordered[0] == loose
    assert set(ordered[1:4]) == set(versions["a.txt"])
