"""An application that nobody wrote a policy for: `init` and the review name its secrets, and little else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.audit import Audit
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project
from tests.support.applications import stranger, write
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

DB, BASE, ODD = (fake_value(word, 32) for word in ("db", "base", "odd"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose three env files set one name to two values, after `init`."""
    return init(stranger(tmp_path / "shop"))


def init(project: Path) -> Path:
    """The project, with the audit.toml that `init` wrote."""
    environ = {"AUDIT_KEY_FILE": str(project.parent / "home" / "key")}
    result = CliRunner().invoke(main, ["init", "--project", str(project)], env=environ)
    assert result.exit_code == 0, result.output
    return project


def rules_of(project: Path) -> dict[str, dict[str, Any]]:
    """The variables of the audit.toml that `init` wrote."""
    settings = tomllib.loads((project / "audit.toml").read_text("utf-8"))
    return {rule["name"]: rule for rule in settings["secret"]}


def reviewed(project: Path) -> Audit:
    """The audit of a project."""
    return run_audit(load_project(project), "2026Q3", "2026-09-30", keeper=Keeper(Key(b"k" * 32, "demo")))


SECRETS = {
    *("DATABASE_URL", "DB_PASSWORD", "OAUTH_CLIENT_SECRET", "PARTNER_FEED", "REDIS_AUTH"),
    *("SALT", "SEARCH_PASSWORD", "SEARCH_URL", "SECRET_KEY_BASE"),
}


def test_secrets_are_told_from_settings_by_name_and_value(shop: Path) -> None:
    """A name or a value makes a secret; a switch, an endpoint and a public key are none. Only what the code
    demands without a default is required; what stands in an example alone is not."""
    rules = rules_of(shop)
    assert {name for name, rule in rules.items() if rule["kind"] == "secret"} == SECRETS
    assert rules["PARTNER_FEED"]["component"] == "password"
    assert [name for name, rule in rules.items() if rule["required"] == "always"] == ["SEARCH_PASSWORD"]


def test_each_file_that_differs_is_a_service(shop: Path) -> None:
    """Files that set one name to two values are services by their names; environments are those found."""
    project = load_project(shop)
    held = [source for source in project.env_sources if not source.example]
    found = {source.path: source.service for source in held}
    assert found == {"env/web.env": "web", "env/cache.env": "cache", "env/queue.env": "queue"}
    assert project.environments == ("development",)
    assert {source.loader for source in held} == {"compose"}


def test_names_in_a_tracked_env_file_are_told(tmp_path: Path) -> None:
    """What git tracks is as public as an example: its names are told, those of other files are not."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("env/db.env", f"POSTGRES_PASSWORD={DB}\n")
    plot.commit("env/web.env", f"DB_PASSWORD={DB}\n")
    plot.file("env/private.env", f"OTHER_PASSWORD={ODD}\n")
    assert set(rules_of(init(plot.root))) == {"DB_PASSWORD", "POSTGRES_PASSWORD"}


def test_nothing_asks_for_a_setting_or_a_guide(shop: Path) -> None:
    """What may be unset is no finding, nor a guide that nobody has; a secret that is missing is. One store's
    password under two names is a coupling to state: nothing says to give it two values."""
    findings = reviewed(shop).findings
    missing = findings[findings["check"].isin(("missing-secret", "empty-secret"))]
    assert set(missing["subject"]) == {"SEARCH_PASSWORD"}
    assert load_project(shop).guide == ""
    assert not findings[findings["check"].eq("source-not-read")]["evidence"].str.contains("guide").any()
    reused = findings[findings["check"].eq("reused-across-names")].set_index("subject")["remedy"]
    assert reused.index.unique().tolist() == ["REDIS_AUTH=QUEUE_PASSWORD", "DATABASE_URL=DB_PASSWORD"]
    assert reused["DATABASE_URL=DB_PASSWORD"].startswith("If they are one credential, add equals = ")


def test_a_file_of_settings_is_no_file_of_secrets(tmp_path: Path) -> None:
    """Nothing is asked of an env file without a secret; beside it one with a secret keeps its findings."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("web/.env", "API_URL=http://${API_HOST:-localhost}/\nLIMIT=10\n")
    plot.commit("api/.env", f"LIMIT=10\nSECRET_KEY={BASE}\n")
    plot.file("job/.env", f"FEED={ODD}\n")
    for name in ("web", "api", "job"):
        (plot.root / name / ".env").chmod(0o644)
    findings = reviewed(init(plot.root)).findings
    told = {check: set(rows["service"]) for check, rows in findings.groupby("check")}
    assert (told["tracked-env-file"], told["open-file-mode"]) == ({"api"}, {"job"})
    assert "value-read-differently" not in told


def test_a_coupling_that_nobody_stated_is_asked_about(tmp_path: Path) -> None:
    """Without a policy the client's and the server's password are one question, of low severity."""
    files = {"web.env": f"DB_PASSWORD={DB}\n", "db.env": f"POSTGRES_PASSWORD={DB}\n"}
    findings = reviewed(write(tmp_path / "app", files)).findings
    (row,) = findings[findings["check"].eq("reused-across-names")].to_dict("records")
    assert (row["severity"], row["subject"]) == ("low", "DB_PASSWORD=POSTGRES_PASSWORD")
    assert row["remedy"].startswith("If they are one credential, add equals = ")


def test_a_folder_of_a_larger_repository_is_searched_with_it(tmp_path: Path) -> None:
    """One service of a monorepo is ordinary: the history above its folder is searched for its values."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("app/.env", f"API_TOKEN={BASE}\n")
    words = ["leaks", "--project", str(plot.root / "app")]
    result = CliRunner().invoke(main, words, env={"AUDIT_KEY_FILE": "/x"})
    assert (result.exit_code, "API_TOKEN" in result.stdout) == (0, True), result.output


def test_a_value_in_a_request_line_is_a_leak(tmp_path: Path) -> None:
    """Whatever the parameter is called, a configured value in a log's request line is found."""
    line = f'INFO:     203.0.113.9:1 - "GET /a?ref={BASE}&page=2 HTTP/1.1" 200 OK\n'
    project = write(tmp_path / "app", {".env": f"SECRET_KEY_BASE={BASE}\n", "logs/a.log": line})
    assert reviewed(project).leak_places["path"].tolist() == ["logs/a.log"]
