"""PLY files: numbers packed by hand, other libraries as witnesses, and files that lie."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest

import boxwright as bw
from boxwright.errors import BoxwrightError

ROWS = [(1.5, -2.25, 0.75, 0.5, 7, -3), (-10.125, 4.0, -1.5, 0.25, 65535, 4), (1e6, 0.0, 3.0, 1.0, 0, -128)]
FACES = [(0, 1, 2), (2, 1, 0, 1), (1, 2, 0)]
VERTEX = (
    "element vertex 3\nproperty float x\nproperty float y\nproperty float32 z\nproperty float reflectance\nproperty ushort ring\nproperty int8 tilt\n"
)
ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


def packed(encoding: str, *, faces: str = "", end: str = "\n") -> bytes:
    """The three rows above, packed without the code under test; `faces` is "", "before" or "after"."""
    order = ENCODINGS[encoding]
    if order:
        points = b"".join(struct.pack(order + "4fHb", *row) for row in ROWS)
        lists = b"".join(struct.pack(f"{order}BB{len(face)}i", 9, len(face), *face) for face in FACES)
    else:
        points = "".join(" ".join(map(repr, row)) + end for row in ROWS).encode()
        lists = "".join(f"9 {len(face)} {' '.join(map(str, face))}{end}" for face in FACES).encode()
    element = "element face 3\nproperty uchar part\nproperty list uchar int vertex_indices\n"
    elements = {"": [VERTEX], "before": [element, VERTEX], "after": [VERTEX, element]}[faces]
    bodies = {"": [points], "before": [lists, points], "after": [points, lists]}[faces]
    head = f"ply\nformat {encoding} 1.0\ncomment a scan, end_header\nobj_info 1 2\n" + "".join(elements) + "end_header\n"
    return head.replace("\n", end).encode() + b"".join(bodies)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("faces", ["", "before", "after"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ply_packed_by_hand(tmp_path, encoding, faces, end):
    (tmp_path / "a.ply").write_bytes(packed(encoding, faces=faces, end=end))
    sweep = bw.read_points(tmp_path / "a.ply", frame="ego")
    np.testing.assert_array_equal(sweep.xyz, [row[:3] for row in ROWS])
    assert (sweep.xyz.dtype, sweep.frame) == (np.float32, "ego")
    np.testing.assert_array_equal(sweep.intensity, np.float32([0.5, 0.25, 1.0]))
    assert {name: (values.tolist(), values.dtype) for name, values in sweep.fields.items()} == {
        "ring": ([7, 65535, 0], np.uint16),
        "tilt": ([-3, 4, -128], np.int8),
    }
    scene = bw.read(tmp_path / "a.ply")
    assert (len(scene), scene.has_time, scene.label_frame, scene.format) == (1, False, "lidar", "points")
    np.testing.assert_array_equal(scene.points(0).xyz, sweep.xyz)
    assert bw.scenes(tmp_path).format == "points"


def test_a_mesh_of_triangles_and_one_other_face(tmp_path):
    """Even rows are checked at once, the rest one by one; elements without properties take no room."""
    faces = [(0, 1, 2)] * 5 + [(0, 1), ()] + [(1, 1, 2)] * 3
    head = (
        "ply\nformat binary_little_endian 1.0\nelement nothing 2000000000\nelement face 10\nproperty list ushort uint i\nproperty double a\n"
        "element vertex 1\nproperty int x\nproperty short y\nproperty double z\nelement edge 2\nproperty int from\nend_header\n"
    )
    body = b"".join(struct.pack(f"<H{len(face)}Id", len(face), *face, 1.5) for face in faces) + struct.pack("<ihd2i", -7, 5, 0.25, 3, 4)
    (tmp_path / "a.ply").write_bytes(head.encode() + body)
    sweep = bw.read_points(tmp_path / "a.ply")
    np.testing.assert_array_equal(sweep.xyz, [[-7, 5, 0.25]])
    assert sweep.xyz.dtype == np.float64
    for raw, message in ((body[:-1], "shorter than its header says: expected 2 rows of the element 'edge'"), (body + b"x", "longer than its header")):
        (tmp_path / "a.ply").write_bytes(head.encode() + raw)
        with pytest.raises(bw.FormatError, match=message):
            bw.read_points(tmp_path / "a.ply")
    (tmp_path / "a.ply").write_bytes(head.replace("list ushort", "list short").encode() + struct.pack("<h", -1) + body[2:])
    with pytest.raises(bw.FormatError, match="element face: a list has a negative length"):
        bw.read_points(tmp_path / "a.ply")


@pytest.mark.parametrize("names", [("intensity", "reflectance"), ("scalar_Intensity",), ("reflectance",)])
def test_the_name_of_the_intensity(tmp_path, names):
    head = "ply\nformat ascii 1.0\nelement vertex 1\n" + "".join(f"property float {name}\n" for name in ("x", "y", "z", *names)) + "end_header\n"
    (tmp_path / "a.ply").write_text(head + "1 2 3 " + " ".join(str(10 + i) for i in range(len(names))))
    sweep = bw.read_points(tmp_path / "a.ply")
    assert sweep.intensity.tolist() == [10]
    assert list(sweep.fields) == list(names[1:])


# ------------------------------------------------------------ written and read


def random_sweep(rng, n=40, dtype=np.float32):
    xyz = rng.normal(0, 30, (n, 3)).astype(dtype)
    if n:
        xyz[0] = np.nan
        xyz[-1, 1] = np.inf
    kinds = ("u1", "i1", "u2", "i2", "u4", "i4")
    fields = {f"f_{kind}": rng.integers(np.iinfo(kind).min, np.iinfo(kind).max, n, kind, endpoint=True) for kind in kinds}
    fields |= {"range": rng.normal(size=n), "reflectance": rng.normal(size=n).astype(np.float32), "größe=": rng.integers(0, 2**53, n, np.uint64)}
    fields["low"] = rng.integers(-(2**53), 2**53, n)
    return bw.Sweep(xyz, time_offset_ns=rng.integers(-(2**40), 2**40, n), fields=fields)


@pytest.mark.parametrize("n", [0, 1, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_ply_written_and_read(rng, tmp_path, encoding, dtype, n):
    sweep = random_sweep(rng, n, dtype)
    bw.write_points(sweep, tmp_path / "a.ply", encoding=encoding)
    again = bw.read_points(tmp_path / "a.ply")
    assert again.xyz.dtype == dtype
    np.testing.assert_array_equal(again.xyz, sweep.xyz)
    assert again.intensity is None
    np.testing.assert_array_equal(again.time_offset_ns, sweep.time_offset_ns)
    assert list(again.fields) == list(sweep.fields)
    for name, values in sweep.fields.items():
        np.testing.assert_array_equal(again.fields[name], values, err_msg=name)
        assert again.fields[name].dtype == values.dtype, name


def test_whole_numbers_that_a_double_cannot_hold(tmp_path):
    for value in (2**53 + 1, -(2**53) - 1):
        sweep = bw.Sweep(np.zeros((2, 3)), fields={"stamp": np.array([1, value])})
        with pytest.raises(bw.ArgumentError, match=rf"stamp: expected whole numbers up to 2\^53 in a \.ply file, got {value}; write a \.pcd"):
            bw.write_points(sweep, tmp_path / "a.ply")
    assert not list(tmp_path.iterdir())
    bw.write_points(bw.Sweep(np.zeros((2, 3)), fields={"stamp": np.array([1, 2**53])}), tmp_path / "a.ply")
    raw = (tmp_path / "a.ply").read_bytes()
    for old, new, message in (
        (struct.pack("<d", 1.0), struct.pack("<d", 1.5), "stamp: expected whole numbers from .* got 1.5 at point 0"),
        (b"stamp=int64", b"stamp=int63", "doubles that are int64 or uint64, got stamp=int63"),
        (b"stamp=int64", b"stomp=int64", "doubles that are int64 or uint64, got stomp=int64"),
    ):
        (tmp_path / "a.ply").write_bytes(raw.replace(old, new))
        with pytest.raises(bw.FormatError, match=message):
            bw.read_points(tmp_path / "a.ply")


def test_an_origin_is_added(tmp_path):
    bw.write_points(bw.Sweep(np.float32([[0.25, 0.5, 1]]), origin_m=(5e5, 4.6e6, 100.0)), tmp_path / "a.ply")
    np.testing.assert_array_equal(bw.read_points(tmp_path / "a.ply").xyz, [[500000.25, 4600000.5, 101.0]])


def test_arguments_of_the_writer(tmp_path):
    with pytest.raises(bw.ArgumentError, match=r"encoding: expected 'ascii' or 'binary' for a \.ply file, got 'binary_compressed'"):
        bw.write_points(bw.Sweep(np.zeros((1, 3))), tmp_path / "a.ply", encoding="binary_compressed")
    with pytest.raises(bw.ArgumentError, match=r"ending in \.pcd or \.ply"):
        bw.write_points(bw.Sweep(np.zeros((1, 3))), tmp_path / "a.las")


@pytest.mark.peers
@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_open3d_reads_and_writes_the_same(rng, tmp_path, encoding):
    o3d = pytest.importorskip("open3d", reason="open3d is not installed (extra 'peers')")
    xyz = rng.normal(0, 30, (500, 3)).astype(np.float32)
    bw.write_points(bw.Sweep(xyz, intensity=xyz[:, 0]), tmp_path / "ours.ply", encoding=encoding)
    theirs = o3d.t.io.read_point_cloud(str(tmp_path / "ours.ply"))
    np.testing.assert_array_equal(theirs.point.positions.numpy(), xyz)
    np.testing.assert_array_equal(theirs.point["intensity"].numpy()[:, 0], xyz[:, 0])
    mesh = o3d.geometry.TriangleMesh.create_sphere(2.0)
    o3d.io.write_triangle_mesh(str(tmp_path / "mesh.ply"), mesh, write_ascii=encoding == "ascii")
    again = bw.read_points(tmp_path / "mesh.ply")
    np.testing.assert_allclose(again.xyz, np.asarray(mesh.vertices), rtol=0, atol=0 if encoding == "binary" else 1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_trimesh_reads_and_writes_the_same(rng, tmp_path, encoding):
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed (extra 'peers')")
    xyz = rng.normal(0, 30, (100, 3)).astype(np.float32)
    bw.write_points(bw.Sweep(xyz), tmp_path / "ours.ply", encoding=encoding)
    np.testing.assert_array_equal(trimesh.load(tmp_path / "ours.ply").vertices, xyz)
    mesh = trimesh.creation.box((1.0, 2.0, 3.0))
    (tmp_path / "mesh.ply").write_bytes(trimesh.exchange.ply.export_ply(mesh, "ascii" if encoding == "ascii" else "binary"))
    np.testing.assert_allclose(bw.read_points(tmp_path / "mesh.ply").xyz, mesh.vertices, rtol=0, atol=1e-7)


# ------------------------------------------------------------ files that lie

LE, BE, TEXT = "binary_little_endian", "binary_big_endian", "ascii"
THREE = b"element vertex 3"
LIES = {
    "ascii claims a million": (
        TEXT,
        THREE,
        b"element vertex 1000000",
        "shorter than its header says: expected 1,000,000 lines of 6 numbers, got 3 lines",
    ),
    "ascii claims one more": (TEXT, THREE, b"element vertex 4", "shorter than its header says: expected 4 lines of 6 numbers, got 3 lines"),
    "ascii claims one fewer": (
        TEXT,
        THREE,
        b"element vertex 2",
        "line 15: element vertex: the file is longer than its header says: expected 2 lines of points, got 3",
    ),
    "binary claims a million": (LE, THREE, b"element vertex 1000000", r"shorter than its header .*1,000,000 vertex x 19 B = 19,000,000 B, got 57 B"),
    "big endian claims more": (BE, THREE, b"element vertex 4", r"shorter than its header says: expected 4 vertex x 19 B = 76 B, got 57 B after"),
    "binary claims fewer": (
        LE,
        THREE,
        b"element vertex 2",
        "longer than its header says: expected 2 vertex x 19 B = 38 B, got 57 B after the header",
    ),
    "2e9 points": (LE, THREE, b"element vertex 2000000000", "more points per frame than allowed: expected at most 20,000,000, got 2,000,000,000"),
    "1e17 points": (LE, THREE, b"element vertex 100000000000000000", "points per frame"),
    "1e30 points": (LE, THREE, b"element vertex 1" + b"0" * 30, "line 5: expected 'element NAME COUNT'"),
    "negative": (LE, THREE, b"element vertex -5", "line 5: expected 'element NAME COUNT'.*got 'element vertex -5'"),
    "no end_header": (LE, b"\nend_header\n", b"\ncomment\n", "the header has no line 'end_header'"),
    "no format": (LE, b"format binary_little_endian 1.0", b"comment", "format: expected a line 'format', got none"),
    "format 2.0": (LE, b"1.0", b"2.0", "line 2: expected one line 'format ascii"),
    "format twice": (LE, b"obj_info 1 2", b"format ascii 1.0", "line 4: expected one line 'format ascii"),
    "unknown format": (LE, b"binary_little_endian", b"binary_middle_endian", "line 2: expected one line 'format ascii"),
    "type of size 0": (
        LE,
        b"ushort ring",
        b"uint0 ring",
        r"line 10: expected a property of an element, its type one of char, .*got 'property uint0 ring'",
    ),
    "type of size 3": (LE, b"ushort ring", b"int24 ring", "line 10: expected a property of an element"),
    "type of 64 bits": (LE, b"ushort ring", b"int64 ring", "line 10: expected a property of an element"),
    "a property without a name": (LE, b"ushort ring", b"ushort", "line 10: expected a property of an element"),
    "a property of nothing": (LE, b"obj_info 1 2", b"property int a", "line 4: expected a property of an element"),
    "the same property": (LE, b"int8 tilt", b"int8 ring", "line 11: expected each property once"),
    "the same element": (LE, b"\nend_header\n", b"\nelement vertex 3\nend_header\n", "line 12: expected each element once"),
    "no x": (LE, b"float x", b"float a", r"element vertex: expected properties x, y and z, got a, y, z, reflectance, ring, tilt"),
    "no vertex": (LE, b"element vertex", b"element point", "element: expected an element 'vertex', got 'point'"),
    "a list in a vertex": (LE, b"ushort ring", b"list uchar int ring", "element vertex: a vertex holds a list: .* got ring; export without it"),
    "a list of float length": (LE, b"ushort ring", b"list float int ring", "line 10: expected a property of an element"),
    "a stranger's line": (LE, b"obj_info 1 2", b"vertices 3", "line 4: expected 'element NAME COUNT'"),
    "no PLY": (LE, b"ply\n", b"plx\n", "byte 0: not a PLY file: expected a first line 'ply'"),
    "word": (TEXT, b"0.75", b"zero", "line 13: z: expected a number, got 'zero'"),
    "short line": (TEXT, b" 65535 4", b"", r"line 14: element vertex: expected 6 numbers \(x, y, z, reflectance, ring, tilt\), got 4"),
    "not whole": (TEXT, b"65535", b"7.5", "line 14: ring: expected a whole number from 0 to 65535, got '7.5'"),
    "too large": (TEXT, b"65535", b"65536", "line 14: ring: expected a whole number from 0 to 65535, got '65536'"),
}


@pytest.mark.parametrize("name", LIES)
def test_ply_that_lies(tmp_path, name):
    encoding, old, new, message = LIES[name]
    raw = packed(encoding)
    assert old in raw
    path = tmp_path / "a.ply"
    path.write_bytes(raw.replace(old, new, 1))
    tracemalloc.start()
    with pytest.raises((bw.FormatError, bw.LimitError), match=message) as caught:
        bw.read_points(path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("raw", [b"", b"p", b"ply", b"ply\n", b"\x00" * 100])
def test_ply_without_a_header(tmp_path, raw):
    (tmp_path / "a.ply").write_bytes(raw)
    with pytest.raises(bw.FormatError, match=r"a\.ply"):
        bw.read_points(tmp_path / "a.ply")


FACE_LIES = {
    "more faces, ascii": (
        TEXT,
        b"element face 3",
        b"element face 4",
        "line 21: element face: the file is shorter than its header says: expected 4 lines, got 3",
    ),
    "fewer faces, ascii": (
        TEXT,
        b"element face 3",
        b"element face 2",
        r"line 21: the file is longer than its header says: expected 3 vertex \+ 2 face lines",
    ),
    "fewer points, ascii": (TEXT, THREE, b"element vertex 2", "line 21: the file is longer than its header says"),
    "a word in a face": (TEXT, b"9 3 1 2 0", b"9 3 1 two 0", "line 21: element face, vertex_indices: expected a number, got 'two'"),
    "a list too short": (TEXT, b"9 3 1 2 0", b"9 4 1 2 0", "line 21: element face, vertex_indices: expected a list of 4 numbers, got the end"),
    "a list too long": (TEXT, b"9 3 1 2 0", b"9 1 1 2 0", "line 21: element face: expected a row of part, vertex_indices, got 2 numbers more"),
    "a list of 4e9": (
        TEXT,
        b"9 3 1 2 0",
        b"9 4000000000 1",
        "line 21: element face, the length of vertex_ind.*: expected a whole number from 0 to 255",
    ),
    "a list of -1": (
        TEXT,
        b"9 3 1 2 0",
        b"9 -1",
        "line 21: element face, the length of vertex_ind.*: expected a whole number from 0 to 255, got '-1'",
    ),
    "a list of 1.5": (TEXT, b"9 3 1 2 0", b"9 1.5 1 2", "the length of vertex_indices: expected a whole number from 0 to 255, got '1.5'"),
    "a face of nothing": (TEXT, b"9 3 1 2 0", b"9", "line 21: element face, the length of vertex_ind.*: expected a number, got the end of the line"),
    "a part too large": (TEXT, b"9 3 1 2 0", b"256 3 1 2 0", "line 21: element face, part: expected a whole number from 0 to 255, got '256'"),
    "an index of NaN": (TEXT, b"9 3 1 2 0", b"9 3 1 nan 0", "line 21: element face, vertex_indices: expected a whole number from .*, got 'nan'"),
    "2e9 faces, ascii": (TEXT, b"element face 3", b"element face 2000000000", "line 21: element face: the file is shorter than .* got 3"),
    "2e9 faces": (LE, b"element face 3", b"element face 2000000000", "2,000,000,000 face x at least 2 B = 4,000,000,057 B, got 103 B"),
    "one more face": (LE, b"element face 3", b"element face 4", "expected 4 rows of the element 'face'"),
    "fewer faces": (LE, b"element face 3", b"element face 2", "longer than its header says"),
    "a long list": (LE, struct.pack("<BB3i", 9, 3, 1, 2, 0), struct.pack("<BB3i", 9, 255, 1, 2, 0), "expected 3 rows of the element 'face'"),
}


@pytest.mark.parametrize("name", FACE_LIES)
def test_meshes_that_lie(tmp_path, name):
    encoding, old, new, message = FACE_LIES[name]
    raw = packed(encoding, faces="after")
    assert old in raw
    (tmp_path / "a.ply").write_bytes(raw.replace(old, new, 1))
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read_points(tmp_path / "a.ply")
    assert caught.value.hint


@pytest.mark.parametrize("seed", range(20))
def test_faces_as_text_against_faces_as_bytes(tmp_path, seed):
    """Whatever lists a binary file may hold, an ascii file may too; one number more or less anywhere is seen, in the right line."""
    rng = np.random.default_rng(seed)
    kinds = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}
    properties = [(str(rng.choice([*kinds])), str(rng.choice(["", "uchar", "short", "uint"]))) for _ in range(rng.integers(1, 5))]
    head = "element face {}\n" + "".join(f"property {f'list {n} ' if n else ''}{kind} p{i}\n" for i, (kind, n) in enumerate(properties))
    rows, raw = [], b""
    n_rows, usual = int(rng.integers(1, 60)), int(rng.integers(0, 5))
    for _ in range(n_rows):
        row = []
        for kind, n in properties:
            numbers = [float(v) / 4 if kind in ("float", "double") else int(v) for v in rng.integers(0, 128, usual if rng.random() < 0.9 else 7)]
            numbers = numbers if n else [*numbers, 1][:1]
            raw += struct.pack(f"<{kinds[n] if n else ''}{len(numbers)}{kinds[kind]}", *([len(numbers)] if n else []), *numbers)
            row += [*([len(numbers)] if n else []), *numbers]
        rows.append([str(v) for v in row])
    points = "element vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    top = f"ply\nformat {{}} 1.0\n{head.format(n_rows)}{points}"
    (tmp_path / "a.ply").write_bytes(top.format("binary_little_endian").encode() + raw + struct.pack("<6f", *range(6)))
    lines = [" ".join(row) + "\n" * int(rng.integers(1, 3)) for row in rows]

    def saved(lines):
        (tmp_path / "b.ply").write_text(top.format("ascii") + "".join(lines) + "0 1 2\n3 4 5\n")
        return tmp_path / "b.ply"

    np.testing.assert_array_equal(bw.read_points(saved(lines)).xyz, bw.read_points(tmp_path / "a.ply").xyz)
    first = top.count("\n") + 1
    for _ in range(5):
        k = int(rng.integers(0, n_rows))
        number = first + sum(line.count("\n") for line in lines[:k])
        for bad in (rows[k] + ["1"], rows[k][:-1] or ["x"], [*rows[k][:-1], "0x1"]):
            with pytest.raises(bw.FormatError, match=rf"b\.ply, line {number}: element face"):
                bw.read_points(saved([*lines[:k], " ".join(bad) + lines[k][len(lines[k].rstrip()) :], *lines[k + 1 :]]))


def test_a_face_of_a_million_corners(tmp_path):
    """One line of 2 MB takes little more memory than the file."""
    head = "ply\nformat ascii 1.0\n" + VERTEX.replace("3\n", "0\n", 1) + "element strip 1\nproperty list int int i\nend_header\n"
    n = 1_000_000
    (tmp_path / "a.ply").write_text(f"{head}{n}{' 1' * n}\n")
    tracemalloc.start()
    assert len(bw.read_points(tmp_path / "a.ply")) == 0
    assert tracemalloc.get_traced_memory()[1] < 4 * (2 * n + 500)
    tracemalloc.stop()
    (tmp_path / "a.ply").write_text(f"{head}{n}{' 1' * n} 1\n")
    with pytest.raises(bw.FormatError, match="line 13: element strip: expected a row of i, got 1 number more"):
        bw.read_points(tmp_path / "a.ply")


@pytest.mark.parametrize("faces", ["", "before", "after"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_cut_and_every_flipped_byte(tmp_path, encoding, faces):
    """Only our own errors leave, and a cut file is never taken for a whole one."""
    path = tmp_path / "a.ply"
    raw = packed(encoding, faces=faces)
    last_number = len(raw.rstrip()) - (len(raw.split()[-1]) if encoding == TEXT else 0)  # a text may lose the end of its last number
    outcomes = {"read": 0, "refused": 0}
    for at in range(len(raw)):
        path.write_bytes(raw[:at])
        try:
            assert len(bw.read_points(path)) == 3
            assert encoding == TEXT and at > last_number
        except BoxwrightError as error:
            assert "\n" not in str(error)
        for mask in (0x01, 0x80, 0xFF):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :])
            try:
                bw.read_points(path)
                outcomes["read"] += 1
            except BoxwrightError as error:
                outcomes["refused"] += 1
                assert "\n" not in str(error)
    assert min(outcomes.values()) > 0


def test_a_damaged_ply_shows_on_opening(tmp_path):
    bw.write_points(bw.Sweep(np.zeros((4, 3), np.float32)), tmp_path / "a.ply")
    bw.write_points(bw.Sweep(np.zeros((4, 3), np.float32)), tmp_path / "b.ply")
    (tmp_path / "a.ply").write_bytes((tmp_path / "a.ply").read_bytes()[:-1])
    scene = bw.read(tmp_path)
    assert f"1 of 2 point files are damaged: {tmp_path / 'a.ply'}" in scene.notes[0]
    assert len(scene.points(1)) == 4
