"""Reads every env source of a project and the values given for this run into frames that hold no value."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base import git
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Sources
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import EnvEntries
from audit_lib.secrets.env import MAX_LINES, EnvLine, is_binary, parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_values, place_of
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import EnvSource, GivenValues, Policy, Project

MAX_BYTES = 2 * 1024 * 1024  # of one file: by default Linux gives a process no larger environment
# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_IN_ALL = {"lines": 200_000, "values": 3_000, "characters": 250_000}
_ORIGINS = {STDIN: "from stdin", ENVIRON: "from the process environment"}
IN_FORCE = ("env file", "export", "given values")  # kinds of sources whose values an application gets
Row = dict[str, Any]


def read_env_sources(
    project: Project,
    given: tuple[GivenValues, ...],
    keeper: Keeper,
    policy: Policy | None = None,
    environ: Mapping[str, str] = os.environ,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` and `EnvEntries`; each value goes to the keeper, and each line is counted in one state.

    A place (environment and service) for which nothing was supplied is a row that says what would
    supply it. The policy is needed for `--env …=environ`: it names what is taken from `environ`.
    """
    reader = _Reader(project, keeper)
    values = [one for one in given if one.content or one.origin == ENVIRON]
    supplied = {(one.environment, one.service) for one in values}
    for source in project.env_sources:
        reader.read_file(source, supplied=(source.environment, source.service) in supplied)
    for one in values:
        text = parse_values(one.content, place_of(one)) if one.content else None
        reader.read_given(one, *(text or (given_lines(one, policy, environ), "")))
    reader.sources += _not_supplied(project, supplied, policy)
    for folder in project.not_searched:
        row = {"state": "refused", "reason": folder.text, "remedy": "name the files in it in audit.toml"}
        reader.sources.append(_place(folder.place, "folder", "", "") | row)
    return Sources.of(reader.sources), EnvEntries.of(reader.entries)


def _not_supplied(project: Project, given: set[tuple[str, str]], policy: Policy | None) -> Iterator[Row]:
    """One row for each place of the application for which neither a file is named nor a value given."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    supplied = given | {(source.environment, source.service) for source in in_force}
    services = {source.service for source in project.env_sources} | {service for _, service in supplied}
    services |= {rule.service for rule in policy.secrets} if policy else set()
    for environment, service in product(project.environments, sorted(services - {""})):
        if (environment, service) not in supplied:
            place = _place(f"--env {environment}/{service}", "given values", environment, service)
            missing = {"state": "missing", "reason": "nothing was supplied"}
            yield place | missing | {"remedy": _supply(environment, service)}


class _Reader:
    """Gathers the rows of both frames."""

    def __init__(self, project: Project, keeper: Keeper) -> None:
        self.project, self.keeper = project, keeper
        self.sources: list[Row] = []
        self.entries: list[Row] = []
        self._git_facts = _ask_git(project)
        self._left = Counter(MAX_IN_ALL)

    def read_file(self, source: EnvSource, *, supplied: bool) -> None:
        """An env file. That it is missing is no gap where its values are supplied; a backup never is one."""
        kinds = {"example": source.example, "backup": source.backup, "export": source.export}
        kind = next((kind for kind, is_one in kinds.items() if is_one), "env file")
        remedies = {"example": f"commit {source.path} with every name and no value", "backup": ""}
        remedy = remedies.get(kind, _supply(source.environment, source.service))
        row = _place(source.path, kind, source.environment, source.service) | {"reason": "", "remedy": remedy}
        try:
            found = read_source(self.project.root, source.path, MAX_BYTES)
            row |= found.facts | {"keyed_digest": self.keeper.key.digest(found.content)}
            lines, loader = self._parse(source, found.content)
        except BadInput as fault:
            state = fault.state if isinstance(fault, Unreadable) else "refused"
            if state != "missing":
                row |= self._git_facts(source.path)
            elif source.backup or supplied:
                return
            self.sources.append(row | {"state": state, "reason": fault.faults[0].text})
        else:
            self._add(row | self._git_facts(source.path), lines, loader)

    def read_given(self, given: GivenValues, lines: Sequence[EnvLine], loader: str) -> None:
        """Given values. The file that they come from is itself a plain export on disk, which is a finding."""
        place = (given.environment, given.service)
        digest = None if given.origin == ENVIRON else self.keeper.key.digest(given.content)
        row: Row = {"reason": _ORIGINS.get(given.origin, "from a file"), "remedy": "", "keyed_digest": digest}
        self._add(_place(place_of(given), "given values", *place) | row, lines, loader)
        if given.origin in _ORIGINS or given.origin.startswith("/dev/fd/"):
            return

        path = Path(given.origin).resolve()
        inside = path.is_relative_to(self.project.root)
        name = str(path.relative_to(self.project.root)) if inside else path.name
        row |= {"state": "read", "reason": "plain-text values left on disk", "size_bytes": len(given.content)}
        row |= self._git_facts(name) if inside else {"reason": f"{row['reason']} outside the project"}
        with suppress(Unreadable):
            row |= read_source(path.parent, path.name, MAX_BYTES).facts
        self.sources.append(_place(name, "export", *place) | row)

    def _parse(self, source: EnvSource, content: bytes) -> tuple[Sequence[EnvLine], str]:
        """The lines of a file, and the loader whose reading they are; "" if that is not known or not needed.

        Of an export also the entries of the platform's JSON. `BadInput` says why a file is not taken.
        """
        count = content.count(b"\n") + content.count(b"\r")
        if is_binary(content):
            raise BadInput.at(source.path, "is binary: it has NUL bytes and is not UTF-8 text")
        if count > MAX_LINES:
            raise BadInput.at(source.path, f"has more than the limit of {MAX_LINES:,} lines")
        self._require_room(source.path, {"lines": count})
        loaders = loaders_of(self.project.root, source, content)
        lines, loader = parse_env(content, loaders), loaders[0] if len(loaders) == 1 else ""
        if source.export and not source.loader:
            lines, loader = parse_values(content, source.path)
        values = [text for line in lines for text in (line.value, *line.suspects) if text]
        self._require_room(source.path, {"values": len(values), "characters": sum(map(len, values))})
        return lines, loader

    def _require_room(self, path: str, counts: Mapping[str, int]) -> None:
        for what, count in counts.items():
            if count > self._left[what]:
                limit = f"comes after the limit of {MAX_IN_ALL[what]:,} {what} of all env files"
                raise BadInput.at(path, limit)
        self._left.subtract(counts)

    def _add(self, row: Row, lines: Sequence[EnvLine], loader: str) -> None:
        """A source that was read, its counts, which add up to the lines, and one entry for each line.

        The values, and what may be one in a faulty line, go to the keeper.
        """
        states = Counter(line.state for line in lines)
        counts = {column: states[column.replace("_", " ")] for column in ("read", "not_understood", "blank")}
        if len(lines) > states["blank"]:
            row |= {"state": "read", "remedy": ""}
        else:
            row |= {"state": "empty", "reason": row["reason"] or "holds nothing"}
        self.sources.append(row | {"lines": len(lines)} | counts)

        place = {name: row[name] for name in ("source", "kind", "environment", "service")}
        for line in lines:
            suspects = [self.keeper.take(suspect) for suspect in line.suspects]
            not_known = bool(line.name) and value_is_unknown(line.faults)
            self.entries.append(
                place
                | {
                    "line": line.line,
                    "state": line.state,
                    "name": line.name,
                    "fingerprint": self.keeper.take(line.value) if line.value else None,
                    "readings": ",".join(suspects) if not_known else "",
                    "faults": ",".join(line.faults),
                    "loader": loader if line.name else "",
                }
            )


def _place(source: str, kind: str, environment: str, service: str) -> Row:
    return {"source": source, "kind": kind, "environment": environment, "service": service}


def _supply(environment: str, service: str) -> str:
    """What would supply the values of a place."""
    return f"--env {environment}/{service}=- (dotenv text or the platform's JSON on stdin)"


def _ask_git(project: Project) -> Callable[[str], Row]:
    """Gives the columns `tracked` and `ignored` of a path; null if git cannot be asked."""
    # git gives no answer at all where one of the paths lies behind a link.
    root = project.root.resolve()
    paths = [source.path for source in project.env_sources]
    paths = [path for path in paths if os.path.realpath(root / path) == str(root / path)]
    try:
        tracked, ignored = git.tracked(project.root), git.ignored(project.root, paths)
    except git.GitFailed:
        return lambda _: {}
    return lambda path: {"tracked": path in tracked, "ignored": path in ignored if path in paths else None}
