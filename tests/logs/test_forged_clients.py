"""An address that somebody writes into a name never becomes the client of a failed login."""

# ruff: noqa: E501  lines as other programs write them

import pytest

from audit_lib.logs.formats import POSSIBLE_FAILURE
from audit_lib.logs.templates import Part
from tests.support.log_lines import FORMATS, read_line

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
    "keycloak, no quotes": "2026-11-24 13:50:34,640 WARN  [org.keycloak.events] (executor-thread-1) type=LOGIN_ERROR, realmId=r, clientId={name}, userId=null, ipAddress={real}, error=user_not_found, username={name}",
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
    "nginx": '2026/11/24 13:50:34 [error] 7#7: *338 user "{name}": password mismatch, client: {real}, server: x, request: "GET / HTTP/1.1", host: "x"',
    "exim": "2026-11-24 13:50:34 login authenticator failed for ({name}) [{real}]:55379: 535 Incorrect authentication data (set_id={name})",
    "samba": "Auth: [SMB2,(null)] user [W]\\[{name}] at [Thu, 14 Oct 2026 15:24:16 UTC] with [NTLMv2] status [NT_STATUS_WRONG_PASSWORD] workstation [{name}] remote host [ipv4:{real}:44896] mapped to [W]\\[{name}]. local host [ipv4:192.0.2.1:445] ",
    "asterisk": '[Nov 24 13:50:34] SECURITY[77]: res_security_log.c:114 security_event_stasis_cb: SecurityEvent="InvalidPassword",EventTV="2026-11-24T13:50:34.192+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="{name}",SessionID="x",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/{real}/55287",Challenge="x"',
    "sql server": "2026-11-24 13:50:34.00 Logon       Login failed for user '{name}'. Reason: Could not find a login matching the name provided. [CLIENT: {real}]",
    "nextcloud": "Nov 24 13:50:34 web1 nextcloud[7]: Login failed: {name} (Remote IP: {real})",
    "roundcube": "Nov 24 13:50:34 web1 roundcube: IMAP Error: Login failed for {name} from {real}. AUTHENTICATE PLAIN: A0002 NO Login failed. in /x.php on line 205 (POST /?_task=login)",
    "mongodb": "2026-11-24T13:50:34.123+0000 I ACCESS   [conn7] SCRAM-SHA-1 authentication failed for {name} on y from client {real}:36700 ; UserNotFound: Could not find user {name}@y",
    "webmin": SYSLOG + "webmin[7]: Invalid login as {name} from {real}",
    "horde": "Nov 24 13:50:34 HORDE [error] [horde] FAILED LOGIN for {name} [{real}] to Horde [on line 116 of /x/login.php]",
    "litespeed": "2026-11-24 13:50:34.123456 [NOTICE] [1226033] [{real}:45164:HTTP2-41#_AdminVHost] [STDERR] [WebAdmin Console] Failed Login Attempt - username:{name} ip:{real} url:/x",
    "cisco": SYSLOG
    + "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: {name}] [Source: {real}] [localport: 22] [Reason: Login Authentication Failed]",
    "teamspeak": '2026-11-24 13:50:34.009756|INFO    |Query         |   |query from 11 {real}:48426 attempted to login with account "{name}" and failed!',
    "lemonldap": SYSLOG + "LLNG[7]: [warn] Bad password for {name} ({real})",
    "amazon rds": '2026-11-24 13:50:34 UTC:{real}(5432):{name}@db:[127]:FATAL:  password authentication failed for user "{name}"',
    "exim, local user": "2026-11-24 13:50:34 plain authenticator failed for ({name}) [{real}] U=caller: 535 Incorrect authentication data (set_id={name})",
    "cisco, web vpn": "<167>Nov 24 2026 13:50:34: %ASA-6-716039: Group <g> User <{name}> IP <{real}> Authentication: rejected, Session Type: WebVPN.",
    "cisco, enable": "Nov 24 13:50:34.450: %SYS-5-PRIV_AUTH_FAIL: Authentication to privilege level 15 failed by {name} on vty0 ({real})",
    "palo alto": "1,2026/11/24 13:50:34,0123,SYSTEM,auth,2561,2026/11/24 13:50:34,,auth-fail,AD,0,0,general,medium,\"failed authentication for user '{name}'. Reason: Invalid username/password. From: {real}.\",7,0x0",
    "citrix": '11/24/2026:13:50:34 GMT adc1 0-PPE-0 : default AAA LOGIN_FAILED 7 0 :  User {name} - Client_ip {real} - Failure_reason "x"',
    "vmware": "2026-11-24T13:50:34.123Z info hostd[7] [Originator@6876 sub=Vimsvc.ha-eventmgr opID=x] Event 7 : Cannot login {name}@{real}",
    "vcenter": "Event [7] [1-1] [2026-11-24T13:50:34.123Z] [vim.event.EventEx] [info] [x] [] [7] [Failed login {name} from {real} at 11/24/2026 13:50:34 GMT in SSO]",
    "ftpd": SYSLOG + "ftpd[7]: FTP LOGIN FAILED FROM {real}, {name}",
    "opensmtpd": SYSLOG
    + 'smtpd[7]: 45addba89269aeaa smtp event=failed-command address={real} host={name} command="AUTH PLAIN (...)" result="535 Authentication failed"',
    "google": '{{"id":{{"time":"2026-11-24T13:50:34Z"}},"actor":{{"email":"{name}"}},"ipAddress":"{real}","events":[{{"type":"login","name":"login_failure","parameters":[{{"name":"x","value":"{name}"}}]}}]}}',
    "grafana, JSON": '{{"t":"2026-11-24T13:50:34Z","level":"info","msg":"Unauthorized","uname":"{name}","error":"[password-auth.failed] no login of {name}","remote_addr":"{real}"}}',
    "auth0, streamed": '{{"log_id":"7","data":{{"date":"2026-11-24T13:50:34Z","type":"fp","description":"Wrong email or password.","ip":"{real}","user_agent":"{name}","user_name":"{name}"}}}}',
    "macos, ssh": "2026-11-24 13:50:34.123456-0700  localhost sshd[7]: Failed password for invalid user {name} from {real} port 5454 ssh2",
    "macos, screen": "2026-11-24 13:50:34.123456-0700  localhost screensharingd[7]: Authentication: FAILED :: User Name: {name} :: Viewer Address: {real} :: Type: DH",
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
    f"x] [Source: {FORGED}] [localport: 1",
    f"x'. Reason: x [CLIENT: {FORGED}]",
    f"x (Remote IP: {FORGED})",
    f"x from client {FORGED}:1 ; ",
    f"x from {FORGED}. AUTHENTICATE x",
    f"x) [{FORGED}]: 535 x",
    f"x :: Viewer Address: {FORGED} :: Type: DH",
    f"x ip:{FORGED} url:",
    f"x ({FORGED})",
    f"x, userId=y, ipAddress={FORGED}, error=z",
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
    line = read_line(_as_written(application, "x"))
    clients = [(event.kind, event.client.replace("2001:db8::7", REAL)) for event in line.events]
    assert clients == [("login_failed", REAL)]


@pytest.mark.parametrize("application", WRITTEN)
def test_an_address_in_a_name_is_never_the_client(application: str) -> None:
    """Whatever the name holds, the failed login is that of its client, or of none."""
    lines = [_as_written(application, name) for name in NAMES]
    shown = [read_line(line).events for line in lines]
    forged = [
        line
        for line, events in zip(lines, shown, strict=True)
        if any(event.kind == "login_failed" and event.client == FORGED for event in events)
    ]
    assert forged == []


# What each field of a template may be, in a line that it matches.
_EXAMPLE = {
    **{
        "time": "2026-11-24T13:50:34",
        "time:clf": "24/Nov/2026:13:50:34 +0000",
        "time:dated": "Nov 24 2026 13:50:34",
        "time:short": "4/Nov/2026:13:50:34",
        "time:syslog": "Nov 24 13:50:34",
    },
    **{"time:asctime": "Tue Nov 24 13:50:34 2026", "level": "ERROR", "sp": " ", "digits": "7", "word": "w"},
    **{"name": "n", "dotted": "a.b", "token": "t", "peer": "{}:1", "client": "{}", "client:port": "{}:1"},
    **{"host": "{}", "method": "GET", "path": "/p", "route": "/p", "status": "401", "variable": "API_TOKEN"},
    **{"email": "x@example.com", "text": "y", "rest": "", "end": ""},
}


def _written_by(parts: tuple[Part, ...], address: str) -> str:
    """A line that the steps of a template match, with an address."""
    return "".join(part.literal.decode() or _EXAMPLE[part.field].replace("{}", address) for part in parts)


def _forged_lines() -> list[str]:
    """By each template of a failed login: a text before the address holds all that follows it, forged."""
    lines = []
    for block in FORMATS.messages:
        fields = [part.field for part in block.parts]
        at = next((at for at, field in enumerate(fields) if "{}" in _EXAMPLE.get(field, "")), 0)
        for place in (place for place in range(at) if fields[place] == "text"):
            before, after = block.parts[:place], block.parts[place + 1 :]
            forged = _written_by(after, FORGED)
            lines += [
                SYSLOG
                + "app[7]: "
                + _written_by(before, REAL)
                + f"x{forged}{more}"
                + _written_by(after, REAL)
                for more in ("", " z", "z")
            ]
    return lines


def test_no_template_takes_an_address_out_of_a_text() -> None:
    """Whatever application wrote it: what stands around its address stands twice, so nobody's is taken."""
    lines = _forged_lines()
    assert len(lines) > 200
    shown = [read_line(line).events for line in lines]
    failed = [[event.client for event in events if event.message != POSSIBLE_FAILURE] for events in shown]
    assert [line for line, clients in zip(lines, failed, strict=True) if FORGED in clients] == []
