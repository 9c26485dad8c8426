"""Signs a published JSON document under the reviewer's key, so that whoever holds the key sees an edit."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from audit_lib.secrecy.keeper import Key

_FIELD = "mac"

MANIFEST = "MANIFEST.json"  # what every publication is signed in
SIGNOFFS = "signoffs.json"  # who signed it afterwards: not in the manifest, but in the ledger
EVIDENCE = "evidence.zip"  # a copy of a publication's other files, or of an incident's tables


def signed(document: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """The document with the key that it names, and its MAC (HMAC-SHA-256, 64 hexadecimal digits).

    Under a throw-away key both are null. Without its name `verify` would not know which key to take.
    """
    kept = key.origin != "throw-away"
    named = {"key_id": key.key_id if kept else None, "origin": key.origin}
    whole = {**document, "key": document.get("key", named)}
    return {**whole, _FIELD: _mac(key, whole) if kept else None}


def signature_holds(key: Key, document: Mapping[str, Any]) -> bool:
    """Whether the document is as a holder of the key signed it."""
    unsigned = {name: part for name, part in document.items() if name != _FIELD}
    return hmac.compare_digest(str(document.get(_FIELD)), _mac(key, unsigned))


def _mac(key: Key, document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(key.derive("manifest"), text.encode("ascii"), sha256).hex()
