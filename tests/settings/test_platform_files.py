"""What blueprints, Dockerfiles and compose files say of secrets, and what they leave open."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.settings import bundled_policy, load_project
from audit_lib.settings.platform_files import tabulate_configuration
from tests.support.applications import write
from tests.support.fakes import fake_value

ROWS = tomllib.loads(Path(__file__).with_name("platform_files.toml").read_text("utf-8"))
BLUEPRINT = ROWS["blueprint"]
SECRETS = {"API_TOKEN": "yes", "JWT_SECRET_KEY": "no", "DATABASE_URL": "yes", "SENTRY_DSN": "unknown"}


def _answers(root: Path, topic: str = "") -> pd.DataFrame:
    rows = tabulate_configuration(load_project(root), bundled_policy("paiid"))
    return rows[rows["topic"].eq(topic)] if topic else rows


def _told(root: Path, topic: str) -> dict[str, str]:
    rows = _answers(root, topic)
    return dict(zip(rows["subject"], rows["answer"], strict=True))


@pytest.mark.parametrize(("previews", "expected"), [("off", {}), ("automatic", SECRETS)])
def test_a_blueprint_answers_for_each_variable(previews: str, expected: Any, tmp_path: Path) -> None:
    """For each secret of a group or service one answer with its line, and never a value. By reference or by
    hand is as it should be, also for previews; a text is not, and what says nothing is unknown."""
    value = fake_value("in a blueprint")
    write(tmp_path, {"render.yaml": BLUEPRINT.format(previews=previews, value=value)})
    assert _told(tmp_path, "blueprint value") == SECRETS
    assert _told(tmp_path, "blueprint preview") == expected
    rows = _answers(tmp_path)
    assert value not in rows.to_csv()
    assert rows.loc[rows["subject"].eq("JWT_SECRET_KEY"), "line"].unique().tolist() == [15]


def test_a_text_that_looks_like_a_secret_is_one_under_any_name(tmp_path: Path) -> None:
    """The address of a store with a password is a secret, whatever its variable is called."""
    value = f"postgres://u:{fake_value('inside an address')}@h/d"
    write(tmp_path, {"render.yaml": f"services:\n- name: b\n  envVars:\n  - key: TARGET\n    value: {value}"})
    assert _told(tmp_path, "blueprint value") == {"TARGET": "no"}


@pytest.mark.parametrize("text", [
    "- a", "services: 3", "a: [", "{" * 5000, "services: [3]", "\x00",
    "a: &a {envVars: [" + "{key: A}," * 900 + "]}\nservices: [" + "*a," * 900 + "]",
    "services: [{previews: {}}]\nx: " + "y" * (1 << 18),
], ids=["list", "number", "open", "deep", "text", "NUL", "aliases", "large"])  # fmt: skip
def test_a_blueprint_that_is_none_is_not_known(tmp_path: Path, text: str) -> None:
    """A file that cannot be understood has said nothing."""
    write(tmp_path, {"render.yaml": text})
    assert _told(tmp_path, "file") == {"render.yaml": "unknown"}


@pytest.mark.parametrize(("dockerfile", "ignore", "answer"), ROWS["images"])
def test_an_image_takes_what_it_copies_and_does_not_ignore(
    tmp_path: Path, dockerfile: str, ignore: str, answer: str
) -> None:
    """What the last stage copies it holds, of an earlier one it is not known; the last pattern counts."""
    write(tmp_path / "backend", {".env": "A=1\n", "Dockerfile": dockerfile, ".dockerignore": ignore})
    assert _told(tmp_path, "image context") == {"backend/.env": answer}
    if answer == "no":  # a list beside the Dockerfile, under its name, counts first
        write(tmp_path, {"backend/Dockerfile.dockerignore": ".env\n"})
        assert _told(tmp_path, "image context") == {"backend/.env": "yes"}


@pytest.mark.parametrize(("name", "text"), ROWS["builds"])
def test_an_image_is_built_from_the_folder_that_its_build_names(tmp_path: Path, name: str, text: str) -> None:
    """A Dockerfile in a folder of its own copies what is in the context, by the context's .dockerignore."""
    write(tmp_path, {"backend/.env": "A=1\n", "docker/Dockerfile": "FROM a\nCOPY backend /app\n"})
    assert _told(tmp_path, "image context") == {}
    write(tmp_path, {name: text})
    told = _answers(tmp_path, "image context").set_index("subject").loc["backend/.env"]
    assert (told["answer"], told["reason"]) == ("no", "backend/.env to .dockerignore")
    write(tmp_path, {".dockerignore": "**/.env\n"})
    assert _told(tmp_path, "image context")["backend/.env"] == "yes"


def test_a_context_that_is_not_plain_is_not_known(tmp_path: Path) -> None:
    """A variable, an address or a folder elsewhere may hold any env file; broken YAML names no build."""
    write(tmp_path, {"api/Dockerfile": "FROM a\nCOPY . /app\n", "compose.yaml": "a: ["})
    for context in ("$DIR", "https://example.com/a.git", "../other"):
        text = f"services: [{{dockerfilePath: api/Dockerfile, dockerContext: '{context}'}}]"
        write(tmp_path, {"render.yaml": text})
        assert _told(tmp_path, "image context") == {"api/Dockerfile": "unknown"}
        assert _told(tmp_path, "file") == {"compose.yaml": "unknown"}


def test_an_ignored_example_is_told(tmp_path: Path) -> None:
    """A pattern such as .env* hides the example, too, until git tracks it; without git nothing is asked."""
    write(tmp_path, {".env.example": "A=\n"})
    assert _told(tmp_path, "example kept") == {}
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert _told(tmp_path, "example kept") == {".env.example": "yes"}
    write(tmp_path, {".gitignore": ".env*\n"})
    assert _told(tmp_path, "example kept") == {".env.example": "no"}
    subprocess.run(["git", "-C", tmp_path, "add", "-f", ".env.example"], check=True)
    assert _told(tmp_path, "example kept") == {".env.example": "yes"}  # git keeps what it tracks
