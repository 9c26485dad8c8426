"""What looks like a secret by a pattern: kingfisher in this process, with rules of our own."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from audit_lib.base.connection_url import url_parts
from audit_lib.leaks.candidates import looks_made_up, looks_secret
from audit_lib.leaks.private_keys import PRIVATE_KEY, bare_key, key_line
from audit_lib.leaks.words import expression, is_generated, is_kind, is_others
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS
from audit_lib.secrecy.strength import strength_bits

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

GENERATED, CHOSEN = (Path(__file__).with_name(name) for name in ("generated.yml", "chosen.yml"))
ENGINE = "kingfisher-secret-scanner"
_COMPILING = Lock()
_SCANNERS: dict[tuple[Path, bool], "Scanner"] = {}  # of this process
_WEAK_PASSWORD = 28  # bits; a weaker one is a default, and in no place a discovery
_NOWHERE = re.compile(r"(?i)^$|localhost|^127\.|^::1$|\.(?:test|invalid|local)$|(?:^|\.)example\.|\.example$")
# Patterns that mean something only where people write: generated files are full of them.
_BY_NAME = frozenset(
    "assignment element fallback key operator two-lines beside after default login below bearer query quoted "
    "auth tradier alpaca-secret listed cluster keyfile".split()
)
_BY_BEGINNING = ("provider-token", "webhook")
_STRUCTURED = ("netrc", "pgpass", "filezilla", "wordpress")  # the format says what is the value
_QUOTED = re.compile(rb"(?i)(?:[\"'`]|&quot;)(?:(?:token|ntlm|negotiate|api-?key|key|oauth) )?$")
# A name in code; a value that a generator made mixes letters and digits.
_NAME = re.compile(r"(?!(?:\D*\d+(?!\d)){3})[A-Za-z_$@&*!][\w$.]*")
_LINE_OF_BLOCK = re.compile(rb"[ \t>*`]*[A-Za-z0-9+/=]{16,}[`* \t\r]*")
_DATA = 40  # characters of base64 before a token, which a picture or a file has
_ENDS = re.compile(rb"[\s\"'`()<>]")
# The picture of a project's state, as its first page shows it, and a file that a link shares.
_PUBLIC = re.compile(rb"(?i)://[^?]*(?:badge|shields\.io|\.svg\?)|[?&]alt=media&")
_KEYS = {PRIVATE_KEY: key_line, f"{PRIVATE_KEY}-bare": bare_key}
_IS_SECRET = re.compile(r"(?m)^ *kind: Secret *$")
_CLUSTER_DATA = re.compile(r"(?m)^( *)data: *\n((?:\1 +\S.*\n?|\s*\n)+)")
_ENTRY = re.compile(r"(?m)^ +([\w.-]+): *[\"']?([A-Za-z0-9+/]{8,}={0,2})[\"']? *$")
_KEY_FILE = re.compile(r"(?:^|/)[\w.-]*(?:master|secret)[\w.-]*\.?key$")
_KEY = re.compile(rb"\s*([0-9a-f]{32,128})\s*")


@dataclass(frozen=True, order=True)
class Shape:
    """A value that looks like a secret, by its fingerprint, with the name beside it and the rule."""

    fingerprint: str
    name: str
    rule: str
    text: str = ""  # of a password that somebody chose: the fingerprint of name and value, as they stand
    default: bool = False  # many choose it: listed only where it may be in use


class Rules:
    """kingfisher with its own rules and ours; loaded on first use, since that takes its time."""

    def __init__(
        self,
        keeper: Keeper,
        markers: tuple[str, ...],
        compiled: Path | None = None,
        *,
        every_provider: bool = False,
    ) -> None:
        """`compiled` is a folder where rules are compiled; `every_provider` adds kingfisher's own rules."""
        self.keeper, self.compiled = keeper, compiled
        self._markers, self._every_provider = markers, every_provider
        # The versions of a file hold the same values again and again.
        self._secret = lru_cache(maxsize=100_000)(self._secret_in)

    @property
    def digest(self) -> str:
        """Names the rules and markers: with others, contents are searched anew."""
        options = f"{version(ENGINE)} {self._every_provider} {self._markers}"
        words = Path(__file__).with_name("words.yml").read_bytes()
        return sha256(GENERATED.read_bytes() + words + options.encode()).hexdigest()

    @cached_property
    def _scanner(self) -> "Scanner":
        return scanner(GENERATED, self.compiled, every_provider=self._every_provider)

    def find(self, content: bytes, paths: Collection[str] = (), whole: bytes = b"") -> set[Shape]:
        """What looks like a secret in a content at these paths; of a generated file what is unmistakable.

        `whole` is the content of which the other is what is new. The keeper holds each value from then on.
        """
        if paths and all(map(is_others, paths)):
            return set()
        generated = bool(paths) and all(is_generated(path, whole or content) for path in paths)
        code = bool(paths) and all(is_kind("code file", path) for path in paths)
        found = set(self._scanned(content, generated=generated, code=code))
        for value, name, rule in (*_cluster_secrets(content), *_key_file(content, paths)):
            if not generated and self._secret(value, name, rule):
                found.add((value, name, rule))
        # One rule may take a user's name along with the password that another gives alone.
        alone = {value for value, *_ in found}
        return {
            Shape(self.keeper.take(value), name, rule)
            for value, name, rule in found
            if value.partition(":")[2] not in alone
        }

    def _scanned(self, content: bytes, *, generated: bool, code: bool) -> Iterator[tuple[str, str, str]]:
        """Values with their names and rules."""
        for finding in self._scanner.scan(content):
            rule = finding.rule_id.rpartition(".")[2]
            if not finding.visible or (generated and _by_name(rule)) or _is_data(content, finding, rule):
                continue
            name = finding.captures.get("NAME", "").strip()
            value = self._secret(finding.secret, name, rule)
            named = code and _by_name(rule) and _NAME.fullmatch(value)
            if value and not (named and not _in_quotes(content, finding)):
                yield value, name, rule.removesuffix("-bare")

    def _secret_in(self, value: str, name: str, rule: str) -> str:
        """The secret in what a rule matched: of a URL its password, of a private key one line; "" if none."""
        if rule in _KEYS:
            return _KEYS[rule](value)
        if value.endswith(("...", "…")):
            return ""  # the beginning of one, in a text
        if rule in _STRUCTURED:
            return "" if looks_made_up(value, self._markers) or strength_bits(value) < WEAKEST_BITS else value
        value = re.split(r"&\w{1,40}=", value.partition("&quot")[0].strip("\"'`.,:;"))[0]
        parts = url_parts(value)
        if parts and parts.password:
            named = re.fullmatch(r"[A-Z_]+", parts.password)  # what is to be put there, such as APIKEY
            bits = strength_bits(parts.password)
            if bits < _WEAK_PASSWORD or named or _NOWHERE.search(parts.host):
                return ""
            # With a weaker password the URL is searched for as a whole.
            secret = parts.password if bits >= WEAKEST_BITS else value
            return "" if looks_made_up(parts.password, self._markers) else secret
        # What a provider begins a token with are words, such as key: the part that a generator made counts.
        parted = re.split(r"[^A-Za-z0-9+/=]+", value) if rule in _BY_BEGINNING else [value]
        made_up = looks_made_up(max(parted, key=len), self._markers)
        return "" if made_up or (_by_name(rule) and not looks_secret(value, name, self._markers)) else value


def _by_name(rule: str) -> bool:
    return rule in _BY_NAME or "generic" in rule


def _cluster_secrets(content: bytes) -> Iterator[tuple[str, str, str]]:
    """What a Secret of Kubernetes holds, which is base64 of it."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n") if b"kind: Secret" in content else ""
    for document in re.split(r"(?m)^---.*$", text):
        for block in _CLUSTER_DATA.finditer(document) if _IS_SECRET.search(document) else ():
            for name, encoded in _ENTRY.findall(block[2]):
                with suppress(Error, ValueError):
                    value = b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
                    if value.isprintable():
                        yield value, name, "cluster"


def _key_file(content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """The key that is all that a file holds, such as Rails' master.key."""
    key = _KEY.fullmatch(content)
    if key and any(map(_KEY_FILE.search, paths)):
        yield key[1].decode("ascii"), "master_key", "keyfile"


def _is_data(content: bytes, finding: "Finding", rule: str) -> bool:
    """Whether a value is a line of a block, such as a certificate, or in the midst of base64, where what
    looks like a token is by chance; or in an address that anybody may see."""
    start = finding.location["start_offset"]
    if rule == "below":
        after = content[start + len(finding.secret) : start + 800].split(b"\n", 2)
        return len(after) > 1 and _LINE_OF_BLOCK.fullmatch(after[1]) is not None
    before = b"" if finding.is_base64_encoded else content[max(0, start - _DATA) : start]
    kinds = all(re.search(kind, before) for kind in (b"[a-z]", b"[A-Z]", b"[0-9]"))
    in_base64 = kinds and re.fullmatch(rb"[A-Za-z0-9+/]{40}", before) is not None
    return in_base64 or in_public_address(content, start)


def in_public_address(content: bytes, place: int) -> bool:
    """Whether what stands before a place, up to the address's beginning, says that its token is public."""
    if content[place - 1 : place] != b"=":
        return False
    return _PUBLIC.search(_ENDS.split(content[max(0, place - 300) : place])[-1]) is not None


def _in_quotes(content: bytes, finding: "Finding") -> bool:
    """Whether a value begins with a quote, which in code makes it a text; an address stands in one."""
    start = finding.location["start_offset"]
    before = content[max(0, start - 16) : start]
    return finding.rule_id.endswith(".query") or _QUOTED.search(before) is not None


def password_hashes(content: bytes) -> set[str]:
    """The hashes of passwords at rest, as systems and frameworks write them, in one content."""
    text = content.decode("latin-1") if b"$" in content or b"}" in content else ""
    return {
        found[0]
        for found in expression("password hash").finditer(text)
        if not re.match(r"[\w$/]", text[found.end() : found.end() + 1])
        and not re.search(r"[\w$./]", text[max(0, found.start() - 1) : found.start()])
    }


def is_available() -> bool:
    """Whether kingfisher is installed; some machines have no wheel of it."""
    return find_spec("kingfisher_sdk") is not None


def scanner(rules: Path, compiled: Path | None, *, every_provider: bool = False) -> "Scanner":
    """The rules of a file, compiled once a process; a folder keeps them for the next.

    Without a DetectionPolicy no comment in a file silences a finding.
    """
    from kingfisher_sdk import Rules as Loaded, Scanner  # noqa: PLC0415  an unchanged project needs none

    with _COMPILING:
        if (rules, every_provider) not in _SCANNERS:
            stored = {"cache": True, "cache_dir": compiled} if compiled else {"cache": False}
            loaded = Loaded([rules], builtins=every_provider, confidence="medium", **stored)
            _SCANNERS[rules, every_provider] = Scanner(loaded)
        return _SCANNERS[rules, every_provider]
