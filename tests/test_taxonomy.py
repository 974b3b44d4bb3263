"""Classes, aliases, size priors, attributes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.store.taxonomies import taxonomy_from, taxonomy_mapping
from boxwright.taxonomy import AttributeDefinition, Category, SizePrior, Taxonomy


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("Car", "car"),
        ("REGULAR_VEHICLE", "car"),
        ("vehicle.car", "car"),
        ("Van", "van"),
        ("BOX_TRUCK", "truck"),
        ("Truck", "truck"),
        ("ARTICULATED_BUS", "articulated_bus"),
        ("SCHOOL_BUS", "bus"),
        ("Bus/RV/Caravan", "bus"),
        ("VEHICULAR_TRAILER", "trailer"),
        ("Tram", "tram"),
        ("Motor", "motorcycle"),
        ("BICYCLIST", "cyclist"),
        ("Cyclist", "cyclist"),
        ("Rider", "cyclist"),
        ("ScooterRider", "motorcyclist"),
        ("Person_sitting", "sitting_person"),
        ("Person (sitting)", "sitting_person"),
        ("PEDESTRIAN", "pedestrian"),
        ("WHEELED_RIDER", "personal_mobility"),
        ("CONSTRUCTION_BARREL", "drum"),
        ("STOP_SIGN", "sign"),
        ("DOG", "animal"),
        ("Misc", "other"),
        ("catenary_pole", "bollard"),
    ],
)
def test_foreign_names_find_their_class(foreign, ours):
    assert bw.Taxonomy.default().find(foreign).name == ours
    assert foreign in bw.Taxonomy.default()


def test_every_class_of_the_real_recordings_is_known(oracle):
    names = {name for frame in oracle.frames() for name in frame.names}
    assert len(names) > 15
    assert not [name for name in names if name not in bw.Taxonomy.default()]


def test_priors_are_ordered_and_within_the_road_limits():
    for category in bw.Taxonomy.default():
        prior = category.size_prior
        if prior is None:
            assert category.name == "other"
            continue
        assert all(0 < low <= mid <= high for low, mid, high in zip(prior.low_m, prior.median_m, prior.high_m))
        assert all(sigma > 0 for sigma in prior.sigma_m)
        assert prior.source
    for name in ("car", "van", "truck", "bus", "articulated_bus", "trailer"):
        length, width, height = bw.Taxonomy.default().find(name).size_prior.high_m
        assert length <= 18.75 and width <= 2.6 and height <= 4.0  # Council Directive 96/53/EC


def test_people_and_cycles_take_their_yaw_from_motion():
    default = bw.Taxonomy.default()
    assert {c.name for c in default if c.is_yaw_from_motion} >= {"pedestrian", "cyclist", "bicycle", "motorcycle", "stroller"}
    assert not default.find("car").is_yaw_from_motion


def test_unknown_class_lists_near_matches():
    with pytest.raises(bw.UnknownName, match=r"no class is called 'pedestrain'.*did you mean pedestrian"):
        bw.Taxonomy.default().find("pedestrain")
    with pytest.raises(bw.UnknownName, match="known classes: car, van"):
        bw.Taxonomy.default().find("zzzzzz")
    assert bw.Taxonomy.default().get("zzzzzz") is None


def test_colors_are_fixed_for_known_and_foreign_names():
    default = bw.Taxonomy.default()
    assert default.color("REGULAR_VEHICLE") == default.find("car").color
    assert default.color("zeppelin") == default.color("zeppelin") != default.color("balloon")
    assert all(0 <= v <= 255 for v in default.color("zeppelin"))


def oklab(color):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in color)]
    cones = np.cbrt([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]] @ np.array(linear))
    return np.array([[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]) @ cones


def luma(color):
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def test_colors_are_apart():
    """0.02 is what an eye just tells apart side by side."""
    classes = {category.name: oklab(category.color) for category in bw.Taxonomy.default()}
    apart = {(a, b): np.linalg.norm(classes[a] - classes[b]) for a, b in itertools.combinations(classes, 2)}
    assert min(apart.values()) > 0.08
    side_by_side = "car", "van", "truck", "bus", "trailer", "bicycle", "cyclist", "pedestrian", "cone", "barrier"
    assert min(apart[pair] for pair in itertools.combinations(side_by_side, 2)) > 0.125
    assert all(120 <= luma(category.color) <= 206 for category in bw.Taxonomy.default())


def test_names_used_side_by_side_have_shades():
    color = bw.Taxonomy.default().color
    assert color("BOX_TRUCK") == color("truck")
    for names in (
        ("BOX_TRUCK", "TRUCK_CAB", "LARGE_VEHICLE"),
        ("BUS", "SCHOOL_BUS"),
        ("VEHICULAR_TRAILER", "MESSAGE_BOARD_TRAILER", "TRAFFIC_LIGHT_TRAILER"),
        ("WHEELED_DEVICE", "WHEELED_RIDER"),
        ("SIGN", "STOP_SIGN", "MOBILE_PEDESTRIAN_CROSSING_SIGN"),
        ("PEDESTRIAN", "OFFICIAL_SIGNALER"),
    ):
        assert all(np.linalg.norm(oklab(color(a)) - oklab(color(b))) > 0.06 for a, b in itertools.combinations(names, 2)), names
    own = Taxonomy([Category("truck_cab", 0, (1, 2, 3))])
    assert own.color("TRUCK_CAB") == (1, 2, 3)


def test_foreign_colors_are_seen_on_dark_and_light():
    colors = [bw.Taxonomy.default().color(f"thing {i}") for i in range(500)]
    assert all(124 <= luma(color) <= 202 and min(color) >= 0 and max(color) <= 255 for color in colors)
    assert len({round(math.atan2(*oklab(color)[1:]) * 6 / math.pi) for color in colors}) == 13  # every hue


def test_shared_names_and_ids_are_refused():
    a, b = Category("a", 0, (0, 0, 0)), Category("b", 1, (0, 0, 0), aliases=("A",))
    with pytest.raises(bw.ArgumentError, match="b and a share the name"):
        Taxonomy([a, b])
    with pytest.raises(bw.ArgumentError, match="share the id 0"):
        Taxonomy([a, Category("c", 0, (0, 0, 0))])


@pytest.mark.parametrize(
    "sizes",
    [((1, 1, 1), (2, 1, 1), (3, 3, 3)), ((1, 1), (1, 1), (1, 1)), ((1, 1, -1), (1, 1, -1), (1, 1, -1)), ((1, 1, 1), (1, 1, 1), (9, 9, float("nan")))],
)
def test_impossible_size_priors_are_refused(sizes):
    with pytest.raises(bw.ArgumentError, match="size_prior"):
        SizePrior(*sizes)


def test_attributes_check_their_values():
    lights = AttributeDefinition(
        "lights", "group", members=(AttributeDefinition("brake", "flag"), AttributeDefinition("side", values=("left", "right")))
    )
    lights.check({"brake": True, "side": "left"})
    with pytest.raises(bw.ArgumentError, match=r"car\.lights\.side: expected one of left, right, got 'up'"):
        lights.check({"side": "up"}, field="car")
    with pytest.raises(bw.ArgumentError, match="expected true or false"):
        lights.check({"brake": 1})
    with pytest.raises(bw.ArgumentError, match="expected one of brake, side, got 'horn'"):
        lights.check({"horn": 1})
    with pytest.raises(bw.ArgumentError, match="expected a mapping"):
        lights.check("on")
    AttributeDefinition("speed", "number").check(3.5)
    with pytest.raises(bw.ArgumentError, match="a number"):
        AttributeDefinition("speed", "number").check(True)
    with pytest.raises(bw.ArgumentError, match="text"):
        AttributeDefinition("note", "text").check(3)
    for wrong in ({"kind": "choice"}, {"kind": "colour"}, {"kind": "flag", "values": ("a",)}, {"kind": "group"}):
        with pytest.raises(bw.ArgumentError):
            AttributeDefinition("x", **wrong)


@pytest.mark.parametrize("name", ["dragon", "None", "lamp"])
def test_what_is_not_near_is_not_suggested(name):
    with pytest.raises(bw.UnknownName) as caught:
        bw.Taxonomy.default().find(name)
    assert "did you mean" not in str(caught.value)


def test_a_slip_is_seen():
    for slip, meant in (("bycicle", "bicycle"), ("trcuk", "truck"), ("cra", ""), ("rtuck", "truck")):
        with pytest.raises(bw.UnknownName, match=f"did you mean {meant}" if meant else "known classes"):
            bw.Taxonomy.default().find(slip)


@pytest.mark.parametrize("name", [None, 3])
def test_a_class_is_needed(name):
    with pytest.raises(bw.ArgumentError, match=f"category: expected the name of a class, got {name}; one of car, van"):
        bw.Taxonomy.default().find(name)
    with pytest.raises(bw.ArgumentError, match="expected the name of a class"):
        bw.fit_cuboid(np.ones((9, 3)), category=name)


# ------------------------------------------------------------ a size that was found


def test_a_measured_size_moves_what_is_expected_by_how_sure_both_are():
    prior = bw.SizePrior((4.0, 2.0, 1.5), (3.0, 1.7, 1.3), (5.0, 2.3, 1.7), "somewhere")
    same = prior.measured((5.0, 2.4, 1.9), prior.sigma_m)
    assert same.median_m == pytest.approx((4.5, 2.2, 1.7)) and same.sigma_m == pytest.approx(np.array(prior.sigma_m) / np.sqrt(2))
    assert same.source == "somewhere, and a fit"
    assert prior.measured((5.0, 2.4, 1.9), (1e-6,) * 3).median_m == pytest.approx((5.0, 2.4, 1.9))
    assert prior.measured((5.0, 2.4, 1.9), (1e6,) * 3).median_m == pytest.approx(prior.median_m)
    half = prior.measured((np.nan, 2.4, 1.9), (0.1, np.nan, 1e-6))
    assert half.median_m == pytest.approx((4.0, 2.0, 1.9)) and half.low_m[:2] == prior.low_m[:2]
    one, other = (prior.measured(a, (0.3,) * 3).measured(b, (0.2,) * 3) for a, b in (((5.0, 2, 2), (4.4, 2, 1)), ((5.0, 2, 2), (4.4, 2, 1))))
    swapped = prior.measured((4.4, 2, 1), (0.2,) * 3).measured((5.0, 2, 2), (0.3,) * 3)
    assert one.median_m == other.median_m == pytest.approx(swapped.median_m)


@pytest.mark.parametrize(("size", "sigma"), [((4, 2, 0), (0.1,) * 3), ((4, 2, 1), (0.1, 0.1, -1)), ((4, 2), (0.1,) * 3)])
def test_a_measured_size_that_cannot_be_is_refused(size, sigma):
    with pytest.raises(bw.ArgumentError, match="size_m"):
        bw.Taxonomy.default().find("car").size_prior.measured(size, sigma)


def test_the_skeleton_of_a_person_is_the_same_on_both_sides():
    skeleton = Taxonomy.default().find("person").skeleton
    assert len(skeleton.points) == 17 and skeleton.points[0] == "nose"
    other = {"left": "right", "right": "left"}
    mirrored = {name: "_".join(other.get(word, word) for word in name.split("_")) for name in skeleton.points}
    edges = {frozenset(skeleton.points[i] for i in edge) for edge in skeleton.edges}
    assert {frozenset(mirrored[name] for name in edge) for edge in edges} == edges and len(edges) == len(skeleton.edges)
    assert set().union(*edges) == set(skeleton.points)


def test_a_taxonomy_kept_before_there_were_skeletons():
    kept = taxonomy_mapping(Taxonomy.default())
    for one in kept["categories"]:
        del one["skeleton"]
    assert [one.skeleton for one in taxonomy_from(kept)] == [None] * len(Taxonomy.default())
