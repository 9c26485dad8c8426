"""The reviewer's key: found, or made once; a second reviewer is given the file itself."""

import os
import re
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.ledger.chain import current_key_ids, heads_of
from audit_lib.secrecy.keeper import Key
from audit_lib.settings import Project


def demo_key() -> Key:
    """The public key of the sample, the same everywhere: what it signs or hides proves nothing."""
    return Key(sha256(b"audit_lib: the public demo key").digest(), "demo")


def key_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the key is: `AUDIT_KEY_FILE`, else `~/.config/audit_lib/key`."""
    named, home = environ.get("AUDIT_KEY_FILE", ""), environ.get("HOME", "")
    return Path(named).expanduser() if named else Path(home or Path.home()) / ".config" / "audit_lib" / "key"


def load_key(ledger_dir: Path, environ: Mapping[str, str] = os.environ) -> Key:
    """The available key that the ledger goes on under; the key file's, or a throw-away one, without a ledger.
    Whoever commits may name any key: that never makes this reviewer change to it, nor refuse what was
    written here. `BadInput` for a key file that others can read or that is no key, and for a key not here."""
    available = keys_at_hand(environ)
    named = current_key_ids(ledger_dir, available)
    for key in available.values():
        if key.key_id in named or heads_of(ledger_dir, key):
            return key
    if not named:  # the first that is available is the key file's
        return next(iter(available.values())) if os.path.lexists(key_file(environ)) else Key.throw_away()
    raise BadInput.at(
        str(ledger_dir),
        f"was written under key {', '.join(sorted(named))}, which is not at {key_file(environ)}: put its "
        "file there. If it is lost, move these files away to begin a new ledger",
    )


def keys_at_hand(environ: Mapping[str, str] = os.environ) -> dict[str, Key]:
    """Every key by its id: that of the key file, then those beside it, such as `key.1a2b3c4d`."""
    main = key_file(environ)
    paths = [main, *sorted(main.parent.glob(f"{main.name}.{'[0-9a-f]' * 8}"))]
    return {key.key_id: key for key in map(_read_key, filter(os.path.lexists, paths))}


def make_key(ledger_dir: Path, root: Path, environ: Mapping[str, str] = os.environ) -> Key:
    """The key that is here, else a new one for its owner alone; `BadInput` if the ledger is under another."""
    key = load_key(ledger_dir, environ)
    return key if key.origin != "throw-away" else store_key(Key(key.material, "file"), root, environ)


def store_key(key: Key, root: Path, environ: Mapping[str, str] = os.environ) -> Key:
    """The key as it was written: to the key file, or beside it by its id where another key is there."""
    main = key_file(environ)
    outside = not main.resolve().is_relative_to(root.resolve())
    BadInput.unless(outside, str(main), "is inside the audited project: set AUDIT_KEY_FILE to one outside")
    path = main if not os.path.lexists(main) else main.with_name(f"{main.name}.{key.key_id}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600, exist_ok=False)
        path.write_text(key.material.hex() + "\n", encoding="ascii")
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be written ({error.strerror})") from None
    return key


def key_of(project: Project, *, make: bool = False) -> Key:
    """The key of a project: the public one of a sample, else that of `load_key`, or of `make_key`."""
    if project.key == "demo":
        return demo_key()
    return make_key(project.ledger_dir, project.root) if make else load_key(project.ledger_dir)


def _read_key(path: Path) -> Key:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()[:1000].strip() if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be read ({error.strerror})") from None
    BadInput.unless(not mode & 0o077, str(path), f"is open to others (mode {mode & 0o777:04o}): chmod 600")
    is_key = re.fullmatch(rb"[\da-fA-F]{64}", text)
    BadInput.unless(is_key, str(path), "is not a key of this tool (64 hex digits)")
    return Key(bytes.fromhex(text.decode("ascii")), "file")
