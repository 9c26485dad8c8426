"""Whether a place is in a comment of several lines or a docstring."""

import pytest

from audit_lib.leaks.comments import in_comment


@pytest.mark.parametrize(
    ("path", "text", "within"),
    [
        ("a.js", "/*\nsecret: X\n*/\n", True),
        ("a.js", "/* one */\nsecret: X\n", False),
        ("a.js", "route('/api/*');\nsecret: X\n", False),
        ("a.xml", "<!--\n<secret>X</secret>\n-->\n", True),
        ("a.xml", "<!-- one -->\n<secret>X</secret>\n", False),
        ("a.py", 'def f():\n    """Log in.\n\n    secret: X\n    """\n', True),
        ("a.py", "EXAMPLES = r'''\nsecret: X\n'''\n", True),
        ("a.py", 'CONF = """\nsecret: X\n"""\n', False),
        ("a.py", '"""Log in."""\nsecret = "X"\n', False),
        ("a.kt", 'run(\n"""\nsecret: X\n""")\n', False),
    ],
)
def test_a_comment_goes_on_until_it_ends(path: str, text: str, within: bool) -> None:
    """A text that a variable is given may be in force, and a pattern of paths begins no comment."""
    assert in_comment(text.encode(), text.rindex("X"), path) == within
