"""When a token was last used is known only if the logs can tell which one it was."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logins.contracts import Requests
from audit_lib.logins.last_use import NO_ANSWER, last_uses
from audit_lib.settings import Policy, SecretRule

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
TOKEN, OTHER = (SecretRule(name, "backend", "secret", "always") for name in ("API_TOKEN", "JWT_SECRET"))
TWIN = replace(OTHER, name="WEB_TOKEN", equals=("API_TOKEN",))


def _policy(*rules: SecretRule) -> Policy:
    names = [rule.name for rule in rules]
    return Policy("shop", Path("shop.toml"), "0" * 64, rules, detections={"caller_secrets": names})


def _requests(*given: tuple[str, int, bool]) -> pd.DataFrame:
    blank = {"client": "", "method": "GET", "route": "/api", "count": 1, "timed": True, "declared": 0}
    return Requests.of(
        {
            **blank,
            "file": "app.log",
            "line": number,
            "status": status,
            "not_before_at": pd.Timestamp(day, tz="UTC"),
            "not_after_at": pd.Timestamp(day, tz="UTC"),
            "protected": protected,
            "refused": status in (401, 403),
        }
        for number, (day, status, protected) in enumerate(given, 1)
    )


@pytest.mark.parametrize("rules", [(TOKEN,), (TOKEN, TWIN)], ids=["one", "one under two names"])
def test_one_token_was_used_by_the_last_answer(rules: tuple[SecretRule, ...]) -> None:
    """The last 2xx on a protected route by the review's date shows it; a refusal and an open route do not."""
    days = [("2026-09-01", 200, True), ("2026-09-02", 401, True), ("2026-09-03", 200, False)]
    found = last_uses(_requests(*days, ("2026-10-01", 200, True)), _policy(*rules), AS_OF)
    assert found["API_TOKEN"] == (
        pd.Timestamp("2026-09-01", tz="UTC"),
        "a protected route answered in app.log:1",
    )


def test_of_two_tokens_it_is_not_known_which() -> None:
    """If callers send two secrets, an answer is a use of one of them: neither has an instant."""
    found = last_uses(_requests(("2026-09-01", 200, True)), _policy(TOKEN, OTHER), AS_OF)
    assert {at for at, _ in found.values()} == {None}
    assert found["JWT_SECRET"][1].startswith("not known: one of API_TOKEN, JWT_SECRET was used by 2026-09-01")


def test_without_an_answer_it_is_not_known() -> None:
    """No answered request is not a token that nobody used."""
    assert last_uses(_requests(("2026-09-01", 401, True)), _policy(TOKEN), AS_OF) == {
        "API_TOKEN": (None, NO_ANSWER)
    }


def test_what_callers_do_not_send_is_not_asked_about() -> None:
    """A policy that names no secret of its callers gives no answer at all."""
    assert last_uses(_requests(("2026-09-01", 200, True)), _policy(), AS_OF) == {}
