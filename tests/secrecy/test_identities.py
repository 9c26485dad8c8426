"""Who it was is hidden, who is who is kept."""

import re

from audit_lib.secrecy.identities import keyed_label, map_texts, mask_client, mask_text, numbered_label
from audit_lib.secrecy.keeper import Key
from tests.support import made_up_audit as frames
from tests.support.paths import rows_beside

KEY = keyed_label(Key(b"k" * 32, "file"))
CASES = rows_beside(__file__)


def test_a_client_is_its_network_and_a_label() -> None:
    """An address is cut to /24 or /64; what is no address is not shown at all. One client has one label, two
    in the same network have two, and another key gives others."""
    for client, network in CASES["clients"]:
        masked = mask_client(client, KEY)
        assert (masked.startswith(network), client in masked) == (True, False)
    one, two = mask_client("203.0.113.7", KEY), mask_client("203.0.113.8", KEY)
    assert (one, "") == (mask_client("::ffff:203.0.113.7", KEY), mask_client("", KEY))
    assert one not in {two, mask_client("203.0.113.7", keyed_label(Key(b"o" * 32, "file")))}


def test_addresses_in_a_text_are_masked() -> None:
    """Of e-mail first letters and the last label stay; times, versions and places are no addresses."""
    for text, expected in CASES["texts"]:
        masked = re.sub(r"\{(.*)\}", lambda found: mask_client(found[1], KEY), expected)
        assert mask_text(text, KEY) == masked


def test_clients_of_a_frame_are_masked_or_numbered() -> None:
    """Its other columns and types stay. Without a key the clients of a network are numbered in the order
    given, whatever the spelling; one that was not given is told from none but those."""
    counts = frames.log_counts()
    shown = map_texts(counts, client=lambda client: mask_client(client, KEY))
    assert not shown["client"].isin(counts["client"]).any()
    assert shown.drop(columns="client").equals(counts.drop(columns="client"))
    assert list(shown.dtypes) == list(counts.dtypes)
    label = numbered_label(["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.9", "198.51.100.1", "gateway"])
    clients = ("203.0.113.9", "203.0.113.7", "198.51.100.1", "gateway", "203.0.113.8")
    ours = "203.0.113.0/24"
    named = [f"{ours} #2", f"{ours} #1", "198.51.100.0/24 #1", "client #1", f"{ours} #other"]
    assert [mask_client(client, label) for client in clients] == named
