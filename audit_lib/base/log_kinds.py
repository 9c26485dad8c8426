"""The kinds under which requests and messages of a log are counted (docs/design.md#kinds-of-log-lines)."""

REQUEST_KINDS = {401: "unauthorized", 403: "forbidden", 429: "rate_limited"}
NOTICE = "notice"  # an event that is no failure
MESSAGE_KINDS = (
    "login_failed",
    "jwt_invalid",
    "csrf_blocked",
    "database_failure",
    "secret_validation_failed",
    "startup_failed",
    "validation_error",
    NOTICE,
)

# Beyond so many routes the requests to the others are counted together, under a name that no path has.
MOST_ROUTES = 100_000
OTHER_ROUTES = "(other routes)"
