"""A report shows the names of variables, and no piece of a value that stood before an equals sign."""

import pytest

from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.find_leaks import shown_names, with_found
from audit_lib.leaks.rules import Shape
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.fakes import fake_value

PIECE = "_1Uco" + "Pwd1WB"
BUS = "Endpoint=sb://bus.internal/;SharedAccessKeyName=Root;SharedAccessKey="


def _keeper(*values: str) -> tuple[Keeper, tuple[str, ...]]:
    keeper = Keeper(Key.throw_away())
    return keeper, tuple(map(keeper.take, values))


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "dbPwd", "kmsKeyId", "X-API-Key", "spring.datasource.password"]
)
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
    shapes = {
        Shape(first, PIECE, "assignment"),
        Shape(second, PIECE, "query"),
        Shape(second, "API_TOKEN", "query"),
    }
    found, _ = with_found(LeakTargets.of([]), shapes, keeper, ())
    assert dict(zip(found["fingerprint"], found["names"], strict=True)) == {
        first: "assignment",
        second: "API_TOKEN",
    }
    chosen = [Shape(third, name, "chosen", f"text of {name}") for name in (PIECE, "DB_PWD")]
    targets, owners = with_found(LeakTargets.of([]), chosen, keeper, ())
    assert set(targets["variable"]) == {"DB_PWD"}
    assert set(owners.values()) == {third}
    targets, _ = with_found(LeakTargets.of([]), chosen[:1], keeper, ())
    assert set(targets["variable"]) == {"chosen"}
