"""The exact search, against a planter that shares no code with it."""

import gzip
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.find_leaks import search_places
from audit_lib.leaks.search import LeakOptions
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import EnvSource, Project
from tests.support.fakes import fake_value
from tests.support.hostile import deep_tree
from tests.support.paths import ROOT
from tests.support.planter import FORMS, PLACES, Plot, new_plot

# Where each kind of place of the planter is reported, whatever else holds the value.
WHERE = {
    "unreachable commit": ("unreachable", "gone.txt"),
    "blob at HEAD": ("commit", "a/config.py"),
    "blob removed later": ("commit", "removed.env"),
    "blob on another branch": ("commit", "side.txt"),
    "blob on a deleted branch": ("unreachable", "deleted.txt"),
    "path of a file": ("path", "exports/[secret removed].txt"),
    "path of a folder": ("path", "out-[secret removed]/deep/x.txt"),
    "commit message": ("commit message", ""),
    "author's name": ("commit author", ""),
    "committer's address": ("commit author", ""),
    "annotated tag": ("tag", "refs/tags/v1"),
    "name of a tag": ("git file", ".git/packed-refs"),
    "tag of a blob": ("tag", "refs/tags/blobtag"),
    "git note": ("note", None),
    "older stash": ("unreachable", "base.txt"),
    "newest stash": ("stash", "base.txt"),
    "amended commit": ("unreachable", "amended.txt"),
    "dangling blob": ("unreachable", ""),
    "only in a merge": ("commit", "evil.txt"),
    "packed with deltas": ("commit", "packed.txt"),
    "untracked file": ("working tree", "untracked.txt"),
    "ignored file": ("working tree", "x.secret"),
    "name of an untracked file": ("working tree", "dump-[secret removed].bin"),
    "git config": ("git file", ".git/config"),
    "reflog message": ("git file", ".git/logs/refs/heads/z"),
    "log": ("log", "backend/logs/app.log"),
    "built bundle": ("bundle", "frontend/.next/static/chunks/main.js"),
    "source map": ("bundle", "frontend/.next/static/main.js.map"),
    "notebook output": ("notebook", "n.ipynb"),
    "large file": ("working tree", "large.bin"),
    "large blob": ("commit", "blob.bin"),
    "commit message left behind": ("git file", ".git/SQUASH_MSG"),
    "staged, not committed": ("staged", "staged.txt"),
}
SYMBOLS = "\"'\\<&> +%$/=é"


def targets_of(keeper: Keeper, values: dict[str, str]) -> pd.DataFrame:
    """Every value, to be searched for everywhere."""
    return LeakTargets.of(
        {
            "fingerprint": keeper.take(value), "variable": name, "names": name, "in_force": "production",
            "kind": "leak", "searched": "everywhere", "reason": "",
        }
        for name, value in values.items()
    )  # fmt: skip


@dataclass(frozen=True)
class Search:
    """What a search gave."""

    sightings: pd.DataFrame
    coverage: pd.DataFrame


def search(root: Path, values: dict[str, str], tmp_path: Path) -> tuple[Search, Keeper]:
    """What the search finds of the values."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    options = LeakOptions(cache=tmp_path / "cache")
    return Search(*search_places(Project("p", root), keeper, targets_of(keeper, values), options)), keeper


def met(found: Search, keeper: Keeper, value: str) -> pd.DataFrame:
    """The exact sightings of one value."""
    frame = found.sightings
    return frame[(frame["fingerprint"] == keeper.fingerprint(value)) & (frame["matched"] == "exact")]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Plot:
    """A repository with a value in every kind of place."""
    plot = new_plot(tmp_path_factory.mktemp("crowded") / "repo")
    for kind, hide in PLACES.items():
        hide(plot, fake_value(kind))
    return plot


def test_every_kind_of_place_is_searched(crowded: Plot, tmp_path: Path) -> None:
    """Wherever git or the folder can hold a value, it is found there; no frame quotes it."""
    values = {f"V{number}": fake_value(kind) for number, kind in enumerate(PLACES)}
    found, keeper = search(crowded.root, values, tmp_path)
    assert set(WHERE) == set(PLACES)
    for kind, (source, path) in WHERE.items():
        places = met(found, keeper, fake_value(kind))
        there = places[places["place"] == source]
        assert len(there) >= 1, kind
        assert path is None or path in set(there["path"]), kind
    shown = found.sightings.to_csv() + found.coverage.to_csv()
    assert [kind for kind in PLACES if fake_value(kind) in shown] == []


def test_every_form_is_found_in_files_and_in_history(tmp_path: Path) -> None:
    """Each form of each value is found where it was planted, once in the history and once on disk."""
    plot = new_plot(tmp_path / "repo")
    values = {}
    for kind, write in FORMS.items():
        for number, value in enumerate((fake_value(kind), fake_value((kind, 2), 30) + SYMBOLS)):
            path = f"{kind.replace(' ', '-').replace(',', '')}/{number}.bin"
            plot.file(path, write(value))
            values[path] = value
    plot.git("add", "-A")
    plot.git("commit", "-qm", "All")
    found, keeper = search(plot.root, values, tmp_path)
    for path, value in values.items():
        places = met(found, keeper, value)
        assert {place.split("!")[0] for place in places["path"]} == {path}, path
        assert set(places["place"]) >= {"commit"}, path
        assert len(set(places["place"])) == 2, path


def test_random_values_are_met_nowhere(long_run: bool, crowded: Plot, tmp_path: Path) -> None:
    """Values that stand nowhere give no hit in three repositories, in no form and shortened neither."""
    count = 500 if long_run else 100
    values = {f"R{n}": fake_value(("random", n), *_shape(n)) for n in range(count)}
    own = new_plot(tmp_path / "own")
    for folder in ("audit_lib", "tests"):
        shutil.copytree(ROOT / folder, own.root / folder)
    own.git("add", "-A")
    own.git("commit", "-qm", "Own sources")
    noisy = new_plot(tmp_path / "noisy")
    dice = random.Random(5)
    for number in range(20):
        noisy.commit(f"{number}.bin", dice.randbytes(200_000))
        noisy.commit(f"{number}.txt", fake_value(("noise", number), 200_000))
    for root in (crowded.root, noisy.root, own.root):
        found, _ = search(root, values, tmp_path)
        assert found.sightings.empty


def _shape(number: int) -> tuple[int, str]:
    alphabets = ("0123456789abcdef", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
    return (20 + number % 50, alphabets[number % 2])


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("token {first}...", {"truncated"}),
        ("token ...{last}", {"truncated"}),
        ("token {whole}", {"exact"}),
        ("token {whole} and {first}", {"exact", "truncated"}),
        ("token {short}", set()),
    ],
)
def test_a_shortened_copy_is_a_class_of_its_own(text: str, matched: set[str], tmp_path: Path) -> None:
    """Twelve characters alone are a truncated copy; within the whole value they are not."""
    value = fake_value("cut", 43)
    (tmp_path / "repo").mkdir()
    shown = text.format(first=value[:12], last=value[-12:], whole=value, short=value[:11])
    (tmp_path / "repo" / "app.log").write_text(shown)
    found, _ = search(tmp_path / "repo", {"TOKEN": value}, tmp_path)
    assert set(found.sightings["matched"]) == matched


@pytest.mark.parametrize("committed", [False, True])
def test_what_a_gzip_stores_as_it_is_counts_once(committed: bool, tmp_path: Path) -> None:
    """A log that was packed without being made smaller holds the value once, in its own bytes and inside; on
    disk and in the history."""
    value, plot = fake_value("stored", 43), new_plot(tmp_path / "repo")
    packed = plot.root / "app.log.gz"
    packed.write_bytes(gzip.compress(f"one\ntoken {value}\n".encode(), 0, mtime=0))
    if committed:
        plot.git("add", "-f", "app.log.gz")
        plot.git("commit", "-qm", "Log")
        plot.git("rm", "-q", "app.log.gz")
        plot.git("commit", "-qm", "Remove")
    found, _ = search(plot.root, {"TOKEN": value}, tmp_path)
    told = found.sightings[["line", "encoding", "occurrences"]].to_numpy().tolist()
    assert told == [[2, "plain in gzip", 1]]


def test_the_provider_s_own_prefix_is_no_copy(tmp_path: Path) -> None:
    """What every key of a provider begins with is no truncated copy of one."""
    value = "sk-ant-" + "api03-" + fake_value("prefix", 93) + "AA"
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "README.md").write_text(f"keys begin with {value[:15]}")
    assert search(tmp_path / "repo", {"KEY": value}, tmp_path)[0].sightings.empty


def test_a_weak_value_is_searched_beside_its_name(tmp_path: Path) -> None:
    """A guessable value counts only in `NAME=value`, and not as the beginning of another."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "a.txt").write_text("the postgres server\nDB_PASSWORD=postgres\nDB_PASSWORD=postgres2\n")
    (repo / "b.yml").write_text("DB_PASSWORD: postgres\n")
    keeper = Keeper(Key(b"k" * 32, "file"))
    targets = targets_of(keeper, {"DB_PASSWORD": "postgres"})
    targets["searched"] = "beside its name"
    found, _ = search_places(Project("p", repo), keeper, targets)
    assert list(found[["path", "line", "occurrences"]].itertuples(index=False, name=None)) == [
        ("a.txt", 2, 1),
        ("b.yml", 1, 1),
    ]


def test_an_env_file_is_the_home_of_its_values(tmp_path: Path) -> None:
    """A value in its own env file on disk is no leak; the same file in the history is."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("home")
    plot.file("backend/.env", f"TOKEN={value}\n")
    project = Project("p", plot.root, env_sources=(EnvSource("production", "backend", "backend/.env"),))
    keeper = Keeper(Key(b"k" * 32, "file"))
    targets = targets_of(keeper, {"TOKEN": value})
    assert search_places(project, keeper, targets)[0].empty
    plot.git("add", "-f", "backend/.env")
    plot.git("commit", "-qm", "Oops")
    found = search_places(project, keeper, targets)[0]
    assert list(
        found[["place", "path", "line", "at_head", "reachable"]].itertuples(index=False, name=None)
    ) == [("commit", "backend/.env", 1, True, True)]


def test_first_commit_line_and_reach_are_told(tmp_path: Path) -> None:
    """The earliest commit counts, with both times; a removed value is in the history only."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("told")
    first = plot.commit("a.py", f"one\ntwo\nkey = '{value}'\n")
    plot.commit("a.py", f"zero\none\ntwo\nkey = '{value}'\n")
    plot.git("rm", "-q", "a.py")
    plot.git("commit", "-qm", "Remove")
    row = search(plot.root, {"TOKEN": value}, tmp_path)[0].sightings.iloc[0]
    assert (row["place"], row["path"], row["line"], row["commit"]) == ("commit", "a.py", 3, first)
    assert (row["at_head"], row["reachable"], row["occurrences"]) == (False, True, 2)
    assert int(row["authored_at"].timestamp()) == plot_time(plot, first)
    assert row["committed_at"] == row["authored_at"]


def test_a_folder_s_name_is_one_place_however_many_versions_it_has(tmp_path: Path) -> None:
    """Each version of the folder above is a tree that has the name again: the path is told once."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("named")
    for number in range(3):
        plot.commit(f"out-{value}/a.py", f"{number}\n")
    found, keeper = search(plot.root, {"TOKEN": value}, tmp_path)
    paths = met(found, keeper, value)
    paths = paths[paths["place"] == "path"]
    assert paths[["path", "occurrences"]].values.tolist() == [["out-[secret removed]/a.py", 1]]


def plot_time(plot: Plot, commit: str) -> int:
    """A commit's author time, as git says it."""
    return int(plot.git("show", "-s", "--format=%at", commit))


def test_folders_without_end_are_said(tmp_path: Path) -> None:
    """A tree deeper than Python recurses: what lies too deep is named, and all else is searched."""
    with deep_tree(tmp_path / "deep") as root:
        (root / "notes.txt").write_text(value := fake_value("deep"))
        found, keeper = search(root, {"A_SECRET": value}, tmp_path)
    assert met(found, keeper, value)["path"].tolist() == ["notes.txt"]
    assert any("is deeper than" in str(row) for row in found.coverage.to_dict("records"))


def test_each_of_many_small_objects_is_found(tmp_path: Path) -> None:
    """However many contents that are read together hold a value, none is passed over."""
    plot = new_plot(tmp_path / "repo")
    value = fake_value("many small")
    for number in range(1_500):
        (plot.root / f"{number}.txt").write_text(f"{value} {number}\n")
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Many")
    plot.git("repack", "-adq")
    found, keeper = search(plot.root, {"V": value}, tmp_path)
    assert met(found, keeper, value)["place"].value_counts().to_dict() == {
        "commit": 1_500, "working tree": 1_500,
    }  # fmt: skip
