"""Start-up validation: the guide's rules as a table of cases, strictness, sources, and what is loaded."""

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.rotation.validation import FORBIDDEN, validate
from audit_lib.settings import bundled_policy
from tests.support.fakes import fake_value
from tests.support.rotating_project import made_value

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
POLICY = bundled_policy("paiid")
GOOD = {name: made_value(name, "good") for name in CASES["good"]}
FAKES = {
    "{same}": fake_value("same"),
    "{live}": "AK" + fake_value("live", 18, "ABCDEFG0123456789"),
    "{forbidden}": FORBIDDEN,
} | {f"{{of {length}}}": fake_value(1, length) for length in (19, 20, 31, 32)}


def _run(*words: str, given: str = "", environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *words], input=given, env=environ, catch_exceptions=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that names the guide's policy and holds nothing else."""
    env = '[[env]]\npath = "backend/.env"\nenvironment = "production"\nservice = "backend"\n'
    (tmp_path / "audit.toml").write_text(f'extends = "paiid"\n{env}', "utf-8")
    return tmp_path


@pytest.mark.parametrize(("changed", "environment", "faults"), CASES["rules"])
def test_each_rule_of_the_guide(changed: dict[str, str], environment: str, faults: dict[str, str]) -> None:
    """Each rule of the guide makes exactly its own variable invalid, and no message holds a value."""
    changed, faults = (
        {name: re.sub(r"\{.*?\}", lambda found: FAKES[found[0]], text) for name, text in one.items()}
        for one in (changed, faults)
    )
    values = {name: value for name, value in (GOOD | changed).items() if value}
    found = validate(values, POLICY, environment, "backend")
    assert {one.name: one.fault for one in found.invalid} == faults
    assert bool(found) is not bool(faults)
    shown = "\n".join(found.lines) + repr(found)
    assert not [name for name, value in values.items() if len(value.strip()) > 3 and value in shown]


def test_what_is_not_known_or_not_there_is_not_valid() -> None:
    """A variable whose value depends on the loader does not pass. Of a policy that requires nothing, and no
    value, the line does not say that all is well."""
    found = validate(GOOD, POLICY, "production", "backend", frozenset({"API_TOKEN"}))
    assert [one.name for one in found.invalid] == ["API_TOKEN"]
    policy = replace(POLICY, secrets=tuple(replace(rule, required="optional") for rule in POLICY.secrets))
    (line,) = validate({}, policy, "development", "backend").lines
    assert line == "No secret was validated (development/backend: none is set, and the policy requires none)"


@pytest.mark.parametrize(("words", "environ", "code"), CASES["strictness"])
def test_strictness(project: Path, words: list[str], environ: dict[str, str], code: int) -> None:
    """A failure stops the start by flag, by the variable, and by the signs of production; else it is said."""
    known = ("--project", str(project), "--service", "backend")
    done = _run(*known, *words, given="STRICT_SECRET_VALIDATION=true\n", environ={"API_TOKEN": "x"} | environ)
    assert (done.exit_code, "The start goes on" in done.stderr) == (code, code == 0)
    assert "SECRET VALIDATION FAILED!" in done.stderr
    assert "JWT_SECRET_KEY (REQUIRED): is missing or empty" in done.stderr


@pytest.mark.parametrize(("words", "fault"), CASES["faults"])
def test_nothing_is_validated_by_mistake(project: Path, words: list[str], fault: str) -> None:
    """Without a service that the policy knows there is no success, but a fault of the command."""
    done = _run("--project", str(project), *words, environ=GOOD)
    assert (done.exit_code, fault in done.stderr) == (2, True)


def test_it_loads_neither_pandas_nor_a_notebook() -> None:
    """Nor lists of words: whoever imports the function pays for the rules alone, in front of a server."""
    program = (
        "import sys; from audit_lib.rotation.validation import FORBIDDEN, validate;"
        "sys.exit(len({'pandas', 'IPython', 'nbformat', 'zxcvbn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
