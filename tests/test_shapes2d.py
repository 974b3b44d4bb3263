"""2-D shapes: what is refused, rows and sets, bounds and areas, masks as runs and as COCO's texts; slow twins and independent programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import boxwright as bw
import naive
from boxwright.kernels import masks as mask_kernels
from boxwright.shapes2d import SHAPES

SQUARE = np.array([[0, 0], [4, 0], [4, 3], [0, 3]], float)
HEAD = bw.Skeleton(("nose", "left eye", "right eye"), ((0, 1), (0, 2)))


def some_of_each(rng, n=5):
    """n shapes of every kind, none like another."""
    boxes = rng.uniform(-5, 60, (n, 2, 2))
    rings = [[rng.uniform(0, 50, (rng.integers(1, 9), 2)) for _ in range(rng.integers(1, 4))] for _ in range(n)]
    visibility = rng.integers(0, 3, (n, 3))
    uv = rng.uniform(0, 50, (n, 3, 2))
    uv[(visibility == 2) & (rng.random((n, 3)) < 0.5)] = np.nan
    return {
        "box": bw.Boxes(np.c_[boxes.min(1), boxes.max(1)]),
        "rotated_box": bw.RotatedBoxes(rng.uniform(0, 50, (n, 2)), rng.uniform(0, 20, (n, 2)), rng.uniform(-3, 3, n)),
        "polygon": bw.Polygons(rings),
        "polyline": bw.Polylines([rng.uniform(0, 50, (rng.integers(1, 9), 2)) for _ in range(n)]),
        "keypoints": bw.Keypoints(uv, visibility, HEAD),
        "mask": bw.Masks.from_arrays(rng.random((n, 7, 9)) < rng.random((n, 1, 1))),
    }


BAD = [
    (lambda: bw.Boxes([[0, 0, 1]]), "xyxy: expected (N, 4) float array, got shape (1, 3)"),
    (lambda: bw.Boxes([[0, 0, np.nan, 1]]), "xyxy: expected finite numbers, got nan at index (0, 2)"),
    (lambda: bw.Boxes([[0, 0, 1, 1], [4, 0, 3, 1]]), "xyxy: expected left <= right and top <= bottom, got (4, 0, 3, 1) at index 1"),
    (lambda: bw.RotatedBoxes([[0, 0]], [[1, -1]], [0]), "size_px: expected width and height from 0, got (1, -1) at index 0"),
    (lambda: bw.RotatedBoxes([[0, 0]], [[1, 1]], [0, 1]), "rotation_rad: expected (1,) float array, got shape (2,)"),
    (lambda: bw.Polygons([SQUARE, np.zeros((0, 2))]), "polygons[1]: expected at least one point, got none"),
    (lambda: bw.Polygons([[]]), "polygons[0]: expected at least one ring, got none"),
    (lambda: bw.Polygons([[SQUARE, np.zeros((2, 3))]]), "polygons[0][1]: expected (N, 2) float array, got shape (2, 3)"),
    (lambda: bw.Polygons("abc"), "polygons: expected a list, got 'abc'"),
    (lambda: bw.Polylines([[[0, np.inf]]]), "lines[0]: expected finite numbers, got inf"),
    (lambda: bw.Polygons.from_columns(SQUARE, [0, 3], [0, 1]), "ring_offsets: expected whole numbers that rise from 0 to 4, got [0, 3]"),
    (lambda: bw.Polygons.from_columns(SQUARE, [0, 0, 4], [0, 2]), "ring_offsets: expected at least one point, got a ring without, at index 0"),
    (lambda: bw.Polylines.from_columns(SQUARE, [0, 2, 4], [0, 2]), "offsets: expected one line for each, got several"),
    (lambda: bw.Keypoints([[[0, 0]]], [[3]]), "visibility: expected (1, 1) codes of Visibility, 0 to 2, got [[3]]"),
    (lambda: bw.Keypoints([[[0, np.nan]]]), "uv: expected finite numbers, got [ 0. nan] at index (0, 0)"),
    (lambda: bw.Keypoints(np.zeros((1, 2, 2)), skeleton=HEAD), "uv: expected 3 points, as the skeleton has, got 2"),
    (lambda: bw.Keypoints(np.zeros((1, 3, 2)), skeleton="head"), "skeleton: expected a Skeleton, or None, got str 'head'"),
    (lambda: bw.Skeleton(("a", "a")), "skeleton.points: expected names that differ, got 'a' twice"),
    (lambda: bw.Skeleton(("a", "b"), ((0, 2),)), "skeleton.edges[0]: expected two indices below 2, got (0, 2)"),
    (lambda: bw.Masks([[3, 4]], 2, 3), "runs[0]: expected lengths of runs that add up to 2 x 3 pixels, got 7 instead of 6"),
    (lambda: bw.Masks([[3, -3, 6]], 2, 3), "runs[0]: expected lengths of runs"),
    (lambda: bw.Masks([[]], 2, 3), "runs[0]: expected lengths of runs"),
    (lambda: bw.Masks([[2**62, 2**62, 2**62, 2**62]], 2, 3), "runs[0]: expected lengths of runs"),
    (lambda: bw.Masks([[6]], 0, 3), "width_px: expected a whole number of pixels"),
    (lambda: bw.Masks([[6]], 2, True), "height_px: expected a whole number of pixels"),
    (lambda: bw.Masks.from_arrays(np.full((1, 2, 2), 7)), "pixels: expected (K, H, W) bool array"),
    (lambda: bw.Masks.from_arrays(np.zeros((2, 2), bool)), "pixels: expected (K, H, W) bool array"),
    (lambda: bw.Masks.from_coco(["6!"], 2, 3), "texts[0][1]: expected letters from '0' to 'o'"),
    (lambda: bw.Masks.from_coco(["P"], 2, 3), "texts[0]: expected a whole number of runs"),
    (lambda: bw.Masks.from_coco("6", 2, 3), "texts: expected a list of texts, got one text"),
    (lambda: bw.Masks.from_coco([[6]], 2, 3), "texts[0]: expected a text"),
    (lambda: bw.Masks.from_coco(["o" * 40], 2, 3), "texts[0][13]: expected letters"),
    (lambda: bw.Masks.from_polygons(bw.Polylines([SQUARE]), 2, 3), "polygons: expected Polygons, got Polylines"),
    (lambda: bw.Boxes.concatenate([]), "parts: expected at least one part, got none"),
    (lambda: bw.Boxes.concatenate([bw.Polylines([SQUARE])]), "parts[0]: expected Boxes, got Polylines"),
    (lambda: bw.Masks.concatenate([bw.Masks([[6]], 2, 3), bw.Masks([[6]], 3, 2)]), "parts[1]: expected width_px 2, got 3"),
    (lambda: bw.iou_masks(bw.Masks([[6]], 2, 3), bw.Masks([[6]], 3, 2)), "b: expected width_px 2, got 3"),
    (lambda: bw.iou_boxes(SQUARE, SQUARE), "a: expected Boxes, got ndarray"),
    (lambda: bw.Boxes([[0, 0, 1, 1]])[1], "box: expected an index below 1, got 1"),
    (lambda: bw.Polygons([SQUARE])[[True, False]], "polygon: expected a mask of 1, got one of 2"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:50] for _, message in BAD])
def test_what_is_refused(make, message):
    with pytest.raises(bw.BoxwrightError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.hint


# ------------------------------------------------------------ rows and sets


@pytest.mark.parametrize("kind", SHAPES)
def test_rows_of_a_set(rng, kind):
    shapes = some_of_each(rng)[kind]
    parts = list(shapes)
    assert len(shapes) == 5 and [len(part) for part in parts] == [1] * 5
    assert type(shapes).concatenate(parts).equals(shapes)
    assert shapes[[4, 0]].equals(type(shapes).concatenate([parts[4], parts[0]]))
    assert shapes[1:4:2].equals(shapes[np.array([False, True, False, True, False])])
    assert shapes[-1].equals(parts[4]) and not shapes[-1].equals(parts[3]) and not shapes.equals(parts[0])
    np.testing.assert_array_equal(shapes[[4, 0]].bounds_xyxy(), shapes.bounds_xyxy()[[4, 0]])
    none = shapes[:0]
    assert len(none) == 0 and none.bounds_xyxy().shape == (0, 4) and none[[]].equals(none)
    assert type(shapes).concatenate([none, shapes, none]).equals(shapes)
    assert none._taken(np.array([-1, -1])).equals(shapes._taken(np.array([-1, -1])))


@pytest.mark.parametrize("kind", SHAPES)
def test_rows_where_nothing_is(rng, kind):
    shapes = some_of_each(rng)[kind]
    gaps = shapes._taken(np.array([-1, 3, -1]))
    assert np.isnan(gaps.bounds_xyxy()[[0, 2]]).all()
    assert gaps[1].equals(shapes[3]) and not gaps[0].equals(shapes[3]) and gaps[0].equals(gaps[2])


@pytest.mark.parametrize("kind", SHAPES)
def test_nobody_writes_into_a_set(rng, kind):
    shapes = some_of_each(rng)[kind]
    for column in shapes._columns():
        assert not column.flags.writeable
    xyxy = np.array([[0.0, 0, 1, 1]])
    boxes = bw.Boxes(xyxy)
    xyxy[0, 2] = 7
    assert boxes.xyxy[0, 2] == 1


def test_other_shapes_are_not_equal():
    assert not bw.Polygons([SQUARE]).equals(bw.Polylines([SQUARE]))
    assert not bw.Masks([[6]], 2, 3).equals(bw.Masks([[6]], 3, 2))
    points = bw.Keypoints(np.zeros((1, 3, 2)))
    assert not points.equals(bw.Keypoints(np.zeros((1, 3, 2)), skeleton=HEAD))


# ------------------------------------------------------------ boxes


def test_boxes_by_hand():
    boxes = bw.Boxes.from_xywh([[10, 20, 4, 6], [-3, 0, 0, 2]])
    assert boxes.xyxy.tolist() == [[10, 20, 14, 26], [-3, 0, -3, 2]]
    assert (boxes.center_uv.tolist(), boxes.size_px.tolist(), boxes.area_px2.tolist()) == ([[12, 23], [-3, 1]], [[4, 6], [0, 2]], [24, 0])


def test_rotated_boxes_by_hand():
    """A quarter turn from u towards v: what pointed right points down."""
    (box,) = bw.RotatedBoxes([[10, 20]], [[6, 2]], [np.pi / 2]).corners_uv()
    np.testing.assert_allclose(box, [[11, 17], [11, 23], [9, 23], [9, 17]], atol=1e-12)
    np.testing.assert_allclose(bw.RotatedBoxes([[10, 20]], [[6, 2]], [np.pi / 2]).bounds_xyxy(), [[9, 17, 11, 23]], atol=1e-12)
    assert bw.RotatedBoxes([[0, 0]], [[1, 1]], [3 * np.pi]).rotation_rad == [np.pi]


def test_alike_tells_the_same_rectangles(rng):
    n = 40
    angle = np.cumsum(rng.uniform(-0.4, 0.4, n))
    size = np.c_[np.full(n, 6.0), np.full(n, 2.0)]
    quarters = rng.integers(0, 4, n)
    mixed = bw.RotatedBoxes(np.zeros((n, 2)), np.where(quarters[:, None] % 2, size[:, ::-1], size), angle + quarters * np.pi / 2)
    alike = mixed.alike()
    assert alike[0].equals(mixed[0])
    steps = np.angle(np.exp(1j * np.diff(alike.rotation_rad)))
    assert np.abs(steps).max() < 0.4 + 1e-9
    assert (alike.size_px == alike.size_px[0]).all()
    for a, b in zip(mixed.corners_uv(), alike.corners_uv()):
        np.testing.assert_allclose(sorted(np.round(a, 9).tolist()), sorted(np.round(b, 9).tolist()), atol=1e-8)


@pytest.mark.kernel
def test_iou_of_boxes_agrees_with_its_slow_twin(rng):
    def some(n):
        corners = rng.uniform(0, 10, (n, 2, 2))
        xyxy = np.c_[corners.min(1), corners.max(1)]
        xyxy[0] = [1, 1, 1, 5]
        return bw.Boxes(np.r_[xyxy, [[2, 2, 4, 4], [4, 2, 6, 4]]])

    a, b = some(12), some(9)
    ours = bw.iou_boxes(a, b)
    np.testing.assert_allclose(ours, [[naive.box_iou(x, y) for y in b.xyxy] for x in a.xyxy], rtol=1e-14, atol=0)
    np.testing.assert_array_equal(ours, bw.iou_boxes(b, a).T)
    own = np.diag(bw.iou_boxes(a, a))
    assert (own[1:] == 1).all() and own[0] == 0
    assert bw.iou_boxes(a, a)[-1, -2] == 0
    gone = a._taken(np.array([-1]))
    assert bw.iou_boxes(gone, b).tolist() == [[0.0] * len(b)]


# ------------------------------------------------------------ polygons and polylines


def test_ways_to_give_polygons():
    hole = SQUARE / 4 + 1
    by_lists = bw.Polygons([SQUARE.tolist(), [SQUARE.tolist(), hole.tolist()], (tuple(map(tuple, SQUARE)),), np.stack([SQUARE, hole])])
    assert by_lists.offsets.tolist() == [0, 1, 3, 4, 6]
    assert by_lists.equals(bw.Polygons.from_columns(by_lists.uv, by_lists.ring_offsets, by_lists.offsets))
    np.testing.assert_array_equal(by_lists.rings(1)[1], hole)
    np.testing.assert_array_equal(by_lists.area_px2, [12, 12 - 12 / 16, 12, 12 - 12 / 16])
    lines = bw.Polylines([SQUARE, [[1, 2]]])
    assert lines.length_px.tolist() == [11, 0] and lines.points(1).tolist() == [[1, 2]]
    assert lines.bounds_xyxy().tolist() == [[0, 0, 4, 3], [1, 2, 1, 2]]


@pytest.mark.kernel
def test_areas_agree_with_the_slow_twin_and_with_shapely(rng):
    shapely = pytest.importorskip("shapely")
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rings = [
        [np.c_[np.cos(angle), np.sin(angle)] * scale * rng.uniform(0.85, 1, (12, 1)) + 50 for scale in (40, 20, 8)[: 1 + k % 3]] for k in range(6)
    ]
    rings = [[ring[::-1] if rng.random() < 0.5 else ring for ring in polygon] for polygon in rings]
    ours = bw.Polygons(rings).area_px2
    np.testing.assert_allclose(
        ours, [sum((-1) ** r * abs(naive.signed_area(ring)) for r, ring in enumerate(polygon)) for polygon in rings], rtol=1e-12
    )
    for polygon, area in zip(rings, ours):
        whole = shapely.Polygon(polygon[0], [polygon[1]] if len(polygon) > 1 else [])
        island = shapely.Polygon(polygon[2]).area if len(polygon) > 2 else 0.0
        assert area == pytest.approx(whole.area + island, rel=1e-12)


def test_a_polygon_far_away_keeps_its_area():
    assert bw.Polygons([SQUARE + 2.0**40]).area_px2 == [12.0]


# ------------------------------------------------------------ masks


@pytest.mark.kernel
def test_masks_agree_with_the_slow_twin(rng):
    for shape in ((6, 5, 7), (1, 1, 1), (3, 1, 9), (3, 9, 1), (0, 4, 4)):
        pixels = rng.random(shape) < rng.random((shape[0], 1, 1))
        if shape[0] > 1:
            pixels[0], pixels[1] = False, True
        masks = bw.Masks.from_arrays(pixels)
        assert [masks.runs(k).tolist() for k in range(len(masks))] == [naive.mask_runs(one) for one in pixels]
        np.testing.assert_array_equal(masks.to_arrays(), pixels)
        np.testing.assert_array_equal(masks.area_px, pixels.sum((1, 2)))
        for one, bounds in zip(pixels, masks.bounds_xyxy()):
            v, u = np.nonzero(one)
            wanted = [u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5] if len(u) else [np.nan] * 4
            np.testing.assert_array_equal(bounds, wanted)
        shared = (pixels[:, None] & pixels).sum((2, 3))
        union = (pixels[:, None] | pixels).sum((2, 3))
        np.testing.assert_array_equal(bw.iou_masks(masks, masks), shared / np.maximum(union, 1))
        assert masks.equals(bw.Masks.from_coco(masks.to_coco(), *shape[:0:-1]))


def test_bounds_of_single_runs():
    """A run over the end of a column has the whole height, whatever its length."""
    for start in range(12):
        for end in range(start + 1, 13):
            pixels = np.zeros(12, bool)
            pixels[start:end] = True
            mask = bw.Masks.from_arrays(pixels.reshape(1, 3, 4).transpose(0, 2, 1))
            v, u = np.nonzero(mask.to_arrays()[0])
            assert mask.bounds_xyxy()[0].tolist() == [u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5]


def test_coco_by_hand():
    """The example of the format's own description: counts, letters of five bits, differences to the run but one before."""
    mask = bw.Masks([[6, 1, 40, 4, 5, 4, 5, 4, 21]], 10, 9)
    assert mask.to_coco() == ["61X13mN000`0"]
    assert bw.Masks.from_coco([b"61X13mN000`0"], 10, 9).equals(mask)


@pytest.mark.peers
def test_coco_as_pycocotools_writes_it(rng):
    theirs = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (extra 'peers')")
    pixels = rng.random((20, 33, 41)) < np.linspace(0, 1, 20)[:, None, None]
    codes = theirs.encode(np.asfortranarray(pixels.transpose(1, 2, 0).astype(np.uint8)))
    masks = bw.Masks.from_coco([code["counts"] for code in codes], 41, 33)
    np.testing.assert_array_equal(masks.to_arrays(), pixels)
    assert masks.to_coco() == [code["counts"].decode() for code in codes]
    np.testing.assert_array_equal(masks.area_px, theirs.area(codes))
    boxes = theirs.toBbox(codes)
    there = masks.area_px > 0
    np.testing.assert_array_equal(bw.Boxes(masks.bounds_xyxy()[there] + 0.5).xyxy, bw.Boxes.from_xywh(boxes[there]).xyxy)
    some = list(np.flatnonzero(there))
    overlap = theirs.iou([codes[i] for i in some], [codes[i] for i in some], [0] * len(some))
    np.testing.assert_allclose(bw.iou_masks(masks, masks)[np.ix_(some, some)], overlap, rtol=1e-12)


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ([0, 6], [0, 6]),
        ([6, 0], [6]),
        ([2, 0, 4], [6]),
        ([0, 0, 6], [6]),
        ([0, 2, 0, 4], [0, 6]),
        ([1, 0, 0, 2, 0, 0, 3], [1, 2, 3]),
        ([0, 0, 0, 3, 3], [0, 3, 3]),
        ([3, 3, 0, 0, 0], [3, 3]),
    ],
)
def test_odd_runs_become_plain(odd, plain):
    mask = bw.Masks([odd], 2, 3)
    assert mask.counts.tolist() == plain
    inside = np.zeros(6, bool)
    at = 0
    for c, length in enumerate(odd):
        inside[at : at + length] = c % 2
        at += length
    np.testing.assert_array_equal(mask.to_arrays()[0].T.ravel(), inside)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_any_runs_come_back(lengths):
    """The same pixels are the same runs, through texts too."""
    total = sum(lengths) or 1
    runs = lengths if sum(lengths) else [1]
    mask = bw.Masks([runs], total, 1)
    assert mask.equals(bw.Masks.from_arrays(mask.to_arrays())) and mask.equals(bw.Masks.from_coco(mask.to_coco(), total, 1))
    assert (mask.counts[1:] > 0).all()


@settings(deadline=None, max_examples=100)
@given(st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno", max_size=40))
def test_any_text_is_a_mask_or_refused(text):
    try:
        mask = bw.Masks.from_coco([text], 40, 30)
    except bw.ArgumentError:
        return
    assert mask.counts.sum() == 1200 and mask.equals(bw.Masks.from_coco(mask.to_coco(), 40, 30))


@pytest.mark.kernel
def test_polygons_become_masks_as_the_slow_twin_says(rng):
    for k in range(12):
        rings = [rng.integers(-2, 12, (rng.integers(1, 8), 2)) / (1 if k % 2 else 3) for _ in range(rng.integers(1, 4))]
        mask = bw.Masks.from_polygons(bw.Polygons([rings]), 10, 8)
        wanted = [[naive.is_inside(u, v, rings) for u in range(10)] for v in range(8)]
        np.testing.assert_array_equal(mask.to_arrays()[0], wanted)


@pytest.mark.peers
def test_the_area_of_a_mask_is_the_polygon_s():
    """Sides between pixels: 4 x 3 pixels whose centres lie inside; COCO's edges are half a pixel off ours."""
    edges = SQUARE + np.array([1, 2])
    mask = bw.Masks.from_polygons(bw.Polygons([edges - 0.5]), 10, 9)
    assert mask.area_px.tolist() == [12]
    assert mask.bounds_xyxy().tolist() == [(edges.min(0) - 0.5).tolist() + (edges.max(0) - 0.5).tolist()]
    theirs = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (extra 'peers')")
    code = theirs.frPyObjects([edges.ravel().tolist()], 9, 10)[0]
    assert mask.to_coco() == [code["counts"].decode()]


@pytest.mark.kernel
def test_kernels_of_masks_take_nothing_at_all():
    empty, start = np.zeros(0, np.int64), np.zeros(1, np.int64)
    out = np.empty((0, 0), np.int64)
    mask_kernels.shared_px(empty, start, empty, start, out)
    assert bw.iou_masks(bw.Masks([], 3, 3), bw.Masks([[9]], 3, 3)).shape == (0, 1)
