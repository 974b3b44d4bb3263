"""What a scene holds, and what is odd about it: counts and ranges by name, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from .arrays import Bools, Float64s
from .cameras import UncalibratedCamera, model_of
from .errors import BoxwrightError, LimitError, number_of
from .image_tracks import ImageTracks, interpolate_image_tracks
from .keyframes import Origin
from .scene import Scene
from .tags import Tag
from .taxonomy import Taxonomy
from .tracks import interpolate_tracks
from .video import Video

__all__ = ["frame_spans", "scene_facts"]

_DATES_NS = (631_152_000 * 10**9, 4_102_444_800 * 10**9)  # 1990 to 2100: stamps outside are counted from elsewhere than 1970
_UNEVEN = 0.5  # of the usual time between two frames: from so much more it is a gap, and from so much off it is uneven
_SIZE_FACTOR = 1.5  # beyond a prior's nine in ten
_STEEP_RAD = np.deg2rad(30)
_FAST_M_S = 100.0


def scene_facts(scene: Scene) -> dict[str, Any]:
    """Everything `boxwright info` prints, by name; of JSON's kinds but for arrays.

    Of each LiDAR the first sweep is read, of each camera the first picture; one that is damaged is an oddity.
    """
    n = len(scene)
    lidars = [_lidar_facts(scene, name) for name in scene.lidars]
    cameras = [_camera_facts(scene, name) for name in scene.cameras]
    return {
        "name": scene.name,
        "format": scene.format,
        "path": scene.path,
        "n_frames": n,
        "first_frame_id": scene.frame_ids[0] if n else None,
        "last_frame_id": scene.frame_ids[-1] if n else None,
        **_time_facts(scene),
        "frames_of_reference": _frames_of_reference(scene),
        "label_frame": scene.label_frame,
        "lidars": lidars,
        "cameras": cameras,
        **_ego_facts(scene),
        "classes": _class_facts(scene),
        "n_relations": len(scene.relations),
        "image_classes": _image_class_facts(scene),
        "tags": [_tag_facts(tag) for tag in scene.tags],
        "notes": list(scene.notes),
        "oddities": [*_odd_times(scene), *_odd_sensors(lidars, cameras), *_odd_videos(cameras), *_odd_path(scene), *_odd_labels(scene, lidars)],
    }


def frame_spans(has: Callable[[int], bool], n_frames: int) -> list[tuple[int, int]]:
    """First and last of every run of frames that have something."""
    spans: list[tuple[int, int]] = []
    for i in filter(has, range(n_frames)):
        if spans and spans[-1][1] == i - 1:
            spans[-1] = (spans[-1][0], i)
        else:
            spans.append((i, i))
    return spans


# ------------------------------------------------------------ time, places


def _time_facts(scene: Scene) -> dict[str, Any]:
    """rate_hz : of the usual step; gaps : frame before, and seconds until the next, where a step is more than half as long again"""
    timed = scene.has_time and len(scene) > 0
    start, end = (int(scene.times_ns[0]), int(scene.times_ns[-1])) if timed else (None, None)
    steps_s, usual_s = _steps_s(scene)
    gaps = np.flatnonzero(steps_s > (1 + _UNEVEN) * usual_s)
    return {
        "has_time": scene.has_time,
        "start_ns": start,
        "end_ns": end,
        "start_utc": _date(start, end),
        "end_utc": _date(end, start),
        "duration_s": None if start is None or end is None else (end - start) * 1e-9,
        "rate_hz": 1 / usual_s if len(steps_s) else None,
        "gaps": [{"after_frame": int(i), "duration_s": float(steps_s[i])} for i in gaps],
    }


def _steps_s(scene: Scene) -> tuple[Float64s, float]:
    steps: Float64s = np.diff(scene.times_ns) * 1e-9 if scene.has_time else np.zeros(0)
    return steps, float(np.median(steps)) if len(steps) else 0.0


def _date(time_ns: int | None, other_ns: int | None) -> str | None:
    """As a date, where both ends are plausible ones."""
    if time_ns is None or other_ns is None or not all(_DATES_NS[0] <= t < _DATES_NS[1] for t in (time_ns, other_ns)):
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _frames_of_reference(scene: Scene) -> list[str]:
    own = [name for name in scene.lidars if name != "lidar"]
    cameras = [name for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)]
    return [*(["world"] if scene.trajectory is not None else []), "ego", *(["lidar"] if scene.lidars else []), *own, *cameras]


def _ego_facts(scene: Scene) -> dict[str, Any]:
    poses = scene.trajectory
    return {
        "has_ego_poses": poses is not None,
        "n_ego_poses": 0 if poses is None else len(poses.times_ns),
        "n_frames_with_ego_pose": 0 if poses is None else int(poses.covers(scene.times_ns).sum()),
        "ego_path_m": None if poses is None else float(np.linalg.norm(np.diff(poses.translation_m, axis=0), axis=1).sum()),
    }


# ------------------------------------------------------------ sensors


def _lidar_facts(scene: Scene, name: str) -> dict[str, Any]:
    """Which frames have sweeps, and the first of them, whose file is read: a damaged one is found out here."""
    spans = frame_spans(lambda i: scene.has_points(i, name), len(scene))
    labelled = frame_spans(lambda i: scene.has_point_labels(i, name), len(scene))
    sweep = labels = fault = range_m = None
    try:
        sweep = scene.points(spans[0][0], name) if spans else None
        labels = scene.point_labels(labelled[0][0], name) if labelled else None
    except LimitError:  # of a file that may be sound: whoever asks has to say what to do
        raise
    except BoxwrightError as error:
        fault = str(error)
    if sweep is not None and sweep.is_finite.any():
        centre = np.asarray(sweep.origin_m) - np.mean(scene.lidars[name].origins_m, axis=0)
        from_lidar = np.linalg.norm(sweep.xyz[sweep.is_finite].astype(np.float64) + centre, axis=1)
        range_m = [float(from_lidar.min()), float(from_lidar.max())]
    return {
        "name": name,
        "frame": name,
        "position_ego_m": scene.lidars[name].ego_from_lidar.translation_m.tolist(),
        "n_sweeps": _n_frames(spans),
        "frames_with_sweeps": spans,
        "n_points_in_first": None if sweep is None else len(sweep),
        "n_finite_points_in_first": None if sweep is None else int(sweep.is_finite.sum()),
        "range_in_first_m": range_m,
        "n_sweeps_with_point_labels": _n_frames(labelled),
        "frames_with_point_labels": labelled,
        "points_by_class_in_first": {} if labels is None else labels.class_counts(),
        "n_objects_in_first": None if labels is None else len(labels.instances_here()),
        "fault_of_first": fault,
        "columns_in_first": [] if sweep is None else [*(["intensity"] if sweep.intensity is not None else []), *sweep.fields],
    }


def _camera_facts(scene: Scene, name: str) -> dict[str, Any]:
    sensor = scene.cameras[name]
    spans = frame_spans(lambda i: scene.has_image(i, name), len(scene))
    fault = None
    if spans:
        try:
            scene.image(spans[0][0], name)
        except BoxwrightError as error:
            fault = str(error)
    offsets_ns = None if sensor.times_ns is None or not len(scene) else sensor.times_ns - scene.times_ns
    return {
        "name": name,
        "frame": name,
        "model": model_of(sensor.camera),
        "width_px": sensor.camera.width_px,
        "height_px": sensor.camera.height_px,
        "position_ego_m": sensor.ego_from_cam.translation_m.tolist() if name in _frames_of_reference(scene) else None,
        "exposure_offset_s": None if offsets_ns is None else [float(offsets_ns.min()) * 1e-9, float(offsets_ns.max()) * 1e-9],
        "readout_ns": sensor.readout_ns,
        "rolling_shutter": sensor.rolling_shutter,
        "n_images": _n_frames(spans),
        "frames_with_images": spans,
        "fault_of_first": fault,
        **_video_facts(getattr(scene.data, "videos", {}).get(name)),
    }


def _video_facts(video: Video | None) -> dict[str, Any]:
    """Nothing where the pictures are no video. All of it is decoded, once."""
    if video is None:
        return {}
    checked = video.check()
    facts = {
        "container": video.index.format,
        "codec": video.codec,
        "duration_s": video.duration_ns * 1e-9,
        "is_constant_rate": video.is_constant_rate,
        "rate_hz": len(video) / (video.duration_ns * 1e-9) if video.duration_ns else None,
        "n_frames_claimed": video.n_claimed,
        "claimed_s": None if video.claimed_ns is None else video.claimed_ns * 1e-9,
        "n_frames_listed": checked.n_frames,
        "n_frames_decoded": checked.n_decoded,
        "frames_not_decoded": list(checked.missing),
        "is_whole": checked.is_whole,
    }
    return {"video": facts}


def _n_frames(spans: list[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in spans)


# ------------------------------------------------------------ labels


def _class_facts(scene: Scene) -> dict[str, dict[str, Any]]:
    """median_size_m : (length, width, height) over the keyframes; is_known : the default taxonomy has the class"""
    facts: dict[str, dict[str, Any]] = {}
    sizes: dict[str, list[Float64s]] = {}
    known = Taxonomy.default()
    filled = Counter(interpolate_tracks(scene.tracks, scene.times_ns).track_index.tolist()) if scene.tracks else Counter()
    for i, track in enumerate(scene.tracks):
        row = facts.setdefault(
            track.category, {"n_tracks": 0, "n_keyframes": 0, "n_cuboids": 0, "median_size_m": None, "is_known": track.category in known}
        )
        row["n_tracks"] += 1
        row["n_keyframes"] += int((track.origin != Origin.FILLED).sum())
        row["n_cuboids"] += filled[i]
        sizes.setdefault(track.category, []).append(track.cuboids.size_m)
    for name, row in facts.items():
        row["median_size_m"] = np.median(np.concatenate(sizes[name]), axis=0).tolist()
    return {name: facts[name] for name in sorted(facts)}


def _image_class_facts(scene: Scene) -> list[dict[str, Any]]:
    """By class, camera and kind of shape; n_shapes : labels at the exposures of the frames"""
    facts: dict[tuple[str, str, str], dict[str, Any]] = {}
    for tracks, _ in ImageTracks(scene.image_tracks).groups():
        many = interpolate_image_tracks(tracks, scene.exposures_ns(tracks[0].camera))
        counts = np.bincount(many.track_index, minlength=len(tracks)).tolist()
        for track, n_shapes in zip(tracks, counts):
            key = (track.category, track.camera, track.shapes.KIND)
            named = dict(zip(("category", "camera", "shape"), key))
            row = facts.setdefault(key, {**named, "n_tracks": 0, "n_keyframes": 0, "n_shapes": 0, "is_known": track.category in Taxonomy.default()})
            row["n_tracks"] += 1
            row["n_keyframes"] += int((track.origin != Origin.FILLED).sum())
            row["n_shapes"] += n_shapes
    return [facts[key] for key in sorted(facts)]


def _tag_facts(tag: Tag) -> dict[str, Any]:
    span = None if tag.span_ns is None else list(tag.span_ns)
    return {"name": tag.name, "value": tag.value, "span_ns": span, "camera": tag.camera}


# ------------------------------------------------------------ oddities


def _oddity(kind: str, n: int, sentence: str) -> dict[str, Any]:
    return {"kind": kind, "n": n, "sentence": sentence}


def _odd_times(scene: Scene) -> Iterator[dict[str, Any]]:
    steps_s, usual_s = _steps_s(scene)
    n_off = int((np.abs(steps_s - usual_s) > _UNEVEN * usual_s).sum())
    if n_off:
        i = int(np.abs(steps_s - usual_s).argmax())
        said = f"the frames are usually {usual_s:.3f} s apart, but {n_off} of {len(steps_s)} steps are not: {steps_s[i]:.3f} s after frame {i}"
        yield _oddity("irregular_times", n_off, said)


def _odd_sensors(lidars: list[dict[str, Any]], cameras: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for lidar in lidars:
        if lidar["fault_of_first"]:
            yield _oddity("sweep", 1, f"the first sweep of {lidar['name']} cannot be used: {lidar['fault_of_first']}")
        n_bad = (lidar["n_points_in_first"] or 0) - (lidar["n_finite_points_in_first"] or 0)
        if n_bad:
            yield _oddity(
                "non_finite_points", n_bad, f"{n_bad:,} of {lidar['n_points_in_first']:,} points of {lidar['name']}'s first sweep are not finite"
            )
    for camera in cameras:
        if camera["fault_of_first"]:
            yield _oddity("picture", 1, f"the first picture of {camera['name']} cannot be used: {camera['fault_of_first']}")


def _odd_videos(cameras: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for camera in cameras:
        facts = camera.get("video")
        if facts and not facts["is_whole"]:
            n_lost = max(facts["n_frames_claimed"] or 0, facts["n_frames_listed"]) - facts["n_frames_decoded"]
            claimed = "" if facts["n_frames_claimed"] is None else f"says it holds {facts['n_frames_claimed']:,} frames, "
            said = f"{camera['name']}: the video {claimed}lists {facts['n_frames_listed']:,}, of which {facts['n_frames_decoded']:,} can be decoded"
            yield _oddity("video", n_lost, said)


def _odd_path(scene: Scene) -> Iterator[dict[str, Any]]:
    if scene.trajectory is None:
        return
    poses, n = scene.trajectory, len(scene)
    speeds = np.linalg.norm(np.diff(poses.translation_m, axis=0), axis=1) / (np.diff(poses.times_ns) * 1e-9)
    if scene.has_time and (n_fast := int((speeds > _FAST_M_S).sum())):
        yield _oddity(
            "ego_jumps",
            n_fast,
            f"the vehicle jumps: {number_of(n_fast, 'step')} between poses faster than {_FAST_M_S:g} m/s, up to {speeds.max():,.0f} m/s",
        )
    n_bare = n - int(poses.covers(scene.times_ns).sum())
    if n_bare:
        yield _oddity("frames_without_pose", n_bare, f"{n_bare} of {n} frames have no pose of the vehicle")


def _odd_labels(scene: Scene, lidars: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if not scene.tracks:
        return
    n_tracks = len(scene.tracks)
    gapped = [track.track_id for track in scene.tracks if _has_gap(track.at(scene.times_ns).is_valid)]
    if gapped:
        yield _oddity("gaps", len(gapped), f"gaps in {len(gapped):,} of {number_of(n_tracks, 'track')}, such as {gapped[0]!r}")
    yield from _odd_sizes(scene)
    steep = [track.track_id for track in scene.tracks if _tilt_rad(track.cuboids.quat_wxyz).max() > _STEEP_RAD]
    if steep and scene.label_frame not in scene.cameras:
        yield _oddity("steep", len(steep), f"{number_of(len(steep), 'track')} with cuboids that lean by more than 30 degrees, such as {steep[0]!r}")
    reach_m = max((lidar["range_in_first_m"][1] for lidar in lidars if lidar["range_in_first_m"]), default=None)
    if reach_m is not None:
        yield from _far_labels(scene, reach_m)


def _has_gap(is_valid: Bools) -> bool:
    there = np.flatnonzero(is_valid)
    return bool(len(there)) and int(there[-1] - there[0]) + 1 > len(there)


def _tilt_rad(quat_wxyz: Float64s) -> Float64s:
    """Angle between a cuboid's own z and that of its frame."""
    up: Float64s = 1 - 2 * (quat_wxyz[:, 1] ** 2 + quat_wxyz[:, 2] ** 2)
    return np.arccos(np.clip(up, -1, 1))


def _odd_sizes(scene: Scene) -> Iterator[dict[str, Any]]:
    """By class: tracks with a side far beyond what nine in ten of the class have."""
    found: dict[str, list[tuple[str, Mapping[str, float]]]] = {}
    for track in scene.tracks:
        category = Taxonomy.default().get(track.category)
        if category is None or category.size_prior is None:
            continue
        size, prior = np.median(track.cuboids.size_m, axis=0), category.size_prior
        far = (size < np.array(prior.low_m) / _SIZE_FACTOR) | (size > np.array(prior.high_m) * _SIZE_FACTOR)
        if far.any():
            sides = {name: float(size[i]) for i, name in enumerate(("length", "width", "height")) if far[i]}
            found.setdefault(track.category, []).append((track.track_id, sides))
    for name, tracks in sorted(found.items()):
        track_id, beyond = tracks[0]
        said = ", ".join(f"{side} {value:.2f} m" for side, value in beyond.items())
        yield _oddity(
            "sizes", len(tracks), f"{name}: {len(tracks)} of its tracks with a size far from that of the class, such as {track_id!r} ({said})"
        )


def _far_labels(scene: Scene, reach_m: float) -> Iterator[dict[str, Any]]:
    """Cuboids whose nearest corner must lie beyond the farthest point of the first sweep, seen from the first LiDAR."""
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    lidar = next(iter(scene.lidars))
    n_far, farthest, times = 0, 0.0, many.time_index.astype(np.int64)
    for i in np.unique(times):
        rows = np.flatnonzero(times == i)
        try:
            origin = scene.transform(scene.label_frame, lidar, int(scene.times_ns[i])).translation_m
        except BoxwrightError:  # no pose at this moment
            continue
        away = np.linalg.norm(many.cuboids.center_m[rows] - origin, axis=1)
        is_far = away - np.linalg.norm(many.cuboids.size_m[rows], axis=1) / 2 > reach_m
        n_far, farthest = n_far + int(is_far.sum()), max(farthest, float(away.max()))
    if n_far:
        said = f"{n_far:,} of {len(times):,} cuboids lie beyond the farthest point of the first sweep ({reach_m:.1f} m), up to {farthest:.1f} m away"
        yield _oddity("out_of_range", n_far, said)
