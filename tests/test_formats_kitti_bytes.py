"""KITTI's label files, read and written again, are the same bytes; what is edited, or has more digits than are customary, is written with all."""

from __future__ import annotations

import pytest

import boxwright as bw
import test_formats_kitti_object as objects
import test_formats_kitti_tracking as tracking
from boxwright.formats.kitti_label_rows import decimal_text
from boxwright.scene import NoData

TRACKING = """\
0 -1 DontCare -1 -1 -10.000000 219.310000 188.490000 245.500000 218.560000 {0}
0 2 Van 0 1 -1.793451 296.744956 161.752147 455.226042 292.372804 2.000000 1.823255 4.433886 -4.552284 1.858523 13.410495 -2.115488
0 10 Person_sitting 2 3 0.155801 -1.000000 -1.000000 -1.000000 -1.000000 1.484782 1.801123 4.311152 -0.000000 1.826652 30.902068 0.023919
1 2 Van 1 0 -1.793449 296.744900 161.752100 455.226000 292.372800 2.000000 1.823255 4.433886 -4.552281 1.858520 13.310495 -3.141593 0.750000
3 -1 DontCare -1 -1 -10.000000 47.560000 195.280000 115.480000 221.480000 {0}
""".format("-1000.000000 " * 3 + "-10.000000 -1.000000 -1.000000 -1.000000")
OBJECT = """\
Car 0.88 3 -0.69 0.00 192.37 402.31 374.00 1.60 1.57 3.23 -2.70 1.74 3.68 -1.29
Pedestrian 0.00 0 -0.20 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01
DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10
"""


def again(root, out, format, sub):
    """The bytes of the label file after reading and writing."""
    bw.write(bw.read(root), out, format=format)
    (file,) = (out / "training" / sub).iterdir()
    return file.read_bytes()


def test_tracking(tmp_path):
    root = tracking.make(tmp_path / "a", TRACKING, csv=tracking.still(4))
    assert again(root, tmp_path / "b", "kitti_tracking", "label_02") == TRACKING.encode()


def test_object(tmp_path):
    root = objects.make(tmp_path / "a", OBJECT)
    assert again(root, tmp_path / "b", "kitti_object", "label_2") == OBJECT.encode()


def test_an_edited_label_alone_changes(tmp_path):
    """A third of a metre to the left in the LiDAR's frame: x of the camera has no end of decimals, and the others' lines stay as they were."""
    root = tracking.make(tmp_path / "a", TRACKING, csv=tracking.still(4))
    scene = bw.read(root)
    van, person = scene.tracks
    moved = person.replace(cuboids=person.cuboids.replace(center_m=person.cuboids.center_m + scene.world_from_ego(0).rotate([[0, 1 / 3, 0]])))
    bw.write(scene.replace(tracks=[van, moved]), tmp_path / "b", format="kitti_tracking")
    old, new = TRACKING.splitlines(), (tmp_path / "b/training/label_02/0000.txt").read_text().splitlines()
    assert [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b] == [2]
    words = new[2].split()
    assert abs(float(words[13]) + 1 / 3) < 1e-9 and len(words[13]) > 12
    assert words[10:13] == ["1.484782", "1.801123", "4.311152"]  # what did not change has its customary digits


def test_what_holds_need_not_be_said_again(tmp_path):
    """As tracks come back from platforms: what holds for all of a track beside its keyframes, and at these what is new alone."""
    labels = TRACKING.replace("1 2 Van 1 0", "1 2 Van 0 0")
    labels += "".join(line.replace("1 2 Van", "2 2 Van") + "\n" for line in labels.splitlines() if line.startswith("1 2 Van"))
    lines = sorted(labels.splitlines(keepends=True), key=lambda line: int(line.split()[0]))
    root = tracking.make(tmp_path / "a", "".join(lines), csv=tracking.still(4))
    scene = bw.read(root)
    van, person = scene.tracks
    assert [row["truncated"] for row in van.keyframe_attributes[:3]] == [0, 0, 0]
    said = [{"occluded": 1}, {"occluded": 0}, {}, *van.keyframe_attributes[3:]]
    van = van.replace(attributes={"truncated": 0}, keyframe_attributes=said)
    report = bw.write(scene.replace(tracks=[van, person]), tmp_path / "b", format="kitti_tracking")
    assert (tmp_path / "b/training/label_02/0000.txt").read_text() == "".join(lines)
    assert not [said for said in report.dropped if "attributes" in said or "columns" in said]


def test_more_digits_where_these_say_more(tmp_path):
    labels = TRACKING.replace("13.410495", "13.41049512").replace("-1.793451", "-1.7934509")
    root = tracking.make(tmp_path / "a", labels, csv=tracking.still(4))
    assert again(root, tmp_path / "b", "kitti_tracking", "label_02") == labels.encode()
    for value, text in ((1.5, "1.50"), (-0.0, "-0.00"), (0.1 + 0.2, "0.30"), (0.304, "0.304"), (1 / 3, "0.3333333333333333"), (30000.12, "30000.12")):
        assert decimal_text(value, 2) == text
    assert (decimal_text(-10.0, 0), decimal_text(2.5, 0), decimal_text(1e-9, 6)) == ("-10", "2.5", "1e-09")


@pytest.mark.parametrize(("format", "sub"), [("kitti_object", "label_2"), ("kitti_tracking", "label_02")])
def test_real_files(tmp_path, real_data, format, sub):
    """Of all frames and sequences; the scenes without their points and pictures, which are not at stake."""
    entries = bw.scenes(real_data / format)
    assert len(entries) == {"kitti_object": 4, "kitti_tracking": 9}[format]
    for entry in entries:
        scene = entry.read()
        bw.write(bw.read(real_data / format, entry).replace(data=NoData()), tmp_path / entry.name, format=format)
        file = f"training/{sub}/{entry.name}.txt"
        assert (tmp_path / entry.name / file).read_bytes() == (real_data / format / file).read_bytes(), entry.name
        assert len(scene.tracks)
