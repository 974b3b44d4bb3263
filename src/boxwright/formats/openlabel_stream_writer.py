"""What each sensor says in each frame of an OpenLABEL file; what is kept of the file it came from stays where it is still true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..scene import Scene
from .losses import lost_between
from .openlabel_kept import Places, tells
from .openlabel_sensors import seconds
from .sensor_writer import SweepFile
from .write_report import WriteReport

__all__ = ["put_streams"]


def put_streams(
    scene: Scene, places: Places, sweeps: Mapping[tuple[str, int], SweepFile], images: Mapping[tuple[str, int], str], report: WriteReport
) -> None:
    """Into the frames: for each sensor its file, when it fired, an origin of its points."""
    for i, frame in enumerate(places.frames):
        kept = frame["frame_properties"].get("streams") or {}
        streams = {name: stream for name, stream in kept.items() if name in places.streams}
        for name in (*scene.lidars, *scene.cameras):
            stream = _stream_now(scene, name, i, streams.get(name, {}), sweeps.get((name, i)), images.get((name, i)))
            if stream or name in streams:
                streams[name] = stream
        if streams:
            frame["frame_properties"]["streams"] = streams
        else:
            frame["frame_properties"].pop("streams", None)
    report.dropped += lost_between(scene)


def _stream_now(scene: Scene, name: str, i: int, kept: Mapping[str, Any], sweep: SweepFile | None, image: str | None) -> dict[str, Any]:
    properties = dict(kept.get("stream_properties") or {})
    uri, stamp = None, None
    if name in scene.cameras:
        exposures = scene.cameras[name].times_ns
        stamp, uri = None if exposures is None else int(exposures[i]), image
    elif sweep is not None:
        uri, stamp = sweep.path, sweep.own.get("timestamp_ns")
        if stamp is None and "sync" in properties:
            stamp = int(scene.times_ns[i])
        properties = {key: value for key, value in properties.items() if key not in ("origin_m", "is_deskewed")}
        properties |= {key: sweep.own[key] for key in ("origin_m", "is_deskewed") if key in sweep.own}
    sync = properties.get("sync") or {}
    if stamp is not None and scene.has_time and not tells(sync.get("timestamp"), stamp):
        properties["sync"] = {**sync, "timestamp": seconds(stamp)}
    if uri is not None and kept.get("uri") not in (None, "", uri):
        properties.setdefault("source_uri", kept["uri"])
    stream = {**kept, **({"uri": uri} if uri is not None else {})}
    return {**stream, "stream_properties": properties} if properties or "stream_properties" in kept else stream
