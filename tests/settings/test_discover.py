"""Without an audit.toml: the default layout, and what is discovered beside it."""

from pathlib import Path, PurePosixPath

import pytest

from audit_lib.settings import code_reads, discover, load_project
from audit_lib.settings.discover import env_source, file_words, is_env_like
from tests.support.applications import write

LAYOUT = ["backend/.env", "frontend/.env.local", "backend/.env.example", "frontend/.env.local.example"]


def told(root: Path) -> list[str]:
    """What discovery says that it left out."""
    return [str(fault) for fault in load_project(root).not_searched]


NAMES = {
    ("env", "development"): ".env .env.local docker.env .envrc env.txt .env.product test-service.env",
    (
        "env",
        "production",
    ): ".env.production .env.prod .env-prod prod.env .env.production.local .env.production.test",
    ("env", "staging"): ".env.staging .env.preview",
    ("backup", "development"): ".env.backup .env.bak .env~ .env.swp .env.1 .env.2026-11-01",
    ("backup", "production"): ".env.prod.bak",
    (
        "example",
        "",
    ): ".env.example .env.sample example.env .env.production.example .env.test .env.test.local ci.env",
    ("", None): "env.ts .env.d.ts environment.yml .environment sendenv",
}


@pytest.mark.parametrize(
    ("name", "sort", "environment"),
    [(name, *kind) for kind, names in NAMES.items() for name in names.split()],
)
def test_a_files_name_says_what_it_is(name: str, sort: str, environment: str | None) -> None:
    """Env-like names give environment and whether the file is an example or a backup; others are left."""
    assert is_env_like(PurePosixPath(name)) == bool(sort)
    if sort:
        found = env_source(PurePosixPath("web") / name)
        service = file_words(PurePosixPath(name)) if sort == "env" else ""
        assert (found.environment, found.service) == (environment, service or "web")
        assert (found.example, found.backup) == (sort == "example", sort == "backup")


@pytest.mark.parametrize(
    ("path", "service", "environment"),
    [
        (".env", "backend", "development"),
        ("backend/.env", "backend", "development"),
        ("apps/web/.env", "web", "development"),
        ("deploy/production/.env", "backend", "production"),
        ("services/mail/config/.env.staging", "mail", "staging"),
        ("apps/live/.env", "live", "development"),
        ("apps/live/.env.live", "live", "production"),
        ("deployments/all-in-one/variables.env", "all-in-one", "development"),
        (".envs/.production/.django", "django", "production"),
        (".envs/.local/.postgres", "postgres", "development"),
    ],
)
def test_folders_give_the_service(path: str, service: str, environment: str) -> None:
    """The first folder that is no grouping and no environment is the service, backend at the top."""
    found = env_source(PurePosixPath(path))
    assert (found.service, found.environment) == (service, environment)


def test_other_files_are_found_beside_the_layout(tmp_path: Path) -> None:
    """The layout's own places come first, then what was found, in sorted order."""
    write(
        tmp_path,
        dict.fromkeys(["backend/.env", "backend/.env.backup", ".env.staging", "x/.logs/a.log.1"], ""),
    )
    project = load_project(tmp_path)
    assert [s.path for s in project.env_sources] == [*LAYOUT, ".env.staging", "backend/.env.backup"]
    assert [log.pattern for log in project.log_sources] == ["x/.logs/*.log*"]


def test_files_that_their_folder_or_word_names_are_found(tmp_path: Path) -> None:
    """Hidden files in a folder of env files, and Apache's logs, are found; code and git's files are not."""
    names = [".envs/.production/.django", ".envs/.gitignore", ".envs/readme", "src/error_log.php"]
    write(
        tmp_path,
        dict.fromkeys([*names, "log/access_log", "log/access_log.1", "log/error_log-20261101.gz"], ""),
    )
    project = load_project(tmp_path)
    assert [source.path for source in project.env_sources] == [".envs/.production/.django"]
    assert [log.pattern for log in project.log_sources] == ["log/access_log*", "log/error_log*"]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("env/redis.env", "redis"),
        (".env.redis-cache", "redis-cache"),
        ("env/redis.env.example", "redis"),
        (".env.production.local", ""),
        (".env", ""),
        ("prod.env", ""),
    ],
)
def test_a_files_name_may_say_a_service(path: str, word: str) -> None:
    """What is neither env, nor an example's word, nor an environment names the service."""
    assert file_words(PurePosixPath(path)) == word


def test_a_layout_of_which_nothing_is_there_is_not_assumed(tmp_path: Path) -> None:
    """Another application's files are not measured against PaiiD's places."""
    write(tmp_path, dict.fromkeys(["web/.env.example", "var/app.log"], ""))
    project = load_project(tmp_path)
    assert [source.path for source in project.env_sources] == ["web/.env.example"]
    assert [log.pattern for log in project.log_sources] == ["var/*.log*"]


def test_a_file_that_is_not_there_is_not_invented(tmp_path: Path) -> None:
    """An example alone makes no env file; one of a tool's or an example's folder is not the application's."""
    names = ["web/.env.example", ".agents/x/.env.example", "skills/y/.env.sample", "examples/z/.env.example"]
    write(tmp_path, dict.fromkeys([*names, "examples/z/.env"], ""))
    paths = [source.path for source in load_project(tmp_path).env_sources]
    assert paths == ["examples/z/.env", "web/.env.example"]


def test_installed_and_generated_folders_are_skipped(tmp_path: Path) -> None:
    """Dependencies, git's own folder and virtual environments are not the application's files."""
    folders = ["node_modules/a", ".git", ".venv/lib", "backend/__pycache__", ".next", ".audit"]
    write(tmp_path, dict.fromkeys([f"{folder}/.env" for folder in folders] + ["web/.env"], ""))
    assert [source.path for source in load_project(tmp_path).env_sources] == ["web/.env"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    """A linked folder is named as not searched, a linked file is listed for reading to refuse."""
    write(tmp_path / "outside", {".env": "", "deep/.env": ""})
    project = write(tmp_path / "app", {"web/.env": ""})
    (project / "linked").symlink_to(tmp_path / "outside")
    (project / "round").symlink_to(project)
    (project / "web" / ".env.prod").symlink_to(tmp_path / "outside" / ".env")
    found = load_project(project)
    assert [source.path for source in found.env_sources] == ["web/.env", "web/.env.prod"]
    assert [fault.place for fault in found.not_searched] == ["linked/", "round/"]


def test_bounds_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beyond the bounds is not silently left out."""
    deep = "/".join("abcdefghijklmnopqrstuvwxyz")
    write(tmp_path, dict.fromkeys([f"{deep}/.env", *[f"z{number}.env" for number in range(5)]], ""))
    assert told(tmp_path) == [f"{deep[:-1]}: is deeper than 24 folders"]
    monkeypatch.setattr(discover, "MAX_SOURCES", 2)
    assert told(tmp_path)[-1] == "discovery: left out 3 env files beyond the first 2"
    monkeypatch.setattr(code_reads, "MAX_ENTRIES", 3)
    assert "discovery: left out all after the first 3 files and folders" in told(tmp_path)
