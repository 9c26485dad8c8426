"""How far a rotation is, by env files, stores and the ledger; halves are named by their places."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.leaks.tables import LeakAudit, LeakPlaces, Leaks
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.keys import demo_key
from audit_lib.rotation.change import planned
from audit_lib.rotation.progress import Progress, RotationRead, tabulate_leak_lives
from audit_lib.rotation.runbook import plan_of, plan_rotation
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.read_project import ProjectRead, snapshot_draft
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import choose_policy, load_project
from tests.support.fakes import fake_value
from tests.support.made_up_audit import filled

BEFORE = datetime(2026, 9, 1, tzinfo=UTC)
BEGAN, AS_OF = BEFORE + timedelta(days=5), BEFORE + timedelta(days=9)
LAYOUT = 'name = "app"\nextends = "paiid"\nenvironments = ["staging", "production"]\n' + "".join(
    f'[[env]]\npath = "{service}.{environment}.env"\nenvironment = "{environment}"\nservice = "{service}"\n'
    for environment in ("staging", "production")
    for service in ("backend", "frontend")
)
PAIR = {"backend": "API_TOKEN", "frontend": "NEXT_PUBLIC_API_TOKEN"}


class App:
    """A project of two services in two environments, with what is done to it."""

    def __init__(self, root: Path) -> None:
        self.root, self.keeper = root, Keeper(demo_key())
        (root / "audit.toml").write_text(LAYOUT)
        self.project = load_project(root)
        self.policy = choose_policy(self.project)
        for environment in ("staging", "production"):
            for service, name in PAIR.items():
                own = f"JWT_SECRET_KEY={fake_value(f'jwt {environment}')}\n" if service == "backend" else ""
                self.write(f"{service}.{environment}.env", {name: environment}, own)

    def write(self, path: str, seeds: Mapping[str, str], more: str = "") -> None:
        """Sets variables of an env file to fake values by their seeds."""
        text = "".join(f"{name}={fake_value(seed)}\n" for name, seed in seeds.items())
        (self.root / path).write_text(text + more)

    def read(self) -> RotationRead:
        """What is in place and in the ledger now."""
        sources, entries = read_env_sources(self.project, (), self.keeper, self.policy)
        self.inventory = tabulate_inventory(entries, self.policy, self.project, self.keeper, sources)
        self.draft = snapshot_draft(self.inventory, sources)
        return RotationRead(AS_OF, self.inventory, read_ledger(self.project.ledger_dir, self.keeper.key))

    def snapshot(self, at: datetime) -> None:
        """A snapshot in the ledger."""
        self.read()
        append(self.root / ".audit/ledger", self.keeper.key, self.draft, at, "weekly")

    def found(self) -> ProjectRead:
        """The project as it is read for a plan."""
        return ProjectRead(project=self.project, policy=self.policy, keeper=self.keeper, as_of=AS_OF)

    def replace(self, path: str, secret: str, seed: str) -> None:
        """A new value by `rotate new`, for the variable and its twins."""
        source = next(one for one in self.project.env_sources if one.path == path)
        (rule,) = (one for one in self.policy.secrets if one.name == secret)
        known = (self.project, self.policy, rule, source)
        for change in planned(*known, new=fake_value(seed), keeper=self.keeper):
            (self.root / change.source).write_bytes(change.after)
            draft = change.draft(BEGAN + timedelta(days=1), {"by": "Ada"})
            append(self.root / ".audit/ledger", self.keeper.key, draft, BEGAN + timedelta(days=1), "ada")

    def check(self, secret: str, environment: str = "production") -> Progress:
        """What is done of a rotation."""
        self.read()
        return plan_rotation(secret, self.found(), environment).progress(BEGAN)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """The project, which was seen twice."""
    made = App(tmp_path)
    for at in (BEFORE, BEGAN):
        made.snapshot(at)
    return made


def _states(progress: Progress) -> dict[str, set[str]]:
    steps = {step.step for step in progress.steps}
    return {name: {step.state for step in progress.steps if step.step == name} for name in steps}


def test_a_rotation_goes_from_not_done_to_done(app: App) -> None:
    """A pair is replaced in both files; the old value is in force nowhere; a revocation is a claim."""
    steps = ("replace", "old value", "revoke", "record")
    assert _states(app.check("API_TOKEN")) == {key: {"not done"} for key in steps}
    old = app.inventory.query("secret == 'API_TOKEN' and environment == 'production'")["fingerprint"].iloc[0]
    app.replace("backend.production.env", "API_TOKEN", "new")
    assert _states(app.check("API_TOKEN")) == {key: {"done"} for key in steps} | {"revoke": {"not known"}}
    claim = {"secret": "API_TOKEN", "environment": "production", "service": "backend", "fingerprint": old}
    claim |= {"claimed_at": "2026-09-07T00:00:00Z", "day_only": False, "by": "Ada", "proof": "it was refused"}
    append(app.root / ".audit/ledger", app.keeper.key, Draft("revocation", claim), AS_OF, "ada")
    done = app.check("API_TOKEN")
    assert ({step.state for step in done.steps}, done.half_done) == ({"done"}, ())
    # The value may be in force in a place that nobody supplied.
    (app.root / "frontend.staging.env").unlink()
    assert _states(app.check("API_TOKEN"))["old value"] == {"not known"}


@pytest.mark.parametrize("looks", [(), (BEFORE,)])
def test_a_change_that_may_be_older_is_not_known(tmp_path: Path, looks: tuple[datetime, ...]) -> None:
    """Who looked last before the rotation began, or never, does not know whether it is this one."""
    app = App(tmp_path)
    for at in looks:
        app.snapshot(at)
    app.write("backend.production.env", {"API_TOKEN": "production", "JWT_SECRET_KEY": "new"})
    assert _states(app.check("JWT_SECRET_KEY"))["replace"] == {"not known"}


def test_one_half_of_a_pair_is_named_by_place(app: App) -> None:
    """Somebody edits one half by hand; other environments are none of it, nor are they half done."""
    app.write("backend.production.env", {"API_TOKEN": "by hand"})
    (half,) = app.check("API_TOKEN", environment="").half_done
    assert half.startswith("one half of production: API_TOKEN in backend.production.env changed, NEXT_PUBLIC")


def test_an_old_value_is_no_new_one(app: App) -> None:
    """A value that was in force before, and comes back, does not count; without a value nothing is known."""
    for days, seed in enumerate(("second", "third", "second")):
        app.write("backend.production.env", {"API_TOKEN": "production", "JWT_SECRET_KEY": seed})
        app.snapshot(BEGAN + timedelta(days=days))
    (back,) = (step for step in app.check("JWT_SECRET_KEY").steps if step.step == "replace")
    app.write("backend.production.env", {"API_TOKEN": "production"}, "JWT_SECRET_KEY=\n")
    (empty,) = (step for step in app.check("JWT_SECRET_KEY").steps if step.step == "replace")
    assert (back.state, "was in force before" in back.why) == ("not done", True), back
    assert (empty.state, empty.why) == ("not known", "it is empty")


def test_an_old_value_elsewhere_is_still_in_force(app: App) -> None:
    """Replaced in its own place, and left under another name elsewhere."""
    old = (app.root / "backend.production.env").read_text().partition("JWT_SECRET_KEY=")[2].strip()
    with (app.root / "backend.staging.env").open("a") as file:
        file.write(f"SESSION_SECRET={old}\n")
    app.replace("backend.production.env", "JWT_SECRET_KEY", "new")
    (step,) = (step for step in app.check("JWT_SECRET_KEY").steps if step.step == "old value")
    assert (step.state, step.why) == ("not done", "still in force: SESSION_SECRET, staging/backend")


def test_a_leak_concerns_its_own_places(app: App) -> None:
    """A leaked value of production does not concern staging; the clean-up follows the rotation."""
    inventory = app.read().inventory.query("secret == 'JWT_SECRET_KEY' and environment == 'production'")
    leak = {"leak_id": "JWT_SECRET_KEY#1", "variable": "JWT_SECRET_KEY", "kind": "leak", "matched": "exact"}
    leak |= {"fingerprint": inventory["fingerprint"].iloc[0], "force": "in force"}
    leaks = filled(Leaks, [leak])
    plan = plan_of("JWT_SECRET_KEY", app.found(), leaks=LeakAudit(leaks, filled(LeakPlaces, []), leaks))
    assert [store.source for store in plan.stores] == ["backend.production.env"]
    assert {step.environment for step in plan.steps} == {"", "production"}
    assert tabulate_leak_lives(leaks, plan.read)["state"].tolist() == ["in force"]
    app.replace("backend.production.env", "JWT_SECRET_KEY", "new")
    replaced = leaks.assign(force="not in force")
    assert tabulate_leak_lives(replaced, app.read())["state"].tolist() == ["replaced"]
