"""Take away what an explanation needs to be ruled out: it is not called unlikely any more."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explanations import UNLIKELY_NEEDS, tabulate_explanations
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.project import load_project
from audit_lib.project.samples import remember_sample
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, plant

LOG = "backend/logs/backend.log"
SINCE = iso(INCIDENT)


def _unlikely(folder: Path, secret: str = "") -> set[str]:
    """The explanations that are called unlikely."""
    audit = (folder / "audit.toml").read_text("utf-8")
    if "environments" not in audit:
        (folder / "audit.toml").write_text(f'environments = ["production"]\n{audit}', "utf-8")
    remember_sample(folder)
    project = load_project(folder)
    found = investigate(project, Question(SINCE, iso(AS_OF), secret=secret), AS_OF, keeper_of(project))
    table = tabulate_explanations(found)
    return set(table.loc[table["verdict"].eq("unlikely"), "explanation"])


def _not_understood(folder: Path) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write("?? POST /api/auth/login 401\n")


def _no_history(folder: Path) -> None:
    rmtree(folder / ".git")


def _proxied(folder: Path) -> None:
    text = (folder / LOG).read_text("utf-8")
    for client in REGULARS:
        text = text.replace(client, "10.0.0.7")
    (folder / LOG).write_text(text, "utf-8")


def _no_frontend(folder: Path) -> None:
    (folder / "frontend/.env.local").unlink()


REMOVED: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
    ("brute force", "", _not_understood),
    ("variables changed by a deploy", "", _not_understood),
    ("leaked and used", "", _no_history),
    ("proxy collapse", "", _proxied),
    ("our own bundle explains the sighting", "JWT_SECRET_KEY", _no_frontend),
)


@pytest.mark.parametrize(("name", "secret", "remove"), REMOVED)
def test_what_was_not_seen_is_not_unlikely(
    name: str, secret: str, remove: Callable[[Path], None], tmp_path: Path
) -> None:
    """With what it needs it is unlikely; without that it is not."""
    plant(tmp_path, "quiet misuse", 0)
    assert name in _unlikely(tmp_path, secret)
    remove(tmp_path)
    assert name not in _unlikely(tmp_path, secret)


def test_each_explanation_has_a_need(tmp_path: Path) -> None:
    """The table of docs/detections.md names every explanation, and no other."""
    plant(tmp_path, "quiet misuse", 0)
    project = load_project(tmp_path)
    found = investigate(project, Question(SINCE, iso(AS_OF)), AS_OF, keeper_of(project))
    assert set(tabulate_explanations(found)["explanation"]) == set(UNLIKELY_NEEDS)
