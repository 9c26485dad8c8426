"""A file's loader is the declared one, else what the file and its neighbours say."""

import json
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.loaders import UNDECLARED, loaders_of
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Project
from tests.support.fakes import fake_value

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
