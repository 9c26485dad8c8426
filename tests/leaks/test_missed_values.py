"""Strong values in the formats of tools and documents: each is found, and its counter-example is not."""

import string
from base64 import b64encode

import pytest

from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.fakes import fake_value

MIXED = string.ascii_letters + string.digits


@pytest.mark.parametrize(
    ("path", "text", "other"),
    [
        (".netrc", "machine h.io login ann password {v}\n", "machine h.io login ann password changeme\n"),
        (".netrc", "machine h.io\n  login ann\n  password {v}\n", "default login anonymous password user@\n"),
        (".pgpass", "db.io:5432:shop:ann:{v}\n", "db.io:5432:shop:ann:password\n"),
        ("sitemanager.xml", '<Pass encoding="base64">{v}</Pass>', "<Pass>secret-pass</Pass>"),
        (
            "wp-config.php",
            "define('AUTH_KEY',  '{w}');",
            "define('AUTH_KEY', 'put your unique phrase here');",
        ),
        ("config/master.key", "{h}", "not a key\n"),
        (
            "docs/keys.md",
            "**Key**: `API_TOKEN`\n**Value**: `{v}`\n",
            "**Key**: `API_TOKEN`\n**Value**: `none`\n",
        ),
        ("README.md", "- API key: `{h}`\n", "- API key: `your-api-key-here`\n"),
        ("k8s.yaml", "kind: Secret\ndata:\n  token: {b}\n", "kind: ConfigMap\ndata:\n  token: {b}\n"),
    ],
)
def test_a_value_is_found_in_its_format(path: str, text: str, other: str) -> None:
    """The format says what is the value; the same format with a placeholder holds none."""
    value, digits = fake_value(path, 32, MIXED), fake_value(path, 32, "0123456789abcdef")
    long = fake_value(path, 64, MIXED + "!#%&*+-.:=?@^_~")
    encoded = b64encode(value.encode()).decode()
    rules = Rules(Keeper(Key(b"k" * 32, "file")), ())
    content = text.format(v=value, w=long, h=digits, b=encoded).encode()
    met = {found.fingerprint for found in rules.find(content, (path,))}
    held = {rules.keeper.fingerprint(one) for one in (value, long, digits)}
    assert met & held
    told = {found.fingerprint for found in rules.find(other.format(b=encoded).encode(), (path,))}
    assert not told & held
