"""A connection URL is taken apart as its users' parsers do; where they would disagree is said."""

import pytest

from audit_lib.base.connection_url import url_parts

HOST = "db.dev.internal"


@pytest.mark.parametrize(
    ("url", "user", "password", "host", "database", "unambiguous"),
    [
        (f"postgresql://app:secret@{HOST}:5432/main", "app", "secret", HOST, "main", True),
        (f"postgresql+psycopg://app:secret@{HOST}/main?sslmode=require", "app", "secret", HOST, "main", True),
        (f"postgresql://app:p%40ss%2Fw%25@{HOST}/main", "app", "p@ss/w%", HOST, "main", True),
        (f"postgresql://app:p@ss@{HOST}/main", "app", "p@ss", HOST, "main", False),
        (f"postgresql://app:p/ss@{HOST}/main", "app", "p/ss", HOST, "main", False),
        (f"postgresql://app:p:ss@{HOST}/main", "app", "p:ss", HOST, "main", True),
        (f"postgresql://app:p%ss@{HOST}/main", "app", "p%ss", HOST, "main", False),
        ("redis://:secret@[::1]:6379/0", "", "secret", "::1", "0", True),
        (f"postgresql://app@{HOST}/main", "app", "", HOST, "main", True),
        (f"postgresql://{HOST}/main?user=app&password=secret", "", "secret", HOST, "main", True),
        ("sqlite:///./local.db", "", "", "", "./local.db", True),
        ("HTTPS://Example.Test/Path", "", "", "example.test", "Path", True),
    ],
)
def test_components(
    url: str, user: str, password: str, host: str, database: str, *, unambiguous: bool
) -> None:
    """Components are percent-decoded; a raw reserved character in the password makes the URL ambiguous."""
    parts = url_parts(url)
    assert parts is not None
    assert (parts.user, parts.password, parts.host, parts.database) == (user, password, host, database)
    assert parts.unambiguous is unambiguous
    assert not password or password not in repr(parts)


@pytest.mark.parametrize("value", ["", "secret", "a:b@c", "://x", "1x://y"])
def test_what_is_no_url_has_no_parts(value: str) -> None:
    """A value without a scheme is no connection URL."""
    assert url_parts(value) is None
