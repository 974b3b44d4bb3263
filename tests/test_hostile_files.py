"""Every point file that lies, as others were seen to take it (points invented, memory asked for, no word said): one file, one sentence.

The sixteen PCD files, and their cousins as PLY, LAS and .bin. Each sentence is whole, without the path that stands before it.
"""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest

import boxwright as bw
import naive
from test_formats_las import las

XYZ = np.random.default_rng(5).normal(0, 20, (100, 3)).astype("<f4")
AGAIN, COPY = "; export the file again", "; copy or export the file again"
NOTHING_READ, CORRECT = "; nothing was read; copy or export the file again", "; correct the line or export the file again"
RAISE_IT = "; if the file is sound, set BOXWRIGHT_LIMIT_{} in the environment, or pass --limit {}=N"
A_TYPE = ", line 4: expected a property of an element, its type one of char, uchar, short, ushort, int, uint, float, double, or a list of them"
MOST_POINTS = RAISE_IT.format("POINTS_PER_FRAME", "points_per_frame")
POINT_BYTES = RAISE_IT.format("POINT_BYTES", "point_bytes")


def text(n: int = 10) -> bytes:
    return "".join(" ".join(map(str, row)) + "\n" for row in XYZ[:n].tolist()).encode()


def pcd(encoding: str, body: bytes, n: object = 100, *, fields="x y z", size="4 4 4", kind="F F F", count="1 1 1", data: bool = True) -> bytes:
    head = f"VERSION 0.7\nFIELDS {fields}\nSIZE {size}\nTYPE {kind}\nCOUNT {count}\nWIDTH {n}\nHEIGHT 1\nPOINTS {n}\n"
    return (head + (f"DATA {encoding}\n" if data else "")).encode() + body


def packed(raw: bytes, claimed: int | None = None, cut: int = 0) -> bytes:
    body = naive.lzf_compress(raw)
    return struct.pack("<II", len(body) - cut, len(raw) if claimed is None else claimed) + body[: len(body) - cut]


def ply(encoding: str, body: bytes, n: object = 100, *, kind: str = "float", more: str = "", end: bool = True) -> bytes:
    rows = f"property {kind} x\nproperty float y\nproperty float z\n{more}"
    return f"ply\nformat {encoding} 1.0\nelement vertex {n}\n{rows}{'end_header' * end}\n".encode() + body


def las_with(at: int, new: bytes) -> bytes:
    raw = las()
    return raw[:at] + new + raw[at + len(new) :]


LE = "binary_little_endian"
RAW = XYZ.tobytes()
COLUMNS = XYZ.T.tobytes()
FILES = {
    # PCD: sixteen
    "ascii claims 1,000,000, has 10.pcd": (
        pcd("ascii", text(), 10**6),
        ": POINTS: the file is shorter than its header says: expected 1,000,000 lines of 3 numbers, got 10 lines" + AGAIN,
    ),
    "binary claims 1,000,000, has 100.pcd": (
        pcd("binary", RAW, 10**6),
        ", byte 109: POINTS: the file is shorter than its header says: expected 1,000,000 points x 12 B = 12,000,000 B, got 1,200 B after the header"
        + NOTHING_READ,
    ),
    "binary cut.pcd": (
        pcd("binary", RAW[:-7]),
        ", byte 101: POINTS: the file is shorter than its header says: expected 100 points x 12 B = 1,200 B, got 1,193 B after the header"
        + NOTHING_READ,
    ),
    "no DATA line.pcd": (
        pcd("binary", b"", data=False),
        ", byte 89: the header has no DATA line: expected DATA ascii, binary or binary_compressed" + AGAIN,
    ),
    "2e9 points.pcd": (
        pcd("binary", RAW, 2 * 10**9),
        ": POINTS: more points per frame than allowed: expected at most 20,000,000, got 2,000,000,000" + MOST_POINTS,
    ),
    "minus 5 points.pcd": (pcd("binary", RAW, -5), ", line 8: POINTS: expected a number of points equal to WIDTH x HEIGHT, got -5" + AGAIN),
    "four fields, three sizes.pcd": (
        pcd("binary", RAW, fields="x y z intensity"),
        ", line 3: SIZE: expected 4 values, one per field, got 4 4 4" + AGAIN,
    ),
    "the same field twice.pcd": (
        pcd("binary", RAW + RAW[:400], fields="x y z y", size="4 4 4 4", kind="F F F F", count="1 1 1 1"),
        ", line 2: FIELDS: expected each field once, got 'y' twice" + AGAIN,
    ),
    "LZF cut.pcd": (pcd("binary_compressed", packed(COLUMNS, cut=9)), ", byte 1341: the compressed data is broken: expected 1,200 B of LZF" + COPY),
    "LZF of another size.pcd": (
        pcd("binary_compressed", packed(COLUMNS, claimed=4 * 10**9)),
        ", byte 116: uncompressed size: expected 100 points x 12 B = 1,200 B, got 4,000,000,000 B" + AGAIN,
    ),
    "empty.pcd": (b"", ", byte 0: the header has no DATA line: expected DATA ascii, binary or binary_compressed, got an empty file" + AGAIN),
    "COUNT 4e9.pcd": (
        pcd("binary", RAW, count="1 1 4000000000"),
        ", line 5: COUNT: expected 1 for x, y and z, and whole numbers for every field, got 1 1 4000000000" + AGAIN,
    ),
    "COUNT 4e9 of another field.pcd": (
        pcd("binary", RAW, fields="x y z a", size="4 4 4 1", kind="F F F U", count="1 1 1 4000000000"),
        ": SIZE x COUNT: more point bytes than allowed: expected at most 1,024, got 4,000,000,012" + POINT_BYTES,
    ),
    "SIZE 0.pcd": (
        pcd("binary", RAW, size="4 4 0"),
        ", line 4: TYPE: expected F of 4 or 8 bytes, I or U of 1, 2, 4 or 8 bytes, got F of 0 bytes for 'z'" + AGAIN,
    ),
    "SIZE 3.pcd": (
        pcd("binary", RAW, size="4 4 3"),
        ", line 4: TYPE: expected F of 4 or 8 bytes, I or U of 1, 2, 4 or 8 bytes, got F of 3 bytes for 'z'" + AGAIN,
    ),
    "a line of two columns among nan, inf and 1e400.pcd": (
        pcd("ascii", b"nan inf 1e400\n1 2\n3 4 5\n", 3),
        ", line 11: DATA ascii: expected 3 numbers (x, y, z), got 2" + CORRECT,
    ),
    # PLY
    "ascii claims 1,000,000, has 10.ply": (
        ply("ascii", text(), 10**6),
        ": element vertex: the file is shorter than its header says: expected 1,000,000 lines of 3 numbers, got 10 lines" + AGAIN,
    ),
    "binary claims 1000, has 100.ply": (
        ply(LE, RAW, 1000),
        ", byte 118: element vertex: the file is shorter than its header says: expected 1,000 vertex x 12 B = 12,000 B, got 1,200 B after the header"
        + NOTHING_READ,
    ),
    "binary cut.ply": (
        ply(LE, RAW[:-7]),
        ", byte 117: element vertex: the file is shorter than its header says: expected 100 vertex x 12 B = 1,200 B, got 1,193 B after the header"
        + NOTHING_READ,
    ),
    "no end_header.ply": (ply(LE, b"", end=False), ", byte 107: the header has no line 'end_header'" + AGAIN),
    "2e9 points.ply": (
        ply(LE, RAW, 2 * 10**9),
        ": element vertex: more points per frame than allowed: expected at most 20,000,000, got 2,000,000,000" + MOST_POINTS,
    ),
    "minus 5 points.ply": (
        ply(LE, RAW, -5),
        ", line 3: expected 'element NAME COUNT', 'property TYPE NAME', 'comment', 'obj_info' or 'end_header', got 'element vertex -5'" + AGAIN,
    ),
    "the same property twice.ply": (ply(LE, RAW, more="property float y\n"), ", line 7: expected each property once, got 'property float y'" + AGAIN),
    "empty.ply": (b"", ", byte 0: not a PLY file: expected a first line 'ply', got an empty file" + AGAIN),
    "a type of 0 bytes.ply": (
        ply(LE, RAW, kind="float0"),
        A_TYPE + ", got 'property float0 x'" + AGAIN,
    ),
    "a type of 3 bytes.ply": (
        ply(LE, RAW, kind="int24"),
        A_TYPE + ", got 'property int24 x'" + AGAIN,
    ),
    "a list of 4e9 numbers.ply": (
        ply(LE, RAW + struct.pack("<I", 4 * 10**9), more="element face 1\nproperty list uint int i\n"),
        ", byte 1361: element face: the file is shorter than its header says: expected 1 row of the element 'face', got 1,204 B after the header"
        + NOTHING_READ,
    ),
    "a list of 4e9 numbers as text.ply": (
        ply("ascii", text() + b"4000000000 1 2\n", 10, more="element face 1\nproperty list uint int i\n"),
        ", line 20: element face, i: expected a list of 4,000,000,000 numbers, got the end of the line" + CORRECT,
    ),
    "a line of two columns among nan, inf and 1e400.ply": (
        ply("ascii", b"nan inf 1e400\n1 2\n3 4 5\n", 3),
        ", line 9: element vertex: expected 3 numbers (x, y, z), got 2" + CORRECT,
    ),
    # LAS
    "claims 1,000,000, has 3.las": (
        las_with(107, struct.pack("<I", 10**6)),
        ", byte 227: number of points: the file is shorter than its header says: "
        "expected 1,000,000 points x 28 B = 28,000,000 B, got 84 B after the header" + NOTHING_READ,
    ),
    "cut.las": (
        las()[:-7],
        ", byte 227: number of points: the file is shorter than its header says: expected 3 points x 28 B = 84 B, got 77 B after the header"
        + NOTHING_READ,
    ),
    "cut in the header.las": (las()[:100], ", byte 100: the header is cut off: expected at least 227 B, got 100 B" + COPY),
    "empty.las": (b"", ", byte 0: not a LAS file: expected the letters LASF, got an empty file" + COPY),
    "2e9 points.las": (
        las_with(107, struct.pack("<I", 2 * 10**9)),
        ": number of points: more points per frame than allowed: expected at most 20,000,000, got 2,000,000,000" + MOST_POINTS,
    ),
    "2e9 records before the points.las": (
        las_with(100, struct.pack("<I", 2 * 10**9)),
        ", byte 100: number of VLRs: expected at most 0 before the points at byte 227, got 2,000,000,000" + COPY,
    ),
    "points at byte 4e9.las": (
        las_with(96, struct.pack("<I", 4 * 10**9)),
        ", byte 96: offset to point data: expected a place within the file's 311 B, got 4,000,000,000" + COPY,
    ),
    "points of 0 bytes.las": (las_with(105, bytes(2)), ", byte 105: point record length: expected at least 28 B for point format 1, got 0 B" + COPY),
    "points of 60,000 bytes.las": (
        las_with(105, struct.pack("<H", 60_000)),
        ": point record length: more point bytes than allowed: expected at most 1,024, got 60,000" + POINT_BYTES,
    ),
    "scale 0.las": (
        las_with(131, struct.pack("<d", 0.0)),
        ", byte 131: x scale factor: expected a finite number above 0, at most 1000, got 0.0" + COPY,
    ),
    "scale NaN.las": (
        las_with(131, struct.pack("<d", np.nan)),
        ", byte 131: x scale factor: expected a finite number above 0, at most 1000, got nan" + COPY,
    ),
    # .bin has no header: only its size can lie
    "cut.bin": (
        bytes(16 * 3 + 4),
        ", byte 48: not a KITTI cloud: expected 16 B a point (float32 x, y, z, reflectance), got 52 B, 4 B more than whole points" + COPY,
    ),
    "less than a point.bin": (
        bytes(15),
        ", byte 0: not a KITTI cloud: expected 16 B a point (float32 x, y, z, reflectance), got 15 B, 15 B more than whole points" + COPY,
    ),
    "20,000,001 points.bin": (16 * 20_000_001, ": more points per frame than allowed: expected at most 20,000,000, got 20,000,001" + MOST_POINTS),
}


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory):
    """What is compiled and imported by the first file is not what a hostile one takes."""
    path = tmp_path_factory.mktemp("good") / "a.pcd"
    path.write_bytes(pcd("binary_compressed", packed(COLUMNS)))
    np.testing.assert_array_equal(bw.read_points(path).xyz, XYZ)


@pytest.mark.parametrize("name", FILES)
def test_the_sentence_of_a_hostile_file(tmp_path, name):
    """A number stands for a file of so many bytes that is all hole, and takes no room on the disk."""
    content, sentence = FILES[name]
    path = tmp_path / name
    path.write_bytes(b"" if isinstance(content, int) else content)
    if isinstance(content, int):
        with path.open("r+b") as file:
            file.truncate(content)
    tracemalloc.start()
    with pytest.raises((bw.FormatError, bw.LimitError)) as caught:
        bw.read_points(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value) == f"{path}{sentence}"
    assert peak < 4 << 20
    assert caught.value.hint and caught.value.code


def test_sixteen_and_their_cousins():
    counts = {suffix: sum(name.endswith(suffix) for name in FILES) for suffix in (".pcd", ".ply", ".las", ".bin")}
    assert counts == {".pcd": 16, ".ply": 13, ".las": 11, ".bin": 3}
