"""Hides who it was and keeps who is who: addresses as networks with a label, e-mail masked."""

import base64
import hmac
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

import pandas as pd

from audit_lib.secrecy.keeper import Key

Label = Callable[[str], str]  # what tells a client from the others of its network

MODES = ("masked", "full")

_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@(?:[^\s@<>\"'(),;:]+)")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(?![\w:]))"
)
_PURPOSE = "identities"


def mask_client(client: str, label: Label) -> str:
    """`203.0.113.0/24 #k3v9qa`: the /24 or /64 of an address, and a label that stays with the client.

    A client that is not an address is its label alone; "" (none named) stays "".
    """
    if not client:
        return client
    return f"{_network(client) or 'client'} #{label(_canonical(client))}"


def keyed_label(key: Key) -> Label:
    """Labels under a key, the same in each run: the 256 addresses of a /24 could be tried out without one."""
    secret = key.derive(_PURPOSE)

    def label(client: str) -> str:
        digest = hmac.digest(secret, client.encode("utf-8", "surrogatepass"), sha256)
        return base64.b32encode(digest)[:6].decode("ascii").lower()

    return label


def numbered_label(clients: Iterable[str]) -> Label:
    """Labels that count the clients of a network, in the order given: the same in each run without a key."""
    numbers: dict[str, int] = {}
    of_network: Counter[str] = Counter()
    for client in map(_canonical, clients):
        if client not in numbers:
            network = _network(client)
            of_network[network] += 1
            numbers[client] = of_network[network]
    return lambda client: str(numbers.get(client, "other"))


def addresses_in(text: str) -> list[str]:
    """The addresses that a text names."""
    return [word for word in _ADDRESS.findall(text) if _address(word)]


def _address(client: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(client: str) -> str:
    address = _address(client)
    if address is None:
        return ""
    prefix = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, prefix), strict=False))


def _canonical(client: str) -> str:
    return str(_address(client) or client)


def mask_email(text: str) -> str:
    """The text with every e-mail address as `a***@e***.com`: first letters and the last label stay."""
    return _EMAIL.sub(lambda found: _masked(found[0]), text)


def _masked(address: str) -> str:
    person, _, host = address.partition("@")
    name, dot, ending = host.rpartition(".")
    return f"{person[:1]}***@{(name or host)[:1]}***{dot}{ending if dot else ''}"


def mask_text(text: str, label: Label) -> str:
    """The text with every address and every e-mail address in it masked."""
    return mask_email(_ADDRESS.sub(lambda found: _client_in_text(found[0], label), text))


def _client_in_text(word: str, label: Label) -> str:
    return mask_client(word, label) if _address(word) else word


def mask_frame(frame: pd.DataFrame, label: Label, columns: Iterable[str] = ("client",)) -> pd.DataFrame:
    """The frame with its client columns masked, and the addresses in `subject` where it has one."""
    shown = {column: _mapped(frame[column], lambda text: mask_client(text, label)) for column in columns}
    if "subject" in frame:
        shown["subject"] = _mapped(frame["subject"], lambda text: mask_text(text, label))
    return frame.assign(**shown)


def marked_clients(frame: pd.DataFrame, known: Callable[[str], bool]) -> pd.DataFrame:
    """The frame with a word behind each address that is known."""
    return frame.assign(
        client=_mapped(frame["client"], lambda text: f"{text} (known)" if known(text) else text)
    )


def _mapped(column: "pd.Series[str]", mask: Callable[[str], str]) -> "pd.Series[str]":
    known = {text: mask(text) for text in column.unique()}
    return column.map(known).astype(column.dtype)
