"""Publishes a package, guarded and searched: a review and an investigation go the same way."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic

import nbformat

from audit_lib.base.progress import Progress, quiet
from audit_lib.report.json_text import to_json
from audit_lib.report.publish.atomic_folder import publishing
from audit_lib.report.publish.evidence_zip import packed_folder
from audit_lib.report.publish.publication import Content, Publication, guarded
from audit_lib.report.publish.run_notebook import started
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import MANIFEST, Keeper, signed
from audit_lib.secrecy.kernel_pipe import Handoff
from audit_lib.secrecy.seal import seal


@dataclass(frozen=True)
class Package(Generic[Content]):
    """What is published of such a content: its notebook, and its artefacts as made of the executed one."""

    notebook: Path
    warm_up: str  # the import that its kernel runs meanwhile
    files: Callable[[Content, nbformat.NotebookNode], Mapping[str, str | bytes]]  # all but the next two
    manifest: Callable[[Publication[Content], Mapping[str, str]], dict[str, Any]]  # given each file's SHA-256
    beside: Callable[[Content], Mapping[str, str | bytes]] = lambda _: {}  # made while the notebook runs
    packed: str = ""  # the name of a zip of all the others, manifest included; "" for none


def publish(
    out: Path,
    package: Package[Content],
    parameters: Mapping[str, object],
    keeper: Keeper,
    make: Callable[[], Publication[Content]],
    *,
    progress: Progress = quiet,
) -> Publication[Content]:
    """What was published into the folder `out`, whole and searched, or not at all.

    The notebook's kernel starts and imports while `make` reads the project.

    Raises:
        Refused: a secret value is in one of the artefacts.
        AuditError: the notebook failed.
    """
    guard.install(keeper)
    with (
        publishing(out) as folder,
        started(package.notebook, parameters, warm_up=package.warm_up, progress=progress) as finish,
        ThreadPoolExecutor(1) as threads,
    ):
        made = guarded(keeper, make)
        classes = made.classes
        beside = threads.submit(package.beside, made.content)
        executed = finish(
            Handoff(parameters, made.content, keeper, classes.sealed, classes.open, classes.public)
        )
        progress("pages", 0, 1)
        _write(folder, {**package.files(made.content, executed), **beside.result()})
        digests = {name: sha256((folder / name).read_bytes()).hexdigest() for name in _names(folder)}
        _write(folder, {MANIFEST: to_json(signed(package.manifest(made, digests), keeper.key))})
        if package.packed:
            _write(folder, {package.packed: packed_folder(folder)})
        progress("searching the report", 0, 1)
        seal(folder, keeper, classes)
    return made


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            # A path or a log line may itself hold a value: it is removed here, and the seal still searches.
            (folder / name).write_text(guard.scrub(content), "utf-8", newline="\n")
