"""`runbook`: the steps of each variable in this project, in the order that the case asks for."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.ledger.keys import key_of
from audit_lib.rotation.runbook import RotationPlan, plan_rotation
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import Policy, SecretRule, bundled_policy, load_policy, load_project
from tests.support.paths import rows_beside
from tests.support.planter import new_plot
from tests.support.rotating_project import BACKEND, ENVIRONMENTS, SECRETS, RotatingProject, made_value, sliced

CASES = rows_beside(__file__)


def _read(root: Path, policy: Policy) -> ProjectRead:
    """A project as of now."""
    own = load_project(root)
    return ProjectRead(project=own, policy=policy, keeper=Keeper(key_of(own)), as_of=datetime.now(UTC))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> ProjectRead:
    """The application, read once: nothing is done to it here."""
    return _read(RotatingProject(tmp_path_factory.mktemp("app")).root, bundled_policy("paiid"))


def names_of(plan: RotationPlan) -> list[str]:
    """The names of the steps in order."""
    return [step.name for step in plan.steps]


@pytest.mark.parametrize("secret", sliced([*SECRETS, "STRICT_SECRET_VALIDATION"]))
def test_every_variable_has_its_steps(app: ProjectRead, secret: str) -> None:
    """Each store is written, each service refreshed, in each environment; no command holds a value."""
    held = "".join(path.read_text("utf-8") for path in app.project.root.rglob("*.env"))
    for compromised in (False, True):
        plan = plan_rotation(secret, app, compromised=compromised)
        text = "\n".join(f"{step.text} {step.command} {step.verify} {step.breaks}" for step in plan.steps)
        assert not re.search(r"[{}]|None|; see ", text)
        assert not [value for value in re.findall(r"(?m)^\w+=(.{8,})$", held) if value in text]
        places = {store.place[1:] for store in plan.stores}
        text = "".join(one.text for one in plan.steps if one.name == "replace")
        assert places == {(one.environment, one.service) for one in plan.steps if one.name == "refresh"}
        assert {one for one, _ in places} == {one for one in ENVIRONMENTS if one in text} == {*ENVIRONMENTS}
        steps, bak = plan.steps, replace(app.project.env_sources[0], path="old.bak", backup=True)
        assert (len(steps), steps[0].name, steps[-1].name) == (len({*steps}), "snapshot", "check")
        assert "old.bak" in replace(plan, project=replace(app.project, env_sources=(bak,))).steps[-1].text


def test_scheduled_and_compromised_differ_in_order(app: ProjectRead) -> None:
    """Scheduled announces, ends in production and revokes last; compromised the other way round."""
    scheduled, urgent = plan_rotation("API_TOKEN", app), plan_rotation("API_TOKEN", app, compromised=True)
    for plan, places in ((scheduled, ["staging", "production"]), (urgent, ["production", "staging"])):
        assert [step.environment for step in plan.steps if step.name == "replace"] == places
    first, then = names_of(scheduled), names_of(urgent)
    assert first.index("announce") < first.index("replace") < first.index("compare") < first.index("revoke")
    assert then.index("announce") > then.index("replace") < then.index("purge")
    assert then.index("revoke") < then.index("compare")
    assert ("roll back" in first, "roll back" in then) == (True, False)


def test_a_leak_is_answered_where_it_is(tmp_path: Path) -> None:
    """Of an environment that was not supplied there are no steps if another is known to hold what leaked."""
    leak, project = made_value("JWT_SECRET_KEY", "production"), RotatingProject(tmp_path)
    project.file("staging", "backend").unlink()
    for leaked, places in (("", ["production", "staging"]), (leak, ["production"])):
        (tmp_path / "notes.txt").write_text(leaked)
        plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")), compromised=True)
        assert sorted(store.place.environment for store in plan.stores) == places
        assert ({"logged", "remove", "purge"} & {*names_of(plan)}) == ({"remove"} if leaked else {"purge"})
    layout = tmp_path / "audit.toml"  # a development that nobody supplied beside production's file
    log = '[[log]]\npattern = "*.txt"\nservice = "backend"\nenvironment = "production"\n'
    layout.write_text(layout.read_text("utf-8").replace('"staging"', '"development"') + log, "utf-8")
    plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")), compromised=True)
    assert "this one is in notes.txt" in plan.steps[names_of(plan)[:4].index("logged")].text
    plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")))
    assert {store.place.environment for store in plan.stores} == {"production"}


def test_a_history_is_purged_of_what_was_in_force(tmp_path: Path) -> None:
    """What leaked under a secret's name, but is no place's value, is not purged, nor named beside one."""
    project, plot = RotatingProject(tmp_path), new_plot(tmp_path)
    plot.commit("notes.txt", f"JWT_SECRET_KEY={made_value('JWT_SECRET_KEY', 'another')}\n")
    for leaked, commands in (("", 0), (made_value("JWT_SECRET_KEY", "production"), 5)):
        plot.commit("old.txt", leaked)
        plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")), compromised=True)
        purged = ("old.txt",) if commands else ("notes.txt",)
        assert (len(plan.purge.commands), plan.purge.purged) == (commands, purged)
        assert {"not reached", "remove", "announce", "check"}.isdisjoint(names_of(plan)) == (not commands)
    held = (path := project.file("production", "backend")).read_text("utf-8")
    path.write_text(held.replace(made_value("JWT_SECRET_KEY", "production"), "change-me"), "utf-8")
    plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")), compromised=True)
    assert [store.place.environment for store in plan.stores] == ["production"]  # anybody knows this one
    path.unlink()  # it may be any of them
    plan = plan_rotation("JWT_SECRET_KEY", _read(tmp_path, bundled_policy("paiid")), compromised=True)
    assert plan.purge.commands


@pytest.mark.parametrize("case", CASES["secrets"])
def test_what_others_hold_is_cared_for(case: list[Any], app: ProjectRead) -> None:
    """What is stored under a key is, with a way back; who checks a value gets it; who sends it is told."""
    name, encrypts, end, said, words = (*case, *({}, "")[len(case) - 3 :])
    rule = SecretRule(name=name, service="backend", kind="secret", **said)
    read = replace(app, policy=replace(app.policy, secrets=(*app.policy.secrets, rule)))
    for compromised in (False, True):
        plan = plan_rotation(name, read, compromised=compromised)
        before, text = names_of(plan)[: names_of(plan).index("replace")], str(plan.steps)
        own = not encrypts and "obtain" not in said
        assert words in text
        assert ("no way back" in names_of(plan)) is (compromised and not encrypts)
        assert ("re-encrypt" in before, {"make", "other end"} <= {*before}) == (encrypts, bool(end))
        assert [one for one, told in CASES["told"].items() if told in text] == [end] * bool(end)
        assert ("announce" in names_of(plan)) is (own and end in ("", "database"))
        assert ("Watch 401 and 403" in text) is (own and not end)


@pytest.mark.parametrize(("compose", "loader", "told"), CASES["composed"])
def test_a_container_is_made_anew(tmp_path: Path, compose: str, loader: str, told: bool) -> None:
    """Where compose reads or fills in the env file. YAML is edited. What has the same value is named."""
    (tmp_path / "docker-compose.yml").write_text(f"{compose}\n")
    value = f"{': ' if loader == 'yaml' else '='}{made_value('API_TOKEN', 'one')}\n"
    (tmp_path / ".env").write_text(f"API_TOKEN{value}JWT_SECRET_KEY{value}")
    (tmp_path / "audit.toml").write_text(CASES["layout"].replace("LOADER", loader))
    plan = plan_rotation("API_TOKEN", _read(tmp_path, bundled_policy("paiid")))
    assert ("force-recreate" in plan.steps[names_of(plan).index("refresh")].text) is told
    assert ("--into" in str(plan.steps)) is ("(JWT_SECRET_KEY has" in str(plan.steps)) is (loader != "yaml")


def test_a_pair_gets_one_value_and_partners_their_own(app: ProjectRead) -> None:
    """One command for both halves of the token, one for each of Alpaca's; what others hold is made first."""
    steps = plan_rotation("NEXT_PUBLIC_API_TOKEN", app).steps
    assert [step.environment for step in steps if step.name == "replace"] == ["staging", "production"]
    steps = plan_rotation("ALPACA_PAPER_API_KEY", app).steps
    assert "ALPACA_PAPER_API_KEY together with ALPACA_PAPER_SECRET_KEY" in steps[1].text
    assert not [step for step in steps if "401" in step.text or step.name == "announce"]
    steps = [step for step in steps if step.name == "replace"]
    assert [step.environment for step in steps] == ["staging"] * 2 + ["production"] * 2
    assert all("--given" in command for step in steps for command in step.command.splitlines())
    for secret in ("DATABASE_URL", "GITHUB_WEBHOOK_SECRET"):
        names = names_of(plan_rotation(secret, app))
        assert names.index("make") < names.index("replace")
    assert "make" not in names_of(plan_rotation("JWT_SECRET_KEY", app))


def test_a_stranger_has_steps_too(app: ProjectRead, tmp_path: Path) -> None:
    """A policy without any of the fields, and a variable that no policy knows; a wrong name is a fault."""
    text = "".join(f'[[secret]]\nname = "{name}"\nservice = "backend"\n' for name in BACKEND[:2])
    (tmp_path / "own.toml").write_text(f'name = "shop"\nextends = "generic"\n{text}', "utf-8")
    other = _read(app.project.root, load_policy(tmp_path / "own.toml"))
    for secret, own in ((BACKEND[0], "check"), ("JWT_SECRET_KEY", "check"), ("DATABASE_URL", "other end")):
        plan = plan_rotation(secret, other)
        assert {"snapshot", "replace", "refresh", "compare", "revoke", own} <= set(names_of(plan))
        assert not [one for one in plan.steps if "compose" in one.text and one.name == "refresh"]
    with pytest.raises(BadInput, match="did you mean API_TOKEN"):
        plan_rotation("API_TOKN", other)
