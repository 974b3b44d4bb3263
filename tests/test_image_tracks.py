"""Tracks in pictures: the laws of tracks, interpolation of every kind of shape against its slow twin, matching of polygons, many at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import boxwright as bw
import naive
from boxwright.interpolation import METHODS
from boxwright.shapes2d import SHAPES
from test_shapes2d import HEAD, SQUARE, some_of_each

V, OCC, OUT = bw.Visibility
KEY, BETWEEN, OUTSIDE, BEFORE, AFTER = bw.State


def a_track(times_ns, visibility=None, *, shapes=None, track_id="7", **more):
    n = len(times_ns)
    boxes = bw.Boxes(np.c_[np.array(times_ns, float), np.zeros(n), np.array(times_ns, float) + 1, np.ones(n)])
    return bw.ImageTrack(track_id, "car", "front", times_ns, boxes if shapes is None else shapes, visibility=visibility, **more)


def random_track(rng, kind, k=5, track_id="7"):
    times = np.cumsum(rng.integers(1, 9, k)) * 50_000_000 + int(rng.integers(0, 10**9))
    return a_track(times, rng.choice([0, 1, 2], k, p=[0.6, 0.2, 0.2]), shapes=some_of_each(rng, k)[kind], track_id=track_id)


def moments(track):
    """Keyframes, times between, before and after, in no order."""
    low, high = int(track.times_ns[0]), int(track.times_ns[-1])
    times = np.unique(np.r_[track.times_ns, np.linspace(low - 10**8, high + 10**8, 40).astype(np.int64)])
    return np.random.default_rng(3).permutation(times)


# ------------------------------------------------------------ the laws of tracks


@pytest.mark.parametrize("kind", SHAPES)
def test_states_are_those_of_a_track_of_cuboids(rng, kind):
    for _ in range(10):
        track = random_track(rng, kind, int(rng.integers(1, 8)))
        cuboids = bw.Cuboids(np.zeros((len(track), 3)), np.ones((len(track), 3)), 0.0, frame="world")
        rows = [{"light": int(i)} if rng.random() < 0.5 else {} for i in range(len(track))]
        track = track.replace(keyframe_attributes=rows, attributes={"colour": {"body": "red"}})
        other = bw.Track("7", "car", track.times_ns, cuboids, visibility=track.visibility, keyframe_attributes=rows, attributes=track.attributes)
        times = moments(track)
        here, there = track.at(times), other.at(times)
        for name in ("state", "is_valid", "visibility", "keyframe_index"):
            np.testing.assert_array_equal(getattr(here, name), getattr(there, name), err_msg=name)
        assert here.attributes == there.attributes
        for n in (1, 2, 3):
            few, others = track.keyframes_every(n), other.keyframes_every(n)
            np.testing.assert_array_equal(few.times_ns, others.times_ns)
            assert few.keyframe_attributes == others.keyframe_attributes
            assert few.shapes.equals(track.shapes[np.isin(track.times_ns, few.times_ns)])


def test_states_by_hand():
    filled = a_track([10, 20, 30, 50, 60], [V, OCC, OUT, V, V]).at([9, 10, 15, 20, 29, 30, 49, 50, 55, 60, 61])
    assert filled.state.tolist() == [BEFORE, KEY, BETWEEN, KEY, BETWEEN, OUTSIDE, OUTSIDE, KEY, BETWEEN, KEY, AFTER]
    np.testing.assert_array_equal(filled.shapes.xyxy[:, 0], [np.nan, 10, 15, 20, 29, np.nan, np.nan, 50, 55, 60, np.nan])
    assert repr(filled) == "FilledImageTrack('7', 11 times, 7 valid, Boxes)"


BAD = [
    ({"camera": None}, "image track '7'.camera: expected a camera's name, got NoneType None"),
    ({"shapes": SQUARE}, "image track '7'.shapes: expected one of Boxes, RotatedBoxes, Polygons, Polylines, Keypoints, Masks, got ndarray"),
    ({"shapes": bw.Boxes([[0, 0, 1, 1]])}, "image track '7'.shapes: expected 2 shapes, one per keyframe, got 1; leave out times without a shape"),
    ({"times_ns": [9, 9]}, "image track '7'.times_ns: expected increasing times"),
    ({"times_ns": [], "shapes": bw.Boxes(np.zeros((0, 4)))}, "image track '7': expected at least one keyframe, got none"),
    ({"visibility": [0, 3]}, "image track '7'.visibility: expected (2,) codes of Visibility, 0 to 2, got [0, 3]"),
    ({"method": "cubic"}, "image track '7'.method: no such interpolation of Boxes: expected one of linear, makima, pchip, catmull_rom, hold, got"),
    ({"shapes": bw.Polygons([SQUARE, SQUARE]), "method": "makima"}, "interpolation of Polygons: expected one of linear, hold, got 'makima'"),
    (
        {"shapes": bw.Masks([[6], [6]], 2, 3), "method": "linear"},
        "no such interpolation of Masks: expected one of hold, got 'linear'",
    ),
    ({"object_id": 7}, "image track '7'.object_id: expected a text, or None, got int 7"),
    ({"keyframe_attributes": [{}]}, "image track '7'.keyframe_attributes: expected 2 mappings, one per keyframe, got 1"),
    ({"shapes": a_track([0, 9]).at([-1, 0]).shapes}, "image track '7'.shapes: expected a shape at every keyframe, got rows without"),
]


@pytest.mark.parametrize(("changes", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_what_is_refused(changes, message):
    with pytest.raises(bw.BoxwrightError) as caught:
        a_track([0, 9]).replace(**changes)
    assert message in str(caught.value) and caught.value.hint


def test_attributes_against_a_taxonomy():
    lights = bw.AttributeDefinition("lights", "group", members=(bw.AttributeDefinition("brake", "flag"),))
    make = bw.AttributeDefinition("make", "text", is_mutable=False)
    taxonomy = bw.Taxonomy([bw.Category("car", 1, (1, 2, 3), attributes=(lights, make))])
    good = a_track([0, 9], attributes={"make": "VW"}, keyframe_attributes=[{"lights": {"brake": True}}, {"make": "VW"}])
    taxonomy.check_track(good)
    for changes, message in (
        ({"keyframe_attributes": [{}, {"make": "BMW"}]}, "keyframe 1.make: expected 'VW', got 'BMW'; it is not mutable"),
        ({"keyframe_attributes": [{"lights": {"brake": 1}}, {}]}, "keyframe 0.lights.brake: expected true or false, got 1"),
        ({"attributes": {"colour": "red"}}, "track '7'.attributes: expected one of lights, make, got 'colour'"),
        ({"attributes": {}, "keyframe_attributes": [{"make": "VW"}, {"make": "BMW"}]}, "expected 'VW', got 'BMW'"),
    ):
        with pytest.raises(bw.ArgumentError, match="track '7'") as caught:
            taxonomy.check_track(good.replace(**changes))
        assert message in str(caught.value)
    with pytest.raises(bw.UnknownName, match="no class is called 'tree'"):
        taxonomy.check_track(good.replace(category="tree"))


# ------------------------------------------------------------ every kind between keyframes


@pytest.mark.parametrize("kind", SHAPES)
def test_keyframes_come_out_bit_by_bit(rng, kind):
    for _ in range(5):
        track = random_track(rng, kind, 6).replace(visibility=[0, 1, 0, 2, 0, 0])
        filled = track.at(track.times_ns)
        there = filled.is_valid
        assert there.tolist() == [True, True, True, False, True, True]
        assert filled.shapes[there].equals(track.shapes[there])
        held = track.replace(method="hold")
        assert held.at(track.times_ns).shapes.equals(filled.shapes)
        assert held.at(track.times_ns + 1).shapes[[0, 1, 2, 4]].equals(track.shapes[[0, 1, 2, 4]])


def between(track, k, share):
    """The shape on its way from keyframe k to the next, as (N, 2) points or bare numbers."""
    shapes = track.shapes
    if shapes.KIND == "box":
        return shapes.xyxy[k] + share * (shapes.xyxy[k + 1] - shapes.xyxy[k])
    if shapes.KIND == "rotated_box":
        turn = (shapes.rotation_rad[k + 1] - shapes.rotation_rad[k] + np.pi) % (2 * np.pi) - np.pi
        angle = shapes.rotation_rad[k] + share * turn
        plain = [column[k] + share * (column[k + 1] - column[k]) for column in (shapes.center_uv, shapes.size_px)]
        return np.r_[plain[0], plain[1], np.angle(np.exp(1j * angle))]
    if shapes.KIND == "keypoints":
        start, end = shapes.uv[k], shapes.uv[k + 1]
        return np.where(np.isnan(start) | np.isnan(end), start, start + share * (end - start))
    if shapes.KIND == "mask" or (shapes.KIND == "polygon" and len(shapes.rings(k)) != len(shapes.rings(k + 1))):
        return None
    closed = shapes.KIND == "polygon"
    pairs = zip(shapes.rings(k), shapes.rings(k + 1)) if closed else [(shapes.points(k), shapes.points(k + 1))]
    return [start + share * (end - start) for start, end, _ in (naive.matched_rings(a, b, closed) for a, b in pairs)]


def numbers(shapes):
    """One row of shapes as `between` tells it."""
    if shapes.KIND == "box":
        return shapes.xyxy[0]
    if shapes.KIND == "rotated_box":
        return np.r_[shapes.center_uv[0], shapes.size_px[0], shapes.rotation_rad[0]]
    if shapes.KIND == "keypoints":
        return shapes.uv[0]
    return shapes.rings(0) if shapes.KIND == "polygon" else [shapes.points(0)]


@pytest.mark.kernel
@pytest.mark.parametrize("kind", SHAPES)
def test_agrees_with_its_slow_twin(rng, kind):
    for _ in range(6):
        track = random_track(rng, kind)
        times = moments(track)
        filled = track.at(times)
        for i, time in enumerate(times):
            place = naive.image_track_at(track, time)
            assert bool(filled.is_valid[i]) == (place is not None)
            if place is None:
                assert np.isnan(filled.shapes.bounds_xyxy()[i]).all()
                continue
            k, share = place
            ours, wanted = filled.shapes[i], between(track, k, share) if share else None
            if wanted is None:
                assert ours.equals(track.shapes[k])
            elif isinstance(wanted, list):
                assert [len(ring) for ring in numbers(ours)] == [len(ring) for ring in wanted]
                for a, b in zip(numbers(ours), wanted):
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
            else:
                np.testing.assert_allclose(numbers(ours), wanted, rtol=0, atol=1e-9)
                if kind == "keypoints":
                    np.testing.assert_array_equal(ours.visibility, track.shapes.visibility[k : k + 1])


@pytest.mark.parametrize("kind", ["box", "rotated_box", "keypoints"])
def test_time_reversed(rng, kind):
    track = random_track(rng, kind, 6).replace(visibility=None)
    if kind == "keypoints":
        track = track.replace(shapes=bw.Keypoints(np.nan_to_num(track.shapes.uv), skeleton=HEAD))
    back = track.replace(times_ns=-track.times_ns[::-1], shapes=track.shapes[::-1])
    times = moments(track)
    for a, b in zip(track.at(times).shapes, back.at(-times).shapes):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=0, atol=1e-9)


@pytest.mark.kernel
@pytest.mark.parametrize("method", METHODS)
def test_curves_are_those_of_cuboids(rng, method):
    """The middles of boxes, turned or not, and single points go as a cuboid's centre does, which is compared with scipy; sizes go straight."""
    for k in (1, 2, 3, 8):
        times = np.cumsum(rng.integers(1, 9, k)) * 50_000_000
        visibility = rng.choice([0, 1, 2], k, p=[0.6, 0.2, 0.2])
        center, size, angle = rng.uniform(0, 500, (k, 2)), rng.uniform(1, 50, (k, 2)), rng.uniform(-3, 3, k)
        uv = np.stack([center, rng.uniform(0, 50, (k, 2))], axis=1)
        marked = rng.choice([0, 2], (k, 2), p=[0.8, 0.2])
        marked[:, 0] = 0
        uv[marked == 2] = np.nan
        cuboids = bw.Cuboids(np.c_[center, np.zeros(k)], np.ones((k, 3)), 0.0, frame="world")
        course = bw.Track("7", "car", times, cuboids, visibility=visibility, method=method)
        boxes = bw.Boxes(np.c_[center - size / 2, center + size / 2])
        turned, points = bw.RotatedBoxes(center, size, angle), bw.Keypoints(uv, marked)
        tracks = [a_track(times, visibility, shapes=shapes, method=method) for shapes in (boxes, turned, points)]
        at = moments(tracks[0])
        wanted = course.at(at).cuboids.center_m[:, :2]
        filled = [track.at(at).shapes for track in tracks]
        np.testing.assert_allclose(filled[0].center_uv, wanted, rtol=0, atol=1e-9)
        np.testing.assert_allclose(filled[1].center_uv, wanted, rtol=0, atol=1e-9)
        np.testing.assert_allclose(filled[2].uv[:, 0], wanted, rtol=0, atol=1e-9)
        straight = [track.replace(method="linear").at(at).shapes for track in tracks]
        np.testing.assert_allclose(filled[0].size_px, straight[0].size_px, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(filled[1].size_px, straight[1].size_px)
        np.testing.assert_array_equal(filled[1].rotation_rad, straight[1].rotation_rad)
        np.testing.assert_array_equal(np.isnan(filled[2].uv), np.isnan(straight[2].uv))
        there = visibility != OUT
        assert all(track.at(times).shapes[there].equals(track.shapes[there]) for track in tracks)


def test_curved_and_straight_tracks_in_one_set(rng):
    some = [random_track(rng, "box", 6, str(i)).replace(method=method) for i, method in enumerate([*METHODS, "hold"] * 3)]
    times = np.sort(moments(some[0]))
    many = bw.interpolate_image_tracks(some, times)
    for i, track in enumerate(some):
        assert many.shapes[many.track_index == i].equals(track.at(times).shapes[many.time_index[many.track_index == i]])


def test_a_rotated_box_takes_the_short_arc():
    boxes = bw.RotatedBoxes([[0, 0]] * 2, [[4, 2]] * 2, [np.radians(170), np.radians(-170)])
    angle = a_track([0, 4], shapes=boxes).at([0, 1, 2, 3, 4]).shapes.rotation_rad
    np.testing.assert_allclose(np.degrees(angle), [170, 175, 180, -175, -170], atol=1e-9)


def test_a_point_that_is_not_marked_stays_where_it_was():
    points = bw.Keypoints([[[0, 0], [5, 5]], [[10, 0], [np.nan, np.nan]], [[0, 0], [7, 7]]], [[0, 1], [1, 2], [0, 0]])
    shapes = a_track([0, 10, 20], shapes=points).at([0, 5, 10, 15, 20]).shapes
    assert shapes.uv[:, 0].tolist() == [[0, 0], [5, 0], [10, 0], [5, 0], [0, 0]]
    np.testing.assert_array_equal(shapes.uv[:, 1], [[5, 5], [5, 5], [np.nan] * 2, [np.nan] * 2, [7, 7]])
    assert shapes.visibility.tolist() == [[0, 1], [0, 1], [1, 2], [1, 2], [0, 0]]
    assert shapes.bounds_xyxy()[3].tolist() == [5, 0, 5, 0]


# ------------------------------------------------------------ polygons and polylines


def halfway(a, b, kind=bw.Polygons):
    shape = a_track([0, 2], shapes=kind([a, b])).at([1]).shapes
    return shape.rings(0)[0] if kind is bw.Polygons else shape.points(0)


def star(rng, n):
    """A ring without any symmetry, so that one matching is best."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    return np.c_[np.cos(angle), np.sin(angle)] * rng.uniform(5, 20, (n, 1)) + rng.uniform(0, 50, 2)


def same_ring(a, b, atol=1e-9):
    return len(a) == len(b) and any(np.allclose(np.roll(a, k, axis=0), b, rtol=0, atol=atol) for k in range(len(a)))


@pytest.mark.parametrize(("n", "m"), [(5, 5), (8, 5), (5, 8), (12, 3), (3, 12), (2, 7), (1, 6), (6, 1), (64, 64), (64, 20)])
def test_laws_of_polygons(rng, n, m):
    for _ in range(4):
        a, b = star(rng, n), star(rng, m)
        whole = halfway(a, b)
        assert len(whole) == max(n, m)
        back = halfway(b, a)  # time reversed; the way round is that of the ring it starts from
        assert same_ring(back, whole) or same_ring(back[::-1], whole)
        for start in (1, 2):  # where a ring begins does not count
            assert same_ring(halfway(np.roll(a, start, axis=0), b), whole)
            assert same_ring(halfway(a, np.roll(b, start, axis=0)), whole)
        if min(n, m) > 2:  # nor which way round it is told
            assert same_ring(halfway(a, b[::-1]), whole)
            assert same_ring(halfway(a[::-1], b)[::-1], whole)
        shift = np.array([300.0, -200.0])
        np.testing.assert_allclose(halfway(a + shift, b + shift), whole + shift, atol=1e-9)
        np.testing.assert_allclose(halfway(a + shift, b - shift), whole, atol=1e-9)  # the way does not count for the matching
        np.testing.assert_allclose(halfway(a * 7, b * 7), whole * 7, atol=1e-8)


def test_a_ring_that_moves_and_grows_keeps_its_form(rng):
    ring = star(rng, 9)
    for start in range(9):
        np.testing.assert_allclose(halfway(ring, np.roll(ring * 2 + 7, start, axis=0)), ring * 1.5 + 3.5, atol=1e-9)


def test_points_put_on_a_side_change_nothing(rng):
    """A ring with more points on its sides is the same ring: in between it is what it would be without them."""
    ring = star(rng, 6)
    finer = np.insert(ring, [1, 3, 3], [ring[:2].mean(0), ring[2] + (ring[3] - ring[2]) / 3, ring[2] + (ring[3] - ring[2]) * 2 / 3], axis=0)
    whole = halfway(ring, finer + 10)
    assert len(whole) == 9
    np.testing.assert_allclose(whole, np.roll(finer, 0, axis=0) + 5, atol=1e-9)


def test_one_corner_that_is_dragged_moves_alone():
    dragged = SQUARE.copy()
    dragged[2] = (9, 8)
    np.testing.assert_allclose(halfway(SQUARE, dragged), [[0, 0], [4, 0], [6.5, 5.5], [0, 3]], atol=1e-12)


def test_polylines_keep_their_ends_and_direction(rng):
    a, b = rng.uniform(0, 50, (7, 2)), rng.uniform(0, 50, (4, 2))
    line = halfway(a, b, bw.Polylines)
    assert len(line) == 7
    np.testing.assert_allclose(line[[0, -1]], (a[[0, -1]] + b[[0, -1]]) / 2, atol=1e-12)
    np.testing.assert_allclose(halfway(a[::-1], b[::-1], bw.Polylines)[::-1], line, atol=1e-9)
    np.testing.assert_allclose(halfway(b, a, bw.Polylines), line, atol=1e-9)


@pytest.mark.parametrize(
    "rings",
    [
        ([[3, 3]], [[5, 5]]),
        ([[3, 3]] * 4, SQUARE),
        (SQUARE, [[3, 3]] * 5),
        ([[3, 3]] * 3, [[4, 4]] * 7),
        ([[0, 0], [1, 0]], [[0, 0], [1, 0], [1, 0], [1, 0]]),
        ([[0, 0], [0, 0], [1, 1]], [[1, 1], [0, 0], [0, 0], [0, 0]]),
        (SQUARE * 1e-300, SQUARE * 1e150),
        (SQUARE + 2.0**50, SQUARE[:3] - 2.0**50),
    ],
)
@pytest.mark.parametrize("kind", [bw.Polygons, bw.Polylines])
def test_rings_of_no_length_and_of_a_single_point(rings, kind):
    first, second = (np.array(ring, float) for ring in rings)
    shapes = kind([first, second])
    filled = a_track([0, 4], shapes=shapes).at([0, 1, 3, 4]).shapes
    assert filled[[0, 3]].equals(shapes)
    assert filled.n_points[1:3].tolist() == [max(len(first), len(second))] * 2
    assert np.isfinite(filled.uv).all()
    low, high = shapes.bounds_xyxy()[:, :2].min(0), shapes.bounds_xyxy()[:, 2:].max(0)
    tiny = 1e-12 * np.abs([low, high]).max()
    assert (filled.uv >= low - tiny).all() and (filled.uv <= high + tiny).all()


def test_a_polygon_whose_rings_change_in_number_is_held():
    holed = [SQUARE * 4, SQUARE + 1]
    track = a_track([0, 10, 20], shapes=bw.Polygons([holed, SQUARE, SQUARE + 2]))
    shapes = track.at([5, 15]).shapes
    assert shapes[0].equals(track.shapes[0])
    np.testing.assert_allclose(shapes.rings(1)[0], SQUARE + 1)


def test_rings_too_long_to_weigh_every_pair(rng):
    """2,500 of 5,000 points: arc length alone decides, the keyframes are met all the same, and the way is smooth."""
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    fine = np.c_[np.cos(angle), np.sin(angle)] * 100
    coarse = np.roll(fine[::2] * 1.5, 77, axis=0)
    track = a_track([0, 1000], shapes=bw.Polygons([fine, coarse]))
    shapes = track.at([0, 1, 500, 999, 1000]).shapes
    assert shapes[[0, 4]].equals(track.shapes)
    radius = np.linalg.norm(shapes.rings(2)[0], axis=1)
    assert len(radius) == 5000 and abs(radius - 125).max() < 1.0
    lines = a_track([0, 1000], shapes=bw.Polylines([fine, coarse])).at([0, 500, 1000]).shapes
    np.testing.assert_allclose(lines.points(1)[[0, -1]], (fine[[0, -1]] + coarse[[0, -1]]) / 2, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    *(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=1, max_size=7) for _ in range(2)),
    st.booleans(),
)
def test_any_two_rings_of_small_numbers(first, second, is_closed):
    """On a grid, where points coincide and ways tie: as many points as the longer ring, and every point of both keyframes is met."""
    kind = bw.Polygons if is_closed else bw.Polylines
    shapes = kind([np.array(first, float), np.array(second, float)])
    start, near = a_track([0, 2**40], shapes=shapes).at([1, 2**40 - 1]).shapes
    assert start.n_points == max(len(first), len(second)) == near.n_points
    for ring, own in ((start.uv, first), (near.uv, second)):
        gaps = np.abs(ring[:, None] - np.array(own, float)).max(-1).min(0)
        assert gaps.max() < 1e-9  # every point of a keyframe is met


# ------------------------------------------------------------ many at once


@pytest.mark.parametrize("kind", SHAPES)
def test_many_are_each_alone(rng, kind):
    tracks = bw.ImageTracks([random_track(rng, kind, int(rng.integers(1, 7)), str(i)) for i in range(12)])
    times = np.random.default_rng(1).permutation(np.unique(np.concatenate([moments(track) for track in tracks])))
    many = bw.interpolate_image_tracks(tracks, times)
    for i, track in enumerate(tracks):
        alone, rows = track.at(times), many.track_index == i
        order = np.argsort(times[many.time_index[rows]])
        assert (np.diff(times[many.time_index[rows]]) > 0).all() and (order == np.arange(len(order))).all()
        there = many.time_index[rows]
        assert many.shapes[rows].equals(alone.shapes[there])
        np.testing.assert_array_equal(np.sort(there), np.flatnonzero(alone.is_valid))
        np.testing.assert_array_equal(many.state[rows], alone.state[there])
        np.testing.assert_array_equal(many.visibility[rows], alone.visibility[there])


@pytest.mark.parametrize("kind", SHAPES)
def test_memory_is_used_again_and_threads_change_nothing(rng, kind):
    tracks = bw.ImageTracks([random_track(rng, kind, 4, str(i)) for i in range(30)])
    times = np.sort(moments(tracks[0]))
    first = bw.interpolate_image_tracks(tracks, times)
    kept = first.shapes[:], first.track_index.copy()
    again = bw.interpolate_image_tracks(tracks, times, out=first, n_threads=2)
    assert again.shapes.equals(kept[0]) and (again.track_index == kept[1]).all()
    assert again.track_index.base is first.track_index.base
    fewer = bw.interpolate_image_tracks(tracks, times[::3], out=again)
    assert fewer.shapes.equals(bw.interpolate_image_tracks(tracks, times[::3]).shapes)
    other = bw.interpolate_image_tracks([random_track(rng, "rotated_box" if kind == "box" else "box")], times, out=fewer)
    assert len(other.shapes) == len(other)


def test_threads_share_many_rows(rng):
    tracks = bw.ImageTracks([random_track(rng, "box", 6, str(i)).replace(visibility=None) for i in range(400)])
    times = np.arange(int(tracks[0].times_ns[0]), int(tracks[0].times_ns[0]) + 2 * 10**9, 10**7)
    one, two = (bw.interpolate_image_tracks(tracks, times, n_threads=n) for n in (1, 3))
    assert len(one) > 30_000 and one.shapes.equals(two.shapes)


def test_sets_of_tracks(rng):
    shapes = some_of_each(rng, 2)
    tracks = bw.ImageTracks([bw.ImageTrack(f"{kind} {camera}", "car", camera, [0, 9], one) for camera in "ab" for kind, one in shapes.items()])
    large = bw.ImageTrack("large", "car", "a", [0, 9], bw.Masks([[70], [70]], 7, 10))
    tracks = bw.ImageTracks([*tracks, large])
    groups = tracks.groups()
    assert sorted(i for _, index in groups for i in index) == list(range(13)) and len(groups) == 13
    assert all([tracks[i] for i in index] == list(group) for group, index in groups)
    assert [group[0].camera for group, _ in tracks.groups("b")] == ["b"] * 6
    assert bw.ImageTracks(tracks) is tracks
    with pytest.raises(bw.IndexMissing, match=r"scene\.image_track"):
        tracks[13]
    for some, error, message in (
        ([tracks[0], tracks[6]], bw.GeometryError, "image track 'box b': expected tracks of camera 'a', got camera 'b'; ImageTracks.groups"),
        ([tracks[0], tracks[1]], bw.ArgumentError, "expected Boxes, got RotatedBoxes; one kind at a time"),
        ([tracks[5], large], bw.GeometryError, "expected width_px 9, got 7"),
        ([shapes["box"]], bw.ArgumentError, "tracks[0]: expected an ImageTrack, got Boxes"),
        (7, bw.ArgumentError, "expected tracks, got int"),
    ):
        with pytest.raises(error) as caught:
            bw.interpolate_image_tracks(some, [0])
        assert message in str(caught.value)
    with pytest.raises(bw.ArgumentError, match="earlier result of interpolate_image_tracks"):
        bw.interpolate_image_tracks(tracks[:1], [0], out=tracks)
    nothing = bw.interpolate_image_tracks([], [0, 1])
    assert (len(nothing), len(nothing.shapes)) == (0, 0)


def test_as_tables(rng):
    pandas = pytest.importorskip("pandas")
    track = a_track([0, 10], [V, OCC])
    table = track.at([-5, 5, 10]).to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert list(table.columns) == [
        "track_id", "category", "timestamp_ns", "state", "visibility", "camera", "shape", "left_px", "top_px", "right_px", "bottom_px",
    ]  # fmt: skip
    assert table["state"].tolist() == ["before", "between", "keyframe"] and table["left_px"].tolist()[1:] == [5, 10]
    pytest.importorskip("pyarrow")
    assert bw.interpolate_image_tracks([track], [5]).to_arrow().num_rows == 1
