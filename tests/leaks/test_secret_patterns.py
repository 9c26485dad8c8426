"""What looks like a secret: recall and precision on the labelled corpora, and private keys by structure."""

import re
import string
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from audit_lib.leaks import rules
from audit_lib.leaks.candidates import is_kind, looks_secret
from audit_lib.leaks.rules import GENERATED, HASH, NAMED, Rules, scanner
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import bundled_policy
from tests.leaks.test_find_leaks import audit
from tests.support.fakes import fake_value
from tests.support.labelled import Case, negatives, positives
from tests.support.planter import new_plot

MIXED = string.ascii_letters + string.digits
CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
LARGE, DIGITS = string.ascii_uppercase, string.digits
ALPHABETS = {
    "mixed": MIXED, "letters": string.ascii_letters, "hex": "0123456789abcdef", "digits": DIGITS[1:],
    "small": string.ascii_lowercase + DIGITS, "capitals": LARGE, "capitals and digits": LARGE + DIGITS,
    "base32": LARGE + "234567", "url-safe": MIXED + "-_", "crypt": MIXED + "./",
}  # fmt: skip


@pytest.fixture(scope="module")
def shapes() -> Rules:
    """The rules, ours alone as in a review, and with kingfisher's as in `leaks`."""
    return Rules(Keeper(Key(b"k" * 32, "file")), bundled_policy("paiid").placeholders)


def _found(shapes: Rules, case: Case) -> set[str]:
    return {shape.fingerprint for shape in shapes.find(case.text.encode(), (case.path,) if case.path else ())}


def test_every_shape_is_known(shapes: Rules) -> None:
    """Of the labelled secrets only the named misses are missed, and nothing else is reported."""
    missed, more = set(), set()
    for case in positives():
        wanted, found = {*map(shapes.keeper.fingerprint, case.secrets)}, _found(shapes, case)
        missed |= set() if found & wanted else {case.label}
        more |= {case.label} if found - wanted else set()
    assert (missed, more) == ({*CASES["known_misses"]}, set())
    # Lock files, hashes, generated and cached files, placeholders and test values give nothing.
    assert {case.label for case in negatives() if _found(shapes, case)} == set()


def _filled(text: str) -> bytes:
    value, short = fake_value(("notation", 8), 32, MIXED), fake_value("author", 18, MIXED)
    seed = fake_value("seed 2", 32, string.ascii_uppercase + "234567")
    sums = {name: fake_value(("sum", name), 64, "0123456789abcdef") for name in "abcde"}
    return text.format(value=value, short=short, seed=seed, packed=";t(a,b)\n" * 1500, **sums).encode()


@pytest.mark.parametrize(("path", "text"), [*CASES["notations"], *CASES["no_secrets"]])
def test_a_generated_value_is_found_in_each_notation(path: str, text: str, shapes: Rules) -> None:
    """Whatever is around it, and no comment hides it; what has no name of a secret is none."""
    assert bool(shapes.find(_filled(text), (path,))) == ([path, text] in CASES["notations"])


def test_a_long_token_and_a_text_in_utf16_are_found_whole(shapes: Rules) -> None:
    """Some tokens are longer than a line, some name themselves; an editor may save a text as UTF-16."""
    value = fake_value("long", 900, MIXED)
    (found,) = shapes.find(f'{{"access_token": "{value}"}}'.encode(), ("a.json",))
    assert found.fingerprint == shapes.keeper.fingerprint(value)
    assert shapes.find(f"API_TOKEN={fake_value('wide')}\r\n".encode("utf-16"), ("a.env",))
    (own,) = shapes.find(f'Client("shop_oat_{fake_value("own", 40, MIXED)}")'.encode(), ("sdk/app.py",))
    assert own.name == "shop_oat"


def test_what_is_hardly_a_secret_in_use_is_known(shapes: Rules) -> None:
    """What is commented out, or of development, was perhaps never in use; a key for browsers is public."""
    for aside, text, length, signs, *path in CASES["aside"]:
        found = shapes.find(_made(text, (length, signs)).encode(), path or ("devise.rb",))
        assert {one.aside for one in found} == {aside}
        assert not (aside and any(one.provider for one in found))


@pytest.mark.parametrize(("length", "alphabet", "most"), CASES["drawn"])
def test_generated_values_pass_the_filter(length: int, alphabet: str, most: float) -> None:
    """A random value is hardly ever taken for words, a placeholder or a test value."""
    made = (fake_value((n, length), length, ALPHABETS[alphabet]) for n in range(2000))
    assert sum(looks_secret(value, "API_TOKEN", ()) for value in made) >= 2000 * (1 - most)
    assert all(looks_secret(it, "api_token", ()) for it in ("qx7v2rmq7x2v", "q7x2v9m", "q7;x2!(v)9;m4!~+="))


@pytest.mark.parametrize(("value", "name"), [
    *CASES["left_alone"], ("AgB" + "x7Kq" * 90, "PASSWORD"),
    (fake_value("signed", 64, "0123456789abcdef"), "X-Amz-Signature"),
])  # fmt: skip
def test_what_is_no_secret_is_left_alone(value: str, name: str) -> None:
    """Code, words of any script, paths, versions, dates, hashes, repetitions, placeholders are no secrets."""
    assert not looks_secret(value, name, ("your-*-here*",))


@pytest.mark.parametrize(("path", "text", "other"), CASES["formats"])
def test_a_value_is_found_in_its_format(path: str, text: str, other: str, shapes: Rules) -> None:
    """The format says what is the value; the same format with a placeholder holds none."""
    value, digits = fake_value(path, 32, MIXED), fake_value(path, 32, "0123456789abcdef")
    long = fake_value(path, 64, MIXED + "!#%&*+-.:=?@^_~")
    held = {shapes.keeper.fingerprint(one) for one in (value, long, digits)}
    sent = {"b": b64encode(value.encode()).decode(), "q": f"%{ord(value[0]):x}{value[1:]}"}
    texts = {True: text.format(v=value, w=long, h=digits, **sent), False: other.format(**sent)}
    for is_held, content in texts.items():
        assert bool({one.fingerprint for one in shapes.find(content.encode(), (path,))} & held) == is_held


def _made(kind: str, *parts: tuple[int, str]) -> str:
    made = (fake_value((kind, n), length, ALPHABETS[signs]) for n, (length, signs) in enumerate(parts))
    return kind.format(*made)


def test_each_kind_is_found_alone(shapes: Rules) -> None:
    """No name stands near it, and the file is generated: the beginning says what it is, and whose."""
    for provider, kind, *parts in CASES["kinds"]:
        found = shapes.find(_made(kind, *parts).encode(), ("a.html",))
        assert {provider} == {shape.provider for shape in found}, kind


def test_a_generated_file_is_spared_what_needs_a_name(shapes: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """Translations are long and full of names, each version again: rules that need one take four fifths."""
    asked: list[tuple[Path, ...]] = []
    monkeypatch.setattr(rules, "scanner", lambda *files: asked.append(files) or scanner(*files))
    for path in ("locales/de.json", "de.json"):
        shapes.find(b'{"password": "Kennwort"}', (path,))
    assert asked == [(GENERATED,), (GENERATED, NAMED)]
    for file in asked[1]:
        named = re.findall(r"(?m)^    id: audit\.(\S+)$", file.read_text("utf-8"))
        assert {is_kind("rule by name", one) for one in named} == {file == NAMED}


def test_a_token_within_base64_is_none(shapes: Rules) -> None:
    """A picture in a notebook has what a token begins with; a name follows a text; in a path it is one."""
    token, data = "AK" + "IA" + fake_value("in data", 16, LARGE), fake_value("around", 60, MIXED)
    assert not shapes.find(f'"image/png": "{data}/{token}/{data}"\n'.encode(), ("a.txt",))
    assert not shapes.find(f'{{"a": "A Token", "{data}": "b"}}'.encode(), ("a.json",))
    for kind, is_text in (("image/png", False), ("font/woff2;charset=utf-8", False), ("text/plain", True)):
        embedded = f"url(data:{kind};base64,{'A' * 80}/{token}/{data})"
        assert bool(shapes.find(embedded.encode(), ("a.svg",))) == is_text
    assert shapes.find(f"https://example.org/users/{token}/keys\n".encode(), ("a.txt",))


HASHES = {name: _made(text, *parts) for name, text, *parts in CASES["hashes"]}


@pytest.mark.parametrize("name", HASHES)
def test_each_format_is_known(name: str, shapes: Rules) -> None:
    """Alone, quoted, and after a user's name; not if it is cut short."""
    value = HASHES[name]
    whole = (value, f'"{value}"', f"admin:{value}:19000:0:", f"PASSWORD_HASH={value}\n")
    texts = (*whole, value[: len(value) // 3])
    found = [shapes.find_chosen(text.encode(), "config.txt")[0] for text in texts]
    hashes = [{shape.fingerprint for shape in some if shape.rule == HASH} for some in found]
    assert hashes == [{shapes.keeper.fingerprint(value)}] * len(whole) + [set()]


def test_a_hash_is_a_class_of_its_own(tmp_path: Path) -> None:
    """It is no leak and no possible password, and is found in the history as well."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("users.sql", f"INSERT INTO users VALUES ('admin', '{HASHES['bcrypt']}');\n")
    plot.commit("settings.env", f"ADMIN_PASSWORD={HASHES['crypt']}\n")
    found, _ = audit(plot.root, tmp_path)
    assert list(found.leaks["kind"]) == ["hash", "hash"]
    assert set(found.places["place"]) == {"commit", "working tree"}


_PEM = form.Encoding.PEM
_OLD, _PKCS8, _OPENSSH = "TraditionalOpenSSL", "PKCS8", "OpenSSH"
_PLAIN, _LOCKED = form.NoEncryption(), form.BestAvailableEncryption(b"a passphrase of a test")


def _made_keys() -> Iterator[tuple[str, str]]:
    """The kind and the text of keys that cryptography makes, in each format that it has for them."""
    keys: dict[str, tuple[Any, tuple[str, ...]]] = {
        "RSA": (rsa.generate_private_key(65537, 2048), (_OLD, _PKCS8, _OPENSSH)),
        "DSA": (dsa.generate_private_key(1024), (_OLD, _PKCS8)),
        "P-256": (ec.generate_private_key(ec.SECP256R1()), (_OLD, _PKCS8, _OPENSSH)),
        "P-521": (ec.generate_private_key(ec.SECP521R1()), (_OLD, _PKCS8, _OPENSSH)),
        "Ed25519": (ed25519.Ed25519PrivateKey.generate(), (_PKCS8, _OPENSSH)),
        "Ed448": (ed448.Ed448PrivateKey.generate(), (_PKCS8,)),
        "X25519": (x25519.X25519PrivateKey.generate(), (_PKCS8,)),
        "X448": (x448.X448PrivateKey.generate(), (_PKCS8,)),
    }
    for name, (key, formats) in keys.items():
        for layout in formats:
            private = getattr(form.PrivateFormat, layout)
            yield f"{name}-{layout}", key.private_bytes(_PEM, private, _PLAIN).decode()
            if name in ("RSA", "P-256", "Ed25519") and layout != _OPENSSH:  # that needs bcrypt
                yield f"{name}-{layout}-encrypted", key.private_bytes(_PEM, private, _LOCKED).decode()


def _putty() -> str:
    """A file of PuTTY's third format as its documentation lays it out, of a key made now."""
    key = ed25519.Ed25519PrivateKey.generate()
    body = key.private_bytes(_PEM, form.PrivateFormat.PKCS8, _PLAIN).decode().split("\n")[1]
    shared = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    public = shared.decode().split()[1]
    return (
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: test\nPublic-Lines: 2\n"
        f"{public[:64]}\n{public[64:]}\nPrivate-Lines: 1\n{body[-48:]}\nPrivate-MAC: {'0a' * 32}\n"
    )


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """Private keys by their kind."""
    return dict(_made_keys()) | {"PuTTY": _putty()}


def test_every_kind_is_one_leak(keys: dict[str, str], tmp_path: Path) -> None:
    """Each key is one leak in its file, however it is written there, and no key is a shortened copy."""
    plot, files = new_plot(tmp_path / "repo"), dict[str, str]()
    for kind, text in keys.items():
        escaped, lines = text.strip().replace("\n", "\\n"), text.splitlines()
        files[f"{kind}/key.pem"] = text
        files[f"{kind}/key.json"] = f'{{"private": "{escaped}"}}\n'
        files[f"{kind}/key.py"] = "KEY = (\n" + "".join(f'    "{line}\\n"\n' for line in lines) + ")\n"
    for path, content in files.items():
        plot.file(path, content)
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Keys")
    found, _ = audit(plot.root, tmp_path)
    assert len(keys) >= 19
    assert set(found.leaks["kind"]) == {"pattern"}
    assert len(found.leaks) == len(keys)
    assert sorted(found.places.loc[found.places["place"] == "working tree", "path"]) == sorted(files)


def test_a_public_key_is_no_place_of_its_private_one(keys: dict[str, str], tmp_path: Path) -> None:
    """What a private key shares with its public one does not tell it."""
    plot = new_plot(tmp_path / "repo")
    for kind, text in keys.items():
        if "encrypted" not in kind and text.startswith("-----BEGIN"):
            load = form.load_ssh_private_key if "OPENSSH" in text else form.load_pem_private_key
            public: Any = load(text.encode(), None).public_key()
            shared = public.public_bytes(_PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
            plot.file(f"{kind}/key.pem", text)
            plot.file(f"{kind}/key.pub", shared)
    found, _ = audit(plot.root, tmp_path)
    assert {path.rpartition(".")[2] for path in found.places["path"]} == {"pem"}


def test_base64_without_a_header_is_a_key_by_its_structure(keys: dict[str, str], shapes: Rules) -> None:
    """The base64 of a key on one line is found, that of a public key or of anything else is not."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(_PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    for text, is_key in ((keys["RSA-PKCS8"], True), (keys["RSA-TraditionalOpenSSL"], True), (public, False)):
        bare = "".join(text.splitlines()[1:-1])
        assert bool(shapes.find(f"rsa = '{bare}'\n".encode(), ("a.php",))) == is_key


@pytest.mark.parametrize("body", CASES["no_keys"])
def test_a_header_alone_is_no_key(body: str, shapes: Rules) -> None:
    """A header with an example, or with what is no key, is none."""
    text = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    assert not shapes.find(text.encode(), ("key.pem",))
