"""From which folder each Dockerfile is built, and whether the image takes env files along.

Sources: the Compose specification (`build`), Render's blueprint reference (`dockerContext`),
docker/build-push-action (`context`, `file`), Docker's command line (`docker build -f FILE CONTEXT`), and its
documentation of the build context: patterns are relative to it, the last that matches counts, `!` takes back.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from typing import NamedTuple

import yaml

from audit_lib.project.configuration.answers import Answer, NotUnderstood, named, scalar

_BUILDERS = re.compile(
    r"(?:.*/)?(?:(?:docker-)?compose[\w.-]*\.ya?ml|render\.ya?ml|\.gitlab-ci\.yml|[\w.-]+\.sh|Makefile)"
    r"|\.github/workflows/[\w.-]+\.ya?ml"
)
_COMMAND = re.compile(r"\bdocker(?:[ \t]+buildx)?[ \t]+build\b([^\n;&|]*)")
_MOST_NODES = 100_000
_DOCKERFILE = re.compile(r"(?i)(.+\.)?(docker|container)file(\..+)?")
# COPY or ADD with what follows, also on lines that continue it.
_COPIES = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(?:copy|add)[ \t]+((?:\\[ \t\r]*\n|[^\n])+)")
MOST_PATTERNS = 1_000
MOST_STARS = 6  # of a pattern: more cost too much, and nobody writes them
UNREAD = ".dockerignore cannot be read"
ELSEWHERE = "it is built from a folder that is not known"
VARIABLE = "what it copies is not plain text"


class Build(NamedTuple):
    """A Dockerfile and the folder that it is built from, relative to the project."""

    dockerfile: str
    context: str  # "" if it is not plain, or leads elsewhere


def builds_images(path: PurePosixPath) -> bool:
    """Whether a file may say from which folder an image is built."""
    return _BUILDERS.fullmatch(str(path)) is not None


def image_builds(source: str, text: str) -> Iterator[Build]:
    """Each build that a file names; `NotUnderstood` if it is YAML that cannot be read."""
    if not source.endswith((".yml", ".yaml")):
        yield from _in_commands(text)
        return
    for node in _nodes(text):
        if isinstance(node, yaml.ScalarNode):
            yield from _in_commands(node.value)
        elif isinstance(node, yaml.MappingNode):
            yield from _in_mapping(named(node), str(PurePosixPath(source).parent))


def _in_commands(text: str) -> Iterator[Build]:
    for found in _COMMAND.finditer(re.sub(r"\\\r?\n", " ", text)):
        try:
            words = shlex.split(found[1], comments=True)
        except ValueError:
            continue
        named = [
            after for word, after in zip(words, [*words[1:], ""], strict=True) if word in ("-f", "--file")
        ]
        named += [word.partition("=")[2] for word in words if word.startswith("--file=")]
        context = words[-1] if words and not words[-1].startswith("-") else ""
        if context:
            yield _build(".", context, named[0] if named else f"{context}/Dockerfile")


def _in_mapping(mapping: dict[str, yaml.Node], folder: str) -> Iterator[Build]:
    build, action = mapping.get("build"), scalar(mapping.get("uses"))
    if isinstance(build, yaml.ScalarNode):
        yield _build(folder, build.value, f"{build.value}/Dockerfile")
    elif isinstance(build, yaml.MappingNode):
        inner = named(build)
        context = scalar(inner.get("context")) or "."
        yield _build(folder, context, f"{context}/{scalar(inner.get('dockerfile')) or 'Dockerfile'}")
    if "dockerfilePath" in mapping or "dockerContext" in mapping:
        root = scalar(mapping.get("rootDir")) or "."
        context, dockerfile = scalar(mapping.get("dockerContext")), scalar(mapping.get("dockerfilePath"))
        yield _build(root, context or ".", dockerfile or "Dockerfile")
    if action.startswith("docker/build-push-action") and isinstance(mapping.get("with"), yaml.MappingNode):
        inner = named(mapping["with"])
        context = scalar(inner.get("context")) or "."
        yield _build(".", context, scalar(inner.get("file")) or f"{context}/Dockerfile")


def _build(folder: str, context: str, dockerfile: str) -> Build:
    """The build with both paths relative to the project."""
    return Build(_path(folder, dockerfile), _path(folder, context))


def _path(folder: str, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    if re.search(r"[$:\s]|^[/~]", text):
        return ""
    path = normpath(f"{folder}/{text}")
    return "" if path.startswith("..") else path


def _nodes(text: str) -> Iterator[yaml.Node]:
    """Every node of the YAML but keys, each once: aliases stay shared, so they cannot grow."""
    try:
        left = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
        raise NotUnderstood from error
    seen: set[int] = set()
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _MOST_NODES:
            raise NotUnderstood
        yield node
        if isinstance(node, yaml.MappingNode):
            left += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


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
