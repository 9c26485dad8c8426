"""The runbook of each secret, done to the sample's own files: not done, half done, done, a green review."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.audit import Audit
from audit_lib.base.clock import Quarter, iso
from audit_lib.ledger.keys import keeper_of
from audit_lib.rotation.plan import plan_rotation
from audit_lib.rotation.scope import Store
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.load import remember_sample
from tests.support.audits import run_audit
from tests.support.rotating_project import SECRETS, RotatingProject, halves_in, made_value, states_in
from tests.support.sample_copy import write_sample

ENVIRONMENT = "production"
ONLY = ("--environment", ENVIRONMENT)
QUICK = ("API_TOKEN",)
NO_SECRETS = ("TRADIER_ACCOUNT_ID", "NEXT_PUBLIC_BACKEND_API_BASE_URL")
MORE = [name for name in SECRETS if name not in (*QUICK, *NO_SECRETS)]
BAD = {"overdue-secret", "due-secret", "half-done-rotation", "rotation-not-done"}
ALSO = {  # in the sample they hold one value
    "ANTHROPIC_API_KEY": "NEXT_PUBLIC_ANTHROPIC_API_KEY",
    "NEXT_PUBLIC_ANTHROPIC_API_KEY": "ANTHROPIC_API_KEY",
}
OWN = ("API_TOKEN", "NEXT_PUBLIC_API_TOKEN", "JWT_SECRET_KEY")  # that only the sample's processes check


class SampleApp(RotatingProject):
    """The sample, whose production backend is an export of its platform; everything is supplied."""

    def __init__(self, folder: Path) -> None:
        self.root = write_sample(folder)
        self.since = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
        layout = self.root / "audit.toml"
        layout.write_text(layout.read_text("utf-8") + '\n[[deploys]]\npattern = "deploys.json"\n', "utf-8")
        remember_sample(self.root)
        (self.root / "deploy" / "frontend.staging.env").write_text("LEVEL=info\n", "utf-8")
        (self.root / "deploys.json").write_text("", "utf-8")
        self.starts(ENVIRONMENT, -24 * 5)
        self.asks(ENVIRONMENT, -24 * 4, 200)
        done = self.run("snapshot")
        assert done.exit_code == 0, done.output

    def _log(self, environment: str, hours: float, text: str) -> None:
        at = datetime.now(UTC) + timedelta(hours=hours)
        with (self.root / "logs" / "worker.log").open("a", encoding="utf-8") as log:
            log.write(f"{at:%Y-%m-%dT%H:%M:%S}.000000Z {text}\n")

    def stores(self, secret: str) -> list[Store]:
        """The stores of production, and those elsewhere that hold a value of production."""
        project = load_project(self.root)
        plan = plan_rotation(secret, project, choose_policy(project), keeper_of(project), datetime.now(UTC))
        values = {one.fingerprint for one in plan.scope.stores if one.place.environment == ENVIRONMENT}
        every = [one for one in plan.scope.stores if one.fingerprint in values]
        return sorted(every, key=lambda one: one.place.environment != ENVIRONMENT)

    def does(self, store: Store, seed: str) -> None:
        """What the runbook says for a store: enter the value, or set it on the platform and record that."""
        shared = "API_TOKEN" if store.place.secret == "NEXT_PUBLIC_API_TOKEN" else store.place.secret
        value, path = made_value(shared, seed), self.root / store.source
        where = ("--environment", store.place.environment, "--service", store.place.service)
        said = ("--trigger", "scheduled", "--approved-by", "Bo")
        if path.suffix != ".json":
            done = self.run(
                "generate", store.place.secret, "--into", path, "--given", *said, given=f"{value}\n"
            )
        else:
            entries = json.loads(path.read_text("utf-8"))
            for entry in entries:
                if entry["envVar"]["key"] == store.place.secret:
                    entry["envVar"]["value"] = value
            path.write_text(json.dumps(entries), "utf-8")
            done = self.run("record", store.place.secret, *where, *said)
        assert done.exit_code == 0, done.output

    def reviewed(self) -> Audit:
        """The next review."""
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        return run_audit(load_project(self.root), str(Quarter.containing(tomorrow)), iso(tomorrow))


@pytest.mark.parametrize("secret", [*QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in MORE)])
def test_a_runbook_is_done_step_by_step(secret: str, tmp_path: Path) -> None:
    """Each store, start and record moves its own step; the next review proves the age and finds no half."""
    app = SampleApp(tmp_path / "sample")
    stores = app.stores(secret)
    before = states_in(app.check(secret, *ONLY).output)
    assert {state for step, state in before.items() if step.startswith("replace")} == {"not done"}
    others = app.stores(ALSO[secret]) if secret in ALSO else []
    for store in others:
        app.does(store, "other")
    for number, store in enumerate(stores):
        app.does(store, "new")
        told = app.check(secret, *ONLY).output
        assert states_in(told).get(f"replace [{store}]", "done") == "done"
        left = [one for one in stores[number + 1 :] if one.place.environment == ENVIRONMENT]
        assert bool(left) == any(half.startswith("one half") for half in halves_in(told))
    assert {state for step, state in states_in(told).items() if step.startswith("refresh")} != {"done"}

    app.starts(ENVIRONMENT, 1)
    app.deploys(ENVIRONMENT, "frontend", 1)
    app.asks(ENVIRONMENT, 2, 200)
    for store in (*stores, *others) if secret not in OWN else ():
        where = ("--environment", store.place.environment, "--service", store.place.service)
        told = ("--revoked", "previous", "--proof", "it was refused")
        assert app.run("record", store.place.secret, *where, *told).exit_code == 0
    done = app.check(secret, *ONLY)
    assert done.exit_code == 0, done.output

    audit = app.reviewed()
    ages = audit.ages.query(f"environment == '{ENVIRONMENT}' and secret == '{secret}'")
    assert set(ages["status"]) <= {"fresh", "exempt"}, ages.iloc[0].to_dict()
    found = audit.findings.query(f"subject == '{secret}' and environment == '{ENVIRONMENT}'")
    assert not set(found["check"]) & BAD
    table = audit.rotations.query(f"environment == '{ENVIRONMENT}' and secret == '{secret}'")
    assert set(table["proof"]) == {"proved"}
