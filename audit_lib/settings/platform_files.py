"""What the project's own configuration says of secrets: blueprints, contexts of images, example files.

Sources: Render's reference of blueprints, the Compose specification (`build`), Docker's manual of COPY.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

import pandas as pd
from pathspec import PathSpec

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Contract, Field, Series
from audit_lib.base.git import ignored, is_repository, tracked
from audit_lib.settings.models import Policy, Project
from audit_lib.settings.variables import files, form_of, is_deployment, likely_kind

TOPICS = ("file", "blueprint value", "blueprint preview", "image context", "example kept")
BLUEPRINTS = ("render.yaml", "render.yml")
LARGEST = 1 << 18  # bytes of a file that is read here
MOST_NODES, MOST_PATTERNS = 20_000, 1_000  # of a YAML file, where aliases repeat; of a .dockerignore
_DOCKERFILE = re.compile(r"(?i)(?!.*\.dockerignore$)(.+\.)?(docker|container)file(\..+)?")
# An instruction with what follows, also on lines that continue it.
_INSTRUCTION = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(from|copy|add)[ \t]+((?:\\[ \t\r]*\n|.)+)")
_PLAIN = re.compile(r"[^\[\\*]*(?:\*+[^\[\\*]*){0,6}")  # few stars, and no other sign that is costly
_ODD = "an earlier stage copies it, or what is copied or ignored is not plain text"
_LINE = object()  # the key of a mapping's line
Row = dict[str, Any]  # of `Configuration`
Mapped = dict[Any, Any]  # of a YAML file


class Configuration(Contract):
    """One row for each question that the project's own configuration answers; yes is as it should be."""

    topic: Series[str] = Field(isin=TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable or a file; never a value
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    service: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file.

    Deployment files come first, then Dockerfiles, then, in a git repository, example files: "no" for one
    that git ignores. What cannot be read or understood is a row of the topic `file`, with the reason.
    """
    paths = files(project.root, [])
    found, builds = list[Row](), set[tuple[str, str]]()  # each Dockerfile with a folder that it is built from
    for path in filter(is_deployment, paths):
        with _fault_noted(found, str(path)):
            mappings = _mappings(_text(project, str(path)))
            builds |= {*_builds(mappings, str(path.parent))}
            if path.name in BLUEPRINTS:
                found += list(blueprint_rows(str(path), mappings[0], policy))
    env_files = [it.path for it in project.env_sources if not it.example and PurePosixPath(it.path) in paths]
    for path in filter(lambda path: _DOCKERFILE.fullmatch(path.name), paths):  # unnamed: of its own folder
        for context in [at for one, at in sorted(builds) if one == str(path)] or [str(path.parent)]:
            with _fault_noted(found, str(path)):
                found += list(image_rows(project, str(path), context, env_files))

    if is_repository(project.root):
        examples = [source.path for source in project.env_sources if source.example]
        hidden = ignored(project.root, examples) - tracked(project.root)
        found += [_row("example kept", path, "no" if path in hidden else "yes") for path in examples]
    return Configuration.of(found)


def _row(topic: str, subject: str, answer: str, **facts: Any) -> Row:
    blank = {"source": subject, "service": "", "line": None, "reason": ""}
    return blank | {"topic": topic, "subject": subject, "answer": answer} | facts


@contextmanager
def _fault_noted(found: list[Row], source: str) -> Iterator[None]:
    try:
        yield
    except Unreadable as error:  # perhaps of a file beside it
        found.append(_row("file", error.faults[0].place, "unknown", reason=error.reason))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        found.append(_row("file", source, "unknown", reason="is not understood"))


def _text(project: Project, path: str) -> str:
    return read_source(project.root, path, LARGEST).content.decode("utf-8-sig")


def _mappings(text: str) -> list[Mapped]:
    import yaml  # noqa: PLC0415  20 ms that most commands do not need

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Mapped:
            return {**super().construct_mapping(node, deep=deep), _LINE: node.start_mark.line + 1}

    try:  # Compose's own tags aside
        values = list(yaml.load_all(re.sub(r"(?<=\s)!(?:reset|override)(?=\s)", "", text), Loader=Loader))
    except yaml.YAMLError:
        raise ValueError from None
    for value in values:
        if len(values) > MOST_NODES:
            raise ValueError
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value for value in values if isinstance(value, dict)]


def blueprint_rows(source: str, root: Mapped, policy: Policy) -> Iterator[Row]:
    """For each secret of each group and service: no text in the blueprint, and none for previews."""
    if not {"services", "envVarGroups", "databases"} & root.keys():
        raise ValueError
    services = root.get("services") or []
    for owner in (*(root.get("envVarGroups") or ()), *services):
        group, service = owner.get("name"), str(owner.get("name", ""))
        users = [
            one
            for one in services
            if one is owner or group in [name.get("fromGroup") for name in one.get("envVars") or ()]
        ]
        for one in owner.get("envVars") or ():
            name, form = str(one.get("key", "")), form_of(str(one.get("value", "")))
            rule = policy.rule(name)
            if not name or (rule.kind if rule else likely_kind(name, (form,), policy)[0]) != "secret":
                continue
            row = partial(_row, subject=name, source=source, service=service, line=one[_LINE])
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            yield row("blueprint value", answer="no" if one.get("value") else "yes" if known else "unknown")
            if users and any(map(_has_previews, (root, *users))):
                own = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
                yield row("blueprint preview", answer="yes" if own else "no" if "value" in one else "unknown")


def _has_previews(owner: Mapped) -> bool:
    modes = [owner.get(key) for key in ("previews", "previewsEnabled", "pullRequestPreviewsEnabled")]
    stated = (mode.get("generation") if isinstance(mode, dict) else mode for mode in modes)
    return any(str(mode or "off").lower() not in ("off", "false", "no") for mode in stated)


def _builds(mappings: list[Mapped], folder: str) -> Iterator[tuple[str, str]]:
    for one in mappings:
        build = one.get("build")
        if "dockerfilePath" in one or "dockerContext" in one:  # Render's, from the project's own folder
            top, context = one.get("rootDir") or ".", one.get("dockerContext") or "."
            yield _inside(top, one.get("dockerfilePath") or "Dockerfile"), _inside(top, context)
        elif isinstance(build, str | dict):
            build = build if isinstance(build, dict) else {"context": build}
            context = build.get("context") or "."
            dockerfile = f"{context}/{build.get('dockerfile') or 'Dockerfile'}"
            yield _inside(folder, dockerfile), _inside(folder, context)


def _inside(folder: str, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    path = normpath(f"{folder}/{text}")
    return "" if path.startswith("..") or re.search(r"[$:\s]|^[/~]", text) else path


def image_rows(project: Project, dockerfile: str, context: str, env_files: list[str]) -> Iterator[Row]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image."""
    if not context:
        yield _row("image context", dockerfile, "unknown", reason="it is built from an unknown folder")
        return
    paths = (f"{dockerfile}.dockerignore", normpath(f"{context}/.dockerignore"))
    ignore = next((path for path in paths if os.path.lexists(project.root / path)), "")
    text, left_out = _text(project, dockerfile), _left_out(_text(project, ignore) if ignore else "")
    for one in (one for one in env_files if PurePosixPath(one).is_relative_to(context)):
        inside = str(PurePosixPath(one).relative_to(context))
        lines = _copies(inside, text)
        stays_out = not lines or (left_out and left_out.match_file(inside))
        answer = "yes" if stays_out else "no" if left_out is not None and any(lines.values()) else "unknown"
        why = {"unknown": _ODD, "no": f"{inside} to {ignore or paths[1]}"}.get(answer, "")
        yield _row("image context", one, answer, reason=why, source=dockerfile, line=min(lines, default=None))


def _left_out(text: str) -> PathSpec[Any] | None:
    """What a .dockerignore leaves out; None if not plain."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    return _anchored(lines) if len(lines) <= MOST_PATTERNS and all(map(_PLAIN.fullmatch, lines)) else None


def _anchored(patterns: list[str]) -> PathSpec[Any]:
    return PathSpec.from_lines("gitignore", [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", one) for one in patterns])


def _copies(inside: str, text: str) -> dict[int, bool]:
    """The lines of a Dockerfile that copy a file, each with whether the last stage certainly holds it."""
    found: dict[int, bool] = {}
    for one in _INSTRUCTION.finditer(text):
        words = re.sub(r"\\[ \t\r]*\n", " ", one[2])
        parts = (re.sub(r'[\[\]",]', " ", words) if '"' in words else words).split()
        if one[1].lower() == "from":
            found = dict.fromkeys(found, False)
        elif not any(part.startswith("--from=") for part in parts):  # what a stage hands on is not followed
            copied = [normpath(part.lstrip("/") or ".") for part in parts if not part.startswith("--")][:-1]
            plain = [path for path in copied if "$" not in path and _PLAIN.fullmatch(path)]
            certain = "." in plain or any(_anchored([path]).match_file(inside) for path in plain)
            if certain or len(plain) < len(copied):
                found[text.count("\n", 0, one.start()) + 1] = certain
    return found
