"""The texts that a reader sees are plain English: no phrase of the old dialect, short sentences in help."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.test_help import ALL
from tests.support.paths import ROOT

# What not to say, and what to say instead.
BANNED = {
    r"\bis none of\b": "must be one of",
    r"\bis no\b(?! longer)": "is not a",
    r"\bthere is none\b": "none",
    r"\bat hand\b": "available, supplied",
    r"\btells?\b|\btold\b": "report",
    r"\bmend(s|ed)?\b": "fix",
    r"\bgravest\b": "most severe",
    r"\blies?\b": "is",
    r"\bstands?\b(?! out)": "is",
    r"(^|[.;:,] )where\b(?! clause)": "if",
}
ALLOWED = {"not told"}  # a word of a frame
ELSEWHERE = ("sample/",)  # its texts are those of a made-up application
MOST_WORDS = 25

_LIBRARY = ROOT / "audit_lib"
MODULES = [
    module
    for module in sorted(_LIBRARY.rglob("*.py"))
    if not module.relative_to(_LIBRARY).as_posix().startswith(ELSEWHERE)
]
POLICIES = sorted((_LIBRARY / "settings" / "policies").glob("*.toml"))


def texts(source: str) -> Iterator[str]:
    """Every string constant of a module that is not a docstring; the parts of an f-string together."""
    tree = ast.parse(source)
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield "".join(parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def faults(text: str) -> list[str]:
    """The phrases in a text that a native reader stumbles over, each with the better one."""
    if text in ALLOWED or " " not in text.strip():  # a single word is a key
        return []
    return [f"{text!r}: say {say!r}" for bad, say in BANNED.items() if re.search(bad, text, re.IGNORECASE)]


def test_no_text_is_in_dialect() -> None:
    """Errors, evidence, remedies, headings and help use the words of the guide."""
    wrong = {
        module.relative_to(_LIBRARY).as_posix(): [
            fault for text in texts(module.read_text("utf-8")) for fault in faults(text)
        ]
        for module in MODULES
    }
    assert {module: found for module, found in wrong.items() if found} == {}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.name)
def test_no_bundled_policy_is_in_dialect(policy: Path) -> None:
    """Questions, remedies and definitions of the bundled policies are shown to people."""
    shown = re.findall(r'"([^"]+)"', policy.read_text("utf-8"))
    assert [fault for text in shown if " " in text for fault in faults(text)] == []


@pytest.mark.parametrize("text", ["x: is none of a", "no key is at hand", "no; where none is", "Mend it."])
def test_the_dialect_is_recognised(text: str) -> None:
    """The scan sees what it is to see."""
    assert faults(text)


@pytest.mark.parametrize("name", sorted(set(ALL)))
def test_help_has_short_sentences(name: str) -> None:
    """No sentence of a command's help has more than 25 words, and each begins with a capital."""
    command = ALL[name]
    options = [one.help or "" for one in command.params if isinstance(one, click.Option)]
    paragraphs = [*re.split(r"\n\s*\n", command.help or ""), *options]
    sentences = [
        sentence for text in paragraphs for sentence in re.split(r"(?<=[.;:])\s+", " ".join(text.split()))
    ]
    assert [one for one in sentences if len(one.split()) > MOST_WORDS] == []
    assert [text for text in paragraphs if text.strip()[:1].islower()] == []
