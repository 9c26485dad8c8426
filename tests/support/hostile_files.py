"""Small generators of files that are made to hang, fill or break whoever reads them; nothing is committed."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.support.fakes import fake_value

LAYOUT = '\n[[env]]\npath = ".env"\nservice = "x"\nenvironment = "production"\n'
Case = Callable[[Path], None]  # writes its files into a project's folder
CASES: dict[str, tuple[str, Case]] = {}  # by what is in it: the command that it was made for


def case(name: str, command: str = "leaks") -> Callable[[Case], Case]:
    """Names a case by what is in it, and the command that it was made for."""

    def named(function: Case) -> Case:
        CASES[name] = command, function
        return function

    return named


def write(root: Path, path: str, content: bytes | str) -> None:
    """A file of the project, with its folders."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)


def tar_block(name: bytes, kind: bytes, size: int) -> bytes:
    """The header of one tar member, as a GNU tar writes it."""
    head = bytearray(512)
    head[: len(name)] = name
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136] = b"%011o\0" % size
    head[136:148] = b"%011o\0" % 0
    head[156:157] = kind
    head[257:265] = b"ustar  \0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def zeros(packer: Callable[[], object], size: int) -> bytes:
    """A compressed run of zeros, made in pieces."""
    inner = packer()
    block = bytes(1 << 20)
    parts = [inner.compress(block) for _ in range(size >> 20)]  # type: ignore[attr-defined]
    return b"".join([*parts, inner.flush()])  # type: ignore[attr-defined]


def gzip_zeros(size: int) -> bytes:
    """A gzip of zeros."""
    return zeros(lambda: zlib.compressobj(9, zlib.DEFLATED, 31), size)


@case("a tar.gz whose pax header is 8 MB of digits")
def _pax_digits(root: Path) -> None:
    digits = b"1" * (8 << 20)
    content = tar_block(b"x", b"x", len(digits)) + digits + tar_block(b"a", b"0", 0) + bytes(1024)
    write(root, "a.tar.gz", gzip.compress(content, 9))


@case("a tar.gz with a GNU long name of 1 GiB")
def _long_name(root: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(tar_block(b"x", b"L", 1 << 30))]
    parts += [packer.compress(b"a" * (1 << 20)) for _ in range(1 << 10)]
    write(root, "a.tar.gz", b"".join([*parts, packer.flush()]))


@case("a tar of 100,000 extended headers in a row")
def _chained_headers(root: Path) -> None:
    one = tar_block(b"x", b"x", 512) + b"19 path=aaaaaaaaaa\n".ljust(512, b"\0")
    write(root, "a.tar.gz", gzip.compress(one * 100_000, 1))


@case("a zip with 500,000 members")
def _many_members(root: Path) -> None:
    entry = (
        struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    folder = entry * 500_000
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 500_000, 500_000, len(folder), 30)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 30 + len(folder), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    write(root, "a.zip", b"PK\3\4".ljust(30, b"\0") + folder + zip64 + locator + end)


@case("a zip whose member is packed with bzip2 and grows a hundred thousand times")
def _zip_bzip2(root: Path) -> None:
    _zip_of_zeros(root, zipfile.ZIP_BZIP2)


@case("a zip whose member is packed with lzma and grows many thousand times")
def _zip_lzma(root: Path) -> None:
    _zip_of_zeros(root, zipfile.ZIP_LZMA)


def _zip_of_zeros(root: Path, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open("a", "w", force_zip64=True) as member:
        for _ in range(400):
            member.write(bytes(1 << 20))
    write(root, "a.zip", buffer.getvalue())


@case("30 files of 1 MB that expand to 30 GB")
def _bombs(root: Path) -> None:
    bomb = gzip_zeros(1 << 30)
    for number in range(30):
        write(root, f"a{number}.gz", bomb)


@case("an xz of 1.2 GB and a bzip2 of 4 GB of zeros")
def _xz_bomb(root: Path) -> None:
    write(root, "a.xz", zeros(lambda: lzma.LZMACompressor(preset=0), 1200 << 20))
    write(root, "a.bz2", bz2.compress(bytes(900_000)) * 4000)


@case("a placeholder as a glob with many stars", "snapshot")
def _stars(root: Path) -> None:
    stars = "*a" * 30
    write(root, "audit.toml", f'name = "x"\nplaceholders = ["{stars}*b"]\n{LAYOUT}')
    write(root, ".env", f"APP_SECRET={'a' * 4000}\n")


@case("a policy with a key of 200,000 parts", "snapshot")
def _parts(root: Path) -> None:
    write(root, "audit.toml", 'name = "x"\n' + "a." * 200_000 + "a = 1\n" + LAYOUT)


@case("an audit.toml with a dotted key of 400,000 parts", "snapshot")
def _dotted(root: Path) -> None:
    write(root, "audit.toml", "a." * 400_000 + "a = 1\n")


@case("1 MB of nested tables in an audit.toml", "snapshot")
def _nested(root: Path) -> None:
    write(root, "audit.toml", "".join(f"[{'a.' * 500}b{n}]\n" for n in range(990)))


@case("1 MB of nested inline tables in an audit.toml")
def _inline(root: Path) -> None:
    write(root, "audit.toml", "a = " + "{a=" * 330_000 + "\n")


@case("a number of 100,000 digits in an audit.toml")
def _digits(root: Path) -> None:
    write(root, "audit.toml", f"a = {'1' * 100_000}\n")


@case("1 MB of empty tables in an audit.toml")
def _tables(root: Path) -> None:
    write(root, "audit.toml", "[[log]]\n" * 120_000)


@case("an audit.toml that names 50,000 env files")
def _many_sources(root: Path) -> None:
    lines = (f'{{path="{n}",service="x"}},' for n in range(30_000))
    write(root, "audit.toml", f"env = [{''.join(lines)}]\n")


@case("a compose file of 900,000 line ends", "init")
def _compose_lines(root: Path) -> None:
    write(root, "compose.yml", "\n" * 900_000)


@case("a compose file of open references", "init")
def _compose_references(root: Path) -> None:
    write(root, "compose.yml", "${AB:" * 190_000)


@case("an example file of blanks", "init")
def _blanks(root: Path) -> None:
    write(root, ".env.example", f"A=1\nB={' ' * 400_000}x\n" + f"C={' ' * 60}x\n" * 6000)


@case("a script of open brackets", "init")
def _script(root: Path) -> None:
    write(root, "a.js", "{" * 300_000 + "import {" + "a," * 100_000 + "process.env" + "import { a" * 20_000)


@case("thresholds of 99,999,999", "snapshot")
def _thresholds(root: Path) -> None:
    text = "[detections.A1]\nfailures = 99999999\n[detections.A5]\nminutes = 99999999\n"
    write(root, "audit.toml", text + LAYOUT)


@case("periods and lengths beyond all bounds", "snapshot")
def _periods(root: Path) -> None:
    text = 'name = "x"\nwarn_days = 1e12\ndefault_max_age_days = 1e12\n'
    text += '[[secret]]\nname = "A"\nservice = "x"\nmin_length = 1e30\nmax_age_days = 1e12\n'
    write(root, "audit.toml", text + LAYOUT)


@case("eight env files of 2 MB with values of 3,800 characters")
def _large_env(root: Path) -> None:
    for number in range(8):
        lines = (f"T{n}_SECRET={fake_value((number, n), 3800)}\n" for n in range(530))
        write(root, f".env.{number}", "".join(lines))


@case("an env file of 200 values of 4,096 characters", "snapshot")
def _long_values(root: Path) -> None:
    write(root, ".env", "".join(f"T{n}_SECRET={fake_value(n, 4096)}\n" for n in range(200)))


@case("an env file of 12 values of 130,000 characters", "snapshot")
def _longest_values(root: Path) -> None:
    write(root, ".env", "".join(f"T{n}_SECRET={fake_value(n, 130_000)}\n" for n in range(12)))


@case("an env file of 2,900 short values", "snapshot")
def _many_values(root: Path) -> None:
    write(root, ".env", "".join(f"T{n}_SECRET={fake_value(n, 43)}\n" for n in range(2_900)))


@case("2 MB of an unterminated quote in an env file", "snapshot")
def _unterminated(root: Path) -> None:
    for number, quote in enumerate("'\"`"):
        write(root, f".env.{number}", f"A={quote}" + "x\\'" * 690_000)


@case("env lines that begin with every kind of quote", "snapshot")
def _quotes(root: Path) -> None:
    write(root, ".env", "".join(f"A{n}='\"`\\\n" for n in range(2_900)))


@case("references that grow in an env file", "snapshot")
def _references(root: Path) -> None:
    lines = "".join(f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 60))
    many = "".join(f"B{n}={'${A1}' * 400}\n" for n in range(900))
    write(root, ".env", "A0=xx\n" + lines + many)


@case("a notebook nested 900 deep")
def _notebook(root: Path) -> None:
    write(root, "a.ipynb", '{"cells":' + "[" * 900 + "]" * 900 + "}")


@case("a value a million times in one file")
def _repeated(root: Path) -> None:
    value = fake_value("repeated")
    write(root, ".env", f"APP_SECRET={value}\n")
    write(root, "a.txt", f"{value} " * 1_000_000)


@case("66,000 tiny files")
def _tiny_files(root: Path) -> None:
    write(root, ".env", f"APP_SECRET={fake_value('tiny')}\n")
    (root / "files").mkdir()
    for number in range(66_000):
        (root / "files" / f"{number}").write_bytes(b"x")


@case("a gzip of 2,000,000 empty streams")
def _empty_streams(root: Path) -> None:
    write(root, "a.gz", gzip.compress(b"", 9) * 2_000_000)


@case("a ledger of one line of 8 MB and of nested lists", "snapshot")
def _ledger(root: Path) -> None:
    write(root, ".audit/ledger/a.jsonl", '{"seq":' * 1_000_000 + "\n" + "[" * 100_000 + "\n")
