"""What servers, appliances and JSON by the common names of fields write about the same visits.

Learned from the documentation and the source of each; no line was taken from anybody's log.
"""

# ruff: noqa: E501  lines as other programs write them

from collections.abc import Callable

from tests.support.login_events import told_by
from tests.support.stack_logs import Stack, Visit, as_json, syslog

ASTERISK = '[{at:%b %d %H:%M:%S}] SECURITY[77]: res_security_log.c:114 security_event_stasis_cb: SecurityEvent="{event}",EventTV="{at:%Y-%m-%dT%H:%M:%S}.192+0000",Severity="{severity}",Service="PJSIP",EventVersion="1",AccountID="6001",SessionID="x",LocalAddress="{family}/UDP/192.0.2.1/5060",RemoteAddress="{family}/UDP/{client}/55287"'


def _by_field(name: str, fields: Callable[[Visit], dict[str, object]]) -> Stack:
    """One JSON line a visit."""
    return Stack(name, lambda visit: [as_json(**fields(visit))], shows="login_failed")


def _behind(name: str, program: str, failed: str, otherwise: str) -> Stack:
    """One line of syslog a visit."""
    return Stack(
        name,
        lambda visit: [
            syslog(program)(visit) + (failed if visit.failed else otherwise).format(client=visit.client)
        ],
        shows="login_failed",
    )


def _asterisk(visit: Visit) -> list[str]:
    event, severity = (
        ("ChallengeResponseFailed", "Error") if visit.failed else ("SuccessfulAuth", "Informational")
    )
    family = "IPV6" if ":" in visit.client else "IPV4"
    return [ASTERISK.format(at=visit.at, event=event, severity=severity, family=family, client=visit.client)]


SERVER_STACKS: tuple[Stack, ...] = (
    _by_field(
        "ECS",
        lambda visit: {
            "@timestamp": f"{visit.at:%Y-%m-%dT%H:%M:%S}.000Z",
            "event": {
                "action": "user-login",
                "category": ["authentication"],
                "outcome": "failure" if visit.failed else "success",
            },
            "source": {"ip": visit.client, "port": 52341},
            "user": {"name": "x"},
        },
    ),
    _by_field(
        "Teleport",
        lambda visit: {
            "ei": 0,
            "event": "user.login",
            "code": "T1000W" if visit.failed else "T1000I",
            "time": visit.iso,
            "user": "x",
            "success": not visit.failed,
            "method": "local",
            "addr.remote": visit.client,
        },
    ),
    _by_field(
        "Cloudflare Access",
        lambda visit: {
            "action": "login",
            "allowed": not visit.failed,
            "app_domain": "app.example.com",
            "connection": "onetimepin",
            "created_at": visit.iso,
            "ip_address": visit.client,
            "ray_id": "187d944c61940c77",
            "user_email": "x@example.com",
        },
    ),
    told_by(
        "pairs with an outcome",
        "time={iso} level=WARN event=signin result=denied ip={client} user=x",
        "time={iso} level=INFO event=signin result=ok ip={client} user=x",
    ),
    told_by(
        "Amazon RDS",
        '{at:%Y-%m-%d %H:%M:%S} UTC:{client}(5432):x@db:[127]:FATAL:  password authentication failed for user "x"',
        "{at:%Y-%m-%d %H:%M:%S} UTC:{client}(5432):x@db:[127]:LOG:  connection authorized: user=x database=db",
    ),
    told_by(
        "Exim",
        "{at:%Y-%m-%d %H:%M:%S} login authenticator failed for (x) [{client}]:55379: 535 Incorrect authentication data (set_id=x)",
        "{at:%Y-%m-%d %H:%M:%S} H=x [{client}]:35328 Warning: spam",
    ),
    Stack("Asterisk", _asterisk, shows="login_failed"),
    told_by(
        "macOS",
        "{at:%Y-%m-%d %H:%M:%S}.000000+0000  localhost screensharingd[7]: Authentication: FAILED :: User Name: x :: Viewer Address: {client} :: Type: DH",
        "{at:%Y-%m-%d %H:%M:%S}.000000+0000  localhost screensharingd[7]: Authentication: SUCCEEDED :: User Name: x :: Viewer Address: {client} :: Type: DH",
    ),
    told_by(
        "Cisco ASA",
        '{at:%b %d %H:%M:%S} fw1 %ASA-6-605004: Login denied from {client}/32597 to outside:192.0.2.14/ssh for user "x"',
        '{at:%b %d %H:%M:%S} fw1 %ASA-6-605005: Login permitted from {client}/32597 to outside:192.0.2.14/ssh for user "x"',
    ),
    told_by(
        "Sonarr",
        "{at:%Y-%m-%d %H:%M:%S}.0|Warn|Auth|Auth-Failure ip {client} username 'x'",
        "{at:%Y-%m-%d %H:%M:%S}.0|Info|Auth|Auth-Success ip {client} username 'x'",
    ),
    told_by(
        "qBittorrent",
        "(W) {at:%Y-%m-%dT%H:%M:%S} - WebAPI login failure. Reason: invalid credentials, attempt count: 1, IP: {client}, username: x",
        "(N) {at:%Y-%m-%dT%H:%M:%S} - WebAPI login success. IP: {client}",
    ),
    told_by(
        "Zimbra",
        "{at:%Y-%m-%d %H:%M:%S},000 INFO  [qtp9-3:https://mail.example.com:7071/service/admin/soap/AuthRequest] [name=x@example.com;oip={client};port=52016;ua=x;] SoapEngine - handler exception: authentication failed for [x@example.com], invalid password",
        "{at:%Y-%m-%d %H:%M:%S},000 INFO  [qtp9-3:https://mail.example.com:7071/service/admin/soap/AuthRequest] [name=x@example.com;oip={client};port=52016;ua=x;] soap - AuthRequest elapsed=7",
    ),
    _behind(
        "LemonLDAP",
        "LLNG",
        "[warn] Bad password for x ({client})",
        "[notice] Session granted for x ({client})",
    ),
    Stack(
        "CouchDB",
        lambda visit: [
            f"[notice] {visit.at:%Y-%m-%dT%H:%M:%S}.000000Z nonode@nohost <0.32572.1> 3b0034fcd1 example.com "
            f"{visit.client} undefined {visit.method} {visit.path} {visit.status} ok 6"
        ],
    ),
    Stack(
        "Gotify",
        lambda visit: [
            f"{visit.iso} | {visit.status} |     279.715µs | {visit.client:>15} | {visit.method:<8} "
            f'"{visit.path}"'
        ],
    ),
    Stack(
        "Joplin",
        lambda visit: [
            f"{visit.at:%H:%M:%S} 1|app  | {visit.at:%Y-%m-%d %H:%M:%S}: App: {visit.client}: 38 B: "
            f"{visit.method} {visit.path} ({visit.status}) (1ms)"
        ],
    ),
)
