"""Start-up validation: the guide's rules as a table of cases, strictness, sources, and what is loaded."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.rotation.validation import FORBIDDEN, validate
from audit_lib.settings import bundled_policy
from tests.support.fakes import fake_value

POLICY = bundled_policy("paiid")
GOOD = {
    "API_TOKEN": fake_value("api"),
    "TRADIER_API_KEY": fake_value("tradier", 28, "abcdefXYZ0123456789"),
    "TRADIER_ACCOUNT_ID": "VA12345678",
    "ALPACA_PAPER_API_KEY": "PK" + fake_value("alpaca", 18, "ABCDEFG0123456789"),
    "ALPACA_PAPER_SECRET_KEY": fake_value("alpaca secret", 40, "abcdefXYZ0123456789"),
    "DATABASE_URL": f"postgresql://paiid:{fake_value('db', 32)}1aA-@db.paiid.internal:5432/paiid",
    "JWT_SECRET_KEY": fake_value("jwt"),
}
LIVE_KEY = "AK" + fake_value("live", 18, "ABCDEFG0123456789")
NEW, OLD = fake_value("same"), fake_value("same")
CASES = {
    "all is well": ({}, "production", {}),
    "missing": ({"API_TOKEN": None}, "development", {"API_TOKEN": "is missing or empty"}),
    "empty": ({"API_TOKEN": " "}, "production", {"API_TOKEN": "is missing or empty"}),
    "the guide's placeholder of API_TOKEN": (
        {"API_TOKEN": "change-me"},
        "production",
        {"API_TOKEN": "is a placeholder, not a real value"},
    ),
    "the guide's placeholder of JWT_SECRET_KEY": (
        {"JWT_SECRET_KEY": "dev-secret-key-change-in-production-please"},
        "development",
        {"JWT_SECRET_KEY": "is a placeholder, not a real value"},
    ),
    "API_TOKEN of 19": (
        {"API_TOKEN": fake_value(1, 19)},
        "production",
        {"API_TOKEN": "must be at least 20 characters long"},
    ),
    "API_TOKEN of 20": ({"API_TOKEN": fake_value(1, 20)}, "production", {}),
    "JWT_SECRET_KEY of 31": (
        {"JWT_SECRET_KEY": fake_value(1, 31)},
        "production",
        {"JWT_SECRET_KEY": "must be at least 32 characters long"},
    ),
    "JWT_SECRET_KEY of 32": ({"JWT_SECRET_KEY": fake_value(1, 32)}, "production", {}),
    "another database": (
        {"DATABASE_URL": f"mysql://a:{fake_value(2, 32)}@db/x"},
        "production",
        {"DATABASE_URL": "must have the format postgresql-url"},
    ),
    "a file as database": ({"DATABASE_URL": "sqlite:///./paiid.db"}, "development", {}),
    "the example's password in development": (
        {"DATABASE_URL": "postgresql://postgres:postgres@localhost:5432/paiid"},
        "development",
        {"DATABASE_URL": "must be at least 20 characters long"},
    ),
    "the example's password in production": (
        {"DATABASE_URL": "postgresql://postgres:postgres@localhost:5432/paiid"},
        "production",
        {"DATABASE_URL": "is a default that everyone knows"},
    ),
    "a live key for paper trading": (
        {"ALPACA_PAPER_API_KEY": LIVE_KEY},
        "production",
        {"ALPACA_PAPER_API_KEY": FORBIDDEN},
    ),
    "one value for two": (
        {"API_TOKEN": NEW, "JWT_SECRET_KEY": OLD},
        "production",
        {
            "API_TOKEN": "must not be the same as JWT_SECRET_KEY",
            "JWT_SECRET_KEY": "must not be the same as API_TOKEN",
        },
    ),
    "an optional one that is short": (
        {"GITHUB_WEBHOOK_SECRET": "abc"},
        "development",
        {"GITHUB_WEBHOOK_SECRET": "must be at least 32 characters long"},
    ),
}


def _run(*words: str, given: str = "", environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *words], input=given, env=environ, catch_exceptions=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that names the guide's policy and holds nothing else."""
    env = '[[env]]\npath = "backend/.env"\nenvironment = "production"\nservice = "backend"\n'
    (tmp_path / "audit.toml").write_text(f'extends = "paiid"\n{env}', "utf-8")
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_each_rule_of_the_guide(case: str) -> None:
    """Each rule of the guide makes exactly its own variable invalid, and no message holds a value."""
    changed, environment, faults = CASES[case]
    values = {name: value for name, value in (GOOD | changed).items() if value is not None}
    found = validate(values, POLICY, environment, "backend")
    assert {one.name: one.fault for one in found.invalid} == faults
    assert bool(found) is not bool(faults)
    shown = "\n".join(found.lines) + repr(found)
    assert not [name for name, value in values.items() if len(value.strip()) > 3 and value in shown]


def test_what_is_not_known_is_not_valid() -> None:
    """A variable whose value depends on the loader does not pass."""
    found = validate(GOOD, POLICY, "production", "backend", frozenset({"API_TOKEN"}))
    assert [one.name for one in found.invalid] == ["API_TOKEN"]


@pytest.mark.parametrize(
    ("words", "environ", "code"),
    [
        ((), {}, 0),
        (("--strict",), {}, 3),
        ((), {"STRICT_SECRET_VALIDATION": "True"}, 3),
        ((), {"STRICT_SECRET_VALIDATION": "1"}, 3),
        ((), {"STRICT_SECRET_VALIDATION": "false"}, 0),
        ((), {"STRICT_SECRET_VALIDATION": "nope"}, 3),
        (("--environment", "production"), {}, 3),
        ((), {"RENDER": "true"}, 3),
        ((), {"RENDER_EXTERNAL_URL": "https://paiid-backend.onrender.com"}, 3),
        ((), {"RENDER_EXTERNAL_URL": "http://localhost"}, 0),
    ],
)
def test_strictness(project: Path, words: tuple[str, ...], environ: dict[str, str], code: int) -> None:
    """A failure stops the start by flag, by the variable, and by the signs of production; else it is said."""
    done = _run(
        "--project", str(project), "--service", "backend", *words, environ={"API_TOKEN": "x"} | environ
    )
    assert done.exit_code == code
    assert "SECRET VALIDATION FAILED!" in done.stderr
    assert "JWT_SECRET_KEY (REQUIRED): is missing or empty" in done.stderr
    assert ("The start goes on" in done.stderr) is (code == 0)


def test_that_nothing_was_there_to_judge_is_no_success() -> None:
    """A policy that requires nothing, and no value: the line does not say that all is well."""
    policy = replace(POLICY, secrets=tuple(replace(rule, required="optional") for rule in POLICY.secrets))
    lines = validate({}, policy, "development", "backend").lines
    assert lines == (
        "No secret was validated (development/backend: none is set, and the policy requires none)",
    )


def test_what_was_declared_strict_in_the_file_holds(project: Path) -> None:
    """The variable that makes a start strict counts where the service reads it: in its env file."""
    done = _run(
        "--project",
        str(project),
        "--service",
        "backend",
        "--env",
        "development/backend=-",
        given="STRICT_SECRET_VALIDATION=true\n",
    )
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "--service: must be one of backend, frontend"),
        (("--service", "backnd"), "--service: must be one of backend, frontend"),
        (("--service", "backend", "--policy", "generic"), "policy generic: lists no secret"),
        (
            ("--service", "backend", "--env", "production/frontend=environ"),
            "--env: gives no value of production/b",
        ),
    ],
)
def test_nothing_is_validated_by_mistake(project: Path, words: tuple[str, ...], fault: str) -> None:
    """Without a service that the policy knows there is no success, but a fault of the command."""
    done = _run("--project", str(project), *words, environ=GOOD)
    assert done.exit_code == 2
    assert fault in done.stderr


def test_it_loads_neither_pandas_nor_a_notebook() -> None:
    """Whoever imports the function pays for the rules alone, so it can run in front of a server."""
    program = (
        "import sys; from audit_lib.rotation.validation import FORBIDDEN, validate;"
        "sys.exit(len({'pandas', 'IPython', 'nbformat'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
