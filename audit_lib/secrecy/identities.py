"""Hides who it was and keeps who is who: addresses as networks with a label, e-mail masked."""

import base64
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from hashlib import sha256

import pandas as pd

from audit_lib.secrecy.keeper import Key

Label = Callable[[str], str]  # what tells a client from the others of its network
MODES = ("masked", "full")
_SIGN = r"[^\s@<>\"'(),;:]"
_EMAIL = re.compile(rf"({_SIGN}){_SIGN}*@({_SIGN})(?:{_SIGN}*(\.(?:(?!\.){_SIGN})*)|{_SIGN}*)")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(?![\w:]))"
)


def mask_client(client: str, label: Label) -> str:
    """`203.0.113.0/24 #k3v9qa`: the /24 or /64 of a client's address, and its label, or `client #k3v9qa`."""
    address, network = locate(client)
    return f"{network or 'client'} #{label(address)}" if client else ""


def mask_text(text: str, label: Label) -> str:
    """The text with every address in it masked, and e-mail addresses as `a***@e***.com`."""
    clean = _ADDRESS.sub(lambda at: mask_client(at[0], label) if locate(at[0])[1] else at[0], text)
    return _EMAIL.sub(r"\1***@\2***\3", clean)


def map_texts(frame: pd.DataFrame, **changes: Callable[[str], str]) -> pd.DataFrame:
    """The frame with some of its columns changed, by the name of each that it has."""
    changed = {name: frame[name].map(cache(change)) for name, change in changes.items() if name in frame}
    return frame.assign(**changed).astype(frame.dtypes)


def keyed_label(key: Key) -> Label:
    """Labels under a key, the same in each run: the 256 addresses of a /24 could be tried out without one."""
    digest = partial(hmac.digest, key.derive("identities"), digest=sha256)
    return lambda client: str(
        base64.b32encode(digest(msg=client.encode("utf-8", "surrogatepass")))[:6], "ascii"
    ).lower()


def numbered_label(clients: Iterable[str]) -> Label:
    """Labels that count the clients of a network, in the order given: the same in each run without a key."""
    networks = pd.Series(dict(map(locate, clients)), dtype=str)
    numbers = networks.groupby(networks).cumcount().add(1).astype(str).to_dict()
    return lambda client: numbers.get(client, "other")


def locate(client: str) -> tuple[str, str]:
    """A client's address in its one spelling and its network; of a name the name and ""."""
    try:
        given = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return client, ""
    address = getattr(given, "ipv4_mapped", None) or given
    prefix = 24 if address.version == 4 else 64
    return str(address), str(ipaddress.ip_network((address, prefix), strict=False))
