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
from itertools import chain, islice
from pathlib import PurePosixPath
from posixpath import normpath

import pandas as pd
import yaml
from pathspec import PathSpec

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git import ignored, is_repository, tracked
from audit_lib.settings.contracts import Configuration
from audit_lib.settings.discover import files
from audit_lib.settings.kinds import likely_kind, shape_by
from audit_lib.settings.models import Policy, Project

BLUEPRINTS = ("render.yaml", "render.yml")
BASELINE = ".secrets.baseline"
LARGEST = 1 << 18  # bytes of a file that is read here: blueprints take seconds beyond
MOST_ANSWERS = 20_000  # of one file
MOST_ITEMS = 1_000  # of a list, and keys of a mapping: aliases repeat what they name
MOST_VARIABLES = 10_000  # of all services, those of their groups among them
MOST_PATTERNS = 1_000
MOST_STARS = 6  # of a pattern: more cost too much, and nobody writes them
_MOST_NODES = 100_000
_REFERENCES = ("fromDatabase", "fromService", "generateValue", "sync")
_PREVIEWS = ("previews", "previewsEnabled", "pullRequestPreviewsEnabled")
_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml")
_DOCKERFILE = re.compile(r"(?i)(?!.*\.dockerignore$)(.+\.)?(docker|container)file(\..+)?")
# An instruction with what follows, also on lines that continue it.
_INSTRUCTION = re.compile(
    r"(?im)^[ \t]*(?:onbuild[ \t]+)?(from|copy|add|workdir)[ \t]+((?:\\[ \t\r]*\n|[^\n])+)"
)
UNREAD = ".dockerignore cannot be read"
ELSEWHERE = "it is built from a folder that is not known"
VARIABLE = "what it copies is not plain text"
Mapping = dict[str, yaml.Node]


class NotUnderstood(Exception):
    """A file whose form is not the one that its name promises."""


@dataclass(frozen=True)
class Answer:
    """What one line says. Holds names alone, never a value."""

    topic: str  # one of TOPICS of the contract
    source: str
    subject: str
    answer: str  # yes: as it should be | no | unknown
    service: str = ""
    line: int | None = None
    reason: str = ""


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file."""
    paths = list(files(project.root))
    blueprints = (str(path) for path in paths if path.name in BLUEPRINTS)
    baselines = (str(path) for path in paths if path.name == ".secrets.baseline")
    answers = chain(
        chain.from_iterable(
            _read(project, path, partial(blueprint_answers, policy=policy)) for path in blueprints
        ),
        chain.from_iterable(_read(project, path, baseline_answers) for path in baselines),
        _images(project, paths),
        _examples(project),
    )
    return Configuration.of(vars(answer) for answer in answers)


def _read(project: Project, path: str, reader: Callable[[str, str], Iterable[Answer]]) -> list[Answer]:
    """The answers of one file; of one that cannot be read or understood, that it is not known."""
    try:
        text = read_source(project.root, path, LARGEST).content.decode("utf-8-sig")
        answers = list(islice(reader(path, text), MOST_ANSWERS + 1))
        return answers if len(answers) <= MOST_ANSWERS else [_unread(path, "says too much to be read whole")]
    except Unreadable as error:
        return [] if error.state == "missing" else [_unread(path, error.reason)]
    except (UnicodeDecodeError, NotUnderstood, RecursionError):
        return [_unread(path, "is not understood")]


def _unread(source: str, reason: str) -> Answer:
    return Answer("file", source, source, "unknown", reason=reason)


def _examples(project: Project) -> Iterator[Answer]:
    """Of each example file whether git would take it along."""
    examples = [source.path for source in project.env_sources if source.example]
    if is_repository(project.root):
        hidden = ignored(project.root, examples) - tracked(project.root)
        for path in examples:
            yield Answer("example kept", path, path, "no" if path in hidden else "yes")


def baseline_answers(source: str, text: str) -> Iterator[Answer]:
    """For each entry of detect-secrets' baseline whether somebody called it no secret."""
    try:
        results = json.loads(text)["results"]
        entries = [
            (str(path), one.get("line_number"), one.get("is_secret"))
            for path in results
            for one in results[path]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstood from error
    for path, line, is_secret in entries:
        place = f"{path}:{line}" if type(line) is int else path
        reason = {None: "nobody said if it is a secret", False: ""}.get(
            is_secret, "somebody said that it is a secret"
        )
        yield Answer("baseline entry", source, place, "yes" if is_secret is False else "no", reason=reason)


# ---- Render's blueprints ----


@dataclass(frozen=True)
class _Variable:
    name: str
    line: int
    supplied: Mapping


def blueprint_answers(source: str, text: str, policy: Policy) -> Iterator[Answer]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place.

    Raises `NotUnderstood` if it is not a blueprint.
    """
    root = _mapping(next(_documents(text), None))
    groups = {_scalar(one.get("name")): _variables(one) for one in _mappings(root.get("envVarGroups"))}
    for group, variables in groups.items():
        yield from _supplied(source, group, variables, policy)
    seen = 0
    for service in _mappings(root.get("services")):
        name, variables = _scalar(service.get("name")), _variables(service)
        yield from _supplied(source, name, variables, policy)
        joined = [
            _scalar(one["fromGroup"]) for one in _mappings(service.get("envVars")) if "fromGroup" in one
        ]
        everything = [*variables, *chain.from_iterable(groups.get(group, []) for group in joined)]
        seen += len(everything)
        if seen > MOST_VARIABLES:
            raise NotUnderstood
        yield from _set_once(source, name, everything, whole=set(joined) <= groups.keys())
        if _has_previews(root) or _has_previews(service):
            yield from (_preview(source, name, one) for one in everything if _is_secret(one, policy))


def _documents(text: str) -> Iterator[yaml.Node | None]:
    """The nodes of the text, which alone have lines; aliases stay shared, so they cannot grow."""
    try:
        yield from yaml.compose_all(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise NotUnderstood from error


def _named(node: yaml.MappingNode) -> Mapping:
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _mapping(node: yaml.Node | None) -> Mapping:
    inner = _named(node) if isinstance(node, yaml.MappingNode) and len(node.value) <= MOST_ITEMS else None
    if inner is None or "<<" in inner:  # what a merge brings in is not read
        raise NotUnderstood
    return inner


def _mappings(node: yaml.Node | None) -> list[Mapping]:
    """The mappings of a list; none if nothing is there."""
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return []
    if not isinstance(node, yaml.SequenceNode) or len(node.value) > MOST_ITEMS:
        raise NotUnderstood
    return [_mapping(one) for one in node.value]


def _variables(owner: Mapping) -> list[_Variable]:
    keyed = [one for one in _mappings(owner.get("envVars")) if "key" in one]
    return [_Variable(_scalar(one["key"]), one["key"].start_mark.line + 1, one) for one in keyed]


def _is_secret(variable: _Variable, policy: Policy) -> bool:
    """By the policy; of what it does not know, by the name and by what a text looks like."""
    rule, text = policy.rule(variable.name), _scalar(variable.supplied.get("value"))
    form = shape_by(lambda question: question(text))
    return (rule.kind if rule else likely_kind(variable.name, (form,), policy)[0]) == "secret"


def _supplied(source: str, service: str, variables: list[_Variable], policy: Policy) -> Iterator[Answer]:
    """Whether a secret comes from elsewhere: a text in the blueprint is a text in git."""
    for variable in variables:
        if _is_secret(variable, policy):
            literal = bool(_scalar(variable.supplied.get("value")))
            known = any(key in variable.supplied for key in _REFERENCES)
            answer = "no" if literal else "yes" if known else "unknown"
            yield Answer("blueprint value", source, variable.name, answer, service, variable.line)


def _set_once(source: str, service: str, variables: list[_Variable], *, whole: bool) -> Iterator[Answer]:
    """Whether a name is set in one place: a service's own variable hides its group's.

    Not `whole`: the service joins a group that the blueprint does not hold.
    """
    lines: dict[str, list[int]] = {}
    for variable in variables:
        lines.setdefault(variable.name, []).append(variable.line)
    for name, set_at in lines.items():
        also = f"also in line {', '.join(map(str, set_at[1:]))}" if len(set_at) > 1 else ""
        answer = "no" if also else "yes" if whole else "unknown"
        yield Answer("blueprint name", source, name, answer, service, set_at[0], also)


def _has_previews(owner: Mapping) -> bool:
    for node in filter(None, map(owner.get, _PREVIEWS)):
        inner = _mapping(node).get("generation") if isinstance(node, yaml.MappingNode) else node
        if _scalar(inner).lower() not in ("", "off", "false", "no"):
            return True
    return False


def _preview(source: str, service: str, variable: _Variable) -> Answer:
    supplied = variable.supplied
    unsynced = _scalar(supplied.get("sync")).lower() == "false"
    apart = unsynced or "previewValue" in supplied or "fromDatabase" in supplied
    answer = "yes" if apart else "no" if "value" in supplied else "unknown"
    return Answer("blueprint preview", source, variable.name, answer, service, variable.line)


# ---- Images ----


def _images(project: Project, paths: list[PurePosixPath]) -> Iterator[Answer]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image.

    A Dockerfile that no compose file or blueprint names is built from its own folder.
    """
    there = {str(path) for path in paths}
    env_files = [one.path for one in project.env_sources if not one.example and one.path in there]
    named: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if path.name in BLUEPRINTS or _COMPOSE.fullmatch(path.name):
            try:
                for dockerfile, context in image_builds(str(path), _text(project, path) or ""):
                    named[dockerfile].add(context)
            except (NotUnderstood, RecursionError):
                # Of a blueprint it is said already.
                yield from [] if path.name in BLUEPRINTS else [_unread(str(path), "is not understood")]
    for path in paths:
        if _DOCKERFILE.fullmatch(path.name):
            own = _text(project, path.with_name(f"{path.name}.dockerignore"))  # counts first
            for context in sorted(named.get(str(path), {str(path.parent)})):
                ignore = own if own != "" else _text(project, PurePosixPath(context) / ".dockerignore")
                read = partial(image_answers, ignore=ignore, env_files=env_files, context=context)
                yield from _read(project, str(path), read)


def _text(project: Project, path: PurePosixPath) -> str | None:
    """A file's text; "" of one that is not there, None of one that cannot be read."""
    try:
        return read_source(project.root, str(path), LARGEST).content.decode("utf-8", "replace")
    except Unreadable as error:
        return "" if error.state == "missing" else None


def image_builds(source: str, text: str) -> Iterator[tuple[str, str]]:
    """Each Dockerfile that a compose file or blueprint names, and the folder that it is built from.

    A folder is "" if it is not plain, or leads elsewhere. Raises `NotUnderstood`.
    """
    left, seen = list(_documents(text)), set[int]()
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _MOST_NODES:
            raise NotUnderstood
        if isinstance(node, yaml.MappingNode):
            yield from _build_in(_named(node), str(PurePosixPath(source).parent))
            left += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


def _build_in(mapping: Mapping, folder: str) -> Iterator[tuple[str, str]]:
    build = mapping.get("build")
    if isinstance(build, yaml.ScalarNode | yaml.MappingNode):
        inner = _named(build) if isinstance(build, yaml.MappingNode) else {"context": build}
        context = _scalar(inner.get("context")) or "."
        dockerfile = f"{context}/{_scalar(inner.get('dockerfile')) or 'Dockerfile'}"
        yield _path(folder, dockerfile), _path(folder, context)
    if "dockerfilePath" in mapping or "dockerContext" in mapping:
        folder = _scalar(mapping.get("rootDir")) or "."
        dockerfile = _scalar(mapping.get("dockerfilePath")) or "Dockerfile"
        yield _path(folder, dockerfile), _path(folder, _scalar(mapping.get("dockerContext")) or ".")


def _path(folder: str, text: str) -> str:
    """A path within the project; "" for an address, a variable, or a path that leads out."""
    if re.search(r"[$:\s]|^[/~]", text):
        return ""
    path = normpath(f"{folder}/{text}")
    return "" if path.startswith("..") else path


@dataclass
class _Stage:
    """One stage of a Dockerfile: what it begins with, and what it copies."""

    base: str
    name: str
    workdir: str = "/"
    from_context: list[tuple[str, int]] = field(default_factory=list)  # source and line
    from_stages: list[tuple[str, str, int]] = field(default_factory=list)  # stage, source and line


def _stages(text: str) -> list[_Stage]:
    stages = [_Stage("", "")]  # a COPY before any FROM is of no stage, but is not lost
    for found in _INSTRUCTION.finditer(text):
        line, words = text.count("\n", 0, found.start()) + 1, _arguments(found[2])
        plain = [word for word in words if not word.startswith("--")]
        if found[1].lower() == "from" and plain:
            stages.append(_Stage(plain[0].lower(), plain[2].lower() if len(plain) > 2 else ""))
        elif found[1].lower() == "workdir" and plain:
            stages[-1].workdir = normpath(
                f"{stages[-1].workdir}/{plain[0]}" if plain[0][0] != "/" else plain[0]
            )
        elif origin := next(
            (word.partition("=")[2].lower() for word in words if word.startswith("--from=")), ""
        ):
            stages[-1].from_stages += [(origin, word, line) for word in plain[:-1]]
        else:
            stages[-1].from_context += [(word, line) for word in plain[:-1]]
    return stages if len(stages) == 1 else stages[1:]


def _arguments(words: str) -> list[str]:
    plain = re.sub(r"\\[ \t\r]*\n", " ", words)
    listed = re.search(r"(?:^|\s)\[(.*)\]\s*$", plain)  # as JSON
    if listed:
        plain = f"{plain[: listed.start()]} " + re.sub(r'[",]', " ", listed[1])
    return plain.split()


def image_answers(
    source: str, text: str, ignore: str | None, env_files: list[str], context: str
) -> Iterator[Answer]:
    """Of each env file in the context whether it stays out of the final stage.

    `ignore` is None if it cannot be read, and `context` "" if it is not known: then nothing is.
    """
    if not context:
        yield Answer("image context", source, source, "unknown", reason=ELSEWHERE)
        return
    stages = _stages(text)
    for path in env_files:
        if PurePosixPath(path).is_relative_to(context):
            inside = str(PurePosixPath(path).relative_to(context))
            line, certain = _taken(inside, len(stages) - 1, stages)
            answer, reason = _answer(inside, ignore, certain=certain) if line else ("yes", "")
            yield Answer("image context", source, path, answer, line=line, reason=reason)


def _taken(inside: str, last: int, stages: list[_Stage]) -> tuple[int | None, bool]:
    """The first line by which a stage holds a file of the context, and whether that is certain."""
    stage, found = stages[last], list[tuple[int, bool]]()
    for word, line in stage.from_context:
        takes = _takes(word, inside)
        found += [(line, bool(takes))] if takes is not False else []
    earlier = {key: at for at, one in enumerate(stages[:last]) for key in (one.name, str(at)) if key}
    if stage.base in earlier:
        inherited, certain = _taken(inside, earlier[stage.base], stages)
        found += [(inherited, certain)] if inherited else []
    for origin, word, line in stage.from_stages:
        below = _taken(inside, earlier[origin], stages) if origin in earlier else (None, False)
        folders = PurePosixPath(inside).parts[:-1]
        whole = origin in earlier and normpath(word) in ("/", ".", stages[earlier[origin]].workdir)
        if below[0] and (whole or PurePosixPath(word).name in (*folders, PurePosixPath(inside).name)):
            found.append((line, whole and below[1]))
    return min((line for line, _ in found), default=None), any(certain for _, certain in found)


def _answer(inside: str, ignore: str | None, *, certain: bool) -> tuple[str, str]:
    """Whether a file that is copied stays out by .dockerignore, and why that is not known."""
    if ignore is None:
        return "unknown", UNREAD
    patterns = [one.strip() for one in ignore.splitlines()]
    patterns = [one for one in patterns if one and not one.startswith("#")]
    if len(patterns) > MOST_PATTERNS or not all(map(_is_plain, patterns)):
        return "unknown", f"{UNREAD} in full"
    if _matches(patterns, inside):
        return "yes", ""
    return ("no", "") if certain else ("unknown", VARIABLE)


def _takes(word: str, inside: str) -> bool | None:
    """Whether a source of COPY holds the file: its folder, itself, or a pattern for it; None: not known."""
    plain = normpath(word.lstrip("/") or ".")
    if "$" in plain or not _is_plain(plain):
        return None
    return plain == "." or _matches([plain], inside)


def _is_plain(glob: str) -> bool:
    """Whether a pattern has no sign but stars and question marks, and few of them."""
    return not re.search(r"[\[\\]", glob) and glob.count("*") <= MOST_STARS


def _matches(patterns: list[str], path: str) -> bool:
    """Whether the last pattern that matches a path, or a folder above it, takes it; all begin there."""
    anchored = [re.sub(r"^(!?)\s*(?:\./)?/?", r"\1/", pattern) for pattern in patterns]
    return PathSpec.from_lines("gitignore", anchored).match_file(path)
