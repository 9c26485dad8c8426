"""Logs outside the project are read by the owner's word alone, and never through a link of the project."""

import gzip
import io
from pathlib import Path
from tempfile import mkdtemp

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logs.files import spooled, with_logs
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import Project, load_project
from tests.support.paths import rows_beside

LINE = b'2026-08-01T10:00:00Z INFO:     203.0.113.7:1 - "GET /api/x HTTP/1.1" 401 Unauthorized\n'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A project without a log; beside it a folder with one."""
    (tmp_path / "app").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.log").write_bytes(LINE)
    return tmp_path / "app"


def _naming(app: Path, pattern: Path | str) -> Project:
    text = f'[[log]]\npattern = "{pattern}"\nservice = "api"\nenvironment = "production"\n'
    (app / "audit.toml").write_text(text, "utf-8")
    return load_project(app)


def _given(project: Project, *options: str, stdin: bytes = b"") -> Project:
    folder = Path(mkdtemp(dir=project.root.parent))
    return with_logs(project, options, io.BytesIO(stdin), lambda stream: spooled(stream, folder))


def _states(read: LogRead) -> list[tuple[str, str, str]]:
    return list(read.sources[["source", "state", "reason"]].itertuples(index=False, name=None))


def test_a_link_of_the_project_leads_nowhere(app: Path) -> None:
    """A given log may not lie behind a link within the project."""
    (app / "logs").symlink_to(app.parent / "outside")
    (app.parent / "owner").symlink_to(app / "logs")
    project = _naming(app, "none.log")
    for place in (app / "logs", app.parent / "owner"):
        with pytest.raises(BadInput, match="a symbolic link of the project"):
            _given(project, f"production/api={place}/a.log")


def test_a_link_of_the_owner_is_followed(app: Path) -> None:
    """A link outside the project is the owner's own: /var/log/current may be one."""
    (app.parent / "current.log").symlink_to(app.parent / "outside" / "a.log")
    project = _given(_naming(app, "none.log"), f"production/api={app.parent}/current.log")
    assert _states(read_logs(project, None)) == [("--log production/api: current.log", "read", "")]


def test_stdin_is_a_log_like_others(app: Path) -> None:
    """Plain or packed, stdin gives the counts of a file, under the place it was given for, undated."""
    plain = read_logs(_given(load_project(app), "prod/api=-", stdin=LINE), None)
    packed = read_logs(_given(load_project(app), "prod/api=-", stdin=gzip.compress(LINE)), None)
    row = plain.sources[plain.sources["kind"].eq("log") & plain.sources["state"].eq("read")].iloc[0]
    place = [row["source"], row["environment"], row["service"]]
    assert place == ["--log production/api", "production", "api"]
    assert row[["modified_at", "mode"]].isna().all()
    assert plain.counts["count"].sum() == packed.counts["count"].sum() == 1


def test_the_same_bytes_on_stdin_are_the_same_frames(app: Path) -> None:
    """Nothing tells when stdin was read: of a time without a year nothing is guessed."""
    syslog = b"Aug  1 10:00:00 host sshd[1]: Failed password for x from 203.0.113.7 port 22 ssh2\n"
    project = _given(load_project(app), "prod/api=-", stdin=syslog)
    read = read_logs(project, None)
    assert read.events["at"].isna().all()
    for source in project.log_sources[:1]:
        assert source.file is not None
        source.file.touch()
    assert read_logs(project, None).sources.equals(read.sources)


@pytest.mark.parametrize(("options", "fault"), rows_beside(__file__)["faults"])
def test_what_is_no_log_is_told(app: Path, options: list[str], fault: str) -> None:
    """Every fault names its option; the option's text is not quoted."""
    texts = [option.replace("=A", f"={app.parent}/outside/a.log") for option in options]
    with pytest.raises(BadInput) as error:
        _given(load_project(app), *texts)
    assert fault in str(error.value)


def test_a_given_log_of_the_project_keeps_its_name(app: Path) -> None:
    """A file within the project is the project's: counted once, under the place that was given."""
    (app / "a.log").write_bytes(LINE)
    read = read_logs(_given(_naming(app, "*.log"), f"staging/web={app}/a.log"), None)
    places = read.sources[["source", "environment", "service"]].to_numpy().tolist()
    assert places == [["a.log", "staging", "web"], ["*.log", "production", "api"]]


def test_a_source_that_is_given_is_not_missing(app: Path) -> None:
    """What audit.toml expects of a place is supplied by a log for that place."""
    project = _given(_naming(app, "*.log"), "production/api=-", stdin=LINE)
    assert _states(read_logs(project, None)) == [("--log production/api", "read", "")]
    other = _given(_naming(app, "*.log"), "production/web=-", stdin=LINE)
    assert [row[1] for row in _states(read_logs(other, None))] == ["read", "missing"]


def test_given_logs_are_instances_of_what_is_declared(app: Path) -> None:
    """A given log has the zone of its place in audit.toml, and is one of the instances declared there."""
    declared = 'pattern = "none.log"\nservice = "api"\nenvironment = "production"\ninstances = 2\n'
    (app / "audit.toml").write_text(f'time_zone = "Asia/Tokyo"\n[[log]]\n{declared}', "utf-8")
    for name in "ab":
        (app.parent / f"{name}.log").write_bytes(LINE)
    options = [f"production/api={app.parent}/{name}.log" for name in "ab"]
    one, both = (_given(load_project(app), *options[:count]) for count in (1, 2))
    assert [source.time_zone for source in both.log_sources] == ["Asia/Tokyo"] * 3
    assert all(source.zone_declared and source.instances == 2 for source in both.log_sources)
    assert ("none.log", "missing", "1 of 2 instances have a log") in _states(read_logs(one, None))
    assert {state for _, state, _ in _states(read_logs(both, None))} == {"read"}
