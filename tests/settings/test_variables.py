"""Variables that a text mentions, in env files and in code, and what each is likely to be."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from audit_lib.settings import bundled_policy, load_project, variables
from tests.support.applications import write
from tests.support.fakes import fake_value

BESIDE = Path(__file__).with_name
ROWS, NAMES = (tomllib.loads(BESIDE(name).read_text("utf-8")) for name in ("reads.toml", "names.toml"))
BY_NAME = [(name, [], kind) for kind, names in NAMES["kinds_by_name"] for name in names.split()]
MADE = {"RANDOM": fake_value(1), "HEX": fake_value(4, 32, "0123456789abcdef")}


@pytest.mark.parametrize(("path", "text", "expected"), ROWS["reads"])
def test_code_is_read_for_names(path: str, text: str, expected: list[list[Any]]) -> None:
    """Each way of reading the environment gives name, line, if it is needed, what is no secret, length."""
    found, none = variables.in_code(text, path, []), ("", [0, False])
    seen = ((one, [it for it in (one.form, [*one.length]) if it not in none]) for one in found)
    assert sorted([one.name, one.line, one.needed, *more] for one, more in seen) == expected


def test_an_example_shows_optional_variables_in_comments() -> None:
    """An example's variable is not needed without a value, or in a comment; a live file's comment is none."""
    text = "# About it\nA_KEY=\n\n# B_KEY=x\n#C_KEY=\n# a sentence with an = sign\n\n export D_KEY='x'\n"
    found = [(m.name, m.line, m.needed) for m in variables.in_env_text(text, ".env.example", example=True)]
    assert found == [("A_KEY", 2, False), ("B_KEY", 4, False), ("C_KEY", 5, False), ("D_KEY", 8, True)]
    assert [m.name for m in variables.in_env_text(text, ".env", example=False)] == ["A_KEY", "D_KEY"]


def test_a_line_of_a_value_does_not_pass_for_a_name() -> None:
    """Lines of a multi-line value, quoted or not, give no name."""
    body = "\n".join(line[:-1] + "=" for line in [fake_value(number, 64) for number in range(3)])
    quoted = f'PEM_KEY="-----BEGIN-----\n{body}\n-----END-----"\n'
    for text in (quoted, quoted.replace('"', "")):
        assert [m.name for m in variables.in_env_text(text, ".env.example", example=True)] == ["PEM_KEY"]


@pytest.mark.parametrize(("path", "text", "optional"), ROWS["optional"])
def test_a_default_makes_a_variable_optional(path: str, text: str, optional: str) -> None:
    """A default in code, no value in an example, or a line in its comments: the application runs without."""
    text = re.sub(r" ([abc]):", r" \1_key:", re.sub(r"\b([A-F])\b", r"\1_KEY", text))
    found = variables.in_code(text, path, [])
    if path.startswith(".env"):
        found = variables.in_env_text(text, path, example=True)
    assert sorted(one.name for one in found if one.optional) == [f"{name}_KEY" for name in optional.split()]


def test_what_is_no_python_is_not_read_in_full(tmp_path: Path) -> None:
    """A Python file that cannot be parsed is named, so that nobody says that nothing there reads a name."""
    deep = f"class S(BaseSettings):\n    a_key: int = 1{' + 1' * 2_000}\n"
    write(tmp_path, {"deep.py": deep, "old.py": 'print "x"\n', "new.py": 'print("x")\n'})
    unread = variables.read_code(load_project(tmp_path)).unread
    assert [*map(str, unread)] == [f"{one}.py: is not Python that can be parsed" for one in ("deep", "old")]


@pytest.mark.parametrize(("path", "text", "lines"), ROWS["dynamic"])
def test_a_read_without_a_name_is_counted(path: str, text: str, lines: list[str], tmp_path: Path) -> None:
    """A key in a variable, and the whole environment handed on, are lines; a name in the text is none."""
    assert list(variables.read_code(load_project(write(tmp_path, {path: text}))).dynamic) == lines


@pytest.mark.parametrize(("name", "values", "kind"), [*BY_NAME, *NAMES["kinds"]])
def test_a_name_and_its_values_make_a_kind(name: str, values: list[str], kind: str) -> None:
    """A secret's word decides alone; else a value that can only be a setting, or a secret beside its id."""
    forms = [it if it == "setting" else variables.form_of(it.format(**MADE)) for it in values]
    name, *beside = name.split()
    assert variables.likely_kind(name, forms, bundled_policy("generic"), beside)[0] == kind


@pytest.mark.parametrize(("name", "other", "together"), NAMES["stores"])
def test_two_names_may_be_of_one_store(name: str, other: str, together: bool) -> None:
    """A password and an address of one store belong together, whatever each is called."""
    assert variables.of_one_store(name, other) is variables.of_one_store(other, name) is together


def test_a_provider_s_key_is_told_from_the_application_s_own() -> None:
    """What another issues cannot be made here: a rotation gets it there."""
    issued, own = NAMES["issued"].split(), NAMES["own"].split()
    assert [name for name in (*issued, *own) if variables.is_issued(name, "shop")] == issued
