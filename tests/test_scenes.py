"""What a folder holds: found by looking, never guessed."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import _READERS, _module, looking
from boxwright.sample import sample_folder
from formats_scenes import full_scene

DGP = '{"data": [{"datum": {"image": {}}}], "samples": [{"datum_keys": []}]}'


def fitting(path):
    return [name for name in _READERS if _module(_READERS, name).detect(path)]


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def kitti(root, split, labels, calib="calib"):
    for folder in (labels, calib):
        for name in ("000000.txt", "000001.txt", "README.txt", ".hidden.txt"):
            write(root / split / folder / name)
    return root


def expected_of(place, real_data):
    """The format of everything in the real recordings, from the folder it lies in."""
    first = place.relative_to(real_data).parts[0]
    return {"av2": "argoverse2", "cvat_video_xml": "cvat_video"}.get(first, first)


def test_a_scene_that_is_not_listed(tmp_path):
    for name in ("a", "b"):
        bw.write(bw.Scene(name, [0]), tmp_path / name)
    found = bw.scenes(tmp_path)
    assert [found[i].name for i in (-1, np.int64(0))] == ["b", "a"] and found[1:].names == ("b",) and len(list(found)) == 2
    for index in (99, -3):
        with pytest.raises(bw.IndexMissing, match=rf"scenes: expected an index below 2, got {index}; a scene's name is taken too"):
            found[index]
    for index in (0.0, None, True, [0]):
        with pytest.raises(bw.ArgumentError, match="scenes: expected one whole number"):
            found[index]
    with pytest.raises(bw.UnknownName, match=r"no such scene: expected one of a, b, got 'c'; bw.scenes\(path\) lists them"):
        found["c"]
    with pytest.raises(bw.ArgumentError, match="scenes: expected a slice"):
        found["a":]


def test_every_real_folder_and_file_has_one_format_at_most(real_data):
    found = {}
    for folder, _, files in os.walk(real_data):
        for place in (real_data / folder, *(real_data / folder / name for name in files)):
            fits = fitting(place)
            assert len(fits) <= 1, place
            if fits and fits not in (["points"], ["images"]):  # parts of datasets, read for themselves
                assert fits == [expected_of(place, real_data)]
                found.setdefault(fits[0], set()).add(place.relative_to(real_data).as_posix())
    there = "kitti_object kitti_tracking kitti_raw argoverse2 sustechpoints dgp openlabel cvat_video mot video"
    assert set(found) == set(there.split())
    assert found["kitti_tracking"] == {"kitti_tracking", "kitti_tracking/training"}
    assert found["kitti_object"] == {"kitti_object", "kitti_object/training"}
    assert len(found["kitti_raw"]) == 3
    assert len(found["openlabel"]) == 3 + 22
    assert {"dgp", "dgp/scene_01"} < found["dgp"]


def test_every_folder_and_file_of_the_sample_has_one_format_at_most():
    root = sample_folder()
    places = [root, *root.rglob("*")]
    kinds = {place.relative_to(root).as_posix(): fitting(place) for place in places}
    assert all(len(fits) <= 1 for fits in kinds.values())
    assert {name for name, fits in kinds.items() if fits == ["boxwright"]} == {
        ".",
        *("clip", "truth", "inputs"),
        *("clip/scene.json", "truth/scene.json", "inputs/scene.json"),
    }
    assert bw.read(root / "truth/scene.json").tracks


def test_the_root_of_many_datasets_names_them(real_data):
    with pytest.raises(bw.FormatError, match="no dataset itself, but a folder of datasets") as caught:
        bw.scenes(real_data)
    named = ("av2/ (argoverse2)", "kitti_object/ (kitti_object)", "kitti_tracking/ (kitti_tracking)", "openlabel/osdar23/ (openlabel)")
    for said in (*named, "video/test_video.mp4 (video)"):
        assert said in str(caught.value)


def test_another_format_than_the_named_one(tmp_path):
    kitti(tmp_path / "set", "training", "label_2")
    for name in ("kitti_tracking", "nuscenes", "coco", "sustechpoints"):
        with pytest.raises(bw.FormatError, match=rf"no scene in the format '{name}'.*it looks like kitti_object: name that format, or none"):
            bw.scenes(tmp_path / "set", name)


def test_a_scene_named_in_part(tmp_path):
    for name in ("2011_drive_0001", "2011_drive_0002", "other"):
        bw.write(bw.Scene(name, [0]), tmp_path / name)
    for said, hint in (
        ("oth", "did you mean 'other'"),
        ("2011", "lists them"),
        ("2011_drive_0003", "did you mean '2011_drive_000"),
        ("", "lists them"),
    ):
        with pytest.raises(bw.UnknownName, match=hint):
            bw.scenes(tmp_path)[said]


def test_a_broken_file_among_scenes(tmp_path):
    """The folder it is in would not help."""
    for text, got in (("", "the file is empty"), ("{", "line 1 column 2: not JSON: .*")):
        write(tmp_path / "scenes/good.json", '{"openlabel": {"metadata": {"schema_version": "1.0.0"}}}')
        with pytest.raises(bw.FormatError, match=f"bad.json(, |: ){got}; copy"):
            bw.scenes(write(tmp_path / "scenes/bad.json", text))


def test_a_folder_with_a_video_names_it(tmp_path):
    write(tmp_path / "clips/street.mp4")
    write(tmp_path / "clips/readme.txt")
    for place, named in ((tmp_path, "clips/street.mp4"), (tmp_path / "clips", "street.mp4")):
        with pytest.raises(bw.FormatError, match=rf"a folder of datasets: got {named} \(video\); pass one of these"):
            bw.scenes(place)


def test_kitti_folders_side_by_side(tmp_path):
    kitti(tmp_path / "kitti_object", "training", "label_2")
    kitti(tmp_path / "kitti_tracking", "training", "label_02")
    write(tmp_path / "kitti_raw/2011_09_26/2011_09_26_drive_0001_sync/tracklet_labels.xml")
    for name in ("kitti_object", "kitti_tracking", "kitti_raw"):
        assert fitting(tmp_path / name) == [name]
    with pytest.raises(
        bw.FormatError,
        match=r"got kitti_object/ \(kitti_object\), kitti_raw/ \(kitti_raw\), kitti_tracking/ \(kitti_tracking\); pass one of these",
    ):
        bw.scenes(tmp_path)


def test_two_formats_in_one_folder(tmp_path):
    kitti(kitti(tmp_path, "training", "label_2"), "training", "label_02")
    with pytest.raises(
        bw.FormatError, match=r"could be several formats: expected one, got kitti_object \(2 scenes: 000000, 000001\) and kitti_tracking"
    ):
        bw.scenes(tmp_path)
    assert bw.scenes(tmp_path, "kitti_tracking").names == ("000000", "000001")
    assert bw.scenes(tmp_path, "kitti_object").format == "kitti_object"


def test_another_dataset_beside_the_scenes(tmp_path):
    for name in ("a", "b"):
        bw.write(bw.Scene(name, [0]), tmp_path / name)
    kitti(tmp_path / "old", "training", "label_2")
    (tmp_path / "notes").mkdir()
    said = r"several datasets in one folder: expected one, got boxwright \(2 scenes: a, b\) and old/ \(kitti_object\); pass one of these folders, or"
    with pytest.raises(bw.FormatError, match=said):
        bw.scenes(tmp_path)
    assert bw.scenes(tmp_path, "boxwright").names == ("a", "b")


def test_only_sequences_are_listed(tmp_path):
    """A README.txt beside the labels used to be a sequence."""
    for labels in ("label_02", "label_2"):
        kitti(tmp_path / labels, "training", labels)
        assert bw.scenes(tmp_path / labels).names == ("000000", "000001")
    write(tmp_path / "bare/label_02/classes.txt")
    with pytest.raises(bw.FormatError, match="no scene in the format 'kitti_tracking'; its scenes are called by numbers"):
        bw.scenes(tmp_path / "bare")


def test_scene_json_of_either_kind(tmp_path):
    """A damaged scene.json stays ours, so that its damage is told; one of DGP's is never taken for ours."""
    write(tmp_path / "dgp/scene.json", DGP)
    assert fitting(tmp_path / "dgp") == fitting(tmp_path / "dgp/scene.json") == ["dgp"]
    bw.write(bw.Scene("own", [0], source_attributes={"datum": {"datum_keys": []}}), tmp_path / "own")
    whole = (tmp_path / "own/scene.json").read_text()
    for text in (whole, whole[:40], "", "not JSON", "[]", whole.replace('"boxwright"', '"boxwrigth"'), whole.replace('"format"', '"fromat"')):
        write(tmp_path / "own/scene.json", text)
        assert fitting(tmp_path / "own") == fitting(tmp_path / "own/scene.json") == ["boxwright"], text[:40]
    with pytest.raises(bw.FormatError, match=r"could be several formats: expected one, got boxwright \(1 scene: own\) and dgp \(1 scene: dgp\)"):
        bw.scenes(tmp_path)


# ------------------------------------------------------------ nasty folders


def test_an_empty_folder(tmp_path):
    with pytest.raises(bw.FormatError, match=r"no known format: expected one of .*, got an empty folder; check the path: nothing is in it"):
        bw.scenes(tmp_path)


SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"openlabel": {}}}'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"PK\x03\x04rest", "got a ZIP archive; unpack it and give the folder"),
        ("a.tar.gz", b"\x1f\x8brest", "got a gzip archive; unpack it"),
        ("a.tar", b"x" * 257 + b"ustar", "got a tar archive; unpack it"),
        ("a.png", b"\x89PNG\r\n", "got one picture; it is inside "),
        ("schema.json", SCHEMA.encode(), "got a JSON schema; give a file that is written to it: a schema says how labels are written and holds none"),
        ("a.json", b'{"a": 1, "b\\u0007": 2}', r"got JSON with 'a', 'b\x07' at its top; give the dataset's own folder, or convert it"),
        ("many.json", json.dumps(dict.fromkeys("abcdefg")).encode(), "'e' and 2 more at its top"),
        ("list.json", b" [1]", "got JSON that is a list"),
        ("broken.json", b'{"a": 1', "broken.json, line 1 column 8: not JSON: expected ',' here; copy or export the file again"),
        (
            "cut.json",
            b'{"images": [],\n "annotations": [{"id": 1, "im',
            "cut.json, line 2 column 28: not JSON: the string that starts here never ends; copy",
        ),
        ("none.json", b"{}", "got JSON with nothing in it; export"),
        ("a.xml", b"<?xml version='1.0'?>\n<!-- <note> --><kml a='1'>", "got XML with the root <"),
        ("README.md", b"# What is here\n", "got a text; give the dataset's own folder: this file holds no labels that are read alone"),
        ("a.dat", b"\x00\x01", "got binary data in a file ending in '.dat'"),
        ("dat", b"\x00\x01", "got binary data in a file without an ending"),
        ("empty.json", b"", "empty.json: the file is empty; copy or export it again"),
        ("empty.xml", b"", "empty.xml: the file is empty; copy or export it again"),
    ],
)
def test_a_file_of_another_kind_is_told_what_it_is(tmp_path, name, content, said):
    """A schema, a README and an archive used to be answered alike, with the list of formats."""
    (tmp_path / "a/b/c").mkdir(parents=True)
    file = tmp_path / "a/b/c" / name
    file.write_bytes(content)
    for options in ({}, {"format": "points"}):
        with pytest.raises(bw.FormatError) as caught:
            bw.scenes(file, **options)
        assert said in str(caught.value)


def test_a_folder_of_other_files_is_told_what_it_holds(tmp_path):
    for name in ("a.csv", "b.CSV", "c.csv", "README"):
        write(tmp_path / "in" / name, "text")
    (tmp_path / "in/more").mkdir()
    with pytest.raises(bw.FormatError, match=r"got a folder of 3 \.csv files, 1 file without an ending and 1 folder; give the dataset's own folder"):
        bw.scenes(tmp_path / "in")
    (tmp_path / "alone").mkdir()
    write(tmp_path / "alone/a.csv", "text")
    with pytest.raises(bw.FormatError, match=r"got a folder of 1 \.csv file; "):
        bw.scenes(tmp_path / "alone")


def test_a_part_of_a_dataset_names_the_folder_to_give(tmp_path):
    kitti(tmp_path / "set", "training", "label_2")
    write(tmp_path / "set/training/notes/a.csv", "text")
    for part in ("label_2/000000.txt", "label_2", "notes"):
        with pytest.raises(bw.FormatError) as caught:
            bw.scenes(tmp_path / "set/training" / part)
        said = str(caught.value)
        assert f"it is inside {tmp_path}/set/training, which is read as kitti_object: give that folder" in said, said


def test_what_is_named_as_another_format_is_not_sent_to_the_folder_it_is_in(tmp_path):
    kitti(tmp_path / "set", "training", "label_2")
    write(tmp_path / "set/training/notes.json", '[{"a": 1}]')
    for format, is_sent in (("labelbox", False), ("kitti_object", True)):
        with pytest.raises(bw.FormatError) as caught:
            bw.scenes(tmp_path / "set/training/notes.json", format)
        assert ("give that folder" in str(caught.value)) == is_sent
    for text in ("[]", "{ }\n"):
        write(tmp_path / "set/training/notes.json", text)
        with pytest.raises(bw.FormatError, match="got JSON with nothing in it; export the labels again: there are none in it"):
            bw.scenes(tmp_path / "set/training/notes.json", "labelbox")


def test_folders_that_anything_may_lie_in_are_no_datasets(tmp_path, monkeypatch):
    """A file in the folder of temporary files is no part of what else lies there."""
    kitti(tmp_path / "tmp", "training", "label_2")
    write(tmp_path / "tmp/training/notes.json", '[{"a": 1}]')
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp/training"))
    with pytest.raises(bw.FormatError, match="got JSON that is a list") as caught:
        bw.scenes(tmp_path / "tmp/training/notes.json")
    assert "it is inside" not in str(caught.value)


def test_a_format_spelt_wrong_is_told_the_right_one(tmp_path):
    with pytest.raises(bw.UnknownName, match="got 'openlabl'; did you mean openlabel"):
        bw.scenes(tmp_path, "openlabl")


def test_folders_are_called_by_their_own_names(tmp_path, monkeypatch):
    """ "." and ".." have none: a scene used to be called ""."""
    bw.write(bw.Scene("x", [0]), tmp_path / "clip")
    np.save(tmp_path / "clip/0.npy", np.zeros((3, 3)))
    (tmp_path / "clip/deeper").mkdir()
    for here, path in (("clip", "."), ("clip/deeper", ".."), ("clip", "./scene.json"), ("clip", "scene.json")):
        monkeypatch.chdir(tmp_path / here)
        for format in ("boxwright", "points")[: 1 if path.endswith("json") else 2]:
            assert bw.scenes(path, format).names == ("clip",)


@pytest.mark.parametrize("name", ["train", "val", "test", "sensor", "data", "training", "testing", "loop", "2011_09_26"])
def test_links_that_lead_back(tmp_path, name):
    for link in (name, "train", "sensor", "data"):
        if not os.path.lexists(tmp_path / link):
            (tmp_path / link).symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(bw.FormatError, match="no known format"):
        bw.scenes(tmp_path)
    bw.write(bw.Scene("x", [0]), tmp_path / "clip")
    assert bw.scenes(tmp_path).names == ("clip",)


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    bw.write(bw.Scene("x", [0]), tmp_path / "set/clip")
    (tmp_path / "set/locked").mkdir()
    (tmp_path / "set/lost+found").mkdir()
    real = os.scandir

    def scandir(path="."):
        if os.fspath(path).endswith(locked):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    locked = "lost+found"  # what stands at the top of a disk says nothing about the data
    assert bw.scenes(tmp_path / "set").names == ("clip",)
    locked = "locked"
    with pytest.raises(bw.FormatError, match=r"locked: cannot be read: Permission denied; check the path and its rights"):
        bw.scenes(tmp_path / "set")
    with pytest.raises(bw.FormatError, match="locked: cannot be read"):
        bw.scenes(tmp_path / "set/locked")
    with pytest.raises(bw.FormatError, match=r"a folder of datasets: got set/ \(boxwright\)"):  # a hint leaves out what cannot be looked into
        bw.scenes(tmp_path)


def test_names_with_control_characters(tmp_path):
    names = ("a\nb", "c\x1b[2Jd", "e\rf")
    for name in names:
        bw.write(bw.Scene("x", [0]), tmp_path / name)
    listing = bw.scenes(tmp_path)
    assert listing.names == tuple(sorted(names))
    assert [entry.read().name for entry in listing] == ["x"] * 3
    assert repr(listing).isprintable()
    with pytest.raises(bw.ArgumentError) as several:
        bw.read(tmp_path)
    kitti(tmp_path / "x\ny", "training", "label_2")
    with pytest.raises(bw.FormatError) as beside:
        bw.scenes(tmp_path)
    assert str(several.value).isprintable()
    assert str(beside.value).isprintable()


def test_listing_reads_no_more_than_the_heads_of_files(tmp_path, monkeypatch):
    """Ten thousand frames are listed by their names alone: nothing is opened."""
    for folder, suffix in (("label_2", "txt"), ("velodyne", "bin")):
        (tmp_path / folder).mkdir()
        for i in range(2000):
            (tmp_path / folder / f"{i:06d}.{suffix}").touch()
    opened = []
    monkeypatch.setattr(looking, "head", lambda file, n=0: opened.append(file) or b"")
    assert len(bw.scenes(tmp_path)) == 2000
    assert opened == []


def test_one_scene_of_many_is_read_without_a_look_at_the_others(tmp_path, monkeypatch):
    for i in range(5):
        write(tmp_path / f"s{i}/scene_x.json", DGP)
    seen = []
    monkeypatch.setattr(looking, "head", lambda file, n=1 << 16, real=looking.head: seen.append(file.parent.name) or real(file, n))
    assert _module(_READERS, "dgp").scene_file(tmp_path, "s3") == tmp_path / "s3/scene_x.json"
    assert set(seen) == {"s3"}


def test_a_wrong_format_is_told_which_one_fits(tmp_path, rng):
    bw.write(full_scene(rng), tmp_path / "clip")
    with pytest.raises(bw.FormatError, match="no scene in the format 'openlabel'; it looks like boxwright: name that format, or none"):
        bw.read(tmp_path / "clip", format="openlabel")
