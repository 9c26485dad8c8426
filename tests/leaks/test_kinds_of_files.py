"""What a file is by its path and content."""

import pytest

from audit_lib.leaks.candidates import deploys, is_generated


@pytest.mark.parametrize(
    "path",
    [
        "app/test-helpers/login.py",
        "app/testing/login.py",
        "app/testcases/login.conf",
        "app/conformance/login.go",
        "t/login.t",
        "conf/stub/app.yml",
        "bench/load.py",
        "quickstarts/app/app.yml",
        "app/conftest.py",
        "src/main/java/LoginIT.java",
        "app/Login.stories.tsx",
        "app/login.feature",
        "api/openapi.v1.yaml",
        "config.schema.json",
        "shop.postman_collection.json",
        "chart/ci/values.yaml",
        ".woodpecker/build.yml",
        "azure-pipelines.yml",
        "deploy/Jenkinsfile",
    ],
)
def test_a_test_a_description_and_a_build_deploy_nothing(path: str) -> None:
    """A default in them is in use nowhere."""
    assert not deploys(path)


@pytest.mark.parametrize(
    "path", ["compose.yml", "src/main/resources/application.yml", "app/attestation/key.py", "cicd/app.yml"]
)
def test_what_is_nothing_of_it_may_be_in_use(path: str) -> None:
    """Names that begin or end alike are others."""
    assert deploys(path)


def test_a_packed_script_is_generated() -> None:
    """Nobody writes lines of thousands of signs; a script with a long one among others is written."""
    packed = b"a=1;" * 4000 + b"\n"
    assert is_generated("static/app.js", packed)
    assert not is_generated("static/app.js", packed + b"call();\n" * 100)
    assert not is_generated("static/app.json", packed)


def test_what_a_test_writes_is_generated() -> None:
    """Snapshots are written by a program, in hidden folders, too."""
    assert is_generated("app/.snapshots/login.json")
