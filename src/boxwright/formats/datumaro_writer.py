"""The writer of Datumaro JSON with cuboids, as CVAT takes it for 3-D tasks; the layout is drawn in datumaro.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import ArgumentError
from ..rotations import euler_xyz_from_quat
from ..scene import Scene
from .boxwright_scene import is_safe_name
from .clouds_of_frames import escaped, frame_stems, say_what_is_lost, write_clouds
from .datumaro import CAPABILITIES, CUBOID, INTERNAL, NUMBER
from .file_names import fitting
from .labelled_frames import LabelledFrame, labelled_frames, sensor_frame
from .own_fields import with_own_fields
from .pictures_of_frames import Pictures
from .reach import check_reach
from .streamed_json import StreamedJson
from .write_report import Told, WriteReport

__all__ = ["write"]

_POINT_CLOUD = 6  # among its kinds of media


def write(scene: Scene, folder: Path, report: WriteReport, *, subset: str | None = None, pcd_encoding: str = "binary") -> None:
    """Writes one subset into `folder`, which exists and is empty.

    subset : its name; by default the scene's
    pcd_encoding : "binary", "binary_compressed" or "ascii"
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "datumaro")
    name = fitting(re.sub(r"[^\w.-]", "_", scene.name).strip("._")) or "default" if subset is None else subset
    if not is_safe_name(name):
        raise ArgumentError(expected="the name of a folder", got=repr(name), field="subset")
    if name != scene.name:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: the subset is called {name!r}"))
    report.tolerance_m = report.tolerance_rad = 1e-9
    stems = frame_stems(scene, report)
    clouds = write_clouds(scene, folder / "point_clouds" / name, stems, pcd_encoding, report)
    kept = scene.source_attributes.get("datumaro")
    pictures = Pictures(scene, folder, address=lambda camera, stem: f"images/{name}/{stem}/{camera}")
    items = _Items(scene, kept if isinstance(kept, Mapping) else {}, pictures)
    (folder / "annotations").mkdir()
    with StreamedJson(folder / "annotations" / f"{name}.json", f"scene {scene.name!r}") as file:
        file.member("dm_format_version", "1.0")
        file.member("media_type", _POINT_CLOUD)
        file.member("infos", items.kept.get("infos", {}))
        file.member("categories", items.categories())
        file.list("items", (items.item(one, stems[one.index], clouds) for one in labelled_frames(scene, sensor_frame(scene), report)))
    pictures.say(report)
    say_what_is_lost(scene, CAPABILITIES, report)


class _Items:
    """The frames as items of a dataset. What a file said beside its cuboids goes back to the item of the same name."""

    def __init__(self, scene: Scene, kept: Mapping[str, Any], pictures: Pictures) -> None:
        self.scene, self.kept, self.pictures = scene, kept, pictures
        self.labels, self.label_of = _labels(scene, kept)
        self.extras = kept.get("items") if isinstance(kept.get("items"), Mapping) else {}
        self.ids = [_track_number(track.track_id) for track in scene.tracks]

    def categories(self) -> dict[str, Any]:
        """Labels, with the names of their attributes, which CVAT has to know before it takes any."""
        names: dict[str, dict[str, None]] = {}
        for track in self.scene.tracks:
            own = names.setdefault(track.category, {})
            own.update(dict.fromkeys([*track.attributes, *(name for row in track.keyframe_attributes for name in row)]))
        labels = []
        for label in self.labels:
            said = [escaped(name, INTERNAL) for name in names.get(label["name"], ())]
            labels.append({"parent": "", **label, "attributes": list(dict.fromkeys([*_names(label), *said]))})
        top = self.kept.get("categories")
        others = {key: value for key, value in top.items() if key != "label"} if isinstance(top, Mapping) else {}
        of_all = _names(top.get("label") if isinstance(top, Mapping) else None)
        return {"label": {"labels": labels, "label_groups": [], "attributes": list(dict.fromkeys([*of_all, *_OF_ALL]))}, **others}

    def item(self, frame: LabelledFrame, stem: str, clouds: set[int]) -> dict[str, Any]:
        extra = self.extras.get(self.scene.frame_ids[frame.index]) if self.extras else None
        extra = dict(extra) if isinstance(extra, Mapping) else {}
        others = extra.pop("annotations", ())
        attr, beside = extra.pop("attr", {}), extra.pop("related_images", ())
        cuboids = self._cuboids(frame)
        related = [{"path": "/".join(one.address.split("/")[2:])} for one in self.pictures.of(frame.index, stem)]
        related += beside if isinstance(beside, (list, tuple)) else []
        return {
            "id": stem,
            "annotations": cuboids + list(others) if isinstance(others, (list, tuple)) else cuboids,
            "attr": {**(attr if isinstance(attr, Mapping) else {}), "frame": frame.index},
            **({"point_cloud": {"path": f"{stem}.pcd"}} if frame.index in clouds else {}),
            **({"related_images": related} if related else {}),
            **extra,
        }

    def _cuboids(self, frame: LabelledFrame) -> list[dict[str, Any]]:
        numbers = [part.tolist() for part in position_rotation_scale_from_cuboids(frame.cuboids)]
        rows = zip(frame.tracks, frame.is_occluded.tolist(), frame.attributes, frame.sources, *numbers)
        found = []
        for n, (k, is_occluded, attributes, source, position, rotation, scale) in enumerate(rows):
            said: dict[str, Any] = {"occluded": is_occluded, "keyframe": True, "track_id": self.ids[k]}
            kept = {"id": n, "group": 0}
            if source:
                kept |= {key: value for key, value in source.items() if key not in ("track_id", "keyframe", *_WRITTEN)}
                if "track_id" in source and self._is_same(k, source["track_id"]):
                    said |= {"track_id": source["track_id"]}
            if said["track_id"] is None:  # a shape of CVAT's, of one frame
                said = {"occluded": is_occluded}
            said |= {escaped(name, INTERNAL): value for name, value in attributes.items()}
            places = {"position": position, "rotation": rotation, "scale": scale}
            found.append({**kept, "type": CUBOID, "label_id": self.label_of[self.scene.tracks[k].category], "attributes": said, **places})
        return found

    def _is_same(self, k: int, given: Any) -> bool:
        """Whether what a file called a track is still its name; a cuboid without one has a track of its own."""
        track = self.scene.tracks[k]
        return len(track) == 1 if given is None else given == track.track_id


_OF_ALL = ("occluded", "keyframe", "outside", "track_id")  # which CVAT declares for all labels of tasks that have tracks
_WRITTEN = ("type", "label_id", "attributes", "position", "rotation", "scale")


def position_rotation_scale_from_cuboids(cuboids: Cuboids) -> tuple[Float64s, Float64s, Float64s]:
    """(M, 3) each: geometric centres, the angles of Rx @ Ry @ Rz, and (length, width, height)."""
    return cuboids.center_m, euler_xyz_from_quat(cuboids.quat_wxyz), cuboids.size_m


def _labels(scene: Scene, kept: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The labels a file had, in their order, and behind them those it had not; each with its place."""
    given = kept.get("categories")
    listed = given.get("label", {}).get("labels") if isinstance(given, Mapping) and isinstance(given.get("label", {}), Mapping) else None
    known = (
        [dict(one) for one in listed if isinstance(one, Mapping) and isinstance(one.get("name"), str)] if isinstance(listed, (list, tuple)) else []
    )
    labels = list({one["name"]: one for one in known}.values())
    names = {one["name"] for one in labels}
    labels += [{"name": name} for name in scene.categories if name not in names]
    return labels, {one["name"]: i for i, one in enumerate(labels)}


def _names(said: Any) -> list[str]:
    """Of the attributes that a file declares, for a label or for all."""
    given = said.get("attributes") if isinstance(said, Mapping) else None
    return [name for name in given if isinstance(name, str)] if isinstance(given, (list, tuple)) else []


def _track_number(track_id: str) -> int | str:
    """CVAT numbers tracks; other names stay texts."""
    return int(track_id) if NUMBER.fullmatch(track_id) and track_id != "-0" else track_id
