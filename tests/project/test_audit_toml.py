"""audit.toml: what is read of a good one, all the faults of a broken one, and no way out of the project."""

import os
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.project import DeploySource, EnvSource, LogSource, load_project
from tests.support.applications import write

ENV = '[[env]]\npath = "a/.env"\nenvironment = "development"\nservice = "web"\n'
PRODUCTION = 'environment = "PROD"  # in any letter case\nservice = "web"\n'
EXAMPLE = 'service = "web"\nexample = true\n'
LOG = '[[log]]\npattern = "logs/*.log"\n'
DEPLOYS = '[[deploys]]\npattern = "evidence/deploys*.json"\n'


def faults_of(text: str, folder: Path) -> list[str]:
    """The faults that an audit.toml gives, each as one line."""
    (folder / "audit.toml").write_text(text, "utf-8")
    with pytest.raises(BadInput) as raised:
        load_project(folder)
    return [str(fault) for fault in raised.value.faults]


def env(path: str, more: str = 'environment = "dev"\nservice = "web"\n') -> str:
    """An [[env]] table for a path in TOML's own spelling."""
    return f"[[env]]\npath = {path}\n{more}"


def test_an_audit_toml_says_where_everything_is(tmp_path: Path) -> None:
    """Each key arrives in the project; dev and prod stand for development and production."""
    text = f"""
name = "shop"
policy = "policies/own.toml"
guide = "doc/./KEYS.md"
environments = ["prod", "dev"]
exports = ["exports/*.json"]
time_zone = "Europe/Berlin"
pinned_as_of = "2026-09-30"
key = "demo"
{env('"web/.env"')}
{env('"web/.env.prod"', PRODUCTION)}
{env('"web/.env.bak"')}backup = true
{env('"web/.env.example"', EXAMPLE)}
{LOG}service = "web"
[[log]]
pattern = "old/*.log*"
environment = "staging"
time_zone = "Asia/Tokyo"
{DEPLOYS}environment = "prod"
service = "web"
"""
    write(tmp_path, {"audit.toml": text})
    project = load_project(tmp_path, tmp_path / "elsewhere", sample=True)
    assert (project.name, project.policy, project.guide) == ("shop", "policies/own.toml", "doc/KEYS.md")
    assert project.environments == ("development", "production")
    assert (project.exports, project.pinned_as_of, project.key) == (("exports/*.json",), "2026-09-30", "demo")
    assert project.env_sources == (
        EnvSource("development", "web", "web/.env"),
        EnvSource("production", "web", "web/.env.prod"),
        EnvSource("development", "web", "web/.env.bak", backup=True),
        EnvSource("", "web", "web/.env.example", example=True),
    )
    assert project.log_sources == (
        LogSource("logs/*.log", "web", "", "Europe/Berlin", zone_declared=True),
        LogSource("old/*.log*", "", "staging", "Asia/Tokyo", zone_declared=True),
    )
    assert project.deploy_sources == (DeploySource("evidence/deploys*.json", "web", "production"),)
    assert (project.configured, project.ledger_dir) == (True, tmp_path / "elsewhere")


def test_a_short_audit_toml_discovers_nothing(tmp_path: Path) -> None:
    """What an audit.toml does not name is not audited, and the name is the folder's."""
    write(tmp_path / "my shop!", {"audit.toml": "", "backend/.env": "A=b\n", "logs/a.log": "x\n"})
    project = load_project(tmp_path / "my shop!")
    assert (project.name, project.env_sources, project.log_sources) == ("my-shop", (), ())
    assert project.ledger_dir == tmp_path / "my shop!" / ".audit" / "ledger"


def test_an_audit_toml_may_lie_in_the_audit_folder(tmp_path: Path) -> None:
    """.audit/audit.toml serves as well; paths are relative to the project."""
    write(tmp_path, {".audit/audit.toml": ENV})
    assert load_project(tmp_path).env_sources == (EnvSource("development", "web", "a/.env"),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = 1 2", "audit.toml: is not TOML at line 1, column 7"),
        ("a = [", "audit.toml: is not TOML at end of document"),
        ('nmae = "x"\n', "audit.toml: has an unknown key nmae"),
        ('name = "../x"\n', "audit.toml: name must consist of letters"),
        ("name = 1\n", "audit.toml: name must be a text"),
        ('environments = ["test"]\n', "audit.toml: environments must be some of development"),
        ("environments = []\n", "audit.toml: environments must be some of development"),
        ('environments = ["dev", "development"]\n', "audit.toml: environments must be some of"),
        ('time_zone = "Mars/Base"\n', "audit.toml: time_zone must be a zone"),
        ('time_zone = "../../etc/passwd"\n', "audit.toml: time_zone must be a zone"),
        ('pinned_as_of = "tomorrow"\n', "audit.toml: pinned_as_of must be a date or time"),
        ('pinned_as_of = "2026-09-30"\n', "audit.toml: pinned_as_of is only for a sample"),
        ('key = "mine"\n', "audit.toml: key must be one of demo"),
        ('guide = "/etc/passwd"\n', "audit.toml: guide must be relative to the project"),
        ('policy = "../policy.toml"\n', "audit.toml: policy leads out of the project with .."),
        ('exports = ["a", "../b"]\n', "audit.toml: exports #2 leads out of the project with .."),
        ('env = "x"\n', "audit.toml: env must be a list of tables [[env]]"),
        (env('"/etc/passwd"'), "audit.toml: env #1 (/etc/passwd): path must be relative to the project"),
        (env('"~/.env"'), "audit.toml: env #1: path must be relative to the project"),
        (env("'C:\\x\\.env'"), "audit.toml: env #1: path must be relative to the project"),
        (env("'a\\.env'"), "audit.toml: env #1: path must be relative to the project"),
        (env('"a/../../.env"'), "audit.toml: env #1 (a/../../.env): path leads out of the project with .."),
        (env('"a\\u0000b"'), "audit.toml: env #1: path is empty or has a control character"),
        (env('"a\\nb"'), "audit.toml: env #1: path is empty or has a control character"),
        (env('" "'), "audit.toml: env #1: path is empty or has a control character"),
        (env('""'), "audit.toml: env #1: has no path"),
        (env('".env"', 'service = "web"\n'), "audit.toml: env #1 (.env): has no environment"),
        (env('".env"', 'environment = "dev"\n'), "audit.toml: env #1 (.env): has no service"),
        (
            env('".env"', 'environment = "live"\nservice = "w"\n'),
            "environment must be one of development, staging",
        ),
        (env('".env"', 'environment = "dev"\nservice = "a/b"\n'), "service must consist of letters"),
        (
            env('".env"') + "example = true\n",
            "env #1 (.env): is an example, so it must not have",
        ),
        (env('".env"') + "example = 1\n", "audit.toml: env #1 (.env): example must be true or false"),
        (env('".env"') + 'loader = "ruby"\n', "env #1 (.env): loader must be one of python-dotenv, dotenv"),
        (env('".env"') + "owner = 1\n", "audit.toml: env #1 (.env): has an unknown key owner"),
        (ENV + ENV, "audit.toml: a/.env is named twice"),
        (DEPLOYS + DEPLOYS, "audit.toml: evidence/deploys*.json is named twice"),
        (DEPLOYS + 'environment = "live"\n', "environment must be one of development, staging"),
        (
            DEPLOYS + 'time_zone = "UTC"\n',
            "deploys #1 (evidence/deploys*.json): has an unknown key time_zone",
        ),
        ('[[deploys]]\npattern = "../x"\n', "deploys #1 (../x): pattern leads out of the project with .."),
        (LOG + LOG, "audit.toml: logs/*.log is named twice"),
        ('[[log]]\npattern = "../*.log"\n', "log #1 (../*.log): pattern leads out of the project with .."),
        ('[[log]]\nservice = "web"\n', "audit.toml: log #1: has no pattern"),
        (LOG + 'time_zone = "CEST/x"\n', "audit.toml: log #1 (logs/*.log): time_zone must be a zone"),
    ],
)
def test_each_fault_is_told_with_its_place(text: str, fault: str, tmp_path: Path) -> None:
    """A broken audit.toml names the place, then the fault."""
    assert any(fault in found for found in faults_of(text, tmp_path))


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Faults in different tables of one file are all told."""
    text = 'key = "x"\n' + env('"../.env"', "") + '[[log]]\npattern = "/x/../y"\nservice = 1\n'
    assert len(faults_of(text, tmp_path)) == 6


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (env('"out/.env"'), "out/.env"),
        (env('"link.env"'), "link.env"),
        (env('"loop/.env"'), "loop/.env"),
        ('[[log]]\npattern = "out/*.log"\n', "out/*.log"),
        ('[[deploys]]\npattern = "out/*.json"\n', "out/*.json"),
        ('guide = "out/guide.md"\n', "out/guide.md"),
        ('exports = ["out/render.yaml"]\n', "out/render.yaml"),
    ],
)
def test_no_link_leads_out_of_the_project(text: str, named: str, tmp_path: Path) -> None:
    """A path through a symbolic link to the outside, or in a circle, is refused by name."""
    project = write(tmp_path / "app", {"inside/.env": ""})
    write(tmp_path / "outside", {".env": "", "a.log": ""})
    (project / "out").symlink_to(tmp_path / "outside")
    (project / "link.env").symlink_to(tmp_path / "outside" / ".env")
    (project / "loop").symlink_to(project / "loop")
    assert faults_of(text, project) == [
        f"audit.toml: {named} leads out of the project through a symbolic link"
    ]


def test_the_audit_folder_may_not_lead_out(tmp_path: Path) -> None:
    """An audit.toml that lies outside, behind a link, is not read."""
    write(tmp_path / "outside", {"audit.toml": ""})
    project = write(tmp_path / "app", {"README.md": ""})
    (project / ".audit").symlink_to(tmp_path / "outside")
    with pytest.raises(BadInput, match="leads out of the project"):
        load_project(project)
    (project / "audit.toml").symlink_to(tmp_path / "outside" / "audit.toml")
    (project / ".audit").unlink()
    with pytest.raises(BadInput, match="leads out of the project"):
        load_project(project)


def test_a_project_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    """The root is resolved once: a link to it is no way out."""
    write(tmp_path / "app", {"audit.toml": ENV, "a/.env": ""})
    (tmp_path / "link").symlink_to(tmp_path / "app")
    assert load_project(tmp_path / "link").root == tmp_path / "app"


def test_what_is_no_project_is_one_clear_fault(tmp_path: Path) -> None:
    """A missing folder, a file, an impossible name, and an audit.toml that is a folder or a FIFO."""
    (tmp_path / "file").write_text("", "utf-8")
    (tmp_path / "a" / "audit.toml").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "audit.toml")
    for name, fault in (
        ("gone", "project: does not exist"),
        ("file", "project: is not a folder"),
        ("nul\0", "project: does not exist or cannot be reached"),
        ("a", "audit.toml: is not a regular file"),
        ("b", "audit.toml: is not a regular file"),
    ):
        with pytest.raises(BadInput, match=fault):
            load_project(tmp_path / name)
