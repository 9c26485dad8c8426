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


# Topic, subject, answer, service, line and reason, as in `Configuration`.
Answer = tuple[str, str, str, str, int | None, str]
Mapped = dict[Any, Any]


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file."""
    paths = files(project.root)
    contexts: dict[str, set[str]] = defaultdict(set)  # by Dockerfile, the folders that it is built from
    rows: list[tuple[Any, ...]] = []
    for path in paths:
        if path.name in BLUEPRINTS or _COMPOSE.fullmatch(path.name):
            is_blueprint, folder = path.name in BLUEPRINTS, str(path.parent)
            reader = partial(_deployment_answers, policy if is_blueprint else None, folder, contexts)
            rows += _read(project, path, reader)
        elif path.name == BASELINE:
            rows += _read(project, path, baseline_answers)

    there = {str(path) for path in paths}
    env_files = [one.path for one in project.env_sources if one.path in there and not one.example]
    for path in filter(lambda path: _DOCKERFILE.fullmatch(path.name), paths):
        # One that no compose file or blueprint names is built from its own folder.
        for context in sorted(contexts.get(str(path), {str(path.parent)})):
            if context:
                reader = partial(image_answers, env_files, context, _left_out(project, path, context))
                rows += _read(project, path, reader)
            else:
                reason = "it is built from a folder that is not known"
                rows.append(("image context", str(path), str(path), "unknown", "", None, reason))

    if is_repository(project.root):
        examples = [source.path for source in project.env_sources if source.example]
        hidden = ignored(project.root, examples) - tracked(project.root)
        kept = [(one, "no" if one in hidden else "yes") for one in examples]
        rows += [("example kept", path, path, answer, "", None, "") for path, answer in kept]
    return Configuration.checked(pd.DataFrame(rows, columns=list(Configuration.columns())))


def _read(
    project: Project, path: PurePosixPath, reader: Callable[[str], Iterable[Answer]]
) -> list[tuple[Any, ...]]:
    """The rows of one file; of one that cannot be read or understood, that it is not known."""
    source = str(path)
    try:
        text = read_source(project.root, source, LARGEST).content.decode("utf-8-sig")
        return [(topic, source, *answer) for topic, *answer in reader(text)]
    except Unreadable as error:
        reason = error.reason
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        reason = "is not understood"
    return [("file", source, source, "unknown", "", None, reason)]


def baseline_answers(text: str) -> Iterator[Answer]:
    """For each entry of detect-secrets' baseline whether somebody called it no secret."""
    for path, entries in json.loads(text)["results"].items():
        for entry in entries:
            reason = _REVIEWED[entry.get("is_secret")]
            place, answer = f"{path}:{entry['line_number']}", "no" if reason else "yes"
            yield "baseline entry", place, answer, "", None, reason


# ---- Render's blueprints ----


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values; each mapping has its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Mapped:
        """A mapping with its line."""
        return {**super().construct_mapping(node, deep=deep), _LINE: node.start_mark.line + 1}


def _deployment_answers(
    policy: Policy | None, folder: str, contexts: dict[str, set[str]], text: str
) -> Iterator[Answer]:
    """The answers of a blueprint, which has a policy; adds what it or a compose file builds to `contexts`."""
    values = list(yaml.load_all(text, Loader=_Loader))  # outer ones first
    for number, value in enumerate(values):
        if number > MOST_NODES:
            raise ValueError
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    mappings = [value for value in values if isinstance(value, dict)]
    for dockerfile, context in _builds(mappings, folder):
        contexts[dockerfile].add(context)
    if policy:
        yield from blueprint_answers(mappings[0], policy)


def blueprint_answers(root: Mapped, policy: Policy) -> Iterator[Answer]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place."""
    if not {"services", "envVarGroups", "databases"} & root.keys():
        raise ValueError
    groups = {str(one.get("name")): one.get("envVars") or [] for one in root.get("envVarGroups") or ()}
    services = [(str(one.get("name", "")), one) for one in root.get("services") or ()]
    owned = [*groups.items(), *((name, service.get("envVars") or []) for name, service in services)]
    for owner, one in ((owner, one) for owner, variables in owned for one in variables):
        if _is_secret(one, policy):
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            answer = "no" if one.get("value") else "yes" if known else "unknown"
            yield "blueprint value", str(one["key"]), answer, owner, one[_LINE], ""

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
            yield "blueprint name", key, "no" if also else once, name, first, also

        has_previews = _has_previews(root) or _has_previews(service)
        for one in (one for one in everything if has_previews and _is_secret(one, policy)):
            apart = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
            answer = "yes" if apart else "no" if "value" in one else "unknown"
            yield "blueprint preview", str(one["key"]), answer, name, one[_LINE], ""


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


def _left_out(project: Project, dockerfile: PurePosixPath, context: str) -> PathSpec[Any] | None:
    """What the .dockerignore that counts leaves out; None if it cannot be read in full.

    The one beside the Dockerfile, under its name, counts before that of the context.
    """
    text = ""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    for path in (own, PurePosixPath(context) / ".dockerignore"):
        try:
            text = read_source(project.root, str(path), LARGEST).content.decode("utf-8", "replace")
            break
        except Unreadable as error:
            if error.state != "missing":
                return None
    patterns = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    in_full = len(patterns) <= MOST_PATTERNS and all(map(_PLAIN.fullmatch, patterns))
    return _anchored(patterns) if in_full else None


def _anchored(patterns: list[str]) -> PathSpec[Any]:
    """What the patterns match, the last one that does counting; all begin in the context's own folder."""
    return PathSpec.from_lines("gitignore", [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", one) for one in patterns])


def image_answers(
    env_files: list[str], context: str, left_out: PathSpec[Any] | None, text: str
) -> Iterator[Answer]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image."""
    for path in (path for path in env_files if PurePosixPath(path).is_relative_to(context)):
        inside = str(PurePosixPath(path).relative_to(context))
        copies = _copies(inside, text)
        answer, reason = "no", ""
        if not copies or (left_out and left_out.match_file(inside)):
            answer = "yes"
        elif left_out is None:
            answer, reason = "unknown", ".dockerignore cannot be read in full"
        elif not any(copies.values()):
            answer, reason = "unknown", "an earlier stage copies it, or what is copied is not plain text"
        yield "image context", path, answer, "", min(copies, default=None), reason


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
            certain = "." in plain or any(_anchored([path]).match_file(inside) for path in plain)
            if certain or len(plain) < len(copied):
                found[text.count("\n", 0, one.start()) + 1] = certain
    return found
