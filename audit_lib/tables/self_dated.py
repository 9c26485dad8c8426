"""Reads the date of issue that a value carries itself, through the keeper."""

import base64
import json
from datetime import UTC, datetime, timedelta

from audit_lib.secrecy.keeper import Keeper

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE = -1.0
_SANE = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100: what else a number may mean is no date


def issued_at(keeper: Keeper, fingerprint: str) -> datetime | None:
    """When a JWT-like value says that it was issued (`iat`, else `nbf`), UTC; None where it says nothing."""
    seconds = keeper.ask(fingerprint, _issued)
    return None if seconds == _NONE else _EPOCH + timedelta(seconds=seconds)


def _issued(value: str) -> float:
    parts = value.split(".")
    if len(parts) != 3 or len(value) > 16_384:
        return _NONE
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        seconds = float(claims.get("iat", claims.get("nbf", _NONE)))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return _NONE
    return seconds if _SANE[0] <= seconds <= _SANE[1] else _NONE
