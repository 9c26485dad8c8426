"""Values are compared between places by fingerprint; what is not at hand is unknown."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrets.drift import compare_places
from audit_lib.settings import Policy, SecretRule
from tests.support.env_projects import read_files
from tests.support.fakes import fake_value
from tests.support.rows import data

A, B, C = (fake_value(f"drift {letter}") for letter in "ABC")
RULES = (
    SecretRule("API_TOKEN", "backend", "secret", equals=("PUBLIC_TOKEN",), aliases=("TOKEN",)),
    SecretRule("PUBLIC_TOKEN", "frontend", "secret", equals=("API_TOKEN",)),
    SecretRule("SERVER_KEY", "backend", "secret", differs=("BROWSER_KEY",)),
    SecretRule("BROWSER_KEY", "frontend", "secret"),
    SecretRule("DATABASE_URL", "backend", "secret", component="password"),
    SecretRule("DSN", "backend", "secret", shared=True),
    SecretRule("MODE", "backend", "setting"),
)
POLICY = Policy("p", Path("p.toml"), "", RULES, placeholders=("change-me",), secret_names=("*_KEY",))
NAMES = ["secret", "other_secret"]
KEYS = ["secret", "environment", "other_secret", "other_environment"]
DEV, PROD = "development_backend", "production_backend"
CASES = data(Path(__file__).with_name("test_inventory.toml"))


def drift(root: Path, **files: str) -> pd.DataFrame:
    """The drift of a project whose env files are `environment_service="text"`."""
    inventory, entries, keeper = read_files(root, POLICY, **files)
    return compare_places(inventory, entries, POLICY, keeper)


def rows(frame: pd.DataFrame, why: str, *columns: str) -> list[tuple[object, ...]]:
    """The rows of one reason, as tuples of these columns."""
    return list(frame.loc[frame["why"] == why, list(columns)].itertuples(index=False, name=None))


PAIRS = {
    "equal": ("API_TOKEN", "PUBLIC_TOKEN", "pairing", "same"),
    "differ": ("SERVER_KEY", "BROWSER_KEY", "must differ", "different"),
}


def filled(text: str) -> str:
    """The text with the values that its marks stand for."""
    return text.replace("@A", A).replace("@B", B)


@pytest.mark.parametrize(("pair", "backend", "frontend", "relation"), CASES["pairs"])
def test_a_pair_of_the_policy(tmp_path: Path, pair: str, backend: str, frontend: str, relation: str) -> None:
    """A pair that must be equal is unknown if either is absent; what is not there cannot be the same.

    Sources: docs/rules.md#rule-42, docs/rules.md#rule-44.
    """
    files = {DEV: filled(backend)} | ({"development_frontend": filled(frontend)} if frontend != "-" else {})
    name, other, why, expected = PAIRS[pair]
    found = rows(drift(tmp_path, **files), why, *KEYS, "relation", "expected")
    assert found == [(name, "development", other, "development", relation, expected)]


@pytest.mark.parametrize(("name", "values", "relation", "expected"), CASES["environments"])
def test_environments_must_not_share_a_secret(
    tmp_path: Path, name: str, values: tuple[str, str], relation: str, expected: str
) -> None:
    """A secret of its own differs; placeholders, settings and what the policy shares may be equal.

    Whether an environment that was not supplied shares a value cannot be said (docs/rules.md#rule-61).
    """
    there = {"production_frontend": "X=1"} if values[1] == "-" else {PROD: f"{name}={filled(values[1])}"}
    found = drift(tmp_path, **{DEV: f"{name}={filled(values[0])}"}, **there)
    found = found[found["secret"] == name]
    assert rows(found, "environments", "environment", "other_environment", "relation", "expected") == [
        ("development", "production", relation, expected)
    ]


@pytest.mark.parametrize(
    ("host", "expected"), [("db.internal", ("different", "different", "any")), ("localhost", ("any",) * 3)]
)
def test_components_of_a_url_are_compared_apart(
    tmp_path: Path, host: str, expected: tuple[str, str, str]
) -> None:
    """Another password on the same host is not the same secret, yet the same host; localhost is no host.

    Sources: docs/rules.md#rule-66, docs/rules.md#rule-70.
    """
    urls = [f"DATABASE_URL=postgresql://{user}:{value}@{host}/app" for user, value in (("a", A), ("b", B))]
    found = drift(tmp_path, **dict(zip((DEV, PROD), urls, strict=True)))
    found = found[found["secret"] == "DATABASE_URL"]
    assert rows(found, "environments", "component", "relation", "expected") == [
        ("password", "different", "different"),
        ("user", "different", expected[0]),
        ("host", "same", expected[1]),
        ("database", "same", expected[2]),
    ]


def test_one_value_under_two_names(tmp_path: Path) -> None:
    """Names that are no pair must not hold one value, wherever (docs/rules.md#rule-64)."""
    found = drift(
        tmp_path,
        development_backend=f"API_TOKEN={A}\nSERVER_KEY={A}\nMODE=1",
        production_backend=f"API_TOKEN={B}\nSERVER_KEY={C}",
        production_frontend=f"BROWSER_KEY={A}\nPUBLIC_TOKEN={B}",
    )
    assert rows(found, "names", *KEYS, "relation", "expected") == [
        ("API_TOKEN", "development", "SERVER_KEY", "development", "same", "different"),
        ("API_TOKEN", "development", "BROWSER_KEY", "production", "same", "different"),
        ("SERVER_KEY", "development", "BROWSER_KEY", "production", "same", "different"),
    ]


def test_a_pair_that_is_reused_is_told_once_for_each_name(tmp_path: Path) -> None:
    """A pair that moved from one environment to another is two rows, not four."""
    pair = {"backend": f"API_TOKEN={A}", "frontend": f"PUBLIC_TOKEN={A}"}
    files = {
        f"{where}_{name}": text for where in ("development", "production") for name, text in pair.items()
    }
    found = drift(tmp_path, **files).query("relation == 'same' and expected == 'different'")
    assert rows(found, "environments", "secret") == [("API_TOKEN",), ("PUBLIC_TOKEN",)]
    assert rows(found, "names", "secret") == []


def test_two_names_of_one_variable_must_agree(tmp_path: Path) -> None:
    """An alias beside the name is compared as a pair: with two values nobody knows which counts."""
    found = rows(
        drift(tmp_path, **{DEV: f"API_TOKEN={A}\nTOKEN={B}"}), "pairing", *NAMES, "relation", "expected"
    )
    assert ("API_TOKEN", "TOKEN", "different", "same") in found


def test_thousands_of_equal_values_are_compared_with_the_first(tmp_path: Path) -> None:
    """A file of one value under 2,900 names gives 2,899 rows, not millions; no pair of the policy is lost."""
    text = "".join(f"N{number}_KEY={A}\n" for number in range(2900)) + f"API_TOKEN={B}\n"
    found = drift(tmp_path, development_backend=text, development_frontend=f"PUBLIC_TOKEN={B}")
    assert len(rows(found, "names", "secret")) == 2899
    assert rows(found, "pairing", "relation") == [("same",)]


def test_a_live_value_in_an_example(tmp_path: Path) -> None:
    """An example that holds a secret in force is a row, under whatever name and as a URL's password too."""
    found = drift(
        tmp_path,
        development_backend=f"API_TOKEN={A}\nDATABASE_URL=postgresql://u:{B}@h/db\nMODE=1\nSERVER_KEY=change-me",
        example_backend=f"OTHER={A}\nDATABASE_URL=postgresql://x:{B}@y/z\nMODE=1\nSERVER_KEY=change-me\nEMPTY=",
    )
    assert rows(found, "example", *NAMES, "other_environment", "relation", "expected") == [
        ("API_TOKEN", "OTHER", "", "same", "different"),
        ("DATABASE_URL", "DATABASE_URL", "", "same", "different"),
    ]
