"""REPERFORM.md says what was typed and what must be at hand, whatever that was."""

from dataclasses import replace

import pandas as pd
import pytest

from audit_lib.base.frames import Sources
from audit_lib.report.reperform import command, reperform_text
from tests.support import made_up_audit as frames

WHEN = "--quarter 2026Q3 --as-of 2026-09-30T23:59:59Z"
PLAIN = {"project": "../app", "policy": "", "ledger": "", "previous": "", "identities": "masked", "logs": ""}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, f"audit-lib review --project ../app {WHEN}"),
        ({"project": ""}, f"audit-lib review --sample {WHEN}"),
        ({"project": "my app"}, f"audit-lib review --project 'my app' {WHEN}"),
        (
            {"policy": "paiid", "ledger": "l"},
            f"audit-lib review --project ../app {WHEN} --policy paiid --ledger l",
        ),
        ({"previous": "a.json"}, f"audit-lib review --project ../app {WHEN} --previous a.json"),
        ({"identities": "full"}, f"audit-lib review --project ../app {WHEN} --identities full"),
        (
            {"logs": "production/web='a b.log' production/api=b"},
            f"audit-lib review --project ../app {WHEN} --log 'production/web=a b.log' --log production/api=b",
        ),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else None,
)
def test_the_command_is_what_was_typed(given: dict[str, str], words: str) -> None:
    """Each option that changes the bytes is there, quoted for a shell, and no other."""
    assert command(replace(frames.audit(), parameters=PLAIN | given)) == words


def test_given_values_are_named_and_not_shown() -> None:
    """What `--env` gave is given again in the same way; what nobody gave is not in the command."""
    kinds = [("read", "from stdin", "backend"), ("read", "from a file", "api"), ("missing", "nothing", "web")]
    rows = [
        {
            "source": f"--env {of}",
            "kind": "given values",
            "environment": "staging",
            "service": of,
            "state": state,
        }
        | {"reason": reason}
        for state, reason, of in kinds
    ]
    sources = pd.concat([frames.sources(), frames.filled(Sources, rows)])
    audit = replace(frames.audit(sources=sources), parameters=PLAIN)
    assert command(audit).endswith("--env staging/backend=- --env staging/api=FILE")
    assert "The same values again for 2 places of `--env`" in reperform_text(audit)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("file", "`0123abcd`: `audit-lib key import FILE`"),
        ("throw-away", "none: digests"),
        ("demo", "DEMO key"),
    ],
)
def test_the_key_is_named(origin: str, said: str) -> None:
    """By its id; without one of its own a review says what cannot be compared."""
    assert said in reperform_text(replace(frames.audit(), key_origin=origin))


def test_what_a_project_names_stays_inert() -> None:
    """A policy's name leaves no code span, and a chain's name is one word for a shell."""
    audit = frames.audit()
    audit = replace(
        audit,
        policy=replace(audit.policy, name="a` <img src=x> `"),
        ledger_heads=(("x; touch P #", f"1:{'a' * 64}"),),
    )
    text = reperform_text(audit)
    assert "`a' <img src=x> '`" in text
    assert "'x; touch P #.jsonl'" in text
