"""From each format into ours and back: a case for every format there is, of a file that is written to its schema. The formats' own tests compare what
comes out with what went in, field by field; here nothing may move, and what is written again must be the same, byte by byte.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.rows import Clip, cuboid_rows, pair_cuboids, pair_shapes, shape_rows
from boxwright.formats import _READERS, _WRITERS
from mutants import RECORDINGS
from platform_scenes import to_digits

pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.feather")
pytestmark = pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")

# Format -> its recordings among those that are damaged elsewhere
CASES = {
    "boxwright": ("boxwright",),
    "kitti_object": ("kitti_object",),
    "kitti_tracking": ("kitti_tracking",),
    "kitti_raw": ("kitti_raw",),
    "argoverse2": ("argoverse2",),
    "nuscenes": ("nuscenes",),
    "openlabel": ("openlabel", "openlabel_ours"),
    "semantic_kitti": ("semantic_kitti",),
    "cvat_video": ("cvat_video",),
    "mot": ("mot",),
    "datumaro": ("datumaro",),
    "waymo": ("waymo",),
    "labelbox": ("labelbox", "labelbox_exported"),
    "darwin": ("darwin",),
    "coco": ("coco", "coco_videos"),
    "supervisely": ("supervisely",),
    "label_studio": ("label_studio",),
    "segments": ("segments",),
    "cvat_api": ("cvat_api",),
    "labelcloud": ("labelcloud",),
    "scale": ("scale",),
    "nucleus": ("nucleus",),
}
# Turns that go through a matrix, or another frame, come back with another last bit; the others are the same byte by byte
DIGITS = dict.fromkeys(("argoverse2", "nuscenes", "datumaro", "supervisely", "segments", "cvat_api", "scale", "nucleus"), 9)
DIGITS["openlabel"] = 6  # on a map
RENUMBERED = ("openlabel_ours",)  # whose objects of labels in pictures alone are counted anew where others are gone
READ_ONLY = {"sustechpoints": "sustechpoints", "dgp": "dgp", "points": "pcd_binary", "video": None, "images": None}


def test_every_format_has_a_case():
    """A new format needs one here."""
    assert sorted(CASES) == sorted(_WRITERS)
    assert sorted([*CASES, *READ_ONLY]) == sorted(_READERS)
    assert {name for names in CASES.values() for name in names} <= set(RECORDINGS)


def recordings(folder, name):
    folder.mkdir()
    RECORDINGS[name].build(folder)
    return [entry.read() for entry in bw.scenes(folder / RECORDINGS[name].opened)]


def written(folder, digits=None):
    """The files of a folder as bytes; numbers with so many digits where told."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    if digits is None:
        return found
    return {name: to_digits(_parsed(name, raw), digits) for name, raw in found.items()}


def _parsed(name, raw):
    if name.endswith(".json"):
        return json.loads(raw)
    if not name.endswith(".feather"):
        return raw
    table = pyarrow.feather.read_table(io.BytesIO(raw)).to_pydict()
    return {column: ["nan" if value != value else value for value in values] for column, values in table.items()}


def check_nothing_moved(before, after, exact):
    """Every label of one is in the other, under its name, where it was."""
    mine, theirs = Clip.of(before), Clip.of(after)
    assert len(mine) >= len(theirs)  # what has no label at the end of a video is in no file of labels alone
    for rows, pair in ((lambda clip: cuboid_rows(clip, "own"), pair_cuboids), (shape_rows, pair_shapes)):
        one, other = rows(mine), rows(theirs)
        pairs = pair(one, other, True)
        assert not len(pairs.lost) and not len(pairs.extra) and len(pairs.a) == len(one)
        if not len(one):
            continue
        names = [[(rows.track_ids[int(rows.track[row])], rows.category(row)) for row in index] for rows, index in ((one, pairs.a), (other, pairs.b))]
        assert names[0] == names[1]
        if pair is pair_cuboids:
            moved = np.abs(one.cuboids[pairs.a].corners_m() - other.cuboids[pairs.b].corners_m()).max()
            assert moved <= exact.m + 1e-9
        else:
            moved = np.abs(one.xyxy[pairs.a] - other.xyxy[pairs.b]).max()
            assert moved <= exact.px + 1e-9


@pytest.mark.parametrize(("format", "name"), [(format, name) for format, names in CASES.items() for name in names])
def test_there_and_back(tmp_path, format, name):
    scenes = recordings(tmp_path / "in", name)
    exact = bw.capabilities()[format].exact
    for k, scene in enumerate(scenes):
        bw.write(scene, tmp_path / f"once{k}", format)
        again = [entry.read() for entry in bw.scenes(tmp_path / f"once{k}")]
        check_nothing_moved([scene], again, exact)
        if len(again) == 1 and name not in RENUMBERED:
            bw.write(again[0], tmp_path / f"twice{k}", format)
            digits = DIGITS.get(format)
            assert written(tmp_path / f"twice{k}", digits) == written(tmp_path / f"once{k}", digits)


@pytest.mark.parametrize("name", [name for name in READ_ONLY.values() if name is not None])
def test_into_ours(tmp_path, name):
    """Formats that are only read, there and back through ours."""
    for k, scene in enumerate(recordings(tmp_path / "in", name)):
        bw.write(scene, tmp_path / f"out{k}")
        check_nothing_moved([scene], [bw.read(tmp_path / f"out{k}")], bw.capabilities()["boxwright"].exact)
