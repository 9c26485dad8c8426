"""What more applications write about the same visits: a line, or some, of each login that failed.

Learned from the documentation and the source of each; no line was taken from anybody's log.
"""

# ruff: noqa: E501  lines as other programs write them

from collections.abc import Callable

from tests.support.stack_logs import Stack, Visit, as_json, syslog, when_failed

ANONYMOUS = {"pk": 1, "email": "", "username": "AnonymousUser"}
AUDIT = 'type={type} msg=audit({at}.000:{number}): pid=7 uid=0 auid=4294967295 ses=4294967295 subj=system_u:system_r:sshd_t:s0 msg=\'op={op} acct="x" exe="/usr/sbin/sshd" hostname={client} addr={client} terminal=ssh res={res}\''
EVENT = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>{id}</EventID><TimeCreated SystemTime='{iso}'/><EventRecordID>7</EventRecordID></System><EventData><Data Name='TargetUserName'>x</Data><Data Name='IpAddress'>{client}</Data></EventData></Event>"
GRAFANA = "logger=context userId=0 orgId=0 uname= t={iso} level=info msg={text} remote_addr={client} traceID="


def _failing(fields: Callable[[Visit], dict[str, object]]) -> Callable[[Visit], list[str]]:
    """One JSON line a visit."""
    return lambda visit: [as_json(**fields(visit))]


def _authentik(visit: Visit) -> dict[str, object]:
    asked = {"args": {"next": "/"}, "method": "POST", "path": "/api/v3/flows/executor/x/"}
    return {
        "action": "login_failed" if visit.failed else "authorize_application",
        "auth_via": "unauthenticated",
        "client_ip": visit.client,
        "context": {"http_request": asked, "username": "x"},
        "event": "Created Event",
        "host": "sso.example.com",
        "level": "info",
        "logger": "authentik.events.models",
        "timestamp": f"{visit.at:%Y-%m-%dT%H:%M:%S}.000000",
        "user": ANONYMOUS,
    }


def _cloudtrail(visit: Visit) -> dict[str, object]:
    failed = {"errorMessage": "Failed authentication"} if visit.failed else {}
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "accountId": "1", "accessKeyId": "", "userName": "x"},
        "eventTime": visit.iso,
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": visit.client,
        "userAgent": "Mozilla/5.0",
        **failed,
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Failure" if visit.failed else "Success"},
        "additionalEventData": {"LoginTo": "https://console.aws.amazon.com/", "MFAUsed": "No"},
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
    }


def _okta(visit: Visit) -> dict[str, object]:
    outcome = (
        {"result": "FAILURE", "reason": "INVALID_CREDENTIALS"} if visit.failed else {"result": "SUCCESS"}
    )
    agent = {"rawUserAgent": "Mozilla/5.0", "os": "Linux", "browser": "FIREFOX"}
    return {
        "actor": {"id": "u", "type": "User", "alternateId": "x@example.com"},
        "client": {"userAgent": agent, "zone": "null", "device": "Computer", "ipAddress": visit.client},
        "displayMessage": "User login to Okta",
        "eventType": "user.session.start",
        "outcome": outcome,
        "published": f"{visit.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "severity": "WARN",
        "debugContext": {"debugData": {"requestUri": "/api/v1/authn", "url": "/api/v1/authn?"}},
        "request": {"ipChain": [{"ip": visit.client, "version": "V4"}]},
    }


def _auth0(visit: Visit) -> dict[str, object]:
    return {
        "date": f"{visit.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "type": "fp" if visit.failed else "seacft",
        "description": "Wrong email or password." if visit.failed else "",
        "connection": "Username-Password-Authentication",
        "client_id": "a",
        "ip": visit.client,
        "user_agent": "Firefox 132.0.0",
        "details": {"error": {"message": "Wrong email or password."}} if visit.failed else {},
        "user_name": "x@example.com",
        "log_id": str(visit.number),
    }


def _vault(visit: Visit) -> list[str]:
    """A request and its response are a line each; only the response tells of a failure."""
    asked = {
        "id": "a",
        "operation": "update",
        "mount_type": "userpass",
        "path": "auth/userpass/login/x",
        "data": {"password": "hmac-sha256:0"},
        "remote_address": visit.client,
        "remote_port": 5,
    }
    failed = {"error": "invalid username or password"} if visit.failed else {}
    begun = as_json(
        time=f"{visit.iso[:-1]}.000000001Z", type="request", auth={"token_type": "default"}, request=asked
    )
    ended = {
        "time": f"{visit.iso[:-1]}.000000002Z",
        "type": "response",
        "request": asked,
        "response": {"data": {}},
    }
    return [begun, as_json(**ended, **failed)]


def _windows(visit: Visit) -> dict[str, object]:
    told = (
        "An account failed to log on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\r\nLogon Type:\t\t\t3\r\n\r\n"
        "Account For Which Logon Failed:\r\n\tAccount Name:\t\tx\r\n\r\nFailure Information:\r\n"
        "\tFailure Reason:\t\tUnknown user name or bad password.\r\n\tStatus:\t\t\t0xC000006D\r\n\r\n"
        f"Network Information:\r\n\tSource Network Address:\t{visit.client}\r\n\r\n"
        "This event is generated when a logon request fails."
    )
    return {
        "EventTime": f"{visit.at:%Y-%m-%d %H:%M:%S}",
        "EventType": "AUDIT_FAILURE" if visit.failed else "AUDIT_SUCCESS",
        "EventID": 4625 if visit.failed else 4634,
        "Severity": "ERROR" if visit.failed else "INFO",
        "Message": told if visit.failed else "An account was logged off.",
        "IpAddress": visit.client,
        "IpPort": "0",
    }


def _audit(visit: Visit) -> list[str]:
    """PAM tells each failure, and sshd twice more."""
    told = {"at": int(visit.at.timestamp()), "number": visit.number, "client": visit.client}
    res = "failed" if visit.failed else "success"
    kinds = [("USER_AUTH", "PAM:authentication"), ("USER_AUTH", "password"), ("USER_LOGIN", "login")]
    return [AUDIT.format(**told, type=kind, op=op, res=res) for kind, op in kinds]


def _keycloak(visit: Visit) -> dict[str, object]:
    told = (
        f'type="LOGIN_ERROR", realmId="r", realmName="r", clientId="c", userId="null", sessionId="null", '
        f'ipAddress="{visit.client}", error="user_not_found", auth_method="openid-connect", username="x"'
    )
    return {
        "timestamp": f"{visit.iso[:-1]}.000Z",
        "sequence": visit.number,
        "loggerName": "org.keycloak.events",
        "level": "WARN" if visit.failed else "INFO",
        "message": told if visit.failed else "KC-SERVICES0050: Initializing master realm",
        "threadName": "executor-thread-1",
    }


def _tai64n(visit: Visit) -> list[str]:
    """multilog counts from 2^62 on, ten seconds ahead of UTC."""
    label = f"@{(1 << 62) + int(visit.at.timestamp()) + 10:016x}00000000"
    tried = "Aborted login (auth failed, 1 attempts)" if visit.failed else "Login"
    return [
        f"{label} imap-login: Info: {tried}: user=<x@example.com>, method=PLAIN, rip={visit.client}, lip=192.0.2.1"
    ]


def _gitea(visit: Visit) -> list[str]:
    host = f"[{visit.client}]" if ":" in visit.client else visit.client
    why = "user does not exist [uid: 0, name: x, keyid: 0]"
    if not visit.failed:
        return [f"{visit.at:%Y/%m/%d %H:%M:%S} cmd/web.go:242:runWeb() [I] Starting Gitea on PID: 7"]
    told = f"Failed authentication attempt for x from {host}:5: {why}"
    return [f"{visit.at:%Y/%m/%d %H:%M:%S} ...ers/web/auth/auth.go:200:SignInPost() [I] {told}"]


def _event(name: str, fields: Callable[[Visit], dict[str, object]]) -> Stack:
    return Stack(name, _failing(fields), shows="login_failed")


def told_by(name: str, failed: str, otherwise: str, *, timed: bool = True, named: bool = True) -> Stack:
    """One line a visit, of a login that failed or of something else."""
    return Stack(name, when_failed(failed, otherwise), shows="login_failed", timed=timed, named=named)


FORTINET = 'date={at:%Y-%m-%d} time={at:%H:%M:%S} eventtime={ms}000000 tz="+0000" type="event" subtype="vpn" vd="root" '
LOGIN_STACKS = (
    _event("authentik", _authentik),
    _event("AWS CloudTrail", _cloudtrail),
    _event("Okta", _okta),
    _event("Auth0", _auth0),
    Stack("HashiCorp Vault", _vault, shows="login_failed"),
    _event("Windows", _windows),  # a text of several lines
    _event("Keycloak JSON", _keycloak),
    told_by(
        "Windows XML",
        EVENT.format(id=4625, client="{client}", iso="{at:%Y-%m-%dT%H:%M:%S}.0000000Z"),
        EVENT.format(id=4634, client="{client}", iso="{at:%Y-%m-%dT%H:%M:%S}.0000000Z"),
    ),
    Stack("Linux audit", _audit, shows="login_failed", beside=2),
    Stack("multilog", _tai64n, shows="login_failed"),
    Stack("Gitea", _gitea, shows="login_failed"),
    told_by(
        "Grafana's context",
        GRAFANA.replace(
            "{text}",
            'Unauthorized error="[password-auth.failed] failed to authenticate identity: [password-auth.invalid] invalid password"',
        ),
        GRAFANA.replace("{text}", 'Unauthorized error="[session.token.rotate] token needs to be rotated"'),
    ),
    told_by(
        "Fortinet VPN",
        FORTINET
        + 'logdesc="SSL VPN login fail" action="ssl-login-fail" remip={client} user="x" reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"',
        FORTINET
        + 'logdesc="SSL VPN tunnel up" action="tunnel-up" remip={client} user="x" msg="SSL tunnel established"',
    ),
    told_by(
        "Fortinet administration",
        FORTINET
        + 'logdesc="Admin login failed" user="x" ui="https({client})" srcip={client} action="login" status="failed" msg="Administrator x login failed from https({client}) because of invalid user name"',
        FORTINET
        + 'logdesc="Admin login" user="x" srcip={client} action="login" status="success" msg="Administrator x logged in successfully from https({client})"',
    ),
    told_by(
        "Authelia",
        'time="{iso}" level=error msg="Unsuccessful 1FA authentication attempt by user \'x\'" error="user not found" method=POST path=/api/firstfactor remote_ip={client}',
        'time="{iso}" level=info msg="Startup complete"',
    ),
    told_by(
        "Home Assistant",
        "{at:%Y-%m-%d %H:%M:%S}.000 WARNING (MainThread) [homeassistant.components.http.ban] Login attempt or request with invalid authentication from x.example.com ({client}). Requested URL: '/auth/login_flow/7'. (Mozilla/5.0)",
        "{at:%Y-%m-%d %H:%M:%S}.000 INFO (MainThread) [homeassistant.setup] Setup of domain http took 0.01 seconds",
    ),
    told_by(
        "Jellyfin",
        '[{at:%Y-%m-%d %H:%M:%S}.000 +00:00] [INF] [33] Jellyfin.Server.Implementations.Users.UserManager: Authentication request for "x" has been denied (IP: "{client}").',
        "[{at:%Y-%m-%d %H:%M:%S}.000 +00:00] [INF] [33] Main: Kestrel is listening on 0.0.0.0",
    ),
    Stack(
        "Proxmox VE",
        lambda visit: [
            syslog("pvedaemon")(visit)
            + (
                f"authentication failure; rhost={visit.client} user=x@pam msg=no such user ('x@pam')"
                if visit.failed
                else "<root@pam> successful auth for user 'root@pam'"
            )
        ],
        shows="login_failed",
    ),
    told_by(
        "ZoneMinder",
        '{at:%m/%d/%y %H:%M:%S}.393003 web_php[7].ERR [{client}] [Login denied for user "x"] at /usr/share/zoneminder/www/includes/auth.php line 313',
        '{at:%m/%d/%y %H:%M:%S}.393003 web_php[7].INF [{client}] [Login successful for user "x"] at /usr/share/zoneminder/www/includes/auth.php line 86',
        timed=False,
    ),
    told_by(
        "Jenkins",
        "{at:%Y-%m-%d %H:%M:%S}.000+0000 [id=12]\tINFO\th.s.AuthenticationProcessingFilter2#unsuccessfulAuthentication: Login attempt failed",
        "{at:%Y-%m-%d %H:%M:%S}.000+0000 [id=12]\tINFO\thudson.WebAppMain$3#run: Jenkins is fully up and running",
        named=False,
    ),
)
