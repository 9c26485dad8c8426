"""AUDIT_TOML: the reviewer's own audit.toml in place of the one that the project's writers can change."""

from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.project import load_project
from audit_lib.project.load import is_configured

OWN = 'name = "own"\nenvironments = ["production"]\n'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A project whose own audit.toml leaves out production, and one outside that does not."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/audit.toml").write_text('name = "theirs"\nenvironments = ["development"]\n')
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path / "app"


def test_the_reviewers_layout_is_read_alone(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the project says of itself counts for nothing, not even if it says it twice or badly."""
    before = load_project(app)
    monkeypatch.setenv("AUDIT_TOML", str(app.parent / "own.toml"))
    (app / ".audit").mkdir()
    (app / ".audit/audit.toml").write_text("?")
    project = load_project(app)
    assert (project.name, project.environments, project.configured) == ("own", ("production",), True)
    assert project.layout_sha256 != before.layout_sha256


def test_a_project_may_lack_one_of_its_own(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is configured all the same."""
    (app / "audit.toml").unlink()
    monkeypatch.setenv("AUDIT_TOML", str(app.parent / "own.toml"))
    assert is_configured(app)
    assert load_project(app).name == "own"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("own.toml", "must be the absolute path of a file"),
        ("{app}/../own.toml", "must be the absolute path of a file"),
        ("{app}/audit.toml", "is in the project"),
        ("{app}/link.toml", "leads through a symbolic link of the project"),
        ("{app}-none.toml", "is not a file"),
        ("{outside}/demo.toml", 'key = "demo" and pinned_as_of are for a sample'),
    ],
)
def test_another_path_is_refused(app: Path, text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the project decides what is read, and no file outside makes it a sample."""
    (app / "link.toml").symlink_to(app.parent / "own.toml")
    (app.parent / "demo.toml").write_text(OWN + 'key = "demo"\n')
    monkeypatch.setenv("AUDIT_TOML", text.format(app=app, outside=app.parent))
    with pytest.raises(BadInput, match="AUDIT_TOML: ") as caught:
        load_project(app)
    assert fault in str(caught.value)
