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
BASELINE = ".secrets.baseline"  # of detect-secrets
LARGEST = 1 << 18  # bytes of a file that is read here
MOST_NODES = 20_000  # of a YAML file: aliases repeat what they name
MOST_PATTERNS = 1_000  # of a .dockerignore
_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml")
_DOCKERFILE = re.compile(r"(?i)(?!.*\.dockerignore$)(.+\.)?(docker|container)file(\..+)?")
# An instruction with what follows, also on lines that continue it.
_INSTRUCTION = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(from|copy|add)[ \t]+((?:\\[ \t\r]*\n|.)+)")
_PLAIN = re.compile(r"[^\[\\*]*(?:\*+[^\[\\*]*){0,6}")  # few stars, and no other sign that is costly
_REVIEWED = {None: "nobody said if it is a secret", True: "somebody said that it is a secret", False: ""}
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
Mapped = dict[Any, Any]


def _answer(topic: str, source: str, subject: str, answer: str, **more: Any) -> Answer:
    """A row of `Configuration`."""
    row = {"topic": topic, "source": source, "subject": subject, "answer": answer}
    return {**row, "service": "", "line": None, "reason": "", **more}


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file."""
    paths = files(project.root)
    contexts: dict[str, set[str]] = defaultdict(set)  # by Dockerfile, the folders that it is built from
    answers: list[Answer] = []
    for path in paths:
        if path.name in BLUEPRINTS or _COMPOSE.fullmatch(path.name):
            answers += _read(project, path, partial(_platform_answers, policy=policy, contexts=contexts))
        elif path.name == BASELINE:
            answers += _read(project, path, baseline_answers)
    sources = [source for source in project.env_sources if PurePosixPath(source.path) in paths]
    env_files = [source.path for source in sources if not source.example]
    for path in filter(lambda path: _DOCKERFILE.fullmatch(path.name), paths):
        # One that no compose file or blueprint names is built from its own folder.
        for context in sorted(contexts.get(str(path), {str(path.parent)})):
            ignore = _ignore_file(project, path, context)
            reader = partial(image_answers, env_files=env_files, context=context, ignore=ignore)
            answers += _read(project, path, reader)
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
            reason = _REVIEWED[entry.get("is_secret")]
            place = f"{path}:{entry['line_number']}"
            yield _answer("baseline entry", source, place, "no" if reason else "yes", reason=reason)


# ---- Render's blueprints ----


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values; each mapping has its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Mapped:
        """A mapping with its line."""
        return {**super().construct_mapping(node, deep=deep), _LINE: node.start_mark.line + 1}


def _mappings(text: str) -> list[Mapped]:
    """The mappings in the documents of a YAML text, outer ones first."""
    values = list(yaml.load_all(text, Loader=_Loader))
    for number, value in enumerate(values):
        if number > MOST_NODES:
            raise ValueError
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value for value in values if isinstance(value, dict)]


def _platform_answers(
    source: str, text: str, policy: Policy, contexts: dict[str, set[str]]
) -> Iterator[Answer]:
    """The answers of a blueprint; of it and of a compose file the builds are added to `contexts`."""
    mappings = _mappings(text)
    for dockerfile, context in _builds(mappings, str(PurePosixPath(source).parent)):
        contexts[dockerfile].add(context)
    if PurePosixPath(source).name in BLUEPRINTS:
        yield from blueprint_answers(source, mappings[0], policy)


def blueprint_answers(source: str, root: Mapped, policy: Policy) -> Iterator[Answer]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place."""
    if not {"services", "envVarGroups", "databases"} & root.keys():
        raise ValueError
    groups = {str(one.get("name")): one.get("envVars") or [] for one in root.get("envVarGroups") or ()}
    services = [(str(one.get("name", "")), one) for one in root.get("services") or ()]
    owned = [*groups.items(), *((name, service.get("envVars") or []) for name, service in services)]
    for owner, variables in owned:
        for one in (one for one in variables if _is_secret(one, policy)):
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            answer = "no" if one.get("value") else "yes" if known else "unknown"
            yield _answer("blueprint value", source, one["key"], answer, service=owner, line=one[_LINE])

    for name, service in services:
        own = service.get("envVars") or []
        joined = [str(one["fromGroup"]) for one in own if "fromGroup" in one]
        everything = [*own, *(one for group in joined for one in groups.get(group, ()))]
        # A service's own variable hides its group's; a group of elsewhere may set a name, too.
        once = "yes" if set(joined) <= groups.keys() else "unknown"
        lines: dict[str, list[int]] = defaultdict(list)
        for one in (one for one in everything if one.get("key")):
            lines[str(one["key"])].append(one[_LINE])
        for key, (first, *others) in lines.items():
            also = f"also in line {', '.join(map(str, others))}" if others else ""
            row = {"service": name, "line": first, "reason": also}
            yield _answer("blueprint name", source, key, "no" if also else once, **row)

        has_previews = _has_previews(root) or _has_previews(service)
        for one in (one for one in everything if has_previews and _is_secret(one, policy)):
            apart = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
            answer = "yes" if apart else "no" if "value" in one else "unknown"
            yield _answer("blueprint preview", source, one["key"], answer, service=name, line=one[_LINE])


def _is_secret(variable: Mapped, policy: Policy) -> bool:
    """By the policy; of what it does not know, by the name and by what a text looks like."""
    name, form = str(variable.get("key", "")), form_of(str(variable.get("value", "")))
    rule = policy.rule(name)
    return bool(name) and (rule.kind if rule else likely_kind(name, (form,), policy)[0]) == "secret"


def _has_previews(owner: Mapped) -> bool:
    """Whether previews are made of a service, or of all: `previews`, by its older names, too."""
    modes = [owner.get(key) for key in ("previews", "previewsEnabled", "pullRequestPreviewsEnabled")]
    modes = [mode.get("generation") if isinstance(mode, dict) else mode for mode in modes]
    return any(str(mode or "off").lower() not in ("off", "false", "no") for mode in modes)


# ---- Images ----


def _builds(mappings: list[Mapped], folder: str) -> Iterator[tuple[str, str]]:
    """Each Dockerfile that a compose file or blueprint names, with the folder that it is built from."""
    for one in mappings:
        build = one.get("build")
        if "dockerfilePath" in one or "dockerContext" in one:  # Render's, from the project's own folder
            top, context, dockerfile = one.get("rootDir"), one.get("dockerContext"), one.get("dockerfilePath")
            yield _inside(top, dockerfile or "Dockerfile"), _inside(top, context or ".")
        elif isinstance(build, str | dict):
            build = build if isinstance(build, dict) else {"context": build}
            context = build.get("context") or "."
            dockerfile = f"{context}/{build.get('dockerfile') or 'Dockerfile'}"
            yield _inside(folder, dockerfile), _inside(folder, context)


def _inside(folder: str | None, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    path = normpath(f"{folder or '.'}/{text}")
    return "" if path.startswith("..") or re.search(r"[$:\s]|^[/~]", text) else path


def _ignore_file(project: Project, dockerfile: PurePosixPath, context: str) -> str | None:
    """The text of the .dockerignore that counts, "" if there is none; None if it cannot be read.

    The one beside the Dockerfile, under its name, counts before that of the context.
    """
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    for path in (own, PurePosixPath(context) / ".dockerignore"):
        try:
            return read_source(project.root, str(path), LARGEST).content.decode("utf-8", "replace")
        except Unreadable as error:
            if error.state != "missing":
                return None
    return ""


def image_answers(
    source: str, text: str, env_files: list[str], context: str, ignore: str | None
) -> Iterator[Answer]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image.

    `context` is "" if it is not known, and `ignore` None if it cannot be read: then nothing is.
    """
    if not context:
        reason = "it is built from a folder that is not known"
        yield _answer("image context", source, source, "unknown", reason=reason)
        return
    patterns = [line for line in map(str.strip, (ignore or "").splitlines()) if line and line[0] != "#"]
    in_full = ignore is not None and len(patterns) <= MOST_PATTERNS and all(map(_PLAIN.fullmatch, patterns))
    for path in (path for path in env_files if PurePosixPath(path).is_relative_to(context)):
        inside = str(PurePosixPath(path).relative_to(context))
        copies = _copies(inside, text)
        answer, reason = "no", ""
        if not copies or (in_full and _matches(patterns, inside)):
            answer = "yes"
        elif not in_full:
            answer, reason = "unknown", ".dockerignore cannot be read in full"
        elif not any(copies.values()):
            answer, reason = "unknown", "an earlier stage copies it, or what is copied is not plain text"
        yield _answer("image context", source, path, answer, line=min(copies, default=None), reason=reason)


def _copies(inside: str, text: str) -> dict[int, bool]:
    """The lines of a Dockerfile that copy a file, each with whether the last stage certainly holds it.

    What a stage hands on to the next is not followed.
    """
    found: dict[int, bool] = {}
    for one in _INSTRUCTION.finditer(text):
        words = re.sub(r"\\[ \t\r]*\n", " ", one[2])
        parts = (re.sub(r'[\[\]",]', " ", words) if '"' in words else words).split()
        if one[1].lower() == "from":
            found = dict.fromkeys(found, False)
        elif not any(part.startswith("--from=") for part in parts):
            copied = [normpath(part.lstrip("/") or ".") for part in parts if not part.startswith("--")][:-1]
            plain = [path for path in copied if "$" not in path and _PLAIN.fullmatch(path)]
            certain = any(path == "." or _matches([path], inside) for path in plain)
            if certain or len(plain) < len(copied):
                found[text.count("\n", 0, one.start()) + 1] = certain
    return found


def _matches(patterns: list[str], path: str) -> bool:
    """Whether the last pattern that matches a path, or a folder above it, takes it; all begin there."""
    anchored = [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", pattern) for pattern in patterns]
    return PathSpec.from_lines("gitignore", anchored).match_file(path)
