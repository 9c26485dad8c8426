"""What a variable is likely to be, a secret or a setting, by its name and what its values look like."""

import re
import tomllib
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import cache
from pathlib import Path

from audit_lib.secrecy import strength
from audit_lib.settings.models import Policy

_DATA = tomllib.loads(Path(__file__).with_name("kinds.toml").read_text("utf-8"))
_FAMILIES = tuple(frozenset(words.split()) for words in _DATA.pop("families"))
_WORDS = {key: frozenset(words.split()) for key, words in _DATA.items()}
# Names of what a provider issues.
_ISSUED = re.compile(r"(.+)_(?:API_?KEY|CLIENT_SECRET|BOT_TOKEN|SECRET_ACCESS_KEY)(?:_?\d{1,9})?")
# What a value can be: the first that holds, else text, which may be either.
_FORMS = {
    "no value": strength.is_no_value,
    "URL with password": strength.has_password,
    "generated": strength.looks_generated,
    "plain": strength.is_plain,
}


def shape_by(ask: Callable[[Callable[[str], bool]], bool]) -> str:
    """The form of a value that is known only by the answers to questions about it."""
    return next((form for form, question in _FORMS.items() if ask(question)), "text")


def form_of(value: str) -> str:
    """The form of a value that may be seen here."""
    return shape_by(lambda question: question(value))


def likely_kind(name: str, forms: Iterable[str], policy: Policy) -> tuple[str, str]:
    """Kind (secret, identifier or setting) and component: in an address the password is the secret.

    A value that can only be a setting makes a setting of all but what only a secret is called.
    """
    seen = set(forms) - {"no value"}
    if "URL with password" in seen:
        return "secret", "password"
    # What a provider publishes, as Sentry's DSN and PostHog's project key, also behind a build tool's prefix.
    bare = next((name.removeprefix(one) for one in policy.public_prefixes if name.startswith(one)), name)
    public = _matches(name, policy.public_names) or _matches(bare, policy.public_names)
    if public or _matches(name, _WORDS["not_secret"]):
        return "setting", "whole"
    parts = set(name.upper().replace("API_KEY", "APIKEY").split("_"))
    named, only_plain = _matches(name, policy.secret_names), seen == {"plain"}
    if _matches(name, policy.secret_url_names) and not named:
        # A connection string that is no store's holds its key as one of several fields, as Azure's does.
        store, fields = _WORDS["stores"] & parts, {"CONNECTION", "STRING"} <= parts
        held = (store or fields) and not only_plain
        return ("secret" if held else "setting"), ("password" if held and store else "whole")
    if named and (_WORDS["sure"] & parts or not only_plain):
        return "secret", "whole"
    if _matches(name, _WORDS["identifiers"]):
        return "identifier", "whole"
    return ("secret" if "generated" in seen else "setting"), "whole"


def is_issued(name: str, application: str) -> bool:
    """Whether a secret's name says that a provider issues it, as OPENAI_API_KEY does."""
    found = _ISSUED.fullmatch(name.upper())
    own = _WORDS["no_provider"] | set(re.findall(r"[A-Z0-9]+", application.upper()))
    return found is not None and not own.issuperset(found[1].split("_"))


def of_one_store(one: str, other: str) -> bool:
    """Whether two names are of one kind of store: POSTGRES_PASSWORD and DATABASE_URL are."""
    first, second = set(one.upper().split("_")), set(other.upper().split("_"))
    return any(first & family and second & family for family in _FAMILIES)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name, without a number at its end, matches one of the patterns."""
    bare = re.sub(r"_?\d{1,9}$", "", name.upper()) or name.upper()
    return _any_of(tuple(patterns)).match(bare) is not None


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # An env file can hold thousands of names: they are compared with one expression.
    return re.compile("|".join(translate(pattern.upper()) for pattern in patterns) or r"(?!)")
