"""How a review is run again to the same bytes: its command, and REPERFORM.md of the package."""

import shlex
from collections.abc import Iterator

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.report import escape as inert

_NAMED = ("policy", "ledger", "previous")  # parameters that are options under the same name
_GIVEN = {"from stdin": "-", "from the process environment": "environ"}  # by the reason of their source
_KEYS = {
    "demo": "the public DEMO key, which comes with the tool.",
    "throw-away": "none: digests of files with values are left out, and no ledger was read.",
}
_FOLDER = """\
- The project's folder as it was, at commit {commit}, with `.git`, files that git does not track, and the
  times of files: a copy by `tar` or `cp -a` keeps them, a clone does not. Times are evidence of ages."""
_TEXT = """\
# Run this review again

The same inputs give the same bytes. Whoever has the inputs below can check that with three commands.

## What you need

- audit_lib {version}, as a checkout. Its commit is in `signoffs.json` beside this file, once somebody signed.
  `make setup` installs each package by its hash. The bytes are the same with Python 3.11 and newer.
{folder}
- The key: {key}
{more}
## Three commands

CHECKOUT is the tool's folder, REPORT the one with this file. Begin in a folder from which the paths of the
command lead to the inputs: they are part of the notebook, and so of its bytes.

```sh
make -C CHECKOUT setup
CHECKOUT/.venv/bin/{command} --out again
cmp REPORT/MANIFEST.json again/MANIFEST.json
```

`cmp` prints nothing if all is the same: MANIFEST.json has the digest of each other file.
`audit-lib verify REPORT` shows that the files here are those of their manifest.

## If they differ

Compare the inputs, in this order: policy, ledger, files. The policy is `{name}`, SHA-256 `{policy}`.

{ledger}Files with values have keyed digests: compare `inputs` of the two manifests. The others can be checked
with `sha256sum --check` in the project's folder:

```
{digests}
```

Also read, and named by the commit alone: code, and git's objects.
"""
_LEDGER = """\
A chain of the ledger that `audit-lib verify LEDGER` shows with another head has grown since. In the copy of
the project, cut it after its head, and take away chains that are not listed:

```sh
{cuts}
```

"""


def command(audit: Audit) -> str:
    """The command as it was given, without where its report went; by hand as `review` would be given it."""
    asked = audit.parameters
    project = asked.get("project", "DIR")
    options = [("project", project)] if project else []
    options += [("quarter", str(audit.quarter)), ("as-of", iso(audit.as_of))]
    options += [(name, asked[name]) for name in _NAMED if asked.get(name)]
    if not asked and "policy: from = the reviewer" in audit.settings:
        options.append(("policy", "FILE"))
    if asked.get("identities", "masked") != "masked":
        options.append(("identities", asked["identities"]))
    options += [("log", one) for one in shlex.split(asked.get("logs", ""))]
    options += [("env", one) for one in _given(audit)]
    words = ["audit-lib review", *([] if project else ["--sample"])]
    return inert.plain(" ".join([*words, *(f"--{name} {shlex.quote(text)}" for name, text in options)]))


def _given(audit: Audit) -> list[str]:
    """What `--env` gave, as it is given again: the values themselves are nowhere."""
    given = audit.tables["sources"].query("kind == 'given values' and state == 'read'")
    return [f"{one.environment}/{one.service}={_GIVEN.get(one.reason, 'FILE')}" for one in rows(given)]


def reperform_text(audit: Audit) -> str:
    """Markdown: what must be at hand, three commands, and the inputs by digest."""
    cuts = [
        f"sed -i '/{head.partition(':')[2]}/q' {shlex.quote(f'{writer}.jsonl')}"
        for writer, head in audit.ledger_heads
    ]
    kept = f"`{audit.key_id}`: put its file where AUDIT_KEY_FILE says."
    return _TEXT.format(
        version=__version__,
        folder=_folder(audit),
        key=_KEYS.get(audit.key_origin, kept),
        more="".join(f"- {line}\n" for line in _more(audit)),
        command=command(audit),
        name=inert.plain(audit.policy.name).replace("`", "'"),  # it stands in a code span
        policy=audit.policy.sha256,
        ledger=_LEDGER.format(cuts="\n".join(map(inert.plain, cuts))) if cuts else "",
        digests="\n".join(_digests(audit.tables["sources"])) or "(none)",
    )


def _folder(audit: Audit) -> str:
    if audit.parameters.get("project") == "":
        return "- No project: the command builds the bundled sample."
    return _FOLDER.format(commit=f"`{audit.commit}`" if audit.commit else "unknown (it has no repository)")


def _more(audit: Audit) -> Iterator[str]:
    """What else the command names: it lies outside of the project, or nowhere."""
    given = _given(audit)
    if given:
        yield f"The same values again for {counted(len(given), 'place')} of `--env`: they are stored nowhere."
    named = [f"--{name}" for name in (*_NAMED, "logs") if audit.parameters.get(name)]
    if named:
        yield f"What {', '.join(named)} of the command name, at the same places."


def _digests(sources: pd.DataFrame) -> list[str]:
    """A line for each file that was read and whose digest tells nothing of a value, as sha256sum has it."""
    read = sources[sources["state"].eq("read") & sources["sha256"].notna() & sources["kind"].ne("policy")]
    read = read.sort_values("source")
    return list(dict.fromkeys(f"{one.sha256}  {inert.plain(one.source)}" for one in rows(read)))
