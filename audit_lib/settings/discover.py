"""Finds env-like files, logs and variables, and writes a first audit.toml: guesses marked, never a value."""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from audit_lib.base import git
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import few
from audit_lib.settings import keys, variables
from audit_lib.settings.models import ENVIRONMENTS, EnvSource, LogSource, Policy, Project

MAX_SOURCES = 200
_DATA = tomllib.loads(Path(__file__).with_name("discover.toml").read_text("utf-8"))
_PATTERNS: dict[str, str] = _DATA.pop("patterns")
_WORDS = {key: frozenset(text.split()) for key, text in _DATA.items()}
_IN_FOLDERS = {"production": _WORDS["production"], "staging": _WORDS["staging"]}
_IN_NAMES = _IN_FOLDERS | {name: _WORDS[f"{name}_in_names"] for name in ("production", "development")}
_NO_SERVICE = _WORDS["no_service"].union(*_IN_NAMES.values(), _WORDS["tests"])


def discover(project: Project, generic: Policy) -> Project:
    """The project with the env-like files and log folders that were found beside its layout.

    What was found replaces a layout of which nothing is there. `not_searched` names what was left out, and
    why: links to folders, what cannot be read, what is beyond the bounds. No link to another is listed."""
    left_out: list[Fault] = []
    found = variables.files(project.root, left_out)
    like = {str(path): path for path in found if is_env_like(path)}
    ends = {path: os.path.relpath(os.path.realpath(project.root / path), project.root) for path in like}
    links = {path for path, end in ends.items() if path != end in like and not env_source(like[end]).example}
    layout = {one.path: one for one in project.env_sources if one.path not in links}
    written = dict.fromkeys(like, "") | dict(variables.texts(project, like, []))
    # Who has production's file here has its others here, too: its line speaks for those that say nothing.
    unplaced = (path for path in like if env_source(like[path], "ENV=prod") != env_source(like[path]))
    said = "\n".join(line[0] for path in unplaced if (line := re.search(_PATTERNS["says"], written[path])))
    env = {path: env_source(like[path], f"{written[path]}\n{said}") for path in like if path not in links}
    env = {
        one.path: one
        for one in _as_filled(env, written, project.root, generic)
        if not (one.example and re.search(_PATTERNS["aside"], one.path))
        and (re.search(_PATTERNS["sets"], written[one.path]) or not one.path.endswith((".envrc", "/env")))
    }
    logs = {
        (pattern := str(path.parent / f"{log['stem'] or '*.log'}*")): LogSource(pattern, service_of(path))
        for path in found
        if _WORDS["test_folders"].isdisjoint(path.parts[:-1])
        if (log := re.fullmatch(_PATTERNS["log"], path.name))
    }
    return replace(
        project,
        env_sources=_kept("env files", layout, env, left_out),
        log_sources=_kept("log folders", {one.pattern: one for one in project.log_sources}, logs, left_out),
        not_searched=tuple(left_out),
    )


def _as_filled(
    env: Mapping[str, EnvSource], written: Mapping[str, str], root: Path, generic: Policy
) -> Iterator[EnvSource]:
    """The sources; what is a template or committed is of the service of what fills it: of the file in force,
    not committed, that has most of its names, at least three and a third. If it then gives no secret a value,
    or is in a folder of examples, it is a template, as .env.docker can be; but loaders read .env by its name.
    Symfony reads .env.local over a committed .env and .env.dev, whatever is in them."""
    tracked = git.tracked(root) if git.is_repository(root) else set[str]()
    lines = {path: [*variables.in_env_text(text, path, example=True)] for path, text in written.items()}
    names = {path: {line.name for line in lines[path]} for path in lines}
    own = [one for one in env.values() if not (one.example or one.backup or one.path in tracked)]
    for path, source in env.items():
        size, _, service = max(
            ((len(names[path] & names[it.path]), it.service == source.service, it.service) for it in own),
            default=(0, True, ""),
        )
        is_filled = source not in own and not source.backup and size >= max(3, len(names[path]) / 3)
        kinds = {variables.likely_kind(it.name, (it.form,), generic)[0] for it in lines[path] if it.needed}
        over = {f"{path}.local", f"{path.removesuffix('.dev')}.local"} & names.keys()
        symfony = over and source not in own and (root / path).parent.joinpath("bin", "console").exists()
        template = "secret" not in kinds or re.search(_PATTERNS["aside"], path)
        example = source.example or symfony or (is_filled and template and PurePosixPath(path).name != ".env")
        place, service = "" if example else source.environment, service if is_filled else source.service
        yield replace(source, service=service, example=bool(example), environment=place)


def _kept(word: str, layout: dict[str, Any], there: dict[str, Any], left_out: list[Fault]) -> tuple[Any, ...]:
    # A layout of which nothing is there belongs to another application: its gaps would be noise.
    some = list((layout | there | layout if layout.keys() & there.keys() else there or layout).values())
    if (beyond := len(some) - MAX_SOURCES) > 0:
        left_out.append(Fault("discovery", f"left out {beyond} {word} beyond the first {MAX_SOURCES}"))
    return tuple(some[:MAX_SOURCES])


def is_env_like(path: PurePosixPath) -> bool:
    """Whether a file's name, or its folder, says that it holds environment variables."""
    named = re.fullmatch(_PATTERNS["env"], path.name) and not re.fullmatch(_PATTERNS["not_env"], path.name)
    return bool(named) or _is_of_a_service(path)


def _is_of_a_service(path: PurePosixPath) -> bool:
    return re.fullmatch(_PATTERNS["service_file"], str(path)) is not None


def env_source(path: PurePosixPath, text: str = "") -> EnvSource:
    """The env source that a file's name, its folder and its text say it is.

    A template is an example, and so is what tests run with (.env.test): no environment has it in force, and
    its `environment` is "". Any other file is of development unless its name, its folder or a line such as
    NODE_ENV=production says otherwise. Its service is what `file_words` says, unless it is a backup or
    .env.dev-azure.example, a variant of an environment; else `service_of`."""
    named, words = _environment_in(path.name, _IN_NAMES), file_words(path)
    in_tests = not _WORDS["test_folders"].isdisjoint(path.parts[:-1])
    of_tests = _words_of(path.name) & _WORDS["tests"] and not named and (in_tests or not words)
    example = bool(of_tests or re.search(_PATTERNS["example"], path.name))
    backup = not example and bool(re.search(_PATTERNS["backup"], path.name))
    said = ENVIRONMENTS[-1 if (line := re.search(_PATTERNS["says"], text)) and line[1] else 0]
    environment = named or _environment_in(path.parent.name, _IN_FOLDERS) or said
    service = ("" if backup or (example and _environment_in(words, _IN_NAMES)) else words) or service_of(path)
    return EnvSource("" if example else environment, service, str(path), example=example, backup=backup)


def _environment_in(text: str, marks: Mapping[str, frozenset[str]]) -> str:
    return next((environment for environment, names in marks.items() if _words_of(text) & names), "")


def _words_of(text: str) -> set[str]:
    return set(filter(None, re.split(r"[^a-z]+", text.lower())))


def file_words(path: PurePosixPath) -> str:
    """The service that a file's name says, as redis.env and .env.redis do; "" if it says none."""
    parts = re.sub(_PATTERNS["example"], "", path.name).lower().split(".")
    left = [part for part in parts if part and not _words_of(part) <= _NO_SERVICE]
    return re.sub(r"[^\w-]", "-", "-".join(left)).strip("-_") if not _is_of_a_service(path) else ""


def service_of(path: PurePosixPath) -> str:
    """The service by the first folder that is not a mere grouping, `backend` at the top; of a file that only
    its folder makes an env file the file's own name: .envs/.production/.django."""
    if _is_of_a_service(path) and not re.fullmatch(_PATTERNS["env"], path.name):
        return path.name.lstrip(".")
    own = (part for part in path.parts[:-1] if part.lower() not in _WORDS["grouping_folders"])
    folder = next((part for part in own if not _environment_in(part, _IN_FOLDERS)), "")
    return re.sub(r"[^\w.-]", "-", folder).lstrip(".-") or "backend"


def service_of_variable(
    places: Iterable[variables.Mention], set_in: Collection[str], sizes: Mapping[Any, int], project: Project
) -> str:
    """The service of a variable: of the env file that names it, an example only if no other does, and is
    nearest above the code that reads it, of several the one with the most variables; else of the env file
    that is nearest above it. `set_in` are those that name it, `sizes` is how many variables each names."""
    path, sources = PurePosixPath(min(places).path), {source.path: source for source in project.env_sources}
    # How near the folder that each serves is to the code: the same, the top, or another one.
    rank = {"backend": 1, service_of(path): 2}
    near = {one: rank.get(service_of(PurePosixPath(one).with_name(".env")), 0) for one in sources}
    in_force = [one for one in sorted(set_in) if not sources[one].example]
    if candidates := in_force or sorted(set_in) or [one for one in sources if near[one]]:
        return sources[max(candidates, key=lambda one: (near[one], sizes.get(one, 0)))].service
    # Of code that no env file serves: the nearest folder of its own build, else the whole.
    built = (it for it in path.parents for one in _WORDS["manifests"] if (project.root / it / one).is_file())
    return service_of(next(built, PurePosixPath()) / path.name)


def _mailed_by_others(project: Project, names: Collection[str]) -> set[str]:
    """The passwords of mail servers that are another's, by the host that an env file gives beside each.
    A name that a file says twice tells nothing."""
    texts = variables.texts(project, [one.path for one in project.env_sources], [])
    hosts = ((text, it) for _, text in texts for it in [*re.finditer(_PATTERNS["mail_host"], text)][:20])
    begin = {it[1] for text, it in hosts if text.count(it[2] or it[0]) == 1}
    return {name for name in names if re.sub(_PATTERNS["mail_password"], r"\1", name) in begin}


def guess_variables(project: Project, generic: Policy, code: variables.CodeRead) -> list[dict[str, Any]]:
    """What each variable seems to be that an env file holds or the code reads, by service, then name.

    A guess has keys of a [[secret]]; `pair`, the same name without or with a public prefix, else ""; and the
    `places` of its name. Left out is a setting that code alone has and can do without, or that only an env
    file has which is no example. A key that no code reads is a caller's, issued by the application itself."""
    examples = {source.path for source in project.env_sources if source.example}
    held, read = variables.env_variables(project), variables.asked_of_owner(project, code)
    sizes = Counter(path for places in held.values() for path in {place.path for place in places})
    names = {name for name in {*held, *read} if held.get(name) or read.get(name)}
    mailed, guesses = _mailed_by_others(project, names), dict[str, dict[str, Any]]()
    for name in names:
        places, reads, prefixes = held.get(name, ()), read.get(name, []), generic.public_prefixes
        kind, component = variables.likely_kind(name, (it.form for it in (*places, *reads)), generic, names)
        pairs = {one for it in prefixes for one in (name.removeprefix(it), it + name)} - {name}
        needed = not any(place.optional for place in reads) and any(
            place.needed for place in reads if not re.search(_PATTERNS["tools"], place.path)
        )
        set_in = {place.path for place in places}
        by_name, shown = variables.likely_kind(name, (), generic)[0], reads or examples & set_in
        beside = {re.sub("ACCESS_KEY(_ID)?$", end, name) for end in ("SECRET_ACCESS_KEY", "SECRET_KEY")}
        other = variables.is_issued(name, project.name) or name in mailed
        of_pair = name.replace("PRIVATE_KEY", "PUBLIC_KEY") in names - {name}
        maker = "its provider's console" if other else "the tool that makes both" if of_pair else project.name
        issued = kind == "secret" and (other or of_pair or (not shown and variables.is_issued(name, "")))
        if "secret" in (kind, by_name) or needed or (set_in and shown):
            guesses[name] = {
                "name": name,
                "service": service_of_variable(reads or places, set_in, sizes, project),
                "kind": kind,
                "component": component,
                "required": "always" if needed else "optional",
                "obtain": maker if issued else "",
                "partner": min(beside & names - {name}, default=""),
                "length": max((place.length for place in reads), default=(0, False)),
                "pair": min(pairs & names, default=""),
                "places": few((f"{variables.shown(it.path)}:{it.line}" for it in (*places, *reads)), 3),
            }
    return sorted(guesses.values(), key=lambda guess: (guess["service"], guess["name"]))


def first_audit_toml(project: Project, extends: str, **facts: Any) -> str:
    """The text of an audit.toml for what is there, with a [[secret]] for each of the `guesses`.

    `loaders` gives the loader of env files by path, `logins` are blocks of comments that ask about logins."""
    from jinja2 import Environment  # noqa: PLC0415  one command alone needs it

    there = [one for one in project.env_sources if os.path.lexists(project.root / one.path)]
    # Production may live on a platform alone; the others of a bundled policy are its own.
    used = {"production", *(one.environment for one in there)} if extends == "generic" else {*ENVIRONMENTS}
    environment = Environment(trim_blocks=True)  # noqa: S701
    environment.filters["quoted"] = _quoted
    log_sources = (source for source in project.log_sources if not keys.path_fault(source.pattern))
    return environment.from_string(Path(__file__).with_name("first_audit.toml.j2").read_text("utf-8")).render(
        project=project,
        extends=extends,
        environments=[name for name in ENVIRONMENTS if name in used],
        has_guide=(project.root / project.guide).is_file(),
        exports=[path for path in project.exports if (project.root / path).is_file()],
        env_sources=[source for source in there if not keys.path_fault(source.path)],
        log_sources=[source for source in log_sources if any(project.root.glob(source.pattern))],
        **facts,
    )


def _quoted(text: str) -> str:
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def write_new(path: Path, text: str, place: str) -> None:
    """Writes a file; `BadInput` if there is one, be it a link, or if it cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise BadInput.at(place, f"cannot be written ({error.strerror})") from None
