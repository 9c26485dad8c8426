"""JSON lines and key=value pairs by chance: the fast reader takes the same fields as the naive one."""

import io
import json
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel import worker
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_line import read_line
from audit_lib.logs.read_options import Plan
from tests.support.sums import told

FORMATS = load_formats()
PLAN = Plan(FORMATS, ZoneInfo("UTC"), chunk=1 << 14, threads=1)
NAMES = [
    *(
        "status",
        "statusCode",
        "method",
        "path",
        "uri",
        "client",
        "remote_ip",
        "msg",
        "message",
        "level",
        "ts",
    ),
    *(
        "time",
        "request",
        "res",
        "headers",
        "labels",
        "log",
        "a",
        "http.method",
        "headers.status",
        "log.level",
    ),
    *("x.y.path", "", ".", "t", "$date", "é"),
    *("success", "outcome", "result", "event", "action", "event.action", "data.success"),
    *("type", "error", "err", "data", "payload", "events", "Records", "x.events", "code", "name"),
]
VALUES: list[Any] = [
    *(
        401,
        200,
        40,
        4010,
        -401,
        401.0,
        1e3,
        True,
        None,
        "401",
        "GET",
        "post",
        "G3T",
        "/login?token=x",
        "login",
    ),
    *(
        "http://h.example/a/1",
        "https://h.example",
        "203.0.113.7",
        "203.0.113.7:80",
        "[::1]:5",
        "::1",
        "1.2.3",
    ),
    *(
        "198.51.100.1, 203.0.113.9",
        " 203.0.113.9 ",
        "",
        "web1",
        "info",
        1764000000,
        1764000000.25,
        17640000001234,
    ),
    *(
        "2026-08-02T10:00:00Z",
        "02/Aug/2026:10:00:00 +0000",
        "1764000000123456",
        1764000000123456789,
        123456789,
    ),
    *(
        "Failed login for x from 203.0.113.9",
        'say "x"\\',
        "two\nlines",
        "one line\n",
        "\x1b[31mINFO: red\x1b[0m",
    ),
    *('INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401 x', "⚠️ Failed login attempt for: a@example.com", "\u00e9"),
    *(
        '{"status": 403, "path": "/in", "client": "203.0.113.8"}',
        'level=warn msg="wrong password"',
        "\b",
        "x" * 70,
    ),
    *(
        False,
        "failure",
        "DENIED",
        "granted",
        "ok",
        "user.login",
        "SignIn",
        "authen\tticated",
        'log"in',
        "x" * 5000 + "login",
    ),
    *(
        "login_failed",
        "UserLoginFailed",
        "User login failed(SSH)",
        'login_failed"',
        "login\\failed",
        "x" * 60 + "login_failed",
        "login_failed_count",
        "UpdateLoginSettings",
        "Unauthorized",
        "authentication failed",
        "password rejected\nfor x",
        "x" * 595 + " password failed",
        4625,
        "GET /a HTTP/1.1",
        "HTTP: POST /login",
        "GET /a b",
        "PUT https://h.example/x",
        "::ffff:203.0.113.7:443",
    ),
    *(
        [{"type": "login", "name": "login_failure"}, 7],
        [
            {"time": "2026-08-02T10:00:00Z", "event": "login_failed"},
            {"time": "2026-08-02T10:09:00Z", "msg": "x"},
        ],
        {"type": "login_failed", "ip": "203.0.113.7", "time": "2026-08-02T10:00:00Z"},
    ),
    *(99999999999, 7258118400, 18446744073709551616, "/\ud83d", "a/b", "//", [1, "x", {"status": 401}], []),
]


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    """An object by chance, with others within it."""
    return {
        rng.choice(NAMES): _object(rng, depth - 1) if depth and rng.random() < 0.35 else rng.choice(VALUES)
        for _ in range(rng.randrange(7))
    }


def _json(rng: random.Random) -> str:
    text = json.dumps(
        _object(rng, 3), ensure_ascii=rng.random() < 0.5, separators=rng.choice([(",", ":"), (", ", ": ")])
    )
    text = text.replace("_fail", rng.choice(["_fail", "\\u005ffail"]))  # an escape that nobody needs
    return text.replace("\\ud83d", "x") if "\ud83d" in text else text


def _pairs(rng: random.Random) -> str:
    tokens = []
    for _ in range(rng.randrange(1, 9)):
        value = str(rng.choice(VALUES)).replace("\n", "\\n")
        value = value if rng.random() < 0.5 else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        tokens.append(rng.choice([rng.choice(NAMES) + "=" + value, "bare", 'x="y z', "=x", "7=x"]))
    return rng.choice([" ", "  "]).join(tokens)


def _lines(seed: int, count: int) -> bytes:
    rng = random.Random(seed)
    heads = ["", "", "2026-08-03T00:00:00Z stdout F ", "backend-1  | ", "Aug  3 10:00:00 web1 app[7]: "]
    lines = []
    for _ in range(count):
        line = rng.choice(heads) + rng.choice([_json, _pairs])(rng)
        raw = line.encode("utf-8", "surrogatepass")
        if rng.random() < 0.15:
            at = rng.randrange(len(raw) + 1)
            raw = raw[:at] + bytes([rng.randrange(256)]) * rng.randrange(3) + raw[at + 1 :]
        lines.append(raw.replace(b"\n", b" "))
    return b"\n".join(lines)


def _same(content: bytes) -> bool:
    fast = told(reduce_chunks(read_chunks(io.BytesIO(content), PLAN), PLAN))
    return fast == told(read_naively(io.BytesIO(content), PLAN))


@pytest.mark.parametrize("seed", range(3))
def test_structured_lines_read_the_same(seed: int) -> None:
    """Nested objects, pairs, values that fit or do not, escapes, damage: the same sums by both readers."""
    assert _same(_lines(seed, 4_000))


@pytest.mark.long
def test_many_structured_lines_read_the_same() -> None:
    """A hundred mixtures more."""
    assert [seed for seed in range(100, 200) if not _same(_lines(seed, 4_000))] == []


COMMON = [
    b'{"level":"info","ts":1764000000.123,"logger":"http.log.access","msg":"handled request","request":'
    b'{"remote_ip":"203.0.113.7","client_ip":"203.0.113.7","method":"GET","uri":"/x","headers":{"A":["b"]}},'
    b'"status":401,"resp_headers":{"Server":["Caddy"]}}',
    b'{"level":30,"time":1764000000123,"pid":1,"req":{"id":1,"method":"GET","url":"/","headers":{"a":"b"},'
    b'"remoteAddress":"::1"},"res":{"statusCode":401},"responseTime":5,"msg":"request completed"}',
    b'{"log":"INFO:     203.0.113.7:1 - \\"GET / HTTP/1.1\\" 401 Unauthorized\\n","stream":"stdout",'
    b'"time":"2026-08-02T10:00:00.123456789Z"}',
    b'{"log":"\\u001b[32mINFO\\u001b[0m:     203.0.113.7:1 - \\"GET / HTTP/1.1\\" 401 Unauthorized\\n"}',
    b'2026-08-02T10:00:00Z stdout F {"level":"warn","msg":"Login failed: x (Remote IP: 203.0.113.7)"}',
    b'time=2026-08-02T10:00:00.123Z level=WARN msg="wrong password" user=x ip=203.0.113.7',
    b"method=POST path=/login format=html controller=SessionsController status=401 duration=5.12",
    b'{"user":"\xc3\xa9","status":401,"path":"/","client":"203.0.113.7"}',
    b'{"event":"user.login","success":false,"ip":"203.0.113.7","time":"2026-08-02T10:00:00Z"}',
    b'{"event":"said \\"x\\"","result":"ok","time":"2026-08-02T10:00:00Z"}',
    b'{"type":"user.login.failed","ip":"203.0.113.7","time":"2026-08-02T10:00:00Z"}',
    b'time=2026-08-02T10:00:00Z level=warning msg="HTTP: POST http://x/i" httpStatus=401 ip=203.0.113.7',
    b'{"level":"error","msg":"no page","error":"connection reset by \\"peer\\"","ip":"203.0.113.7"}',
]


def test_common_structured_lines_are_read_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What web servers and libraries write is not left to the naive reader."""
    left: list[bytes] = []
    monkeypatch.setattr(worker, "read_line", lambda raw, *plan: left.append(raw) or read_line(raw, *plan))
    assert _same(b"\n".join(COMMON))
    assert left == []
