"""Remembers what the detections of a window came to, so that an incident opens at once; holds no value."""

import json
from dataclasses import asdict
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache_folder import keep, recall, user_cache
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import DetectedInWindow, detected_in_window
from audit_lib.logins.detect import Verdict
from audit_lib.logins.detect.incidents import Incident
from audit_lib.secrecy.keeper import Key

KEPT = 32  # windows
LARGEST = 4 << 20  # bytes of one: a flood of incidents is found anew


def detect_once(investigation: Investigation, key: Key, logs: str, folder: Path | None = None) -> None:
    """Run the detections of the window, or recall what they came to: what asks for them then has them.

    `logs` is the digest of what was read (`LogRead.digest`). What is recalled was found in the same logs,
    under the same key, rules, ledger, deploys and window, by the same code, and a MAC under the key protects
    it. Without a digest, or under a throw-away key, nothing is recalled or kept. Safe to delete.
    """
    if not logs or key.origin == "throw-away":
        return
    secret = key.derive("detections cache")
    path = (folder or user_cache()) / "detections" / f"{_digest(investigation, logs, secret)}.json"
    body = recall(path, secret)
    if body is not None:
        found = _parsed(bytes(body))
        investigation.of_window("detections", lambda: found)
        return
    text = json.dumps(asdict(detected_in_window(investigation)), default=_plain).encode()
    if len(text) <= LARGEST:
        keep(path, secret, text, KEPT)


def _digest(investigation: Investigation, logs: str, secret: bytes) -> str:
    """A keyed digest of everything that decides what the detections come to."""
    total = blake2b(logs.encode(), key=secret, digest_size=20)
    decide = (
        investigation.window,
        investigation.rules,
        investigation.ledger,
        investigation.project.log_sources,
        *(frame.to_csv() for frame in (investigation.deploys, investigation.sources)),
    )
    for part in decide:
        total.update(blake2b(repr(part).encode("utf-8", "surrogateescape")).digest())
    return total.hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else sorted(value)


def _parsed(body: bytes) -> DetectedInWindow:
    document = json.loads(body)
    return DetectedInWindow(**(document | {"detected": tuple(map(_detected, document["detected"]))}))


def _detected(row: dict[str, Any]) -> Verdict:
    return Verdict(**(row | {"incidents": tuple(map(_alarm, row["incidents"]))}))


def _alarm(row: dict[str, Any]) -> Incident:
    instants = {name: pd.Timestamp(row[name]) for name in ("first_at", "last_at") if row[name]}
    sets = {"clients": frozenset(row["clients"]), "evidence": tuple(row["evidence"])}
    return Incident(**(row | instants | sets))
