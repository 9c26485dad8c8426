"""Who it was is hidden, who is who is kept."""

from audit_lib.secrecy.identities import keyed_label, map_texts, mask_client, mask_text, numbered_label
from audit_lib.secrecy.keeper import Key
from tests.support import made_up_audit as frames

KEY = keyed_label(Key(b"k" * 32, "file"))
CLIENTS = [
    ("203.0.113.7", "203.0.113.0/24 #"),
    ("::ffff:203.0.113.7", "203.0.113.0/24 #"),
    ("2001:db8:1:2:3::4", "2001:db8:1:2::/64 #"),
    ("fe80::1%eth0", "fe80::/64 #"),
    ("gateway.internal", "client #"),
    ("<b>", "client #"),
]
TEXTS = [
    ("alice.smith@example.com", "a***@e***.com"),
    ("for: <bob@mail.example.org>", "for: <b***@m***.org>"),
    ("root@localhost", "r***@l***"),
    ("no address here", "no address here"),
    ("from 203.0.113.7, port 0", f"from {mask_client('203.0.113.7', KEY)}, port 0"),
    ("from 203.0.113.7.", f"from {mask_client('203.0.113.7', KEY)}."),
    ("by 2001:db8:1:2::9 twice", f"by {mask_client('2001:db8:1:2::9', KEY)} twice"),
    ("version 1.2.3.4.5 at 12:30:59", "version 1.2.3.4.5 at 12:30:59"),
    ("app.log:12:3 std::vec", "app.log:12:3 std::vec"),
]


def test_a_client_is_its_network_and_a_label() -> None:
    """An address is cut to /24 or /64; what is no address is not shown at all. One client has one label, two
    in the same network have two, and another key gives others."""
    for client, network in CLIENTS:
        masked = mask_client(client, KEY)
        assert (masked.startswith(network), client in masked) == (True, False)
    one, two = mask_client("203.0.113.7", KEY), mask_client("203.0.113.8", KEY)
    assert (one, "") == (mask_client("::ffff:203.0.113.7", KEY), mask_client("", KEY))
    assert one not in {two, mask_client("203.0.113.7", keyed_label(Key(b"o" * 32, "file")))}


def test_addresses_in_a_text_are_masked() -> None:
    """Of e-mail first letters and the last label stay; times, versions and places are no addresses."""
    assert [mask_text(text, KEY) for text, _ in TEXTS] == [masked for _, masked in TEXTS]


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
