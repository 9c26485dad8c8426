"""What blueprints, Dockerfiles and baselines say of secrets, and what they leave open."""

import json
import subprocess
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.settings import bundled_policy, load_project
from audit_lib.settings.platform_files import tabulate_configuration
from tests.support.fakes import fake_value

IMAGES = tomllib.loads(Path(__file__).with_name("images.toml").read_text("utf-8"))["images"]
BLUEPRINT = """
previews:
  generation: {previews}
envVarGroups:
  - name: shared
    envVars:
      - key: API_TOKEN
        sync: false
      - key: LOG_LEVEL
        value: info
services:
  - type: web
    name: backend
    envVars:
      - fromGroup: shared
      - key: JWT_SECRET_KEY
        value: {value}
      - key: DATABASE_URL
        fromDatabase: {{name: db, property: connectionString}}
      - key: LOG_LEVEL
        value: debug
      - key: SENTRY_DSN
"""


def _answers(root: Path, topic: str = "") -> pd.DataFrame:
    rows = tabulate_configuration(load_project(root), bundled_policy("paiid"))
    return rows[rows["topic"].eq(topic)] if topic else rows


def _told(root: Path, topic: str) -> dict[str, str]:
    rows = _answers(root, topic)
    return dict(zip(rows["subject"], rows["answer"], strict=True))


def test_a_text_in_a_blueprint_is_told_and_never_shown(tmp_path: Path) -> None:
    """By reference or by hand is as it should be, a text is not, and what says nothing is unknown."""
    value = fake_value("in a blueprint")
    (tmp_path / "render.yaml").write_text(BLUEPRINT.format(previews="off", value=value))
    told = {"API_TOKEN": "yes", "JWT_SECRET_KEY": "no", "DATABASE_URL": "yes", "SENTRY_DSN": "unknown"}
    assert _told(tmp_path, "blueprint value") == told
    rows = _answers(tmp_path)
    assert value not in rows.to_csv()
    assert rows.loc[rows["subject"].eq("JWT_SECRET_KEY"), "line"].iloc[0] == 16


def test_a_name_is_set_once(tmp_path: Path) -> None:
    """A service's own variable hides its group's, wherever the two are."""
    (tmp_path / "render.yaml").write_text(BLUEPRINT.format(previews="off", value="x"))
    told = _told(tmp_path, "blueprint name")
    assert [name for name in told if told[name] == "no"] == ["LOG_LEVEL"]


def test_previews_get_what_is_written_down(tmp_path: Path) -> None:
    """What is entered by hand, or of a database of their own, they do not share."""
    told = {"API_TOKEN": "yes", "JWT_SECRET_KEY": "no", "DATABASE_URL": "yes", "SENTRY_DSN": "unknown"}
    for previews, expected in (("off", {}), ("automatic", told)):
        (tmp_path / "render.yaml").write_text(BLUEPRINT.format(previews=previews, value="x"))
        assert _told(tmp_path, "blueprint preview") == expected


def test_a_group_of_elsewhere_leaves_names_open(tmp_path: Path) -> None:
    """A service that joins a group which the blueprint does not hold may get a name twice."""
    text = BLUEPRINT.format(previews="off", value="x").replace("fromGroup: shared", "fromGroup: elsewhere")
    (tmp_path / "render.yaml").write_text(text)
    assert set(_told(tmp_path, "blueprint name").values()) == {"unknown"}


def test_a_text_that_looks_like_a_secret_is_one_under_any_name(tmp_path: Path) -> None:
    """The address of a store with a password is a secret, whatever its variable is called."""
    value = f"postgres://u:{fake_value('inside an address')}@h/d"
    text = f"services:\n  - name: b\n    envVars:\n      - key: TARGET\n        value: {value}\n"
    (tmp_path / "render.yaml").write_text(text)
    assert _told(tmp_path, "blueprint value") == {"TARGET": "no"}


@pytest.mark.parametrize(
    "text",
    [
        "- a", "services: 3", "a: [", "{" * 5000, "services: [3]", "\x00",
        "a: &a {envVars: [" + "{key: A}," * 900 + "]}\nservices: [" + "*a," * 900 + "]",
        "services: [{previews: {}}]\nx: " + "y" * (1 << 18),
    ],
    ids=["list", "number", "open", "deep", "text", "NUL", "aliases", "large"],
)  # fmt: skip
def test_a_blueprint_that_is_none_is_not_known(tmp_path: Path, text: str) -> None:
    """A file that cannot be understood has said nothing."""
    (tmp_path / "render.yaml").write_text(text)
    rows = _answers(tmp_path, "file")
    assert rows["answer"].tolist() == ["unknown"]


@pytest.mark.parametrize(("dockerfile", "ignore", "answer"), IMAGES)
def test_an_image_takes_what_it_copies_and_does_not_ignore(
    tmp_path: Path, dockerfile: str, ignore: str, answer: str
) -> None:
    """The final stage counts, with what it copies from others; the last pattern that matches counts."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/.env").write_text("A=1\n")
    (tmp_path / "backend/Dockerfile").write_text(dockerfile)
    (tmp_path / "backend/.dockerignore").write_text(ignore)
    assert _told(tmp_path, "image context") == {"backend/.env": answer}
    if answer == "no":  # a list beside the Dockerfile, under its name, counts first
        (tmp_path / "backend/Dockerfile.dockerignore").write_text(".env\n")
        assert _told(tmp_path, "image context") == {"backend/.env": "yes"}


def test_a_baseline_needs_somebody_s_answer(tmp_path: Path) -> None:
    """No secret is as it should be; a secret, or no answer, is not."""
    entries = [{"line_number": n, "is_secret": said} for n, said in ((1, False), (2, True))]
    record = {"results": {"a.py": [*entries, {"line_number": 3}]}}
    (tmp_path / ".secrets.baseline").write_text(json.dumps(record))
    assert _told(tmp_path, "baseline entry") == {"a.py:1": "yes", "a.py:2": "no", "a.py:3": "no"}
    (tmp_path / ".secrets.baseline").write_text('{"results": 3}')
    assert _answers(tmp_path, "file")["answer"].tolist() == ["unknown"]


def test_an_ignored_example_is_told(tmp_path: Path) -> None:
    """A pattern such as .env* hides the example, too, until git tracks it; without git nothing is asked."""
    (tmp_path / ".env.example").write_text("A=\n")
    assert _told(tmp_path, "example kept") == {}
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert _told(tmp_path, "example kept") == {".env.example": "yes"}
    (tmp_path / ".gitignore").write_text(".env*\n")
    assert _told(tmp_path, "example kept") == {".env.example": "no"}
    subprocess.run(["git", "-C", tmp_path, "add", "-f", ".env.example"], check=True)
    assert _told(tmp_path, "example kept") == {".env.example": "yes"}  # git keeps what it tracks


BUILT = "services: {api: {build: {context: %s, dockerfile: docker/Dockerfile}}}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("compose.yaml", BUILT % "."),
        ("deploy/docker-compose.yml", BUILT % ".."),
        ("compose.yaml", "x-a: &a {build: {dockerfile: docker/Dockerfile}}\nservices: {api: {<<: *a}}"),
        ("render.yaml", "services: [{name: a, dockerfilePath: ./docker/Dockerfile}]"),
    ],
)
def test_an_image_is_built_from_the_folder_that_its_build_names(tmp_path: Path, name: str, text: str) -> None:
    """A Dockerfile in a folder of its own copies what is in the context, by the context's .dockerignore."""
    for path in ("docker", "deploy", "backend", ".github/workflows"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "backend/.env").write_text("A=1\n")
    (tmp_path / "docker/Dockerfile").write_text("FROM a\nCOPY backend /app\n")
    assert _told(tmp_path, "image context") == {}
    (tmp_path / name).write_text(text)
    assert _told(tmp_path, "image context")["backend/.env"] == "no"
    (tmp_path / ".dockerignore").write_text("**/.env\n")
    assert _told(tmp_path, "image context")["backend/.env"] == "yes"


def test_a_context_that_is_not_plain_is_not_known(tmp_path: Path) -> None:
    """A variable, an address or a folder elsewhere may hold any env file; broken YAML names no build."""
    (tmp_path / "Dockerfile").write_text("FROM a\nCOPY . /app\n")
    for context in ("$DIR", "https://example.com/a.git", "../other"):
        text = f"services: [{{dockerfilePath: Dockerfile, dockerContext: '{context}'}}]"
        (tmp_path / "render.yaml").write_text(text)
        assert _told(tmp_path, "image context") == {"Dockerfile": "unknown"}
    (tmp_path / "compose.yaml").write_text("a: [")
    assert _answers(tmp_path, "file")["source"].tolist() == ["compose.yaml"]
