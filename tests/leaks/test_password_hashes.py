"""Hashes of passwords at rest: a class of their own, by their format."""

import random
from pathlib import Path

import pytest

from audit_lib.leaks.rules import password_hashes
from tests.leaks.test_find_leaks import audit
from tests.support.planter import new_plot


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
