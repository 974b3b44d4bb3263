"""Cars on their ways in the world's frame, as smooth as labels of real ones, with an ego that moves; faults are put in by the tests."""

from __future__ import annotations

import numpy as np

import boxwright as bw

STEP_NS = 100_000_000


def traffic(n_tracks: int = 8, n_frames: int = 40, *, seed: int = 1, jitter_m: float = 0.0, jitter_rad: float = 0.0) -> bw.Scene:
    """Cars on wide curves, braking and speeding up gently; every fourth one is parked. Nothing comes near anything else."""
    rng = np.random.default_rng(seed)
    stamps = np.arange(n_frames) * STEP_NS + 1_000_000_000
    seconds = np.arange(n_frames) * 0.1
    tracks = []
    for k in range(n_tracks):
        parked = k % 4 == 3
        yaw0, speed = rng.uniform(-3, 3), 0.0 if parked else rng.uniform(4, 12)
        rate, change = (0.0, 0.0) if parked else (rng.uniform(-0.15, 0.15), rng.uniform(-0.8, 0.8))
        yaw = yaw0 + rate * seconds
        going = speed + change * seconds
        step = np.stack([going * np.cos(yaw), going * np.sin(yaw)], axis=1) * 0.1
        center = np.zeros((n_frames, 3))
        center[1:, :2] = np.cumsum((step[1:] + step[:-1]) / 2, axis=0)
        center += [200.0 * k, 0.0, 0.8]
        size = np.tile([4.0 + 0.1 * (k % 5), 1.8, 1.5], (n_frames, 1))
        center += rng.normal(0, jitter_m, center.shape) if jitter_m else 0.0
        yaw = yaw + (rng.normal(0, jitter_rad, n_frames) if jitter_rad else 0.0)
        cuboids = bw.Cuboids(center, size, np.arctan2(np.sin(yaw), np.cos(yaw)), frame="world")
        tracks.append(bw.Track(f"car-{k}", "car", stamps, cuboids))
    poses = [bw.Pose.from_yaw(0.02 * t, (8.0 * t, 0.5 * t, 0.0)) for t in seconds]
    return bw.Scene("traffic", stamps, {"lidar": bw.Lidar("lidar")}, trajectory=bw.Trajectory(stamps, poses), tracks=tracks)


def changed(scene: bw.Scene, k: int, rows, *, shift=(0.0, 0.0, 0.0), turn_rad: float = 0.0, factor: float = 1.0, center=None) -> bw.Scene:
    """Labels of one track moved, turned about the vertical, made larger; `center` replaces places."""
    track = scene.tracks[k]
    place, size, yaw = track.cuboids.center_m.copy(), track.cuboids.size_m.copy(), track.cuboids.yaw_rad.copy()
    place[rows] += shift
    if center is not None:
        place[rows] = center
    size[rows] *= factor
    yaw[rows] += turn_rad
    return replaced(scene, track.replace(cuboids=bw.Cuboids(place, size, np.arctan2(np.sin(yaw), np.cos(yaw)), frame=track.cuboids.frame)))


def replaced(scene: bw.Scene, *tracks: bw.Track) -> bw.Scene:
    """The scene with tracks in place of those of their ids."""
    new = {track.track_id: track for track in tracks}
    return scene.replace(tracks=[new.get(track.track_id, track) for track in scene.tracks])


def without(track: bw.Track, first: int, last: int) -> bw.Track:
    """The track without labels first to last, as readers make it: OUTSIDE from there on until the next."""
    visibility = track.visibility.copy()
    visibility[first] = bw.Visibility.OUTSIDE
    return track.replace(visibility=visibility).take(np.r_[0 : first + 1, last + 1 : len(track)])


def swapped(scene: bw.Scene, a: int, b: int, rows) -> bw.Scene:
    """Two tracks that change places in these rows."""
    one, other = scene.tracks[a].cuboids, scene.tracks[b].cuboids

    def mixed(mine: bw.Cuboids, theirs: bw.Cuboids) -> bw.Cuboids:
        columns = [column.copy() for column in (mine.center_m, mine.size_m, mine.quat_wxyz)]
        for column, new in zip(columns, (theirs.center_m, theirs.size_m, theirs.quat_wxyz)):
            column[rows] = new[rows]
        return bw.Cuboids(columns[0], columns[1], quat_wxyz=columns[2], frame=mine.frame)

    return replaced(scene, scene.tracks[a].replace(cuboids=mixed(one, other)), scene.tracks[b].replace(cuboids=mixed(other, one)))
