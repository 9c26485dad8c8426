"""Finds the hashes of passwords at rest, as systems and frameworks write them."""

import re

# What every one of them holds; a text without them is not looked at more closely.
_MARKS = (b"$2", b"$argon2", b"$1$", b"$5$", b"$6$", b"$y$", b"$apr1$", b"pbkdf2", b"scrypt:", b"SHA", b"$P$")
_HASH = re.compile(
    rb"(?<![\w$./])(?:"
    rb"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"  # bcrypt
    rb"|\$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}"
    rb"|\$(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"  # crypt(3) with MD5, and Apache's
    rb"|\$5\$(?:rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"
    rb"|\$6\$(?:rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
    rb"|\$y\$[./A-Za-z0-9]{1,6}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}"  # yescrypt
    rb"|\$P\$[./A-Za-z0-9]{31}"  # phpass
    rb"|pbkdf2_sha(?:1|256|512)\$\d+\$[A-Za-z0-9]+\$[A-Za-z0-9+/]{27,88}=*"  # Django
    rb"|(?:pbkdf2:sha\d+:\d+|scrypt:\d+:\d+:\d+)\$[A-Za-z0-9]+\$[0-9a-f]{40,128}"  # Werkzeug
    rb"|\{SS?HA(?:256|512)?\}[A-Za-z0-9+/]{27,120}={0,2}"  # LDAP
    rb"|SCRAM-SHA-(?:1|256)\$\d+:[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]{27,43}=:[A-Za-z0-9+/]{27,43}="  # PostgreSQL
    rb")(?![\w$/])"
)


def password_hashes(content: bytes) -> set[str]:
    """The hashes of passwords in one content."""
    if not any(mark in content for mark in _MARKS):
        return set()
    return {found[0].decode("ascii") for found in _HASH.finditer(content)}
