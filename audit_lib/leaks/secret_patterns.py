"""What looks like a secret by its shape: kingfisher in this process, with rules of our own."""

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from audit_lib.base.cache_folder import keep_newest
from audit_lib.base.connection_url import url_parts
from audit_lib.leaks.exact_search import WEAKEST_BITS
from audit_lib.leaks.kinds_of_files import is_code, is_generated, is_others, is_translation
from audit_lib.leaks.looks_secret import looks_made_up, looks_secret
from audit_lib.leaks.private_keys import PRIVATE_KEY, bare_key, key_line
from audit_lib.leaks.public_addresses import in_public_address
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

SHAPES = Path(__file__).with_name("secret_patterns.yml")
CHOSEN = Path(__file__).with_name("chosen_passwords.yml")  # see chosen_passwords.py
ENGINE = "kingfisher-secret-scanner"
_COMPILING = Lock()
_SCANNERS: dict[tuple[Path, bool], "Scanner"] = {}  # of this process
_KEPT = 8  # sets of compiled rules: each version has two or three, of a few megabytes
_WEAK_PASSWORD = 28  # bits; a weaker one is a default, and in no place a discovery
_NEXT_PARAMETER = re.compile(r"&\w{1,40}=")
_NOWHERE = re.compile(r"(?i)^$|localhost|^127\.|^::1$|\.(?:test|invalid|local)$|(?:^|\.)example\.|\.example$")
# Shapes that mean something only where people write: generated files are full of them.
_BY_NAME = (
    "assignment", "element", "fallback", "key", "operator", "two-lines", "beside", "after", "default",
    "login", "below", "bearer", "query", "quoted", "auth", "tradier", "alpaca-secret",
)  # fmt: skip
_QUOTED = re.compile(rb"(?i)(?:[\"'`]|&quot;)(?:(?:token|ntlm|negotiate|api-?key|key|oauth) )?$")
_QUOTE = 16  # bytes in which a value's quote and a scheme are looked for
_BLOCK = 800  # bytes in which the next line ends
_LINE_OF_BLOCK = re.compile(rb"[ \t>*`]*[A-Za-z0-9+/=]{16,}[`* \t\r]*")
_BY_BEGINNING = ("provider-token", "webhook")
_DATA = 40  # signs of base64 before a token, which a picture or a file has
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
_KEYS = {PRIVATE_KEY: key_line, f"{PRIVATE_KEY}-bare": bare_key}


@dataclass(frozen=True, order=True)
class Shape:
    """A value that looks like a secret, by its fingerprint, with the name beside it and the rule."""

    fingerprint: str
    name: str
    rule: str


class Shapes:
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
        self.keeper = keeper
        self._markers = markers
        self.compiled = compiled
        self.every_provider = every_provider
        # The versions of a file hold the same values again and again.
        self._judged = lru_cache(maxsize=100_000)(self._value)

    @property
    def digest(self) -> str:
        """Names the rules and markers: with others, contents are searched anew."""
        options = f"{version(ENGINE)} {self.every_provider} {self._markers}"
        return sha256(SHAPES.read_bytes() + CHOSEN.read_bytes() + options.encode()).hexdigest()

    @cached_property
    def _scanner(self) -> "Scanner":
        return scanner(SHAPES, self.compiled, every_provider=self.every_provider)

    def meets(self, content: bytes) -> bool:
        """Whether anything in a content looks like a secret, wherever the content may be."""
        return bool(self._met(content))

    def look(self, content: bytes, paths: Collection[str] = ()) -> set[Shape]:
        """What looks like a secret in one content; of a generated file only what is unmistakable.

        The keeper holds it from then on.
        """
        if paths and all(map(is_others, paths)):
            return set()
        return self.look_as(content, *kind_of(paths, content))

    def look_as(self, content: bytes, generated: bool, code: bool) -> set[Shape]:
        """As `look`, in a content of which it is known whether it is generated, and whether it is code."""
        met = self._met(content, generated=generated, code=code)
        return {Shape(self.keeper.take(value), name, rule) for value, name, rule in met}

    def _met(
        self, content: bytes, *, generated: bool = False, code: bool = False
    ) -> set[tuple[str, str, str]]:
        """Values with their names and rules."""
        met = set()
        for finding in self._scanner.scan(content):
            rule = finding.rule_id.rpartition(".")[2]
            by_name = rule in _BY_NAME or "generic" in rule
            within = (_in_block if rule == "below" else _in_data)(content, finding)
            if not finding.visible or (generated and by_name) or within:
                continue
            name = finding.captures.get("NAME", "").strip()
            value = self._judged(finding.secret, name, rule, by_name)
            if value and not (code and by_name and _is_name(value) and not _in_quotes(content, finding)):
                met.add((value, name, rule.removesuffix("-bare")))
        # One rule may take a user's name along with the password that another gives alone.
        alone = {value for value, *_ in met}
        return {one for one in met if one[0].partition(":")[2] not in alone}

    def _value(self, value: str, name: str, rule: str, by_name: bool) -> str:
        """The secret in what a rule met, of a URL its password, of a private key one line; "" if none."""
        if rule in _KEYS:
            return _KEYS[rule](value)
        if value.endswith(("...", "…")):
            return ""  # the beginning of one, in a text
        value = _NEXT_PARAMETER.split(value.partition("&quot")[0].strip("\"'`.,:;"))[0]
        parts = url_parts(value)
        if parts and parts.password:
            weak = strength_bits(parts.password) < _WEAK_PASSWORD or _NOWHERE.search(parts.host)
            named = re.fullmatch(r"[A-Z_]+", parts.password)  # what is to be put there, such as APIKEY
            if weak or named or looks_made_up(parts.password, self._markers):
                return ""
            # With a weaker password the URL is searched for as a whole.
            return parts.password if strength_bits(parts.password) >= WEAKEST_BITS else value
        generated = _longest_part(value) if rule in _BY_BEGINNING else value
        made_up = looks_made_up(generated, self._markers)
        return "" if made_up or (by_name and not looks_secret(value, name, self._markers)) else value


def kind_of(paths: Collection[str], content: bytes) -> tuple[bool, bool]:
    """Whether what was at these paths is written by a program or a translator, and whether it is code."""
    generated = bool(paths) and all(is_generated(path, content) or is_translation(path) for path in paths)
    return generated, bool(paths) and all(map(is_code, paths))


def _longest_part(token: str) -> str:
    """The part that a generator made: what a provider begins a token with are words, such as key."""
    return max(re.split(r"[^A-Za-z0-9+/=]+", token), key=len)


def _in_block(content: bytes, finding: "Finding") -> bool:
    """Whether the line after a value goes on like it: a certificate, a public key or a dump has many."""
    start = finding.location["start_offset"]
    after = content[start + len(finding.secret) : start + _BLOCK].split(b"\n", 2)
    return len(after) > 1 and _LINE_OF_BLOCK.fullmatch(after[1]) is not None


def _in_data(content: bytes, finding: "Finding") -> bool:
    """Whether a value is in the midst of base64: what looks like a token is by chance in any picture.

    Also whether it is in an address that anybody may see.
    """
    start = finding.location["start_offset"]
    if in_public_address(content, start):
        return True
    before = _BASE64.match(content[max(0, start - _DATA) : start][::-1])
    signs = b"" if not before or finding.is_base64_encoded else before[0]
    return len(signs) == _DATA and all(re.search(kind, signs) for kind in (b"[a-z]", b"[A-Z]", b"[0-9]"))


def _in_quotes(content: bytes, finding: "Finding") -> bool:
    """Whether a value begins with a quote, which in code makes it a text; an address stands in one."""
    start = finding.location["start_offset"]
    before = content[max(0, start - _QUOTE) : start]
    return finding.rule_id.endswith(".query") or _QUOTED.search(before) is not None


def _is_name(value: str) -> bool:
    """Whether a value can be a name in code; one that a generator made mixes letters and digits."""
    return re.fullmatch(r"[A-Za-z_$@&*!][\w$.]*", value) is not None and len(re.findall(r"\d+", value)) < 3


def is_available() -> bool:
    """Whether kingfisher is installed; some machines have no wheel of it."""
    return find_spec("kingfisher_sdk") is not None


def begin_rules(compiled: Path, *, every_provider: bool) -> None:
    """Compiles the rules while the caller goes on, unless the folder has some compiled."""
    if not compiled.is_dir() or not any(compiled.iterdir()):
        pool = ThreadPoolExecutor(1)
        pool.submit(scanner, SHAPES, compiled, every_provider=every_provider)  # a fault comes again in use
        pool.shutdown(wait=False)


def scanner(rules: Path, compiled: Path | None, *, every_provider: bool = False) -> "Scanner":
    """The rules of a file, compiled once a process; `compiled` is a folder that keeps them for the next."""
    key = rules, every_provider
    with _COMPILING:
        if key not in _SCANNERS:
            _SCANNERS[key] = compile_rules(rules, compiled, builtins=every_provider)
        return _SCANNERS[key]


def compile_rules(rules: Path, compiled: Path | None, *, builtins: bool) -> "Scanner":
    """The rules of a file, kept in the folder if one is named, beside the newest that others left there.

    Without a DetectionPolicy no comment in a file silences a finding.
    """
    from kingfisher_sdk import Rules, Scanner  # noqa: PLC0415  an unchanged project needs none

    stored = {"cache": True, "cache_dir": compiled} if compiled else {"cache": False}
    loaded = Rules([rules], builtins=builtins, confidence="medium", **stored)
    if compiled and loaded.cache_status == "stored":
        with suppress(OSError):  # others delete, too
            keep_newest(compiled, ".vscdb", _KEPT)
    return Scanner(loaded)
