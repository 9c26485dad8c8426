"""A quoted line shows no value that stands beside the name of a secret, known to the audit or not."""

import pytest

from audit_lib.logs.quote_lines import BLOT, blotted
from tests.support.fakes import fake_value

VALUE = fake_value("quoted", 12)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"user":"amy","password":"%","ok":false}', '{"user":"amy","password":"#","ok":false}'),
        ("{'api_key': '%', 'n': 1}", "{'api_key': '#', 'n': 1}"),
        ("PASSWORD = %", "PASSWORD = #"),
        ('db.password : "% and more"', 'db.password : "#"'),
        (r"{\"secret\":\"%\",\"n\":1}", r"{\"secret\":\"#\",\"n\":1}"),
        (r'"password":"%\"x%","n":1', '"password":"#","n":1'),
        ('{"passwords":["%","%"],"n":1}', '{"passwords":#,"n":1}'),
        ('{"credentials":{"user":"amy","key":"%"},"n":1}', '{"credentials":#,"n":1}'),
        ("login(user='amy', password=b'%') failed", "login(user='amy', password=b'#') failed"),
        (":password=>'%', :n=>1", ":password=>'#', :n=>1"),
        ("GET /in?token=%&user=amy HTTP/1.1", "GET /in?token=#&user=amy HTTP/1.1"),
        ("GET /in?user=amy&pwd=%,%;% 401", "GET /in?user=amy&pwd=# 401"),
        ("DB_PASSWORD=%&%;x=1", "DB_PASSWORD=#;x=1"),
        ("<password>%</password>", "<password>#</password>"),
        ("mysql --password % -u root", "mysql --password # -u root"),
        ("Authorization: Bearer %", "Authorization: #"),
        ("'Cookie': 'session=%'", "'Cookie': '#'"),
        ("postgresql://amy:%@db/app", "postgresql://amy:#@db/app"),
        ("passphrase: %, user: amy", "passphrase: #, user: amy"),
        ('password="%', 'password="#'),
        ("password=<%>&%<%, n=1", "password=#, n=1"),
        ("token expired for amy", "token expired for amy"),
        ('"GET /api/token HTTP/1.1" 401 12', '"GET /api/token HTTP/1.1" 401 12'),
        (
            "Failed password for root from 192.0.2.1 port 22",
            "Failed password for root from 192.0.2.1 port 22",
        ),
    ],
)
def test_a_value_beside_its_name_is_blotted_out(line: str, expected: str) -> None:
    """In any notation; what is beside it stays, and so does a line without a value."""
    assert blotted(line.replace("%", VALUE)) == expected.replace("#", BLOT)
