"""Which values are searched for everywhere, which beside their names alone, and which names are shown."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.leaks.find_leaks import LeakTargets, leak_targets, shown_names, with_found
from audit_lib.leaks.rules import Shape
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import choose_policy, load_project
from tests.support.fakes import fake_value

GENERATED = fake_value("also a setting", 32)
PIECE = "_1Uco" + "Pwd1WB"
BUS = "Endpoint=sb://bus.internal/;SharedAccessKeyName=Root;SharedAccessKey="


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
    layout = f'name = "{root.name}"\nextends = "generic"\n'
    layout += '[[env]]\npath = ".env"\nenvironment = "development"\nservice = "backend"\n'
    for name, kind in (("DB_USER", "identifier"), ("DB_PASSWORD", "secret")):
        layout += f'[[secret]]\nname = "{name}"\nservice = "backend"\nkind = "{kind}"\n'
    (root / "audit.toml").write_text(layout)
    keeper, project = Keeper(Key(b"k" * 32, "file")), load_project(root)
    policy, now = choose_policy(project), datetime.now(UTC)
    known = ProjectRead(project=project, policy=policy, keeper=keeper, as_of=now)
    targets = leak_targets(known.entries, known.inventory, known.policy, keeper)
    assert list(targets["reason"]) == [reason]
    assert list(targets["searched"]) == ["beside its name" if reason else "everywhere"]


def _keeper(*values: str) -> tuple[Keeper, tuple[str, ...]]:
    keeper = Keeper(Key.throw_away())
    return keeper, tuple(map(keeper.take, values))


@pytest.mark.parametrize("name", [
    "DB_PASSWORD", "dbPwd", "kmsKeyId", "X-API-Key", "spring.datasource.password",
])  # fmt: skip
def test_a_name_of_words_is_shown(name: str) -> None:
    """Whatever its signs join or its capitals begin."""
    keeper, held = _keeper(fake_value("other"))
    assert shown_names({name}, keeper, held) == {name}


def test_a_name_within_a_value_that_sources_hold_is_not_shown() -> None:
    """The guard takes twelve characters of a strong value out of every output; others are no reason."""
    keeper, held = _keeper(BUS + fake_value("key"))
    names = {"SharedAccessKey", "AccessKey", "DB_PASSWORD"}
    assert shown_names(names, keeper, held) == {"AccessKey", "DB_PASSWORD"}
    assert shown_names(names, keeper, ()) == names


def test_the_rule_stands_for_a_name_that_is_not_shown() -> None:
    """Of what patterns found and of what somebody chose; a name that can be shown goes before."""
    keeper, (first, second, third) = _keeper(*(fake_value(f"found {number}") for number in range(3)))
    pieces, none = {Shape(first, PIECE, "assignment"), Shape(second, PIECE, "query")}, LeakTargets.of([])
    found, _ = with_found(none, pieces | {Shape(second, "API_TOKEN", "query")}, keeper, ())
    assert dict(zip(found["fingerprint"], found["names"], strict=True)) == {
        first: "assignment",
        second: "API_TOKEN",
    }
    chosen = [Shape(third, name, "chosen", f"text of {name}") for name in (PIECE, "DB_PWD")]
    for shapes, name in ((chosen, "DB_PWD"), (chosen[:1], "chosen")):
        targets, owners = with_found(none, shapes, keeper, ())
        assert set(targets["variable"]) == {name}
        assert set(owners.values()) == {third}
