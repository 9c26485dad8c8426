"""Whether a value under a password's name was chosen by somebody, and no generator made it."""

import re
from urllib.parse import unquote

from audit_lib.leaks.looks_secret import is_patterned, names_no_secret, reads_as_words
from audit_lib.secrecy.wording import is_of_no_language

# What a password's name ends in, and names of which a chosen value is one only if it has signs of two kinds.
_PASSWORD = re.compile(
    r"(?i)(?:pa?ss?w(?:or?|r)?d|passphrase|passcode|pwd|(?:^|[_. -])ps?w|secret(?:[_-]?(?:access)?[_-]?key)?)"
    r"(?:[_-]?\d|[_-]?(?:confirm|confirmation|again|repeat|value|default|text))?$"
    r"|(?:^|[_.-]|db|user|ssl|smtp|ftp|mail|root|admin|my|sql|pg|redis|ldap|proxy|login|key|trust|store)pass\d?$"
)
# A key of anything, and what a database gives as one.
_KEY, _ID = re.compile(r"(?i)(?:^|[.])key$"), re.compile(r"[0-9a-f]+")
_TOKEN = re.compile(r"(?i)token|key$|secret|ticket|verifier|signature|credentials?$|auth$")
# Keys and tokens that can be nothing but credentials.
_CREDENTIAL = re.compile(
    r"(?i)(?:api|access|auth|oauth|refresh|bearer|consumer|personal|deploy|bot|app|master|admin|private|sign(?:ing)?|encrypt(?:ion)?)"
    r"[_.-]?(?:secret[_.-]?)?(?:token|key)$"
)
_NO_NAME = re.compile(
    r"(?i)^(?:reset|forgot|forget|show|hide|has|is|no|need|use|with|allow|require|change|update|check|verify|validate|get|set|enter|bypass|compass|by)"
    r"[_-]?pass|^no[_-]|no[_-]?pass|(?:^|[^a-z])(?:bypass|compass|trespass|surpass|encompass)$|public|csrf|xsrf|websocket|header|field|type|hash|sha\d|md5|fake|dummy|mock|invalid|wrong|bad|required|incorrect|missing|expired|weak"
    r"|(?:method|algorithm|alg|version|scheme|format|status|expir\w*|ids?|url|uri|path|file|name|count|size|length|policy)$"
    # the name of an object that holds it
    r"|(?:from|existing|tls|pull|ingress|external)_?secret|secret_?ref"
)
_SAME = ("password", "passwd", "pwd", "passphrase")
# What holds a secret in a cluster, by its name.
_OBJECT = re.compile(
    r"[a-z0-9.]+(?:-[a-z0-9.]+)*-(?:tls|certs?|licen[cs]e|credentials|creds|config|secrets|root|node)"
)
# Of what a constant is the name.
_FIELD = re.compile(
    r"(?i)param|grant|mode|attr|prop|arg|column|flag|option|claim|scheme|owner|^name_|prefix|kind|resource|req"
)
# What stands where a password will be, and says so.
_PLACEHOLDER = re.compile(
    r"(?i)your|to_?fill|example|sample|change|placeholder|insert|replace|create|missing|dummy|redact|xxx|---|\*\*\*|\.\.\.|here$|_string$|(?-i:^[A-Z_]*(?:SECRET|PASSWORD|TOKEN|KEY)$)|fill[_-]?(?:me|in)|(?:put|enter|provide|paste|set)[_-](?:me|a|the|my|in|new)|todo|fixme|\btbd\b"
    r"|(?:un|not[_-]?)(?:used|needed|set|known)$|irrelevant|does[_-]?nt?[_-]?(?:not[_-]?)?matter|whatever|^ignored?$"
    # the same in other languages
    r"|(?:dein|ihr|euer|votre|ton|sua?|seu|tuo?|twoje|uw|jouw)[_-]?(?:pass|kennw|mot|mdp|clave|contra|senha|token|has[lł]|wacht|schl)"
    r"|change[zr]|cambia|cambie|aendern|ersetz|remplac|reemplaz|substitu|hier[_-]|[_-](?:hier|ici|aqui)$"
    r"|^(?:token|key)$|[a-z][_-]?(?:password|key|token)\d{0,3}$|^[<\[{]"
)
# What many choose.
_DEFAULT = re.compile(
    r"(?i)pass|pwd|secret|test|default|admin|root|user|guest|demo|foo|bar|qwert|asdf|abc|letmein|welcome|postgres|mysql|mongo|redis|rabbit"
    r"|kennwort|senha|contrasen|mot_?de_?passe|wachtwoord|heslo|haslo|parola|salasana|sifre"  # password
    r"|p[a@4][s5$]{2}w|s[e3]cr[e3]t|[a@]dm[i1]n|zxcv|1q2w|q1w2|1qaz|qazwsx|azerty|\b(?:baz|qux|quux|spam|hello|lorem|hoge)\b"
    r"|^(.)\1*$|(?:0123|1234|4321|1111)|^(?:good|bad|wrong|right|short|long|weak|strong|new|old|(?:in)?valid|(?:in)?correct|typo|injected)$"
)
# What is no value: types, switches, rules, references, code, paths, addresses.
_NO_VALUE = re.compile(
    r"(?i)--?[a-z].*|[.+]\s?[$\w(].*[(\[].*|#[a-z]+(?:-[a-z0-9]+)*|[a-z_]+=|\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){7}|required\|.*|(?:true|false|null|none|nil|undefined|function|symbol|yes|no|on|off|str|strings?|duration|text|hidden|required|optional|object|number|boolean|int|integer"
    r"|self|this|undef|option|flag|argument|parameter|prompt|and|for|with|will|must|should|type|name|value|include|omit|same-origin|basic|bearer|digest|file|env|auto|unset|empty|varchar|char|password_hash|compat|files|systemd)\??"
    r"|.*(?:[$#%@~]\{|\{\{|\{%|<%|\[\[|\$\(|%\(|%s|%d|\{[\w.]*\}|<[\w ./-]+>|\(\)|\[\]|=>|->|::|\|\||&&).*"
    r"|\$\w+(?::\w+|[.\[].*|\$)?|\$\w+(?:\[\w+\])?[:@/.-]\$.*|\$[a-z][\w-]*\$.+\$.*|\*[0-9A-F]{40}|@(?:\w+|[\w.-]+@)|#\w*|#/.*|%\w+%|%[a-z][a-z_-]+|:\w+|&\w+;?|__\w+__"
    r"|(?:https?|file|ftp)://.*|[~.]{0,2}/.*|.*\.(?:py|js|ts|json|ya?ml|toml|pem|key|crt|txt|md|env|html|vue|php|com|org|net)"
    r"|[A-Za-z_]+\d?(?:\.[A-Za-z_]+\d?)+|[a-z-]+(?:\.[a-z-]+)+|(?-i:[A-Z][a-z]\w+(?::[A-Z][a-z]\w+)+)|[a-z]+(?:\|[a-z]+)+"
    r"|(?:hmac[_-]?)?sha-?\d{1,3}(?:with[a-z]+)?|(?:hs|rs|es|ps)(?:256|384|512)|aes[-_]?\d{3}(?:[-_][a-z]{3})?|ed25519|sha\d{1,3}:.*"
    r"|\([\w.]*|[\w.-]+(?:/[\w.-]+)+\.[a-z]{1,5}|(?:\\+u[0-9a-f]{4})+|[\w-]{1,14}\.{2,}[\w-]{1,14}"
    r"|[A-Za-z_$][\w.]*(?:\(.*|\[(?:[^\]\s]*\].*)?)|[a-z]+(?:/[a-z_-]+)+|(?:char|varchar)\(.*|arn:.*|vault:.*|(?:file|env|fd):.*|0x[0-9a-f]+|ENC\[.*|ENC\(.*|!\w+.*"
    r"|\$?(?:2[aby]|1|5|6|argon2\w*|pbkdf2\w*)\$.*|\{[A-Za-z0-9]+\}.*|pbkdf2.*"
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")  # the name of a secret
# A hash at rest, or an identifier.
_HASH = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_USER = re.compile(
    r"(?i)(?:user\w*|login|name|account|uid|owner|role|db|database|\s-u)"
    r"[\"'`\]]{0,2}\s{0,3}(?:=>|[:=,])?\s{0,3}[\"'`]?([\w.@-]+)"
)
_SEVERAL_WORDS = re.compile(r"(?i)[a-z0-9]+(?:[-_.][a-z0-9]+)+")
# Names of what people remember, which may be short.
_OF_A_PERSON = re.compile(r"(?i)pass|pa?ss?w|pwd|pw\d?$|identified")
_LONGEST_STUB = 5
_SHORTEST_NAME = 3
_SHORTEST, _LONGEST = 4, 120
_SHORTEST_TOKEN = 10


def looks_chosen(value: str, name: str, shortest: int = _SHORTEST) -> bool:
    """Whether a value may be a password that somebody chose, be it a default."""
    if not shortest <= len(value) <= _LONGEST or _is_no_value(value):
        return False
    if _NO_NAME.search(name.rpartition(".")[2]):
        return False
    if _PASSWORD.search(name):
        return not _names_itself(value, name) and not _is_of_a_field(value, name)
    if names_no_secret(name) or (_KEY.search(name) and (_ID.fullmatch(value) or reads_as_words(value))):
        return False
    if _CREDENTIAL.search(name) and is_of_no_language(value):
        return True
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"\d.*\d", value)
    return bool(
        _TOKEN.search(name)
        and mixed
        and re.fullmatch(r"[A-Za-z0-9%]+={0,2}", value)
        and len(value) >= _SHORTEST_TOKEN
    )


def _names_itself(value: str, name: str) -> bool:
    """Whether a value is its own name, or that of the object which holds it."""
    if name.lower().endswith("secret") and _OBJECT.fullmatch(value):
        return True
    if _plain(name) in (_plain(value), f"{_plain(value)}key"):
        return True
    # It may begin with more: the option db-password of KEY_DB_PASSWORD.
    return _SEVERAL_WORDS.fullmatch(value) is not None and _plain(name).endswith(_plain(value))


def _is_no_value(value: str) -> bool:
    """Whether a text is a type, code, a path, a name, a hash or no word at all."""
    if not value.isascii() or re.search(r"\s", value) or value.strip("\"'`.,;:") == "":
        return True
    kinds = (_NO_VALUE, _VARIABLE, _HASH)
    return any(kind.fullmatch(value) for kind in kinds) or not re.search(r"[A-Za-z0-9]{2}", unquote(value))


def _is_of_a_field(value: str, name: str) -> bool:
    """Whether a constant says how a parameter or an option is called: its name ends alike."""
    said = _plain(value)
    ends = _SAME if said in _SAME else (said, said.removesuffix("s"))
    return _FIELD.search(name) is not None and _plain(name).endswith(ends)


def is_word(value: str) -> bool:
    """Whether a value reads as a name, which beside a password's name in a call it is rather than a value."""
    return re.fullmatch(r"(?:[A-Z]?[a-z_-]+|[A-Z_-]+|[a-z]+(?:[A-Z][a-z]+)+)\d?", value) is not None


def is_default(value: str) -> bool:
    """Whether a chosen value is one that many choose."""
    return _DEFAULT.search(value) is not None or is_patterned(value)


def stands_for_a_secret(value: str, name: str) -> bool:
    """Whether a value is a word too short for a secret, a token or a key, and beside the name of one."""
    return len(value) <= _LONGEST_STUB and is_word(value) and not _OF_A_PERSON.search(name)


def is_named_after(value: str, name: str, path: str, near: str) -> bool:
    """Whether a chosen value is its user, or the product that its name, file or folder is called by."""
    core = re.sub(r"[\W\d_]+$", "", value)
    if len(core) < _SHORTEST_NAME or not is_word(core):
        return False
    words = (part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", f"{name} {path}"))
    users = (user.lower() for user in _USER.findall(near))
    return core.lower() in words or value.lower() in users


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that will be."""
    return _PLACEHOLDER.search(value) is not None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
