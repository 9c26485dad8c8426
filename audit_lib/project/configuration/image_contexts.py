"""Whether a Dockerfile takes env files along: what it copies, less what .dockerignore leaves out.

Source: Docker's documentation of the build context: patterns are relative to it, the last that matches
counts, `!` takes back.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from audit_lib.project.configuration.answers import Answer

_DOCKERFILE = re.compile(r"(?i)(.+\.)?(docker|container)file(\..+)?")
# COPY or ADD with what follows, also on lines that continue it.
_COPIES = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(?:copy|add)[ \t]+((?:\\[ \t\r]*\n|[^\n])+)")
MOST_PATTERNS = 1_000
MOST_STARS = 6  # of a pattern: more cost too much, and nobody writes them
UNREAD = ".dockerignore cannot be read"
ELSEWHERE = "it is built from a folder that is not known"
VARIABLE = "what it copies is not plain text"


def is_dockerfile(name: str) -> bool:
    """Whether a file's name is that of a Dockerfile."""
    return _DOCKERFILE.fullmatch(name) is not None and not name.endswith(".dockerignore")


def image_answers(
    source: str, text: str, ignore: str | None, env_files: list[str], context: str
) -> Iterator[Answer]:
    """Of each env file in the context whether it stays out.

    `ignore` is None if it cannot be read, and `context` "" if it is not known: then nothing is.
    """
    if not context:
        yield Answer("image context", source, source, "unknown", reason=ELSEWHERE)
        return
    copied = [
        (word, text.count("\n", 0, found.start()) + 1)
        for found in _COPIES.finditer(text)
        for word in _sources(found[1])
    ]
    for path in env_files:
        if PurePosixPath(path).is_relative_to(context):
            inside = str(PurePosixPath(path).relative_to(context))
            answer, line, reason = _answer(inside, copied, ignore)
            yield Answer("image context", source, path, answer, line=line, reason=reason)


def _sources(words: str) -> list[str]:
    """What an instruction takes from the context: nothing if it copies from another stage."""
    plain = re.sub(r"\\[ \t\r]*\n", " ", words)
    listed = re.search(r"(?:^|\s)\[(.*)\]\s*$", plain)  # as JSON
    if listed:
        plain = f"{plain[: listed.start()]} " + re.sub(r'[",]', " ", listed[1])
    if any(word.startswith("--from") for word in plain.split()):
        return []
    return [word for word in plain.split() if not word.startswith("--")][:-1]


def _answer(inside: str, copied: list[tuple[str, int]], ignore: str | None) -> tuple[str, int | None, str]:
    """Whether a file stays out, the line that takes it, and why that is not known."""
    taken = [(line, _takes(word, inside)) for word, line in copied]
    line = next((line for line, takes in taken if takes is not False), None)
    if line is None:
        return "yes", None, ""
    if ignore is None:
        return "unknown", line, UNREAD
    patterns = [one.strip() for one in ignore.splitlines()]
    patterns = [one for one in patterns if one and not one.startswith("#")]
    if len(patterns) > MOST_PATTERNS or not all(map(_is_plain, patterns)):
        return "unknown", line, f"{UNREAD} in full"
    if _left_out(inside, patterns):
        return "yes", line, ""
    certain = any(takes for _, takes in taken)
    return ("no", line, "") if certain else ("unknown", line, VARIABLE)


def _takes(word: str, inside: str) -> bool | None:
    """Whether a source of COPY holds the file: its folder, itself, or a pattern for it; None: not known."""
    plain = word.removeprefix("./").rstrip("/") or "."
    if "$" in plain or not _is_plain(plain):
        return None
    return plain == "." or bool(_pattern(plain).match(inside))


def _is_plain(glob: str) -> bool:
    """Whether a pattern has no sign but stars and question marks, and few of them."""
    return not re.search(r"[\[\\]", glob) and glob.count("*") <= MOST_STARS


def _left_out(inside: str, patterns: list[str]) -> bool:
    """Whether the last pattern that matches leaves the file out."""
    out = False
    for line in patterns:
        if _pattern(line.lstrip("!").strip("/")).match(inside):
            out = not line.startswith("!")
    return out


def _pattern(glob: str) -> re.Pattern[str]:
    """A pattern of Go's filepath.Match with `**`, for a path or for what lies below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./"))
    wild = {"**/": r"(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?\Z")
