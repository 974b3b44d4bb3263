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
from boxwright.formats.images import image_bytes, image_size_px, read_image
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


@pytest.mark.kernel
def test_lzf_against_its_slow_twin(rng):
    for raw in lzf_inputs(rng):
        source = np.frombuffer(raw, np.uint8)
        out = np.empty(len(raw) + len(raw) // 32 + 2, np.uint8)
        n = lzf.compress(source, out)
        assert n <= len(out)
        assert naive.lzf_decompress(out[:n].tobytes(), len(raw)) == raw
        for stream in (out[:n].tobytes(), naive.lzf_compress(raw)):
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


def test_lzf_against_another_library(rng):
    other = pytest.importorskip("lzf", reason="python-lzf is not installed (comes with pypcd4)")
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
    "ascii, fewer": ("ascii", b"WIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3", b"WIDTH 2\nHEIGHT 1\nPOINTS 2", "header does not fit"),
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
    "word": ("ascii", b"0.75", b"zero", "cannot be read"),
    "short line": ("ascii", b" 0.25 65535", b"", "cannot be read"),
    "not whole": ("ascii", b"65535", b"7.5", "ring: expected whole numbers of 2 bytes"),
    "too large": ("ascii", b"65535", b"65536", "ring: expected whole numbers of 2 bytes"),
    "unpacked size": ("binary_compressed", struct.pack("<I", 54), struct.pack("<I", 55), "uncompressed size"),
}


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
def test_every_cut_and_every_flipped_byte(rng, tmp_path, kind):
    """Only our own errors leave, and a cut file is never taken for a whole one."""
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
    n_read = 0
    for at in range(len(raw)):
        path.write_bytes(raw[:at])
        try:
            n = len(bw.read_points(path))
            assert (at >= whole and n == 3) or (kind == "a.bin" and at == 16 * n) or (kind == "ascii.pcd" and at > whole - 5)
        except BoxwrightError:
            pass
        for mask in (0x01, 0xFF):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :])
            try:
                n_read += len(bw.read_points(path)) > 0
            except BoxwrightError as error:
                assert "\n" not in str(error)
    assert n_read > 0


def test_bad_arguments(tmp_path):
    sweep = bw.Sweep(np.zeros((2, 3), np.float32))
    with pytest.raises(bw.ArgumentError, match="encoding: expected 'ascii'"):
        bw.write_points(sweep, tmp_path / "a.pcd", encoding="zip")
    with pytest.raises(bw.ArgumentError, match=r"ending in \.pcd"):
        bw.write_points(sweep, tmp_path / "a.ply")
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
