"""`runbook --check`: each rotation goes from not done to done step by step, and each half is caught."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import Quarter, iso
from audit_lib.settings import bundled_policy, load_project
from tests.support.audits import run_audit
from tests.support.rotating_project import SECRETS, RotatingProject, sliced

POLICY = bundled_policy("paiid")
PAIRS = {
    "ALPACA_PAPER_API_KEY": "ALPACA_PAPER_SECRET_KEY",
    "ALPACA_PAPER_SECRET_KEY": "ALPACA_PAPER_API_KEY",
}


@pytest.fixture
def app(tmp_path: Path) -> RotatingProject:
    """The application, with a snapshot of all that is in force."""
    project = RotatingProject(tmp_path)
    assert project.run("snapshot").exit_code == 0
    return project


def _of(states: dict[str, str], step: str) -> set[str]:
    return {state for name, state in states.items() if name.split(" [")[0] == step}


@pytest.mark.parametrize("secret", sliced(SECRETS))
def test_a_rotation_goes_from_not_done_to_done(app: RotatingProject, secret: str) -> None:
    """Store by store, start by start, until callers are answered and the old value is revoked."""
    # In production the policy states the one address that the backend may have.
    environment = "staging" if secret.endswith("BASE_URL") else "production"
    only = ("--environment", environment)
    names = [secret, *filter(None, [PAIRS.get(secret)])]
    kind = POLICY.rule(secret).kind
    before = app.states(secret, *only)
    # Snapshots hold no settings: that one is still the old one is not known.
    assert _of(before, "replace") == {"not known" if kind == "setting" else "not done"}
    assert _of(before, "record") == {"not done"}
    assert before["snapshot"] == "done"

    for name in names:
        app.replaces(name, environment)
    replaced = app.states(secret, *only)
    assert _of(replaced, "replace") == _of(replaced, "record") == {"done"}
    assert _of(replaced, "old value") == ({"done"} if kind == "secret" else set())
    assert "done" not in _of(replaced, "refresh")

    app.starts(environment, 1)
    app.deploys(environment, "frontend", 1)
    started = app.states(secret, *only)
    own = secret in ("API_TOKEN", "NEXT_PUBLIC_API_TOKEN", "JWT_SECRET_KEY")
    assert _of(started, "refresh") == {"done"}
    assert _of(started, "watch") == ({"not known"} if own else set())
    assert _of(started, "revoke") == ({"done" if own else "not known"} if kind == "secret" else set())

    app.asks(environment, 2, 200)
    for name in names if kind == "secret" and not own else ():
        words = (*only, "--revoked", "previous", "--proof", "it was refused")
        assert app.run("record", name, *words).exit_code == 0
    done = app.check(secret, *only)
    assert done.exit_code == 0, done.output
    assert "half done" not in done.output


def _found(app: RotatingProject, secret: str) -> list[str]:
    """What the next review finds half done of a secret."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    audit = run_audit(load_project(app.root), str(Quarter.containing(tomorrow)), iso(tomorrow))
    found = audit.findings
    return list(found.loc[found["check"].eq("half-done-rotation") & found["subject"].eq(secret), "evidence"])


def test_one_environment_is_named(app: RotatingProject) -> None:
    """Production has the new value, staging the old one."""
    app.replaces("JWT_SECRET_KEY", "production")
    told = app.half_done("JWT_SECRET_KEY")
    assert told == ["one environment: changed in production, not in staging"]
    assert _found(app, "JWT_SECRET_KEY") == told
    assert app.check("JWT_SECRET_KEY", "--environment", "production").exit_code == 3
    assert app.half_done("JWT_SECRET_KEY", "--environment", "production") == []


def test_one_of_a_pair_is_named(app: RotatingProject) -> None:
    """Somebody edits one half by hand; of the Alpaca pair one half is replaced alone."""
    path = app.file("production", "backend")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("API_TOKEN=another-token-that-nobody-has\n" + "".join(lines[1:]), "utf-8")
    half, unequal = app.half_done("API_TOKEN", "--environment", "production")
    assert half.startswith("one half of production: API_TOKEN in deploy/backend.production.env changed")
    assert unequal.startswith("unequal pair in production: API_TOKEN in deploy/backend.production.env and")
    assert half in _found(app, "API_TOKEN")
    app.replaces("ALPACA_PAPER_API_KEY", "staging")
    (told,) = app.half_done("ALPACA_PAPER_SECRET_KEY", "--environment", "staging")
    assert told.startswith("one half of staging: ALPACA_PAPER_API_KEY in")


def test_a_claim_without_a_change_is_named(app: RotatingProject) -> None:
    """A record says that it was done; the value in place says otherwise."""
    words = ("--environment", "production", "--at", "2026-01-01")
    assert app.run("record", "TRADIER_API_KEY", *words).exit_code == 0
    (told,) = app.half_done("TRADIER_API_KEY", "--environment", "production")
    assert told.startswith("claimed, not done: ledger ")


def test_a_store_without_a_restart_is_named(app: RotatingProject) -> None:
    """The store is right and the process went on: it runs with the old value."""
    app.replaces("JWT_SECRET_KEY", "production")
    app.asks("production", 1, 401)
    states = app.states("JWT_SECRET_KEY", "--environment", "production")
    assert states["refresh [production/backend]"] == "not done"
    assert states["watch [production]"] == "not done"
    (told,) = app.half_done("JWT_SECRET_KEY", "--environment", "production")
    assert told.startswith("store without restart: production/backend: stale runtime: logs/production.log:")
    assert any(told in one for one in _found(app, "JWT_SECRET_KEY"))
    app.starts("production", 2)
    app.replaces("JWT_SECRET_KEY", "staging")
    assert not any("store without" in one for one in _found(app, "JWT_SECRET_KEY"))


def test_a_failed_deploy_is_no_refresh(app: RotatingProject) -> None:
    """The build after the change failed, so the page still has the old value."""
    app.replaces("NEXT_PUBLIC_ANTHROPIC_API_KEY", "production")
    app.deploys("production", "frontend", 1, "build_failed")
    (told,) = app.half_done("NEXT_PUBLIC_ANTHROPIC_API_KEY", "--environment", "production")
    assert told.startswith("store without restart: production/frontend: the deploy after the change failed")


def test_an_old_value_is_no_new_one(app: RotatingProject) -> None:
    """A value that was in force before, and comes back, does not count as a rotation."""
    app.replaces("JWT_SECRET_KEY", "production", "second")
    app.replaces("JWT_SECRET_KEY", "production", "third")
    app.replaces("JWT_SECRET_KEY", "production", "second")
    states = app.states("JWT_SECRET_KEY", "--environment", "production")
    assert _of(states, "replace") == {"not done"}


def test_an_old_value_in_another_place_is_still_in_force(app: RotatingProject) -> None:
    """Replaced in its own place, and left under another name elsewhere."""
    with app.file("staging", "backend").open("a", encoding="utf-8") as file:
        old = app.file("production", "backend").read_text("utf-8").partition("JWT_SECRET_KEY=")[2]
        file.write(f"SESSION_SECRET={old.splitlines()[0]}\n")
    app.replaces("JWT_SECRET_KEY", "production")
    done = app.check("JWT_SECRET_KEY", "--environment", "production")
    assert "old value [production]: still in force: SESSION_SECRET, staging/backend" in done.output


def test_without_a_snapshot_it_is_not_known(tmp_path: Path) -> None:
    """Nothing saw an earlier value, so nothing shows a change; that is not called done."""
    project = RotatingProject(tmp_path)
    states = project.states("JWT_SECRET_KEY")
    assert _of(states, "replace") == {"not known"}
    assert project.check("JWT_SECRET_KEY").exit_code == 3


def test_a_grace_period_ends_with_a_second_start(app: RotatingProject) -> None:
    """Both values are accepted until the old one is gone from the other variable, and until a new start."""
    fixed = ("--environment", "production", "--grace")
    with app.file("production", "backend").open("a", encoding="utf-8") as file:
        old = app.file("production", "backend").read_text("utf-8").partition("JWT_SECRET_KEY=")[2]
        file.write(f"JWT_SECRET_KEY_PREVIOUS={old.splitlines()[0]}\n")
    assert app.run("snapshot").exit_code == 0
    app.replaces("JWT_SECRET_KEY", "production")
    app.starts("production", 1)
    meanwhile = app.states("JWT_SECRET_KEY", *fixed)
    assert meanwhile["old value [production]"] == "not done"
    assert "watch [production]" not in meanwhile
    path = app.file("production", "backend")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "PREVIOUS" not in line), "utf-8")
    assert app.run("snapshot").exit_code == 0
    assert app.states("JWT_SECRET_KEY", *fixed)["old value [production]"] == "done"
    app.starts("production", 2)
    assert app.check("JWT_SECRET_KEY", *fixed).exit_code == 0


def test_a_grace_period_needs_a_way(app: RotatingProject) -> None:
    """Of a secret without such a variable, and of a compromised value, there is none."""
    asked = app.run("runbook", "API_TOKEN", "--grace")
    assert (asked.exit_code, "names no variable that keeps the old value" in asked.output) == (2, True)
    asked = app.run("runbook", "JWT_SECRET_KEY", "--grace", "--compromised")
    assert (asked.exit_code, "is for no compromised value" in asked.output) == (2, True)
