"""Reads a project's audit.toml: everything is checked, and all its faults are reported at once."""

import re
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath
from zoneinfo import ZoneInfo

from audit_lib.base.bounded_toml import parse_toml
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.toml_table import TomlTable, read_text_file
from audit_lib.project import places
from audit_lib.project.logins import read_logins


def read_layout(path: Path, root: Path, place: str, *, assumed: bool = False) -> places.Project:
    """The project that a layout file describes; `BadInput` with every fault of the file.

    Of an assumed layout links are no fault: nobody named them, and reading refuses them one by one.
    """
    faults: list[Fault] = []
    table = TomlTable(parse_toml(read_text_file(path, place), place), place, faults)
    zone = _zone(table, "")
    project = places.Project(
        name=_name(table, root),
        root=root,
        policy=_policy_name(table),
        guide=_path(table, "guide", "docs/SECRETS.md"),
        formats=_path(table, "formats"),
        environments=_environments(table),
        env_sources=tuple(_env_source(inner) for inner in table.tables("env", "path")),
        log_sources=tuple(_log_source(inner, zone) for inner in table.tables("log", "pattern")),
        deploy_sources=tuple(_deploy_source(inner) for inner in table.tables("deploys", "pattern")),
        evidence_sources=tuple(_evidence_source(inner) for inner in table.tables("evidence", "pattern")),
        exports=_exports(table),
        leavers=_path(table, "leavers"),
        breaches=_path(table, "breaches"),
        access_log=_path(table, "access_log"),
        may_look=table.texts("may_look"),
        logins=read_logins(table, added=True),
        time_zone=zone or "UTC",
        zone_declared=bool(zone),
        pinned_as_of=_instant(table),
        key=table.text("key", among=("demo",)),
    )
    if project.pinned_as_of and not project.key:
        # Else any project could stop its clock, and no secret would ever be too old.
        table.fault('pinned_as_of is only for a sample, with key = "demo"')
    table.close()
    faults.extend(_double_faults(project, place))
    faults.extend(link_faults(project, place) if not assumed and not faults else [])
    if faults:
        raise BadInput(faults)
    return project


def path_fault(text: str, *, absolute: bool = False) -> str:
    """What is wrong with a path or pattern that must stay within the project; "" if nothing is.

    One that may be `absolute` must be either.
    """
    if not text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        return "is empty or has a control character"
    outside = ("~",) if absolute else ("/", "~")
    if text.startswith(outside) or PureWindowsPath(text).drive or "\\" in text:
        return "must be relative to the project, with / between its parts"
    return "leads out of the project with .." if ".." in PurePosixPath(text).parts else ""


def link_faults(project: places.Project, place: str) -> list[Fault]:
    """A fault for each path that a symbolic link leads out of the project, up to a pattern's wildcard."""
    sources = [source.path for source in project.env_sources]
    patterns = [source.pattern for source in project.log_sources if not source.pattern.startswith("/")]
    lists = [source.pattern for source in project.deploy_sources]
    lists += [source.pattern for source in project.evidence_sources]
    named = [
        project.guide,
        project.formats,
        project.policy if "/" in project.policy else "",
        *sources,
        *patterns,
        *lists,
        *project.exports,
        project.leavers,
        project.breaches,
        project.access_log,
    ]
    return [
        Fault(place, f"{text} leads out of the project through a symbolic link")
        for text in dict.fromkeys(named)
        if text and leads_out(text, project.root)
    ]


def leads_out(text: str, root: Path) -> bool:
    """Whether a link leads a path out of the project; also if it cannot be followed at all."""
    fixed = list(takewhile(lambda part: not re.search(r"[*?\[]", part), PurePosixPath(text).parts))
    try:
        end = root.joinpath(*fixed).resolve()
        # From Python 3.13 on a circle of links is no error: it is left in the path.
        return not end.is_relative_to(root) or any(part.is_symlink() for part in (end, *end.parents))
    except (OSError, ValueError, RuntimeError):
        return True


def _path(
    table: TomlTable, key: str, default: str = "", *, needed: bool = False, absolute: bool = False
) -> str:
    text = table.text(key, default, needed=needed)
    fault = path_fault(text, absolute=absolute) if text else ""
    if fault:
        table.fault(f"{key} {fault}")
        return ""
    return PurePosixPath(text).as_posix() if text else ""


def _name(table: TomlTable, root: Path) -> str:
    name = table.text("name") or re.sub(r"[^\w.-]+", "-", root.name).strip("-.")[:80] or "project"
    # The name becomes part of a folder's name: reports/<project>-<quarter>.
    if not re.fullmatch(r"\w[\w.-]{0,79}", name):
        table.fault("name must consist of letters, digits, dots, hyphens and underscores (80 at most)")
    return name


def _policy_name(table: TomlTable) -> str:
    text = table.text("policy")
    return _path(table, "policy") if "/" in text or text.endswith(".toml") else text


def _environments(table: TomlTable) -> tuple[str, ...]:
    if not table.has("environments"):
        return places.ENVIRONMENTS
    names = tuple(places.environment_name(text) for text in table.texts("environments"))
    if not names or "" in names or len(set(names)) < len(names):
        table.fault(f"environments must be some of {', '.join(places.ENVIRONMENTS)} (or dev, prod)")
    return tuple(name for name in places.ENVIRONMENTS if name in names)


def _environment(table: TomlTable, *, needed: bool) -> str:
    text = table.text("environment", needed=needed)
    name = places.environment_name(text)
    if text and not name:
        table.fault(f"environment must be one of {', '.join(places.ENVIRONMENTS)} (or dev, prod)")
    return name


def _env_source(table: TomlTable) -> places.EnvSource:
    example = table.flag("example")
    source = places.EnvSource(
        environment=_environment(table, needed=not example),
        service=_service(table, needed=True),
        path=_path(table, "path", needed=True),
        example=example,
        backup=table.flag("backup"),
        export=table.flag("export"),
        loader=table.text("loader", among=places.LOADERS),
    )
    if source.example + source.backup + source.export > 1:
        table.fault("must be only one of example, backup and export")
    if example and source.environment:
        table.fault("is an example, so it must not have an environment")
    table.close()
    return source


def _log_source(table: TomlTable, zone: str) -> places.LogSource:
    zone = _zone(table, zone)
    source = places.LogSource(
        pattern=_path(table, "pattern", needed=True, absolute=True),
        service=_service(table),
        environment=_environment(table, needed=False),
        time_zone=zone or "UTC",
        zone_declared=bool(zone),
        instances=table.number("instances", 0, 1) or 0,
    )
    table.close()
    return source


def _deploy_source(table: TomlTable) -> places.DeploySource:
    source = places.DeploySource(
        pattern=_path(table, "pattern", needed=True),
        service=_service(table),
        environment=_environment(table, needed=False),
    )
    table.close()
    return source


def _evidence_source(table: TomlTable) -> places.EvidenceSource:
    source = places.EvidenceSource(
        pattern=_path(table, "pattern", needed=True),
        service=_service(table, needed=True),
        environment=_environment(table, needed=True),
        secret=table.text("secret"),
    )
    if source.secret and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", source.secret):
        table.fault("secret must be the name of a variable")
    table.close()
    return source


def _service(table: TomlTable, *, needed: bool = False) -> str:
    service = table.text("service", needed=needed)
    if service and not re.fullmatch(r"\w[\w.-]{0,79}", service):
        table.fault("service must consist of letters, digits, dots, hyphens and underscores")
    return service


def _zone(table: TomlTable, default: str) -> str:
    zone = table.text("time_zone", default)
    try:
        ZoneInfo(zone or "UTC")
    except (OSError, ValueError, KeyError):
        table.fault("time_zone must be a zone of the time zone database, such as Europe/Berlin")
        return "UTC"
    return zone


def _instant(table: TomlTable) -> str:
    text = table.text("pinned_as_of")
    if text:
        try:
            parse_instant(text, table.place)
        except BadInput as error:
            table.fault(f"pinned_as_of {error.faults[0].text}")
    return text


def _exports(table: TomlTable) -> tuple[str, ...]:
    exports = table.texts("exports")
    for number, text in enumerate(exports, 1):
        if fault := path_fault(text):
            table.fault(f"exports #{number} {fault}")
    return tuple(PurePosixPath(text).as_posix() for text in exports)


def _double_faults(project: places.Project, place: str) -> list[Fault]:
    paths = [source.path for source in project.env_sources if source.path]
    patterns = [source.pattern for source in project.log_sources if source.pattern]
    lists = [source.pattern for source in project.deploy_sources if source.pattern]
    twice = sorted({text for texts in (paths, patterns, lists) for text in texts if texts.count(text) > 1})
    return [Fault(place, f"{text} is named twice") for text in twice]
