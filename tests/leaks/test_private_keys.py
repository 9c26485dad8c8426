"""Private keys by structure: every kind is found, as one leak, and told from every other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_find_leaks import audit
from tests.support.planter import new_plot

_PEM = form.Encoding.PEM
_OLD, _PKCS8, _OPENSSH = "TraditionalOpenSSL", "PKCS8", "OpenSSH"
_PLAIN, _LOCKED = form.NoEncryption(), form.BestAvailableEncryption(b"a passphrase of a test")


def _made() -> Iterator[tuple[str, str]]:
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
    return dict(_made()) | {"PuTTY": _putty()}


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


def test_base64_without_a_header_is_a_key_by_its_structure(keys: dict[str, str]) -> None:
    """The base64 of a key on one line is found, that of a public key or of anything else is not."""
    rules, key = Rules(Keeper(Key(b"k" * 32, "file")), ()), rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(_PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    for text, is_key in ((keys["RSA-PKCS8"], True), (keys["RSA-TraditionalOpenSSL"], True), (public, False)):
        bare = "".join(text.splitlines()[1:-1])
        assert bool(rules.find(f"rsa = '{bare}'\n".encode(), ("a.php",))) == is_key


@pytest.mark.parametrize("body", [
    "...", "MIIE" + "o" * 8 + "\n...", "not base64 at all, " * 20, "\n".join(["aGVsbG8gd29ybGQh" * 4] * 4),
])  # fmt: skip
def test_a_header_alone_is_no_key(body: str) -> None:
    """A header with an example, or with what is no key, is none."""
    text = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    assert not Rules(Keeper(Key(b"k" * 32, "file")), ()).find(text.encode(), ("key.pem",))
