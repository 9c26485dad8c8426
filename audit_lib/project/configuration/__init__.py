"""What the project's own configuration says of secrets: blueprints, images, baselines."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import PurePosixPath

import pandas as pd

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git.commands import ignored, is_repository, tracked
from audit_lib.project.configuration.answers import Answer, NotUnderstood, baseline_answers, unread
from audit_lib.project.configuration.blueprints import blueprint_answers
from audit_lib.project.configuration.image_builds import (
    Build,
    builds_images,
    image_answers,
    image_builds,
    is_dockerfile,
)
from audit_lib.project.contracts import Configuration
from audit_lib.project.discovery import files
from audit_lib.project.places import Project
from audit_lib.project.policy.rules import Policy

BLUEPRINTS = ("render.yaml", "render.yml")
BASELINES = (".secrets.baseline",)
Reader = Callable[[str, str], Iterable[Answer]]
LARGEST = 1 << 18  # bytes of a file that is read here: blueprints take seconds beyond
MOST_ANSWERS = 20_000  # of one file


def tabulate_configuration(project: Project, policy: Policy) -> pd.DataFrame:
    """`Configuration`: each question that a configuration file of the project answers, file by file."""
    paths = list(files(project.root))
    answers = [
        *_each(project, paths, BLUEPRINTS, partial(blueprint_answers, policy=policy)),
        *_each(project, paths, BASELINES, baseline_answers),
        *_images(project, paths),
        *_examples(project),
    ]
    return Configuration.of(vars(answer) for answer in answers)


def _each(
    project: Project, paths: Iterable[PurePosixPath], names: tuple[str, ...], reader: Reader
) -> Iterator[Answer]:
    for path in paths:
        if path.name in names:
            yield from _read(project, str(path), reader)


def _read(project: Project, path: str, reader: Reader) -> list[Answer]:
    """The answers of one file; of one that cannot be read or understood, that it is not known."""
    try:
        text = read_source(project.root, path, LARGEST).content.decode("utf-8-sig")
        answers = list(islice(reader(path, text), MOST_ANSWERS + 1))
        return answers if len(answers) <= MOST_ANSWERS else [unread(path, "says too much to be read whole")]
    except Unreadable as error:
        return [] if error.state == "missing" else [unread(path, error.reason)]
    except (UnicodeDecodeError, NotUnderstood, RecursionError):
        return [unread(path, "is not understood")]


def _images(project: Project, paths: list[PurePosixPath]) -> Iterator[Answer]:
    """Of each env file in the context of a Dockerfile whether it stays out of the image."""
    env_files = [source.path for source in project.env_sources if not source.example]
    named: dict[str, set[str]] = {}
    for path in filter(builds_images, paths):
        builds = _builds(project, path)
        if builds is None and path.name not in BLUEPRINTS:  # of those it is said already
            yield unread(str(path), "is not understood")
        for build in builds or ():
            named.setdefault(build.dockerfile, set()).add(build.context)
    for path in paths:
        if is_dockerfile(path.name):
            own = _text(project, path.with_name(f"{path.name}.dockerignore"))  # counts first
            for context in sorted(named.get(str(path), {str(path.parent)})):
                ignore = own if own != "" else _text(project, PurePosixPath(context) / ".dockerignore")
                read = partial(image_answers, ignore=ignore, env_files=env_files, context=context)
                yield from _read(project, str(path), read)


def _builds(project: Project, path: PurePosixPath) -> list[Build] | None:
    """The builds that a file names; None if it cannot be understood."""
    try:
        return list(image_builds(str(path), _text(project, path) or ""))
    except (NotUnderstood, RecursionError):
        return None


def _text(project: Project, path: PurePosixPath) -> str | None:
    """A file's text; "" of one that is not there, None of one that cannot be read."""
    try:
        return read_source(project.root, str(path), LARGEST).content.decode("utf-8", "replace")
    except Unreadable as error:
        return "" if error.state == "missing" else None


def _examples(project: Project) -> Iterator[Answer]:
    """Of each example file whether git would take it along."""
    examples = [source.path for source in project.env_sources if source.example]
    if not is_repository(project.root):
        return
    hidden = ignored(project.root, examples) - tracked(project.root)
    for path in examples:
        yield Answer("example kept", path, path, "no" if path in hidden else "yes")
