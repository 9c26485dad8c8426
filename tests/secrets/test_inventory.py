"""The inventory sets what is held beside what is expected; what was not supplied is never "missing"."""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project, SecretRule
from tests.support.fakes import fake_value

TOKEN = fake_value("token")
PASSWORD = fake_value("password", 24)
RULES = (
    SecretRule(
        name="API_TOKEN",
        service="backend",
        kind="secret",
        required="always",
        aliases=("TOKEN",),
        min_length=20,
        good_length=43,
        format="url-safe",
        max_age_days=90,
    ),
    SecretRule(
        name="DATABASE_URL",
        service="backend",
        kind="secret",
        required="production",
        required_in=("production",),
        component="password",
        min_length=20,
        classes=("lower", "symbol"),
        defaults=("postgres",),
        placeholders=("*@db.example.com*",),
    ),
    SecretRule(
        name="PUBLIC_URL",
        service="frontend",
        kind="setting",
        required="always",
        expected={"development": "http://localhost:1"},
        environment_formats={"production": "https"},
    ),
)
POLICY = Policy(
    name="p",
    path=Path("p.toml"),
    sha256="",
    secrets=RULES,
    formats={"url-safe": r"\A(?:[A-Za-z0-9_-]+)\Z", "https": r"\A(?:https://.+)\Z"},
    placeholders=("*change-me*", "<*>"),
    public_prefixes=("PUBLIC_",),
    secret_names=("*_KEY",),
    secret_url_names=("*_DSN",),
)


def inventory(root: Path, *given: GivenValues, **files: str) -> pd.DataFrame:
    """The inventory of a project whose env files are `environment_service="text"`."""
    sources = []
    for name, text in files.items():
        environment, service = name.split("_")
        path = f"{name}.env"
        (root / path).write_text(text)
        example = environment == "example"
        sources.append(EnvSource("" if example else environment, service, path, example=example))
    project = Project("app", root, environments=("development",), env_sources=tuple(sources))
    keeper = Keeper(Key(b"k" * 32, "demo"))
    read, entries = read_env_sources(project, given, keeper, POLICY)
    return tabulate_inventory(entries, POLICY, project, keeper, read)


def one(frame: pd.DataFrame, secret: str, environment: str = "development") -> dict[str, object]:
    """The one row of a secret in an environment."""
    (row,) = frame[(frame["secret"] == secret) & (frame["environment"] == environment)].to_dict("records")
    return row


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("API_TOKEN=@\n", "present"),
        ("TOKEN=@\n", "present"),
        ("API_TOKEN=\n", "empty"),
        ("# API_TOKEN=@\n", "missing"),
        ("OTHER=1\n", "missing"),
        ("", "missing"),
        ("API_TOKEN=\nAPI_TOKEN=@\n", "present"),
        ("API_TOKEN=@\nAPI_TOKEN=\n", "empty"),
    ],
)
def test_a_variable_is_present_empty_or_missing(tmp_path: Path, text: str, state: str) -> None:
    """The last line counts, a comment does not; of a file that was read the rest is missing."""
    row = one(inventory(tmp_path, development_backend=text.replace("@", TOKEN)), "API_TOKEN")
    assert row["state"] == state
    assert pd.isna(row["placeholder"]) == (state != "present")


def test_what_was_not_supplied_is_not_missing(tmp_path: Path) -> None:
    """Of a place without a source nothing is known."""
    assert one(inventory(tmp_path), "API_TOKEN")["state"] == "not supplied"
    assert one(inventory(tmp_path), "API_TOKEN")["source"] == "--env development/backend"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TOKEN, {"length": "ok", "format_ok": True, "placeholder": False, "strength_bits": 258.0}),
        (TOKEN[:30], {"length": "below good", "format_ok": True}),
        ("short", {"length": "short", "format_ok": True}),
        (TOKEN + "!", {"length": "ok", "format_ok": False}),
        ("change-me", {"placeholder": True}),
        ("<token>", {"placeholder": True}),
    ],
)
def test_a_value_is_judged_by_its_rule(tmp_path: Path, value: str, expected: dict[str, object]) -> None:
    """Length, format, placeholder and strength are those of the value."""
    row = one(inventory(tmp_path, development_backend=f"API_TOKEN={value}\n"), "API_TOKEN")
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"postgresql://app:{PASSWORD}@h/db",
            {
                "component": "password",
                "length": "ok",
                "url_ok": True,
                "default_ok": True,
                "placeholder": False,
            },
        ),
        (
            "postgresql://postgres:postgres@h/db",
            {"default_ok": False, "length": "short", "classes_ok": False},
        ),
        (f"postgresql://app:{PASSWORD}@db.example.com/db", {"placeholder": True}),
        ("postgresql://app:change-me@h/db", {"placeholder": True}),
        (f"postgresql://app:{PASSWORD}@@h/db", {"url_ok": False}),
        ("postgresql://app@h/db", {"kind": "secret", "length": "short", "strength_bits": 0.0}),
        ("sqlite:///local.db", {"kind": "setting", "length": ""}),
        (TOKEN, {"component": "whole", "kind": "secret", "strength_bits": 258.0}),
    ],
)
def test_of_a_url_the_password_is_judged(tmp_path: Path, url: str, expected: dict[str, object]) -> None:
    """The password is the secret; what is no URL may be one as a whole, a local file holds none."""
    row = one(inventory(tmp_path, development_backend=f"DATABASE_URL={url}\n"), "DATABASE_URL")
    assert {name: row[name] for name in expected} == expected


def test_unlisted_variables_that_look_like_secrets(tmp_path: Path) -> None:
    """A name of the policy's patterns, a URL with a password, a second name; others are settings."""
    text = (
        f"STRIPE_KEY={fake_value(1)}\nCACHE_DSN=redis://:{PASSWORD}@h\nPLAIN_DSN=redis://h\nPORT=80\n"
        f"API_TOKEN={TOKEN}\nTOKEN={TOKEN}\nPUBLIC_URL=https://a\n"
    )
    found = inventory(tmp_path, development_backend=text).set_index("variable")
    kinds = {"STRIPE_KEY": "unlisted", "CACHE_DSN": "unlisted", "PLAIN_DSN": "setting", "PORT": "setting"}
    assert {name: found.loc[name, "kind"] for name in kinds} == kinds
    assert found.loc["TOKEN", ["secret", "kind"]].tolist() == ["TOKEN", "unlisted"]
    assert found.loc["STRIPE_KEY", "max_age_days"] == 90
    elsewhere = found[found["service"] == "backend"].loc["PUBLIC_URL"]
    assert elsewhere[["secret", "kind", "required", "demanded"]].tolist() == [
        "PUBLIC_URL",
        "setting",
        "",
        False,
    ]


def test_a_secret_stays_one_whatever_the_policy_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting with a generated value or a password in it is a secret that nobody listed."""
    names = ("MAIL_KEY", "FEED", "LIMIT", "KEY_PATH")
    rules = tuple(SecretRule(name=name, service="backend", kind="setting", required="") for name in names)
    monkeypatch.setattr(sys.modules[__name__], "POLICY", replace(POLICY, secrets=(*RULES, *rules)))
    text = f"MAIL_KEY={fake_value(7)}\nFEED=https://a:{PASSWORD}@h/\nLIMIT=10\nKEY_PATH={fake_value(8)}\n"
    found = inventory(tmp_path, development_backend=text).set_index("variable")["kind"]
    assert [found[name] for name in names] == ["unlisted", "unlisted", "setting", "setting"]


def test_values_of_examples_are_templates(tmp_path: Path) -> None:
    """A value or a URL password that an example shows is a template; without an example it is not known."""
    text = f"API_TOKEN={TOKEN}\nDATABASE_URL=postgresql://me:{PASSWORD}@h/db\n"
    shown = f"API_TOKEN=\nDATABASE_URL=postgresql://you:{PASSWORD}@other/db\n"
    found = inventory(tmp_path, development_backend=text, example_backend=shown)
    assert [one(found, name)["template"] for name in ("API_TOKEN", "DATABASE_URL")] == [False, True]
    assert pd.isna(one(inventory(tmp_path, development_backend=text), "API_TOKEN")["template"])


def test_two_values_in_one_place_are_both_judged(tmp_path: Path) -> None:
    """The later file's value counts; the other one has a row of its own, and a setting has none."""
    other = fake_value("other", 12)
    (tmp_path / ".env").write_text(f"API_TOKEN={other}\nPORT=1\nDATABASE_URL=postgresql://a:{PASSWORD}@x/a\n")
    (tmp_path / ".env.local").write_text(
        f"API_TOKEN={TOKEN}\nPORT=2\nDATABASE_URL=postgresql://a:{PASSWORD}@y/a\n"
    )
    sources = tuple(EnvSource("production", "backend", name) for name in (".env", ".env.local"))
    project, keeper = Project("p", tmp_path, env_sources=sources), Keeper(Key(b"k" * 32, "demo"))
    read, entries = read_env_sources(project, (), keeper, POLICY)
    table = tabulate_inventory(entries, POLICY, project, keeper, read)
    tokens = table[(table["secret"] == "API_TOKEN") & (table["environment"] == "production")]
    assert tokens[["service", "source", "length"]].to_numpy().tolist() == [
        ["backend", ".env.local", "ok" if len(TOKEN) >= 43 else "below good"],
        ["backend (.env)", ".env", "short"],
    ]
    assert set(table.loc[table["service"].str.endswith(")"), "secret"]) == {"API_TOKEN"}
