"""The simulator: chance, lenses, the world, what the sensors see, and its truth."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import boxwright as bw
from boxwright.simulation.actors import actors, ego_route
from boxwright.simulation.chance import Chance
from boxwright.simulation.lidar import SpinningLidar
from boxwright.simulation.meshes import Material, Paint
from boxwright.simulation.pictures import pixel_rays
from boxwright.simulation.repeating import repeated, simulate_scenes
from boxwright.simulation.world import World


@pytest.fixture(scope="module")
def scene() -> bw.Scene:
    """Two seconds of a seed the sample does not use."""
    return bw.simulate(seed=11, n_frames=20)


# ------------------------------------------------------------ chance


def test_chance_is_raw_philox_and_nothing_else():
    raw = np.random.Philox(key=(3 << 96) | (4 << 64) | 5).random_raw(6)
    assert np.array_equal(Chance(5, 3, 4).uniform(6), (raw >> np.uint64(11)) * 2.0**-53)
    pieces = [[(int(word) >> shift) & 0xFFFF for word in raw[2 * i : 2 * i + 2] for shift in (0, 16, 32, 48)] for i in range(3)]
    expected = [(sum(row) - 4 * 65535) / (65536 * (8 / 12) ** 0.5) for row in pieces]
    assert np.allclose(Chance(5, 3, 4).normal(3), expected, rtol=1e-15)


def test_chance_is_spread_as_it_says():
    uniform, normal = Chance(1, 2).uniform(40_000, -1, 3), Chance(1, 2).normal(40_000)
    assert uniform.min() >= -1 and uniform.max() < 3
    assert abs(uniform.mean() - 1) < 0.03 and abs(uniform.std() - 4 / 12**0.5) < 0.02
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.015
    assert abs((np.abs(normal) < 1).mean() - 0.683) < 0.02


def test_every_seed_purpose_and_index_has_its_own_stream():
    streams = [Chance(*key).uniform(4) for key in [(1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1)]]
    assert len({stream.tobytes() for stream in streams}) == 4


# ------------------------------------------------------------ lenses


@pytest.mark.parametrize("name", ["front", "right"])
def test_pinhole_rays_hit_their_pixels(scene, name):
    import cv2

    camera = scene.cameras[name].camera
    rays, is_lit = pixel_rays(camera)
    assert is_lit.all()
    assert np.allclose(np.linalg.norm(rays, axis=-1), 1)
    uv, _ = cv2.projectPoints(rays.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion))
    v, u = np.mgrid[: camera.height_px, : camera.width_px]
    assert np.abs(uv[:, 0] - np.c_[u.ravel(), v.ravel()]).max() < 1e-6


def test_fisheye_rays_hit_their_pixels_past_a_right_angle(scene):
    camera = scene.cameras["rear"].camera
    rays, is_lit = pixel_rays(camera)
    seen = bw.project_points(rays[is_lit], camera, bw.Pose.identity())
    v, u = np.nonzero(is_lit)
    assert np.abs(seen.uv - np.c_[u, v]).max() < 1e-6
    assert rays[is_lit][:, 2].min() < -0.05
    assert not is_lit[0, 0]


# ------------------------------------------------------------ the world


@pytest.mark.parametrize("seed", [0, 7, 12])
def test_nothing_runs_into_anything(seed):
    cast, ego = actors(seed, 9.0), ego_route(Chance(seed, 6), 9.0)
    for t in np.arange(0.0, 9.0, 0.5):
        now = np.array([t])
        poses = [actor.cuboid_pose(now) for actor in cast]
        rotation, place = ego.at(now)
        centers = np.array([p[0] for _, p in poses] + [place[0] + rotation[0] @ (1.4, 0, 0.9)])
        yaws = np.array([np.arctan2(r[0, 1, 0], r[0, 0, 0]) for r in [r for r, _ in poses] + [rotation]])
        sizes = np.array([actor.size_m for actor in cast] + [(4.7, 1.9, 1.6)])
        overlap = bw.iou_bev(bw.Cuboids(centers, sizes, yaws), bw.Cuboids(centers, sizes, yaws))
        assert (overlap - np.eye(len(sizes))).max() < 1e-6, t


def test_labels_are_drawn_around_bodies_with_a_small_margin_and_mirrors_outside():
    has_mirrors = 0
    for actor in actors(3, 2.0):
        if len(actor.joints) > 1:
            continue
        corners = actor.joints[0].mesh.corners.reshape(-1, 3)
        low, high = corners.min(0) - actor.low, actor.high - corners.max(0)
        margins = np.r_[low[[0, 2]], high[[0, 2]]]
        assert (margins > -1e-9).all() and (margins <= 0.1).all()
        has_mirrors += high[1] < -0.05 and low[1] < -0.05
    assert has_mirrors > 10


def test_people_and_cyclists_stay_within_their_labels():
    times = np.linspace(0.0, 2.0, 40)
    moved = 0.0
    for actor in actors(3, 2.0):
        if len(actor.joints) == 1:
            continue
        body_rotation, body_place = actor.route.at(times)
        for joint, (rotation, place) in zip(actor.joints, actor.part_poses(times), strict=True):
            site = np.einsum("kij,nj->kni", rotation, joint.mesh.corners.reshape(-1, 3)) + place[:, None]
            body = np.einsum("kji,knj->kni", body_rotation, site - body_place[:, None])
            assert (body >= actor.low - 0.03).all() and (body <= actor.high + 0.03).all()
            moved = max(moved, float(np.ptp(body, axis=0).max()))
    assert moved > 0.3  # legs swing


# ------------------------------------------------------------ what the LiDAR gives


def test_a_seed_is_a_recording():
    a, b, longer, other = (bw.simulate(*key, n_beams=8, n_columns=100, image_scale=0.1) for key in [(5, 2), (5, 2), (5, 3), (6, 2)])
    for i in range(2):
        for twin in (b, longer):  # a longer clip begins with the same frames
            assert np.array_equal(a.points(i).xyz, twin.points(i).xyz)
            assert np.array_equal(a.points(i).intensity, twin.points(i).intensity)
            for camera in a.cameras:
                assert np.array_equal(a.image(i, camera), twin.image(i, camera))
        assert not np.array_equal(a.points(i).xyz[:50], other.points(i).xyz[:50])


def test_sweeps_are_whole_turns_in_millimetres(scene):
    for i in (0, 19):
        sweep = scene.points(i)
        assert sweep.frame == "lidar" and sweep.timestamp_ns == scene.times_ns[i]
        assert len(sweep) > 10_000 and sweep.is_finite.all() and sweep.xyz.dtype == np.float32
        millimetres = sweep.xyz.astype(np.float64) * 1000
        assert np.abs(millimetres - np.rint(millimetres)).max() < 0.005
        assert sweep.time_offset_ns.min() >= -50_000_000 and sweep.time_offset_ns.max() <= 50_000_000
        azimuth = np.arctan2(sweep.xyz[:, 1], sweep.xyz[:, 0])
        assert np.abs(azimuth - sweep.time_offset_ns / 1e8 * 2 * np.pi)[np.abs(azimuth) < 3].max() < 0.01
        assert set(sweep.fields["ring"].tolist()) == set(range(32))
        assert scene.trajectory.covers(sweep.timestamp_ns + sweep.time_offset_ns).all()


def test_points_lie_in_their_labels_once_the_motion_is_taken_out(scene):
    raw = deskewed = total = 0
    still = [t for t, track in enumerate(scene.tracks) if np.ptp(track.cuboids.center_m, axis=0).max() < 0.01]
    assert len(still) >= 5
    for i in (0, 10, 19):
        sweep, whose, labels = scene.points(i), scene.data.point_track_index(i), scene.labels(i)
        flat = sweep.deskewed(scene.trajectory, scene.ego_from("lidar"))
        for m, t in enumerate(labels.track_index):
            if t in still:
                own = whose == t
                raw += bw.points_in_cuboids(sweep.xyz[own], labels.cuboids[[m]]).counts[0]
                deskewed += bw.points_in_cuboids(flat.xyz[own], labels.cuboids[[m]]).counts[0]
                total += own.sum()
    assert deskewed / total > 0.9  # the rest: mirrors, noise, mixed pixels
    assert raw < deskewed - 0.05 * total


def test_vehicles_are_not_boxes(scene):
    """Many of their points lie well inside the label: bonnets, screens, wheels."""
    inside = total = 0
    for i in (0, 10, 19):
        flat, whose, labels = scene.points(i).deskewed(scene.trajectory, scene.ego_from("lidar")), scene.data.point_track_index(i), scene.labels(i)
        for m, t in enumerate(labels.track_index):
            if scene.tracks[t].category == "car":
                local = np.abs((flat.xyz[whose == t] - labels.cuboids.center_m[m]) @ labels.cuboids.rotation[m])
                inside += (local < labels.cuboids.size_m[m] / 2 - 0.15).all(1).sum()
                total += len(local)
    assert 0.15 < inside / total < 0.8


def receive(material, shade, distance, cosine, beside=None, n=4000):
    """What the receiver makes of n rays on one surface."""
    lidar = SpinningLidar(1, 4, 8, bw.Pose.identity())
    world = World.__new__(World)
    paint = Paint(material, (shade,) * 3)
    world.paint_index, world.material, world.rgb = np.zeros(1, np.int64), np.array([paint.material]), np.array([paint.rgb])
    full = np.full(n, float(distance))
    return lidar._receive(
        Chance(1, 99), world, full, full if beside is None else np.full(n, beside), np.zeros(n, np.int32), np.full(n, float(cosine))
    )


def test_noise_grows_with_range():
    near, far = (receive(Material.MATT, 0.6, d, 0.9)[0] - d for d in (5.0, 60.0))
    assert 0.005 < near.std() < 0.02
    assert far.std() > 2 * near.std()


def test_dark_and_glass_surfaces_drop_out_and_edges_mix():
    def share(*args):
        return receive(*args)[1].mean()

    assert share(Material.MATT, 0.5, 15, 0.8) > 0.97
    assert share(Material.RUBBER, 0.05, 25, 0.6) < 0.5
    assert share(Material.PAINT, 0.05, 30, 0.3) < share(Material.PAINT, 0.8, 30, 0.3) - 0.3
    assert share(Material.GLASS, 0.1, 10, 0.6) < 0.25
    measured = receive(Material.MATT, 0.6, 20.0, 0.9, beside=21.0)[0]
    assert 0.3 < ((measured > 20.1) & (measured < 20.9)).mean() < 0.6
    assert (np.abs(receive(Material.MATT, 0.6, 20.0, 0.9, beside=30.0)[0] - 20) < 0.2).all()


# ------------------------------------------------------------ what the cameras give


def test_pictures_depth_and_ids_have_the_pictures_shape(scene):
    for name, sensor in scene.cameras.items():
        shape = (sensor.camera.height_px, sensor.camera.width_px)
        image = scene.image(0, name)
        assert image.shape == (*shape, 3) and image.dtype == np.uint8 and image.std() > 20
        assert scene.data.depth_m(0, name).shape == shape == scene.data.pixel_track_index(0, name).shape


def test_the_lidar_and_the_cameras_agree_on_depth(scene):
    """Standing things only: cameras fire at other times than the beams."""
    sweep = scene.points(10)
    still = scene.data.point_track_index(10) == -1
    flat = sweep.deskewed(scene.trajectory, scene.ego_from("lidar"))
    for name in scene.cameras:
        seen = bw.project_points(flat.xyz[still], scene.cameras[name].camera, scene.cam_from(10, name))
        ok = seen.status == 0
        u, v = np.rint(seen.uv[ok]).astype(int).T
        error = np.abs(scene.data.depth_m(10, name)[v, u] - seen.depth_m[ok])
        error = error[np.isfinite(error)]  # sky behind a leaf, the dark rim of the fisheye
        assert len(error) > 500
        assert np.median(error) < 0.1, name


def test_projected_labels_cover_the_pixels_of_their_objects(scene):
    shares = []
    for i in (0, 13):
        for name, sensor in scene.cameras.items():
            exposure = int(sensor.times_ns[i])
            many = bw.interpolate_tracks(scene.tracks, np.array([exposure]))
            in_cam = many.cuboids.transformed(scene.transform(name, "world", exposure), frame=name)
            boxes = bw.project_cuboids(in_cam, sensor.camera, bw.Pose.identity())
            ids = scene.data.pixel_track_index(i, name)
            alone = Counter()
            for m, t in enumerate(many.track_index):
                v, u = np.nonzero(ids == t)
                if len(u) < 150 or scene.tracks[t].category == "pedestrian":
                    continue
                assert boxes.visible[m]
                x0, y0, x1, y1 = boxes.xyxy[m]
                inner = max(0, min(x1, u.max() + 0.5) - max(x0, u.min() - 0.5)) * max(0, min(y1, v.max() + 0.5) - max(y0, v.min() - 0.5))
                own = (np.ptp(u) + 1) * (np.ptp(v) + 1)
                alone[int(t)] += 1
                shares.append(inner / own)  # how much of what is seen lies in the box; the box is larger where something stands before it
    assert len(shares) > 10
    assert np.median(shares) > 0.97


# ------------------------------------------------------------ truth


def test_truth_is_exact_and_whole(scene):
    names = Counter(track.category for track in scene.tracks)
    assert {"car", "van", "pedestrian", "cyclist"} <= set(names) <= {"car", "van", "truck", "bus", "pedestrian", "cyclist"}
    for track in scene.tracks:
        assert track.cuboids.frame == "world" and set(track.times_ns.tolist()) <= set(scene.times_ns.tolist())
        assert (np.diff(track.times_ns) == 100_000_000).all()
        assert np.ptp(track.cuboids.size_m, axis=0).max() == 0
        outside = np.flatnonzero(track.visibility == bw.Visibility.OUTSIDE)
        assert outside.tolist() in ([], [len(track) - 1])
    visibility = np.concatenate([track.visibility for track in scene.tracks])
    assert (visibility == bw.Visibility.OCCLUDED).sum() > 20


def test_a_track_spans_what_the_lidar_saw(scene):
    counts = np.array([np.bincount(scene.data.point_track_index(i) + 1, minlength=len(scene.tracks) + 1)[1:] for i in range(len(scene))])
    for t, track in enumerate(scene.tracks):
        assert counts[:, t].max() >= 5
        seen = np.flatnonzero(counts[:, t])
        assert track.times_ns[0] == scene.times_ns[seen[0]]
        last = track.times_ns[track.visibility != bw.Visibility.OUTSIDE][-1]
        assert last == scene.times_ns[seen[-1]]


def test_something_turns_through_pi_and_something_comes_towards_us(scene):
    through = [track for track in scene.tracks if (np.abs(np.diff(track.cuboids.yaw_rad)) > 5).any()]
    assert through
    ahead = scene.trajectory.at(int(scene.times_ns[0])).rotation[:, 0]
    velocity = [(t.cuboids.center_m[1] - t.cuboids.center_m[0]) / 0.1 for t in scene.tracks if len(t) > 2 and t.category == "car"]
    assert min(float(v @ ahead) for v in velocity) < -5
    rotation, _ = scene.trajectory.sample(scene.times_ns)
    assert np.abs(rotation[:, 2, :2]).max() > 0.005  # roll and pitch


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2.5}, "seed"),
        ({"n_frames": 0}, "n_frames"),
        ({"n_frames": 10_000}, "n_frames"),
        ({"n_beams": 0}, "n_beams"),
        ({"n_columns": True}, "n_columns"),
        ({"min_points": 0}, "min_points"),
        ({"image_scale": float("nan")}, "image_scale"),
        ({"image_scale": 100}, "image_scale"),
    ],
)
def test_settings_out_of_range(settings, field):
    with pytest.raises(bw.ArgumentError, match=field):
        bw.simulate(**settings)


def test_what_is_not_there(scene):
    with pytest.raises(bw.FrameMissing):
        scene.data.points(99, "lidar")
    with pytest.raises(bw.FrameMissing):
        scene.data.image(0, "left")
    with pytest.raises(bw.FrameMissing):
        scene.data.depth_m(99, "front")
    assert not scene.data.has_points(0, "radar") and not scene.data.has_image(-1, "front")


# ------------------------------------------------------------ many of them


def test_scenes_are_drives_and_their_repetitions():
    made = list(simulate_scenes(5, 2, seed=20, n_points=1500, n_drives=2))
    assert [scene.name for scene in made] == [f"simulated-{k:06d}" for k in (0, 2, 4, 1, 3)], "drive by drive, so that one is kept at a time"
    by_name = {scene.name: scene for scene in made}
    traced, again, other = (by_name[f"simulated-{k:06d}"] for k in (0, 2, 1))
    assert 1000 < len(traced.points(0)) < 2200 and len(again.points(0)) == len(traced.points(0)) != len(other.points(0))
    assert not any(scene.has_image(0, "front") for scene in made)
    a, b = np.asarray(traced.points(0).xyz, np.float64), np.asarray(again.points(0).xyz, np.float64)
    off = np.linalg.norm(b, axis=1) - np.linalg.norm(a, axis=1)
    assert 0.015 < off.std() < 0.025 and abs(off.mean()) < 0.003
    sideways = np.linalg.norm(np.cross(a, b), axis=1) / np.linalg.norm(a, axis=1)
    assert sideways.max() < 1e-4, "along the beam alone"
    assert again.times_ns[0] - traced.times_ns[0] > 10**12 and again.points(1).timestamp_ns == again.times_ns[1]


def test_labels_of_a_repetition_lie_where_they_did_on_their_points():
    traced = bw.simulate(21, 3, n_beams=32, n_columns=400, image_scale=0.1)
    again = repeated(traced, 99)
    for i in range(3):
        np.testing.assert_allclose(again.cuboids(i).corners_m(), traced.cuboids(i).corners_m(), atol=1e-6)
        np.testing.assert_allclose(again.cuboids(i, "front").center_m, traced.cuboids(i, "front").center_m, atol=1e-6)
        counts = [bw.points_in_cuboids(scene.still_points(i), scene.cuboids(i)).counts for scene in (again, traced)]
        assert abs(counts[0].sum() - counts[1].sum()) < 0.1 * counts[1].sum()
    first = (again.tracks[0].cuboids.center_m[0], traced.tracks[0].cuboids.center_m[0])
    assert np.linalg.norm(first[0] - first[1]) > 10
    np.testing.assert_array_equal(repeated(traced, 99).points(1).xyz, again.points(1).xyz)
    assert not np.array_equal(repeated(traced, 98).points(1).xyz, again.points(1).xyz)
    assert again.image(0, "front").shape == traced.image(0, "front").shape
    with pytest.raises(bw.FrameMissing, match="no ego poses"):
        repeated(traced.replace(trajectory=None, tracks=[]), 1)


@pytest.mark.parametrize("changes", [{"n_scenes": 0}, {"n_drives": 4}, {"n_points": 5}, {"n_points": 10**7}, {"n_frames": 91}])
def test_scenes_out_of_range(changes):
    with pytest.raises(bw.ArgumentError, match=next(iter(changes))):
        list(simulate_scenes(**{"n_scenes": 3, "n_frames": 1, **changes}))
