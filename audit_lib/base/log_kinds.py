"""The kinds under which requests and messages of a log are counted (docs/design.md#kinds-of-log-lines)."""

REQUEST_KINDS = {401: "unauthorized", 403: "forbidden", 429: "rate_limited"}
DECLARED = "declared_failure"  # what else the policy, or audit.toml, declares to be a failed login
FAILED_REQUESTS = (*REQUEST_KINDS.values(), DECLARED)
MOST_LOGINS = 20  # that a policy declares, and as many an audit.toml
# Where each line of a log ends; of one that is text only a prefix or a statement matched, and nothing else.
LOG_LINE_STATES = ("request", "message", "text only", "not understood", "blank")
POSSIBLE = "possible_login_failure"  # said in words that no format knows, or beside a line that counts
BOOT = "secrets valid"  # the message of log_formats.toml that a start writes
SHOWING_VALUES = ("value in a validation error", "secret in a url")  # messages whose lines show a value
NOTICE = "notice"  # an event that is not a failure
MESSAGE_KINDS = (
    "login_failed", "jwt_invalid", "csrf_blocked", "database_failure", "secret_validation_failed",
    "startup_failed", "validation_error", "connection_failed", "process_ended", POSSIBLE, NOTICE,
)  # fmt: skip
MOST_ROUTES = 100_000  # beyond these the requests to the others are counted together, under …
OTHER_ROUTES = "(other routes)"  # … a name that no path has
