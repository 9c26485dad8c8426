"""What several tests of reports share: one planted incident, read once."""

import pytest

from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.settings import load_project
from tests.support.planted_incidents import AS_OF, plant


@pytest.fixture(scope="session")
def investigation(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """A value that leaked and was used."""
    folder = tmp_path_factory.mktemp("planted")
    plant(folder, "leaked and used", 0)
    project = load_project(folder)
    return investigate(project, Question("2026-09-10"), AS_OF, keeper_of(project))
