"""What the project's own configuration says of secrets: blueprints, images, baselines, examples.

Sources: Render's blueprint reference (variables with `sync: false` are not copied to previews), the Compose
specification (`build`), Docker's documentation of COPY, of stages and of the build context.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

import pandas as pd
import yaml
from pathspec import PathSpec

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Contract, Field, Series
from audit_lib.base.git import ignored, is_repository, tracked
from audit_lib.settings.code_reads import files
from audit_lib.settings.kinds import form_of, likely_kind
from audit_lib.settings.models import Policy, Project

BLUEPRINTS = ("render.yaml", "render.yml")
LARGEST = 1 << 18  # bytes of a file that is read here
MOST_NODES = 20_000  # of a YAML file: aliases repeat what they name
_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml")
_DOCKERFILE = re.compile(r"(?i)(?!.*\.dockerignore$)(.+\.)?(docker|container)file(\..+)?")
# An instruction with what follows, also on lines that continue it.
_INSTRUCTION = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(from|copy|add|workdir)[ \t]+((?:\\[ \t\r]*\n|.)+)")
_PLAIN = re.compile(r"[^\[\\*]*(?:\*+[^\[\\*]*){0,6}")  # few stars, and no other sign that is costly
_BASELINE = {None: "nobody said if it is a secret", False: ""}
_LINE = object()  # the key of a mapping's line
TOPICS = (
    "file", "blueprint value", "blueprint name", "blueprint preview", "baseline entry", "image context",
    "example kept",
)  # fmt: skip


class Configuration(Contract):
    """One row for each question that the project's own configuration answers; yes is as it should be."""

    topic: Series[str] = Field(isin=TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable, a file, or a place in one; never a value
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    service: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


Answer = dict[str, Any]


def _answer(topic: str, source: str, subject: str, answer: str, **more: Any) -> Answer:
    """A row of `Configuration`."""
    row = {"topic": topic, "source": source, "subject": subject, "answer": answer}
    return {**row, "service": "", "line": None, "reason": "", **more}


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file."""
    paths = files(project.root)
    answers: list[Answer] = []
    for path in paths:
        if path.name in BLUEPRINTS:
            answers += _read(project, path, partial(blueprint_answers, policy=policy))
        if path.name == ".secrets.baseline":
            answers += _read(project, path, baseline_answers)
    answers += _images(project, paths)
    if is_repository(project.root):
        examples = [source.path for source in project.env_sources if source.example]
        hidden = ignored(project.root, examples) - tracked(project.root)
        answers += [_answer("example kept", one, one, "no" if one in hidden else "yes") for one in examples]
    return Configuration.of(answers)


def _read(
    project: Project, path: PurePosixPath, reader: Callable[[str, str], Iterable[Answer]]
) -> list[Answer]:
    """The answers of one file; of one that cannot be read or understood, that it is not known."""
    try:
        text = read_source(project.root, str(path), LARGEST).content.decode("utf-8-sig")
        return list(reader(str(path), text))
    except Unreadable as error:
        reason = error.reason
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        reason = "is not understood"
    return [_answer("file", str(path), str(path), "unknown", reason=reason)]


def baseline_answers(source: str, text: str) -> Iterator[Answer]:
    """For each entry of detect-secrets' baseline whether somebody called it no secret."""
    for path, entries in json.loads(text)["results"].items():
        for entry in entries:
            reason = _BASELINE.get(entry.get("is_secret"), "somebody said that it is a secret")
            place = f"{path}:{entry['line_number']}"
            yield _answer("baseline entry", source, place, "no" if reason else "yes", reason=reason)


# ---- Render's blueprints ----


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values; each mapping has its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping with its line."""
        return {**super().construct_mapping(node, deep=deep), _LINE: node.start_mark.line + 1}


def _mappings(text: str) -> list[dict[Any, Any]]:
    """The mappings in the documents of a YAML text, outer ones first."""
    values = list(yaml.load_all(text, Loader=_Loader))
    for number, value in enumerate(values):
        if number > MOST_NODES:
            raise ValueError
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value for value in values if isinstance(value, dict)]


def blueprint_answers(source: str, text: str, policy: Policy) -> Iterator[Answer]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place."""
    root = _mappings(text)[0]
    if not {"services", "envVarGroups", "databases"} & root.keys():
        raise ValueError
    groups = {str(group.get("name")): group.get("envVars") or [] for group in root.get("envVarGroups") or ()}
    services = [(str(one.get("name", "")), one) for one in root.get("services") or ()]
    owned = [*groups.items(), *((name, service.get("envVars") or []) for name, service in services)]
    for owner, variables in owned:
        for one in (one for one in variables if _is_secret(one, policy)):
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            answer = "no" if one.get("value") else "yes" if known else "unknown"
            yield _answer("blueprint value", source, str(one["key"]), answer, service=owner, line=one[_LINE])
    for name, service in services:
        own = service.get("envVars") or []
        joined = [str(one["fromGroup"]) for one in own if "fromGroup" in one]
        everything = [*own, *(one for group in joined for one in groups.get(group, ()))]
        lines: dict[str, list[int]] = defaultdict(list)
        for one in (one for one in everything if one.get("key")):
            lines[str(one["key"])].append(one[_LINE])
        # A service's own variable hides its group's; a group of elsewhere may set a name, too.
        once = "yes" if set(joined) <= groups.keys() else "unknown"
        for key, (first, *others) in lines.items():
            also = f"also in line {', '.join(map(str, others))}" if others else ""
            row = {"service": name, "line": first, "reason": also}
            yield _answer("blueprint name", source, key, "no" if also else once, **row)
        for one in everything if _has_previews(root) or _has_previews(service) else ():
            if _is_secret(one, policy):
                apart = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
                answer = "yes" if apart else "no" if "value" in one else "unknown"
                row = {"service": name, "line": one[_LINE]}
                yield _answer("blueprint preview", source, str(one["key"]), answer, **row)


def _is_secret(variable: dict[Any, Any], policy: Policy) -> bool:
    """By the policy; of what it does not know, by the name and by what a text looks like."""
    name, form = str(variable.get("key", "")), form_of(str(variable.get("value", "")))
    rule = policy.rule(name)
    return bool(name) and (rule.kind if rule else likely_kind(name, (form,), policy)[0]) == "secret"


def _has_previews(owner: dict[Any, Any]) -> bool:
    keys = {"previews", "previewsEnabled", "pullRequestPreviewsEnabled"} & owner.keys()
    modes = [owner[key].get("generation") if isinstance(owner[key], dict) else owner[key] for key in keys]
    return any(str(mode or "off").lower() not in ("off", "false", "no") for mode in modes)


# ---- Images ----


def _images(project: Project, paths: list[PurePosixPath]) -> Iterator[Answer]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image.

    A Dockerfile that no compose file or blueprint names is built from its own folder.
    """
    there = {str(path) for path in paths}
    env_files = [one.path for one in project.env_sources if not one.example and one.path in there]
    contexts: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if path.name in BLUEPRINTS or _COMPOSE.fullmatch(path.name):
            unread = _read(project, path, partial(_note_builds, contexts=contexts))
            yield from unread if path.name not in BLUEPRINTS else ()  # of a blueprint it is said already
    for path in paths:
        if _DOCKERFILE.fullmatch(path.name):
            own = _text(project, path.with_name(f"{path.name}.dockerignore"))  # counts first
            for context in sorted(contexts.get(str(path), {str(path.parent)})):
                ignore = own if own != "" else _text(project, PurePosixPath(context) / ".dockerignore")
                read = partial(image_answers, ignore=ignore, env_files=env_files, context=context)
                yield from _read(project, path, read)


def _text(project: Project, path: PurePosixPath) -> str | None:
    """A file's text; "" of one that is not there, None of one that cannot be read."""
    try:
        return read_source(project.root, str(path), LARGEST).content.decode("utf-8", "replace")
    except Unreadable as error:
        return "" if error.state == "missing" else None


def _note_builds(source: str, text: str, contexts: dict[str, set[str]]) -> list[Answer]:
    """Notes for each Dockerfile that a compose file or blueprint names the folder that it is built from."""
    for one in _mappings(text):
        build, folder = one.get("build"), str(PurePosixPath(source).parent)
        if isinstance(build, str | dict):
            build = build if isinstance(build, dict) else {"context": build}
            context = str(build.get("context") or ".")
            dockerfile = f"{context}/{build.get('dockerfile') or 'Dockerfile'}"
        elif "dockerfilePath" in one or "dockerContext" in one:
            folder, context = str(one.get("rootDir") or "."), str(one.get("dockerContext") or ".")
            dockerfile = str(one.get("dockerfilePath") or "Dockerfile")
        else:
            continue
        contexts[_inside(folder, dockerfile)].add(_inside(folder, context))
    return []


def _inside(folder: str, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    path = normpath(f"{folder}/{text}")
    return "" if path.startswith("..") or re.search(r"[$:\s]|^[/~]", text) else path


def image_answers(
    source: str, text: str, ignore: str | None, env_files: list[str], context: str
) -> Iterator[Answer]:
    """Of each env file in the context whether it stays out of the final stage.

    `ignore` is None if it cannot be read, and `context` "" if it is not known: then nothing is.
    """
    if not context:
        reason = "it is built from a folder that is not known"
        yield _answer("image context", source, source, "unknown", reason=reason)
    patterns = [line for line in map(str.strip, (ignore or "").splitlines()) if line and line[0] != "#"]
    in_full = ignore is not None and len(patterns) <= 1_000 and all(map(_PLAIN.fullmatch, patterns))
    for path in (path for path in env_files if context and PurePosixPath(path).is_relative_to(context)):
        inside = str(PurePosixPath(path).relative_to(context))
        taken = _taken(inside, text)
        answer, reason = "no", ""
        if taken and not in_full:
            answer, reason = "unknown", ".dockerignore cannot be read in full"
        elif not taken or _matches(patterns, inside):
            answer = "yes"
        elif not any(taken.values()):
            answer, reason = "unknown", "what it copies is not plain text"
        yield _answer("image context", source, path, answer, line=min(taken, default=None), reason=reason)


@dataclass
class _Stage:
    taken: dict[int, bool] = field(default_factory=dict)  # line that takes the file: whether that is certain
    folder: str = "/"


def _taken(inside: str, text: str) -> dict[int, bool]:
    """The lines by which the last stage of a Dockerfile holds a file, each with whether that is certain."""
    stage = _Stage()
    stages: dict[str, _Stage] = {}  # by name and number
    numbers = count()
    for found in _INSTRUCTION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        words = re.sub(r"\\[ \t\r]*\n", " ", found[2])
        parts = (re.sub(r'[\[\]",]', " ", words) if '"' in words else words).split()
        plain = [part for part in parts if not part.startswith("--")] or [""]
        origin = next((part[7:].lower() for part in parts if part.startswith("--from=")), "")
        earlier = stages.get(origin, _Stage())
        if found[1].lower() == "from":
            base = stages.get(plain[0].lower(), _Stage())
            stage = _Stage(dict(base.taken))
            stages |= dict.fromkeys((str(next(numbers)), *map(str.lower, plain[2:3])), stage)
        elif found[1].lower() == "workdir":
            stage.folder = normpath(PurePosixPath(stage.folder) / plain[0])
        else:
            for word in plain[:-1] if earlier.taken or not origin else ():
                path = normpath(word.lstrip("/") or ".")
                unclear = not origin and ("$" in path or not _PLAIN.fullmatch(path))
                whole = path == "." or (
                    normpath(word) == earlier.folder if origin else _matches([path], inside)
                )
                part = origin and PurePosixPath(word).name in PurePosixPath(inside).parts
                if unclear or whole or part:
                    certain = any(earlier.taken.values()) and whole if origin else not unclear
                    stage.taken[line] = stage.taken.get(line, False) or certain
    return stage.taken


def _matches(patterns: list[str], path: str) -> bool:
    """Whether the last pattern that matches a path, or a folder above it, takes it; all begin there."""
    anchored = [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", pattern) for pattern in patterns]
    return PathSpec.from_lines("gitignore", anchored).match_file(path)
