"""The reviewer's key: found, or made once; a second reviewer is given the file itself."""

import os
import secrets
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.ledger.read import current_key_ids, known_heads
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import Project


def demo_key() -> Key:
    """The public key of the sample, the same everywhere: what it signs or hides proves nothing."""
    return Key(sha256(b"audit_lib: the public demo key").digest(), "demo")


def key_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the key is: `AUDIT_KEY_FILE`, else `~/.config/audit_lib/key`."""
    named = environ.get("AUDIT_KEY_FILE", "")
    if named:
        return Path(named).expanduser()
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".config" / "audit_lib" / "key"


def load_key(ledger_dir: Path, environ: Mapping[str, str] = os.environ) -> Key:
    """The key at hand that the ledger goes on under, or, if there is no ledger, the key at hand.

    With neither ledger nor key it is a throw-away key. After a change of key the ledger names the
    new one. The key file and the files beside it named after it and a key id (`key.1a2b3c4d`) are at hand.
    Whoever may commit to the project can name any key in its ledger: that never makes this reviewer change
    to a key that is not at hand, nor refuse a ledger that was written here.

    Raises:
        BadInput: a key file that others can read or that is no key; a ledger of others, whose key is not
            at hand.
    """
    at_hand, main = keys_at_hand(environ), _first_id(environ)
    named = current_key_ids(ledger_dir, at_hand)
    for key_id in (main, *sorted(at_hand)):
        if key_id in named and key_id in at_hand:
            return at_hand[key_id]
    written_here = known_heads(ledger_dir).key_id
    if written_here in at_hand:
        return at_hand[written_here]
    if not named:
        return at_hand.get(main) or Key.throw_away()
    raise BadInput.at(
        str(ledger_dir),
        f"was written under key {', '.join(sorted(named))}, which is not at {key_file(environ)}: "
        "put its file there. If it is lost, move these files away: the next snapshot begins a new ledger, "
        "with which nothing of the old one can be compared",
    )


def key_of(project: Project) -> Key:
    """The key of a project: the public one of a sample, else the one that `load_key` gives."""
    return demo_key() if project.key == "demo" else load_key(project.ledger_dir)


def keys_at_hand(environ: Mapping[str, str] = os.environ) -> dict[str, Key]:
    """Every key in the key file and beside it, by key id."""
    main = key_file(environ)
    paths = [main] if os.path.lexists(main) else []
    if main.parent.is_dir():
        paths += sorted(path for path in main.parent.glob(f"{main.name}.*") if _names_a_key(path, main))
    found = [_read_key(path) for path in paths]
    return {key.key_id: key for key in found}


def make_key(ledger_dir: Path, root: Path, environ: Mapping[str, str] = os.environ) -> Key:
    """The key that is here, or a new one, written for its owner alone; never if a ledger exists.

    Raises:
        BadInput: the ledger was written under a key that is not available; the place is in the project.
    """
    main = key_file(environ)
    if current_key_ids(ledger_dir, keys_at_hand(environ)) or os.path.lexists(main):
        return load_key(ledger_dir, environ)
    return store_key(Key(secrets.token_bytes(32), "file"), root, environ)


def store_key(key: Key, root: Path | None, environ: Mapping[str, str] = os.environ) -> Key:
    """The key as it was written: to the key file, or beside it by its id where another key is there."""
    main = key_file(environ)
    if root is not None and main.resolve().is_relative_to(root.resolve()):
        raise BadInput.at(str(main), "is inside the audited project: set AUDIT_KEY_FILE to a place outside")
    if key.key_id in keys_at_hand(environ):
        return key
    path = main if not os.path.lexists(main) else main.with_name(f"{main.name}.{key.key_id}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.material.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be written ({error.strerror})") from None
    return Key(key.material, "file")


def _names_a_key(path: Path, main: Path) -> bool:
    suffix = path.name[len(main.name) + 1 :]
    return len(suffix) == 8 and set(suffix) <= set("0123456789abcdef")


def _first_id(environ: Mapping[str, str]) -> str:
    main = key_file(environ)
    return _read_key(main).key_id if os.path.lexists(main) else ""


def _read_key(path: Path) -> Key:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise BadInput.at(str(path), "is not a regular file")
            if os.name == "posix" and facts.st_mode & 0o077:
                raise BadInput.at(
                    str(path), f"can be read by others (mode {facts.st_mode & 0o777:04o}): chmod 600"
                )
            text = file.read(1000)
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be read ({error.strerror})") from None
    try:
        material = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        material = b""
    if len(material) != 32:
        raise BadInput.at(str(path), "is not a key of this tool (64 hexadecimal digits)")
    return Key(material, "file")


def made_key_of(project: Project) -> Key:
    """The key of a project that is about to be written to; made if there is none, as `make_key` makes it."""
    return demo_key() if project.key == "demo" else make_key(project.ledger_dir, project.root)


def keeper_of(project: Project) -> Keeper:
    """An empty keeper under the project's key; `BadInput` as `load_key` raises it."""
    return Keeper(key_of(project))
