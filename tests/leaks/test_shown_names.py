"""A report shows the names of variables, and no piece of a value that stood before an equals sign."""

import pytest

from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import Shape
from audit_lib.leaks.targets import shown_names, target, with_found
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


@pytest.mark.parametrize("name", [PIECE, "qR7Pwd2xZ", "API key", ""])
def test_what_no_variable_is_called_is_not_shown(name: str) -> None:
    """A piece of a generated value, a heading, or nothing."""
    keeper, held = _keeper()
    assert shown_names({name}, keeper, held) == set()


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


def test_an_address_of_a_source_that_is_met_elsewhere_stays_one_value() -> None:
    """It was searched for beside its name alone; from then on it is searched for everywhere, once."""
    keeper, (address,) = _keeper("postgresql://" + "postgres:postgres@localhost:5432/app")
    row = target(address, ["DATABASE_URL"], "weak default", "has under 40 bits of strength")
    for value in (address, keeper.take("postgres")):
        chosen = [Shape(value, "", "chosen-url", address, default=True)]
        targets, values = with_found(LeakTargets.of([row]), chosen, keeper, ())
        assert targets[["variable", "kind", "searched"]].values.tolist() == [
            ["DATABASE_URL", "weak default", "everywhere"]
        ]
        assert values == {}


@pytest.mark.parametrize("length", [9, 14, 30])
def test_a_piece_that_holds_a_word_hardly_passes_for_a_name(length: int) -> None:
    """Of 300 random pieces with such letters in the midst as make a name of it, at most one in twelve."""
    keeper, held = _keeper()
    pieces = {
        fake_value(f"{length} {seed}", length // 3)
        + "pWd"
        + fake_value(f"end {seed}", length - length // 3 - 3)
        for seed in range(300)
    }
    assert len(shown_names(pieces, keeper, held)) <= 300 / 12
