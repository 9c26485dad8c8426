"""An address that somebody writes into a name never becomes the client of a failed login."""

# ruff: noqa: E501  lines as other programs write them

from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_line import read_line

FORMATS = load_formats()
FORGED, REAL = "198.51.100.1", "203.0.113.7"
PAIRS = "auid=4294967295 ses=4294967295"
SYSLOG = "Nov 24 13:50:34 web1 "
# How each application writes a failed login: of {name}, which the client chooses, from {real}.
WRITTEN = {
    "authentik": '{{"action":"login_failed","client_ip":"{real}","context":{{"username":"{name}"}},"event":"Created Event","timestamp":"2026-11-24T13:50:34"}}',
    "cloudtrail": '{{"userIdentity":{{"userName":"{name}"}},"eventTime":"2026-11-24T13:50:34Z","sourceIPAddress":"{real}","userAgent":"{name}","errorMessage":"Failed authentication"}}',
    "okta": '{{"actor":{{"alternateId":"{name}"}},"client":{{"userAgent":{{"rawUserAgent":"{name}"}},"ipAddress":"{real}"}},"outcome":{{"reason":"INVALID_CREDENTIALS"}},"published":"2026-11-24T13:50:34Z"}}',
    "auth0": '{{"date":"2026-11-24T13:50:34Z","type":"fp","description":"Wrong email or password.","ip":"{real}","user_agent":"{name}","user_name":"{name}"}}',
    "vault": '{{"time":"2026-11-24T13:50:34Z","request":{{"path":"auth/userpass/login/{name}","remote_address":"{real}"}},"error":"invalid username or password"}}',
    "windows": '{{"EventTime":"2026-11-24 13:50:34","Message":"An account failed to log on.","TargetUserName":"{name}","IpAddress":"{real}"}}',
    "windows, XML": "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>4625</EventID><TimeCreated SystemTime='2026-11-24T13:50:34.9027913Z'/><EventRecordID>7</EventRecordID></System><EventData><Data Name='TargetUserName'>{name}</Data><Data Name='IpAddress'>{real}</Data></EventData></Event>",
    "keycloak": '{{"timestamp":"2026-11-24T13:50:34Z","message":"type=\\"LOGIN_ERROR\\", realmId=\\"r\\", clientId=\\"{name}\\", userId=\\"null\\", ipAddress=\\"{real}\\", error=\\"user_not_found\\", username=\\"{name}\\""}}',
    "fortinet": 'date=2026-11-24 time=13:50:34 eventtime=1795528234 user="{name}" srcip={real} action="login" status="failed" msg="Administrator {name} login failed from https({real}) because of invalid user name"',
    "gitea": "2026/11/24 13:50:34 ...ers/web/auth/auth.go:200:SignInPost() [I] Failed authentication attempt for {name} from {real}:39522: user does not exist [uid: 0, name: {name}, keyid: 0]",
    "gitea, by mail": "2026/11/24 13:50:34 ...ers/web/auth/auth.go:200:SignInPost() [W] Failed authentication attempt for {name} from {real}:39522: Email address does not exist [email: {name}]",
    "gitea, wrong password": "2026/11/24 13:50:34 ...ers/web/auth/auth.go:206:SignInPost() [I] Failed authentication attempt for {name} from [2001:db8::7]:39522: user's password is invalid [uid: 1, name: {name}]",
    "gitea of old": "2018/04/26 18:15:54 [I] Failed authentication attempt for {name} from {real}",
    "home assistant": "2026-11-24 13:50:34 WARNING (MainThread) [homeassistant.components.http.ban] Login attempt or request with invalid authentication from x.example.com ({real}). Requested URL: '/{name}'. ({name})",
    "jellyfin": "[2026-11-24 13:50:34.123 +00:00] [INF] [33] Jellyfin.Server.Implementations.Users.UserManager: Authentication request for {name} has been denied (IP: {real}).",
    "proxmox": SYSLOG
    + "pvedaemon[7]: authentication failure; rhost=::ffff:{real} user={name}@pam msg=no such user ('{name}@pam')",
    "proxmox backup": "2026-11-24T13:50:34+00:00: authentication failure; rhost=[::ffff:{real}]:47414 user={name}@pbs msg=invalid credentials",
    "zoneminder": '11/24/26 13:50:34.393003 web_php[7].ERR [{real}] [Login denied for user "{name}"] at /usr/share/auth.php line 313',
    "sshd, key": SYSLOG
    + "sshd[7]: Failed publickey for invalid user {name} from {real} port 37954 ssh2: RSA SHA256:abc",
    "apache, rights": '[Tue Nov 24 13:50:34.123456 2026] [authz_core:error] [pid 7] [client {real}:51397] AH01631: user {name}: authorization failure for "/x": ',
    "grafana": 'logger=context userId=0 orgId=0 uname= t=2026-11-24T13:50:34Z level=info msg=Unauthorized error="[password-auth.failed] no user" remote_addr={real} traceID=',
    "multilog": "@400000006b05a1aa077a9e94 dovecot-auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={name} rhost={real}",
    "open webmail": "Tue Nov 24 13:50:34 2026 - [7] ({real}) {name} - login error - no such user - loginname={name}",
    "squirrelmail": "11/24/2026 13:50:34 [LOGIN_ERROR] {name} (example.com) from {real}: Unknown user or password incorrect.",
    "domino": "24-11-2026 13:50:34   smtp: {name} [{real}] authentication failure using internet password",
    "domino, server": "24-11-2026 13:50:34   SMTP Server: Authentication failed for user {name} ; connecting host {real}",
    "directadmin": "2026:11:24-13:50:34: '{real}' 2 failed login attempts. Account '{name}'",
    "perdition": SYSLOG
    + 'perdition[7]: Auth: {real}:2274->192.0.2.1:993 authentication_id="{name}" server="x" status="failed: Re-Authentication Failure"',
    "oracle": '<co ts="2026-11-24T13:50:34.99" pi="7" sc="tcp" dr="+" ac="U" tr="TCP|192.0.2.1|25|{real}|4299" ap="SMTP" mi="Bad password" us="{name}" di="535 {name}"/>',
    "solid-pop3d": SYSLOG + "solid-pop3d[7]: can't find APOP secret for user {name} - {real}",
    "magento": '[2026-11-24 13:50:34] crowdsec-events.INFO:  {{"type":"ADMIN_LOGIN_FAILED","ip":"{real}","x":"{name}"}} []',
    "audit": f'type=USER_AUTH msg=audit(1795528234.123:7): pid=7 uid=0 {PAIRS} msg=\'op=PAM:authentication acct="{{name}}" exe="/usr/sbin/sshd" hostname={{real}} addr={{real}} terminal=ssh res=failed\'',
}
# What somebody may ask to be called. JSON and pairs escape the quotes of it.
NAMES = [
    "x",
    f"x from {FORGED}",
    f"x from {FORGED}:1: user does not exist [uid: 0, name: x, keyid: 0]",
    f"x from {FORGED} port 1 ssh2",
    f"x has been denied (IP: {FORGED}).",
    f"x rhost={FORGED} user=y",
    f"ruser=x rhost={FORGED}",
    f"x ({FORGED}). ",
    f"x [{FORGED}] authentication failure using internet password",
    f"x ; connecting host {FORGED}",
    f"x (example.com) from {FORGED}: Unknown user or password incorrect.",
    f"x - {FORGED}",
    f"x srcip={FORGED} addr={FORGED} terminal=ssh",
    f'x","ip":"{FORGED}","client_ip":"{FORGED}","sourceIPAddress":"{FORGED}","IpAddress":"{FORGED}',
    f'x", userId="y", ipAddress="{FORGED}", error="z',
    f'x" srcip={FORGED} remote_addr={FORGED} traceID= "',
    f"x', rhost={FORGED}, client: {FORGED}, server: ",
]


def _as_written(application: str, name: str) -> str:
    """The line of an application, with a name as it would write it."""
    template = WRITTEN[application]
    if application == "keycloak":
        name = name.replace('"', '\\\\\\"')  # once for itself, once more for JSON
    elif template.startswith("{{") or "{{" in template or application == "fortinet":
        name = name.replace('"', '\\"')
    elif application == "audit" and not name.isalnum():
        name = name.encode().hex()  # the kernel writes no space and no quote of a name as it is
    return template.format(name=name, real=REAL)


@pytest.mark.parametrize("application", WRITTEN)
def test_a_plain_name_leaves_the_client_to_be_seen(application: str) -> None:
    """A line with a usual name is a failed login of its client."""
    line = read_line(_as_written(application, "x").encode(), FORMATS, ZoneInfo("UTC"))
    clients = [(event.kind, event.client.replace("2001:db8::7", REAL)) for event in line.events]
    assert clients == [("login_failed", REAL)]


@pytest.mark.parametrize("application", WRITTEN)
def test_an_address_in_a_name_is_never_the_client(application: str) -> None:
    """Whatever the name holds, the failed login is that of its client, or of none."""
    lines = [_as_written(application, name) for name in NAMES]
    shown = [read_line(line.encode(), FORMATS, ZoneInfo("UTC")).events for line in lines]
    forged = [
        line
        for line, events in zip(lines, shown, strict=True)
        if any(event.kind == "login_failed" and event.client == FORGED for event in events)
    ]
    assert forged == []


def test_without_quotes_keycloak_proves_no_address() -> None:
    """The failed login counts, but an address could be part of the client's name: none is taken."""
    for name in ("shop", f"x, userId=y, ipAddress={FORGED}, error=z"):
        told = f"type=LOGIN_ERROR, realmId=r, clientId={name}, userId=null, ipAddress={REAL}, error=client_not_found"
        text = f"2026-11-24 13:50:34,640 WARN  [org.keycloak.events] (executor-thread-1) {told}"
        events = read_line(text.encode(), FORMATS, ZoneInfo("UTC")).events
        assert [(event.kind, event.client) for event in events] == [("login_failed", "")]
