"""What writers hold of a long clip: no more than of a short one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import boxwright as bw

FORMATS = {name: said for name, said in bw.capabilities().items() if said.writes and (said.can_write("cuboids") or said.can_write("shapes"))}
# bytes that a writer may hold more for each frame of the clip: those named make one track, or a table of the frames, at a time
PER_FRAME = {
    "kitti_raw": 3000,
    "nuscenes": 4000,
    "openlabel": 3000,
    "darwin": 4000,
    "labelbox": 4000,
    "coco": 3000,
    "label_studio": 4000,
    "cvat_api": 5500,
    "nucleus": 3000,
    "cvat_video": 2000,
    "mot": 2000,
}
PER_FRAME_OF_OTHERS = 1000
AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])


def crowd(n_frames, n_tracks=30):
    """Tracks of a keyframe in ten frames, in the world of a moving vehicle with a camera, that all see all the time."""
    dice = np.random.default_rng(4)
    times = np.arange(n_frames) * 100_000_000
    along = np.c_[1.0 * np.arange(n_frames), 0.1 * np.arange(n_frames), np.zeros(n_frames)]
    trajectory = bw.Trajectory(times, [bw.Pose.from_yaw(0.1, place) for place in along])
    keys = np.arange(0, n_frames, 10)
    size = np.tile([4.5, 1.9, 1.6], (len(keys), 1))
    tracks = []
    for k in range(n_tracks):
        places = along[keys] + dice.uniform((20, -5, 0), (50, 5, 1), (len(keys), 3))
        tracks.append(bw.Track(str(k), "car", times[keys], bw.Cuboids(places, size, dice.uniform(-3, 3, len(keys)), frame="world")))
    camera = bw.CameraSensor("front", bw.PinholeCamera(1920, 1080, 1000, 1000, 960, 540), bw.Pose(AHEAD, (1.0, 0.0, 1.5)))
    return bw.Scene("crowd", times, {"lidar": bw.Lidar("lidar")}, {"front": camera}, trajectory, tracks)


def clip_for(format, n_frames, n_tracks=30):
    """For formats of labels in pictures that do not project cuboids, with the boxes that the camera sees."""
    scene, said = crowd(n_frames, n_tracks), FORMATS[format]
    if said.can_write("cuboids") or said.projects:
        return scene
    return scene.replace(image_tracks=bw.project_tracks(scene, occlusion=False).image_tracks(), tracks=[])


def peak_bytes(scene, folder, format):
    """Beyond what the scene holds, with the curves that its tracks make once."""
    for track in (*scene.tracks, *scene.image_tracks):
        track.at(scene.times_ns[:1])
    bw.interpolate_tracks(scene.tracks, scene.times_ns[:1])
    tracemalloc.start()
    try:
        report = bw.write(scene, folder, format)
        return tracemalloc.get_traced_memory()[1], report.n_labels
    finally:
        tracemalloc.stop()


@pytest.mark.full
@pytest.mark.parametrize("format", FORMATS)
def test_memory_does_not_grow_with_the_frames(tmp_path, format):
    """With thirty labels in each: what is in memory at once are those of a hundred frames, or of one track. They were 10,000 to 20,000 B a frame."""
    bw.write(clip_for(format, 20), tmp_path / "warm", format)
    (short, n_short), (long, n_long) = (peak_bytes(clip_for(format, n), tmp_path / str(n), format) for n in (260, 780))
    assert n_long > 2 * n_short > 1500
    assert long < short + 520 * PER_FRAME.get(format, PER_FRAME_OF_OTHERS), (short, long)
