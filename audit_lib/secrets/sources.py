"""Reads what supplies values, and what dates them, into frames that hold no value.
Values come from the env files, and for one run as `--env ENVIRONMENT/SERVICE=FILE|-|environ`, which is never
stored; dates in a secret store's export, which says when a value was last written (docs/evidence.md#stores).
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from audit_lib.base import git
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault, parse_each
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Contract, Field, Series, Sources
from audit_lib.base.in_words import few
from audit_lib.logs.files import STDIN, source_row
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets import env
from audit_lib.secrets.loaders import WHOLE, YAML, is_compose, is_json, is_yaml, loaders_of
from audit_lib.settings import ENVIRONMENTS, GivenValues, Policy, Project, StoreDate, environment_name

ENVIRON = "environ"
# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_IN_ALL = {"lines": 20_000, "values": 3_000, "characters": 250_000}
IN_FORCE = ("env file", "export", "given values")  # kinds of sources whose values an application gets
_ORIGINS = {STDIN: "from stdin", ENVIRON: "from the process environment"}
_OPTION = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})(?::([A-Za-z_][\w.-]{0,127}))?=(.+)", re.DOTALL)
_FORM = "must have the form ENVIRONMENT/SERVICE[:SECRET]=FILE, =- (stdin) or =environ; ENVIRONMENT is one of"
_NAME, _YAML_NULLS = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}"), ("~", "null", "Null", "NULL")
_SET = re.compile(r"(?s)services\..+?\.environment\.(?:\d+=)?([A-Za-z_]\w*)(?:=(.*))?")  # by compose
_ON_STDIN = "=- (dotenv text or the platform's JSON on stdin)"
Row = dict[str, Any]
Lines = tuple[env.EnvLine, ...]
Given = tuple[GivenValues, ...]


class EnvEntries(Contract):
    """One row for each line of an env source; its state says where the line ended."""

    source: Series[str]
    kind: Series[str]  # env file | export | example | backup | given values
    environment: Series[str]
    service: Series[str]
    line: Series[int]  # 1-based; of the platform's JSON, the position of the entry
    state: Series[str] = Field(isin=("read", "not understood", "blank"))
    name: Series[str] = Field(nullable=True)  # null on a comment (read), a blank, a line not understood
    fingerprint: Series[str] = Field(nullable=True)  # null: no name, no value, or one of UNKNOWN_VALUES
    readings: Series[str]  # of a value that is not known: the fingerprints of all that it may be, by commas
    refers: Series[str]  # to names of its source, by commas
    faults: Series[str]  # comma-separated, as secrets/env.py lists them
    loader: Series[str]  # whose reading the value is; "" if it is not known, or if there is no loader


def read_env_sources(
    project: Project, given: Given, keeper: Keeper, policy: Policy | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` and `EnvEntries`: files in the project's order, then given values, then what is missing.
    Each value goes to the keeper, each line is counted in one state. A file that is there but cannot be
    used, and a place for which nothing was supplied, are rows of `Sources` alone; given content that cannot
    be parsed raises `BadInput`. The policy names what `--env …=environ` takes: no policy, no value. Which
    services there are, and which in production alone, it says, too, by its secrets; else templates say it.
    All env files may have so many lines, values and characters together (MAX_IN_ALL); one beyond is refused.
    """
    values = [one for one in given if one.content or one.origin == ENVIRON]
    supplied, git_facts = {(one.environment, one.service) for one in values}, _ask_git(project)
    read = [*_read_files(project, supplied, keeper, git_facts)]
    for one in values:
        lines = given_lines(one, policy)
        digest = {"keyed_digest": keeper.key.digest(one.content) if one.content else None}
        columns = _counts(lines) | digest | {"reason": _ORIGINS.get(one.origin, "from a file")}
        read.append((source_row(one, place_of(one), "given values", **columns), lines))
        if one.origin not in _ORIGINS and not one.origin.startswith("/dev/fd/"):
            read.append((_left_on_disk(one, project.root, git_facts) | digest, ()))
    read += ((row, ()) for row in _not_read(project, supplied, policy))
    entries = (_entry(row, line, keeper) for row, lines in read for line in lines)
    return Sources.of(row for row, _ in read), EnvEntries.of(entries)


def _read_files(
    project: Project, supplied: set[tuple[str, str]], keeper: Keeper, git_facts: Callable[[str], Row]
) -> Iterator[tuple[Row, Lines]]:
    left = Counter(MAX_IN_ALL)
    for source in project.env_sources:
        kind = next((kind for kind in ("example", "backup", "export") if getattr(source, kind)), "env file")
        remedies = {"example": f"commit {source.path} with every name and no value", "backup": ""}
        row = source_row(source, source.path, kind, remedy=remedies.get(kind, place_of(source) + _ON_STDIN))
        lines: Lines = ()
        try:
            found = read_source(project.root, source.path, env.MAX_BYTES)
            row |= found.facts | {"keyed_digest": keeper.key.digest(found.content)}
            lines = _parse(project.root, source, found.content, left)
            row |= _counts(lines)
        except BadInput as fault:
            row |= {"state": getattr(fault, "state", "refused"), "reason": fault.faults[0].text}
        if row["state"] != "missing":
            yield row | git_facts(source.path), lines
        elif not (source.backup or (source.environment, source.service) in supplied):
            yield row, ()


def _parse(root: Path, source: Any, content: bytes, left: Counter[str]) -> Lines:
    count, loaders = content.count(b"\n") + content.count(b"\r"), loaders_of(root, source, content)
    lines = parse_values(content, source.path, loaders) if count <= left["lines"] else ()
    values = [text for line in lines for text in (line.value, *line.suspects) if text]
    for what, number in {"lines": count, "values": len(values), "characters": sum(map(len, values))}.items():
        limit = f"comes after the limit of {MAX_IN_ALL[what]:,} {what} of all env files"
        BadInput.unless(number <= left[what], source.path, limit)
        left[what] -= number
    return lines


def _counts(lines: Lines) -> Row:
    states = Counter(line.state for line in lines)
    counts = {column: states[column.replace("_", " ")] for column in ("read", "not_understood", "blank")}
    is_empty = len(lines) == states["blank"]
    outcome = {"state": "empty", "reason": "holds nothing"} if is_empty else {"state": "read", "remedy": ""}
    return counts | outcome | {"lines": len(lines)}


def _left_on_disk(given: GivenValues, root: Path, git_facts: Callable[[str], Row]) -> Row:
    inside = (path := Path(given.origin).resolve()).is_relative_to(root)
    name = str(path.relative_to(root)) if inside else path.name
    facts, outside = (git_facts(name), "") if inside else ({}, " outside the project")
    with suppress(Unreadable):
        facts |= read_source(path.parent, path.name, env.MAX_BYTES).facts
    return source_row(given, name, "export", reason=f"plain-text values left on disk{outside}", **facts)


def _not_read(project: Project, given: set[tuple[str, str]], policy: Policy | None) -> Iterator[Row]:
    supplied = given | {
        (one.environment, one.service) for one in project.env_sources if not (one.example or one.backup)
    }
    rules = policy.secrets if policy else ()
    named: list[Any] = [rule for rule in rules if rule.kind == "secret" or rule.required == "always"]
    services = {one.service for one in named or project.env_sources} | {service for _, service in supplied}
    for place in product(project.environments, sorted(services - {""}) or ["backend"]):
        demands = {one.required for one in named if one.service == place[1]}
        if place not in supplied and (place[0] == "production" or demands != {"production"}):
            none = GivenValues(*place, "", b"")
            option, missing = place_of(none), {"state": "missing", "reason": "nothing was supplied"}
            yield source_row(none, option, "given values", remedy=option + _ON_STDIN, **missing)
    for folder in project.not_searched:
        refused = {"state": "refused", "reason": folder.text, "remedy": "name the files in it in audit.toml"}
        yield source_row(GivenValues("", "", "", b""), folder.place, "folder", **refused)


def _entry(row: Row, line: env.EnvLine, keeper: Keeper) -> Row:
    suspects = [keeper.take(suspect) for suspect in line.suspects]
    return {
        **{name: row[name] for name in ("source", "kind", "environment", "service")},
        **{name: getattr(line, name) for name in ("line", "state", "name", "refers", "loader")},
        "fingerprint": keeper.take(line.value) if line.value else None,
        "readings": ",".join(suspects) if env.value_is_unknown(line.faults) else "",
        "faults": ",".join(line.faults),
    }


def _ask_git(project: Project) -> Callable[[str], Row]:
    root, paths = project.root.resolve(), [source.path for source in project.env_sources]
    paths = [it for it in paths if os.path.realpath(root / it) == str(root / it)]  # git follows no link
    try:
        tracked, ignored = git.tracked(project.root), git.ignored(project.root, paths)
    except git.GitFailed:
        return lambda _: {}
    return lambda path: {"tracked": path in tracked, "ignored": path in ignored if path in paths else None}


def parse_env_options(options: Sequence[str], stdin: BinaryIO) -> Given:
    """What all `--env` options of a command give; `BadInput` with every fault of them at once."""
    given, faults = parse_each(lambda option: parse_env_option(option, stdin), options)
    if sum(option.endswith(f"={STDIN}") for option in options) > 1:
        faults.append(Fault("--env", "stdin (-) can be given for one service only"))
    places = Counter(place_of(one) for one in given if not one.dates)
    faults += (Fault(place, "is given twice") for place, count in places.items() if count > 1)
    if faults:
        raise BadInput(faults)
    return tuple(given)


def parse_env_option(text: str, stdin: BinaryIO) -> GivenValues:
    """What one `--env` option gives: content, or of a secret store's export the dates alone.
    The content of `environ` stays empty: its names are the policy's, which is read later. Raises `BadInput`
    for another form and for content that cannot be read or parsed, or that sets no variable. No fault quotes
    the option's text: it may be a value given by mistake.
    """
    found = _OPTION.fullmatch(text)
    named, service, secret, origin = found.groups("") if found else [""] * 4
    environment = environment_name(named)
    BadInput.unless(environment, "--env", f"{_FORM} {', '.join(ENVIRONMENTS)}")
    given = GivenValues(environment, service, origin, b"")
    if origin == ENVIRON:
        return given
    place = place_of(given)
    content = stdin.read(env.MAX_BYTES + 1) if origin == STDIN else _read_file(Path(origin), place)
    BadInput.unless(len(content) <= env.MAX_BYTES, place, f"contains more than {env.MAX_BYTES:,} bytes")
    dates, faults, _ = parse_store_export(content, secret) or ((), (), False)
    if faults:
        raise BadInput(Fault(place, fault) for fault in faults)
    is_set = dates or any(line.name for line in given_lines(replace(given, content=content)))
    BadInput.unless(is_set, place, "contains no variable: it must be dotenv text or the platform's JSON")
    return replace(given, dates=dates, content=b"" if dates else content)


def _read_file(path: Path, place: str) -> bytes:
    with suppress(OSError, ValueError):
        if path.is_file() or (path.is_fifo() and path.is_relative_to("/dev/fd")):
            with path.open("rb") as file:
                return file.read(env.MAX_BYTES + 1)
    raise BadInput.at(place, "names what does not exist, is not a regular file or cannot be read")


def place_of(source: Any) -> str:
    """The option that gives the values of a source's place, as rows and faults name it."""
    return f"--env {source.environment}/{source.service}"


def given_lines(given: GivenValues, policy: Policy | None = None) -> Lines:
    """The lines of dotenv text, the entries of JSON, of the process environment the policy's names."""
    if given.origin != ENVIRON:
        return parse_values(given.content, place_of(given), YAML if is_yaml(given.origin) else ())
    names = {name for rule in (policy.secrets if policy else ()) for name in (rule.name, *rule.aliases)}
    held = enumerate(sorted(names & os.environ.keys()), 1)
    return env.with_oddities(env.entry(number, name, os.environ[name]) for number, name in held)


def parse_values(content: bytes, place: str, loaders: tuple[str, ...] = ()) -> Lines:
    """The lines of dotenv text by its loaders; without any also the entries of the platform's JSON.
    Other text without a loader is read as the host's own box reads it. An entry's `line` is its position,
    counted from 1. Raises `BadInput` for binary content and for JSON or YAML that cannot be parsed."""
    if loaders == WHOLE:  # of one value, as a secret of compose, the file's name is the name
        text = env.decoded(content)[0].rstrip("\r\n")
        name, known = re.sub(r"\W", "_", Path(place).stem.upper()), "".join(text.split()).isprintable()
        return env.with_oddities([env.entry(1, name, text if known else content.hex(), *WHOLE)])
    BadInput.unless(not env.is_binary(content), place, "contains NUL bytes and no text: it is binary")
    if loaders == YAML:
        return env.with_oddities(sorted(_parse_yaml(content, place), key=lambda line: line.line))
    if loaders or content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return env.parse_env(content, loaders or ("render",))
    try:  # an object becomes a tuple of its pairs, so that a name given twice is seen; a number stays text
        found = json.loads(content, object_pairs_hook=tuple, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise BadInput.at(place, "looks like JSON and cannot be parsed") from None
    if isinstance(found, list):
        fields = [dict(one) if isinstance(one, tuple) else {} for one in found]  # of Render's with "envVar"
        inner = [dict(one["envVar"]) if isinstance(one.get("envVar"), tuple) else one for one in fields]
        found = [(one.get("key"), one.get("value", ...)) for one in inner]
    return env.with_oddities(
        env.entry(number, name, str(value).lower() if isinstance(value, bool) else value or "")
        if isinstance(name, str) and isinstance(value, str | bool | None)
        else env.EnvLine(number, "not understood", faults=("not-parsed",))
        for number, (name, value) in enumerate(found, 1)
    )


def _parse_yaml(content: bytes, place: str) -> Iterator[env.EnvLine]:
    """Each value as it is written, by the keys and numbers that lead to it; null and none are empty."""
    import yaml  # noqa: PLC0415  20 ms that most commands do not need

    most, nodes, plain = MAX_IN_ALL["characters"], MAX_IN_ALL["values"], not is_compose(place)
    BadInput.unless(len(content) <= most, place, f"contains more than {most:,} bytes of YAML")
    try:  # into nodes alone: no tag makes anything of a value
        root = yaml.compose(  # YAML indents with spaces alone
            env.decoded(content)[0].replace("\t", " " if is_json(place) else "\t"), yaml.BaseLoader
        )
    except (yaml.YAMLError, RecursionError) as error:
        at = f" (line {mark.line + 1})" if (mark := getattr(error, "problem_mark", None)) else ""
        raise BadInput.at(place, f"cannot be parsed as one document of YAML{at}") from None
    found, seen = [("", root)] if root else [], set[int]()
    for path, node in found:
        BadInput.unless(len(found) <= nodes, place, f"has, or its anchors make, more than {nodes:,} values")
        if node.id == "mapping" and node.value:
            found += ((f"{path}.{at.value if at.id == 'scalar' else '?'}"[:200], it) for at, it in node.value)
        elif node.id == "sequence" and node.value:
            found += ((f"{path}.{number}"[:200], one) for number, one in enumerate(node.value))
        elif plain or id(node) not in seen:  # of compose what an anchor names is there once
            seen.add(id(node))
            name = re.sub(r"\.<<(\.\d+)?", "", path)[1:]  # `<<` brings in what others have
            own = None if plain else _SET.fullmatch(f"{name}={node.value}")
            name, node.value = own.groups("") if own else (name, node.value)
            node.tag = "!" if own and ("$" in node.value or not node.value) else node.tag  # by the shell
            yield _yaml_line(name, node) if own or plain else env.EnvLine(node.start_mark.line + 1, "read")


def _yaml_line(name: str, node: Any) -> env.EnvLine:
    value = node.value if node.value and (node.style or node.value not in _YAML_NULLS) else ""
    is_name = _NAME.fullmatch(name) and not any(map(env.looks_like_value, name.split(".")))
    line = env.entry(node.start_mark.line + 1, "KEY" if is_name else f"?{name}", value, *YAML)
    if line.name and ("${" in value or node.tag.startswith("!")):  # the application makes something of it
        own = name if re.fullmatch(rf"\${{?{re.escape(name)}([:?-].*)?}}?", value) else ""
        return replace(line, name=name, value=None, refers=own, faults=("reference",), suspects=(value,))
    return replace(line, name=line.name and name)


_GITHUB = "the secret of GitHub Actions was last updated"
# The keys of an entry; the kind of evidence and what its date is of; the keys of its date and of its name.
_STORES = (
    ({"vault", "title"}, "E14", "the item was last updated", "updated_at", "title"),  # 1Password
    ({"name", "updated_at"}, "E14", _GITHUB, "updated_at", "name"),  # gh api …/actions/secrets
    ({"name", "updatedAt"}, "E14", _GITHUB, "updatedAt", "name"),  # gh secret list --json
    ({"created_time", "destroyed"}, "E13", "the current version was written", "created_time", ""),  # Vault
)
_CLEAR = re.compile(rb'"value"\s*:\s*(?!\s|""|null)')  # an item of 1Password may have its fields
StoreExport = tuple[tuple[StoreDate, ...], list[str], bool]  # with its faults, and whether it holds values


def parse_store_export(content: bytes, secret: str = "") -> StoreExport | None:
    """What an export of a known store holds, None of other bytes; `secret` names what the export does not.
    First the dates (UTC), in the order of the entries; then a fault, as text, for each entry that cannot be
    used; last whether the bytes hold a value in clear. An export without entries has no date and no fault.
    """
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    match found:  # of Vault the current version, of GitHub's API the secrets
        case {"data": {"versions": dict(versions), "current_version": current}}:
            found = versions.get(str(current))
        case {"secrets": list(secrets)}:
            found = secrets
    entries = [it if isinstance(it, dict) else {} for it in (found if isinstance(found, list) else [found])]
    stores = [store for keys, *store in _STORES if keys <= next(filter(None, entries), {}).keys()]
    if entries and not stores:
        return None
    dates, faults = parse_each(lambda pair: _date(*pair, stores[0], secret), enumerate(entries, 1))
    return tuple(dates), [*map(str, faults)], _CLEAR.search(content) is not None


def _date(number: int, entry: dict[str, Any], store: list[str], secret: str) -> StoreDate:
    place, (kind, text, key, key_of_name) = f"entry #{number}", store
    name, is_gone = secret or entry.get(key_of_name), entry.get("destroyed") is True
    BadInput.unless(entry, place, "is not an object")
    BadInput.unless(not (is_gone or entry.get("deletion_time")), place, "its current version is deleted")
    is_name = isinstance(name, str) and _NAME.fullmatch(name)
    BadInput.unless(is_name, place, "does not name a variable: say which with `secret`")
    return StoreDate(str(name), kind, parse_instant(str(entry.get(key)), f"{place}: {key}"), text)


def read_store_dates(project: Project, given: Given) -> tuple[pd.DataFrame, Given]:
    """`Sources` of the exports, and the dates that they and given ones hold; `origin` is the source."""
    rows, dated = [], [replace(one, origin=place_of(one)) for one in given if one.dates]
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        for path in paths or [source.pattern]:
            columns, dates = _read_export(project.root, path, source.secret)
            rows.append(source_row(source, path, "store export", **columns))
            dated.append(GivenValues(source.environment, source.service, path, b"", dates))
    return Sources.of(rows), tuple(dated)


def _read_export(root: Path, path: str, secret: str) -> tuple[Row, tuple[StoreDate, ...]]:
    try:
        read = read_source(root, path, env.MAX_BYTES)
    except Unreadable as error:
        remedies = {"missing": f"export the store's dates to {path} (docs/evidence.md#stores)"}
        return {"state": error.state, "reason": error.reason, "remedy": remedies.get(error.state, "")}, ()
    unknown = "is not an export of a known store (docs/evidence.md#stores)"
    dates, faults, holds_values = parse_store_export(read.content, secret) or ((), [unknown], False)
    if holds_values:
        clear = "holds values in clear: delete it, and export the dates alone (op item list --format json)"
        return read.facts | {"state": "refused", "reason": clear, "remedy": f"rm {path}"}, ()
    state = "read" if dates else "unreadable" if faults else "empty"
    return read.facts | {"state": state, "reason": few(faults, 20, "; ", "; ")}, dates
