"""What a file is by its path: others' text, generated, code, a translation, a test or a document."""

import re

# Others' texts, and git's own files.
_INSTALLED = re.compile(
    r"(?:^|/)(?:node_modules|\.?venv|site-packages|vendor|third_party|bower_components|\.yarn|\.git)/"
)
_LOCK = re.compile(
    r"(?i)(?:^|/)(?:[\w.-]*[.-]lock(?:\.json|\.yaml)?|[\w-]*lock\.(?:json|ya?ml)|go\.sum|npm-shrinkwrap\.json)$"
)
_GENERATED = re.compile(
    r"(?i)(?:^|/)(?:\.next|dist|build|out|coverage|__pycache__|\.[a-z]+_cache|\.?cache|[_.]*snapshots?_*)/"
    r"|[.-](?:bundle|chunk)\.js$|\.(?:min\.js|min\.css|map|svg|snap|po|csv|tsv|geojson"
    r"|pyc|db|sqlite3?)$"
)
# A script or style that is packed has lines which nobody writes.
_SCRIPT = re.compile(r"(?i)\.(?:[cm]?js|css)$")
_PACKED, _LONGEST_LINE = 10_000, 500
# Languages in which a text stands in quotes; what does not is a name or a call.
_CODE = re.compile(
    r"(?i)\.(?:py|pyi|[cm]?jsx?|[cm]?tsx?|vue|svelte|go|java|kts?|scala|groovy|rb|php\d?|cs|fs|vb|c|cc|cpp|cxx|h|hh|hpp|mm?"
    r"|swift|rs|dart|css|s[ac]ss|less|lua|pl|pm|gradle|pp|coffee|twig|ejs|ex|exs|erl|hs|clj|jl|r|sol)$"
)
# What begins and ends a text of several lines.
_LONG_QUOTES = (
    (re.compile(r"(?i)\.go$"), (b"`",)),
    (re.compile(r"(?i)\.(?:pyi?|java|kts?|scala|groovy|swift)$"), (b'"""', b"'''")),
)
_TRANSLATION = re.compile(
    r"(?i)(?:^|/)(?:(?:locales?|i18n|l10n|lang(?:uages?)?|translations?|messages)(?:/|\.)"
    r"|(?:messages|labels|strings)_[a-z]{2}(?:_[a-z]{2,4})?\.properties$)"
)
_TEST_OR_DOCUMENT = re.compile(
    r"(?i)(?:^|/)(?:[\w.-]*tests?|__tests__|test(?:data|ing|kit|utils?|helpers?|cases?|suites?|[_-][\w.-]+)|t|specs?|e2e|cypress|fuzz|conformance|bench(?:marks?)?|fixtures?|_*mocks?_*|stubs?)/"
    r"|(?:^|/)(?:examples?|samples?|demos?|quickstarts?|tutorials?|docs?|documents?|documentation)/"
    r"|(?:^|/)(?:test_|conftest\.|(?:tests?|examples?|samples?)[.-])[^/]*$|(?-i:[a-z0-9](?:Tests?|Spec|IT)\.[a-z]+$)|[._-](?:tests?|specs?|stories|examples?|samples?|templates?|dist)(?:\.[^/]*)?$"
    r"|\.(?:md|mdx|markdown|rst|rdoc|adoc|asciidoc|txt|http|rest|feature|bats|robot)$"
    r"|(?:^|/)(?:readme|changelog|contributing)[^/]*$"
    # what describes an interface
    r"|(?:^|/)(?:openapi|swagger)[^/]*\.(?:json|ya?ml)$|schema\.json$|\.postman_collection\.json$"
    # what a build starts and throws away
    r"|(?:^|/)\.(?:github|circleci|devcontainer|buildkite|semaphore|woodpecker|gitea|forgejo)/|(?:^|/)\.?ci/"
    r"|(?:^|/)\.(?:gitlab-ci|travis|appveyor|drone|woodpecker|cirrus)\.ya?ml$"
    r"|(?:^|/)(?:azure-pipelines|bitbucket-pipelines|cloudbuild|buildspec|appveyor|wercker)[^/]*\.ya?ml$|(?:^|/)Jenkinsfile[^/]*$"
)


def is_installed(path: str) -> bool:
    """Whether a file belongs to an installed package or to git: its text is others'."""
    return _INSTALLED.search(path) is not None


def is_others(path: str) -> bool:
    """Whether a file is not written by the project's people: a package's, git's, or a lock file."""
    return is_installed(path) or _LOCK.search(path) is not None


def is_generated(path: str, content: bytes = b"") -> bool:
    """Whether a program wrote the file, or packed a script: only what is unmistakable counts there."""
    packed = len(content) > _PACKED and content.count(b"\n") * _LONGEST_LINE < len(content)
    return _GENERATED.search(path) is not None or (packed and _SCRIPT.search(path) is not None)


def is_page(path: str) -> bool:
    """Whether it is a web page: its words are for people, and what stands beside a name is a label."""
    return path.lower().endswith((".html", ".htm"))


def is_code(path: str) -> bool:
    """Whether a text stands in quotes there, so that what does not is a name."""
    return _CODE.search(path) is not None


def long_quotes(path: str) -> tuple[bytes, ...]:
    """What begins and ends a text of several lines in the language of a file; () if it is not known."""
    return next((quotes for language, quotes in _LONG_QUOTES if language.search(path)), ())


def is_translation(path: str) -> bool:
    """Whether the file says in a language what a user sees, such as the word for password."""
    return _TRANSLATION.search(path) is not None


def deploys(path: str) -> bool:
    """Whether what the file says may be in use: it is no test or build, no example and no document."""
    return _TEST_OR_DOCUMENT.search(path) is None
