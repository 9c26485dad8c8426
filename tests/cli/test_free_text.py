"""No command writes a secret value that somebody typed or pasted into one of its texts."""

from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from tests.cli.test_records import report
from tests.support.fakes import fake_value

AUDIT = """name = "clinic-scheduling-app"
extends = "paiid"

[[env]]
environment = "production"
service = "backend"
path = ".env"
"""
TOKEN, RETIRED = fake_value("typed token"), fake_value("typed and retired")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key, and a project with a value in force, and one that only the ledger has seen."""
    folder = tmp_path_factory.mktemp("seen")
    root = folder / "shop"
    root.mkdir()
    (root / "audit.toml").write_text(AUDIT)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AUDIT_KEY_FILE", str(folder / "home" / "key"))
        for value in (RETIRED, TOKEN):
            (root / ".env").write_text(f"API_TOKEN={value}\nPROJECT_NAME=clinic-scheduling-app\n")
            done = run("snapshot", "--project", root)
            assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(seen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that project, under the same key."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(seen / "home" / "key"))
    return Path(copytree(seen / "shop", tmp_path / "shop"))


def run(*words: object) -> Result:
    """What the command line does."""
    return CliRunner().invoke(main, list(map(str, words)))


ACCEPT = "decide accept overdue-secret:x --until 2099-01-01"
RECORD = "record API_TOKEN --environment production --at 2026-01-01"
COMMANDS = [
    *(f"{ACCEPT} --reason", f"{ACCEPT} --reason x --by", "decide accept --until 2099-01-01 --reason x ID"),
    *("decide assign overdue-secret:x --owner", "decide assign overdue-secret:x --owner x --ticket"),
    *("decide assign --owner x ID", "decide close overdue-secret:x --proof"),
    *("decide attest 142 --until 2099-01-01 --reason", f"{RECORD} --by", f"{RECORD} --ticket"),
    *(f"{RECORD} --reason", "sign {report} --by", "sign {report} --reason"),
    *("review --quarter 2026Q3 --as-of 2026-10-01 --out", "investigate --as-of 2026-10-01 --out"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("value", [TOKEN, TOKEN.encode().hex(), RETIRED], ids=["plain", "spelled", "retired"])
def test_a_value_in_a_text_is_refused(project: Path, tmp_path: Path, command: str, value: str) -> None:
    """The option is named, the value is not, and nothing is written."""
    words = command.format(report=report(tmp_path / "report")).split()
    text = {"--out": str(tmp_path / "out" / f"for-{value}" / value), "ID": f"overdue-secret:{value}"}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    line = [*words[: -1 if words[-1] == "ID" else None], text.get(words[-1], f"see {value}")]
    done = run(*line, "--project", project)
    assert (done.exit_code, "holds a secret value" in done.output) == (2, True), done.output
    assert value not in done.output
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out").exists()


def test_the_name_of_the_project_may_be_written(project: Path) -> None:
    """Also if a setting has it as its value: it is in every report anyway."""
    words = ("decide", "attest", "142", "--until", "2099-01-01", "--project", project)
    assert run(*words, "--reason", "as decided for clinic-scheduling-app").exit_code == 0
