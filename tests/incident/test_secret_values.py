"""Which secrets an incident takes for leaked."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from audit_lib.incident.secret_values import leaked_secrets
from audit_lib.leaks.contracts import Leaks
from audit_lib.settings import bundled_policy
from tests.support.rows import rows_of


def test_a_committed_setting_is_no_leaked_secret() -> None:
    """Of an env file in the history, what the inventory calls a setting is left out, as in a review."""
    inventory = rows_of(
        "inventory",
        {"secret": "STRIPE_SECRET_KEY", "kind": "unlisted"},
        {"secret": "ALLOWED_HOSTS", "kind": "setting"},
    )
    history = pd.DataFrame({"name": ["ALLOWED_HOSTS", "STRIPE_SECRET_KEY", "GONE_TOKEN"]})
    seen: Any = SimpleNamespace(
        leaks=Leaks.of([]), history=history, inventory=inventory, policy=bundled_policy("generic")
    )
    assert leaked_secrets(seen) == ("GONE_TOKEN", "STRIPE_SECRET_KEY")
