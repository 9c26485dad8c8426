"""Every env source of a project ends in a row, every line in a count, every value with the keeper alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.sources import MAX_IN_ALL, read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project, SecretRule, load_project
from tests.base.test_git import git
from tests.support.fakes import fake_value

TOKEN = fake_value("api token")
ENV = EnvSource("development", "backend", "backend/.env")
EXAMPLE = EnvSource("", "backend", "backend/.env.example", example=True)
BACKUP = EnvSource("development", "backend", "backend/.env.bak", backup=True)


@pytest.fixture
def keeper() -> Keeper:
    """A keeper under a fixed key."""
    return Keeper(Key(b"k" * 32, "demo"))


def project(root: Path, *sources: EnvSource, environments: tuple[str, ...] = ("development",)) -> Project:
    """A project with these sources."""
    (root / "backend").mkdir(exist_ok=True)
    return Project("app", root, environments=environments, env_sources=sources)


def row(frame: pd.DataFrame, source: str) -> dict[str, object]:
    """The one row of a source."""
    (found,) = frame[frame["source"] == source].to_dict("records")
    return found


def test_a_file_is_counted_and_its_values_go_to_the_keeper(tmp_path: Path, keeper: Keeper) -> None:
    """The counts add up to the lines, the frame holds fingerprints, facts are of the file."""
    token = TOKEN[:30] + "aB1"
    text = f"# note\n\nAPI_TOKEN={TOKEN}\nEMPTY=\nbad line {token}\n"
    (tmp_path / "backend").mkdir()
    (tmp_path / ENV.path).write_text(text)
    (tmp_path / ENV.path).chmod(0o600)
    sources, entries = read_env_sources(project(tmp_path, ENV), (), keeper)
    found = row(sources, ENV.path)
    assert [found[name] for name in ("lines", "read", "not_understood", "blank")] == [5, 3, 1, 1]
    assert (found["state"], found["mode"], found["size_bytes"]) == ("read", "0600", len(text))
    assert pd.isna(found["sha256"])
    assert pd.isna(found["tracked"])
    named = entries.set_index("name")["fingerprint"]
    assert named["API_TOKEN"] == keeper.fingerprint(TOKEN)
    assert pd.isna(named["EMPTY"])
    # What may be a secret in a line that was not understood is kept, too, so that no artefact shows it.
    assert {keeper.fingerprint(TOKEN), keeper.fingerprint(token)} == set(keeper.fingerprints())
    assert TOKEN not in sources.to_csv() + entries.to_csv()


def _make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 * 1024 * 1024 + 1)


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "state", "reason"),
    [
        (lambda _: None, "missing", "does not exist"),
        (_write(b""), "empty", "holds nothing"),
        (_write(b"\n\n"), "empty", "holds nothing"),
        (_write(b"\x7fELF" + b"\0" * 20), "refused", "is binary"),
        (_write("A=1\n".encode("utf-16-le")), "refused", "is binary"),
        (Path.mkdir, "refused", "is a directory"),
        (lambda path: path.symlink_to("/etc/hostname"), "refused", "symbolic link"),
        (os.mkfifo, "refused", "FIFO"),
        (_write(b"\n" * 20_001), "refused", "20,000 lines"),
        (_make_large, "refused", "2,097,152 bytes"),
    ],
)
def test_a_source_that_cannot_be_read_says_why_and_what_would_supply_it(
    tmp_path: Path, keeper: Keeper, make: Callable[[Path], object], state: str, reason: str
) -> None:
    """Each unusable source is a row with its state, reason and remedy, and gives no entry."""
    described = project(tmp_path, ENV)
    make(tmp_path / ENV.path)
    sources, entries = read_env_sources(described, (), keeper)
    found = row(sources, ENV.path)
    assert (found["state"], reason in str(found["reason"])) == (state, True)
    assert str(found["remedy"]).startswith("--env development/backend=-")
    assert set(entries["state"]) <= {"blank"}
    assert keeper.fingerprints() == ()


# A line each, with the value in every place where a person might put it.
LEAKY = (
    *("A={}", "A='{}'", 'A="{}"', 'A="{}', "export A={} # {}", "# {}", "{}", "{}=", "{}=x", "A: {}", "A {}"),
    *("[{}]=1", "postgresql://u:{}@h/d", "A=postgresql://u:{}@h/d", '{{"A": "{}"}}', "'{}'=1", "set A '{}'"),
    *("A={}\x00", "A='x\n{}\n'", "{}\t="),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(LEAKY), min_size=1, max_size=6),
    st.integers(0, 10_000),
    st.sampled_from(("utf-8", "utf-16", "utf-8-sig")),
)
def test_no_value_is_in_a_frame_wherever_it_stands(
    tmp_path: Path, lines: list[str], seed: int, encoding: str
) -> None:
    """A value in any place of a line, in the place of a name too, is in no frame; every line is counted."""
    value = fake_value(f"leak {seed}", 40) + "aB3"
    text = "\n".join(line.format(*[value] * 2) for line in lines) + "\n"
    described = project(tmp_path, ENV)
    (tmp_path / ENV.path).write_bytes(text.encode(encoding))
    sources, entries = read_env_sources(described, (), Keeper(Key(b"k" * 32, "demo")))
    assert value not in sources.to_csv() + entries.to_csv()
    counted = row(sources, ENV.path)
    assert counted["lines"] == text.count("\n") == len(entries)
    assert counted["lines"] == sum(int(str(counted[name])) for name in ("read", "not_understood", "blank"))


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (f'[{{"envVar": {{"key": "API_TOKEN", "value": "{TOKEN}"}}}}]', "read"),
        (f"API_TOKEN={TOKEN}\n", "read"),
        ('[{"envVar":', "refused"),
    ],
)
def test_an_export_left_in_a_file_is_read(content: str, state: str, tmp_path: Path, keeper: Keeper) -> None:
    """The platform's JSON or dotenv text, named in audit.toml, is in force; broken JSON is a row."""
    export = EnvSource("production", "backend", "backend/export.json", export=True)
    where = project(tmp_path, export)
    (tmp_path / export.path).write_text(content)
    sources, entries = read_env_sources(where, (), keeper)
    found = row(sources, export.path)
    assert (found["kind"], found["state"]) == ("export", state)
    assert list(entries["name"].dropna()) == ["API_TOKEN"] * (state == "read")


def test_a_place_is_supplied_by_a_file_or_by_given_values(tmp_path: Path, keeper: Keeper) -> None:
    """What nothing supplies is a row with the command that does; what was given stands for a missing file."""
    sources, _ = read_env_sources(
        project(tmp_path, ENV, environments=("development", "production")), (), keeper
    )
    found = row(sources, "--env production/backend")
    assert (found["kind"], found["state"]) == ("given values", "missing")
    assert str(found["remedy"]).startswith("--env production/backend=-")
    values = GivenValues("development", "backend", "-", f"API_TOKEN={TOKEN}\n".encode())
    sources, entries = read_env_sources(project(tmp_path, ENV, BACKUP), (values,), keeper)
    assert list(sources["source"]) == ["--env development/backend"]
    assert list(entries["kind"]) == ["given values"]
    assert list(entries["fingerprint"]) == [keeper.fingerprint(TOKEN)]


def test_a_file_given_on_disk_is_noted_as_an_export(tmp_path: Path, keeper: Keeper) -> None:
    """Values in clear on disk are a source of their own, inside the project by path, outside by name only."""
    (tmp_path / "app").mkdir()
    for path in (tmp_path / "app" / "prod.txt", tmp_path / "outside.txt"):
        path.write_text(f"API_TOKEN={TOKEN}\n")
        path.chmod(0o644)
        values = GivenValues("production", "backend", str(path), path.read_bytes())
        sources, _ = read_env_sources(project(tmp_path / "app"), (values,), keeper)
        assert (row(sources, path.name)["kind"], row(sources, path.name)["mode"]) == ("export", "0644")
        assert str(tmp_path) not in sources.to_csv()


def test_environ_takes_only_what_the_policy_lists(tmp_path: Path, keeper: Keeper) -> None:
    """Of the process environment only the policy's names and aliases are read."""
    rule = SecretRule("API_TOKEN", "backend", "secret", "always", aliases=("TOKEN",))
    policy = Policy(name="p", path=tmp_path, sha256="", secrets=(rule,))
    environ = {"API_TOKEN": TOKEN, "TOKEN": "x", "HOME": "/root"}
    values = GivenValues("production", "backend", "environ", b"")
    _, entries = read_env_sources(project(tmp_path), (values,), keeper, policy, environ)
    assert list(entries["name"]) == ["API_TOKEN", "TOKEN"]
    assert set(keeper.fingerprints()) == {keeper.fingerprint(TOKEN), keeper.fingerprint("x")}


def test_git_says_what_is_tracked_and_what_is_ignored(tmp_path: Path, keeper: Keeper) -> None:
    """A tracked file that a pattern covers is both; a path behind a link hides no answer on others."""
    behind = EnvSource("production", "backend", "linked/.env")
    described = project(tmp_path, ENV, EXAMPLE, behind)
    git(tmp_path, "init", "-q")
    (tmp_path / "linked").symlink_to("backend")
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / ENV.path).write_text("A=1\n")
    (tmp_path / EXAMPLE.path).write_text("A=\n")
    git(tmp_path, "add", "-f", ENV.path)
    sources, _ = read_env_sources(described, (), keeper)
    shown = [(one["state"], one["tracked"], one["ignored"]) for one in sources.to_dict("records")]
    assert shown[:2] == [("read", True, True), ("read", False, False)]
    assert shown[2][0] == "refused"
    assert pd.isna(shown[2][2])


def test_all_files_together_have_a_limit(
    tmp_path: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many files of many lines end in a stated refusal, not in a machine without memory."""
    monkeypatch.setitem(MAX_IN_ALL, "lines", 100)
    many = [EnvSource("development", "backend", f"backend/{number}.env") for number in range(7)]
    described = project(tmp_path, *many)
    for source in many:
        (tmp_path / source.path).write_bytes(b"\n" * 20)
    sources, entries = read_env_sources(described, (), keeper)
    assert list(sources["state"]) == ["empty"] * 5 + ["refused"] * 2
    assert "limit of 100 lines of all env files" in str(sources["reason"].iloc[-1])
    assert len(entries) == 100


def test_what_discovery_left_out_is_a_row(tmp_path: Path, keeper: Keeper) -> None:
    """A folder that was not searched stands among the sources, with the reason."""
    (tmp_path / "linked").symlink_to(tmp_path.parent)
    (tmp_path / ".env").write_text("A_KEY=\n", "utf-8")
    found = row(read_env_sources(load_project(tmp_path), (), keeper)[0], "linked/")
    assert (found["kind"], found["state"]) == ("folder", "refused")
    assert found["reason"] == "is a symbolic link, which is not followed"
