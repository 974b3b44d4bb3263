"""Small files that ask for much: many tiny values and records. Each is read or refused in four times its size and 64 MiB, and soon."""

from __future__ import annotations

import json
import tracemalloc

import pytest

import boxwright as bw
import test_formats_kitti_tracking as tracking
from adversarial import JSON_BODIES, OBJECT_LINES, TRACKING_LINES, TRACKLETS
from boxwright.formats import json_shape, strict_json
from boxwright.limits import Limits
from fuzz_child import Child
from mutants import Victim

MB = 1_000_000
INSIDE = "7777777"


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    """victim(name) -> (its recording, the process that reads it)"""
    made = {}

    def get(name):
        if name not in made:
            recording = Victim(name, tmp_path_factory.mktemp(name) / "r")
            made[name] = recording, Child(recording.path)
        return made[name]

    yield get
    for _, child in made.values():
        child.stop()


def check(victim, raw):
    recording, child = victim
    label = recording.recording.label
    for strict in (True, False):
        if not child.is_running:
            recording.restore()
            child.start()
        recording.put(label, raw)
        outcome = child.read(len(raw), strict)
        assert outcome.kind != "FAULT", f"strict={strict}: {outcome.said}"


@pytest.mark.parametrize("body", JSON_BODIES)
@pytest.mark.parametrize("name", ["boxwright", "sustechpoints", "dgp", "openlabel"])
def test_json_of_tiny_values(victim, name, body):
    check(victim(name), JSON_BODIES[body](MB))


@pytest.mark.parametrize("n_mb", [0.6, 3, pytest.param(12, marks=pytest.mark.full)])
@pytest.mark.parametrize("body", JSON_BODIES)
def test_tiny_values_in_a_sound_scene(victim, body, n_mb):
    """Where they are kept, as source attributes."""
    recording, _ = victim("boxwright")
    good = json.loads(recording.good["scene.json"])
    text = json.dumps({**good, "source_attributes": {"x": int(INSIDE)}}).encode()
    check(victim("boxwright"), text.replace(INSIDE.encode(), JSON_BODIES[body](int(n_mb * MB))))


LINES = {"kitti_tracking": TRACKING_LINES, "kitti_object": OBJECT_LINES, "kitti_raw": TRACKLETS}


@pytest.mark.parametrize("n_mb", [0.8, pytest.param(2.5, marks=pytest.mark.full)])
@pytest.mark.parametrize(("name", "body"), [(name, body) for name, bodies in LINES.items() for body in bodies])
def test_lines_and_elements(victim, name, body, n_mb):
    """Read whole where they are fewer than the limits, and refused where they are more."""
    check(victim(name), LINES[name][body](int(n_mb * MB)))


def test_labels_that_take_too_much_say_how_to_read_them(tmp_path, monkeypatch):
    tracking.make(tmp_path, TRACKING_LINES["one track"](2 * MB).decode())
    for strict in (True, False):
        with pytest.raises(bw.LimitError, match=r"label_02/0000.txt: more label room bytes than allowed: expected at most 46,137,344, got"):
            bw.read(tmp_path, strict=strict)
    monkeypatch.setenv("BOXWRIGHT_LIMIT_LABEL_ROOM_BYTES", str(10**9))
    with pytest.warns(bw.SensorFrameFallback):
        (track,) = bw.read(tmp_path).tracks
    assert len(track) == 2 * MB // 38


def room_bytes(raw):
    found = {}

    class Told(Limits):
        def check(self, name, value, path, field=None):
            found[name] = value

    json_shape.check_shape(raw, Told(), "a.json")
    return found["json_room_bytes"]


@pytest.mark.parametrize("body", [body for body in JSON_BODIES if body not in ("never closed", "opened only", "a text with no end")])
def test_the_reckoning_is_never_less_than_what_is_taken(body):
    raw = JSON_BODIES[body](MB)
    text = raw.decode()
    tracemalloc.start()
    value = json.loads(text, object_pairs_hook=dict)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert value is not None
    assert taken <= room_bytes(raw) + 4 * len(raw) - len(text)


@pytest.mark.parametrize("shift", range(0, 30, 3))
def test_a_piece_may_end_anywhere(tmp_path, monkeypatch, shift):
    """In a text, an escape, a key: the counts are those of the file in one piece."""
    raw = json.dumps([{f'key \\" {i}': ["[,{", 'a"b\\', i, {}] for i in range(9)}, "x" * 50, "\\" * 21, [[]]]).encode()
    monkeypatch.setattr(json_shape, "_TEXT_BYTES", (0, 0))  # keys that are cut are not known as one
    whole = room_bytes(raw)
    monkeypatch.setattr(json_shape, "_PIECE_BYTES", 20 + shift)
    assert room_bytes(raw) == whole > 0
    (tmp_path / "a.json").write_bytes(raw)
    assert strict_json.load(tmp_path / "a.json").value == json.loads(raw)


def test_what_is_refused_says_how_to_read_it(tmp_path, monkeypatch):
    file = tmp_path / "a.json"
    file.write_bytes(JSON_BODIES["objects of one"](6 * MB))
    with pytest.raises(
        bw.LimitError, match=r"more json room bytes than allowed: expected at most 50,331,648, got .* set BOXWRIGHT_LIMIT_JSON_ROOM_BYTES"
    ):
        strict_json.load(file)
    monkeypatch.setenv("BOXWRIGHT_LIMIT_JSON_ROOM_BYTES", str(10**9))
    assert len(strict_json.load(file)) == 6 * MB // 7


def _openlabel_with(place):
    """A sound file with INSIDE in a place that is read whole, or as one frame."""
    cuboid = {"name": "c", "val": [1, 2, 3, 0, 0, 0, 1, 4, 2, 1.5], "coordinate_system": "base"}
    doc = {"metadata": {"schema_version": "1.0.0"}, "coordinate_systems": {"base": {"type": "local_cs", "parent": "", "children": []}}}
    mark = int(INSIDE)
    doc |= {
        "the top": {"x": mark},
        "a frame": {"frames": {"0": {"x": mark}}},
        "frame properties": {"frames": {"0": {"frame_properties": {"x": mark}}}},
        "many frames": {"frames": {str(i): {"frame_properties": {"x": mark}} for i in range(60)}},
        "an object": {"objects": {"1": {"name": "a", "type": "car", "x": mark}}},
        "a cuboid": {
            "objects": {"1": {"name": "a", "type": "car"}},
            "frames": {"0": {"objects": {"1": {"object_data": {"cuboid": [{**cuboid, "x": mark}]}}}}},
        },
    }[place]
    return json.dumps({"openlabel": doc}).encode()


@pytest.mark.parametrize("n_mb", [3, pytest.param(9, marks=pytest.mark.full)])
@pytest.mark.parametrize("body", ["objects of one", *(pytest.param(body, marks=pytest.mark.full) for body in ("keys", "texts that differ"))])
@pytest.mark.parametrize("place", ["the top", "a frame", "frame properties", "many frames", "an object", "a cuboid"])
def test_tiny_values_in_a_sound_openlabel_file(victim, place, body, n_mb):
    raw = _openlabel_with(place)
    check(victim("openlabel"), raw.replace(INSIDE.encode(), JSON_BODIES[body](n_mb * MB // raw.count(INSIDE.encode()))))
