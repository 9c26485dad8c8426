"""Which values are searched for everywhere, and which beside their names alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.leaks.find_leaks import leak_targets
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import choose_policy, load_project
from tests.support.fakes import fake_value

GENERATED = fake_value("also a setting", 32)


@pytest.mark.parametrize(("user", "password", "reason"), [
    ("fluffy_gateway_database", "fluffy_gateway_database", "is also the value of a setting"),
    ("shop", "fluffy_gateway_project", "is the application's own name"),
    ("shop", "fluffy_gateway_database", ""), (GENERATED, GENERATED, ""),
])  # fmt: skip
def test_a_word_that_the_project_is_full_of_is_searched_beside_its_name(
    tmp_path: Path, user: str, password: str, reason: str
) -> None:
    """A password that is a user's or the application's name stands in many places that are no leak."""
    root = tmp_path / "fluffy_gateway_project"
    root.mkdir()
    (root / ".env").write_text(f"DB_USER={user}\nDB_PASSWORD={password}\n")
    (root / "audit.toml").write_text(
        f'name = "{root.name}"\nextends = "generic"\n'
        '[[env]]\npath = ".env"\nenvironment = "development"\nservice = "backend"\n'
        + "".join(
            f'[[secret]]\nname = "{name}"\nservice = "backend"\nkind = "{kind}"\n'
            for name, kind in (("DB_USER", "identifier"), ("DB_PASSWORD", "secret"))
        )
    )
    keeper = Keeper(Key(b"k" * 32, "file"))
    project = load_project(root)
    policy, now = choose_policy(project), datetime.now(UTC)
    known = ProjectRead(project=project, policy=policy, keeper=keeper, as_of=now)
    targets = leak_targets(known.entries, known.inventory, known.policy, keeper)
    assert list(targets["reason"]) == [reason]
    assert list(targets["searched"]) == ["beside its name" if reason else "everywhere"]
