"""Values are compared between places by fingerprint; what is not at hand is unknown."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, Policy, Project, SecretRule
from tests.support.fakes import fake_value

A, B, C = (fake_value(f"drift {letter}") for letter in "ABC")
POLICY = Policy(
    name="p",
    path=Path("p.toml"),
    sha256="",
    secrets=(
        SecretRule("API_TOKEN", "backend", "secret", "always", equals=("PUBLIC_TOKEN",), aliases=("TOKEN",)),
        SecretRule("PUBLIC_TOKEN", "frontend", "secret", "always", equals=("API_TOKEN",)),
        SecretRule("SERVER_KEY", "backend", "secret", "always", differs=("BROWSER_KEY",)),
        SecretRule("BROWSER_KEY", "frontend", "secret", "always"),
        SecretRule("DATABASE_URL", "backend", "secret", "always", component="password"),
        SecretRule("DSN", "backend", "secret", "always", shared=True),
        SecretRule("MODE", "backend", "setting", "always"),
    ),
    placeholders=("change-me",),
    secret_names=("*_KEY",),
)
KEYS = ["secret", "environment", "other_secret", "other_environment"]
Rows = set[tuple[str, ...]]


def drift(root: Path, key: bytes = b"k", **files: str) -> pd.DataFrame:
    """The drift of a project whose env files are `environment_service="text"`."""
    sources = []
    for name, text in files.items():
        environment, service = name.split("_")
        (root / f"{name}.env").write_text(text)
        example = environment == "example"
        sources.append(EnvSource("" if example else environment, service, f"{name}.env", example=example))
    project = Project("app", root, environments=("development",), env_sources=tuple(sources))
    keeper = Keeper(Key(key * 32, "demo"))
    read, entries = read_env_sources(project, (), keeper, POLICY)
    inventory = tabulate_inventory(entries, POLICY, project, keeper, read)
    return compare_places(inventory, entries, POLICY, keeper)


def rows(frame: pd.DataFrame, why: str, *columns: str) -> list[tuple[object, ...]]:
    """The rows of one reason, as tuples of these columns."""
    return list(frame.loc[frame["why"] == why, list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("backend", "frontend", "relation"),
    [
        (f"API_TOKEN={A}", f"export PUBLIC_TOKEN='{A}'", "same"),
        (f"TOKEN={A}", f"PUBLIC_TOKEN={A}", "same"),
        (f"API_TOKEN={A}", f"PUBLIC_TOKEN={B}", "different"),
        (f"API_TOKEN={A}", "PUBLIC_TOKEN=", "unknown"),
        (f"API_TOKEN={A}", "", "unknown"),
        (f"API_TOKEN={A}", "PUBLIC_TOKEN=${X}", "unknown"),
    ],
)
def test_a_pair_must_be_equal(tmp_path: Path, backend: str, frontend: str, relation: str) -> None:
    """A pair is the same or not; if either is absent that is unknown (docs/rules.md#rule-42)."""
    found = drift(tmp_path, development_backend=backend, development_frontend=frontend)
    assert rows(found, "pairing", *KEYS, "relation", "expected") == [
        ("API_TOKEN", "development", "PUBLIC_TOKEN", "development", relation, "same")
    ]


@pytest.mark.parametrize(
    ("backend", "frontend", "relation"),
    [
        (f"SERVER_KEY={A}", f"BROWSER_KEY={A}", "same"),
        (f"SERVER_KEY={A}", f"BROWSER_KEY={B}", "different"),
        (f"SERVER_KEY={A}", "X=1", "different"),
        (f"SERVER_KEY={A}", None, "unknown"),
        (f"SERVER_KEY={A}", "BROWSER_KEY=${X}", "unknown"),
    ],
)
def test_a_pair_must_differ(tmp_path: Path, backend: str, frontend: str | None, relation: str) -> None:
    """What provably is not there cannot be the same; what was not supplied can (docs/rules.md#rule-44)."""
    files = {"development_backend": backend} | ({"development_frontend": frontend} if frontend else {})
    found = drift(tmp_path, **files)
    assert rows(found, "must differ", "relation", "expected") == [(relation, "different")]


@pytest.mark.parametrize(
    ("name", "values", "relation", "expected"),
    [
        ("API_TOKEN", (A, A), "same", "different"),
        ("API_TOKEN", (A, B), "different", "different"),
        ("API_TOKEN", (A, ""), "different", "different"),
        ("API_TOKEN", ("change-me", "change-me"), "same", "any"),
        ("DSN", (A, A), "same", "any"),
        ("MODE", ("x", "x"), "same", "any"),
    ],
)
def test_environments_must_not_share_a_secret(
    tmp_path: Path, name: str, values: tuple[str, str], relation: str, expected: str
) -> None:
    """A secret of its own differs; placeholders, settings and what the policy shares may be equal."""
    found = drift(
        tmp_path, development_backend=f"{name}={values[0]}", production_backend=f"{name}={values[1]}"
    )
    found = found[found["secret"] == name]
    assert rows(found, "environments", "environment", "other_environment", "relation", "expected") == [
        ("development", "production", relation, expected)
    ]


def test_components_of_a_url_are_compared_apart(tmp_path: Path) -> None:
    """Another password on the same host is not the same secret, yet the same host.

    Sources: docs/rules.md#rule-66, docs/rules.md#rule-70.
    """
    found = drift(
        tmp_path,
        development_backend=f"DATABASE_URL=postgresql://dev:{A}@db.internal/app",
        production_backend=f"DATABASE_URL=postgresql://prod:{B}@db.internal/app",
    )
    found = found[found["secret"] == "DATABASE_URL"]
    assert rows(found, "environments", "component", "relation", "expected") == [
        ("password", "different", "different"),
        ("user", "different", "different"),
        ("host", "same", "different"),
        ("database", "same", "any"),
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


def test_a_live_value_in_an_example(tmp_path: Path) -> None:
    """An example that holds a secret in force is a row, under whatever name and as a URL's password too."""
    found = drift(
        tmp_path,
        development_backend=f"API_TOKEN={A}\nDATABASE_URL=postgresql://u:{B}@h/db\nMODE=1\nSERVER_KEY=change-me",
        example_backend=f"OTHER={A}\nDATABASE_URL=postgresql://x:{B}@y/z\nMODE=1\nSERVER_KEY=change-me\nEMPTY=",
    )
    assert rows(found, "example", "secret", "other_secret", "other_environment", "relation", "expected") == [
        ("API_TOKEN", "OTHER", "", "same", "different"),
        ("DATABASE_URL", "DATABASE_URL", "", "same", "different"),
    ]
