"""The exact search, against a planter that shares no code with it; what it left out is named each time."""

import gzip
import io
import json
import os
import random
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import NamedTuple

import pandas as pd
import pytest

from audit_lib.base.archives import Budget
from audit_lib.leaks.find_leaks import LeakTargets, target
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.search import LeakOptions, Search as SearchOf, Values, tabulate_sightings
from audit_lib.leaks.sources import Origin, Reading, Source
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import EnvSource, Project, bundled_policy
from tests.support.fakes import fake_value
from tests.support.packed import zipped
from tests.support.planter import FORMS, PLACES, Plot, new_plot

WORDS, SERVER = "AppClientSecretForDevelopment", f"127.0.0.1:6379:0:{fake_value('server', 43)}"  # one is long
RING = json.dumps({"current_key_id": "k1", "ring": {"k1": fake_value("ring", 43)}})  # names, and a key
CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def targets_of(keeper: Keeper, values: dict[str, str]) -> pd.DataFrame:
    """Every value, to be searched for everywhere."""
    held = [(keeper.take(value), [name]) for name, value in values.items()]
    return LeakTargets.of(target(value, names, "leak", "", used=["production"]) for value, names in held)


class Search(NamedTuple):
    """What a search gave."""

    sightings: pd.DataFrame
    coverage: pd.DataFrame


def search_places(
    project: Project, keeper: Keeper, targets: pd.DataFrame, options: LeakOptions | None = None
) -> Search:
    """Sightings and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    run, values = SearchOf(project, keeper.key, options or LeakOptions()), Values(keeper, targets)
    sightings = tabulate_sightings(run.for_values(values), run, values, {}, bundled_policy("paiid"))
    return Search(sightings, run.coverage(values, targets))


def search(root: Path, values: dict[str, str], tmp_path: Path, origin: str = "file") -> tuple[Search, Keeper]:
    """What the search finds of the values, under a key of an origin."""
    keeper, options = Keeper(Key(b"k" * 32, origin)), LeakOptions(cache=tmp_path / "cache")
    return search_places(Project("p", root), keeper, targets_of(keeper, values), options), keeper


def met(found: Search, keeper: Keeper, value: str) -> pd.DataFrame:
    """The exact sightings of one value."""
    frame = found.sightings
    return frame[(frame["fingerprint"] == keeper.fingerprint(value)) & (frame["matched"] == "exact")]


@pytest.mark.parametrize(("origin", "kept"), [("file", 1), ("demo", 0), ("throw-away", 0)])
def test_only_an_own_key_remembers_what_held_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, kept: int
) -> None:
    """Under a key that all know anybody could say of an object that it is clean."""
    monkeypatch.setattr(f"{SearchOf.__module__}._AT_ONCE", 1)
    plot = new_plot(tmp_path / "repo")
    plot.commit("a.py", "nothing = 1\n")
    keeper, steps = Keeper(Key(b"k" * 32, origin)), list[tuple[str, int, int]]()
    options = LeakOptions(cache=tmp_path / "cache", progress=lambda *step: steps.append(step))
    for _ in range(2):
        search_places(Project("p", plot.root), keeper, targets_of(keeper, {"TOKEN": VALUE}), options)
        assert len(list((tmp_path / "cache").glob("*.clean"))) == kept
    done = [(count, of) for what, count, of in steps if what == "git objects"]
    assert len(done) == (6 if kept else 12)
    assert done[5][0] == done[5][1] == max(count for count, _ in done)


def test_threads_search_as_one(plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In however many threads and pieces, all is found, said and kept alike; bombs draw on one bound."""
    monkeypatch.setattr(Budget.__init__, "__defaults__", (2 << 20,))
    for number in range(5):
        text = VALUE * (number > 2) + str(number)
        plot.commit(f"{number}.gz", gzip.compress(bytes(2 << 20) + text.encode()))
    ways, seen, real = set[str](), list[set[int]](), Values.search
    monkeypatch.setattr(Values, "search", lambda *each: (seen[-1].add(get_ident()), real(*each))[1])
    for threads, at_once in ((1, 3_000), (2, 1), (4, 2)):
        seen.append(set())
        monkeypatch.setattr(f"{SearchOf.__module__}._THREADS", threads)
        monkeypatch.setattr(f"{SearchOf.__module__}._AT_ONCE", at_once)
        found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path / str(threads))
        (kept,) = (tmp_path / str(threads)).rglob("*.clean")
        ways.add(found.sightings.to_csv() + found.coverage.to_csv() + kept.read_bytes().hex())
    assert [len(each) > 2 for each in seen] == [False, True, True]
    assert (len(ways), "times its size" in ways.pop()) == (1, True)


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
    assert {kind for kind, *_ in CASES["where"]} == set(PLACES)
    for kind, source, path in CASES["where"]:
        places = met(found, keeper, fake_value(kind))
        there = places[places["place"] == source]
        assert len(there) >= 1, kind
        assert path == "any" or path in set(there["path"]), kind
    shown = found.sightings.to_csv() + found.coverage.to_csv()
    assert [kind for kind in PLACES if fake_value(kind) in shown] == []


def test_every_form_is_found_in_files_and_in_history(tmp_path: Path) -> None:
    """Each form of each value is found where it was planted, once in the history and once on disk."""
    plot = new_plot(tmp_path / "repo")
    values = {}
    for kind, write in FORMS.items():
        for number, value in enumerate((fake_value(kind), fake_value((kind, 2), 30) + "\"'\\<&> +%$/=é")):
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
    assert {f"plain in {kind}" for kind in ("zip", "gzip", "pdf", "png")} <= set(found.sightings["encoding"])


@pytest.mark.parametrize(("text", "matched"), CASES["cut"])
def test_a_shortened_copy_is_a_class_of_its_own(text: str, matched: list[str], tmp_path: Path) -> None:
    """Twelve characters alone are a truncated copy, but not of words and syntax, nor within a whole one."""
    value = fake_value("cut", 43)
    (log := tmp_path / "repo" / "app.log").parent.mkdir()
    parts = {"first": value[:12], "last": value[-12:], "short": value[:11], "piece": RING[-20:-4]}
    log.write_text(text.format(whole=value, ring=RING, drawn=SERVER[17:], **parts))
    found, _ = search(log.parent, {"TOKEN": value, "A": WORDS, "KEYRING": RING, "B": SERVER}, tmp_path)
    assert set(found.sightings["matched"]) == {*matched}


def test_the_signature_of_a_commit_is_no_secret(tmp_path: Path) -> None:
    """A signature is drawn, too; what else a commit says is searched, its message as well."""
    plot, (signed, said) = new_plot(tmp_path / "repo"), map(fake_value, ("signed", "said"))
    plot.commit("a.txt", "x\n")
    plot.commit("a.txt", "y\n")
    head, message = plot.git("cat-file", "commit", "HEAD").split("\n\n", 1)
    text = f"{head}\ngpgsig -----BEGIN\n api_token={signed}\n -----END\n\n{message}\napi_token={said}\n"
    oid = plot.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode()).strip()
    plot.git("update-ref", "refs/heads/signed", oid)
    keeper = Keeper(Key(b"k" * 32, "file"))
    shapes = SearchOf(Project("p", plot.root), keeper.key, LeakOptions()).by_rules(Rules(keeper, ()))
    assert {one.fingerprint for one in shapes} == {keeper.fingerprint(said)}
    ids = {kind: oid[4:36] for kind, oid in (line.split() for line in text.splitlines()[:2])}
    assert "commit author" not in set(search(plot.root, ids, tmp_path)[0].sightings["place"])


def test_a_weak_value_is_searched_beside_its_name(tmp_path: Path) -> None:
    """A guessable value counts only in `NAME=value`, and not as the beginning of another."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "a.txt").write_text("the postgres server\nDB_PASSWORD=postgres\nDB_PASSWORD=postgres2\n")
    (repo / "b.yml").write_text("DB_PASSWORD: postgres\n")
    keeper = Keeper(Key(b"k" * 32, "file"))
    targets = targets_of(keeper, {"DB_PASSWORD": "postgres"}).assign(reason="is weak")
    found, _ = search_places(Project("p", repo), keeper, targets)
    places = found[["path", "line", "occurrences", "at_head", "reachable"]].values.tolist()
    assert places == [["a.txt", 2, 1, False, False], ["b.yml", 1, 1, False, False]]


def test_an_env_file_is_the_home_of_its_values(tmp_path: Path) -> None:
    """A value in its own env file on disk is no leak; the same file in the history is."""
    plot, value = new_plot(tmp_path / "repo"), fake_value("home")
    plot.file("backend/.env", f"TOKEN={value}\n")
    project = Project("p", plot.root, env_sources=(EnvSource("production", "backend", "backend/.env"),))
    keeper = Keeper(Key(b"k" * 32, "file"))
    targets = targets_of(keeper, {"TOKEN": value})
    assert search_places(project, keeper, targets)[0].empty
    plot.git("add", "-f", "backend/.env")
    plot.git("commit", "-qm", "Oops")
    found = search_places(project, keeper, targets)[0][["place", "path", "line", "at_head", "reachable"]]
    assert found.values.tolist() == [["commit", "backend/.env", 1, True, True]]


def test_a_name_in_a_tree_of_no_commit_is_found(tmp_path: Path) -> None:
    """What `git write-tree` or a lost index left behind has no commit, and names all the same."""
    plot, value = new_plot(tmp_path / "repo"), fake_value("tree")
    blob = plot.git("hash-object", "-w", "--stdin", stdin=b"clean")
    plot.git("mktree", stdin=f"100644 blob {blob}\tdump-{value}\n".encode())
    found = search(plot.root, {"TOKEN": value}, tmp_path)[0].sightings
    assert found[["place", "path", "reachable"]].values.tolist() == [["path", "", False]]


def test_first_commit_line_and_reach_are_told(tmp_path: Path) -> None:
    """The earliest commit counts, with both times; a removed value is in the history only."""
    plot, value = new_plot(tmp_path / "repo"), fake_value("told")
    first = plot.commit("a.py", f"one\ntwo\nkey = '{value}'\n")
    plot.commit("a.py", f"zero\none\ntwo\nkey = '{value}'\n")
    plot.git("rm", "-q", "a.py")
    plot.git("commit", "-qm", "Remove")
    row = search(plot.root, {"TOKEN": value}, tmp_path)[0].sightings.iloc[0]
    assert (row["place"], row["path"], row["line"], row["commit"]) == ("commit", "a.py", 3, first)
    assert (row["at_head"], row["reachable"], row["occurrences"]) == (False, True, 2)
    assert int(row["authored_at"].timestamp()) == int(plot.git("show", "-s", "--format=%at", first))
    assert row["committed_at"] == row["authored_at"]


VALUE = fake_value("file coverage")
NOISE = random.Random(7).randbytes(5000)


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository whose history holds the value."""
    made = new_plot(tmp_path / "repo")
    made.commit("secret.txt", f"one\n{VALUE}\n")
    return made


def _search(plot: Plot) -> Search:
    return search(plot.root, {"TOKEN": VALUE}, plot.root.parent)[0]


def _zip(path: Path, content: bytes, flags: int = 0) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", content)
    data = bytearray(path.read_bytes())
    # Byte 6 of a member's own header, byte 8 of its line in the directory: bit 0 says encrypted.
    data[data.index(b"PK\3\4") + 6] |= flags
    data[data.index(b"PK\1\2") + 8] |= flags
    path.write_bytes(data)


def _store(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "pack").write_text(VALUE)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


# A name, what makes it, the reason that is given for it.
LEFT_OUT: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("link", lambda path: path.symlink_to("/etc/hostname"), "is a symbolic link, which is not followed"),
    ("fifo", os.mkfifo, "FIFO"),
    ("locked.zip", lambda path: _zip(path, NOISE[:99], 1), "has a member that is encrypted"),
    ("large.zip", lambda path: _zip(path, NOISE), "has a zip larger than 4,096 bytes, which was not opened"),
    ("a.7z", partial(_write, b"7z\xbc\xaf\x27\x1c" + NOISE), "is a 7z archive, which is not opened"),
    ("a.rar", partial(_write, b"Rar!\x1a\7\1\0" + NOISE), "is a rar archive, which is not opened"),
    ("a.lz4", partial(_write, b"\x04\x22\x4d\x18" + NOISE), "is a lz4 file, which is not opened"),
    ("a.bundle", partial(_write, b"# v2 git bundle\n" + NOISE), "is a git bundle, which is not opened"),
    ("locked.pdf", partial(_write, b"%PDF-1.7 /Encrypt 1 0 R"), "is an encrypted PDF"),
    ("old.pdf", partial(_write, b"%PDF-1.7 <</LZWDecode>> stream\n"), "a stream by LZWDecode"),
    ("cut.gz", partial(_write, gzip.compress(NOISE)[:900]), "is broken or not"),
    ("vendor/lib/.git/objects", _store, "is the object store of a submodule or of another repository"),
)  # fmt: skip


def test_what_is_left_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, devices, archives locked, large, nested or broken, others' stores: named each time."""
    monkeypatch.setattr("audit_lib.base.archives.HELD", 4096)
    root = tmp_path / "project"
    for name, make, _ in LEFT_OUT:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        make(root / name)
    (root / "notes.txt").write_text(VALUE)
    for _ in range(2):
        found, keeper = search(root, {"TOKEN": VALUE}, tmp_path)
        told = found.coverage[found.coverage["state"] == "not searched"].set_index("place")["reason"]
        assert [one for one, _, reason in LEFT_OUT if reason not in " ".join(told[told.index == one])] == []
        assert list(found.coverage.loc[found.coverage["place"] == ".", "state"]) == ["partly"]
        assert list(met(found, keeper, VALUE)["path"]) == ["notes.txt"]


def test_what_is_kept_elsewhere_is_said(plot: Plot, tmp_path: Path) -> None:
    """Commits never fetched, what git LFS has, submodules and lost objects are not taken for clean."""
    plot.commit("big.bin", f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
    clone = tmp_path / "clone"
    plot.git("clone", "-q", "--depth", "1", plot.root.as_uri(), str(clone))
    texts = ["shallow clone", "git LFS", "git LFS", "is a submodule", "lacks 1 object"]
    for number, text in enumerate(texts):
        if text == "is a submodule":
            plot.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
        if text == "lacks 1 object":
            blob = plot.git("rev-parse", "HEAD:big.bin")
            (plot.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        found = search(plot.root if number else clone, {"TOKEN": VALUE}, tmp_path)[0].coverage
        assert text in "; ".join(found.loc[found["state"] != "searched", "reason"])


def test_a_text_that_is_packed_wide_or_in_a_table_is_read(tmp_path: Path) -> None:
    """Patterns need text: UTF-16, words of SQLite, a paragraph in parts; not bytes, nor others' packages."""
    text = b"API_TOKEN=" + fake_value("words").encode()
    contents = {"a.db": b"SQLite format 3\0" + bytes(9) + text, "b.txt": text.decode().encode("utf-16")}
    contents |= {"c.zip": zipped(text), "d.bin": b"\0" + text, "e.txt": text + bytes(9)}
    contents |= {"f.txt": text + b" " * 9_000 + b"\0", "i.zip": zipped(text, "a/deps/ecto/lib/b.ex")}
    for name, between in (("g.docx", b"</w:t><w:t>"), ("h.docx", b"</w:t></w:p><w:p><w:t>")):
        words = b"<w:p><w:t>" + text[:20] + between + text[20:] + b"</w:t></w:p>"
        contents[name] = zipped(words, "word/document.xml")
    found, reading = {}, Reading()
    for name, content in contents.items():
        source = Source(Origin("working tree", name), len(content), partial(io.BytesIO, content))
        found[name] = [part for part, one in source.texts(reading) if one.replace(b"\0", b"").count(text)]
    whole = {"a.db": [""], "b.txt": [""], "c.zip": ["a.txt"], "f.txt": [""], "g.docx": ["word/document.xml"]}
    assert found == whole | {"d.bin": [], "e.txt": [], "h.docx": [], "i.zip": []}
    assert [one.place for one in reading.left_out] == ["i.zip"]


def _replaced(plot: Plot) -> None:
    clean = plot.git("hash-object", "-w", "--stdin", stdin=b"clean\n")
    plot.git("replace", plot.git("rev-parse", "HEAD:secret.txt"), clean)
    plot.git("replace", "HEAD", "HEAD~1")


def _grafted(plot: Plot) -> None:
    plot.commit("later.txt", "later")
    (plot.root / ".git" / "info" / "grafts").write_text(plot.git("rev-parse", "HEAD") + "\n")


def _ignored(plot: Plot) -> None:
    plot.commit(".gitattributes", "* binary -diff export-ignore linguist-vendored\n")
    (plot.root / ".git" / "info" / "exclude").write_text("*\n")


def _odd_names(plot: Plot) -> None:
    for name in ("new\nline", "tab\tname", "\x1b[31mred", "-rf", "a b", "\u202egnp.exe"):
        plot.file(f"odd/{name}", "x")
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Odd")


def _special_files(plot: Plot) -> None:
    os.mkfifo(plot.root / "fifo")
    (plot.root / "etc").symlink_to("/etc")
    (plot.root / "loop").symlink_to(".")


@pytest.mark.parametrize("trap", [_replaced, _grafted, _ignored, _odd_names, _special_files])
def test_a_trap_hides_nothing(trap: Callable[[Plot], None], plot: Plot) -> None:
    """The value is found in its commit whatever the repository replaces, grafts, ignores or calls a file."""
    trap(plot)
    places = _search(plot).sightings
    assert set(places.loc[places["place"] == "commit", "path"]) >= {"secret.txt"}


def test_a_broken_object_makes_the_search_incomplete(plot: Plot) -> None:
    """Where git fails the result is "incomplete"; the other objects are searched, now and the next time."""
    for number in range(3):
        oid = plot.git("hash-object", "-w", "--stdin", stdin=b"to be broken %d" % number)
        path = plot.root / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(zlib.compress(b"blob 99\0too short")[: 30 - number])
    for _ in range(2):
        found = _search(plot)
        assert (found.coverage[found.coverage["part"] == "git objects"]["state"] == "incomplete").any()
        assert set(found.sightings["path"]) >= {"secret.txt"}


def test_an_archive_bomb_is_bounded_and_said(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that expands without end is searched up to the limit, and the rest is said."""
    monkeypatch.setattr("audit_lib.base.archives.EXPANDED", 32 << 20)
    packer = zlib.compressobj(wbits=31)
    plot.file("bomb.gz", packer.compress(VALUE.encode() + bytes(64 << 20)) + packer.flush())
    found = _search(plot)
    assert "bomb.gz" in set(found.sightings["path"])
    assert found.coverage["reason"].str.contains("the rest was not searched").any()


def test_a_value_in_a_path_is_not_shown(plot: Plot) -> None:
    """Paths, members of archives and messages are scrubbed, also in the coverage."""
    plot.file(f"dump-{VALUE}.gz", b"\x1f\x8b broken")
    plot.commit(f"keys/{VALUE}/a.txt", "x")
    found = _search(plot)
    assert VALUE not in found.sightings.to_csv() + found.coverage.to_csv()
    assert {"secret.txt", "keys/[secret removed]/a.txt"} <= set(found.sightings["path"])
