"""Every env source of a project ends in a row, every line in a count, every value with the keeper alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import MAX_BYTES
from audit_lib.secrets.loaders import MAX_VALUE_CHARACTERS
from audit_lib.secrets.sources import MAX_IN_ALL, read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project, SecretRule, load_project
from tests.base.test_git import git
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

TOKEN = fake_value("api token")
LINE = f"API_TOKEN={TOKEN}\n"
ENV = EnvSource("development", "backend", "backend/.env")
EXAMPLE = EnvSource("", "backend", "backend/.env.example", example=True)
BACKUP = EnvSource("development", "backend", "backend/.env.bak", backup=True)
YAML = EnvSource("production", "backend", "backend/config.yml")
JSON, COPY = (EnvSource("production", "backend", f"backend/a.json{end}") for end in ("", ".bak-2"))
COMPOSE = EnvSource("production", "backend", "backend/docker-compose.prod.yml", loader="compose")
SET = "services: {a: {image: x, environment: &e %sAPI_TOKEN%s%s, HOST%s$HOST, A%s}, b: {environment: *e}}\n"
KEY = EnvSource("production", "backend", "backend/api-token.txt", loader="file")
EXPORTED = f'[{{"envVar": {{"key": "API_TOKEN", "value": "{TOKEN}"}}}}]'
EXPORT = EnvSource("production", "backend", "backend/export.json", export=True)


@pytest.fixture
def keeper() -> Keeper:
    """A keeper under a fixed key."""
    return Keeper(Key(b"k" * 32, "demo"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder, with that of its backend."""
    (tmp_path / "app" / "backend").mkdir(parents=True)
    return tmp_path / "app"


def read(root: Path, keeper: Keeper, *sources: EnvSource, **given: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sources and entries of a project with these env sources and `values`."""
    environments = given.pop("environments", ("development",))
    project = Project("app", root, environments=environments, env_sources=sources)
    return read_env_sources(project, given.pop("values", ()), keeper, **given)


def row(frame: pd.DataFrame, source: str) -> dict[str, Any]:
    """The one row of a source."""
    (found,) = frame[frame["source"] == source].to_dict("records")
    return found


def test_a_file_is_counted_and_its_values_go_to_the_keeper(root: Path, keeper: Keeper) -> None:
    """The counts add up to the lines, the frame holds fingerprints, facts are of the file."""
    token = TOKEN[:30] + "aB1"
    text = f"# note\n\n{LINE}EMPTY=\nbad line {token}\n"
    (root / ENV.path).write_text(text)
    (root / ENV.path).chmod(0o600)
    sources, entries = read(root, keeper, ENV)
    found = row(sources, ENV.path)
    assert [found[name] for name in ("lines", "read", "not_understood", "blank")] == [5, 3, 1, 1]
    assert (found["state"], found["mode"], found["size_bytes"]) == ("read", "0600", len(text))
    assert pd.isna([found["sha256"], found["tracked"]]).all()
    named = entries.set_index("name")["fingerprint"]
    assert (named["API_TOKEN"], pd.isna(named["EMPTY"])) == (keeper.fingerprint(TOKEN), True)
    # What may be a secret in a line that was not understood is kept, too, so that no artefact shows it.
    assert {keeper.fingerprint(TOKEN), keeper.fingerprint(token)} == set(keeper.fingerprints())
    assert TOKEN not in sources.to_csv() + entries.to_csv()


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(("make", "state", "reason"), [
    (lambda _: None, "missing", "does not exist"),
    (_write(b""), "empty", "holds nothing"),
    (_write(b"\n\n"), "empty", "holds nothing"),
    (_write(b"\x7fELF" + b"\0" * 20), "refused", "is binary"),
    (_write("A=1\n".encode("utf-16-le")), "refused", "is binary"),
    (Path.mkdir, "refused", "is a directory"),
    (lambda path: path.symlink_to("/etc/hostname"), "refused", "symbolic link"),
    (os.mkfifo, "refused", "FIFO"),
    (_write(b"\n" * 20_001), "refused", "20,000 lines"),
    (_write(b" " * (2 * 1024 * 1024 + 1)), "refused", "2,097,152 bytes"),
])  # fmt: skip
def test_a_source_that_cannot_be_read_says_why_and_what_would_supply_it(
    root: Path, keeper: Keeper, make: Callable[[Path], object], state: str, reason: str
) -> None:
    """Each unusable source is a row with its state, reason and remedy, and gives no entry."""
    make(root / ENV.path)
    sources, entries = read(root, keeper, ENV)
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
def test_no_value_is_in_a_frame(root: Path, lines: list[str], seed: int, encoding: str) -> None:
    """A value in any place of a line, in the place of a name too, is in no frame; every line is counted."""
    value = fake_value(f"leak {seed}", 40) + "aB3"
    text = "\n".join(line.format(*[value] * 2) for line in lines) + "\n"
    (root / ENV.path).write_bytes(text.encode(encoding))
    sources, entries = read(root, Keeper(Key(b"k" * 32, "demo")), ENV)
    assert value not in sources.to_csv() + entries.to_csv()
    counted = row(sources, ENV.path)
    assert counted["lines"] == text.count("\n") == len(entries)
    assert counted["lines"] == sum(counted[name] for name in ("read", "not_understood", "blank"))


@pytest.mark.parametrize(("source", "content", "state"), [
    *((EXPORT, *one) for one in ((EXPORTED, "read"), (LINE, "read"), ("[{", "refused"))),
    *((YAML, *one) for one in ((f"API_TOKEN: {TOKEN}", "read"), ("A: {", "refused"))),
    (KEY, TOKEN, "read"), (KEY, "\0\1" * 16, "read"),
    *((COMPOSE, SET % one, "read") for one in (("{", ": ", TOKEN, ": ", ": }"), ("[", "=", TOKEN, "=", "]"))),
    *((JSON, *one) for one in ((f'{{\n\t"API_TOKEN": "{TOKEN}"\n}}\n', "read"), ('{"A": ', "refused"))),
    (COPY, f'{{"API_TOKEN": "{TOKEN}"}}', "read"),
])  # fmt: skip
def test_exports_are_read(source: EnvSource, content: str, state: str, root: Path, keeper: Keeper) -> None:
    """The platform's JSON, dotenv text or YAML, named in audit.toml, is in force; what is broken is a row."""
    (root / source.path).write_text(content)
    sources, entries = read(root, keeper, source)
    assert list(sources["state"][sources["source"].eq(source.path)]) == [state]
    names = ["API_TOKEN", *["HOST", "A"] * (source is COMPOSE)]  # what the shell fills in is not known
    assert list(entries["name"].dropna()) == names * (state == "read")
    assert list(entries["name"][entries["faults"].eq("reference")]) == names[1:]


def test_a_place_is_supplied_by_a_file_or_by_given_values(root: Path, keeper: Keeper) -> None:
    """What nothing supplies is a row with the command that does; what was given stands for a missing file."""
    missing = read(root, keeper, ENV, environments=("development", "production"))[0]
    found = row(missing, "--env production/backend")
    assert (found["kind"], found["state"]) == ("given values", "missing")
    assert str(found["remedy"]).startswith("--env production/backend=-")
    values = (GivenValues("development", "backend", "-", LINE.encode()),)
    sources, entries = read(root, keeper, ENV, BACKUP, values=values)
    assert list(sources["source"]) == ["--env development/backend"]
    assert entries[["kind", "fingerprint"]].values.tolist() == [["given values", keeper.fingerprint(TOKEN)]]
    rules = SecretRule("A", "web", "setting", "optional"), SecretRule("B", "worker", "secret")
    rules = *rules, SecretRule("C", "cron", "secret", "production")  # nobody misses it elsewhere
    for end, services in enumerate(("backend backend",) * 2 + ("worker worker", "worker cron worker")):
        policy = Policy(name="p", path=root, sha256="", secrets=rules[:end])
        sources, _ = read(root, keeper, EXAMPLE, environments=("staging", "production"), policy=policy)
        assert " ".join(sources["service"][sources["kind"].eq("given values")]) == services


def test_a_file_given_on_disk_is_noted_as_an_export(root: Path, keeper: Keeper) -> None:
    """Values in clear on disk are a source of their own, inside the project by path, outside by name only."""
    for path in (root / "prod.txt", root.parent / "outside.txt"):
        path.write_text(LINE)
        path.chmod(0o644)
        values = (GivenValues("production", "backend", str(path), path.read_bytes()),)
        sources, _ = read(root, keeper, values=values)
        assert (row(sources, path.name)["kind"], row(sources, path.name)["mode"]) == ("export", "0644")
        assert str(root.parent) not in sources.to_csv()
    piped = (GivenValues("production", "backend", "/dev/fd/9", LINE.encode()),)
    assert "export" not in set(read(root, keeper, values=piped)[0]["kind"])


def test_environ_takes_only_what_the_policy_lists(
    root: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the process environment only the policy's names and aliases are read."""
    rule = SecretRule("API_TOKEN", "backend", "secret", "always", aliases=("TOKEN",))
    policy = Policy(name="p", path=root, sha256="", secrets=(rule,))
    monkeypatch.setattr(os, "environ", {"API_TOKEN": TOKEN, "TOKEN": "x", "HOME": "/root"})
    values = (GivenValues("production", "backend", "environ", b""),)
    _, entries = read(root, keeper, values=values, policy=policy)
    assert list(entries["name"]) == ["API_TOKEN", "TOKEN"]
    assert set(keeper.fingerprints()) == {keeper.fingerprint(TOKEN), keeper.fingerprint("x")}


def test_git_says_what_is_tracked_and_what_is_ignored(root: Path, keeper: Keeper) -> None:
    """A tracked file that a pattern covers is both; a path behind a link hides no answer on others."""
    git(root, "init", "-q")
    (root / "linked").symlink_to("backend")
    for path, text in {".gitignore": ".env\n", ENV.path: "A=1\n", EXAMPLE.path: "A=\n"}.items():
        (root / path).write_text(text)
    git(root, "add", "-f", ENV.path)
    sources, _ = read(root, keeper, ENV, EXAMPLE, EnvSource("production", "backend", "linked/.env"))
    shown = [(one["state"], one["tracked"], one["ignored"]) for one in sources.to_dict("records")]
    assert shown[:2] == [("read", True, True), ("read", False, False)]
    assert (shown[2][0], pd.isna(shown[2][2])) == ("refused", True)


def test_all_files_together_have_a_limit(root: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files of many lines end in a stated refusal, not in a machine without memory."""
    monkeypatch.setitem(MAX_IN_ALL, "lines", 100)
    many = [EnvSource("development", "backend", f"backend/{number}.env") for number in range(7)]
    for source in many:
        (root / source.path).write_bytes(b"\n" * 20)
    sources, entries = read(root, keeper, *many)
    assert list(sources["state"]) == ["empty"] * 5 + ["refused"] * 2
    assert "limit of 100 lines of all env files" in str(sources["reason"].iloc[-1])
    assert len(entries) == 100


def test_the_bounds_are_those_of_the_docs() -> None:
    """docs/bounds.md states what one env file may be, and all together."""
    text = (ROOT / "docs/bounds.md").read_text("utf-8")
    of_all = "; ".join(f"{number:,} {what}" for what, number in MAX_IN_ALL.items())
    bounds = (f"{MAX_BYTES >> 20} MiB; {MAX_VALUE_CHARACTERS:,} characters in a line", f"{of_all} of values")
    assert [bound for bound in bounds if f"| {bound} |" not in text] == []


def test_what_discovery_left_out_is_a_row(root: Path, keeper: Keeper) -> None:
    """A folder that was not searched stands among the sources, with the reason."""
    (root / "linked").symlink_to(root.parent)
    (root / ".env").write_text("A_KEY=\n", "utf-8")
    found = row(read_env_sources(load_project(root), (), keeper)[0], "linked/")
    assert (found["kind"], found["state"]) == ("folder", "refused")
    assert found["reason"] == "is a symbolic link, which is not followed"
