"""Without an audit.toml: the default layout, and what is discovered beside it."""

import tomllib
from pathlib import Path, PurePosixPath

import pytest

from audit_lib.settings import bundled_policy, discover, load_project, variables
from audit_lib.settings.discover import env_source, file_words, first_audit_toml, guess_variables, is_env_like
from tests.base.test_git import git
from tests.support.applications import write
from tests.support.paths import ROOT

LAYOUT = ["backend/.env", "frontend/.env.local", "backend/.env.example", "frontend/.env.local.example"]
ROWS = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
FILES = [(name, *row[:2]) for row in ROWS["files"] for name in row[2].split()]


@pytest.mark.parametrize(("name", "sort", "environment"), FILES)
def test_a_files_name_says_what_it_is(name: str, sort: str, environment: str) -> None:
    """Env-like names give environment and whether the file is an example or a backup; others are left."""
    assert is_env_like(PurePosixPath(name)) == bool(sort)
    if sort:
        found = env_source(PurePosixPath("web") / name)
        service = file_words(PurePosixPath(name)) if sort == "env" else ""
        assert (found.environment, found.service) == (environment, service or "web")
        assert (found.example, found.backup) == (sort == "example", sort == "backup")


@pytest.mark.parametrize(("path", "text", "service", "environment"), ROWS["places"])
def test_a_file_says_its_place(path: str, text: str, service: str, environment: str) -> None:
    """Folder and name say whose a file is, and of which environment; if they do not, its text does."""
    found = env_source(PurePosixPath(path), text)
    assert (found.service, found.environment) == (service, environment)


@pytest.mark.parametrize(("files", "committed", "places"), ROWS["neighbours"])
def test_neighbours_tell(files: dict[str, str], committed: list[str], places: str, tmp_path: Path) -> None:
    """Neighbours say the environment of a file that says none, and the service of what is to be filled."""
    git(write(tmp_path, files), "init", "-q")
    git(tmp_path, "add", "--", *committed)
    assert " ".join(f"{it.service}/{it.environment}" for it in load_project(tmp_path).env_sources) == places


def test_the_default_layout_is_assumed(tmp_path: Path) -> None:
    """Of an empty folder the guide's four files, its logs and render.yaml are expected, be they links."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / ".env").symlink_to(tmp_path / "outside")
    project = load_project(tmp_path)
    assert [source.path for source in project.env_sources] == LAYOUT
    assert [(log.pattern, log.service) for log in project.log_sources] == [("backend/logs/*.log*", "backend")]
    assert (project.exports, project.guide) == (("render.yaml",), "docs/SECRETS.md")
    assert not project.configured


@pytest.mark.parametrize(("files", "env", "logs"), ROWS["found"])
def test_what_is_there_is_found(files: str, env: list[str], logs: list[str], tmp_path: Path) -> None:
    """Env files and logs of the application alone: the layout's if one is there, then those found."""
    project = load_project(write(tmp_path, dict.fromkeys(files.split(), "")))
    there = [source.path for source in project.env_sources], [log.pattern for log in project.log_sources]
    assert there == (env, logs)


def test_no_link_is_followed(tmp_path: Path) -> None:
    """A linked folder is named as not searched, a linked file is listed for reading to refuse; not a link, be
    it of the layout, to another env file that is no example: that is listed."""
    write(tmp_path / "outside", {".env": "", "deep/.env": ""})
    project = write(tmp_path / "app", {"web/.env": "", "web/.env.example": "", "backend/.env.example": ""})
    for link, end in ROWS["links"].items():
        (project / link).symlink_to(end)
    found = load_project(project)
    assert [source.path for source in found.env_sources] == ROWS["listed"]
    assert [fault.place for fault in found.not_searched] == ["linked/", "round/"]


def test_the_bounds_are_those_of_the_docs() -> None:
    """docs/bounds.md states how much is read to discover what is there."""
    text = (ROOT / "docs/bounds.md").read_text("utf-8")
    code = f"{variables.MAX_BYTES:,} bytes a file, {variables.MAX_BYTES_IN_ALL:,} in all; "
    more = f"{variables.MAX_DEPTH} folders deep; {variables.MAX_ENTRIES:,} files and folders"
    assert f"| {code}{variables.MAX_CODE_FILES:,} files; {more} |" in text
    assert f"| {discover.MAX_SOURCES} env files, {discover.MAX_SOURCES} log folders |" in text


def test_bounds_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beyond the bounds is not silently left out."""
    deep = "/".join("abcdefghijklmnopqrstuvwxyz")
    write(tmp_path, dict.fromkeys([f"{deep}/.env", *[f"z{number}.env" for number in range(5)]], ""))
    told = [f"{deep[:-1]}: is deeper than 24 folders"]
    assert [str(fault) for fault in load_project(tmp_path).not_searched] == told
    monkeypatch.setattr(discover, "MAX_SOURCES", 2)
    told.append("discovery: left out 3 env files beyond the first 2")
    assert [str(fault) for fault in load_project(tmp_path).not_searched] == told
    monkeypatch.setattr(variables, "MAX_ENTRIES", 3)
    text = "discovery: left out all after the first 3 files and folders"
    assert text in map(str, load_project(tmp_path).not_searched)


def test_a_first_audit_toml_holds_what_is_guessed(tmp_path: Path) -> None:
    """Of each secret that an env file holds or the code reads, and of what else the owner sets or must set:
    no block for a setting that only code has. The text is an audit.toml with the files that are there."""
    project = load_project(write(tmp_path / "shop", dict(ROWS["shop"])))
    guesses = guess_variables(project, bundled_policy("generic"), variables.read_code(project))
    keys = ["service", "name", "kind", "component", "required", "obtain", "pair", "places", "partner"]
    assert [[guess[key] for key in keys] for guess in guesses] == ROWS["guesses"]
    facts = {"loaders": {"web/config/.env": "next"}, "logins": ["# asked"]}
    text = first_audit_toml(project, "generic", guesses=guesses, **facts)
    written = tomllib.loads(text)
    assert (text[-1], "# asked" in text) == ("\n", True)
    assert [[block["path"], block.get("loader", "")] for block in written["env"]] == ROWS["written"]
    assert [block["name"] for block in written["secret"]] == [guess["name"] for guess in guesses]
    made = ((block["name"], *map(block.get, ("min_length", "generate"))) for block in written["secret"])
    assert [[*filter(None, one)] for one in made if any(one[1:])] == ROWS["lengths"]


@pytest.mark.parametrize(("files", "line"), ROWS["log_lines"])
def test_a_log_is_of_a_service_that_is_there(files: dict[str, str], line: str, tmp_path: Path) -> None:
    """The log of a folder of its own is of the one service that is there, or has secrets; else init asks."""
    project = load_project(write(tmp_path, {**files, "logs/a.log": ""}))
    them = guess_variables(project, bundled_policy("generic"), variables.read_code(project))
    assert f'.log*"\n{line}\n' in first_audit_toml(project, "generic", guesses=them, loaders={}, logins=[])


@pytest.mark.parametrize(("path", "text", "word", "set_at"), ROWS["named"])
def test_a_name_is_found(path: str, text: str, word: str, set_at: str, tmp_path: Path) -> None:
    """As a whole word, and set as compose files and scripts do; a name in code is a variable of its own."""
    project = load_project(write(tmp_path, {path: text}))
    named, found, unread = variables.named_in(project, ["A_KEY"], [])
    assert (named.get("A_KEY", ""), found.get("A_KEY", ""), unread) == (word, set_at, [])
    assert variables.named_in(project, ["A_KEY"], [path])[:2] == ({}, {})
