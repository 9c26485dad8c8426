"""What looks like a secret, or a password that somebody chose, by patterns: kingfisher with our rules."""

import re
from base64 import b64decode
from bisect import bisect
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from audit_lib.base.bounded import url_parts
from audit_lib.base.cache import user_cache
from audit_lib.leaks import candidates
from audit_lib.leaks.candidates import expression, is_default, is_kind, looks_chosen, looks_made_up
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import WEAKEST_BITS, is_of_no_language, looks_generated, strength_bits

GENERATED, NAMED, CHOSEN = (Path(__file__).with_name(f"{it}.yml") for it in ("generated", "named", "chosen"))
PRIVATE_KEY, HASH = "private-key", "hash of a password"  # rules, and for want of a name the variable
ASIDE = ("comment", "", "default", "public")  # perhaps in no use, in use, chosen by many, for browsers
_WEAK_PASSWORD = 28  # bits; a weaker one is a default, and in no place a discovery
_DSA = bytes.fromhex("2a8648ce380401")  # the algorithm in PKCS #8
_BEFORE, _AFTER, _NEAR = 260, 400, 200  # bytes around a chosen value: its name, its end, its user
_EMBEDDED = re.compile(  # a picture or a font (RFC 2397), what OpenPGP publishes: whatever its base64 spells
    rb"data:(?:image|font|application/[\w.-]*font)[\w.+/\\;=-]*;base64,[\w+/%\\]*"
    rb"|-----BEGIN PGP (?:PUBLIC KEY BLOCK|SIGNATURE)-----\s*+(?:\w+: .*\n)*+[A-Za-z0-9+/=\s]*+-----END"
)


@dataclass(frozen=True, order=True)
class Shape:
    """A value that looks like a secret, by its fingerprint, with the name beside it and the rule."""

    fingerprint: str
    name: str
    rule: str
    text: str = ""  # of a password that somebody chose: the fingerprint of name and value, as they stand
    aside: str = ""  # one of ASIDE; of all shapes of a value the last of them counts
    provider: str = ""  # of whom the rule knows the value by its form
    setter: str = ""  # of a chosen password, but in a URL: the variable that sets another


class Rules:
    """Patterns applied to contents, `markers` a policy's placeholders; what they find the keeper holds."""

    def __init__(self, keeper: Keeper, markers: tuple[str, ...]) -> None:
        self.keeper, self._markers = keeper, markers
        self._secret = lru_cache(maxsize=100_000)(self._secret_in)
        self.digest = f"{version('kingfisher-secret-scanner')} {markers}"  # a cache's MAC is over our rules

    def find(self, content: bytes, paths: Collection[str] = ()) -> set[Shape]:
        """What looks like a secret in a content at these paths: of a lock file logins in its URLs, of another
        generated one what is unmistakable, of a file that others wrote nothing."""
        if paths and all(is_kind("lock file", path) for path in paths):
            content = b"\n".join(re.findall(rb"https?://[^\s/@:]*:[^\s/@]+@[^\s\"'<>,)]+", content))
        found = set() if candidates.is_others(*paths) else set(self._scanned(content, paths))
        values = {value for value, *_ in found}  # one rule may take a user or a quote along, or less
        values -= {one for one in values if one.strip("\"'`()[]{}<>,;") in values - {one}}
        values -= {one for one in values if any(one != other and other.startswith(one) for other in values)}
        return {
            Shape(self.keeper.take(value), name, rule, aside=aside, provider=provider)
            for value, name, rule, aside, provider in found
            if value in values and value.partition(":")[2] not in values
        }

    def _scanned(self, content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str, str, str]]:
        if b";base64," in content or b"-----BEGIN PGP" in content:
            content = _EMBEDDED.sub(b"", content)
        generated = bool(paths) and all(candidates.is_generated(path, content) for path in paths)
        text, code = content.decode("latin-1"), bool(paths) and all(is_kind("code file", it) for it in paths)
        told = bool(paths) and all(candidates.use_of(path) < 2 for path in paths)
        yaml = paths and all(it.endswith((".yml", ".yaml")) and not is_kind("pipeline", it) for it in paths)
        idle = cache(lambda: [*expression("idle section" if yaml else "docstring").finditer(text)])  # slow
        for finding in scanner(GENERATED, *(() if generated else (NAMED,))).scan(content):
            rule, start = finding.rule_id.rpartition(".")[2], finding.location["start_offset"]
            by_name, before = is_kind("rule by name", rule), text[max(0, start - _NEAR) : start]
            name = finding.captures.get("NAME", "").strip()
            value = self._secret(finding.secret, name, rule)
            provider = " ".join({*finding.captures} - {"TOKEN", "NAME"}).replace("_", " ").strip()
            quoted = rule == "query" or expression("quote before a value").search(before)  # a text
            bare = code and by_name and not quoted and expression("name in code").fullmatch(value)
            label = expression("label of an example").search(before)
            provider = "" if label and label["prompt"] else provider
            shown = not provider and label
            if value and not (bare or (by_name and shown and shown["one"]) or _is_data(text, finding, rule)):
                unused = (by_name and (told or expression("comment").match(before.rpartition("\n")[2]))) or (
                    (yaml or code) and any(one.start() <= start < one.end() for one in idle())
                )
                public = expression("public").search(f"{value}\0{before}{text[start : start + _AFTER]}")
                known = ("public", "") if public else ("comment" if shown or unused else "", provider)
                name = name or "".join(expression("name before a value").findall(before))
                yield value, name, rule.removesuffix("-bare"), *known
        yield from ((*it, "", "") for it in _by_format(content, paths) if not generated and self._secret(*it))

    def _secret_in(self, value: str, name: str, rule: str) -> str:
        """The secret in a match: a line of a private key, a URL's password or, if weak, all; "" for none."""
        if rule.startswith(PRIVATE_KEY):
            return key_line(value)
        if value.endswith(("...", "…")):
            return ""  # the beginning of one, in a text
        structured = is_kind("rule for a format", rule)
        if not structured:
            value = re.split(r"&\w{1,40}=", value.partition("&quot")[0].strip("\"'`.,:;"))[0]
            value = re.sub(r"^[A-Z_]{3,40}=(?=\S{16})", "", unquote(value))  # of an env file's line
        cut = re.fullmatch(r"[\w.-]+:[^\s@/]+@[\w.-]+:\d+/\S*", value)  # a URL as a message has it
        if (parts := url_parts(f"x://{value}" if cut else value)) and parts.password:
            as_user = looks_generated(parts.user) and candidates.reads_as_words(parts.password)
            secret = parts.user if as_user else parts.password  # beside a token that is words: x-oauth-basic
            idle = expression("host of nobody").search(parts.host) or re.fullmatch("[A-Z_]+", secret)
            if strength_bits(secret) < _WEAK_PASSWORD or idle or looks_made_up(secret, self._markers):
                return ""
            return secret if strength_bits(secret) >= WEAKEST_BITS else value
        if is_kind("rule by name", rule) and not candidates.looks_secret(value, name, self._markers):
            return ""
        # What a provider begins a token with are words, such as key: the part that a generator made counts.
        parted = re.split(r"[^A-Za-z0-9+/=]+", value) if rule in ("provider-token", "webhook") else [value]
        weak = (structured and strength_bits(value) < WEAKEST_BITS) or (
            rule == "otp" and value.isalpha() and not is_of_no_language(value, share=0.6)
        )
        return "" if weak or looks_made_up(max(parted, key=len), self._markers) else value

    def find_chosen(self, content: bytes, path: str) -> tuple[set[Shape], int]:
        """Hashes and passwords that somebody chose in one file; how many more are placeholders or unused."""
        idle, whole, in_code = 0, content.decode("latin-1"), is_kind("code file", path)
        found = {Shape(self.keeper.take(at[0]), "", HASH) for at in expression("hash").finditer(whole)}
        if candidates.is_others(path) or candidates.is_generated(path, content) or is_kind("page", path):
            return found, idle
        quotes = [mark.start() for mark in re.finditer("`" if path.endswith(".go") else "\"\"\"|'''", whole)]
        for finding in scanner(CHOSEN).scan(content):
            start, rule = finding.location["start_offset"], finding.rule_id.rpartition(".")[2]
            name = next((held.strip() for group, held in finding.captures.items() if "NAME" in group), "")
            first = whole.rfind(name, max(0, start - _BEFORE), start) if name else start
            if finding.is_base64_encoded or first < 0 or _in_public_address(whole, start):
                continue
            line = whole[whole.rfind("\n", 0, first) + 1 : first]
            if line.endswith("\\") and name[:1] in ("n", "r", "t"):
                first, name = first + 1, name[1:]  # a line break in a text
            before, rest = whole[first:start], whole[start : start + _AFTER].partition("\n")[0].rstrip("\r")
            in_text = in_code and bisect(quotes, first) % 2 == 1
            in_use = expression("fall-back").search(f"{line[-20:]}\0{before}\0{rest}")
            rule = "chosen" if in_use and rule == "chosen-pair" else rule
            value, user, password = _chosen(name, line, before, rest, rule=rule, bare=in_text or not in_code)
            if not value:
                continue
            near = f"{whole[max(0, start - _NEAR) : start]}\0{whole[start : start + _NEAR]}"
            word = re.sub(r"[\W\d_]+$", "", password).lower()  # a product, by which a folder may be called
            called = len(word) >= 3 and word in f"{name} {path}".lower()
            default = called or is_default(password) or password in [user, *expression("user").findall(near)]
            unused = (
                in_text
                or is_kind("rule for what is no setting", rule)
                or candidates.use_of(path) < candidates.IN_USE
                or expression("comment").match(line)
                or expression("of nobody").search(f"{whole[:400]}\0{near}")
                or (is_kind("interface", path) and expression("argument of a call").search(line))
            )
            placeholder = expression("placeholder").search(password) or candidates.is_published(value)
            tested = path.endswith((".toml", ".cfg")) and expression("section of tests").search(whole[:start])
            if tested or (placeholder and (unused or not in_use)) or (default and unused):
                idle += 1
                continue
            beside = not is_kind("rule for a login", rule) and (  # a word, which a report may hold by chance
                strength_bits(value) < WEAKEST_BITS or is_default(value) or candidates.reads_as_words(value)
            )
            text = self.keeper.take(before + rest[: len(value) + 1] if beside else value)
            shown = name or "".join(expression("name before a value").findall(line + before)) or "password"
            aside = "default" if default or placeholder else ""
            sets = [*re.findall(r"\$\{(\w+):-$", before), *re.findall(r"(?:^|env\.)([A-Z\d_]+)$", name), ""]
            found.add(Shape(self.keeper.fingerprint(password), shown, rule, text, aside, setter=sets[0]))
        return found, idle


def _chosen(name: str, line: str, before: str, rest: str, *, rule: str, bare: bool) -> tuple[str, str, str]:
    """What stands beside a name, then the user, if it has one, and the password; "" for what nobody chose."""
    if is_kind("rule for a login", rule):
        return _login(rest, rule)
    value = _beside(line, before, rest, rule, bare=bare)
    called = (rule in ("chosen-pair", "chosen-call") and "." not in name) or "!=" in before  # words are names
    named = f"{name} password" if rule in ("chosen-argument", "chosen-login") else name
    is_name = (called and expression("word").fullmatch(value)) or not looks_chosen(value, named)
    return ("", "", "") if is_name else (value, "", value)


def _beside(line: str, before: str, rest: str, rule: str, *, bare: bool) -> str:
    if expression("no value beside").search(f"{line[-20:]}\0{before}"):
        return ""
    if quoted := re.search(r"(\\{0,3}[\"']|(?<!=)`)$", before):
        quote = re.escape(quoted[1])
        ended = re.match(rf"((?:\\.|(?!{quote}).)+?){quote}(.*)", rest)
        joined = ended and ended[1].endswith(tuple("-_:=/.|")) and re.match(r"\s*[+.]", ended[2])
        return ended[1] if ended and not joined else ""
    text = any(line.count(quote) % 2 for quote in "\"'`") and not re.search(r"[\"'`]", before)
    in_sentence = rule == "chosen-element" and ">" in before and not re.match(r"[^<>]+</", rest)
    if in_sentence or before.endswith("`") or not (bare or text):
        return ""
    value = re.split(r"[\s\"'`&<,;)]|\\[nrt]" if text else r"[\s\"'`&<]|,[\w.]+=", rest)[0].rstrip(",;)}*\\")
    after = re.sub(r"\s(?:[#;]|//|--|<!--|\*/).*", "", rest[len(value) :]).strip(",;)} \t")
    whole = rule in ("chosen", "chosen-short") and re.search(r":[ \t*_]*$|=[ \t]+$", before)
    return "" if whole and after and not re.match(r"[\"']?[\w.-]+[\"']?[ \t]*[:=]", after) else value


def _login(rest: str, rule: str) -> tuple[str, str, str]:
    """What holds a user and a password, then these: a URL, both by a colon, or base64 of that (RFC 7617)."""
    if rule == "chosen-url":
        value = re.split(r"^driver:|[\s\"'`<>|\\)\]},]", rest)[0]
        parts = url_parts(re.sub(r"@[$%{].*", "@host", value))  # a host that is put there later
        user, password, host = (parts.user, parts.password, parts.host) if parts else ("", "", "")
        good = looks_chosen(password, "password", 3) and not re.search(r"(?i)\bexample(?:\.|$)", host)
    elif rule == "basic":
        value = re.split(r"[\"'`\s,;)]", rest)[0]
        text = _decoded(value).decode("utf-8", "replace")
        user, _, password = text.partition(":")
        good = bool(user and password) and text.isprintable() and "\ufffd" not in text
    else:
        value = re.split(r"[\"'`]", rest)[0]
        user, _, password = value.partition(":")
        good = looks_chosen(password, "password") and user != "BEGIN"
    return value if good else "", user, password


def _by_format(content: bytes, paths: Collection[str]) -> Iterator[tuple[str, str, str]]:
    key = re.fullmatch(rb"\s*([0-9a-f]{32,128})\s*", content)
    if key and any(is_kind("key file", path) for path in paths):
        yield key[1].decode("ascii"), "master_key", "keyfile"
    text = content.decode("utf-8", "replace").replace("\r\n", "\n") if b"kind: Secret" in content else ""
    documents = [one for one in re.split(r"(?m)^---.*$", text) if re.search(r"(?m)^ *kind: Secret *$", one)]
    for _, block in expression("cluster data").findall("\n".join(documents)):
        for name, encoded in expression("cluster entry").findall(block):
            value = _decoded(encoded).decode("utf-8", "replace")
            if value.isprintable() and "\ufffd" not in value:
                yield value, name, "cluster"


def _is_data(text: str, finding: Any, rule: str) -> bool:
    secret, start = finding.secret, finding.location["start_offset"]
    if rule == "below":
        after = text[start + len(secret) : start + 800].split("\n", 2)
        return len(after) > 1 and bool(re.fullmatch(r"[ \t>*`]*[A-Za-z0-9+/=]{16,}[`* \t\r]*", after[1]))
    if len(secret) >= 40 and re.fullmatch("[0-9a-f]+", secret):
        above, below = text[max(0, start - 600) : start], text[start : start + 600]
        near = "\n".join(above.split("\n")[-3:-1] + below.split("\n")[1:3])
        sums = re.findall(rf"[\"']([\w.-]+)[\"']\s*(?::|=>)\s*[\"'][0-9a-f]{{{len(secret)}}}[\"']", near)
        if sum(not expression("secret's name").search(one) for one in sums) >= 3:
            return True  # of a table of sums
    before = "" if finding.is_base64_encoded else text[max(0, start - 40) : start]  # whose end it may be
    goes_on = r"(?s)(?=[^\0]*[a-z])(?=[^\0]*[A-Z])(?=[^\0]*[0-9])[A-Za-z0-9+/]{40}\0.*|.*[A-Za-z]-\0[a-z]+-.*"
    return re.fullmatch(goes_on, f"{before}\0{secret}") is not None or _in_public_address(text, start)


def _in_public_address(text: str, place: int) -> bool:
    address = re.split(r"[\s\"'`()<>]", text[max(0, place - 300) : place])[-1]
    return address.endswith("=") and expression("public address").search(address) is not None


def key_line(text: str) -> str:
    """A line that tells a private key from others and from its public one, alike in all notations; or ""."""
    label = re.match(r"-----BEGIN ((?:[A-Z0-9]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY(?: BLOCK)?)-----", text)
    if putty := re.match(r"(?s)PuTTY-User-Key-File-\d.*?Private-Lines: \d+\s+([A-Za-z0-9+/=]{16,})", text):
        return putty[1]
    kind, body = (label[1], re.split(r"-----END |\\?-----$", text[label.end() :])[0]) if label else ("", text)
    bare = expression("header of a key").sub("", body).replace("\\n", "\n").replace("\\r", "\n")
    lines = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}" if label else ".{1,64}", bare)
    start, length = _decoded("".join(lines)[:64]), sum(map(len, lines))
    # A sequence; without a header a version of PKCS #1, PKCS #8 or SEC 1, and what follows it there.
    other = rb"\x30" if label else rb"(?s)\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x02\x30\x04]"
    first = {"OPENSSH": rb"openssh-key-v1\x00", "PGP": rb"[\x80-\xff]"}.get(kind.partition(" ")[0], other)
    least = int.from_bytes(start[2:4]) if start[:2] == b"\x30\x82" else 54  # of a short one less is told
    if length < least or not (re.match(first, start) or "ENCRYPTED" in body):
        return ""
    # Of DSA the last line, on a curve the first without what all such begin with, else one past the public.
    if "DSA" in kind or _DSA in start:
        return str(lines[-1])
    on_curve = length < 600 and not re.search("OPENSSH|PGP", kind)
    return str(lines[0][24:] if on_curve else lines[int(0.7 * (len(lines) - 1))])


def _decoded(base64: str) -> bytes:
    with suppress(ValueError):
        return b64decode(base64 + "=" * (-len(base64) % 4), validate=True)
    return b""


@cache
def scanner(*rules: Path) -> Any:
    """The rules of files, compiled once a user, with no policy by which comments silence a finding."""
    from kingfisher_sdk import Rules as Loaded, Scanner  # noqa: PLC0415  an unchanged project needs none

    return Scanner(Loaded(rules, builtins=False, confidence="medium", cache_dir=user_cache() / "rules"))
