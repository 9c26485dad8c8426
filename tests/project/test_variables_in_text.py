"""Variables that a text mentions, in env files and in the languages that read their environment."""

import pytest

from audit_lib.project.variables_in_text import in_code, in_env_text
from tests.support.fakes import fake_value


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", 'import os\nos.environ["A_KEY"]\n', [("A_KEY", 2, True)]),
        ("a.py", 'environ.get("A_KEY")\n', [("A_KEY", 1, False)]),
        ("a.py", 'os.getenv("a_key", "x")\n', [("a_key", 1, False)]),
        ("a.py", 'os.environ["A_KEY"] = "x"\n', [("A_KEY", 1, False)]),
        ("a.py", 'env.str("A_KEY")\nenv("B_KEY", default="")\n', [("A_KEY", 1, True), ("B_KEY", 2, False)]),
        ("a.py", 'config("A_KEY")\nconfig("not_one")\n', [("A_KEY", 1, True)]),
        ("a.py", 'os.environ[name]\nos.getenv(f"A_{x}")\nos.getenv()\n', []),
        ("a.py", 'print "x", os.environ["A_KEY"]\n', [("A_KEY", 1, False)]),
        (
            "a.py",
            "class Base(BaseSettings):\n    db_url: str\n    port: int = 1\n    model_config: dict = {}\n"
            'class Live(Base):\n    x: str = Field(alias="LIVE_KEY")\n    _private: str\n',
            [("DB_URL", 2, True), ("PORT", 3, False), ("LIVE_KEY", 6, False)],
        ),
        (
            "a.py",
            'class S(settings.BaseSettings):\n    model_config = C(env_prefix="APP_")\n    key: str\n',
            [("APP_KEY", 3, True)],
        ),
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
)
def test_code_is_read_for_names(path: str, text: str, expected: list[tuple[str, int, bool]]) -> None:
    """Each way of reading the environment gives the variable's name, its line, and whether it is needed."""
    assert [(found.name, found.line, found.needed) for found in in_code(text, path)] == expected


def test_an_example_shows_optional_variables_in_comments() -> None:
    """A commented-out line of an example is a variable that is not needed; in a live file it is a comment."""
    text = "# About this file\nA_KEY=\n\n# B_KEY=x\n#C_KEY=\n# a sentence with an = sign\nexport D_KEY='x'\n"
    found = [(m.name, m.line, m.needed) for m in in_env_text(text, ".env.example", example=True)]
    assert found == [("A_KEY", 2, True), ("B_KEY", 4, False), ("C_KEY", 5, False), ("D_KEY", 7, True)]
    assert [m.name for m in in_env_text(text, ".env", example=False)] == ["A_KEY", "D_KEY"]


def test_a_line_of_a_value_does_not_pass_for_a_name() -> None:
    """Lines of a multi-line value, quoted or not, give no name."""
    lines = [fake_value(number, 64) for number in range(3)]
    body = "\n".join(line[:-1] + "=" for line in lines)
    quoted = f'PEM_KEY="-----BEGIN-----\n{body}\n-----END-----"\n'
    for text in (quoted, quoted.replace('"', "")):
        names = [m.name for m in in_env_text(text, ".env.example", example=True)]
        assert names == ["PEM_KEY"]
