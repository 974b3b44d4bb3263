"""Point files: numbers packed by hand, other libraries as witnesses, and files that lie."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.errors import BoxwrightError
from boxwright.formats.columns import records_from, sweep_of_columns
from boxwright.formats.images import image_bytes, image_size_px, read_image
from boxwright.formats.sensor_files import check_point_file
from boxwright.kernels import lzf

ROWS = [(1.5, -2.25, 0.75, 0.5, 7), (-10.125, 4.0, -1.5, 0.25, 65535), (1e6, 0.0, 3.0, 1.0, 0)]
HEAD = (
    "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z intensity ring\nSIZE 4 4 4 4 2\nTYPE F F F F U\nCOUNT 1 1 1 1 1\n"
    "WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3\nDATA "
)


def packed(encoding: str) -> bytes:
    """The three rows above, packed without the code under test."""
    if encoding == "ascii":
        body = "".join(" ".join(repr(v) for v in row) + "\n" for row in ROWS).encode()
    elif encoding == "binary":
        body = b"".join(struct.pack("<4fH", *row) for row in ROWS)
    else:
        columns = b"".join(struct.pack("<3f", *(row[i] for row in ROWS)) for i in range(4)) + struct.pack("<3H", *(row[4] for row in ROWS))
        body = naive.lzf_compress(columns)
        body = struct.pack("<II", len(body), len(columns)) + body
    return (HEAD + encoding + "\n").encode() + body


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pcd_packed_by_hand(tmp_path, encoding):
    (tmp_path / "a.pcd").write_bytes(packed(encoding))
    sweep = bw.read_points(tmp_path / "a.pcd")
    np.testing.assert_array_equal(sweep.xyz, [row[:3] for row in ROWS])
    assert sweep.xyz.dtype == np.float32
    np.testing.assert_array_equal(sweep.intensity, np.float32([0.5, 0.25, 1.0]))
    np.testing.assert_array_equal(sweep.fields["ring"], [7, 65535, 0])
    assert sweep.fields["ring"].dtype == np.uint16
    scene = bw.read(tmp_path / "a.pcd")
    assert (len(scene), scene.has_time, scene.label_frame, scene.format) == (1, False, "lidar", "points")
    np.testing.assert_array_equal(scene.points(0).xyz, sweep.xyz)


def test_kitti_bin_and_npy_packed_by_hand(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"".join(struct.pack("<4f", *row[:4]) for row in ROWS))
    np.save(tmp_path / "a.npy", np.array([row[:4] for row in ROWS], np.float32))
    np.save(tmp_path / "f.npy", np.asfortranarray([row[:4] for row in ROWS]))
    np.save(tmp_path / "big.npy", np.array([row[:4] for row in ROWS], ">f4"))
    np.savez_compressed(tmp_path / "a.npz", **{name: np.array([row[i] for row in ROWS]) for i, name in enumerate(("x", "y", "z", "intensity"))})
    for name in ("a.bin", "a.npy", "f.npy", "big.npy", "a.npz"):
        sweep = bw.read_points(tmp_path / name, frame="ego")
        np.testing.assert_array_equal(sweep.xyz, [row[:3] for row in ROWS], err_msg=name)
        np.testing.assert_array_equal(sweep.intensity, np.float32([0.5, 0.25, 1.0]))
        assert sweep.frame == "ego"
    records = np.zeros(2, [("z", "f4"), ("x", "f4"), ("y", "f4"), ("ring", "u1")])
    records["x"], records["ring"] = (1.5, 2.5), (3, 4)
    np.save(tmp_path / "r.npy", records)
    sweep = bw.read_points(tmp_path / "r.npy")
    np.testing.assert_array_equal(sweep.xyz[:, 0], [1.5, 2.5])
    np.testing.assert_array_equal(sweep.fields["ring"], [3, 4])


def test_a_folder_of_point_files(tmp_path):
    for name in ("10", "9", "2"):
        bw.write_points(bw.Sweep(np.full((1, 3), float(name))), tmp_path / f"{name}.pcd")
    scene = bw.read(tmp_path)
    assert scene.frame_ids == ("2", "9", "10")
    assert [float(scene.points(i).xyz[0, 0]) for i in range(3)] == [2, 9, 10]
    assert scene.points(1).timestamp_ns == 1
    (tmp_path / "9.bin").write_bytes(b"")
    with pytest.raises(bw.FormatError, match="two files for one frame: got 9"):
        bw.read(tmp_path)


def random_sweep(rng, n=40, dtype=np.float32):
    xyz = rng.normal(0, 30, (n, 3)).astype(dtype)
    if n:
        xyz[0] = np.nan
        xyz[-1, 1] = np.inf
    fields = {"ring": rng.integers(0, 9, n).astype(np.uint8), "range": rng.normal(size=n)}
    return bw.Sweep(xyz, intensity=rng.integers(0, 99, n).astype(np.uint16), time_offset_ns=rng.integers(-(2**40), 2**40, n), fields=fields)


@pytest.mark.parametrize("n", [0, 1, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pcd_written_and_read(rng, tmp_path, encoding, dtype, n):
    sweep = random_sweep(rng, n, dtype)
    bw.write_points(sweep, tmp_path / "a.pcd", encoding=encoding)
    again = bw.read_points(tmp_path / "a.pcd")
    assert again.xyz.dtype == dtype
    np.testing.assert_array_equal(again.xyz, sweep.xyz)
    np.testing.assert_array_equal(again.intensity, sweep.intensity)
    np.testing.assert_array_equal(again.time_offset_ns, sweep.time_offset_ns)
    for name, values in sweep.fields.items():
        np.testing.assert_array_equal(again.fields[name], values)
        assert again.fields[name].dtype == values.dtype


@pytest.mark.peers
@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_open3d_reads_and_writes_the_same(rng, tmp_path, encoding):
    o3d = pytest.importorskip("open3d", reason="open3d is not installed (extra 'peers')")
    xyz = rng.normal(0, 30, (500, 3)).astype(np.float32)
    bw.write_points(bw.Sweep(xyz, intensity=xyz[:, 0]), tmp_path / "ours.pcd", encoding=encoding)
    theirs = o3d.t.io.read_point_cloud(str(tmp_path / "ours.pcd"))
    np.testing.assert_array_equal(theirs.point.positions.numpy(), xyz)
    cloud = o3d.t.geometry.PointCloud(xyz)
    cloud.point["intensity"] = np.ascontiguousarray(xyz[:, :1])
    o3d.t.io.write_point_cloud(str(tmp_path / "theirs.pcd"), cloud, write_ascii=encoding == "ascii", compressed=encoding == "binary_compressed")
    again = bw.read_points(tmp_path / "theirs.pcd")
    np.testing.assert_allclose(again.xyz, xyz, rtol=0, atol=0 if encoding != "ascii" else 1e-5)
    np.testing.assert_allclose(again.intensity, xyz[:, 0], rtol=0, atol=0 if encoding != "ascii" else 1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pypcd4_reads_and_writes_the_same(rng, tmp_path, encoding):
    pypcd4 = pytest.importorskip("pypcd4", reason="pypcd4 is not installed (extra 'peers')")
    sweep = bw.Sweep(rng.normal(0, 30, (300, 3)).astype(np.float32), intensity=np.arange(300, dtype=np.uint16))
    bw.write_points(sweep, tmp_path / "ours.pcd", encoding=encoding)
    theirs = pypcd4.PointCloud.from_path(tmp_path / "ours.pcd")
    np.testing.assert_array_equal(theirs.numpy(("x", "y", "z")), sweep.xyz)
    np.testing.assert_array_equal(theirs.pc_data["intensity"], sweep.intensity)
    theirs.save(tmp_path / "theirs.pcd", encoding=pypcd4.Encoding(encoding))
    again = bw.read_points(tmp_path / "theirs.pcd")
    np.testing.assert_allclose(again.xyz, sweep.xyz, rtol=0, atol=0 if encoding != "ascii" else 1e-5)
    np.testing.assert_array_equal(again.intensity, sweep.intensity)


# ------------------------------------------------------------ LZF


def lzf_inputs(rng):
    yield b""
    yield b"a"
    yield bytes(200)
    yield rng.integers(0, 256, 190).astype(np.uint8).tobytes()
    yield rng.integers(0, 3, 200).astype(np.uint8).tobytes()
    yield b"abcabcabcabcabd" * 9
    yield np.linspace(0, 1, 40, dtype=np.float32).tobytes()
    yield from long_lzf_inputs(rng)


def long_lzf_inputs(rng):
    """Long enough that most of it is copied by words, in both ways that a stretch may be done."""
    places = np.cumsum(rng.normal(0, 0.02, 900)).astype(np.float32)
    yield places.tobytes()  # runs of one to three bytes and copies, without a rule
    yield np.repeat(places[:40], 30).tobytes()  # long copies of what is just being written
    yield b"".join(bytes([k]) * int(n) for k, n in enumerate(rng.integers(1, 40, 200)))  # at a distance of one
    yield rng.integers(0, 256, 1500).astype(np.uint8).tobytes() * 2  # longest runs, then copies of the longest
    yield np.arange(900, dtype=np.float32).tobytes()
    yield np.r_[places, np.arange(9000, dtype=np.float32), places].tobytes()  # several stretches


@pytest.mark.kernel
def test_lzf_against_its_slow_twin(rng):
    for raw in lzf_inputs(rng):
        source = np.frombuffer(raw, np.uint8)
        out = np.empty(len(raw) + len(raw) // 32 + 2, np.uint8)
        n = lzf.compress(source, out)
        assert n <= len(out)
        assert naive.lzf_decompress(out[:n].tobytes(), len(raw)) == raw
        for stream in (out[:n].tobytes(), *([naive.lzf_compress(raw)] if len(raw) <= 200 else [])):  # which takes long for long ones
            back = np.empty(len(raw), np.uint8)
            assert lzf.decompress(np.frombuffer(stream, np.uint8), back) == len(raw)
            assert back.tobytes() == raw


@pytest.mark.kernel
def test_lzf_refuses_what_the_slow_twin_refuses(rng):
    raw = b"abcabcabcabcabd" * 5
    good = bytearray(naive.lzf_compress(raw))
    for at in range(len(good)):
        for value in (0, 31, 32, 224, 255, int(rng.integers(256))):
            bad = bytes(good[:at]) + bytes([value]) + bytes(good[at + 1 :])
            for stream in (bad, bad[:at]):
                out = np.zeros(len(raw), np.uint8)
                got = lzf.decompress(np.frombuffer(stream, np.uint8), out)
                want = naive.lzf_decompress(stream, len(raw))
                assert (got < 0) == (want is None)
                if want is not None:
                    assert got == len(want)
                    assert out[:got].tobytes() == want


@pytest.mark.kernel
def test_lzf_refuses_long_streams_that_the_slow_twin_refuses(rng):
    for raw in list(long_lzf_inputs(rng))[:4]:
        good = np.empty(len(raw) + len(raw) // 32 + 2, np.uint8)
        good = good[: lzf.compress(np.frombuffer(raw, np.uint8), good)].tobytes()
        for at in rng.choice(len(good), 40, replace=False).tolist():
            bad = good[:at] + bytes([int(rng.choice([0, 31, 32, 224, 255, rng.integers(256)]))]) + good[at + 1 :]
            for stream in (bad, bad[:at]):
                out = np.zeros(len(raw), np.uint8)
                got = lzf.decompress(np.frombuffer(stream, np.uint8), out)
                want = naive.lzf_decompress(stream, len(raw))
                assert (got < 0) == (want is None)
                if want is None:
                    assert naive.lzf_decompress(stream[: -1 - got], len(raw)) is not None  # it broke there, and not before
                else:
                    assert got == len(want) and out[:got].tobytes() == want


@pytest.mark.peers
def test_lzf_against_another_library(rng):
    other = pytest.importorskip("lzf", reason="python-lzf is not installed: it comes with pypcd4 (extra 'peers')")
    for raw in [*lzf_inputs(rng), rng.integers(0, 5, 100_000).astype(np.uint8).tobytes()]:
        if len(raw) > 10:
            out = np.empty(len(raw) + len(raw) // 32 + 2, np.uint8)
            n = lzf.compress(np.frombuffer(raw, np.uint8), out)
            assert other.decompress(out[:n].tobytes(), len(raw)) == raw
            theirs = other.compress(raw, 2 * len(raw))
            back = np.empty(len(raw), np.uint8)
            assert lzf.decompress(np.frombuffer(theirs, np.uint8), back) == len(raw)
            assert back.tobytes() == raw


# ------------------------------------------------------------ files that lie

LIES = {
    "POINTS too many": ("binary", b"POINTS 3", b"POINTS 4", "WIDTH x HEIGHT"),
    "more than there are": (
        "binary",
        b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3",
        b"WIDTH 1000000\nHEIGHT 1\nPOINTS 1000000",
        "shorter than its header",
    ),
    "ascii, more": (
        "ascii",
        b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3",
        b"WIDTH 1000000\nHEIGHT 1\nPOINTS 1000000",
        "shorter than its header",
    ),
    "ascii, fewer": (
        "ascii",
        b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3",
        b"WIDTH 2\nHEIGHT 1\nPOINTS 2",
        "line 13: POINTS: the file is longer than its header says: expected 2 lines of points, got 3",
    ),
    "fewer than there are": (
        "binary",
        b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3",
        b"WIDTH 2\nHEIGHT 1\nPOINTS 2",
        "longer than its header",
    ),
    "2e9 points": (
        "binary",
        b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3",
        b"WIDTH 2000000000\nHEIGHT 1\nPOINTS 2000000000",
        "points per frame",
    ),
    "negative": ("binary", b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3", b"WIDTH -5\nHEIGHT 1\nPOINTS -5", "POINTS"),
    "COUNT 4e9": ("binary", b"COUNT 1 1 1 1 1", b"COUNT 1 1 1 1 4000000000", "point bytes"),
    "SIZE 0": ("binary", b"SIZE 4 4 4 4 2", b"SIZE 4 4 4 4 0", "U of 0 bytes for 'ring'"),
    "SIZE 3": ("binary", b"SIZE 4 4 4 4 2", b"SIZE 4 4 4 3 2", "F of 3 bytes for 'intensity'"),
    "SIZE count": ("binary", b"SIZE 4 4 4 4 2", b"SIZE 4 4 4 4", "5 values"),
    "same field": ("binary", b"intensity ring", b"ring ring", "each field once"),
    "no x": ("binary", b"FIELDS x y", b"FIELDS a y", "columns x, y and z"),
    "no DATA": ("binary", b"DATA binary\n", b"", "no DATA line"),
    "DATA other": ("binary", b"DATA binary", b"DATA zipped", "ascii, binary or binary_compressed"),
    "twice": ("binary", b"WIDTH 3\n", b"WIDTH 3\nWIDTH 3\n", "comes twice"),
    "word": ("ascii", b"0.75", b"zero", "line 12: z: expected a number, got 'zero'"),
    "short line": ("ascii", b" 0.25 65535", b"", r"line 13: DATA ascii: expected 5 numbers \(x, y, z, intensity, ring\), got 3"),
    "not whole": ("ascii", b"65535", b"7.5", "line 13: ring: expected a whole number from 0 to 65535, got '7.5'"),
    "too large": ("ascii", b"65535", b"65536", "line 13: ring: expected a whole number from 0 to 65535, got '65536'"),
    "unpacked size": ("binary_compressed", struct.pack("<I", 54), struct.pack("<I", 55), "uncompressed size"),
}


def test_the_line_that_makes_a_file_too_short_is_named(tmp_path):
    """Not only that the file is shorter than its header says: of all those lines, one lacks a number."""
    head = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA ascii\n"
    ply = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    faces = ply.replace("end_header", "element face 1\nproperty list uchar int vertex_indices\nend_header")
    for name, text, end, line in (("a.pcd", head, "", 11), ("a.ply", ply, "", 9), ("b.ply", faces, "3 0 1 2\n", 11)):
        path = tmp_path / name
        path.write_text(f"{text}1 2 3\n4 5 6\n7 8 9\n{end}")
        assert len(bw.read_points(path)) == 3
        for body, message in (
            ("1 2 3\n4 5\n7 8 9\n", rf"{name}, line {line}: .*expected 3 numbers \(x, y, z\), got 2"),
            ("1 2 3\n\n4\n7 8 9\n", rf"{name}, line {line + 1}: .*expected 3 numbers \(x, y, z\), got 1"),
            ("1 2 3\n4 5 6\n", "shorter than its header says"),
        ):
            path.write_text(text + body + end)
            for call in (bw.read_points, *(() if end else (check_point_file,))):  # where faces follow, the headers leave room for the missing number
                with pytest.raises(bw.FormatError, match=message):
                    call(path)


@pytest.mark.parametrize("name", LIES)
def test_pcd_that_lies(tmp_path, name):
    encoding, old, new, message = LIES[name]
    raw = packed(encoding)
    assert old in raw
    path = tmp_path / "a.pcd"
    path.write_bytes(raw.replace(old, new, 1))
    with pytest.raises((bw.FormatError, bw.LimitError), match=message) as caught:
        bw.read_points(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_pcd_with_a_page_of_padding(tmp_path):
    """As old PCL writes it: the file is sized as if the header took a whole page."""
    raw = packed("binary")
    head = raw.index(b"DATA binary\n") + 12
    (tmp_path / "a.pcd").write_bytes(raw + bytes(4096 - head))
    assert len(bw.read_points(tmp_path / "a.pcd")) == 3
    for bad in (raw + bytes(4095 - head), raw + bytes(4095 - head) + b"x"):
        (tmp_path / "a.pcd").write_bytes(bad)
        with pytest.raises(bw.FormatError, match="longer than its header"):
            bw.read_points(tmp_path / "a.pcd")


def test_compressed_bombs(tmp_path, monkeypatch):
    n = 100_000
    zeros = np.zeros(n * 12, np.uint8)
    out = np.empty(2 * len(zeros), np.uint8)
    body = out[: lzf.compress(zeros, out)].tobytes()
    head = f"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {n}\nHEIGHT 1\nPOINTS {n}\nDATA binary_compressed\n".encode()
    (tmp_path / "a.pcd").write_bytes(head + struct.pack("<II", len(body), n * 12) + body)
    assert len(bw.read_points(tmp_path / "a.pcd")) == n  # 88 : 1 is LZF's own bound
    monkeypatch.setenv("BOXWRIGHT_LIMIT_DECOMPRESSED_RATIO", "50")
    with pytest.raises(bw.LimitError, match="at most 50 : 1"):
        bw.read_points(tmp_path / "a.pcd")
    monkeypatch.delenv("BOXWRIGHT_LIMIT_DECOMPRESSED_RATIO")
    np.savez_compressed(tmp_path / "b.npz", x=np.zeros(10**6), y=np.zeros(10**6), z=np.zeros(10**6))
    with pytest.raises(bw.LimitError, match="at most 200 : 1"):
        bw.read_points(tmp_path / "b.npz")
    monkeypatch.setenv("BOXWRIGHT_LIMIT_FILE_BYTES", "100")
    with pytest.raises(bw.LimitError, match="file bytes"):
        bw.read_points(tmp_path / "a.pcd")
    monkeypatch.setenv("BOXWRIGHT_LIMIT_FILE_BYTES", "many")
    with pytest.raises(bw.ArgumentError, match="BOXWRIGHT_LIMIT_FILE_BYTES"):
        bw.read_points(tmp_path / "a.pcd")


def npy_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


ARRAY_LIES = {
    "bin of 17 B": (".bin", bytes(17), r"17 B, 1 B more than whole points"),
    "npy cut": (".npy", npy_bytes(np.zeros((4, 4)))[:-1], "shorter than its header"),
    "npy long": (".npy", npy_bytes(np.zeros((4, 4))) + b"x", "longer than its header"),
    "npy 1e15 rows": (".npy", npy_bytes(np.zeros((4, 4))).replace(b"(4, 4), }" + b" " * 15, b"(1000000000000000, 4), }"), "shorter than its header"),
    "npy pickle": (".npy", npy_bytes(np.array([{}, []], object), allow_pickle=True), "an array of numbers"),
    "npy text": (".npy", npy_bytes(np.array(["a"])), "an array of numbers"),
    "npy 1-D": (".npy", npy_bytes(np.zeros(5)), "or more columns"),
    "npy 2 columns": (".npy", npy_bytes(np.zeros((5, 2))), "or more columns"),
    "npy on its side": (".npy", npy_bytes(np.zeros((3, 500))), r"a table that may lie on its side: .* got shape \(3, 500\), which may be 500 points"),
    "npy of 4 rows": (".npy", npy_bytes(np.zeros((4, 9), np.float32)), "save array.T if each row is an axis"),
    "npy empty": (".npy", b"", "not a NumPy array of numbers: expected a NumPy header"),
    "npz not zip": (".npz", b"PK\3\4 nothing", "archive is broken"),
    "pcd empty": (".pcd", b"", "no DATA line"),
    "other": (".xyz", b"1 2 3", "not a point file"),
    "nuScenes": (".pcd.bin", bytes(20), "not a point file"),
}


@pytest.mark.parametrize("name", ARRAY_LIES)
def test_arrays_that_lie(tmp_path, name):
    suffix, raw, message = ARRAY_LIES[name]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(raw)
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read_points(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_npz_of_one_table(tmp_path):
    table = np.array(ROWS, np.float32)
    np.savez_compressed(tmp_path / "t.npz", data=table)
    np.testing.assert_array_equal(bw.read_points(tmp_path / "t.npz").xyz, table[:, :3])
    np.savez_compressed(tmp_path / "t.npz", data=table[:, 0])
    with pytest.raises(bw.FormatError, match=r"expected \(N, 3\) or more columns"):
        bw.read_points(tmp_path / "t.npz")


@pytest.mark.parametrize("name", ["xyz", "points"])
def test_npz_of_a_table_and_columns(tmp_path, name):
    table, ring = np.array([row[:3] for row in ROWS]), np.array([7, 8, 9], np.uint8)
    np.savez(tmp_path / "t.npz", **{name: table}, intensity=np.float32([[1], [2], [3]]), ring=ring)
    sweep = bw.read_points(tmp_path / "t.npz")
    np.testing.assert_array_equal(sweep.xyz, table)
    assert sweep.intensity.tolist() == [1, 2, 3]
    assert {name: values.tolist() for name, values in sweep.fields.items()} == {"ring": [7, 8, 9]}
    for arrays, message in (
        ({name: np.c_[table, table[:, 0]], "intensity": ring}, "'intensity' is there twice"),
        ({name: table, "ring": ring[:2]}, "expected columns .* of one length"),
        ({name: table, "stamp": np.array(1)}, "expected columns .* of one length"),
        ({name: table[:, :2], "ring": ring}, r"expected \(N, 3\) or more columns"),
        ({"xyz": table, "points": table}, "name a table of points 'xyz' or 'points'"),
        ({"cloud": table, "ring": ring}, "name a table of points 'xyz' or 'points'"),
    ):
        np.savez(tmp_path / "t.npz", **arrays)
        with pytest.raises(bw.FormatError, match=message):
            bw.read_points(tmp_path / "t.npz")


def test_npz_of_columns_that_are_tables(tmp_path):
    """A column of records of one number each used to be taken, and no writer could keep it."""
    xyz = np.ones((4, 3), np.float32)
    np.savez(tmp_path / "a.npz", xyz=xyz, intensity=np.zeros(4, [("x", "<f4")]))
    with pytest.raises(bw.FormatError, match="intensity: expected a column of numbers, got dtype"):
        bw.read_points(tmp_path / "a.npz")


def test_npz_members_that_lie(tmp_path):
    def archive(**members):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
            for name, raw in members.items():
                file.writestr(name, raw)
        return tmp_path / "a.npz"

    ok = npy_bytes(np.zeros(3))
    for members, message in (
        ({"x.npy": ok, "y.npy": ok}, "columns x, y and z"),
        ({"x.npy": ok, "y.npy": ok, "z.npy": npy_bytes(np.zeros(4))}, "of one length"),
        ({"x.npy": ok, "y.npy": ok, "z.npy": ok[:-1]}, "z: the file is shorter"),
        ({"x.npy": ok, "y.npy": ok, "z.npy": npy_bytes(np.zeros((3, 1)))}, "of one length"),
        ({}, "of one length"),
    ):
        with pytest.raises(bw.FormatError, match=message):
            bw.read_points(archive(**members))


@pytest.mark.parametrize("kind", ["ascii.pcd", "binary.pcd", "binary_compressed.pcd", "a.bin", "a.npy", "a.npz"])
def test_a_cut_file_is_never_taken_for_a_whole_one(rng, tmp_path, kind):
    path = tmp_path / kind
    sweep = bw.Sweep(rng.normal(0, 3, (3, 3)).astype(np.float32), intensity=np.float32([0.5, 0.25, 1]))
    if kind.endswith(".pcd"):
        path.write_bytes(packed(kind[:-4]))
    elif kind == "a.bin":
        path.write_bytes(np.c_[sweep.xyz, sweep.intensity].astype("<f4").tobytes())
    elif kind == "a.npy":
        np.save(path, np.asarray(sweep.xyz))
    else:
        np.savez_compressed(path, x=sweep.xyz[:, 0], y=sweep.xyz[:, 1], z=sweep.xyz[:, 2])
    raw = path.read_bytes()
    whole = len(raw) - (1 if kind == "ascii.pcd" else 0)  # the last newline may be missing
    for at in range(len(raw)):
        path.write_bytes(raw[:at])
        try:
            n = len(bw.read_points(path))
            assert (at >= whole and n == 3) or (kind == "a.bin" and at == 16 * n) or (kind == "ascii.pcd" and at > whole - 5)
        except BoxwrightError:
            pass


def test_bad_arguments(tmp_path):
    sweep = bw.Sweep(np.zeros((2, 3), np.float32))
    with pytest.raises(bw.ArgumentError, match="encoding: expected 'ascii'"):
        bw.write_points(sweep, tmp_path / "a.pcd", encoding="zip")
    with pytest.raises(bw.ArgumentError, match=r"ending in \.pcd"):
        bw.write_points(sweep, tmp_path / "a.bin")
    with pytest.raises(bw.ArgumentError, match="a Sweep"):
        bw.write_points(np.zeros((2, 3)), tmp_path / "a.pcd")
    with pytest.raises(bw.ArgumentError, match="without spaces"):
        bw.write_points(bw.Sweep(np.zeros((1, 3)), fields={"a b": np.zeros(1)}), tmp_path / "a.pcd")
    with pytest.raises(bw.FormatError, match="no such file"):
        bw.read_points(tmp_path / "none.pcd")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------ pictures


@pytest.mark.parametrize("quality", [None, 90])
def test_pictures(tmp_path, quality):
    v, u = np.mgrid[:20, :30]
    image = np.stack([200 + u, 5 * v, 20 + u], 2).astype(np.uint8)
    path = tmp_path / "a"
    raw = image_bytes(image, quality)
    path.write_bytes(raw)
    assert image_size_px(path) == (30, 20)
    again = read_image(path)
    assert np.abs(again.astype(int) - image).max() <= (0 if quality is None else 12)
    for at in range(0, len(raw), 3):
        path.write_bytes(raw[:at])
        with pytest.raises((bw.FormatError, bw.LimitError)):
            read_image(path)
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        with contextlib.suppress(BoxwrightError):
            assert read_image(path).ndim == 3


def test_pictures_that_lie(tmp_path):
    huge = bytearray(image_bytes(np.zeros((4, 4, 3), np.uint8)))
    huge[16:24] = struct.pack(">II", 60_000, 60_000)
    for raw, message in ((bytes(huge), "image px"), (b"GIF89a" + bytes(40), "PNG or JPEG"), (b"", "PNG or JPEG")):
        (tmp_path / "a.png").write_bytes(raw)
        with pytest.raises((bw.FormatError, bw.LimitError), match=message):
            read_image(tmp_path / "a.png")
    with pytest.raises(bw.ArgumentError, match="RGB"):
        image_bytes(np.zeros((4, 4, 4), np.uint8))


# ------------------------------------------------------------ what a review found


def npy_with_shape(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


@pytest.mark.parametrize("shape", ["(0, 1000000000000)", "(1000000000000, 0)", "(0, 300)"])
def test_a_side_of_zero_hides_no_size(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(npy_with_shape(shape))
    with pytest.raises(bw.LimitError, match=r"a\.npy: more (point bytes|points per frame) than allowed"):
        bw.read_points(tmp_path / "a.npy")


def test_zip_methods_and_bombs_by_their_headers(tmp_path):
    ok = npy_bytes(np.zeros(3))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as file:
            for name in "xyz":
                file.writestr(f"{name}.npy", ok)
        with pytest.raises(bw.FormatError, match=f"stored or deflated, got zip method {method}"):
            bw.read_points(tmp_path / "a.npz")


def test_objects_in_an_archive_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(1), y=np.zeros(1), z=np.array([{}], object))
    with pytest.raises(bw.FormatError, match="z: not a NumPy array of numbers"):
        bw.read_points(tmp_path / "a.npz")


def test_pcd_fields_without_width(tmp_path):
    """COUNT 0 everywhere: points of no bytes at all."""
    (tmp_path / "a.pcd").write_bytes(b"FIELDS _\nSIZE 4\nTYPE F\nCOUNT 0\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA binary\n")
    with pytest.raises(bw.FormatError, match="FIELDS: expected columns x, y and z"):
        bw.read_points(tmp_path / "a.pcd")


def test_names_of_fields_in_any_alphabet(tmp_path):
    """A PCD says nothing of its letters: those of UTF-8 are taken as such, others as Latin-1. All that ends a word is a blank of ASCII."""
    for name in ("größe", "à", "x\x85", "a\xa0b", "距離"):
        sweep = bw.Sweep(np.zeros((2, 3)), fields={name: np.arange(2)})
        for suffix in ("pcd", "ply"):
            path = tmp_path / f"a.{suffix}"
            bw.write_points(sweep, path, overwrite=True)
            assert list(bw.read_points(path).fields) == [name]
            path.write_bytes(path.read_bytes().replace(name.encode(), name.encode("latin-1", "replace")))
            assert list(bw.read_points(path).fields) == [name if name != "距離" else "??"]
    for name in ("a b", "a\tb", "\x01", ""):
        with pytest.raises(bw.ArgumentError, match="expected field names without spaces"):
            bw.write_points(bw.Sweep(np.zeros((2, 3)), fields={name: np.arange(2)}), tmp_path / "b.pcd")


def test_no_points_compressed(tmp_path):
    """Nothing stands for no points: a file that brings bytes for them is refused, however it counts them."""
    path = tmp_path / "a.pcd"
    bw.write_points(bw.Sweep(np.zeros((0, 3), np.float32)), path, encoding="binary_compressed")
    raw = path.read_bytes()
    assert raw.endswith(bytes(8)) and len(bw.read_points(path)) == 0
    path.write_bytes(raw[:-8])
    assert len(bw.read_points(path)) == 0  # as others write it
    for bad, message in (
        (raw + b"stray", r"compressed size: expected 0 compressed bytes, got 5"),
        (raw[:-8] + struct.pack("<II", 5, 0) + b"stray", rf"byte {len(raw)}: compressed size: expected no compressed bytes for 0 points, got 5"),
        (raw[:-8] + struct.pack("<II", 5, 5) + b"stray", r"uncompressed size: expected 0 points x 12 B = 0 B, got 5 B"),
        (raw[:-1], "ends before the compressed sizes"),
    ):
        path.write_bytes(bad)
        for call in (bw.read_points, check_point_file):
            with pytest.raises(bw.FormatError, match=message):
                call(path)


def test_names_with_blanks(tmp_path):
    """They could be read and not be written: a recording with one became no folder of boxwright's."""
    columns = {name: np.arange(3.0) for name in "xyz"}
    np.savez(tmp_path / "a.npz", **columns, **{"my ring": np.arange(3), "_": np.arange(3) + 5})
    head = b"VERSION 0.7\nFIELDS x y z \0ring\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\nWIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA ascii\n1 2 3 4\n"
    (tmp_path / "b.pcd").write_bytes(head)
    assert {*bw.read_points(tmp_path / "a.npz").fields} == {"my_ring", "field"}
    sweep = bw.read_points(tmp_path / "b.pcd")
    assert [*sweep.fields] == ["_ring"]
    bw.write_points(sweep, tmp_path / "c.pcd")
    assert bw.read_points(tmp_path / "c.pcd").fields["_ring"].tolist() == [4]
    np.savez(tmp_path / "d.npz", **columns, **{"my ring": np.arange(3), "my_ring": np.arange(3)})
    with pytest.raises(bw.FormatError, match="columns whose names differ"):
        bw.read_points(tmp_path / "d.npz")


def test_pcd_values_that_would_share_a_name(tmp_path):
    head = "FIELDS x y z a a_0\nSIZE 4 4 4 4 4\nTYPE F F F F F\nCOUNT 1 1 1 2 1\nWIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA binary\n"
    (tmp_path / "a.pcd").write_bytes(head.encode() + bytes(24))
    with pytest.raises(bw.FormatError, match="each field once, got 'a_0' twice"):
        bw.read_points(tmp_path / "a.pcd")


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_fields_of_several_values(tmp_path, encoding):
    head = f"FIELDS x y z _ n\nSIZE 4 4 4 1 2\nTYPE F F F U I\nCOUNT 1 1 1 3 2\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA {encoding}\n".encode()
    rows = [(1.0, 2.0, 3.0, 0, 0, 0, -4, 5), (6.0, 7.0, 8.0, 0, 0, 0, 9, -10)]
    if encoding == "ascii":
        body = "\n\n".join(" ".join(map(str, row)) for row in rows).encode()  # blank lines count for nothing
    elif encoding == "binary":
        body = b"".join(struct.pack("<3f3B2h", *row) for row in rows)
    else:
        raw = struct.pack("<6f6B4h", 1, 6, 2, 7, 3, 8, *bytes(6), -4, 5, 9, -10)
        body = naive.lzf_compress(raw)
        body = struct.pack("<II", len(body), len(raw)) + body
    (tmp_path / "a.pcd").write_bytes(head + body)
    sweep = bw.read_points(tmp_path / "a.pcd")
    np.testing.assert_array_equal(sweep.xyz, [row[:3] for row in rows])
    assert {name: values.tolist() for name, values in sweep.fields.items()} == {"n_0": [-4, 9], "n_1": [5, -10]}


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_whole_numbers_beyond_float64(tmp_path, encoding):
    values = {"stamp": np.array([1_700_000_000_123_456_789, 2**64 - 1, 3], np.uint64), "low": np.array([-(2**63), 2**63 - 1, 0])}
    bw.write_points(bw.Sweep(np.zeros((3, 3)), fields=values), tmp_path / "a.pcd", encoding=encoding)
    again = bw.read_points(tmp_path / "a.pcd")
    for name, column in values.items():
        np.testing.assert_array_equal(again.fields[name], column)
        assert again.fields[name].dtype == column.dtype
    if encoding == "ascii":
        raw = (tmp_path / "a.pcd").read_bytes()
        (tmp_path / "a.pcd").write_bytes(raw.replace(str(2**64 - 1).encode(), str(2**64).encode()))
        with pytest.raises(
            bw.FormatError, match=r"line 13: stamp: expected a whole number from 0 to 18446744073709551615, got '18446744073709551616'"
        ):
            bw.read_points(tmp_path / "a.pcd")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 x7", r"line 9: z: expected a number, got 'x7'"),
        ("1 2", r"line 9: DATA ascii: expected 3 numbers \(x, y, z\), got 2"),
        ("1 2 3 4", r"line 9: DATA ascii: expected 3 numbers \(x, y, z\), got 4"),
        ("1 2 1_0", r"line 9: z: expected a number, got '1_0'"),
    ],
)
def test_ascii_lines_are_named_without_numpys_words(tmp_path, line, message):
    head = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA ascii\n"
    (tmp_path / "a.pcd").write_text(head + f"{line}\n4 5 6\nnan inf -1e3\n")
    with pytest.raises(bw.FormatError, match=rf"a\.pcd, {message}; correct the line"):
        bw.read_points(tmp_path / "a.pcd")
    (tmp_path / "a.pcd").write_text(head + "1 2 3\n4 5 6\nnan inf -1e3\n")
    np.testing.assert_array_equal(bw.read_points(tmp_path / "a.pcd").xyz[2], np.float32([np.nan, np.inf, -1e3]))


def test_times_that_would_wrap(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(1), y=np.zeros(1), z=np.zeros(1), time_offset_ns=np.array([2**63], np.uint64))
    with pytest.raises(bw.FormatError, match=r"a\.npz: time_offset_ns: expected"):
        bw.read_points(tmp_path / "a.npz")


def test_columns_at_even_distances_that_are_no_table():
    """Three arrays of their own, which the allocator happened to put in a row: a view of the first would outlive the others."""
    memory = memoryview(np.arange(12, dtype=np.float32)).cast("B")
    x, y, z = (np.frombuffer(memory[16 * i : 16 * i + 16], np.float32) for i in range(3))
    sweep = sweep_of_columns({"x": x, "y": y, "z": z}, "a.pcd", frame="lidar")
    np.testing.assert_array_equal(sweep.xyz, np.arange(12).reshape(3, 4).T)
    assert not np.shares_memory(sweep.xyz, x)
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.shares_memory(sweep_of_columns(dict(zip("xyz", table)), "a.pcd", frame="lidar").xyz, table)


@pytest.mark.parametrize(("name", "n_kept"), [("a.pcd", -1), ("a.npy", -1), ("a.npz", 40), ("a.bin", 17)])
def test_a_damaged_point_file_shows_on_opening(tmp_path, name, n_kept):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / name
    if name == "a.pcd":
        bw.write_points(bw.Sweep(np.zeros((4, 3), np.float32)), path)
    elif name == "a.npz":
        np.savez(path, x=np.zeros(4), y=np.zeros(4), z=np.zeros(4))
    elif name == "a.npy":
        np.save(path, np.zeros((4, 4), np.float32))
    else:
        np.zeros((4, 4), np.float32).tofile(path)
    assert len(bw.read(path).points(0)) == 4
    path.write_bytes(path.read_bytes()[:n_kept])
    with pytest.raises(bw.FormatError, match=rf"data/{name}"):
        bw.read(path)
    bw.write_points(bw.Sweep(np.zeros((4, 3), np.float32)), tmp_path / "data/b.pcd")
    scene = bw.read(tmp_path / "data")  # in a folder it is told, and the others can be read
    assert f"1 of 2 point files are damaged: {path}" in scene.notes[0]
    assert len(scene.points(1)) == 4
    with pytest.raises(bw.FormatError, match=rf"data/{name}.*frame 0, lidar"):
        scene.points(0)


def test_damage_inside_one_file_shows_on_opening(tmp_path):
    (tmp_path / "a.pcd").write_bytes(packed("ascii").replace(b"0.75", b"zero"))
    with pytest.raises(bw.FormatError, match=r"a\.pcd, line 12: z: expected a number, got 'zero'"):
        bw.read(tmp_path / "a.pcd")


@pytest.mark.parametrize("xyz", [np.zeros((0, 3), np.float32), np.full((3, 3), np.nan, np.float32)])
@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_sweeps_without_a_point_to_see(tmp_path, xyz, encoding):
    bw.write_points(bw.Sweep(xyz), tmp_path / "a.pcd", encoding=encoding)
    scene = bw.read(tmp_path / "a.pcd")
    np.testing.assert_array_equal(scene.points(0).xyz, xyz)
    assert not scene.points(0).is_finite.any()


def test_a_large_picture_in_a_tiny_file_is_not_decoded(tmp_path):
    """What 4K takes may be of one colour; what is larger must hold something."""
    for name, (height, width) in {"4k.png": (2160, 3840), "large.png": (4000, 5000)}.items():
        (tmp_path / name).write_bytes(image_bytes(np.zeros((height, width, 3), np.uint8)))
    assert read_image(tmp_path / "4k.png").shape == (2160, 3840, 3)
    with pytest.raises(bw.LimitError, match=r"large\.png: compressed more tightly than allowed: expected at most 200 : 1, got 60,000,000 B from"):
        read_image(tmp_path / "large.png")


@pytest.mark.parametrize("name", ["a.pcd", "a.ply", "a.bin"])
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, name):
    (tmp_path / name).touch()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(bw.FormatError, match=rf"{name}: cannot be read: Permission denied; check its permissions"):
        bw.read_points(tmp_path / name)


def test_a_file_that_is_cut_while_it_is_read():
    """Its size was right when it was looked at: what came of it is told instead of rows that nobody wrote."""
    with pytest.raises(bw.FormatError, match=r"a\.bin: the file became shorter while it was read: expected 16 B, got 12 B; read it again"):
        records_from(io.BytesIO(bytes(12)), "<f4", 4, "a.bin")
    np.testing.assert_array_equal(records_from(io.BytesIO(np.arange(4, dtype="<f4").tobytes()), "<f4", 4, "a.bin"), np.arange(4))
    assert len(records_from(io.BytesIO(b""), np.dtype([("x", "<f4"), ("y", "<i2")]), 0, "a.bin")) == 0


def test_points_are_not_overwritten_unasked(tmp_path):
    path = tmp_path / "a.pcd"
    bw.write_points(bw.Sweep(np.zeros((1, 3))), path)
    with pytest.raises(bw.StorageError, match=r"a\.pcd: exists already; .*overwrite=True"):
        bw.write_points(bw.Sweep(np.zeros((2, 3))), path)
    assert len(bw.read_points(path)) == 1
    bw.write_points(bw.Sweep(np.zeros((2, 3))), path, overwrite=True)
    assert len(bw.read_points(path)) == 2
    (tmp_path / "folder.pcd").mkdir()
    with pytest.raises(bw.StorageError, match="is a folder: expected a file to write; choose the name of a file"):
        bw.write_points(bw.Sweep(np.zeros((2, 3))), tmp_path / "folder.pcd", overwrite=True)
    with pytest.raises(bw.StorageError, match=r"cannot write: .*/a\.pcd is not a folder; choose a folder"):
        bw.write_points(bw.Sweep(np.zeros((2, 3))), path / "deeper" / "b.pcd")
    with pytest.raises(bw.StorageError, match=r"cannot write: .*/a\.pcd is not a folder; choose a folder"):
        bw.write(bw.Scene("s", [0]), path / "scene")
    with pytest.raises(bw.StorageError, match="cannot write: File name too long; choose a shorter name"):
        bw.write_points(bw.Sweep(np.zeros((2, 3))), tmp_path / ("n" * 300 + ".pcd"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pcd", "folder.pcd"]


@pytest.mark.parametrize("kind", ["pcd", "bin", "wide.pcd", "odd.pcd"])
def test_columns_are_views_where_they_can_be_and_always_right(rng, tmp_path, kind):
    """x, y and z side by side are taken as they lie; odd strides and mixed types are copied, so that kernels take every cloud."""
    xyz = rng.normal(0, 9, (50, 3)).astype(np.float32)
    if kind == "bin":
        np.c_[xyz, xyz[:, 0]].astype("<f4").tofile(tmp_path / "a.bin")
        sweep = bw.read_points(tmp_path / "a.bin")
    else:
        extra = {"pcd": {}, "wide.pcd": {"t": rng.normal(size=50)}, "odd.pcd": {"ring": rng.integers(0, 9, 50).astype(np.uint8)}}[kind]
        bw.write_points(bw.Sweep(xyz, fields=extra), tmp_path / "a.pcd")
        sweep = bw.read_points(tmp_path / "a.pcd")
        for name, values in extra.items():
            np.testing.assert_array_equal(sweep.fields[name], values)
            assert sweep.fields[name].flags.aligned
    np.testing.assert_array_equal(sweep.xyz, xyz)
    assert sweep.xyz.flags.aligned
    assert not sweep.xyz.flags.writeable
    box = bw.Cuboids([[0, 0, 0]], [[9, 9, 9]], [0.3], frame="lidar")
    np.testing.assert_array_equal(bw.points_in_cuboids(sweep, box).point_index, bw.points_in_cuboids(xyz, box).point_index)


def test_hostile_clouds_that_others_take(tmp_path):
    """A cut binary body, LZF that breaks off, and a line of two columns among odd numbers; and the .bin cousins."""
    binary, squeezed, text = packed("binary"), packed("binary_compressed"), packed("ascii")
    body = squeezed.index(b"DATA binary_compressed\n") + 23 + 8
    odd = text[: text.index(b"DATA ascii\n") + 11]
    for name, raw, message in (
        ("a.pcd", binary[:-18], "shorter than its header says: expected 3 points x 18 B = 54 B, got 36 B after the header"),
        ("a.pcd", squeezed[:body] + b"\xff" * (len(squeezed) - body), "the compressed data is broken: expected 54 B of LZF"),
        ("a.pcd", odd + b"nan inf 1e400 0 1\n1 2\n3 4 5 6 7\n", "line 13: DATA ascii: expected 5 numbers .*, got 2"),
        ("a.bin", bytes(15), "not a KITTI cloud: expected 16 B a point .*, got 15 B, 15 B more than whole points"),
        ("a.bin", bytes(16 * 3 + 4), "got 52 B, 4 B more than whole points"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(bw.FormatError, match=message) as caught:
            bw.read_points(tmp_path / name)
        assert caught.value.hint
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(16 * 20_000_001)  # a hole: no room on the disk
    with pytest.raises(bw.LimitError, match="more points per frame than allowed: expected at most 20,000,000, got 20,000,001"):
        bw.read_points(tmp_path / "a.bin")
