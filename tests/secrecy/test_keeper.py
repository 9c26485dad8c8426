"""The keeper gives no value back, and what its key makes tells values and files again without saying them."""

import pickle

import pytest

from audit_lib.secrecy.keeper import Keeper, Key, signature_holds, signed
from audit_lib.secrecy.strength import component
from tests.support.fakes import fake_value

KEY, OTHER = Key(b"k" * 32, "file"), Key(b"o" * 32, "file")
VALUE = fake_value("keeper")


def test_a_value_is_known_again_and_never_given_back() -> None:
    """Equal values have equal fingerprints of 256 bits, under another key others. Neither its text, nor its
    key's, nor a question, nor pickling gives a value."""
    keeper = Keeper(KEY)
    fingerprint = keeper.take(VALUE)
    assert keeper.fingerprint(VALUE) == fingerprint
    assert Keeper(OTHER).fingerprint(VALUE) != fingerprint
    assert (len(fingerprint), fingerprint in keeper, keeper.ask(fingerprint, len)) == (64, True, len(VALUE))
    assert VALUE not in repr(keeper) + repr(KEY)
    assert KEY.material.hex() not in repr(KEY)
    for ask in (lambda: keeper.ask(fingerprint, str.upper), lambda: pickle.dumps(keeper)):
        with pytest.raises(TypeError):
            ask()


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


def test_a_signed_document_and_a_file_are_known_again() -> None:
    """A document by a holder of the key alone, and unchanged; a file by a digest that differs by key and from
    a fingerprint. A throw-away key signs nothing, and makes no digest."""
    document, content = signed({"a": 1}, KEY), VALUE.encode()
    documents = ((KEY, document), (KEY, document | {"a": 2}), (OTHER, document))
    assert [signature_holds(*one) for one in documents] == [True, False, False]
    assert signed({"a": 1}, Key.throw_away())["mac"] is None
    digests = {KEY.digest(content), OTHER.digest(content), Keeper(KEY).fingerprint(VALUE)} - {None}
    assert (len(digests), Key.throw_away().digest(content)) == (3, None)
    assert (document["key"], KEY.key_id) == ({"key_id": KEY.key_id, "origin": "file"}, KEY.key_id.lower()[:8])
    assert signed({"key": {"key_id": "x"}}, KEY)["key"] == {"key_id": "x"}
    assert len({KEY.derive("manifest"), KEY.derive("file digest"), OTHER.derive("manifest")}) == 3
