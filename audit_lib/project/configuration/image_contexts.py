"""Whether a Dockerfile takes env files along: what it copies, less what .dockerignore leaves out.

Source: Docker's documentation of the build context: patterns are relative to it, the last that matches
counts, `!` takes back. The context is taken to be the Dockerfile's folder, as it is if nothing else is said.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from audit_lib.project.configuration.answers import Answer

_DOCKERFILE = re.compile(r"(?i)(.+\.)?(docker|container)file(\..+)?")
_COPIES = re.compile(r"(?im)^[ \t]*(?:copy|add)[ \t]+((?:--\S+[ \t]+)*)(\S.*)$")
MOST_PATTERNS = 1_000


def is_dockerfile(name: str) -> bool:
    """Whether a file's name is that of a Dockerfile."""
    return _DOCKERFILE.fullmatch(name) is not None and not name.endswith(".dockerignore")


def image_answers(source: str, text: str, ignore: str | None, env_files: list[str]) -> Iterator[Answer]:
    """Of each env file in the Dockerfile's folder whether it stays out; `ignore` None: cannot be read."""
    context = PurePosixPath(source).parent
    copied = [
        (word, text.count("\n", 0, found.start()) + 1)
        for found in _COPIES.finditer(text)
        if "--from" not in found[1]
        for word in found[2].replace('"', " ").strip("[] ").split()[:-1]
    ]
    for path in env_files:
        if PurePosixPath(path).is_relative_to(context):
            inside = str(PurePosixPath(path).relative_to(context))
            yield _answer(source, path, inside, copied, ignore)


def _answer(source: str, path: str, inside: str, copied: list[tuple[str, int]], ignore: str | None) -> Answer:
    lines = [line for word, line in copied if _takes(word.strip(","), inside)]
    if not lines:
        return Answer("image context", source, path, "yes")
    if ignore is None:
        return Answer(
            "image context", source, path, "unknown", line=lines[0], reason=".dockerignore cannot be read"
        )
    out = _left_out(inside, ignore.splitlines()[:MOST_PATTERNS])
    return Answer("image context", source, path, "yes" if out else "no", line=lines[0])


def _takes(word: str, inside: str) -> bool:
    """Whether a source of COPY holds the file: it is its folder, itself, or a pattern for it."""
    plain = word.removeprefix("./").rstrip("/") or "."
    return plain == "." or bool(_pattern(plain).match(inside))


def _left_out(inside: str, patterns: list[str]) -> bool:
    out = False
    for raw in patterns:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if _pattern(line.lstrip("!").strip("/")).match(inside):
            out = not line.startswith("!")
    return out


def _pattern(glob: str) -> re.Pattern[str]:
    """A pattern of Go's filepath.Match with `**`, for a path or for what lies below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./"))
    wild = {"**/": r"(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?\Z")
