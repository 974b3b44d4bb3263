"""LAS and LAZ files: numbers packed by hand, laspy as a witness, and files that lie."""

from __future__ import annotations

import struct
import sys
import tracemalloc

import numpy as np
import pytest

import boxwright as bw
from boxwright.errors import BoxwrightError

# X, Y, Z, intensity, return number, number of returns, classification, scan angle, user data, source, time, red
ROWS = [
    (1500, -2250, 750, 65535, 1, 2, 5, -12, 7, 300, 1234.5, 9),
    (-10125, 4000, -1500, 3, 2, 2, 31, 90, 0, 1, 1e9, 8),
    (7, 8, 9, 0, 1, 1, 2, 0, 255, 0, 0.0, 7),
]
STANDARD_BYTES = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)


def record(kind: int, row, extra: bytes = b"") -> bytes:
    """One point in a point format, packed without the code under test; the edge of the flight line and withheld are set."""
    x, y, z, intensity, number, n, category, angle, user, source, time, red = row
    raw = struct.pack("<3iH", x, y, z, intensity)
    if kind < 6:
        raw += struct.pack("<BBbBH", number | n << 3 | 1 << 7, category | 1 << 7, angle, user, source)
        raw += struct.pack("<d", time) * (kind in (1, 3, 4, 5)) + struct.pack("<3H", red, 2, 3) * (kind in (2, 3, 5))
    else:
        raw += struct.pack("<BBBBhHd", number | n << 4, 1 << 2 | 2 << 4 | 1 << 7, category, user, angle * 100, source, time)
        raw += struct.pack("<3H", red, 2, 3) * (kind in (7, 8, 10)) + struct.pack("<H", 4) * (kind in (8, 10))
    raw += struct.pack("<BQI4f", 1, 2, 3, 0.5, 1.5, 2.5, 3.5) * (kind in (4, 5, 9, 10))
    assert len(raw) == STANDARD_BYTES[kind]
    return raw + extra


def las(minor: int = 2, kind: int = 1, *, vlrs=(), extras=(b"",) * 3, evlr: bytes = b"", scale=(0.001, 0.01, 0.5), offset=(0.0, 0.0, 0.0)) -> bytes:
    """A LAS file of the three rows."""
    size = {2: 227, 3: 235, 4: 375}[minor]
    records = b"".join(struct.pack("<H16sHH32x", 0, user, number, len(raw)) + raw for user, number, raw in vlrs)
    points = b"".join(record(kind, row, extra) for row, extra in zip(ROWS, extras))
    head = (
        b"LASF"
        + bytes(20)
        + struct.pack("<BB", 1, minor)
        + bytes(68)
        + struct.pack("<HIIBH", size, size + len(records), len(vlrs), kind, len(points) // 3)
    )
    head += struct.pack("<I", 3 if minor < 4 or kind < 6 else 0) + bytes(20) + struct.pack("<6d", *scale, *offset) + bytes(48)
    end = size + len(records) + len(points)
    if minor == 3:
        head += struct.pack("<Q", end if evlr else 0)
    elif minor == 4:
        head += struct.pack("<QQIQ", 0, end if evlr else 0, bool(evlr), 3) + bytes(120)
    assert len(head) == size
    return head + records + points + evlr


EVLR = struct.pack("<H16sHQ32x", 0, b"LASF_Spec", 65535, 5) + b"waves"


@pytest.mark.parametrize("minor, kind", [(2, 0), (2, 1), (2, 2), (2, 3), (3, 4), (3, 5), (4, 1), (4, 6), (4, 7), (4, 8), (4, 9), (4, 10)])
def test_las_packed_by_hand(tmp_path, minor, kind):
    (tmp_path / "a.las").write_bytes(las(minor, kind, evlr=EVLR if minor > 2 else b"", vlrs=[(b"other", 1, b"abc")]))
    sweep = bw.read_points(tmp_path / "a.las", frame="ego")
    np.testing.assert_allclose(sweep.xyz, [(1.5, -22.5, 375.0), (-10.125, 40.0, -750.0), (0.007, 0.08, 4.5)], rtol=1e-15)
    assert (sweep.xyz.dtype, sweep.frame, sweep.origin_m, sweep.time_offset_ns) == (np.float64, "ego", (0.0, 0.0, 0.0), None)
    assert (sweep.intensity.tolist(), sweep.intensity.dtype) == ([65535, 3, 0], np.uint16)
    expected = {"return_number": [1, 2, 1], "number_of_returns": [2, 2, 1], "classification": [5, 31, 2], "user_data": [7, 0, 255]}
    expected |= {
        "point_source_id": [300, 1, 0],
        "withheld": [1] * 3,
        "synthetic": [0] * 3,
        "edge_of_flight_line": [1] * 3,
        "scan_direction_flag": [0] * 3,
    }
    expected |= {"scan_angle_rank": [-12, 90, 0], "key_point": [0] * 3} if kind < 6 else {"scan_angle": [-1200, 9000, 0], "scanner_channel": [2] * 3}
    expected |= {"gps_time": [1234.5, 1e9, 0.0]} if kind not in (0, 2) else {}
    expected |= {"red": [9, 8, 7], "green": [2] * 3, "blue": [3] * 3} if kind in (2, 3, 5, 7, 8, 10) else {}
    expected |= {"nir": [4] * 3} if kind in (8, 10) else {}
    expected |= {"wavepacket_size": [3] * 3, "z_t": [3.5] * 3} if kind in (4, 5, 9, 10) else {}
    assert {name: sweep.fields[name].tolist() for name in expected} == expected
    scene = bw.read(tmp_path / "a.las")
    assert (len(scene), scene.has_time, scene.format) == (1, False, "points")


def test_a_map_grid_keeps_millimetres(tmp_path):
    (tmp_path / "a.las").write_bytes(las(scale=(0.001, 0.001, 0.001), offset=(447_000.0, 5_412_345.678, 0.0)))
    sweep = bw.read_points(tmp_path / "a.las")
    assert sweep.origin_m == (447_000.0, 5_412_000.0, 0.0)
    np.testing.assert_allclose(sweep.xyz, [(1.5, 343.428, 0.75), (-10.125, 349.678, -1.5), (0.007, 345.686, 0.009)], rtol=0, atol=1e-9)
    bw.write_points(sweep, tmp_path / "a.ply")
    np.testing.assert_allclose(bw.read_points(tmp_path / "a.ply").xyz - (447_000.0, 5_412_000.0, 0.0), sweep.xyz, rtol=0, atol=1e-8)


def extra(code: int, name: bytes, options: int = 0, scale: float = 0.0, offset: float = 0.0) -> bytes:
    return struct.pack("<2xBB32s76xd16xd48x", code, options, name, scale, offset)


def test_extra_bytes(tmp_path):
    told = extra(3, b"Range 1") + extra(6, b"low", 0x18, 0.25, 10.0) + extra(0, b"raw", 2) + extra(1, b"intensity")
    extras = [struct.pack("<HiBBBB", 60000 + i, -i, 1, 2, 3, i) for i in range(3)]
    (tmp_path / "a.las").write_bytes(las(4, 6, vlrs=[(b"LASF_Spec", 4, told)], extras=extras))
    fields = bw.read_points(tmp_path / "a.las").fields
    found = {name: values.tolist() for name, values in fields.items() if name.startswith("extra_")}
    assert found == {
        "extra_Range_1": [60000, 60001, 60002],
        "extra_low": [10.0, 9.75, 9.5],
        "extra_raw_0": [1] * 3,
        "extra_raw_1": [2] * 3,
        "extra_intensity": [3] * 3,
        "extra_byte_0": [0, 1, 2],
    }
    for told, message in (
        (extra(9, b"a") * 2, "'a', data type 9"),
        (extra(10, b"a") + extra(2, b"b"), "'b', data type 2"),
        (extra(30, b"a"), "type 30"),
    ):
        (tmp_path / "a.las").write_bytes(las(4, 6, vlrs=[(b"LASF_Spec", 4, told)], extras=[bytes(8)] * 3))
        with pytest.raises(bw.FormatError, match=rf"extra bytes: the extra bytes are not as the file tells: .*{message}"):
            bw.read_points(tmp_path / "a.las")


# ------------------------------------------------------------ laspy


def laspy_file(path, rng, kind, version, n=500):
    laspy = pytest.importorskip("laspy", reason="laspy is not installed (extra 'io')")
    header = laspy.LasHeader(point_format=kind, version=version)
    header.scales, header.offsets = (0.001, 0.001, 0.01), (500_000.0, 4_600_000.0, 100.0)
    header.add_extra_dim(laspy.ExtraBytesParams("height", "f4"))
    data = laspy.LasData(header)
    data.x, data.y, data.z = 500_000 + rng.normal(0, 300, n), 4_600_000 + rng.normal(0, 300, n), rng.normal(0, 10, n)
    data.intensity, data.height = rng.integers(0, 65536, n), rng.normal(size=n)
    data.return_number, data.classification = rng.integers(1, 5, n), rng.integers(0, 20, n)
    if "gps_time" in data.point_format.dimension_names:
        data.gps_time = np.sort(rng.uniform(0, 1e5, n))
    data.write(path)
    return laspy.read(path)


@pytest.mark.parametrize(
    "kind, version", [(0, "1.2"), (1, "1.2"), (3, "1.2"), (5, "1.3"), (1, "1.4"), (6, "1.4"), (7, "1.4"), (8, "1.4"), (10, "1.4")]
)
@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_laspy_reads_the_same(rng, tmp_path, suffix, kind, version):
    n = 0 if kind == 8 else 500 if kind != 7 else 110_000  # none, one chunk, three chunks
    theirs = laspy_file(tmp_path / f"a{suffix}", rng, kind, version, n)
    sweep = bw.read_points(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(np.asarray(sweep.xyz) + sweep.origin_m, theirs.xyz, rtol=0, atol=2e-9)
    np.testing.assert_array_equal(sweep.intensity, theirs.intensity)
    np.testing.assert_array_equal(sweep.fields["extra_height"], theirs.height)
    skipped = {"X", "Y", "Z", "intensity", "height"}
    for name in set(theirs.point_format.dimension_names) - skipped:
        np.testing.assert_array_equal(sweep.fields[name], np.asarray(theirs[name]), err_msg=name)


def test_laz_without_its_extra(rng, tmp_path, monkeypatch):
    laspy_file(tmp_path / "a.laz", rng, 1, "1.2")
    monkeypatch.setitem(sys.modules, "lazrs", None)
    with pytest.raises(bw.ExtraMissing, match=r"a\.laz: compressed LAS files need lazrs; install the extra: pip install 'boxwright\[io\]'"):
        bw.read_points(tmp_path / "a.laz")
    (tmp_path / "b.las").write_bytes(las())
    assert len(bw.read_points(tmp_path / "b.las")) == 3


# ------------------------------------------------------------ files that lie

OFFSET = 375
LIES = {
    "no LASF": (2, 0, b"LAXF", "byte 0: not a LAS file: expected the letters LASF, got b'LAXF'"),
    "version 2.0": (2, 24, b"\2\0", "byte 24: version: expected LAS 1.0 to 1.4, got 2.0"),
    "version 1.5": (2, 25, b"\5", "expected LAS 1.0 to 1.4, got 1.5"),
    "header of 20 B": (
        2,
        94,
        struct.pack("<H", 20),
        "byte 94: header size: expected 227 B or more, and at most the 227 B before the points, got 20 B",
    ),
    "header beyond the points": (
        2,
        94,
        struct.pack("<H", 228),
        "header size: expected 227 B or more, and at most the 227 B before the points, got 228 B",
    ),
    "points at 4e9": (
        2,
        96,
        struct.pack("<I", 4_000_000_000),
        "byte 96: offset to point data: expected a place within the file's 311 B, got 4,000,000,000",
    ),
    "points in the header": (2, 96, struct.pack("<I", 100), "header size: expected 227 B or more, and at most the 100 B before"),
    "2e9 VLRs": (
        2,
        100,
        struct.pack("<I", 2_000_000_000),
        "byte 100: number of VLRs: expected at most 0 before the points at byte 227, got 2,000,000,000",
    ),
    "point format 11": (2, 104, b"\x0b", "byte 104: point format: expected 0 to 10, got 11"),
    "compressed without a word": (2, 104, b"\x81", "byte 104: point format: expected a VLR 'laszip encoded', as the points are compressed, got none"),
    "records of 0 B": (2, 105, b"\0\0", "byte 105: point record length: expected at least 28 B for point format 1, got 0 B"),
    "records of 27 B": (2, 105, b"\x1b\0", "expected at least 28 B for point format 1, got 27 B"),
    "records of 60,000 B": (2, 105, struct.pack("<H", 60_000), "more point bytes than allowed: expected at most 1,024, got 60,000"),
    "a million points": (2, 107, struct.pack("<I", 10**6), "shorter than its header says: expected 1,000,000 points x 28 B = 28,000,000 B, got 84 B"),
    "2e9 points": (2, 107, struct.pack("<I", 2 * 10**9), "more points per frame than allowed: expected at most 20,000,000, got 2,000,000,000"),
    "one point fewer": (2, 107, struct.pack("<I", 2), "longer than its header says: expected 2 points x 28 B = 56 B, got 84 B after the header"),
    "2e18 points": (4, 247, struct.pack("<Q", 2 * 10**18), "counts the points twice and differently: expected 2,000,000,000,000,000,000 or 0, got 3"),
    "scale 0": (2, 131, struct.pack("<d", 0.0), "byte 131: x scale factor: expected a finite number above 0, at most 1000, got 0.0"),
    "scale NaN": (2, 139, struct.pack("<d", np.nan), "byte 139: y scale factor: expected a finite number above 0, at most 1000, got nan"),
    "scale inf": (2, 147, struct.pack("<d", np.inf), "byte 147: z scale factor: expected a finite number above 0, at most 1000, got inf"),
    "scale 1e308": (2, 147, struct.pack("<d", 1e308), "byte 147: z scale factor: expected a finite number above 0, at most 1000, got 1e.308"),
    "offset NaN": (2, 155, struct.pack("<d", np.nan), r"byte 155: x offset: expected a finite number under 1e\+08, got nan"),
    "offset 1e308": (2, 163, struct.pack("<d", 1e308), r"byte 163: y offset: expected a finite number under 1e\+08, got 1e.308"),
    "EVLR elsewhere": (
        4,
        235,
        struct.pack("<QI", 400, 1),
        "start of the records after the points: expected byte 459, where 3 points x 28 B end, got byte 400",
    ),
    "EVLRs beyond": (4, 235, struct.pack("<QI", 459, 2 * 10**9), "EVLR 1 of 2,000,000,000 reaches beyond the file: expected at most 0 B, got 60 B"),
}


@pytest.mark.parametrize(("scale", "offset", "options"), [(1e308, 1.0, 24), (2.0, -1e308, 24), (np.nan, 0.0, 8), (1.0, np.inf, 16)])
def test_extra_fields_with_senseless_scales(tmp_path, scale, offset, options):
    """What overflows becomes infinite, as an intensity may be; what is no number is refused."""
    path = tmp_path / "a.las"
    path.write_bytes(las(4, 7, vlrs=[(b"LASF_Spec", 4, extra(6, b"a", options, scale, offset))], extras=[struct.pack("<i", 7 * i) for i in range(3)]))
    if np.isfinite([scale, offset]).all():
        values = bw.read_points(path).fields["extra_a"]
        assert values[0] == offset and values[1] == np.float64(7 * scale + offset)
        return
    with pytest.raises(bw.FormatError, match="extra bytes 'a': expected a finite scale and offset, got"):
        bw.read_points(path)


@pytest.mark.parametrize("name", LIES)
def test_las_that_lies(tmp_path, name):
    minor, at, new, message = LIES[name]
    raw = las(minor)
    path = tmp_path / "a.las"
    path.write_bytes(raw[:at] + new + raw[at + len(new) :])
    tracemalloc.start()
    with pytest.raises((bw.FormatError, bw.LimitError), match=message) as caught:
        bw.read_points(path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_records_of_las_that_lie(tmp_path):
    path = tmp_path / "a.las"
    raw = las(2, vlrs=[(b"a", 1, b"abc"), (b"b", 2, b"d")])
    path.write_bytes(raw[: 227 + 20] + b"\xff\xff" + raw[227 + 22 :])
    with pytest.raises(bw.FormatError, match="byte 227: VLR: VLR 1 of 2 reaches into the points: expected at most 112 B, got 65,589 B"):
        bw.read_points(path)
    raw = las(4, evlr=EVLR)
    for bad, message in ((raw + b"x", "longer than its header says: expected 524 B, got 525 B"), (raw[:-1], "EVLR 1 of 1 reaches beyond the file")):
        path.write_bytes(bad)
        with pytest.raises(bw.FormatError, match=message):
            bw.read_points(path)
    path.write_bytes(las()[:100])
    with pytest.raises(bw.FormatError, match="the header is cut off: expected at least 227 B, got 100 B"):
        bw.read_points(path)
    path.write_bytes(b"")
    with pytest.raises(bw.FormatError, match="not a LAS file"):
        bw.read_points(path)


@pytest.mark.parametrize("minor, kind", [(2, 3), (4, 7)])
def test_every_cut_and_every_flipped_byte_of_las(tmp_path, minor, kind):
    path = tmp_path / "a.las"
    raw = las(minor, kind, vlrs=[(b"LASF_Spec", 4, extra(9, b"a"))], extras=[bytes(4)] * 3, evlr=EVLR if minor == 4 else b"")
    outcomes = every_change(path, raw)
    assert min(outcomes.values()) > 40


@pytest.mark.parametrize("kind", [1, 7])
def test_every_cut_and_every_flipped_byte_of_laz(rng, tmp_path, kind):
    laspy_file(tmp_path / "a.laz", rng, kind, "1.4", 5)
    outcomes = every_change(tmp_path / "a.laz", (tmp_path / "a.laz").read_bytes())
    assert min(outcomes.values()) > 40


def every_change(path, raw):
    """Only our own errors leave, and a cut file is never taken for a whole one."""
    outcomes = {"read": 0, "refused": 0}
    for at in range(len(raw)):
        path.write_bytes(raw[:at])
        with pytest.raises(BoxwrightError):
            bw.read_points(path)
        for mask in (0x01, 0xFF):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :])
            try:
                bw.read_points(path)
                outcomes["read"] += 1
            except BoxwrightError as error:
                outcomes["refused"] += 1
                assert "\n" not in str(error)
    return outcomes


def laz_change(path, at: int, new: bytes):
    raw = path.read_bytes()
    path.write_bytes(raw[:at] + new + raw[at + len(new) :])


def test_laz_that_lies(rng, tmp_path):
    """What the decompressor would believe: numbers of points and chunks, the place of their table, sizes within a chunk."""
    path = tmp_path / "a.laz"
    laspy_file(path, rng, 7, "1.4", 60)
    good = path.read_bytes()
    points = struct.unpack_from("<I", good, 96)[0]
    table = struct.unpack_from("<q", good, points)[0]
    vlr = good.index(b"laszip encoded") - 2 + 54
    width = struct.unpack_from("<H", good, 105)[0]
    for at, new, message in (
        (247, struct.pack("<Q", 20_000_001), "points per frame"),
        (247, struct.pack("<Q", 19_000_000), r"compressed more tightly than allowed: expected at most 200 : 1"),
        (vlr + 12, struct.pack("<I", 59), "number of chunks: the compressed points are broken: expected 2, got 1"),
        (105, struct.pack("<H", width + 1), f"items of {width + 1} B together, as the point records have, got {width} B"),
        (points, struct.pack("<q", 10**15), "chunk table: the compressed points are broken: expected a place from"),
        (points, struct.pack("<q", -1), "chunk table: the compressed points are broken: expected a place from"),
        (table + 4, struct.pack("<I", 2 * 10**9), "number of chunks: the compressed points are broken: expected 1, got 2,000,000,000"),
        (table, struct.pack("<I", 9), "version 0, and chunks of at least 1 point, got version 9"),
        (vlr + 12, struct.pack("<I", 0), "chunks of at least 1 point, got version 0, 0 points"),
        (vlr, struct.pack("<H", 9), "expected compressor 2 or 3, got 9"),
        (vlr, struct.pack("<H", 2), "expected items from "),
        (vlr + 32, struct.pack("<H", 999), "expected 34 B and 6 B an item"),
        (points + 8 + width + 4, struct.pack("<I", 2**32 - 1), r"chunk: the compressed points are broken: expected .* B in chunk 1, got 4,"),
    ):
        path.write_bytes(good)
        laz_change(path, at, new)
        if at == 247:
            laz_change(path, 107, bytes(4))
        tracemalloc.start()
        with pytest.raises((bw.FormatError, bw.LimitError), match=message) as caught:
            bw.read_points(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()
        assert caught.value.hint and str(path) in str(caught.value)
