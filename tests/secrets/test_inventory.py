"""What is held beside what is expected, and values beside each other: what is not supplied is not known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.inventory import compare_places, tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project, SecretRule
from tests.support.fakes import fake_value
from tests.support.rows import data


def read_files(
    root: Path, policy: Policy, *given: GivenValues, **files: str
) -> tuple[pd.DataFrame, pd.DataFrame, Keeper]:
    """Inventory, entries and keeper of env files `environment_service="text"`; `…_more` is one beside it."""
    sources = []
    for name, text in files.items():
        environment, service, *_ = name.split("_")
        (root / f"{name}.env").write_text(text)
        example = environment == "example"
        sources.append(EnvSource("" if example else environment, service, f"{name}.env", example=example))
    project = Project("app", root, environments=("development",), env_sources=tuple(sources))
    keeper = Keeper(Key(b"k" * 32, "demo"))
    read, entries = read_env_sources(project, given, keeper, policy)
    return tabulate_inventory(entries, policy, project, keeper, read), entries, keeper


TOKEN, OTHER = fake_value("token"), fake_value("other", 12)
PASSWORD = fake_value("password", 24)
CASES = data(Path(__file__).with_suffix(".toml"))


def policy_of(rules: str, **more: Any) -> Policy:
    """A policy of some of the cases' rules."""
    secrets = tuple(SecretRule(**rule) for rule in CASES[rules])
    return Policy("p", Path("p.toml"), "", secrets, secret_names=("*_KEY",), **more)


POLICY = policy_of(
    "rules",
    formats={"url-safe": r"\A(?:[A-Za-z0-9_-]+)\Z", "https": r"\A(?:https://.+)\Z"},
    placeholders=("*change-me*", "<*>"),
    public_prefixes=("PUBLIC_",),
    secret_url_names=("*_DSN",),
)


def inventory(root: Path, *given: GivenValues, policy: Policy = POLICY, **files: str) -> pd.DataFrame:
    """The inventory of a project whose env files are `environment_service="text"`."""
    return read_files(root, policy, *given, **files)[0]


def one(frame: pd.DataFrame, secret: str, environment: str = "development") -> dict[str, Any]:
    """The one row of a secret in an environment."""
    (row,) = frame[(frame["secret"] == secret) & (frame["environment"] == environment)].to_dict("records")
    return {str(name): None if pd.isna(cell) else cell for name, cell in row.items()}


@pytest.mark.parametrize(("text", "expected"), CASES["judged"])
def test_a_variable_is_judged_by_its_rule(tmp_path: Path, text: str, expected: dict[str, object]) -> None:
    """What is held in development's env file of the backend, and how it is judged."""
    secret = "DATABASE_URL" if text.startswith("DATABASE_URL") else "API_TOKEN"
    values = {"@T": TOKEN, "@S": TOKEN[:30], "@P": PASSWORD}
    for mark, value in values.items():
        text = text.replace(mark, value)
    row = one(inventory(tmp_path, development_backend=text), secret)
    assert {name: row[name] for name in expected} == expected


def test_what_was_not_supplied_is_not_missing(tmp_path: Path) -> None:
    """Of a place without a source nothing is known."""
    row = one(inventory(tmp_path), "API_TOKEN")
    assert (row["state"], row["source"]) == ("not supplied", "--env development/backend")


def test_given_values_count_before_a_file(tmp_path: Path) -> None:
    """What the platform holds is in force, as pasted: its box fills nothing in; the file's value is not."""
    given = GivenValues("development", "backend", "-", b"API_TOKEN=${OTHER}-suffix\n")
    row = one(inventory(tmp_path, given, development_backend="API_TOKEN=change-me\n"), "API_TOKEN")
    assert (row["origin"], row["placeholder"], row["format_ok"]) == ("given values", False, False)


@pytest.mark.parametrize(
    ("environment", "demanded", "expected_ok", "format_ok"),
    [("development", False, True, None), ("production", True, None, False)],
)
def test_demands_depend_on_the_environment(
    tmp_path: Path, environment: str, demanded: bool, expected_ok: bool | None, format_ok: bool | None
) -> None:
    """A rule for production is not demanded in development, and formats differ."""
    backend = inventory(tmp_path, **{f"{environment}_backend": "A=1\n"})
    frontend = inventory(tmp_path, **{f"{environment}_frontend": "PUBLIC_URL=http://localhost:1/\n"})
    assert one(backend, "DATABASE_URL", environment)["demanded"] is demanded
    row = one(frontend, "PUBLIC_URL", environment)
    assert (row["expected_ok"], row["format_ok"], row["public"]) == (expected_ok, format_ok, True)


def test_unlisted_variables_that_look_like_secrets(tmp_path: Path) -> None:
    """A name of the policy's patterns, a URL with a password, a second name; others are settings."""
    text = (
        f"STRIPE_KEY={fake_value(1)}\nCACHE_DSN=redis://:{PASSWORD}@h\nPLAIN_DSN=redis://h\nPORT=80\n"
        f"API_TOKEN={TOKEN}\nTOKEN={TOKEN}\nPUBLIC_URL=https://a\n"
    )
    found = inventory(tmp_path, development_backend=text)
    found = found[found["service"] == "backend"].set_index("variable")
    names = ["STRIPE_KEY", "CACHE_DSN", "PLAIN_DSN", "PORT", "TOKEN", "PUBLIC_URL"]
    kinds = ["unlisted", "unlisted", "setting", "setting", "unlisted", "setting"]
    assert found.loc[names, "kind"].tolist() == kinds
    assert (found.loc["TOKEN", "secret"], found.loc["STRIPE_KEY", "max_age_days"]) == ("TOKEN", 90)
    assert found.loc["PUBLIC_URL", ["secret", "required", "demanded"]].tolist() == ["PUBLIC_URL", "", False]


def test_a_secret_stays_one_whatever_the_policy_calls_it(tmp_path: Path) -> None:
    """A setting with a generated value or a password in it is a secret that nobody listed."""
    names = ("MAIL_KEY", "FEED", "LIMIT", "KEY_PATH")
    rules = tuple(SecretRule(name, "backend", "setting", "") for name in names)
    text = f"MAIL_KEY={fake_value(7)}\nFEED=https://a:{PASSWORD}@h/\nLIMIT=10\nKEY_PATH={fake_value(8)}\n"
    policy = replace(POLICY, secrets=(*POLICY.secrets, *rules))
    found = inventory(tmp_path, policy=policy, development_backend=text).set_index("variable")["kind"]
    assert [found[name] for name in names] == ["unlisted", "unlisted", "setting", "setting"]


def test_values_of_examples_are_templates(tmp_path: Path) -> None:
    """A value or a URL password that an example shows is a template; without an example it is not known."""
    text = f"API_TOKEN={TOKEN}\nDATABASE_URL=postgresql://me:{PASSWORD}@h/db\n"
    shown = f"API_TOKEN=\nDATABASE_URL=postgresql://you:{PASSWORD}@other/db\n"
    found = inventory(tmp_path, development_backend=text, example_backend=shown)
    assert [one(found, name)["template"] for name in ("API_TOKEN", "DATABASE_URL")] == [False, True]
    assert one(inventory(tmp_path, development_backend=text), "API_TOKEN")["template"] is None


def test_two_values_in_one_place_are_both_judged(tmp_path: Path) -> None:
    """The later file's value counts; the other one has a row of its own, and a setting has none."""
    first = f"API_TOKEN={OTHER}\nPORT=1\nDATABASE_URL=postgresql://a:{PASSWORD}@x/a\n"
    later = f"API_TOKEN={TOKEN}\nPORT=2\nDATABASE_URL=postgresql://a:{PASSWORD}@y/a\n"
    found = inventory(tmp_path, production_backend=first, production_backend_local=later)
    tokens = found[found["secret"].eq("API_TOKEN") & found["environment"].eq("production")]
    assert tokens[["service", "source", "length"]].to_numpy().tolist() == [
        ["backend", "production_backend_local.env", "ok"],
        ["backend (production_backend.env)", "production_backend.env", "short"],
    ]
    assert set(found.loc[found["service"].str.endswith(")"), "secret"]) == {"API_TOKEN"}


def test_rows_are_unique_and_in_a_total_order(tmp_path: Path) -> None:
    """One row for each secret, environment and service, whatever the order of the lines; no value in it."""
    lines = ["B_KEY=1", "A_KEY=2", f"TOKEN={TOKEN}", "API_TOKEN=", "PUBLIC_URL=x"]
    places = ("production_backend", "development_backend")
    orders = [inventory(tmp_path, **dict.fromkeys(places, "\n".join(o))) for o in (lines, lines[::-1])]
    pd.testing.assert_frame_equal(*(found.drop(columns="line") for found in orders))
    assert not orders[0].duplicated(["secret", "environment", "service"]).any()
    assert list(orders[0]["environment"][:2]) == ["development", "production"]
    assert TOKEN not in orders[0].to_csv()


# ---- Values are compared between places by fingerprint; what is not at hand is unknown ----

A, B, C = (fake_value(f"drift {letter}") for letter in "ABC")
DRIFT_POLICY = policy_of("drift_rules", placeholders=("change-me",))
NAMES = ["secret", "other_secret"]
KEYS = ["secret", "environment", "other_secret", "other_environment"]
DEV, PROD = "development_backend", "production_backend"


def drift(root: Path, **files: str) -> pd.DataFrame:
    """The drift of a project whose env files are `environment_service="text"`."""
    held, _, keeper = read_files(root, DRIFT_POLICY, **files)
    return compare_places(held, DRIFT_POLICY, keeper)


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


@pytest.mark.parametrize(("name", "values", "relation"), CASES["environments"])
def test_environments_must_not_share_a_secret(
    tmp_path: Path, name: str, values: tuple[str, str], relation: str
) -> None:
    """A secret of its own differs; placeholders, settings and what the policy shares are not compared.

    Whether an environment that was not supplied shares a value cannot be said (docs/rules.md#rule-61).
    """
    there = {"production_frontend": "X=1"} if values[1] == "-" else {PROD: f"{name}={filled(values[1])}"}
    found = drift(tmp_path, **{DEV: f"{name}={filled(values[0])}"}, **there)
    found = found[found["secret"] == name]
    assert (
        rows(found, "environments", "environment", "other_environment", "relation", "expected")
        == [("development", "production", relation, "different")][: bool(relation)]
    )


@pytest.mark.parametrize(
    ("host", "server"), [("db.internal", {"user": "different", "host": "same"}), ("localhost", {})]
)
def test_components_of_a_url_are_compared_apart(tmp_path: Path, host: str, server: dict[str, str]) -> None:
    """Another password on the same host is not the same secret, yet the same host; localhost is no host.

    Sources: docs/rules.md#rule-66, docs/rules.md#rule-70.
    """
    urls = [f"DATABASE_URL=postgresql://{user}:{value}@{host}/app" for user, value in (("a", A), ("b", B))]
    found = drift(tmp_path, **dict(zip((DEV, PROD), urls, strict=True)))
    found = found[found["secret"] == "DATABASE_URL"]
    assert rows(found, "environments", "component", "relation", "expected") == [
        (part, relation, "different") for part, relation in {"password": "different", **server}.items()
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
