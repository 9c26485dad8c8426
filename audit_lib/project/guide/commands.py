"""What the commands that a guide prints do with values: show them, copy them, miss them, change nothing."""

import re
from collections.abc import Iterator
from itertools import product

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.project.guide.catalogue import is_secret
from audit_lib.project.guide.text import Guide, Line, Statement, agrees
from audit_lib.project.policy.rules import Policy

_PROGRAM = re.compile(r"[ \t]*(?:[$>#] )?(?:sudo )?([a-z][\w.-]{0,30})(?=\s|$)")
_SPANS = re.compile(r"(?<!`)`([^`\n]{3,300})`(?!`)")
_ENV_FILE = r"(?:[\w./*-]*/)?[\w*-]*\.env(?:\.(?!example|sample|template|dist)[\w.*-]+)?(?=[\s;|)]|$)"
_EXPANDED = re.compile(r"\$\{?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b")
# Builtins of the shell: what they are given is no argument of a process.
_BUILTINS = frozenset(
    ("echo", "printf", "export", "test", "set", "unset", "read", "if", "while", "for", "source", "local")
)
_SHOWS = (
    (
        re.compile(rf"^(?:e?grep|rg|ag)\b(?!.*\s-\w*[cqlL]).*\s{_ENV_FILE}"),
        "prints the values that it finds in an env file",
    ),
    (
        re.compile(rf"^(?:cat|less|more|head|tail|bat)\b[^<>|]*\s{_ENV_FILE}"),
        "prints the values of an env file",
    ),
    (
        re.compile(r"(?i)\b(?:alter|create) (?:user|role)\b.{0,80}\bpassword\s*'"),
        "puts a password into the history of the client and the log of the server",
    ),
    (
        re.compile(r"^git log\b.*\s(?:-p|--patch)\b.*\|\s*e?grep\b(?!.*\s-\w*[cql])"),
        "prints the values that it finds in the history",
    ),
    (
        re.compile(r"\s--(?:password|token|api-key|from-literal)=(?![$<\[{\s])"),
        "takes a value as an argument, which other processes can read",
    ),
)
_NARROW = re.compile(r"^git log\b(?!.*--all)(?:.*\s(?:-p|--patch)\b.*\|\s*e?grep|.*\s-[SG])")
_COPY = re.compile(rf"^cp\b.*\s{_ENV_FILE}\s+\S*(?:bak|backup|old|orig|copy|save)\S*")
_EDITS_NOTHING = re.compile(r"\s*([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)=\$\{?[A-Z_]+\}?\s*")
_NAMES_FILE = re.compile(r"\s*#.*\.env\b")
_OBSOLETE = (
    (
        "git filter-branch",
        "git's own documentation advises against git filter-branch; git filter-repo replaces it",
    ),
    (
        "could not connect to server",
        "clients of PostgreSQL 14 and newer write another text: connection to server at",
    ),
    ("pydantic.ValidationError", "pydantic 2 writes another name: pydantic_core"),
)
_ADVISED_AGAINST = re.compile(r"(?i)deprecat|obsolete|instead of|no longer|older|do not use|don't use|avoid")
_FOLDER = re.compile(r"(?<![\w./-])((?:[\w-]{1,40}/)?)\.env\b")
_PATTERN = re.compile(r"!?[\w./*-]{1,100}")
MOST_NAMES = 200
_VARIANTS = ("", ".local", ".development", ".staging", ".production", ".production.local", ".bak", ".backup")


def commands_are_safe(guide: Guide, policy: Policy) -> Iterator[Statement]:
    """What each command of the guide does with values, and whether it does what it is for."""
    for line, command, program in _commands(guide):
        shown = next((words for pattern, words in _SHOWS if pattern.search(command)), "")
        passed = [name for name in _EXPANDED.findall(command) if is_secret(name, policy)]
        if not shown and passed and program not in _BUILTINS and "<<<" not in command:
            shown = f"takes {passed[0]} as an argument, which other processes can read"
        yield agrees("command", program or "SQL", line.number, shown, agreed=not shown)
        if re.match(r"git log\b", command):
            reason = "searches the current branch alone"
            yield agrees("history search", "git log", line.number, reason, agreed=not _NARROW.search(command))
        if program == "cp" and re.search(_ENV_FILE, command):
            reason = "copies values into a file in clear"
            yield agrees("copy", "cp", line.number, reason, agreed=not _COPY.search(command))
    yield from _assignments(guide)
    yield from _obsolete(guide)
    yield from _ignored(guide)


def _commands(guide: Guide) -> Iterator[tuple[Line, str, str]]:
    """Each command: a line of a code block, or code within prose; with the program that it begins with."""
    for line in guide.lines:
        for text in [line.text] if line.block else _SPANS.findall(line.text):
            found = _PROGRAM.match(text)
            command = text[found.start(1) :] if found else text
            if found and (" " in command.strip()):
                yield line, command, found[1]
            elif any(pattern.search(text) for pattern, _ in _SHOWS):
                yield line, text, ""


def _assignments(guide: Guide) -> Iterator[Statement]:
    """Whether a line under a comment that names an env file changes that file: an assignment does not."""
    for line in guide.code():
        found = _EDITS_NOTHING.fullmatch(line.text)
        if found and _NAMES_FILE.match(line.comment):
            reason = "sets a variable of the shell; a file that it is pasted into holds the reference"
            yield Statement("assignment", found[1], "no", line.number, reason, found[1])


def _obsolete(guide: Guide) -> Iterator[Statement]:
    """Whether the guide relies on what has been replaced."""
    for old, words in _OBSOLETE:
        for line in guide.lines:
            if old in line.text and not _ADVISED_AGAINST.search(line.text):
                yield Statement("obsolete", old, "no", line.number, words)


def _ignored(guide: Guide) -> Iterator[Statement]:
    """Whether a list of patterns that git is to ignore has the usual names of env files."""
    folders = {found for line in guide.lines for found in _FOLDER.findall(line.text)} | {""}
    usual = [f"{folder}.env{end}" for folder, end in product(sorted(folders), _VARIANTS)][:MOST_NAMES]
    before = {line.number: line.text for line in guide.lines}
    for block in guide.blocks():
        patterns = [line.text.strip() for line in block if not line.text.lstrip().startswith("#")]
        patterns = [one for one in patterns if one]
        said = " ".join(
            [*(before.get(block[0].block - back, "") for back in (1, 2)), *(line.text for line in block)]
        )
        listed = "gitignore" in said.lower() and all(_PATTERN.fullmatch(one) for one in patterns)
        if listed and any(".env" in one for one in patterns):
            missed = [path for path in usual if not any(_matches(one, path) for one in patterns)]
            reason = (
                f"{len(missed)} of {len(usual)} usual names are not covered, such as {', '.join(missed[:3])}"
            )
            yield agrees("ignored", "env files", block[0].number, reason, agreed=not missed)


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern of .gitignore covers a path: one without a slash covers the name in every folder."""
    anchored = "/" in pattern.rstrip("/")
    return matches_glob(path if anchored else path.rpartition("/")[2], (pattern.strip("/"),))
