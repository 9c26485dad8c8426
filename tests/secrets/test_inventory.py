"""What is held beside what is expected, and values beside each other: what is not supplied is not known."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.inventory import Inventory, compare_places, tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project, SecretRule
from tests.support.fakes import fake_value
from tests.support.rows import data

TOKEN, OTHER = fake_value("token"), fake_value("other", 12)
PASSWORD = fake_value("password", 24)
MARKS = {"@T": TOKEN, "@S": TOKEN[:30], "@P": PASSWORD, "@O": OTHER}
CASES = data(Path(__file__).with_suffix(".toml"))


def policy_of(rules: str, **more: Any) -> Policy:
    """A policy of some of the cases' rules."""
    secrets = tuple(SecretRule(**rule) for rule in CASES[rules])
    return Policy("p", Path("p.toml"), "", secrets, secret_names=("*_KEY",), **more)


POLICY = policy_of("rules", **CASES["policy"])


def read_files(root: Path, policy: Policy, *given: GivenValues, **files: str) -> tuple[pd.DataFrame, Keeper]:
    """Inventory and keeper of env files `environment_service="text"`; `…_tracked` is one that git tracks."""
    sources = []
    for name, text in files.items():
        environment, service, *_ = name.split("_")
        (root / (path := name if "." in name else f"{name}.env")).write_text(text)
        example = environment == "example"
        sources.append(EnvSource("" if example else environment, service, path, example=example))
    project = Project("app", root, environments=("development",), env_sources=tuple(sources))
    keeper = Keeper(Key(b"k" * 32, "demo"))
    read, entries = read_env_sources(project, given, keeper, policy)
    read = read.assign(tracked=read["source"].str.contains("tracked"))
    return tabulate_inventory(entries, policy, project, keeper, read), keeper


def inventory(root: Path, *given: GivenValues, **files: str) -> pd.DataFrame:
    """The inventory of a project whose env files are `environment_service="text"`."""
    return read_files(root, POLICY, *given, **files)[0]


def one(frame: pd.DataFrame, secret: str, environment: str, service: str) -> dict[str, Any]:
    """The one row of a secret in a place."""
    is_it = frame[["secret", "environment", "service"]].eq([secret, environment, service]).all(axis=1)
    (row,) = frame[is_it].to_dict("records")
    return {str(name): None if pd.isna(cell) else cell for name, cell in row.items()}


@pytest.mark.parametrize(("files", "name", "expected"), CASES["judged"])
def test_a_variable_is_judged(tmp_path: Path, files: Any, name: str, expected: dict[str, object]) -> None:
    """What is held in a place, development's backend if none is named, and how it is judged."""
    texts = {"development_backend": files} if isinstance(files, str) else files
    for mark, value in MARKS.items():
        texts = {place: text.replace(mark, value) for place, text in texts.items()}
    given = [texts.pop("given")] if "given" in texts else []
    pasted = (GivenValues("development", "backend", "-", text.encode()) for text in given)
    secret, _, place = name.partition(" ")
    row = one(inventory(tmp_path, *pasted, **texts), secret, *(place or "development/backend").split("/"))
    assert {name: row[name] for name in expected} == expected


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
KEYS = ["secret", "environment", "other_secret", "other_environment"]
SHORT = {"dev": "development_backend", "web": "development_frontend", "prod": "production_backend"}
SHORT |= {"prod_web": "production_frontend", "git": "development_backend_tracked"}


def drift(root: Path, **files: str) -> pd.DataFrame:
    """The drift of a project whose env files are `environment_service="text"`."""
    held, keeper = read_files(root, DRIFT_POLICY, **files)
    return compare_places(held, DRIFT_POLICY, keeper)


@pytest.mark.parametrize(("files", "why", "about", "expected"), CASES["compared"])
def test_values_are_compared_across_places(
    tmp_path: Path, files: dict[str, str], why: str, about: str, expected: list[str]
) -> None:
    """Pairs, environments, parts of URLs, one value under several names: the rows about some names
    (docs/rules.md#rule-42, rule-44, rule-61, rule-64, rule-66, rule-70)."""
    for mark, value in {"@A": A, "@B": B, "@C": C}.items():
        files = {place: text.replace(mark, value) for place, text in files.items()}
    found, names = drift(tmp_path, **{SHORT[place]: text for place, text in files.items()}), about.split()
    found = found[found["why"].eq(why) & found["secret"].isin(names) & found["other_secret"].isin(names)]
    columns = [*KEYS, "component", "relation", "expected"]
    assert [" ".join(row) for row in found[columns].to_numpy()] == list(expected)


def test_thousands_of_equal_values_are_compared_with_the_first(tmp_path: Path) -> None:
    """A file of one value under 2,900 names gives 2,899 rows, not millions; no pair of the policy is lost. An
    inventory without a row is compared, too."""
    assert compare_places(Inventory.of([]), DRIFT_POLICY, Keeper(Key(b"k" * 32, "demo"))).empty
    text = "".join(f"N{number}_KEY={A}\n" for number in range(2900)) + f"API_TOKEN={B}\n"
    found = drift(tmp_path, development_backend=text, development_frontend=f"PUBLIC_TOKEN={B}")
    assert found["why"].value_counts()["names"] == 2899
    assert found.loc[found["why"].eq("pairing"), "relation"].tolist() == ["same"]
