"""What the project's own configuration says of secrets: blueprints, images, baselines, examples.

Sources: Render's blueprint reference (variables with `sync: false` are not copied to previews), the Compose
specification (`build`), Docker's documentation of COPY, of stages and of the build context.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any, NamedTuple

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


class Answer(NamedTuple):
    """One row of `Configuration`."""

    topic: str
    source: str
    subject: str
    answer: str
    service: str = ""
    line: int | None = None
    reason: str = ""


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
        answers += [Answer("example kept", one, one, "no" if one in hidden else "yes") for one in examples]
    return Configuration.of(answer._asdict() for answer in answers)


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
    return [Answer("file", str(path), str(path), "unknown", reason=reason)]


def baseline_answers(source: str, text: str) -> Iterator[Answer]:
    """For each entry of detect-secrets' baseline whether somebody called it no secret."""
    for path, entries in json.loads(text)["results"].items():
        for entry in entries:
            reason = _BASELINE.get(entry.get("is_secret"), "somebody said that it is a secret")
            place = f"{path}:{entry['line_number']}"
            yield Answer("baseline entry", source, place, "no" if reason else "yes", reason=reason)


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
    for group, variables in groups.items():
        yield from _supplied(source, group, variables, policy)
    for service in root.get("services") or ():
        name, own = str(service.get("name", "")), service.get("envVars") or []
        yield from _supplied(source, name, own, policy)
        joined = [str(one["fromGroup"]) for one in own if "fromGroup" in one]
        everything = [*own, *(one for group in joined for one in groups.get(group, ()))]
        lines: dict[str, list[int]] = defaultdict(list)
        for one in everything:
            lines[str(one.get("key", ""))].append(one[_LINE])
        # A service's own variable hides its group's; a group of elsewhere may set a name, too.
        once = "yes" if set(joined) <= groups.keys() else "unknown"
        for key, at in ((key, at) for key, at in lines.items() if key):
            also = f"also in line {', '.join(map(str, at[1:]))}" if at[1:] else ""
            yield Answer("blueprint name", source, key, "no" if also else once, name, at[0], also)
        if _has_previews(root) or _has_previews(service):
            for one in (one for one in everything if _is_secret(one, policy)):
                apart = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
                answer = "yes" if apart else "no" if "value" in one else "unknown"
                yield Answer("blueprint preview", source, str(one["key"]), answer, name, one[_LINE])


def _is_secret(variable: dict[Any, Any], policy: Policy) -> bool:
    """By the policy; of what it does not know, by the name and by what a text looks like."""
    name, rule = str(variable.get("key", "")), policy.rule(str(variable.get("key", "")))
    likely = likely_kind(name, (form_of(str(variable.get("value", ""))),), policy)[0]
    return bool(name) and (rule.kind if rule else likely) == "secret"


def _supplied(source: str, owner: str, variables: list[Any], policy: Policy) -> Iterator[Answer]:
    """Whether a secret comes from elsewhere: a text in the blueprint is a text in git."""
    for one in variables:
        if _is_secret(one, policy):
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            answer = "no" if one.get("value") else "yes" if known else "unknown"
            yield Answer("blueprint value", source, str(one["key"]), answer, owner, one[_LINE])


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

    def note_builds(source: str, text: str) -> Iterator[Answer]:
        for dockerfile, context in image_builds(PurePosixPath(source), text):
            contexts[dockerfile].add(context)
        yield from ()

    for path in paths:
        if path.name in BLUEPRINTS or _COMPOSE.fullmatch(path.name):
            unread = _read(project, path, note_builds)
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


def image_builds(source: PurePosixPath, text: str) -> Iterator[tuple[str, str]]:
    """Each Dockerfile that a compose file or blueprint names, and the folder that it is built from.

    A folder is "" if it is not plain, or leads elsewhere.
    """
    for one in _mappings(text):
        build, folder = one.get("build"), str(source.parent)
        if isinstance(build, str | dict):
            build = build if isinstance(build, dict) else {"context": build}
            context = str(build.get("context") or ".")
            dockerfile = f"{context}/{build.get('dockerfile') or 'Dockerfile'}"
        elif "dockerfilePath" in one or "dockerContext" in one:
            folder, context = str(one.get("rootDir") or "."), str(one.get("dockerContext") or ".")
            dockerfile = str(one.get("dockerfilePath") or "Dockerfile")
        else:
            continue
        yield _inside(folder, dockerfile), _inside(folder, context)


def _inside(folder: str, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    path = normpath(f"{folder}/{text}")
    return "" if path.startswith("..") or re.search(r"[$:\s]|^[/~]", text) else path


class _Stage(NamedTuple):
    base: str
    name: str
    copies: list[tuple[str, str, int]]  # from which stage ("": the context), what, in which line
    folders: list[str]  # that it works in


def _stages(text: str) -> list[_Stage]:
    stages = [_Stage("", "", [], ["/"])]  # a COPY before any FROM is of no stage, but is not lost
    for found in _INSTRUCTION.finditer(text):
        line, words = text.count("\n", 0, found.start()) + 1, re.sub(r"\\[ \t\r]*\n", " ", found[2])
        parts = (re.sub(r'[\[\]",]', " ", words) if '"' in words else words).split()
        plain = [part for part in parts if not part.startswith("--")] or [""]
        origin = next((part[7:].lower() for part in parts if part.startswith("--from=")), "")
        if found[1].lower() == "from":
            stages.append(_Stage(plain[0].lower(), plain[2].lower() if plain[2:] else "", [], ["/"]))
        elif found[1].lower() == "workdir":
            stages[-1].folders.append(normpath(PurePosixPath(stages[-1].folders[-1]) / plain[0]))
        else:
            stages[-1].copies.extend((origin, word, line) for word in plain[:-1])
    return stages[1:] or stages


def image_answers(
    source: str, text: str, ignore: str | None, env_files: list[str], context: str
) -> Iterator[Answer]:
    """Of each env file in the context whether it stays out of the final stage.

    `ignore` is None if it cannot be read, and `context` "" if it is not known: then nothing is.
    """
    if not context:
        reason = "it is built from a folder that is not known"
        yield Answer("image context", source, source, "unknown", reason=reason)
    stages, patterns = _stages(text), [line.strip() for line in (ignore or "").splitlines()]
    patterns = [line for line in patterns if line and not line.startswith("#")]
    in_full = ignore is not None and len(patterns) <= 1_000 and all(map(_PLAIN.fullmatch, patterns))
    for path in (path for path in env_files if context and PurePosixPath(path).is_relative_to(context)):
        inside = str(PurePosixPath(path).relative_to(context))
        line, certain = _taken(inside, stages)
        answer, reason = "no", ""
        if line and not in_full:
            answer, reason = "unknown", ".dockerignore cannot be read in full"
        elif not line or _matches(patterns, inside):
            answer = "yes"
        elif not certain:
            answer, reason = "unknown", "what it copies is not plain text"
        yield Answer("image context", source, path, answer, line=line, reason=reason)


def _taken(inside: str, stages: list[_Stage]) -> tuple[int | None, bool]:
    """The first line by which the last stage holds a file of the context, and whether that is certain."""
    *before, stage = stages
    found: list[tuple[int, bool]] = []
    earlier = {key: at for at, one in enumerate(before) for key in (one.name, str(at)) if key}
    base = [(stage.base, "/", 0)] if stage.base in earlier else []
    for origin, word, line in [*base, *stage.copies]:
        plain = normpath(word.lstrip("/") or ".")
        if not origin:
            unclear = "$" in plain or not _PLAIN.fullmatch(plain)
            found += [(line, not unclear)] if unclear or plain == "." or _matches([plain], inside) else []
        elif origin in earlier:
            below, certain = _taken(inside, stages[: earlier[origin] + 1])
            whole = normpath(word) in ("/", ".", stages[earlier[origin]].folders[-1])
            if below and (whole or PurePosixPath(word).name in PurePosixPath(inside).parts):
                found.append((line or below, whole and certain))
    return min((line for line, _ in found), default=None), any(certain for _, certain in found)


def _matches(patterns: list[str], path: str) -> bool:
    """Whether the last pattern that matches a path, or a folder above it, takes it; all begin there."""
    anchored = [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", pattern) for pattern in patterns]
    return PathSpec.from_lines("gitignore", anchored).match_file(path)
