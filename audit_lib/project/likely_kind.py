"""What a variable is likely to be, a secret or a setting, by its name and the shapes of its values."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import cache

from audit_lib.project.discovery import words
from audit_lib.project.policy.rules import Policy
from audit_lib.secrecy import value_questions as values

IDENTIFIERS = ("*_ID", "*_ACCOUNT", "*_USER", "*_USERNAME", "*_LOGIN")
# What is public by its nature, or says how a secret is used: no secret, whatever else the name holds.
NOT_SECRET = words(
    """
    *PUBLIC_KEY *PUBLISHABLE_KEY *SITE_KEY *SITEKEY *KEY_FILE *KEYFILE *_FILE *_PATH *_DIR *_NAME *_HEADER
    *_ENDPOINT *_EXPIRY *_EXPIRES *_EXPIRATION *_LIFETIME *_TTL *_TIMEOUT *_LENGTH *_LIMIT *_ALGORITHM *_TYPE
    *_ENABLED *_PREFIX *_ISSUER *_AUDIENCE *_MINUTES *_HOURS *_DAYS *_SECONDS *_AGE *X509 *_CERT *_COMMIT
    *_SHA *_DIGEST *_CHECKSUM *_VERSION *_FINGERPRINT
    ENABLE_* DISABLE_* IS_* HAS_* USE_* ALLOW_* REQUIRE_* SKIP_* SHOW_* FORCE_*
    """
)
# The address of a store carries a password.
STORES = words(
    "DATABASE DB POSTGRES POSTGRESQL PG MYSQL MONGO MONGODB REDIS AMQP RABBITMQ BROKER CELERY CACHE"
)
# Words that only a secret's name has: whatever its value looks like, it is one.
SURE = words("SECRET PASSWORD PASSWD PASSPHRASE PASS DBPASS PGPASS PWD CREDENTIAL CREDENTIALS APIKEY")
# Names of what a provider issues, and words beside them that say nothing of who it is.
_ISSUED = re.compile(r"(.+)_(?:API_?KEY|CLIENT_SECRET|BOT_TOKEN|SECRET_ACCESS_KEY)(?:_?\d{1,9})?")
_NO_PROVIDER = words("ADMIN API APP AUTH BACKEND FRONTEND INTERNAL MASTER MY NEXT PUBLIC SERVER SERVICE VITE")
# What a value can be: the first that holds, else text, which may be either.
_SHAPES = {
    "no value": values.is_no_value,
    "URL with password": values.has_password,
    "generated": values.looks_generated,
    "plain": values.is_plain,
}
# The server's own variable, its clients' and their addresses hold one password, each by its own name.
FAMILIES = (
    words("DB DATABASE SQL POSTGRES POSTGRESQL PG PGPASSWORD MYSQL MARIADB MSSQL"),
    words("MONGO MONGODB"),
    words("REDIS VALKEY CACHE KEYDB"),
    words("RABBITMQ AMQP BROKER CELERY"),
    words("S3 MINIO AWS"),
)


def shape_by(ask: Callable[[Callable[[str], bool]], bool]) -> str:
    """The shape of a value that is known only by the answers to questions about it."""
    return next((shape for shape, question in _SHAPES.items() if ask(question)), "text")


def likely_kind(name: str, shapes: Iterable[str], policy: Policy) -> tuple[str, str]:
    """Kind (secret, identifier or setting) and component: in an address the password is the secret.

    A value that can only be a setting makes a setting of all but what only a secret is called.
    """
    seen = set(shapes) - {"no value"}
    only_plain = bool(seen) and seen <= {"plain"}
    if "URL with password" in seen:
        return "secret", "password"
    if _matches(name, NOT_SECRET):
        return "setting", "whole"
    parts = set(name.upper().replace("API_KEY", "APIKEY").split("_"))
    named = _matches(name, policy.secret_names)
    if _matches(name, policy.secret_url_names) and not named:
        # A connection string that is no store's holds its key as one of several fields, as Azure's does.
        held = "password" if STORES & parts else "whole" if {"CONNECTION", "STRING"} <= parts else ""
        return ("secret", held) if held and not only_plain else ("setting", "whole")
    if named and (SURE & parts or not only_plain):
        return "secret", "whole"
    if _matches(name, IDENTIFIERS):
        return "identifier", "whole"
    return ("secret" if "generated" in seen else "setting"), "whole"


def is_issued(name: str, application: str) -> bool:
    """Whether a secret's name says that a provider issues it, as OPENAI_API_KEY does."""
    found = _ISSUED.fullmatch(name.upper())
    own = _NO_PROVIDER | set(re.findall(r"[A-Z0-9]+", application.upper()))
    return found is not None and not own.issuperset(found[1].split("_"))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name, without a number at its end, matches one of the patterns."""
    bare = re.sub(r"_?\d{1,9}$", "", name.upper()) or name.upper()
    return _any_of(tuple(patterns)).match(bare) is not None


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # An env file can hold thousands of names: they are compared with one expression.
    return re.compile("|".join(translate(pattern.upper()) for pattern in patterns) or r"(?!)")


def of_one_store(one: str, other: str) -> bool:
    """Whether two names are of one kind of store: POSTGRES_PASSWORD and DATABASE_URL are."""
    first, second = set(one.upper().split("_")), set(other.upper().split("_"))
    return any(first & family and second & family for family in FAMILIES)
