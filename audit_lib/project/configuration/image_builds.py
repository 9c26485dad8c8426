"""From which folder each Dockerfile is built: what compose files, blueprints, workflows and scripts say.

Sources: the Compose specification (`build`), Render's blueprint reference (`dockerContext`),
docker/build-push-action (`context`, `file`), Docker's command line (`docker build -f FILE CONTEXT`).
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from typing import NamedTuple

import yaml

from audit_lib.project.configuration.answers import NotUnderstood

_BUILDERS = re.compile(
    r"(?:.*/)?(?:(?:docker-)?compose[\w.-]*\.ya?ml|render\.ya?ml|\.gitlab-ci\.yml|[\w.-]+\.sh|Makefile)"
    r"|\.github/workflows/[\w.-]+\.ya?ml"
)
_COMMAND = re.compile(r"\bdocker(?:[ \t]+buildx)?[ \t]+build\b([^\n;&|]*)")
_MOST_NODES = 100_000


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
            yield from _in_mapping(_named(node), str(PurePosixPath(source).parent))


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
    build, action = mapping.get("build"), _scalar(mapping.get("uses"))
    if isinstance(build, yaml.ScalarNode):
        yield _build(folder, build.value, f"{build.value}/Dockerfile")
    elif isinstance(build, yaml.MappingNode):
        inner = _named(build)
        context = _scalar(inner.get("context")) or "."
        yield _build(folder, context, f"{context}/{_scalar(inner.get('dockerfile')) or 'Dockerfile'}")
    if "dockerfilePath" in mapping or "dockerContext" in mapping:
        root = _scalar(mapping.get("rootDir")) or "."
        context, dockerfile = _scalar(mapping.get("dockerContext")), _scalar(mapping.get("dockerfilePath"))
        yield _build(root, context or ".", dockerfile or "Dockerfile")
    if action.startswith("docker/build-push-action") and isinstance(mapping.get("with"), yaml.MappingNode):
        inner = _named(mapping["with"])
        context = _scalar(inner.get("context")) or "."
        yield _build(".", context, _scalar(inner.get("file")) or f"{context}/Dockerfile")


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


def _named(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
