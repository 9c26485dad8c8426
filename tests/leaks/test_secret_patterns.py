"""What looks like a secret: recall and precision on the labelled corpora, and private keys by structure."""

import random
import string
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from audit_lib.leaks.candidates import looks_secret
from audit_lib.leaks.rules import Rules, password_hashes
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import bundled_policy
from tests.leaks.test_find_leaks import audit
from tests.support.fakes import fake_value
from tests.support.labelled import Case, negatives, positives
from tests.support.planter import new_plot

MIXED = string.ascii_letters + string.digits
KNOWN_MISSES = {
    "chat paste, no name: API_TOKEN",  # a value alone, with nothing that says what it is
    "Dockerfile: ENCRYPTION_KEY",  # reads as a path
    "PowerShell: ENCRYPTION_KEY",
    "XML setting: MAILER_PASSWORD",  # reads as code
    "argument of a call: MAILER_PASSWORD",
}


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
    assert (missed, more) == (KNOWN_MISSES, set())
    # Lock files, hashes, generated and cached files, placeholders and test values give nothing.
    assert {case.label for case in negatives() if _found(shapes, case)} == set()


# A path and a text in which {value}, or the seed of one-time passwords {seed}, is found.
NOTATIONS = (
    ("app/Main.scala", 'val apiToken: String = "{value}"\n'),
    ("app/Main.scala", 'if (token !== "{value}") return\n'),
    ("app/Main.scala", '"authorization": "{value}",\n'),
    ("app/Main.scala", 'request.header(AUTHORIZATION, "token {value}")\n'),
    ("app/Main.scala", 'cipher.setSigningKey(Base64.decode("{value}"))\n'),
    ("app/Main.scala", "open('https://example.org/a?b=1&oauth_token={value}&c=2')\n"),
    ("app/Main.scala", 'go("https://example.org/?next=%3Fa%3D1%26token%3D{value}")\n'),
    ("app.conf", "SERVICE_PSWD={value}\n"), ("a.json", '{{"text": "{{\\"api_token\\":\\"{value}\\"}}"}}'),
    ("a.json", '{{"tokens": [\n  "{value}",\n  "{value}"\n]}}'),
    ("a.json", '{{"name": "api_token",\n' + 40 * " " + '"value": "{value}"}}'),
    ("a.json", '{{"key": "9{value}8z7"}}'), ("a.html", "api_key = &quot;{value}&quot;"),
    ("a.html", '<a href="https://example.org/?access_token={value}">'),
    ("strings.xml", '<string name="api_key">{value}</string>'),
    ("Info.plist", "<key>apiToken</key>\n\t<string>{value}</string>"),
    ("app/main.go", 'token := []byte("{value}")'), ("app/main.go", "\tToken:" + 20 * " " + '"{value}",'),
    ("app/main.go", 'http.Get("https://example.org/?a=1&apiToken={value}")'),
    ("app/main.go", 'const token string = "{value}"'),
    ("app/main.rs", 'let token = String::from("{value}");'),
    ("app/main.py", "'Authorization': 'token {value}'"), ("app/main.h", '#define SECRET_KEY "{value}"'),
    ("secrets.yml", "token: |\n  {value}\n"),
    ("settings.txt", 'session_token =\n  "{value}"\n'), ("settings.txt", "Authorization: Bearer {value}\n"),
    ("app/login.py", "pyotp.TOTP('{seed}')"), ("app/login.py", 'ROTP::TOTP.new("{seed}")'),
    ("app/login.py", "authenticator.generate('{seed}')"),
    *(("settings.py", f"API_TOKEN = '{{value}}'  # {comment}\n") for comment in (
        "kingfisher:ignore", "gitleaks:allow", "pragma: allowlist secret", "nosec",
    )),
)  # fmt: skip
NO_SECRETS = (
    ("settings.txt", "SESSION_TOKEN=\nREGION_NAME={value}\n"),
    ("settings.txt", "session_token:\n  region: {value}\n"),
    ("settings.txt", "Authorization: Bearer {value}...\n"),
    ("app/main.py", 'author = "{short}"\n'),
    ("app/sums.go", '"feed": "{a}",\n"item": "{b}",\n"api_key": "{c}",\n"mark": "{d}",\n"note": "{e}",\n'),
    ("app/main.py", '"a key or file.\\u003c/p\\u003e\\u003cp{short}"\n'),
    ("app/main.py", "http://Bearer:APIKEY@api.sandstorm.example.net:6099/{short}\n"),
    ("app/main.py", 'authorization_response="https://i.example/?code=hello-{short}"\n'),
)  # fmt: skip


def _filled(text: str) -> bytes:
    value, short = fake_value(("notation", 8), 32, MIXED), fake_value("author", 18, MIXED)
    seed = fake_value("seed 2", 32, string.ascii_uppercase + "234567")
    sums = {name: fake_value(("sum", name), 64, "0123456789abcdef") for name in "abcde"}
    return text.format(value=value, short=short, seed=seed, **sums).encode()


@pytest.mark.parametrize(("path", "text"), [*NOTATIONS, *NO_SECRETS])
def test_a_generated_value_is_found_in_each_notation(path: str, text: str, shapes: Rules) -> None:
    """Whatever is around it, and no comment hides it; what has no name of a secret is none."""
    assert bool(shapes.find(_filled(text), (path,))) == ((path, text) in NOTATIONS)


def test_a_long_token_and_a_text_in_utf16_are_found_whole(shapes: Rules) -> None:
    """Some providers' tokens are longer than a line; an editor may save a text as UTF-16."""
    value = fake_value("long", 900, MIXED)
    (found,) = shapes.find(f'{{"access_token": "{value}"}}'.encode(), ("a.json",))
    assert found.fingerprint == shapes.keeper.fingerprint(value)
    assert shapes.find(f"API_TOKEN={fake_value('wide')}\r\n".encode("utf-16"), ("a.env",))


def test_a_block_below_a_name_is_no_value(shapes: Rules) -> None:
    """Lines that go on alike are a certificate or a dump; one alone is a value."""
    lines = [fake_value(("block", n), 40, MIXED) for n in range(3)]
    for count, found in ((1, True), (3, False)):
        text = "Session key\n" + "\n".join(lines[:count]) + "\n\n"
        assert bool(shapes.find(text.encode(), ("notes.md",))) == found


@pytest.mark.parametrize(("length", "alphabet", "most"), [
    (43, MIXED + "-_", 0.005), (28, MIXED, 0.01), (64, "0123456789abcdef", 0.005),
    (32, string.ascii_lowercase + string.digits, 0.01),
])  # fmt: skip
def test_generated_values_pass_the_filter(length: int, alphabet: str, most: float) -> None:
    """A random value is hardly ever taken for words, a placeholder or a test value."""
    kept = sum(looks_secret(fake_value((n, length), length, alphabet), "API_TOKEN", ()) for n in range(2000))
    assert kept >= 2000 * (1 - most)


LEFT_ALONE = (
    ("settings.jwt_secret_key", "secret"), ("AuthenticationTokenProvider", "TOKEN"),
    ("OrderableDBInstanceOptionsV2", "SIGNING_KEY"), ("primaryBrokerCertificateAuthority", "SIGNING_KEY"),
    ("./config/secrets.json", "SECRET_FILE"), ("src/Components/Login2FA/TokenForm3", "TOKEN"),
    ("2024-11-05T10:00:00Z", "token_issued"), ("your-api-key-goes-here-123", "API_KEY"),
    ("f59d4f4ac429ec208957107f36398ad039e6fe52", "commit_hash"), ("aaaaaaaaaaaaaaaaaaaaaaaaaaaa1", "TOKEN"),
    ("test-token-1234", "TOKEN"), ("sk-live-1a2b3c4d5e6f7a8b9c0d", "API_KEY"),
    ("パスワードをお忘れですか?", "forgot_password"), ("توکن‌های API", "api-tokens"),
    ("^1.7.4.20241016", "types-passlib"), ("$0.038700", "tokens"),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "Password"), ("gpt4.1-preview", "MODEL_KEY"),
    ("GPT-OSS-120B", "MODEL_KEY"), ("ap-south-1", "SESSION_TOKEN"),
    ("a1234567-12ab-4567-ab12-a12ab12aa123", "token_id"), ("r-when-a-card-is-moved", "labelKey"),
    ("oauth2-b2c-enabled", "KEY_ENABLED"), ("Saml2X509CredentialSource", "credential"),
    ("value%20with%20spaces", "key"), ("data[1][2].name", "sourceKey"),
    ("AB:78:EC:AF:10:1B:8A:9B:1F:C7:B1:25:8F:16", "keyid"),
    ("$argon2id$v=19$m=1024,t=2,p=2$bm9uZXNhbHQ", "password"),
    ("{SHA-256}{c2FsdHNhbHRzYWx0}0a1b2c3d4e5f", "password"),
    ("%s/%s/eu-west-1/s3/aws4_request", "Credential"),
    ("DHZ4QKXW8P/20240509/us-east-1/s3/aws4_request", "X-Amz-Credential"), ("ed25519-1.sec", "privateKey"),
    ("v2025.09-nightly", "token"), ("124f983e0e3dcaeba921cfce", "unique_key"),
    ("3f8a2c1d-90b7e4d5", "X-Sender-Key-Id"), ("3f8a2c1d-90b7e4d5", "api_key"),
    ("%60%7B%7D%60%7B%7D", "password"), ("V1001_GOOD_AND_LONG_ENOUGH", "key"),
    ("0xAb19D82E7f546cC3", "password"), ("ENC(2dfRFqV/cS6TzRd+JyO=)", "secretKey"),
    ("AgB" + "x7Kq" * 90, "PASSWORD"), ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxX", "key"),
    ("epdyrw4tsi03xy3deu8g8ly6o", "FAKE_SECRET_ID"),
    ("qx7v-2rm9.iam%2F20240509%2Fauto%2Fstorage%2Fgoog4_request", "X-Goog-Credential"),
    ("9F4B07D1E83CA6250B7F9D41C8E35A7260D9B1F4", "app__apt_key"),
    ("9F4B07D1E83CA6250B7F9D41C8E35A7260D9B1F4", "app__upstream_key_id"),
    ("2001:0db8:85a3:08d3:1319:8a2e:0370:7347", "raw_ip_key"), ("qx7v2rm9kw4t", "KEYCLOAK_CLIENT_VERSION"),
    ("999.0.0-SNAPSHOT", "DEPLOY_KEY"), ("qx7v2rm9kw4t", "GroupKey.getKeyTenant"),
    ("qx7v2rm9kw4tz8p", "badge_key"), ("3f8a2c1d-90b7-4e51-8b6c-1f0d2a9c7e45", "OnePassword"),
    ("9f2c41d07be85a3c6d1e0fXXXXYYYY", "SLACK_SECRET"),
    ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "validJwtToken"),
    (fake_value("signed", 64, "0123456789abcdef"), "X-Amz-Signature"),
)  # fmt: skip


@pytest.mark.parametrize(("value", "name"), LEFT_ALONE)
def test_what_is_no_secret_is_left_alone(value: str, name: str) -> None:
    """Code, words of any script, paths, versions, dates, hashes, repetitions, placeholders are no secrets."""
    assert not looks_secret(value, name, ("your-*-here*",))


@pytest.mark.parametrize(("path", "text", "other"), [
    (".netrc", "machine h.io login ann password {v}\n", "machine h.io login ann password changeme\n"),
    (".netrc", "machine h.io\n  login ann\n  password {v}\n", "default login anonymous password user@\n"),
    (".pgpass", "db.io:5432:shop:ann:{v}\n", "db.io:5432:shop:ann:password\n"),
    ("sitemanager.xml", '<Pass encoding="base64">{v}</Pass>', "<Pass>secret-pass</Pass>"),
    ("wp-config.php", "define('AUTH_KEY',  '{w}');", "define('AUTH_KEY', 'put your unique phrase here');"),
    ("config/master.key", "{h}", "not a key\n"),
    ("docs/keys.md", "**Key**: `API_TOKEN`\n**Value**: `{v}`\n", "**Key**: `API_TOKEN`\n**Value**: `none`\n"),
    ("README.md", "- API key: `{h}`\n", "- API key: `your-api-key-here`\n"),
    ("k8s.yaml", "kind: Secret\ndata:\n  token: {b}\n", "kind: ConfigMap\ndata:\n  token: {b}\n"),
])  # fmt: skip
def test_a_value_is_found_in_its_format(path: str, text: str, other: str, shapes: Rules) -> None:
    """The format says what is the value; the same format with a placeholder holds none."""
    value, digits = fake_value(path, 32, MIXED), fake_value(path, 32, "0123456789abcdef")
    long = fake_value(path, 64, MIXED + "!#%&*+-.:=?@^_~")
    encoded = b64encode(value.encode()).decode()
    held = {shapes.keeper.fingerprint(one) for one in (value, long, digits)}
    for content, is_held in (
        (text.format(v=value, w=long, h=digits, b=encoded), True),
        (other.format(b=encoded), False),
    ):
        found = {one.fingerprint for one in shapes.find(content.encode(), (path,))}
        assert bool(found & held) == is_held


HEX, SMALL, LARGE = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_uppercase
BASE32 = LARGE + "234567"
# What each begins with, and of how many characters of which kinds its parts are: {0}, {1}.
KINDS = [
    ("glpat-{0}", (20, MIXED)), ("SG.{0}.{1}", (22, MIXED), (43, MIXED)),
    ("hf_{0}", (34, string.ascii_letters)), ("dckr_pat_{0}", (27, MIXED)), ("dop_v1_{0}", (64, HEX)),
    ("shpat_{0}", (32, HEX)), ("PMAK-{0}-{1}", (24, HEX), (34, HEX)), ("pypi-AgEI{0}", (150, MIXED)),
    ("gsk_{0}", (52, MIXED)), ("dapi{0}", (32, HEX)), ("hvs.{0}", (90, MIXED)),
    ("NRAK-{0}", (27, LARGE + string.digits)), ("BBDC-M{0}", (43, MIXED)), ("{0}-us12", (32, HEX)),
    ("key-{0}", (32, HEX)), ("xkeysib-{0}-{1}", (64, HEX), (16, MIXED)), ("GOCSPX-{0}", (28, MIXED)),
    ("AGE-SECRET-KEY-1{0}", (58, LARGE + string.digits)), ("SU{0}", (56, BASE32)), ("sqp_{0}", (40, HEX)),
    ("{0}:AA{1}", (10, "123456789"), (33, MIXED)),
    ("access_token$production${0}${1}", (16, SMALL), (32, HEX)),
    ("https://hooks.slack.com/services/T{0}/B{0}/{1}", (10, LARGE), (24, MIXED)),
    ("AccountKey={0}==", (86, MIXED)), ("phx_{0}", (43, MIXED)), ("sbp_v0_{0}", (40, HEX)),
    ("PMAT-{0}", (26, LARGE + string.digits)), ("LTAI{0}", (20, MIXED)), ("GR1348941{0}", (20, MIXED)),
    ("ABIA{0}", (16, LARGE + string.digits)), ('{{"kty":"oct", "k":"{0}"}}', (43, MIXED)),
]  # fmt: skip


def _made(kind: str, *parts: tuple[int, str]) -> str:
    return kind.format(*(fake_value((kind, n), length, signs) for n, (length, signs) in enumerate(parts)))


def test_each_kind_is_found_alone(shapes: Rules) -> None:
    """No name stands near it, and the file is generated: the beginning says what it is."""
    missed = [kind for kind, *parts in KINDS if not shapes.find(_made(kind, *parts).encode(), ("a.html",))]
    assert missed == []


def test_a_token_within_base64_is_none(shapes: Rules) -> None:
    """A picture in a notebook has what any token begins with; behind a path it is one."""
    token, data = "AK" + "IA" + fake_value("in data", 16, LARGE), fake_value("around", 60, MIXED)
    assert not shapes.find(f'"image/png": "{data}/{token}/{data}"\n'.encode(), ("a.txt",))
    assert shapes.find(f"https://example.org/users/{token}/keys\n".encode(), ("a.txt",))


# ---- Hashes of passwords at rest: a class of their own, by their format ----


def _random(length: int, letters: str = "./ABCxyz0189") -> str:
    return "".join(random.Random(f"hash {length}").choices(letters, k=length))


HASHES = {
    "bcrypt": f"$2b$12${_random(53)}",
    "argon2": f"$argon2id$v=19$m=65536,t=3,p=4${_random(22, 'abcXYZ09')}${_random(43, 'abcXYZ09')}",
    "apache": f"$apr1${_random(8)}${_random(22)}",
    "crypt": f"$6${_random(16)}${_random(86)}",
    "yescrypt": f"$y$j9T${_random(22)}${_random(43)}",
    "phpass": f"$P$B{_random(30)}",
    "django": f"pbkdf2_sha256$600000${_random(22, 'abcXYZ09')}${_random(43, 'abcXYZ09')}=",
    "werkzeug": f"scrypt:32768:8:1${_random(16, 'abcXYZ09')}${_random(128, 'abcdef09')}",
    "ldap": f"{{SSHA}}{_random(38, 'abcXYZ09')}==",
    "postgres": f"SCRAM-SHA-256$4096:{_random(22, 'aZ9')}==${_random(43, 'aZ9')}=:{_random(43, 'aZ9')}=",
}


@pytest.mark.parametrize("name", HASHES)
def test_each_format_is_known(name: str) -> None:
    """Alone, quoted, and after a user's name; not if it is cut short."""
    value = HASHES[name]
    for text in (value, f'"{value}"', f"admin:{value}:19000:0:", f"PASSWORD_HASH={value}\n"):
        assert password_hashes(text.encode()) == {value}
    assert password_hashes(value[: len(value) // 3].encode()) == set()


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


@pytest.mark.parametrize("body", [
    "...", "MIIE" + "o" * 8 + "\n...", "not base64 at all, " * 20, "\n".join(["aGVsbG8gd29ybGQh" * 4] * 4),
])  # fmt: skip
def test_a_header_alone_is_no_key(body: str, shapes: Rules) -> None:
    """A header with an example, or with what is no key, is none."""
    text = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    assert not shapes.find(text.encode(), ("key.pem",))
