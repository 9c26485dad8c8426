"""What looks like a secret, or a password that somebody chose, by patterns: kingfisher with our rules."""

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
from audit_lib.leaks import candidates
from audit_lib.leaks.candidates import expression, is_default, is_kind, is_word, looks_chosen, looks_made_up
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
_BEFORE, _AFTER = 260, 400  # bytes around a chosen value in which its name, its quotes and its end are
_NAMES = (
    "NAME",
    "NAME2",
    "NAME3",
    "NAME4",
    "NAME5",
    "NAME6",
)  # one for each way in which a rule may match it
_LOGINS = ("chosen-url", "basic", "chosen-encoded")  # rules that say by themselves what is the value
_NO_SETTING = ("chosen-pair", "chosen-call", "chosen-element", "chosen-login", "chosen-encoded")


@dataclass(frozen=True, order=True)
class Shape:
    """A value that looks like a secret, by its fingerprint, with the name beside it and the rule."""

    fingerprint: str
    name: str
    rule: str
    text: str = ""  # of a password that somebody chose: the fingerprint of name and value, as they stand
    default: bool = False  # many choose it: listed only where it may be in use


class Rules:
    """Patterns applied to contents; what they find the keeper holds."""

    def __init__(self, keeper: Keeper, markers: tuple[str, ...], compiled: Path | None = None) -> None:
        """`markers` are the policy's placeholders, `compiled` a folder where rules are kept compiled."""
        self.keeper, self.compiled, self._markers = keeper, compiled, markers
        # The versions of a file hold the same values again and again.
        self._secret = lru_cache(maxsize=100_000)(self._secret_in)

    @property
    def digest(self) -> str:
        """Names the rules and markers: with others, contents are searched anew."""
        words = GENERATED.with_name("words.yml").read_bytes()
        return sha256(
            GENERATED.read_bytes() + words + f"{version(ENGINE)} {self._markers}".encode()
        ).hexdigest()

    def find(self, content: bytes, paths: Collection[str] = ()) -> set[Shape]:
        """What looks like a secret in a content at these paths; of a generated file what is unmistakable."""
        if paths and all(map(candidates.is_others, paths)):
            return set()
        found = set(self._scanned(content, paths))
        # One rule may take a user's name, a quote or a bracket along, or less of a value than another.
        values = {value for value, *_ in found}
        values -= {one for one in values if any(one.strip(_AROUND) == other != one for other in values)}
        values -= {one for one in values if any(one != other and other.startswith(one) for other in values)}
        kept = (one for one in found if one[0] in values and one[0].partition(":")[2] not in values)
        return {Shape(self.keeper.take(value), name, rule) for value, name, rule in kept}

    def _scanned(self, content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Values with their names and rules."""
        generated = bool(paths) and all(candidates.is_generated(path, content) for path in paths)
        code = bool(paths) and all(is_kind("code file", path) for path in paths)
        for finding in scanner(GENERATED, self.compiled).scan(content):
            rule, start = finding.rule_id.rpartition(".")[2], finding.location["start_offset"]
            by_name, name = is_kind("rule by name", rule), finding.captures.get("NAME", "").strip()
            if not finding.visible or (generated and by_name) or _is_data(content, finding, rule):
                continue
            value = self._secret(finding.secret, name, rule)
            # In code what is a text begins with a quote; an address stands in one.
            before = content[max(0, start - 16) : start].decode("latin-1")
            quoted = rule == "query" or expression("quote before a value").search(before)
            if value and not (
                code and by_name and not quoted and expression("name in code").fullmatch(value)
            ):
                yield value, name, rule.removesuffix("-bare")
        for value, name, rule in () if generated else _structured(content, paths):
            if self._secret(value, name, rule):
                yield value, name, rule

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
            bits, nowhere = strength_bits(parts.password), expression("host of nobody").search(parts.host)
            named = re.fullmatch(r"[A-Z_]+", parts.password)  # what is to be put there, such as APIKEY
            made_up = (
                bits < _WEAK_PASSWORD or named or nowhere or looks_made_up(parts.password, self._markers)
            )
            # With a weaker password the URL is searched for as a whole.
            return "" if made_up else parts.password if bits >= WEAKEST_BITS else value
        # What a provider begins a token with are words, such as key: the part that a generator made counts.
        by_beginning = rule in ("provider-token", "webhook")
        made = max(re.split(r"[^A-Za-z0-9+/=]+", value), key=len) if by_beginning else value
        weak = rule in _STRUCTURED and strength_bits(value) < WEAKEST_BITS
        by_name = is_kind("rule by name", rule) and not candidates.looks_secret(value, name, self._markers)
        return "" if weak or by_name or looks_made_up(made, self._markers) else value

    def find_chosen(self, content: bytes, path: str) -> tuple[set[Shape], int]:
        """The passwords that somebody chose in one file of a project, and how many more are placeholders, or
        defaults where nothing is in use; none in what others or programs wrote, or in a page for people."""
        found, idle = set[Shape](), 0
        if candidates.is_others(path) or candidates.is_generated(path, content) or is_kind("page", path):
            return found, idle
        for finding in scanner(CHOSEN, self.compiled).scan(content):
            start, rule = finding.location["start_offset"], finding.rule_id.rpartition(".")[2]
            name = str(next(filter(None, map(finding.captures.get, _NAMES)), "")).strip()
            first = content.rfind(name.encode(), max(0, start - _BEFORE), start) if name else start
            hidden = not finding.visible or finding.is_base64_encoded or first < 0
            if hidden or _in_public_address(content, start):
                continue
            line = content[content.rfind(b"\n", 0, first) + 1 : first].decode("utf-8", "replace")
            if line.endswith("\\") and name[:1] in ("n", "r", "t"):
                first, name = first + 1, name[1:]  # a line break in a text
            before = content[first:start].decode("utf-8", "replace")
            rest = content[start : start + _AFTER].partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
            if rule in _LOGINS:
                value, user, password = _login(rest, rule)
                text = value
            else:
                value = password = _beside(line, before, rest, rule, is_code=is_kind("code file", path))
                user, text = "", before + rest[: len(value) + 1]
                named = f"{name} password" if rule in ("chosen-argument", "chosen-login") else name
                # Beside a password's name in a call or a comparison a word is a name; not of a property.
                called = rule in ("chosen-pair", "chosen-call") and "." not in name
                if ((called or "!=" in before) and is_word(value)) or not looks_chosen(value, named):
                    continue
            if not value:
                continue
            default = is_default(password) or password == user or _is_named_after(password, f"{name} {path}")
            comment = expression("comment").match(line)
            in_use = candidates.deploys(path) and rule not in _NO_SETTING and not comment
            made_up = expression("placeholder").search(password) or candidates.is_published(value)
            if made_up or (default and not in_use):
                idle += 1
                continue
            # A weaker value is a word, which a report may hold by chance.
            strong = strength_bits(value) >= WEAKEST_BITS and not candidates.reads_as_words(value)
            if strong and not is_default(value):
                self.keeper.take(value)
            found.add(Shape(self.keeper.fingerprint(value), name, rule, self.keeper.take(text), default))
        return found, idle


def _structured(content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """What a Secret of Kubernetes holds, which is base64 of it, and the key that is all that a file holds."""
    key = re.fullmatch(rb"\s*([0-9a-f]{32,128})\s*", content)
    if key and any(is_kind("key file", path) for path in paths):
        yield key[1].decode("ascii"), "master_key", "keyfile"
    text = content.decode("utf-8", "replace").replace("\r\n", "\n") if b"kind: Secret" in content else ""
    for document in re.split(r"(?m)^---.*$", text):
        is_secret = re.search(r"(?m)^ *kind: Secret *$", document)
        for block in expression("cluster data").finditer(document) if is_secret else ():
            for name, encoded in expression("cluster entry").findall(block[2]):
                value = _decoded(encoded).decode("utf-8", "replace")
                if value.isprintable() and "\ufffd" not in value:
                    yield value, name, "cluster"


def _is_data(content: bytes, finding: "Finding", rule: str) -> bool:
    """Whether a value is a line of a block, such as a certificate, or in the midst of base64, where what
    looks like a token is by chance; or in an address that anybody may see."""
    start = finding.location["start_offset"]
    if rule == "below":
        after = content[start + len(finding.secret) : start + 800].split(b"\n", 2)
        return len(after) > 1 and bool(re.fullmatch(rb"[ \t>*`]*[A-Za-z0-9+/=]{16,}[`* \t\r]*", after[1]))
    before = b"" if finding.is_base64_encoded else content[max(0, start - 40) : start]
    kinds = all(re.search(kind, before) for kind in (b"[a-z]", b"[A-Z]", b"[0-9]"))
    in_base64 = kinds and re.fullmatch(rb"[A-Za-z0-9+/]{40}", before) is not None
    return in_base64 or _in_public_address(content, start)


def _in_public_address(content: bytes, place: int) -> bool:
    address = re.split(rb"[\s\"'`()<>]", content[max(0, place - 300) : place])[-1].decode("latin-1")
    return address.endswith("=") and expression("public address").search(address) is not None


def password_hashes(content: bytes) -> set[str]:
    """The hashes of passwords at rest, as systems and frameworks write them, in one content."""
    text = content.decode("latin-1") if b"$" in content or b"}" in content else ""
    return {found[0] for found in expression("password hash").finditer(text)}


def _key_line(text: str) -> str:
    """A line that tells a private key from every other and from its public key; "" if the text is none.

    It stands alike in a file, in a text with escaped line breaks and in pieces in quotes.
    """
    label = re.match(r"-----BEGIN ((?:[A-Z0-9]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY(?: BLOCK)?)-----", text)
    if putty := re.match(r"(?s)PuTTY-User-Key-File-\d.*?Private-Lines: \d+\s+([A-Za-z0-9+/=]{16,})", text):
        return putty[1]
    kind, body = (label[1], re.split(r"-----END |\\?-----$", text[label.end() :])[0]) if label else ("", text)
    bare = expression("header of a key").sub("", body).replace("\\n", "\n").replace("\\r", "\n")
    lines = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}" if label else ".{1,64}", bare)
    start, length = _decoded("".join(lines)[:64]), sum(map(len, lines))
    # A sequence; without a header a version of PKCS #1, PKCS #8 or SEC 1, and what follows it there.
    first = rb"\x30" if label else rb"(?s)\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x02\x30\x04]"
    first = rb"openssh-key-v1\x00" if "OPENSSH" in kind else rb"[\x80-\xff]" if "PGP" in kind else first
    if length < 54 or not (re.match(first, start) or "ENCRYPTED" in body):
        return ""
    # Of a key on a curve the first line without what all such begin with; else one past what is public.
    on_curve = length < 600 and not re.search("OPENSSH|PGP", kind)
    return str(lines[0][24:] if on_curve else lines[int(0.7 * (len(lines) - 1))])


def _decoded(base64: str) -> bytes:
    with suppress(Error, ValueError):
        return b64decode(base64 + "=" * (-len(base64) % 4), validate=True)
    return b""


def _beside(line: str, before: str, rest: str, rule: str, *, is_code: bool) -> str:
    """The value in quotes up to the quote that ends it, in an element, or without quotes where that makes no
    name of it; after a colon or a space only if nothing follows it on its line. "" for none."""
    if expression("no value beside").search(f"{line[-20:]}\0{before}"):
        return ""
    if quoted := re.search(r"(\\{0,3}[\"']|(?<!=)`)$", before):
        ended = re.match(rf"((?:\\.|(?!{re.escape(quoted[1])}).)+?){re.escape(quoted[1])}(.*)", rest)
        joined = ended and ended[1].endswith(tuple("-_:=/.|")) and re.match(r"\s*[+.]", ended[2])
        return ended[1] if ended and not joined else ""
    in_text = any(line.count(quote) % 2 for quote in "\"'`") and not re.search(r"[\"'`]", before)
    in_sentence = rule == "chosen-element" and ">" in before and not re.match(r"[^<>]+</", rest)
    if in_sentence or before.endswith("`") or (is_code and not in_text):
        return ""
    value = re.split(r"[\s\"'`&<,;)]|\\[nrt]" if in_text else r"[\s\"'`&<]|,[\w.]+=", rest)[0].rstrip(
        ",;)}*\\"
    )
    after = re.sub(r"\s(?:[#;]|//|--|<!--|\*/).*", "", rest[len(value) :]).strip(",;)} \t")
    whole = rule in ("chosen", "chosen-short") and re.search(r":[ \t*_]*$|=[ \t]+$", before)
    another = re.match(r"[\"']?[\w.-]+[\"']?[ \t]*[:=]", after)
    return "" if whole and after and not another else value


def _login(rest: str, rule: str) -> tuple[str, str, str]:
    """What holds a user and a password, then these: a URL, both by a colon, or base64 of that (RFC 7617)."""
    if rule == "chosen-url":
        value = re.split(r"[\s\"'`<>|\\)\]},]", rest)[0]
        parts = url_parts(re.sub(r"@[$%{].*", "@host", value))  # a host that is put there later
        user, password, host = (parts.user, parts.password, parts.host) if parts else ("", "", "")
        chosen = looks_chosen(password, "password", shortest=3) and not re.search(
            r"(?i)\bexample(?:\.|$)", host
        )
        return value if chosen else "", user, password
    value = re.split(r"[\"'`\s,;)]" if rule == "basic" else r"[\"'`]", rest)[0]
    text = _decoded(value).decode("utf-8", "replace") if rule == "basic" else value
    user, _, password = text.partition(":")
    chosen = looks_chosen(password, "password") and user != "BEGIN"
    good = user and password and text.isprintable() and "\ufffd" not in text if rule == "basic" else chosen
    return value if good else "", user, password


def _is_named_after(value: str, names: str) -> bool:
    """Whether a chosen value is the product that its name, file or folder is called by."""
    core = re.sub(r"[\W\d_]+$", "", value)
    words = (part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", names))
    return len(core) >= 3 and is_word(core) and core.lower() in words


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
            _SCANNERS[rules] = Scanner(Loaded([rules], builtins=False, confidence="medium", **stored))
        return _SCANNERS[rules]
