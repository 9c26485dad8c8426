"""No command writes a secret value that somebody typed or pasted into one of its texts."""

from pathlib import Path
from shutil import copytree

import pytest

from tests.cli.small import SmallProject, write_report
from tests.support.fakes import fake_value

AUDIT = 'name = "clinic-scheduling-app"\nextends = "paiid"\n'
AUDIT += '[[env]]\nenvironment = "production"\nservice = "backend"\npath = ".env"\n'
TOKEN, RETIRED = fake_value("typed token"), fake_value("typed and retired")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key, and a project with a value in force, and one that only the ledger has seen."""
    small = SmallProject(tmp_path_factory.mktemp("seen"))
    small.write("project/audit.toml", AUDIT)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AUDIT_KEY_FILE", str(small.folder / "home" / "key"))
        for value in (RETIRED, TOKEN):
            small.write("project/.env", f"API_TOKEN={value}\nPROJECT_NAME=clinic-scheduling-app\n")
            small.run("snapshot")
    write_report(small.report)
    return small.folder


@pytest.fixture
def typed(seen: Path, small: SmallProject) -> SmallProject:
    """A copy of that project, under the same key."""
    copytree(seen, small.folder, dirs_exist_ok=True)
    return small


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
def test_a_value_in_a_text_is_refused(typed: SmallProject, command: str) -> None:
    """In force as it is or spelled in hex, or retired: the option is named, the value is not, and nothing is
    written."""
    *_, last = command.split()
    before = {path: path.read_bytes() for path in typed.folder.rglob("*") if path.is_file()}
    for value in (TOKEN, TOKEN.encode().hex(), RETIRED):
        text = {"--out": str(typed.folder / "out" / f"for-{value}" / value), "ID": f"overdue-secret:{value}"}
        done = typed.run(f"{command.removesuffix('ID')} '{text.get(last, f'see {value}')}'", 2)
        assert "holds a secret value" in done.output
        assert value not in done.output
        assert {path: path.read_bytes() for path in typed.folder.rglob("*") if path.is_file()} == before
    assert not (typed.folder / "out").exists()


def test_the_name_of_the_project_may_be_written(typed: SmallProject) -> None:
    """Also if a setting has it as its value: it is in every report anyway."""
    typed.run("decide attest 142 --until 2099-01-01 --reason 'as decided for clinic-scheduling-app'")
