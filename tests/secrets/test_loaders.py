"""Each loader of env files is read as the real one reads them; which one reads a file, its neighbours say."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import parse_env
from audit_lib.secrets.loaders import READERS, UNDECLARED, Reading, loaders_of
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Project
from tests.support.fakes import fake_value
from tests.support.made_env_files import made_env_file
from tests.support.real_loaders import missing, read_by

REAL = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
EXACT = ("python-dotenv", "dotenv", "next", "docker")


def held(reading: Reading) -> dict[str, str | None]:
    """Name and value of what a reading sets; the last statement counts."""
    return {one.name: one.value for one in reading.statements if one.name is not None}


@pytest.mark.parametrize("loader", REAL)
def test_made_files_are_read_as_the_real_loader_reads_them(loader: str, *, long_run: bool) -> None:
    """Of 250 made files (5,000 in the long run) no value that is said to be known is another one.

    Four loaders are read exactly: the same names, the same refusals. Of the others what could be read
    differently is not known; how much that is, is printed.
    """
    reason = missing(loader)
    if reason:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    texts = [made_env_file(f"file {number}") for number in range(5000 if long_run else 250)]
    readings = [READERS[loader](text) for text in texts]
    # Commands that refuse a file are run for each alone.
    real = read_by(loader, texts, [loader not in EXACT or reading.refused for reading in readings])
    known = unknown = 0
    for text, ours, theirs in zip(texts, readings, real, strict=True):
        values = {line.name: line.value for line in parse_env(text.encode(), (loader,)) if line.name}
        if loader in EXACT:
            assert ours.refused == (theirs is None), text
            set_names = {name for name, value in (theirs or {}).items() if value is not None}
            assert theirs is None or set(held(ours)) == set_names, text
            values = {} if ours.refused else held(ours)
        for name, value in values.items():
            assert value is None or (theirs is not None and value == theirs.get(name)), (text, name)
            known += value is not None
            unknown += value is None
    print(f"{loader}: {known} values known, {unknown} not known, none wrong")
    assert known > 30  # the comparison was one of values


@pytest.mark.parametrize("loader", READERS)
def test_each_loader_that_can_be_declared_names_its_lines(loader: str) -> None:
    """A statement names its lines, whatever ends them."""
    (one,) = [one for one in READERS[loader]("# a\r\n\r\nA=1\r\n").statements if one.name == "A"]
    assert (one.first, one.last) == (3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A='x$B'", {"python-dotenv": "x$B", "dotenv": "x$B", "next": None, "systemd": None}),
        ("B=1\nA=$B", {"python-dotenv": "$B", "dotenv": "$B", "next": "1", "compose": None, "docker": "$B"}),
        ("B=1\nA=${B}", {"python-dotenv": "1", "dotenv": "${B}", "next": "1", "systemd": None}),
        ("A=${B}\nB=1", {"python-dotenv": None, "next": "1", "compose": None}),
        ("A=x\\$B", {"python-dotenv": "x\\$B", "next": "x$B", "systemd": None, "docker": "x\\$B"}),
        ("A=x#y", {"python-dotenv": "x#y", "dotenv": "x", "next": "x", "compose": "x#y", "docker": "x#y"}),
        ("A=x # y", {"python-dotenv": "x", "dotenv": "x", "docker": "x # y", "systemd": None}),
        ("A=`x`", {"python-dotenv": "`x`", "dotenv": "x", "next": "x", "compose": None}),
        ("A='x'", {"python-dotenv": "x", "docker": "'x'", "compose": "x", "systemd": "x", "render": "x"}),
        ('A="x\\ny"', {"python-dotenv": "x\ny", "dotenv": "x\ny", "compose": None, "systemd": None}),
        ("A=x\\\ny", {"dotenv": "x\\", "systemd": None}),
        ("A: x", {"dotenv": "x"}),
        ("A='x#y\\' # z' v", {"dotenv": "x#y\\", "next": "x#y\\"}),
        ("A=\n'x'", {"dotenv": "x", "python-dotenv": ""}),
        ("B='open\nA=1", {"compose": None, "systemd": None, "docker": "1"}),
        ("B=x\\\nA=1", {"systemd": None, "docker": "1"}),
        ("B='1\n2'\nA=1", {"compose": "1", "systemd": "1"}),
    ],
)
def test_one_text_is_several_values(text: str, expected: dict[str, str | None]) -> None:
    """The value of A by loader; None if the file does not say what it refers to, or it may be another."""
    assert {name: held(READERS[name](text))["A"] for name in expected} == expected


REFUSED = [("next", "A=x$A\nB=1"), ("compose", "A=${1}"), ("compose", "A=1\nB x"), ("docker", "export A=1")]


@pytest.mark.parametrize(("loader", "text"), [*REFUSED, ("docker", "=1")])
def test_what_ends_a_loader_refuses_the_file(loader: str, text: str) -> None:
    """The service gets no variable of such a file."""
    assert READERS[loader](text).refused


@pytest.mark.parametrize("loader", READERS)
def test_references_do_not_grow_without_end(loader: str) -> None:
    """Values that double from line to line end as not known, long before they fill the memory."""
    doubled = (f"V{number}=${{V{number - 1}}}${{V{number - 1}}}" for number in range(1, 60))
    text = "\n".join((f"V0={'x' * 1000}", *doubled))
    assert max(len(value or "") for value in held(READERS[loader](text)).values()) <= 2 * 131_072


# ---- Which loader

NEXT_PACKAGE = json.dumps({"dependencies": {"next": "16"}})
LISTED = "services:\n  a:\n    env_file:\n      - web/.env\n    image: x\n"
WITH_PATH = "services:\n  a:\n    env_file:\n      - path: ./web/.env\n        required: false\n"
UNIT = "[Service]\nEnvironmentFile=-/srv/app/.env\n"


def chosen(root: Path, neighbours: dict[str, str], content: bytes = b"A=1\n") -> tuple[str, ...]:
    """The loaders of web/.env beside these files."""
    for path, text in {"web/.env": "", **neighbours}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return loaders_of(root, EnvSource("development", "web", "web/.env"), content)


@pytest.mark.parametrize(
    ("neighbours", "expected"),
    [
        ({}, UNDECLARED),
        ({"web/requirements.txt": ""}, ("python-dotenv",)),
        ({"web/pyproject.toml": ""}, ("python-dotenv",)),
        ({"web/package.json": "{}"}, ("dotenv",)),
        ({"web/package.json": "[" * 100_000}, ("dotenv",)),
        ({"web/package.json": NEXT_PACKAGE}, ("next",)),
        ({"web/package.json": "{}", "web/composer.json": "{}"}, UNDECLARED),
        ({"web/package.json": "{}", "web/vite.config.ts": ""}, UNDECLARED),
        ({"web/next.config.mjs": "", "web/package.json": "{}"}, ("next",)),
        ({"compose.yml": "services:\n  a:\n    env_file: web/.env\n"}, ("compose",)),
        ({"docker-compose.prod.yaml": LISTED}, ("compose",)),
        ({"compose.yaml": WITH_PATH}, ("compose",)),
        ({"web/compose.yaml": "services:\n  a:\n    env_file: ['.env', other.env]\n"}, ("compose",)),
        ({"compose.yaml": "services:\n  a:\n    env_file: api/.env\n    # web/.env\n"}, UNDECLARED),
        ({"app.service": UNIT}, ("systemd",)),
        ({"app.service": UNIT.replace("/.env", "/other.env")}, UNDECLARED),
        ({"requirements.txt": "", "package.json": "{}"}, UNDECLARED),
        ({"web/setup.py": "", "web/package.json": "{}"}, ("python-dotenv", "dotenv")),
        ({"web/setup.py": "", "compose.yaml": LISTED}, ("python-dotenv", "compose")),
    ],
)
def test_neighbours_speak_for_a_loader(
    tmp_path: Path, neighbours: dict[str, str], expected: tuple[str, ...]
) -> None:
    """One that is named is the loader; none, or several, leave it open."""
    assert chosen(tmp_path, neighbours) == expected


def entries(root: Path, text: str, loader: str = "", *given: GivenValues) -> tuple[pd.DataFrame, Keeper]:
    """The entries of one env file, and who keeps the values."""
    (root / ".env").write_text(text)
    source = EnvSource("development", "web", ".env", loader=loader)
    keeper = Keeper(Key(b"k" * 32, "demo"))
    project = Project("app", root, environments=("development",), env_sources=(source,))
    return read_env_sources(project, given, keeper)[1], keeper


def test_public_names_speak_for_next(tmp_path: Path) -> None:
    """Nothing but Next reads NEXT_PUBLIC_ names; in a comment they say nothing."""
    assert chosen(tmp_path, {}, b"A=1\nNEXT_PUBLIC_A=1\n") == ("next",)
    assert chosen(tmp_path, {}, b"# NEXT_PUBLIC_A=1\n") == UNDECLARED


def test_the_fingerprint_is_of_what_the_declared_loader_gives(tmp_path: Path) -> None:
    """One line is one value by python-dotenv, another by Next, and not known by systemd."""
    value = fake_value("declared")
    for loader, expected in {"python-dotenv": f"{value}#x", "next": value, "systemd": None}.items():
        written = f"{value} #x" if expected is None else f"{value}#x"
        frame, keeper = entries(tmp_path, f"A={written}\n", loader)
        found = None if frame["fingerprint"].isna().all() else frame["fingerprint"].iloc[0]
        assert found == (keeper.fingerprint(expected) if expected else None)
        assert list(frame["loader"]) == [loader]


def test_a_value_that_is_not_known_has_no_fingerprint_and_does_not_leave(tmp_path: Path) -> None:
    """Loaders disagree: the entry says so, the keeper holds each reading, the frame none of them."""
    value = fake_value("disagreed")
    frame, keeper = entries(tmp_path, f"A='{value}'\n")
    assert frame[["state", "name", "faults", "loader"]].to_dict("records") == [
        {"state": "read", "name": "A", "faults": "loaders-disagree", "loader": ""}
    ]
    assert list(frame["fingerprint"].isna()) == [True]
    assert {keeper.fingerprint(value), keeper.fingerprint(f"'{value}'")} <= set(keeper.fingerprints())
    assert value not in frame.to_csv()


def test_given_text_is_read_as_the_hosts_box_reads_it(tmp_path: Path) -> None:
    """Dotenv text is Render's, which is taken to read as node's dotenv does; JSON needs no loader."""
    for content, loader, value in ((b"A=`x`\n", "render", "x"), (b'{"A": "`x`"}', "", "`x`")):
        frame, keeper = entries(tmp_path, "", "", GivenValues("development", "web", "-", content))
        assert list(frame["loader"]) == [loader]
        assert list(frame["fingerprint"]) == [keeper.fingerprint(value)]
