"""What beside a password's name nobody chose, and which chosen words stand for any."""

import pytest

from audit_lib.leaks.candidates import is_default, looks_chosen


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("$encrypted$", "password"),
        ("$user:$password", "login_password"),
        ("$shiro1$SHA-256$500000$8z/oYUfe6cKhFQ9S", "password"),
        ("*9A0B1C2D3E4F5061728394A5B6C7D8E9F0A1B2C3", "password"),
        ("@nacos.password@", "password"),
        ("%CONFIG-DBPASS", "DBPASS"),
        ("$t('mail.secret')", "MAIL_PASSWORD"),
        ("undef", "root_password"),
        ("option", "--password"),
        ("strings", "--password"),
        ("(prod", "password"),
        ("shop/plugins/oauth2/secret.lua", "shop.plugins.secret"),
        (r"\u5BC6\u7801\u4E3A\u7A7A", "errors.emptyPassword"),
        ("qX7..Kd", "token_secret"),
    ],
)
def test_what_stands_for_a_password_is_none(value: str, name: str) -> None:
    """Variables of builds and templates, hashes, words of a sentence, paths and escaped text."""
    assert not looks_chosen(value, name)


@pytest.mark.parametrize("value", ["(prod!7x", "$ecr!t77", "ann@qzv.k", "100%qzv"])
def test_a_password_may_begin_like_one(value: str) -> None:
    """A sign alone makes no variable of it."""
    assert looks_chosen(value, "password")


@pytest.mark.parametrize(
    ("value", "name", "chosen"),
    [
        ("oauth2-secret", "KEY_OAUTH2_SECRET", False),
        ("oauth2-qzvkjx", "KEY_OAUTH2_SECRET", True),
        ("Passwords", "resourcePassword", False),
        ("Password", "kindPassword", False),
        ("Secret", "NAME_MAIL_SECRET", False),
        ("Password", "NAME_MAIL_PASSWD", False),
        ("secret", "PrefixSecret", False),
        ("password", "db_password", True),
    ],
)
def test_a_name_of_a_secret_is_not_its_value(value: str, name: str, chosen: bool) -> None:
    """An option or a kind is called as its constant ends; the bare word is a default that some choose."""
    assert looks_chosen(value, name) == chosen


def test_a_key_of_anything_is_no_credential() -> None:
    """A resource's or an entry's; what is neither words nor an identifier may be one."""
    assert not looks_chosen("Gray100Accent", "Key")
    assert not looks_chosen("3f8a2c1d90b7e4d5a1c2b3d4", "key")
    assert looks_chosen("Qxwv2RmqKwd4tZ8p", "Key")


def test_a_long_value_that_repeats_itself_is_a_default() -> None:
    """Somebody filled the place."""
    assert is_default("whsec_" + "0" * 40)
    assert not is_default("whsec_q7x2v9rm4kw8tz3p")
