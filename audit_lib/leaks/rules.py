"""What looks like a secret by a pattern: kingfisher in this process, with rules of our own."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from audit_lib.base.connection_url import url_parts
from audit_lib.leaks.candidates import (
    expression,
    is_generated,
    is_kind,
    is_others,
    looks_made_up,
    looks_secret,
)
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS
from audit_lib.secrecy.strength import strength_bits

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

GENERATED, CHOSEN = (Path(__file__).with_name(name) for name in ("generated.yml", "chosen.yml"))
ENGINE = "kingfisher-secret-scanner"
PRIVATE_KEY, HASH = "private-key", "hash of a password"  # rules, and for want of a name the variable
_COMPILING = Lock()
_SCANNERS: dict[Path, "Scanner"] = {}  # of this process
_WEAK_PASSWORD = 28  # bits; a weaker one is a default, and in no place a discovery
_STRUCTURED = ("netrc", "pgpass", "filezilla", "wordpress")  # the format says what is the value
_AROUND = "\"'`()[]{}<>,;"
_QUOTED = re.compile(rb"(?i)(?:[\"'`]|&quot;)(?:(?:token|ntlm|negotiate|api-?key|key|oauth) )?$")
# A name in code; a value that a generator made mixes letters and digits.
_NAME = re.compile(r"(?!(?:\D*\d+(?!\d)){3})[A-Za-z_$@&*!][\w$.]*")
_LINE_OF_BLOCK = re.compile(rb"[ \t>*`]*[A-Za-z0-9+/=]{16,}[`* \t\r]*")
_CLUSTER_DATA = re.compile(r"(?m)^( *)data: *\n((?:\1 +\S.*\n?|\s*\n)+)")
_ENTRY = re.compile(r"(?m)^ +([\w.-]+): *[\"']?([A-Za-z0-9+/]{8,}={0,2})[\"']? *$")
_KEY_FILE = re.compile(r"(?:^|/)[\w.-]*(?:master|secret)[\w.-]*\.?key$")
_LABEL = re.compile(r"-----BEGIN ((?:[A-Z0-9]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY(?: BLOCK)?)-----")
_PUTTY = re.compile(r"(?s)PuTTY-User-Key-File-\d.*?Private-Lines: \d+\s+([A-Za-z0-9+/=]{16,})")
_HEADER = re.compile(r"(?m)(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID): ?[^\\\n\"']*")
# A version of PKCS #1, PKCS #8 or SEC 1, then the modulus, an algorithm or the key.
_BARE = re.compile(rb"(?s)\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x02\x30\x04]")
_SHORT_KEY = 600  # characters of base64; an example in a document has a line at most, and a key …
_SHORTEST_KEY = 54


@dataclass(frozen=True, order=True)
class Shape:
    """A value that looks like a secret, by its fingerprint, with the name beside it and the rule."""

    fingerprint: str
    name: str
    rule: str
    text: str = ""  # of a password that somebody chose: the fingerprint of name and value, as they stand
    default: bool = False  # many choose it: listed only where it may be in use


class Rules:
    """Patterns of generated values, applied to contents; what they find the keeper holds."""

    def __init__(self, keeper: Keeper, markers: tuple[str, ...], compiled: Path | None = None) -> None:
        """`markers` are the policy's placeholders, `compiled` a folder where rules are kept compiled."""
        self.keeper, self.compiled, self._markers = keeper, compiled, markers
        # The versions of a file hold the same values again and again.
        self._secret = lru_cache(maxsize=100_000)(self._secret_in)

    @property
    def digest(self) -> str:
        """Names the rules and markers: with others, contents are searched anew."""
        words = Path(__file__).with_name("words.yml").read_bytes()
        return sha256(
            GENERATED.read_bytes() + words + f"{version(ENGINE)} {self._markers}".encode()
        ).hexdigest()

    def find(self, content: bytes, paths: Collection[str] = (), whole: bytes = b"") -> set[Shape]:
        """What looks like a secret in a content at these paths; of a generated file what is unmistakable.

        `whole` is the content of which the other is what is new.
        """
        if paths and all(map(is_others, paths)):
            return set()
        generated = bool(paths) and all(is_generated(path, whole or content) for path in paths)
        code = bool(paths) and all(is_kind("code file", path) for path in paths)
        found = set(self._scanned(content, generated=generated, code=code))
        for value, name, rule in (*_cluster_secrets(content), *_key_file(content, paths)):
            if not generated and self._secret(value, name, rule):
                found.add((value, name, rule))
        # One rule may take a user's name, a quote or a bracket along, or less of a value than another.
        values = {value for value, *_ in found}
        longer = {one for one in values if any(one.strip(_AROUND) == other != one for other in values)}
        shorter = {
            one for one in values if any(one != other and other.startswith(one) for other in values - longer)
        }
        alone = values - longer - shorter
        return {
            Shape(self.keeper.take(value), name, rule)
            for value, name, rule in found
            if value in alone and value.partition(":")[2] not in alone
        }

    def _scanned(self, content: bytes, *, generated: bool, code: bool) -> Iterator[tuple[str, str, str]]:
        """Values with their names and rules."""
        for finding in scanner(GENERATED, self.compiled).scan(content):
            rule, start = finding.rule_id.rpartition(".")[2], finding.location["start_offset"]
            by_name = is_kind("rule by name", rule)
            if not finding.visible or (generated and by_name) or _is_data(content, finding, rule):
                continue
            name = finding.captures.get("NAME", "").strip()
            value = self._secret(finding.secret, name, rule)
            # In code what is a text begins with a quote; an address stands in one.
            quoted = rule == "query" or _QUOTED.search(content[max(0, start - 16) : start])
            if value and not (code and by_name and not quoted and _NAME.fullmatch(value)):
                yield value, name, rule.removesuffix("-bare")

    def _secret_in(self, value: str, name: str, rule: str) -> str:
        """The secret in what a rule matched: of a URL its password, of a private key one line; "" if none."""
        if rule.startswith(PRIVATE_KEY):
            return _key_line(value)
        if value.endswith(("...", "…")):
            return ""  # the beginning of one, in a text
        if rule not in _STRUCTURED:
            value = re.split(r"&\w{1,40}=", value.partition("&quot")[0].strip("\"'`.,:;"))[0]
        parts = url_parts(value)
        if parts and parts.password:
            named = re.fullmatch(r"[A-Z_]+", parts.password)  # what is to be put there, such as APIKEY
            bits = strength_bits(parts.password)
            nowhere = expression("host of nobody").search(parts.host)
            if bits < _WEAK_PASSWORD or named or nowhere or looks_made_up(parts.password, self._markers):
                return ""
            # With a weaker password the URL is searched for as a whole.
            return parts.password if bits >= WEAKEST_BITS else value
        # What a provider begins a token with are words, such as key: the part that a generator made counts.
        by_beginning = rule in ("provider-token", "webhook")
        made = max(re.split(r"[^A-Za-z0-9+/=]+", value), key=len) if by_beginning else value
        if looks_made_up(made, self._markers) or (
            rule in _STRUCTURED and strength_bits(value) < WEAKEST_BITS
        ):
            return ""
        by_name = is_kind("rule by name", rule)
        return "" if by_name and not looks_secret(value, name, self._markers) else value


def _cluster_secrets(content: bytes) -> Iterator[tuple[str, str, str]]:
    """What a Secret of Kubernetes holds, which is base64 of it."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n") if b"kind: Secret" in content else ""
    for document in re.split(r"(?m)^---.*$", text):
        is_secret = re.search(r"(?m)^ *kind: Secret *$", document)
        for block in _CLUSTER_DATA.finditer(document) if is_secret else ():
            for name, encoded in _ENTRY.findall(block[2]):
                value = _decoded(encoded).decode("utf-8", "replace")
                if value.isprintable() and "\ufffd" not in value:
                    yield value, name, "cluster"


def _key_file(content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """The key that is all that a file holds, such as Rails' master.key."""
    key = re.fullmatch(rb"\s*([0-9a-f]{32,128})\s*", content)
    if key and any(map(_KEY_FILE.search, paths)):
        yield key[1].decode("ascii"), "master_key", "keyfile"


def _key_line(text: str) -> str:
    """A line that tells a private key from every other and from its public key; "" if the text is none.

    It stands alike in a file, in a text with escaped line breaks and in pieces in quotes.
    """
    label, putty = _LABEL.match(text), _PUTTY.match(text)
    if putty or label is None:
        lines = re.findall(".{1,64}", text) if _BARE.match(_decoded(text[:24])) else []
        return putty[1] if putty else _telling_line(lines, "")
    body = re.split(r"-----END |\\?-----$", text[label.end() :])[0]
    bare = _HEADER.sub("", body).replace("\\n", "\n").replace("\\r", "\n")
    lines = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", bare)
    start = _decoded("".join(lines)[:64])
    first = b"openssh-key-v1\0" if "OPENSSH" in label[1] else b"" if "PGP" in label[1] else b"\x30"
    is_key = start.startswith(first) and (first or start[:1] >= b"\x80")
    return _telling_line(lines, label[1]) if is_key or "ENCRYPTED" in body else ""


def _telling_line(lines: list[str], label: str) -> str:
    """Of a key on a curve the first line without what all such begin with; of any other a line past what the
    public key shares."""
    length = sum(map(len, lines))
    if length < _SHORTEST_KEY:
        return ""
    on_curve = length < _SHORT_KEY and not re.search("OPENSSH|PGP", label)
    return lines[0][24:] if on_curve else lines[int(0.7 * (len(lines) - 1))]


def _decoded(base64: str) -> bytes:
    with suppress(Error, ValueError):
        return b64decode(base64[: len(base64) // 4 * 4] or base64)
    return b""


def _is_data(content: bytes, finding: "Finding", rule: str) -> bool:
    """Whether a value is a line of a block, such as a certificate, or in the midst of base64, where what
    looks like a token is by chance; or in an address that anybody may see."""
    start = finding.location["start_offset"]
    if rule == "below":
        after = content[start + len(finding.secret) : start + 800].split(b"\n", 2)
        return len(after) > 1 and _LINE_OF_BLOCK.fullmatch(after[1]) is not None
    before = b"" if finding.is_base64_encoded else content[max(0, start - 40) : start]
    kinds = all(re.search(kind, before) for kind in (b"[a-z]", b"[A-Z]", b"[0-9]"))
    in_base64 = kinds and re.fullmatch(rb"[A-Za-z0-9+/]{40}", before) is not None
    return in_base64 or in_public_address(content, start)


def in_public_address(content: bytes, place: int) -> bool:
    """Whether what stands before a place, up to the address's beginning, says that its token is public."""
    address = re.split(rb"[\s\"'`()<>]", content[max(0, place - 300) : place])[-1]
    return (
        address.endswith(b"=") and expression("public address").search(address.decode("latin-1")) is not None
    )


def password_hashes(content: bytes) -> set[str]:
    """The hashes of passwords at rest, as systems and frameworks write them, in one content."""
    text = content.decode("latin-1") if b"$" in content or b"}" in content else ""
    return {found[0] for found in expression("password hash").finditer(text)}


def is_available() -> bool:
    """Whether kingfisher is installed; some machines have no wheel of it."""
    return find_spec("kingfisher_sdk") is not None


def scanner(rules: Path, compiled: Path | None) -> "Scanner":
    """The rules of a file, compiled once a process; a folder keeps them for the next.

    Without a DetectionPolicy no comment in a file silences a finding.
    """
    from kingfisher_sdk import Rules as Loaded, Scanner  # noqa: PLC0415  an unchanged project needs none

    with _COMPILING:
        if rules not in _SCANNERS:
            stored = {"cache": True, "cache_dir": compiled} if compiled else {"cache": False}
            loaded = Loaded([rules], builtins=False, confidence="medium", **stored)
            _SCANNERS[rules] = Scanner(loaded)
        return _SCANNERS[rules]
