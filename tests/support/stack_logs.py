"""What forty-six stacks, and some more, write about the same visits: lines by chance, with their truth.

Learned from the documentation and the source of each; no line was taken from anybody's log.
"""

# ruff: noqa: E501  lines as other programs write them

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, tzinfo=UTC)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) [en] Firefox/132.0"
REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True)
class Visit:
    """One request; a failed login is a POST to the login route that is answered 401."""

    number: int
    at: datetime
    client: str
    method: str
    path: str
    status: int

    @property
    def failed(self) -> bool:
        """Whether it is a failed login."""
        return self.status == 401

    @property
    def iso(self) -> str:
        """2026-11-24T00:00:07Z."""
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def clf(self) -> str:
        """24/Nov/2026:00:00:07 +0000."""
        return f"{self.at:%d/%b/%Y:%H:%M:%S +0000}"

    @property
    def request(self) -> str:
        """POST /login HTTP/1.1."""
        return f"{self.method} {self.path} HTTP/1.1"


@dataclass(frozen=True)
class Stack:
    """How a stack writes: its lines of a visit, and what they can say.

    `shows` is the kind of a failed login: unauthorized if it writes requests, a message's if it writes those.
    """

    name: str
    lines: Callable[[Visit], list[str]]
    shows: str = "unauthorized"
    timed: bool = True
    named: bool = True  # the client is in the line
    beside: int = 0  # possible failures beside each failed login
    kernel: bool = True  # no line of it is left to the naive reader


def visits(seed: int, count: int = 1_040, failed: int = 71) -> list[Visit]:
    """Visits of a few hundred clients, seven seconds apart, with so many failed logins among them."""
    rng = random.Random(seed)
    bad = set(rng.sample(range(count), failed))
    made = []
    for number in range(count):
        client = rng.choice([f"203.0.113.{rng.randrange(1, 255)}", f"2001:db8::{rng.randrange(1, 99):x}"])
        method, path, status = ("POST", "/login", 401) if number in bad else rng.choice(ORDINARY)
        made.append(Visit(number, START + timedelta(seconds=7 * number), client, method, path, status))
    return made


ORDINARY = [
    ("GET", "/", 200),
    ("GET", "/api/orders?page=2", 200),
    ("POST", "/login", 200),
    ("GET", "/x", 404),
]


def _uvicorn(visit: Visit) -> str:
    host = f"[{visit.client}]" if ":" in visit.client else visit.client
    return f'INFO:     {host}:5{visit.number:04} - "{visit.request}" {visit.status} {REASONS[visit.status]}'


def _combined(visit: Visit) -> str:
    size = visit.number * 3 + 17
    return f'{visit.client} - - [{visit.clf}] "{visit.request}" {visit.status} {size} "-" "{AGENT}"'


def _fastapi(visit: Visit) -> str:
    return "      INFO   " + _uvicorn(visit).removeprefix("INFO:     ")


def as_json(**fields: object) -> str:
    """An object without spaces."""
    return json.dumps(fields, separators=(",", ":"))


def _flat(visit: Visit) -> str:
    return as_json(
        timestamp=visit.iso, level="info", status=visit.status, client=visit.client, method=visit.method,
        path=visit.path,
    )  # fmt: skip


def _caddy(visit: Visit) -> str:
    asked = {"remote_ip": visit.client, "remote_port": "5", "client_ip": visit.client, "proto": "HTTP/2.0"}
    asked |= {"method": visit.method, "host": "www.example.com", "uri": visit.path}
    asked |= {"headers": {"User-Agent": [AGENT], "Status": ["200"]}}  # type: ignore[dict-item]
    return as_json(
        level="info", ts=visit.at.timestamp(), logger="http.log.access", msg="handled request", request=asked,
        bytes_read=0, user_id="", duration=0.001, size=5, status=visit.status, resp_headers={"Server": ["Caddy"]},
    )  # fmt: skip


def _pino(visit: Visit) -> str:
    asked = {"id": visit.number, "method": visit.method, "url": visit.path, "query": {}, "params": {}}
    asked |= {
        "headers": {"host": "localhost", "method": "GET"},
        "remoteAddress": visit.client,
        "remotePort": 5,
    }
    return as_json(
        level=30, time=int(visit.at.timestamp() * 1000), pid=7, hostname="web1", req=asked,
        res={"statusCode": visit.status, "headers": {"x-powered-by": "Express"}}, responseTime=4,
        msg="request completed",
    )  # fmt: skip


def _traefik(visit: Visit) -> str:
    host = f"[{visit.client}]" if ":" in visit.client else visit.client
    return as_json(
        ClientAddr=f"{host}:5", ClientHost=visit.client, ClientPort="5", DownstreamStatus=visit.status,
        Duration=1, OriginStatus=visit.status, RequestAddr="www.example.com", RequestMethod=visit.method,
        RequestPath=visit.path, RequestProtocol="HTTP/2.0", StartUTC=visit.iso, level="info", msg="",
        time=visit.iso,
    )  # fmt: skip


def _lograge(visit: Visit) -> str:
    return as_json(
        method=visit.method, path=visit.path, format="html", controller="SessionsController", action="create",
        status=visit.status, duration=5.12, time=visit.iso, remote_ip=visit.client,
    )  # fmt: skip


def _heroku(visit: Visit) -> str:
    return (
        f'{visit.at:%Y-%m-%dT%H:%M:%S}+00:00 heroku[router]: at=info method={visit.method} path="{visit.path}" '
        f'host=x.example.com request_id=0c6d fwd="198.51.100.1, {visit.client}" dyno=web.1 connect=0ms '
        f"service=5ms status={visit.status} bytes=25 protocol=https"
    )


def _alb(visit: Visit) -> str:
    return (
        f"https {visit.at:%Y-%m-%dT%H:%M:%S}.000000Z app/lb/50dc6c495c0c9188 {visit.client}:2817 10.0.0.1:80 0.000 "
        f'0.001 0.000 {visit.status} {visit.status} 34 366 "{visit.method} https://www.example.com:443{visit.path} '
        f'HTTP/1.1" "{AGENT}" ECDHE TLSv1.2 arn "Root=1" "-" "-" 0 {visit.iso} "forward" "-" "-"'
    )


def _sshd(visit: Visit) -> list[str]:
    """An attempt of an unknown user writes four lines, of which one counts."""
    if not visit.failed:
        return [f"Accepted publickey for x from {visit.client} port 5 ssh2: RSA SHA256:abc"]
    return [
        f"Invalid user x from {visit.client} port 5",
        f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={visit.client} ",
        f"Failed password for invalid user x from 198.51.100.9 port 1 ssh2 from {visit.client} port 5 ssh2",
        f"Connection closed by invalid user x {visit.client} port 5 [preauth]",
    ]


def when_failed(text: str, otherwise: str) -> Callable[[Visit], list[str]]:
    """One line a visit, with {client} and times in it."""

    def lines(visit: Visit) -> list[str]:
        named = {
            "client": visit.client,
            "iso": visit.iso,
            "at": visit.at,
            "ms": int(visit.at.timestamp() * 1000),
        }
        return [(text if visit.failed else otherwise).format(**named)]

    return lines


def _each(
    write: Callable[[Visit], str], head: Callable[[Visit], str] | str = ""
) -> Callable[[Visit], list[str]]:
    """One line a visit, behind a prefix."""
    return lambda visit: [(head if isinstance(head, str) else head(visit)) + write(visit)]


def _iso(visit: Visit) -> str:
    return f"{visit.at:%Y-%m-%dT%H:%M:%S}.000000000Z "


def syslog(name: str) -> Callable[[Visit], str]:
    """The short prefix of syslog."""
    return lambda visit: f"{visit.at:%b} {visit.at.day:2} {visit.at:%H:%M:%S} web1 {name}[7]: "


COMPOSE = "backend-1  | "
STACKS = (
    Stack("uvicorn", _each(_uvicorn), timed=False),
    Stack("uvicorn, compose", _each(_uvicorn, COMPOSE), timed=False),
    Stack("uvicorn, compose -t", _each(_uvicorn, lambda visit: COMPOSE + _iso(visit))),
    Stack("nginx combined", _each(_combined)),
    Stack("nginx combined, compose", _each(_combined, "web-1  | ")),
    Stack("Apache combined", _each(lambda visit: _combined(visit).replace(" - - [", " - a [b] c [", 1))),
    Stack("Apache combined, compose", _each(_combined, "apache-1  | ")),
    Stack("nginx, virtual host first", _each(_combined, "www.example.com ")),
    Stack("Apache, vhost_combined", _each(_combined, "www.example.com:443 ")),
    Stack("gunicorn", _each(lambda visit: _combined(visit) + " 0.001")),
    Stack("traefik CLF", _each(lambda visit: _combined(visit) + ' 7 "app@docker" "http://10.0.0.1:80" 4ms')),
    Stack("morgan combined", _each(_combined)),
    Stack(
        "Tomcat", _each(lambda visit: f'{visit.client} - - [{visit.clf}] "{visit.request}" {visit.status} 25')
    ),
    Stack("JSON, flat", _each(_flat)),
    Stack("JSON, compose", _each(_flat, COMPOSE)),
    Stack(
        "Docker json-file",
        _each(lambda visit: as_json(log=_uvicorn(visit) + "\n", stream="stdout", time=_iso(visit).strip())),
    ),
    Stack("syslog, short", _each(_combined, syslog("nginx"))),
    Stack("lograge JSON", _each(_lograge)),
    Stack(
        "lograge",
        _each(
            lambda visit: (
                f"method={visit.method} path={visit.path} format=html controller=SessionsController "
                f"action=create status={visit.status} duration=5.12 view=0.00 db=1.00"
            )
        ),
        timed=False,
        named=False,
    ),
    Stack("fastapi-cli", _each(_fastapi), timed=False),
    Stack("fastapi-cli, compose", _each(_fastapi, COMPOSE), timed=False),
    Stack("fastapi-cli, compose -t", _each(_fastapi, lambda visit: COMPOSE + _iso(visit))),
    Stack("traefik JSON", _each(_traefik)),
    Stack("Caddy JSON", _each(_caddy)),
    Stack("pino-http", _each(_pino)),
    Stack(
        "structlog JSON",
        _each(
            lambda visit: as_json(
                event="request_finished",
                code=7,
                request=f"{visit.method} {visit.path}",
                status=visit.status,
                ip=visit.client,
                method=visit.method,
                path=visit.path,
                timestamp=visit.iso,
                level="info",
            )
        ),
    ),
    Stack(
        "journald JSON",
        _each(
            lambda visit: as_json(
                __REALTIME_TIMESTAMP=str(int(visit.at.timestamp()) * 1_000_000),
                PRIORITY="6",
                _PID="7",
                SYSLOG_IDENTIFIER="uvicorn",
                MESSAGE=_uvicorn(visit),
            )
        ),
    ),
    Stack(
        "journald ISO", _each(_uvicorn, lambda visit: f"{visit.at:%Y-%m-%dT%H:%M:%S}+0000 web1 uvicorn[7]: ")
    ),
    Stack("CRI", _each(_uvicorn, lambda visit: _iso(visit) + "stdout F ")),
    Stack("CRI, JSON", _each(_caddy, lambda visit: _iso(visit) + "stderr F ")),
    Stack(
        "Next, dev",
        _each(lambda visit: f" {visit.method} {visit.path} {visit.status} in 25ms"),
        timed=False,
        named=False,
    ),
    Stack(
        "Next, compose",
        _each(lambda visit: f" {visit.method} {visit.path} {visit.status} in 25ms", "web-1  | "),
        timed=False,
        named=False,
    ),
    Stack(
        "Rails, plain",
        lambda visit: [
            f'Started {visit.method} "{visit.path}" for {visit.client} at {visit.at:%Y-%m-%d %H:%M:%S} +0000',
            "Processing by SessionsController#create as HTML".replace("Processing", "  Processing"),
            f"Completed {visit.status} {REASONS[visit.status]} in 5ms (ActiveRecord: 1.0ms | Allocations: 9)",
        ],
    ),
    Stack(
        "Rails, production formatter",
        _each(
            lambda visit: f"Completed {visit.status} {REASONS[visit.status]} in 5ms (Allocations: 9)",
            lambda visit: (
                f"I, [{visit.at:%Y-%m-%dT%H:%M:%S}.000000 #7]  INFO -- : [0c6d8a7e-1b2c-4d3e-8f90-a1b2c3d4] "
            ),
        ),
        named=False,
    ),
    Stack(
        "Laravel",
        when_failed(
            "[{at:%Y-%m-%d %H:%M:%S}] production.WARNING: Login failed for x, ip: {client} ",
            "[{at:%Y-%m-%d %H:%M:%S}] production.INFO: orders listed ",
        ),
        shows="possible_login_failure",
    ),
    Stack(
        "php-fpm through nginx",
        when_failed(
            '{at:%Y/%m/%d %H:%M:%S} [error] 7#7: *9 FastCGI sent in stderr: "PHP message: Login failed for x" while '
            'reading response header from upstream, client: {client}, server: x, request: "POST /login HTTP/1.1"',
            '{at:%Y/%m/%d %H:%M:%S} [error] 7#7: *9 FastCGI sent in stderr: "PHP message: PHP Notice: x", client: {client}',
        ),
        shows="possible_login_failure",
    ),
    Stack(
        "Spring Boot",
        when_failed(
            "{at:%Y-%m-%dT%H:%M:%S}.000Z  WARN 1 --- [app] [nio-8080-exec-1] o.s.s.a.event.Listener   : "
            "Authentication failed: Bad credentials",
            "{at:%Y-%m-%dT%H:%M:%S}.000Z  INFO 1 --- [app] [nio-8080-exec-1] c.e.Orders   : orders listed",
        ),
        shows="login_failed",
        named=False,
    ),
    Stack(
        "sshd",
        lambda visit: [syslog("sshd")(visit) + line for line in _sshd(visit)],
        shows="login_failed",
        beside=3,
    ),
    Stack(
        "PostgreSQL",
        when_failed(
            '{at:%Y-%m-%d %H:%M:%S}.000 UTC [7] x@y FATAL:  password authentication failed for user "x"',
            "{at:%Y-%m-%d %H:%M:%S}.000 UTC [7] LOG:  checkpoint starting: time",
        ),
        shows="login_failed",
        named=False,
    ),
    Stack(
        "gin",
        _each(
            lambda visit: (
                f"[GIN] {visit.at:%Y/%m/%d - %H:%M:%S} | {visit.status} |     1.234ms | {visit.client:>15} | "
                f'{visit.method:<7}  "{visit.path}"'
            )
        ),
    ),
    Stack("Heroku router", _each(_heroku)),
    Stack(
        "Django runserver",
        _each(lambda visit: f'[{visit.at:%d/%b/%Y %H:%M:%S}] "{visit.request}" {visit.status} 25'),
        named=False,
    ),
    Stack(
        "morgan dev",
        _each(
            lambda visit: (
                f"\x1b[0m{visit.method} {visit.path} \x1b[33m{visit.status}\x1b[0m 5.123 ms - 25\x1b[0m"
            )
        ),
        timed=False,
        named=False,
    ),
    Stack(
        "morgan tiny",
        _each(lambda visit: f"{visit.method} {visit.path} {visit.status} 25 - 5.123 ms"),
        timed=False,
        named=False,
    ),
    Stack(
        "logfmt",
        _each(
            lambda visit: (
                f'logger=context userId=0 t={visit.iso} level=info msg="Request Completed" '
                f"method={visit.method} path={visit.path} status={visit.status} remote_addr={visit.client} time_ms=5"
            )
        ),
    ),
    Stack(
        "slog",
        _each(
            lambda visit: (
                f'time={visit.iso} level=INFO msg="request done" req.method={visit.method} '
                f'req.path="{visit.path}" status={visit.status} ip={visit.client} ua="{AGENT}"'
            )
        ),
    ),
    Stack("AWS ALB", _each(_alb)),
    # Beyond the forty-six.
    Stack("RFC 5424", _each(_combined, lambda visit: f"<38>1 {visit.iso} web1 nginx 7 - - ")),
    Stack(
        "IIS",
        _each(
            lambda visit: (
                f"{visit.at:%Y-%m-%d %H:%M:%S} 10.0.0.1 {visit.method} {visit.path.partition('?')[0]} - 443 - "
                f"{visit.client} Mozilla/5.0+(Windows;[x]) - {visit.status} 0 0 15"
            )
        ),
    ),
    Stack(
        "nginx-proxy-manager",
        _each(
            lambda visit: (
                f"[{visit.clf}] - {visit.status} {visit.status} - {visit.method} https www.example.com "
                f'"{visit.path}" [Client {visit.client}] [Length 5] [Gzip -] [Sent-to 10.0.0.1] "{AGENT}" "-"'
            )
        ),
    ),
    Stack(
        "MySQL",
        when_failed(
            "{at:%Y-%m-%dT%H:%M:%S}.000000Z 8 [Note] [MY-010926] [Server] Access denied for user 'x'@'{client}' "
            "(using password: YES)",
            "{at:%Y-%m-%dT%H:%M:%S}.000000Z 8 [Note] [MY-010914] [Server] Aborted connection 8",
        ),
        shows="login_failed",
    ),
    Stack(
        "MongoDB",
        when_failed(
            '{{"t":{{"$date":"{at:%Y-%m-%dT%H:%M:%S}.000+00:00"}},"s":"I","c":"ACCESS","id":5286307,"ctx":"conn3",'
            '"msg":"Failed to authenticate","attr":{{"client":"{client}","user":"x","db":"admin"}}}}',
            '{{"t":{{"$date":"{at:%Y-%m-%dT%H:%M:%S}.000+00:00"}},"s":"I","c":"NETWORK","msg":"Connection accepted",'
            '"attr":{{"remote":"{client}"}}}}',
        ),
        shows="login_failed",
    ),
    Stack(
        "Grafana",
        when_failed(
            'logger=authn.service t={iso} level=info msg="Failed to authenticate request" client=auth.client.form '
            'remote_addr={client} error="[password-auth.failed] invalid"',
            "logger=cleanup t={iso} level=info msg=done duration=5ms",
        ),
        shows="login_failed",
    ),
    Stack(
        "GitLab",
        when_failed(
            '{{"severity":"INFO","time":"{iso}","message":"Failed Login: username=x ip={client}"}}',
            '{{"severity":"INFO","time":"{iso}","message":"User created"}}',
        ),
        shows="login_failed",
    ),
    Stack(
        "Nextcloud",
        when_failed(
            '{{"reqId":"a","level":2,"time":"{iso}","remoteAddr":"{client}","user":"--","app":"core","method":"POST",'
            '"url":"/login","message":"Login failed: \'x\' (Remote IP: \'{client}\')"}}',
            '{{"reqId":"a","level":1,"time":"{iso}","remoteAddr":"{client}","message":"File scanned"}}',
        ),
        shows="login_failed",
    ),
    Stack(
        "Keycloak",
        when_failed(
            '{at:%Y-%m-%d %H:%M:%S},000 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", '
            'realmId="r", clientId="c", userId="null", ipAddress="{client}", error="invalid_user_credentials"',
            "{at:%Y-%m-%d %H:%M:%S},000 INFO  [io.quarkus] (main) Installed features",
        ),
        shows="login_failed",
    ),
    Stack(
        "Vaultwarden",
        when_failed(
            "[{at:%Y-%m-%d %H:%M:%S}.000][vaultwarden::api::identity][ERROR] Username or password is incorrect. "
            "Try again. IP: {client}. Username: x.",
            "[{at:%Y-%m-%d %H:%M:%S}.000][response][INFO] (get_icon) GET /icons/ => 200 OK",
        ),
        shows="login_failed",
    ),
)


def written(stack: Stack, made: list[Visit]) -> Iterator[str]:
    """The lines of a stack about visits."""
    for visit in made:
        yield from stack.lines(visit)
