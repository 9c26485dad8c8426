"""Every variable is accounted for: who knows it, what one side has and another lacks, what is not known."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.audit import Audit
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project
from tests.support.applications import write
from tests.support.audits import run_audit
from tests.support.fakes import fake_value

POLICY = "".join(
    f'[[secret]]\nname = "{name}"\nservice = "backend"\nkind = "{kind}"\nrequired = "optional"\n'
    for name, kind in (("DB_PASSWORD", "secret"), ("OLD_TOKEN", "secret"), ("PAGE_SIZE", "setting"))
)
AUDIT = 'name = "shop"\nextends = "generic"\nguide = ""\nenvironments = ["production"]\n' + (
    f'[[env]]\npath = ".env"\nenvironment = "production"\nservice = "backend"\n{POLICY}'
)
CODE = 'import os\nos.environ["DB_PASSWORD"]\nos.environ["NEW_SECRET"]\nos.getenv("PAGE_SIZE", 10)\n'
ENV = f"DB_PASSWORD={fake_value('db', 32)}\nLEFT_OVER=10\n"
# What tests alone read is not the application's.
TESTS = 'import os\nos.environ["PYTEST_TOKEN"]\n'
FILES = {"audit.toml": AUDIT, "app.py": CODE, ".env": ENV, "tests/test_app.py": TESTS}
MORE = AUDIT.replace('["production"]', '["staging", "production"]')
SETS = "services:\n  web:\n    build: .\n    environment:\n      NEW_SECRET: x\n"
DB = "services:\n  db:\n    image: db:1\n"
CHECKS = ("undeclared-variable", "declared-read-nowhere", "read-supplied-nowhere")


def _audit(root: Path, **changed: str) -> Audit:
    write(root, FILES | {name.replace("_", "."): text for name, text in changed.items()})
    return run_audit(load_project(root), "2026Q3", "2026-09-30", keeper=Keeper(Key(b"k" * 32, "demo")))


def _differences(audit: Audit) -> dict[tuple[str, str, str], str]:
    """Check, status and severity of each difference, with the variables that it lists."""
    found = audit.findings.query("check in @CHECKS").itertuples(index=False)
    return {(r.check, r.status, r.severity): "; ".join(item.subject for item in r.covers) for r in found}


def _row(audit: Audit, name: str) -> "pd.Series[object]":
    return audit.population.set_index("name").loc[name]


def test_each_difference_is_one_list(tmp_path: Path) -> None:
    """What one side has and another lacks is listed, and nothing else is."""
    assert _differences(_audit(tmp_path)) == {
        ("undeclared-variable", "open", "medium"): "NEW_SECRET",
        ("undeclared-variable", "open", "info"): "LEFT_OVER",
        ("declared-read-nowhere", "open", "info"): "OLD_TOKEN",
        ("read-supplied-nowhere", "open", "low"): "NEW_SECRET",
        ("read-supplied-nowhere", "open", "info"): "PAGE_SIZE",
    }


READ, SUPPLIED = ("OLD_TOKEN", "read", "read_reason"), ("NEW_SECRET", "supplied", "supply_reason")


@pytest.mark.parametrize(
    ("changed", "of", "answer", "why"),
    [
        # A read without a name, a file that was not read, a word, or an image may read a variable unseen.
        ({"app_py": CODE + "os.environ[name]\n"}, READ, "unknown", "1 read without a name, first app.py:5"),
        ({"old_py": "os.environ['A'\n"}, READ, "unknown", "1 file not read, first old.py: is not Python"),
        ({"Old_cs": "class Old {}\n"}, READ, "unknown", "1 file not read, first Old.cs: is in a language"),
        ({"nginx_conf": "set $x OLD_TOKEN;\n"}, READ, "unknown", "named in nginx.conf:1, but not as a read"),
        ({"compose_yaml": DB}, READ, "unknown", "1 image with code that is not here"),
        # Of a service that compose builds the code is here.
        ({"compose_yaml": "services:\n  web:\n    build: .\n    image: web:1\n"}, READ, "no", ""),
        ({"compose_yaml": "services:\n  job:\n    image: web:1\n    build: .\n"}, READ, "no", ""),
        # A place that was not supplied, a line that was not understood, or a file that sets it.
        ({}, SUPPLIED, "no", ""),
        ({"_env": ENV + "not understood\n"}, SUPPLIED, "unknown", "1 line of backend not understood"),
        ({"compose_yaml": SETS}, SUPPLIED, "unknown", "set in compose.yaml:5"),
        ({"audit_toml": MORE}, SUPPLIED, "unknown", "1 source of backend not read"),
        # A key of a blueprint is what the platform holds, and no read of the code.
        ({"render_yaml": "services:\n- envVars:\n  - key: NEW_SECRET\n"}, SUPPLIED, "yes", ""),
    ],
)
def test_a_no_is_earned(tmp_path: Path, changed: dict[str, str], of: Any, answer: str, why: str) -> None:
    """That nothing reads or supplies a variable is only said if all that may was read; else why not."""
    audit, (name, question, reason) = _audit(tmp_path, **changed), of
    row = _row(audit, name)
    assert row[question] == answer
    if of is SUPPLIED:
        assert row[reason] == why
        assert row["known_by"] == (("code", "platform") if answer == "yes" else ("code",))
    else:
        assert str(row[reason]).startswith(why)
        assert (("declared-read-nowhere", "open", "info") in _differences(audit)) == (answer == "no")
        # All code counts as seen if every file of it was read.
        assert set(audit.population["code_seen"]) == {"file not read" not in why}
        assert _row(audit, "DB_PASSWORD")["known_by"] == ("code", "policy", "env files")
