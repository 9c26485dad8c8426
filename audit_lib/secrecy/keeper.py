"""The only holder of secret values: everything else holds their fingerprints."""

import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NoReturn, TypeVar

_DOMAIN = b"audit_lib/v1\0"
MANIFEST = "MANIFEST.json"  # what every publication is signed in
Answer = TypeVar("Answer", bool, int, float)


@dataclass(frozen=True)
class Key:
    """The key under which fingerprints are made. `origin` is file, demo or throw-away."""

    material: bytes = field(repr=False)
    origin: str

    @classmethod
    def throw_away(cls) -> "Key":
        """A key for this process alone: its fingerprints cannot be compared with any other run's."""
        return cls(secrets.token_bytes(32), "throw-away")

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that name the key alone (docs/evidence.md#fingerprints)."""
        return sha256(b"kid" + self.material).hexdigest()[:8]

    def derive(self, purpose: str) -> bytes:
        """Thirty-two bytes for another use (the ledger's MAC, a file's digest) than fingerprints."""
        return hmac.digest(self.material, b"audit_lib/derive\0" + purpose.encode(), sha256)

    def digest(self, content: bytes) -> str | None:
        """A keyed digest by which a file is known again (64 hexadecimal digits), if others have the key."""
        mac = hmac.digest(self.derive("file digest"), content, sha256).hex()
        return None if self.origin == "throw-away" else mac


@dataclass(eq=False)
class Keeper:
    """Holds values in memory and answers questions about them; no method gives one back as text."""

    key: Key
    _values: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def take(self, value: str) -> str:
        """The fingerprint (64 hexadecimal digits) of a value, which is kept from now on."""
        self._values[fingerprint := self.fingerprint(value)] = value
        return fingerprint

    def fingerprint(self, value: str) -> str:
        """HMAC-SHA-256 under the key and the domain; neither name nor environment enters, so reuse shows."""
        return hmac.digest(self.key.material, _DOMAIN + value.encode("utf-8", "surrogatepass"), sha256).hex()

    def ask(self, fingerprint: str, question: Callable[[str], Answer]) -> Answer:
        """What a question about a value answers. Raises `TypeError` for a text: it could be the value."""
        answer = question(self._values[fingerprint])
        if isinstance(answer, bool | int | float):
            return answer
        raise TypeError("a question about a value must be answered with a truth or a number")

    def part(self, fingerprint: str, cut: Callable[[str], str | None], *, keep: bool = True) -> str | None:
        """The fingerprint of what `cut` takes out of a value; None if it takes nothing.

        With `keep` that is a value of its own from now on, as a URL's password is and its host is not.
        """
        component = cut(self._values[fingerprint])
        return (self.take if keep else self.fingerprint)(component) if component else None

    def values(self) -> Iterator[tuple[str, str]]:
        """Pairs of fingerprint and value, for matcher, guard and seal alone (a test holds this)."""
        yield from sorted(self._values.items())

    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of all values that are kept, in order."""
        return tuple(sorted(self._values))

    def __contains__(self, fingerprint: object) -> bool:
        return fingerprint in self._values

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keeper is never pickled: its values would leave the process")


def signed(document: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """The document with the name of its key and its MAC (HMAC-SHA-256), null under a throw-away key."""
    key_id = None if key.origin == "throw-away" else key.key_id
    whole = {**document, "key": document.get("key", {"key_id": key_id, "origin": key.origin})}
    return {**whole, "mac": _mac(key, whole) if key_id else None}


def signature_holds(key: Key, document: Mapping[str, Any]) -> bool:
    """Whether the document is as a holder of the key signed it."""
    return hmac.compare_digest(str(document.get("mac")), _mac(key, document))


def _mac(key: Key, document: Mapping[str, Any]) -> str:
    unsigned = {name: part for name, part in document.items() if name != "mac"}
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(key.derive("manifest"), text.encode("ascii"), sha256).hex()
