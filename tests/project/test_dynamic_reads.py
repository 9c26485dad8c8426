"""Reads of the environment that name no variable are told from those that do."""

import pytest

from audit_lib.project.dynamic_reads import dynamic_reads


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("a.py", 'import os\nos.environ[name]\nos.environ.get(f"A_{x}")\nos.getenv(key, "x")\n', [2, 3, 4]),
        ("a.py", 'os.environ["A"]\nos.environ.get("A")\nos.getenv("A")\n"A" in os.environ\n', []),
        ("a.py", "os.environ[name] = value\n", []),
        ("a.py", "run(env={**os.environ})\nos.environ.copy()\n", [1, 2]),
        ("a.py", 'getattr(settings, name)\ngetattr(settings, "A")\ngetattr(os.environ, x)\n', [1, 3, 3]),
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
