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
COMMANDS = {
    "accept --reason": f"{ACCEPT} --reason",
    "accept --by": f"{ACCEPT} --reason x --by",
    "accept ID": "decide accept --until 2099-01-01 --reason x",
    "assign --owner": "decide assign overdue-secret:x --owner",
    "assign --ticket": "decide assign overdue-secret:x --owner x --ticket",
    "assign ID": "decide assign --owner x",
    "close --proof": "decide close overdue-secret:x --proof",
    "attest --reason": "decide attest 142 --until 2099-01-01 --reason",
    "record --by": f"{RECORD} --by",
    "record --ticket": f"{RECORD} --ticket",
    "record --reason": f"{RECORD} --reason",
    "review --out": "review --quarter 2026Q3 --as-of 2026-10-01 --out",
    "investigate --out": "investigate --as-of 2026-10-01 --out",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("value", [TOKEN, TOKEN.encode().hex(), RETIRED], ids=["plain", "spelled", "retired"])
def test_a_value_in_a_text_is_refused(project: Path, tmp_path: Path, command: str, value: str) -> None:
    """The option is named, the value is not, and nothing is written."""
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    text = f"overdue-secret:{value}" if command.endswith("ID") else f"see {value}"
    text = str(tmp_path / "out" / f"for-{value}" / value) if command.endswith("--out") else text
    done = run(*COMMANDS[command].split(), text, "--project", project)
    assert (done.exit_code, "holds a secret value" in done.output) == (2, True), done.output
    assert value not in done.output
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out").exists()


def test_a_signature_holds_no_value(project: Path, tmp_path: Path) -> None:
    """`sign --by` is refused, too."""
    folder = report(tmp_path / "out")
    done = run("sign", folder, "--project", project, "--by", TOKEN)
    assert (done.exit_code, TOKEN in done.output, "holds a secret value" in done.output) == (2, False, True)
    assert run("sign", folder, "--project", project, "--by", "Ada").exit_code == 0


def test_the_name_of_the_project_may_be_written(project: Path) -> None:
    """Also if a setting has it as its value: it is in every report anyway."""
    words = ("decide", "attest", "142", "--until", "2099-01-01", "--project", project)
    assert run(*words, "--reason", "as decided for clinic-scheduling-app").exit_code == 0
