"""Variables that a text mentions, in env files and in the languages that read their environment."""

import re
from pathlib import Path

import pytest

from audit_lib.settings import load_project
from audit_lib.settings.code_reads import dynamic_reads, in_code, in_env_text, read_code
from tests.support.applications import write
from tests.support.fakes import fake_value


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", 'import os\nos.environ["A_KEY"]\n', [("A_KEY", 2, True)]),
        ("a.py", 'environ.get("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.py", 'os.getenv("a_key", "x")\n', [("a_key", 1, False)]),
        ("a.py", 'os.environ["A_KEY"] = "x"\n', [("A_KEY", 1, False)]),
        ("a.py", 'def of():\n    return os.environ["A_KEY"]\nos.environ["B_KEY"]\n',
         [("A_KEY", 2, False), ("B_KEY", 3, True)]),
        ("a.py", 'env.str("A_KEY")\nenv("B_KEY", default="")\n', [("A_KEY", 1, True), ("B_KEY", 2, False)]),
        ("a.py", 'config("A_KEY")\nconfig("not_one")\n', [("A_KEY", 1, True)]),
        ("a.py", 'os.environ[name]\nos.getenv(f"A_{x}")\nos.getenv()\n', []),
        ("a.py", 'print "x", os.environ["A_KEY"]\n', [("A_KEY", 1, True)]),
        ("a.py", "class Base(BaseSettings):\n  db_url: str\n  port: int = 1\n  model_config: dict = {}\n"
         'class Live(Base):\n  x: str = Field(alias="LIVE_KEY")\n  _private: str\n',
         [("DB_URL", 2, True), ("LIVE_KEY", 6, False), ("PORT", 3, False)]),
        ("a.py", 'class S(settings.BaseSettings):\n    model_config = C(env_prefix="APP_")\n    key: str\n',
         [("APP_KEY", 3, True)]),
        ("a.py", "class NotSettings(Model):\n    key: str\n", []),
        ("a.js", "process.env.A_KEY || process.env?.B_KEY\n", [("A_KEY", 1, False), ("B_KEY", 1, False)]),
        ("a.ts", 'import.meta.env["A_KEY"]\n', [("A_KEY", 1, False)]),
        ("a.tsx", "const { A_KEY,\n  B_KEY: b } = process.env\n", [("A_KEY", 1, False), ("B_KEY", 1, False)]),
        ("a.svelte", 'import { A_KEY } from "$env/static/private"\n', [("A_KEY", 1, False)]),
        ("a.ts", 'Deno.env.get("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.go", 'os.Getenv("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.rb", "ENV['A_KEY']\nENV.fetch(\"B_KEY\")\n", [("A_KEY", 1, False), ("B_KEY", 2, False)]),
        ("A.java", 'System.getenv("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.php", 'getenv("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.rs", 'std::env::var("A_KEY")\n', [("A_KEY", 1, False)]),
        ("compose.yaml", "x: ${A_KEY:-y}\nz: ${B_KEY}\n", [("A_KEY", 1, False), ("B_KEY", 2, False)]),
        ("render.yaml", "  - key: A_KEY\n    sync: false\n", [("A_KEY", 1, False)]),
    ],
)  # fmt: skip
def test_code_is_read_for_names(path: str, text: str, expected: list[tuple[str, int, bool]]) -> None:
    """Each way of reading the environment gives the variable's name, its line, and whether it is needed."""
    found = [(one.name, one.line, one.needed) for one in in_code(text, path)]
    assert sorted(found) == expected


def test_an_example_shows_optional_variables_in_comments() -> None:
    """A variable without a value in an example, or in a comment there, is not needed; in a live file a
    comment is a comment."""
    text = "# About this file\nA_KEY=\n\n# B_KEY=x\n#C_KEY=\n# a sentence with an = sign\nexport D_KEY='x'\n"
    found = [(m.name, m.line, m.needed) for m in in_env_text(text, ".env.example", example=True)]
    assert found == [("A_KEY", 2, False), ("B_KEY", 4, False), ("C_KEY", 5, False), ("D_KEY", 7, True)]
    assert [m.name for m in in_env_text(text, ".env", example=False)] == ["A_KEY", "D_KEY"]


def test_a_line_of_a_value_does_not_pass_for_a_name() -> None:
    """Lines of a multi-line value, quoted or not, give no name."""
    lines = [fake_value(number, 64) for number in range(3)]
    body = "\n".join(line[:-1] + "=" for line in lines)
    quoted = f'PEM_KEY="-----BEGIN-----\n{body}\n-----END-----"\n'
    for text in (quoted, quoted.replace('"', "")):
        names = [m.name for m in in_env_text(text, ".env.example", example=True)]
        assert names == ["PEM_KEY"]


@pytest.mark.parametrize(
    ("path", "text", "optional"),
    [
        ("a.php", "env('A', 'x'); env('B'); f(getenv('C'), 1)", "A"),
        ("a.js", "process.env.A ?? 1; process.env['B'] || 2; f(process.env.C, 2)", "A B"),
        ("a.ts", "const { A = 1, B: b = 2, C, D: d } = process.env", "A B"),
        ("a.rb", "ENV.fetch('A', 1); ENV['B'] || 2; ENV['C']", "A B"),
        ("a.py", "os.environ.get('A', '')\nenv('B', default=1)\nenv('C')\nos.environ['D']\n", "A B"),
        ("a.py", "class S(BaseSettings):\n  a: str = 'x'\n  b: str = Field(default='')\n  c: str\n", "A B"),
        ("compose.yaml", "${A:-x} ${B-} ${C:?no} ${D} ${E:+x}", "A B"),
        ("run.sh", 'A_DIR="${A:-x}"; [ -z ${B+x} ]; echo $C ${D:?no} ${E}', "A B"),
        (".env.example", "A=\nB=null\nC=False\n# D=x\nE=0\nF=x\n", "A B C D"),
    ],
)
def test_a_default_makes_a_variable_optional(path: str, text: str, optional: str) -> None:
    """A default in code, no value in an example, or a line in its comments: the application runs without."""
    text = re.sub(r"\b([A-F])\b", r"\1_KEY", text).replace(" a:", " a_key:")
    text = text.replace(" b:", " b_key:").replace(" c:", " c_key:")
    found = in_env_text(text, path, example=True) if path.startswith(".env") else in_code(text, path)
    assert sorted(one.name for one in found if one.optional) == [f"{name}_KEY" for name in optional.split()]


def test_what_is_no_python_is_not_read_in_full(tmp_path: Path) -> None:
    """A Python file that cannot be parsed is named, so that nobody says that nothing there reads a name."""
    write(tmp_path, {"old.py": 'print "x"\n', "new.py": 'print("x")\n'})
    unread = read_code(load_project(tmp_path)).unread
    assert [str(fault) for fault in unread] == ["old.py: is not Python that can be parsed"]


def test_a_deployment_file_can_demand_a_value() -> None:
    """`${NAME:?message}` stops compose if there is no value; a plain `${NAME}` does not."""
    found = in_code("${A_KEY:?no} ${B_KEY?} ${C_KEY} ${D_KEY:-x}", "compose.yaml")
    assert [one.name for one in found if one.needed] == ["A_KEY", "B_KEY"]


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("a.py", 'import os\nos.environ[name]\nos.environ.get(f"A_{x}")\nos.getenv(key, "x")\n', [2, 3, 4]),
        ("a.py", 'os.environ["A"]\nos.environ.get("A")\nos.getenv("A")\n"A" in os.environ\n', []),
        ("a.py", "os.environ[name] = value\n", []),
        ("a.py", "run(env={**os.environ})\nos.environ.copy()\n", [1, 2]),
        ("a.py", 'getattr(settings, name)\ngetattr(settings, "A")\ngetattr(os.environ, x)\n', [1, 3]),
        ("a.js", "process.env[key]\nprocess.env[`A_${x}`]\n({ ...process.env })\n", [1, 2, 3]),
        ("a.ts", 'process.env.A\nprocess.env["A"]\nprocess.env?.A\nimport.meta.env.A\n', []),
        ("a.ts", "const { A, B } = process.env\nconst { C, ...rest } = process.env\n", [2]),
        ("a.ts", "const all = import.meta.env\nDeno.env.get(name)\n", [1, 2]),
        ("a.php", "env($key)\nenv('A')\n$_ENV[$x]\n$_ENV['A']\n", [1, 3]),
        ("a.go", 'os.Getenv(name)\nos.Getenv("A")\nos.Environ()\n', [1, 3]),
        ("a.rb", "ENV[name]\nENV['A']\nENV.to_h\n", [1, 3]),
        ("a.sh", "echo ${!name} ${A:-x}\n", [1]),
    ],
)
def test_a_read_without_a_name_is_counted(path: str, text: str, lines: list[int]) -> None:
    """A key in a variable, and the whole environment handed on, are lines; a name in the text is none."""
    assert sorted(dynamic_reads(text, path)) == lines
