"""The evidence of a review in one file: the same bytes everywhere, and read in one way alone."""

import io
import re
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.report.publish.evidence_zip import packed, packed_folder, unpacked
from tests.support.paths import GOLDEN
from tests.support.sample_copy import write_sample

FILES = {"MANIFEST.json": b"{}", "tables/one.csv": b"a,b\n" * 100}


def test_what_is_packed_comes_out_again(tmp_path: Path) -> None:
    """A zip holds each file, uncompressed and dated alike, in one order whatever order they came in."""
    data = packed(FILES)
    assert data == packed(dict(reversed(FILES.items())))
    assert FILES["tables/one.csv"] in data
    (tmp_path / "evidence.zip").write_bytes(data)
    with unpacked(tmp_path / "evidence.zip") as folder:
        assert {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*.*")} == FILES
    assert not folder.exists()


def _zip(*files: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return written.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"no zip",
        b"#!/bin/sh\n" + packed(FILES),
        packed(FILES) + b"more",
        _zip(("a.txt", b"one")),
        packed({"../a.txt": b"one"}),
        packed({"/a.txt": b"one"}),
        packed(FILES)[:-30],
    ],
    ids=["text", "before it", "after it", "packed by another", "out of the folder", "absolute", "cut"],
)
def test_a_zip_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, data: bytes) -> None:
    """Only the very bytes that this tool packs are opened, and nothing is written beside the folder."""
    (tmp_path / "evidence.zip").write_bytes(data)
    with pytest.raises(BadInput, match=r"evidence\.zip: "), unpacked(tmp_path / "evidence.zip"):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.zip"]


def test_the_sample_s_zip_is_a_copy_of_its_folder() -> None:
    """The committed evidence.zip holds every other file of the report, REPERFORM.md among them."""
    assert (GOLDEN / "evidence.zip").read_bytes() == packed_folder(GOLDEN)
    names = zipfile.ZipFile(GOLDEN / "evidence.zip").namelist()
    wanted = {"report.pdf", "report.html", "report.json", "findings.csv", "exceptions.csv", "MANIFEST.json"}
    assert wanted | {"REPERFORM.md"} <= set(names)


def test_reperform_names_inputs_that_can_be_checked(tmp_path: Path) -> None:
    """The digests of REPERFORM.md are those of the sample's files, as sha256sum would find them."""
    write_sample(tmp_path / "sample")
    listed = re.findall(r"(?m)^([0-9a-f]{64})  (.+)$", (GOLDEN / "REPERFORM.md").read_text("utf-8"))
    assert len(listed) > 5
    assert {name: sha256((tmp_path / "sample" / name).read_bytes()).hexdigest() for _, name in listed} == {
        name: digest for digest, name in listed
    }
