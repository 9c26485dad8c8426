"""What the project's own configuration says of secrets: Render's blueprints, Dockerfiles, examples.

Sources: Render's blueprint reference (variables with `sync: false` are not copied to previews), Docker's
documentation of COPY, of stages and of the build context.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
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
MOST_PATTERNS = 1_000  # of a .dockerignore
TOP = PurePosixPath()  # the project's own folder
_DOCKERFILE = re.compile(r"(?i)(?!.*\.dockerignore$)(.+\.)?(docker|container)file(\..+)?")
# An instruction with what follows, also on lines that continue it.
_INSTRUCTION = re.compile(r"(?im)^[ \t]*(?:onbuild[ \t]+)?(from|copy|add)[ \t]+((?:\\[ \t\r]*\n|.)+)")
_PLAIN = re.compile(r"[^\[\\*]*(?:\*+[^\[\\*]*){0,6}")  # few stars, and no other sign that is costly
_ELSEWHERE = "the folder that it is built from is not known"
_NOT_UNDERSTOOD = (ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError)
_LINE = object()  # the key of a mapping's line
TOPICS = ("file", "blueprint value", "blueprint name", "blueprint preview", "image context", "example kept")


class Configuration(Contract):
    """One row for each question that the project's own configuration answers; yes is as it should be."""

    topic: Series[str] = Field(isin=TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable or a file; never a value
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    service: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


Row = tuple[str, str, str, str, str, int | None, str]  # of `Configuration`
Mapped = dict[Any, Any]


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file.

    A file that cannot be read or understood answers nothing: its row says so.
    """
    paths = files(project.root)
    there = {str(path) for path in paths}
    env_files = [one.path for one in project.env_sources if one.path in there and not one.example]
    rows: list[Row] = []
    for path in paths:
        try:
            if path.name in BLUEPRINTS:
                rows += list(blueprint_rows(project, str(path), policy))
            elif _DOCKERFILE.fullmatch(path.name):
                rows += list(image_rows(project, path, env_files))
        except Unreadable as error:
            rows.append(("file", str(path), str(path), "unknown", "", None, error.reason))
        except _NOT_UNDERSTOOD:
            rows.append(("file", str(path), str(path), "unknown", "", None, "is not understood"))

    if is_repository(project.root):
        examples = [source.path for source in project.env_sources if source.example]
        hidden = ignored(project.root, examples) - tracked(project.root)
        kept = [(one, "no" if one in hidden else "yes") for one in examples]
        rows += [("example kept", path, path, answer, "", None, "") for path, answer in kept]
    return Configuration.checked(pd.DataFrame(rows, columns=list(Configuration.columns())))


def _text(project: Project, path: str) -> str:
    return read_source(project.root, path, LARGEST).content.decode("utf-8-sig")


# ---- Render's blueprints ----


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values; each mapping has its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Mapped:
        """A mapping with its line."""
        return {**super().construct_mapping(node, deep=deep), _LINE: node.start_mark.line + 1}


def blueprint_rows(project: Project, source: str, policy: Policy) -> Iterator[Row]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place."""
    root = yaml.load(_text(project, source), Loader=_Loader)  # noqa: S506
    values = [root]
    for number, value in enumerate(values):
        if number > MOST_NODES:
            raise ValueError
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not {"services", "envVarGroups", "databases"} & root.keys():
        raise ValueError

    groups = {str(one.get("name")): one.get("envVars") or [] for one in root.get("envVarGroups") or ()}
    services = [(str(one.get("name", "")), one) for one in root.get("services") or ()]
    owned = [*groups.items(), *((name, service.get("envVars") or []) for name, service in services)]
    for owner, one in ((owner, one) for owner, variables in owned for one in variables):
        if _is_secret(one, policy):
            known = {"fromDatabase", "fromService", "generateValue", "sync"} & one.keys()
            answer = "no" if one.get("value") else "yes" if known else "unknown"
            yield "blueprint value", source, str(one["key"]), answer, owner, one[_LINE], ""

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
            yield "blueprint name", source, key, "no" if also else once, name, first, also

        has_previews = _has_previews(root) or _has_previews(service)
        for one in (one for one in everything if has_previews and _is_secret(one, policy)):
            apart = one.get("sync") is False or "previewValue" in one or "fromDatabase" in one
            answer = "yes" if apart else "no" if "value" in one else "unknown"
            yield "blueprint preview", source, str(one["key"]), answer, name, one[_LINE], ""


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


def image_rows(project: Project, path: PurePosixPath, env_files: list[str]) -> Iterator[Row]:
    """Of each env file below a Dockerfile whether it stays out of the image.

    An image is built from the Dockerfile's folder if that is the project's own or has a .dockerignore, else
    perhaps from the project's: then only what holds of both is known.
    """
    text, folder = _text(project, str(path)), path.parent
    below = [one for one in map(PurePosixPath, env_files) if one.is_relative_to(folder)]
    if env_files and not below:
        yield "image context", str(path), str(path), "unknown", "", None, _ELSEWHERE

    is_known = folder == TOP or os.path.lexists(project.root / folder / ".dockerignore")
    left_out = {one: _left_out(project, path, one) for one in ([folder] if is_known else [folder, TOP])}
    for env_file in below:
        answers = [_image_answer(str(env_file.relative_to(one)), text, left_out[one]) for one in left_out]
        answer, line, reason = answers[0]
        if any(other != answer for other, _, _ in answers):
            answer, reason = "unknown", _ELSEWHERE
        yield "image context", str(path), str(env_file), answer, "", line, reason


def _image_answer(inside: str, text: str, left_out: PathSpec[Any] | None) -> tuple[str, int | None, str]:
    """Whether a file of a context stays out of the image, the line that copies it, why it is unknown."""
    copies = _copies(inside, text)
    line = min(copies, default=None)
    if not copies or (left_out and left_out.match_file(inside)):
        return "yes", line, ""
    if left_out is None:
        return "unknown", line, ".dockerignore cannot be read in full"
    if not any(copies.values()):
        return "unknown", line, "an earlier stage copies it, or what is copied is not plain text"
    return "no", line, ""


def _left_out(project: Project, dockerfile: PurePosixPath, context: PurePosixPath) -> PathSpec[Any] | None:
    """What the .dockerignore that counts leaves out; None if it cannot be read in full.

    The one beside the Dockerfile, under its name, counts before that of the context.
    """
    text = ""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    for path in (own, context / ".dockerignore"):
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
