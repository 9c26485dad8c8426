"""The keeper gives no value back, and what its key makes tells values and files again without saying them."""

import pickle

import pytest

from audit_lib.secrecy.keeper import Keeper, Key, signature_holds, signed
from audit_lib.secrecy.strength import component
from tests.support.fakes import fake_value

KEY = Key(b"k" * 32, "file")
VALUE = fake_value("keeper")


def test_a_value_is_known_again_under_the_same_key_only() -> None:
    """Equal values have equal fingerprints of 256 bits, under another key others."""
    keeper = Keeper(KEY)
    fingerprint = keeper.take(VALUE)
    assert keeper.fingerprint(VALUE) == fingerprint
    assert len(fingerprint) == 64
    assert Keeper(Key(b"o" * 32, "file")).fingerprint(VALUE) != fingerprint
    assert fingerprint in keeper


def test_nothing_gives_a_value_back() -> None:
    """Neither its text, nor its key's, nor a question, nor pickling."""
    keeper = Keeper(KEY)
    fingerprint = keeper.take(VALUE)
    assert VALUE not in repr(keeper) + repr(KEY)
    assert KEY.material.hex() not in repr(KEY)
    assert keeper.ask(fingerprint, len) == len(VALUE)
    with pytest.raises(TypeError):
        keeper.ask(fingerprint, str.upper)  # type: ignore[type-var]
    with pytest.raises(TypeError):
        pickle.dumps(keeper)


def test_a_file_digest_is_keyed_and_none_under_a_throw_away_key() -> None:
    """It differs by key and from a fingerprint, and is not made where nothing can be compared."""
    content, other = VALUE.encode(), Key(b"o" * 32, "file")
    digests = {KEY.digest(content), other.digest(content), Keeper(KEY).fingerprint(VALUE)} - {None}
    assert (len(digests), Key.throw_away().digest(content)) == (3, None)


def test_a_part_of_a_value_leaves_as_a_fingerprint() -> None:
    """A URL's password becomes a value of its own; its host is compared and not kept."""
    keeper = Keeper(KEY)
    url = keeper.take(f"postgresql://app:{VALUE}@host.internal/db")
    assert keeper.part(url, component("password")) == keeper.fingerprint(VALUE)
    assert VALUE in dict(keeper.values()).values()
    host = keeper.part(url, component("host"), keep=False)
    assert host == keeper.fingerprint("host.internal")
    assert host not in keeper
    assert keeper.part(keeper.take("no url"), component("host")) is None


def test_a_signed_document_is_known_again() -> None:
    """By a holder of the key alone, and unchanged; a throw-away key signs nothing."""
    document = signed({"a": 1}, KEY)
    assert signature_holds(KEY, document)
    assert not signature_holds(KEY, document | {"a": 2})
    assert not signature_holds(Key(b"o" * 32, "file"), document)
    assert signed({"a": 1}, Key.throw_away())["mac"] is None
