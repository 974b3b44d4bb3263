"""What each point of a sweep is: its class and the object it belongs to; and edits by hand, a layer over such labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import ArrayLike, Bools, Float64s, Int64s, as_array, as_floats, check_kind, frozen
from .cuboids import Cuboid, Cuboids
from .errors import ArgumentError, FrameMissing, UnknownName, number_of

__all__ = ["UNLABELLED", "MappedPointLabels", "NoPointLabels", "PointEdit", "PointLabelData", "PointLabels"]

UNLABELLED = "unlabelled"  # what class 0 is called
MOST_CLASS, MOST_INSTANCE = 2**16 - 1, 2**32 - 1
MOST_INDEX = 2**31 - 1
_SET_HINT = "give a class, a track's id, or both; '' takes them away"


@dataclass(frozen=True, eq=False)
class PointLabels:
    """The labels of the N points of one sweep, in their order; 6 bytes a point.

    class_id : (N,) uint16, 0 where a point is unlabelled; read-only
    instance_id : (N,) uint32, 0 where a point belongs to no single object; read-only
    classes : class id -> name, each name once; every class of a point but 0 has one
    instances : instance id -> track id, of the scene's objects; may hold more than this sweep shows, and nothing where a file knows numbers alone
    n_contested : points that several cuboids held, where the labels were made from cuboids, else None
    """

    class_id: NDArray[np.uint16]
    instance_id: NDArray[np.uint32]
    classes: Mapping[int, str] = field(default_factory=dict)
    instances: Mapping[int, str] = field(default_factory=dict)
    n_contested: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_id", _ids("class_id", self.class_id, np.uint16, MOST_CLASS))
        object.__setattr__(self, "instance_id", _ids("instance_id", self.instance_id, np.uint32, MOST_INSTANCE))
        n, m = len(self.class_id), len(self.instance_id)
        if n != m:
            raise ArgumentError(expected=f"{n} instance ids, one per point", got=str(m), field="instance_id", hint="0 stands for no object")
        _check_names("classes", self.classes, MOST_CLASS)
        _check_names("instances", self.instances, MOST_INSTANCE)
        nameless = [i for i in np.flatnonzero(np.bincount(self.class_id, minlength=1)).tolist() if i and i not in self.classes]
        if nameless:
            raise ArgumentError(
                expected="a name for every class of a point", got=f"none for {nameless[0]}", field="classes", hint="add it: {id: name}"
            )
        if self.n_contested is not None and (not isinstance(self.n_contested, (int, np.integer)) or not 0 <= self.n_contested <= n):
            raise ArgumentError(expected=f"a number of points up to {n}, or None", got=repr(self.n_contested)[:60], field="n_contested")

    def __len__(self) -> int:
        return len(self.class_id)

    def __repr__(self) -> str:
        n_labelled = int(np.count_nonzero(self.class_id))
        return f"PointLabels({number_of(len(self), 'point')}, {n_labelled:,} labelled, {number_of(len(self.instances_here()), 'object')})"

    def class_name(self, class_id: int) -> str:
        """UnknownName where no class has that id."""
        if class_id != 0 and class_id not in self.classes:
            raise UnknownName("no class has that id", got=repr(class_id)[:60], field="class_id", hint="labels.classes lists them")
        return self.classes.get(class_id, UNLABELLED)

    def class_counts(self) -> dict[str, int]:
        """Name of each class that a point has -> how many have it, by id; the unlabelled first."""
        counts = np.bincount(self.class_id, minlength=1).tolist()
        return {self.class_name(i): n for i, n in enumerate(counts) if n}

    def instances_here(self) -> Int64s:
        """(K,) the instance ids of the sweep's points, rising, without 0."""
        found: Int64s = np.unique(self.instance_id).astype(np.int64)
        return found[found > 0]

    def of_class(self, name: str) -> Bools:
        """(N,) whether a point is of that class. UnknownName where no class is called so."""
        ids = [i for i, known in self.classes.items() if known == name]
        if not ids and name != UNLABELLED:
            raise UnknownName("no such class", expected=f"one of {', '.join(self.classes.values())}"[:300], got=repr(name)[:60], field="class")
        return np.asarray(self.class_id == (ids[0] if ids else 0))

    def of_track(self, track_id: str) -> Bools:
        """(N,) whether a point belongs to that track. UnknownName where no instance stands for it."""
        ids = [i for i, known in self.instances.items() if known == track_id]
        if not ids:
            raise UnknownName("no instance stands for that track", got=repr(track_id)[:60], field="track_id", hint="labels.instances lists them")
        return np.asarray(self.instance_id == ids[0])

    def renamed(self, names: Mapping[str, str]) -> PointLabels:
        """Classes called otherwise, and those of one new name made one; a class called "unlabelled" or "" becomes none, and its objects too.

        names : old name -> new name; a class that is not among them keeps its own
        """
        check_kind("names", names, Mapping, "a mapping of names to names", "such as {'moving-car': 'car'}")
        ids: dict[str, int] = {}
        lookup = np.zeros(MOST_CLASS + 1, np.uint16)
        for i, old in sorted(self.classes.items()):
            new = names.get(old, old)
            if new not in (UNLABELLED, ""):
                lookup[i] = ids.setdefault(new, i)
        class_id = lookup[self.class_id]
        instance_id = np.where((class_id == 0) & (self.class_id != 0), np.uint32(0), self.instance_id)
        return PointLabels(class_id, instance_id, {i: name for name, i in ids.items()}, self.instances, self.n_contested)


def _ids(name: str, values: ArrayLike, dtype: Any, most: int) -> Any:
    """A read-only copy of (N,) whole numbers from 0 to `most`."""
    array = as_array(name, values, f"(N,) whole numbers from 0 to {most:,}")
    if array.size == 0 and array.ndim == 1:
        array = array.astype(dtype)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got, hint = f"shape {array.shape} of {array.dtype}", "pass a flat list of whole numbers, one per point"
        raise ArgumentError(expected=f"(N,) whole numbers from 0 to {most:,}", got=got, field=name, hint=hint)
    if array.dtype != dtype and array.size and (array.min() < 0 or array.max() > most):
        got, hint = f"{array.min()} to {array.max()}", "number them anew"
        raise ArgumentError(expected=f"whole numbers from 0 to {most:,}", got=got, field=name, hint=hint)
    return frozen(array.astype(dtype))


def _check_names(name: str, names: Any, most: int) -> None:
    check_kind(name, names, Mapping, "a mapping of ids to names", "{1: 'car'}")
    seen: set[str] = set()
    for i, text in names.items():
        if isinstance(i, bool) or not isinstance(i, (int, np.integer)) or not 1 <= i <= most:
            hint = "0 stands for none"
            raise ArgumentError(expected=f"ids from 1 to {most:,}", got=repr(i)[:60], field=name, hint=hint)
        check_kind(f"{name}[{i}]", text, str, "a text", "give it a name")
        if not text or text == UNLABELLED or text in seen:
            raise ArgumentError(
                expected=f"names that differ, none empty or {UNLABELLED!r}", got=repr(text)[:60], field=f"{name}[{i}]", hint="rename it"
            )
        seen.add(text)


# ------------------------------------------------------------ where a scene has them from


class PointLabelData(Protocol):
    """Where a scene gets its point labels from, when asked."""

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels: ...

    def has_point_labels(self, frame_index: int, sensor: str) -> bool: ...


class NoPointLabels:
    """For scenes without any."""

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        hint = "bw.segment(scene, frame_index) makes them from the cuboids"
        raise FrameMissing("no point labels", field=f"frame {frame_index}, {sensor}", hint=hint)

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return False


class MappedPointLabels(NoPointLabels):
    """Those of a mapping (frame index, sensor) -> PointLabels."""

    def __init__(self, labels: Mapping[tuple[int, str], PointLabels]) -> None:
        for key, value in labels.items():
            is_key = isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], (int, np.integer)) and isinstance(key[1], str)
            if not is_key or not isinstance(value, PointLabels):
                hint = "such as {(0, 'lidar'): labels}"
                got = f"{key!r:.60}: {type(value).__name__}"
                raise ArgumentError(expected="(frame index, sensor): PointLabels", got=got, field="point_label_data", hint=hint)
        self.labels = dict(labels)

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        return self.labels[frame_index, sensor] if (frame_index, sensor) in self.labels else super().point_labels(frame_index, sensor)

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return (frame_index, sensor) in self.labels


# ------------------------------------------------------------ edits


@dataclass(frozen=True, eq=False)
class PointEdit:
    """One edit by hand of the point labels of one sweep. It says where and what, not which points had which labels, so that it survives when the
    cuboids beneath it change; leaving it out undoes it. Made by `of_points`, `of_polygon` and `of_cuboid`.

    frame_index, sensor : the sweep
    category : the class to set, "" for none, None to leave it
    track_id : the track to set, "" for none, None to leave it; a category of "" takes it away too
    runs : (R, 2) int64, points from begin to end, the end not among them, rising; or None
    polygon_m : (K, 2) float64, x, y of a polygon in the sweep's frame, its border among it, by the even-odd rule; or None
    low_m, high_m : bounds of z for the polygon
    cuboid : in the sweep's frame; or None
    """

    frame_index: int
    sensor: str = "lidar"
    category: str | None = None
    track_id: str | None = None
    runs: Int64s | None = None
    polygon_m: Float64s | None = None
    low_m: float = -math.inf
    high_m: float = math.inf
    cuboid: Cuboid | None = None

    def __post_init__(self) -> None:
        if isinstance(self.frame_index, bool) or not isinstance(self.frame_index, (int, np.integer)) or self.frame_index < 0:
            raise ArgumentError(expected="a frame's index, 0 or more", got=repr(self.frame_index)[:60], field="edit.frame_index")
        object.__setattr__(self, "frame_index", int(self.frame_index))
        check_kind("edit.sensor", self.sensor, str, "a sensor's name", "'lidar' is the first")
        for name in ("category", "track_id"):
            check_kind(f"edit.{name}", getattr(self, name), (str, type(None)), "a text, or None to leave it", _SET_HINT)
        if self.category is None and self.track_id is None:
            raise ArgumentError("an edit sets nothing", expected="a category or a track_id", got="neither", field="edit", hint=_SET_HINT)
        if self.category == UNLABELLED:
            object.__setattr__(self, "category", "")
        if sum(where is not None for where in (self.runs, self.polygon_m, self.cuboid)) != 1:
            hint = "use PointEdit.of_points, of_polygon or of_cuboid"
            raise ArgumentError(
                "an edit is of one place", expected="one of runs, polygon_m and cuboid", got="another number", field="edit", hint=hint
            )
        if self.runs is not None:
            object.__setattr__(self, "runs", _checked_runs(self.runs))
        if self.polygon_m is not None:
            corners = as_floats("edit.polygon_m", self.polygon_m, (None, 2))
            if len(corners) < 3:
                raise ArgumentError(expected="three corners or more", got=str(len(corners)), field="edit.polygon_m", hint="x, y of each corner")
            object.__setattr__(self, "polygon_m", frozen(corners.copy()))
        for name in ("low_m", "high_m"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or math.isnan(value):
                raise ArgumentError(expected="a height in metres", got=repr(value)[:60], field=f"edit.{name}", hint="leave it out for no bound")
            object.__setattr__(self, name, float(value))
        check_kind("edit.cuboid", self.cuboid, (Cuboid, type(None)), "a Cuboid", "take one of bw.Cuboids")

    @classmethod
    def of_points(
        cls, frame_index: int, point_index: ArrayLike, *, category: str | None = None, track_id: str | None = None, sensor: str = "lidar"
    ) -> PointEdit:
        """Of the points with these indices, in any order."""
        index = as_array("point_index", point_index, "(K,) indices of points")
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            got, hint = f"shape {index.shape} of {index.dtype}", "np.flatnonzero(mask) makes them from a mask"
            raise ArgumentError(expected="(K,) indices of points", got=got, field="point_index", hint=hint)
        if index.size and (index.min() < 0 or index.max() > MOST_INDEX):
            got = f"{index.min()} to {index.max()}"
            raise ArgumentError(expected=f"indices from 0 to {MOST_INDEX:,}", got=got, field="point_index", hint="count points from 0")
        rising = np.unique(index).astype(np.int64)
        first = np.flatnonzero(np.diff(rising, prepend=-2) > 1)
        last = np.append(first[1:] - 1, len(rising) - 1)[: len(first)]
        return cls(frame_index, sensor, category, track_id, runs=np.stack([rising[first], rising[last] + 1], 1))

    @classmethod
    def of_polygon(
        cls,
        frame_index: int,
        polygon_m: ArrayLike,
        *,
        low_m: float = -math.inf,
        high_m: float = math.inf,
        category: str | None = None,
        track_id: str | None = None,
        sensor: str = "lidar",
    ) -> PointEdit:
        """Of the points whose x, y lie in a polygon seen from above, and whose z is from `low_m` to `high_m`."""
        return cls(frame_index, sensor, category, track_id, polygon_m=polygon_m, low_m=low_m, high_m=high_m)  # type: ignore[arg-type]

    @classmethod
    def of_cuboid(
        cls, frame_index: int, cuboid: Cuboid, *, category: str | None = None, track_id: str | None = None, sensor: str = "lidar"
    ) -> PointEdit:
        """Of the points in a cuboid."""
        return cls(frame_index, sensor, category, track_id, cuboid=cuboid)

    def mapping(self) -> dict[str, Any]:
        """For JSON, short; `from_mapping` gives it back. Runs become the numbers of points to pass over and to take, in turn."""
        said: dict[str, Any] = {"frame_index": self.frame_index, "sensor": self.sensor}
        said |= {name: getattr(self, name) for name in ("category", "track_id") if getattr(self, name) is not None}
        if self.runs is not None:
            said["runs"] = np.diff(self.runs.ravel(), prepend=0).tolist()
        if self.polygon_m is not None:
            said["polygon_m"] = self.polygon_m.tolist()
            said |= {name: getattr(self, name) for name in ("low_m", "high_m") if math.isfinite(getattr(self, name))}
        if self.cuboid is not None:
            said["cuboid"] = {name: getattr(self.cuboid, name).tolist() for name in ("center_m", "size_m", "quat_wxyz")}
            said |= {"frame": self.cuboid.frame} if self.cuboid.frame is not None else {}
        return said

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> PointEdit:
        """ArgumentError where it is none that `mapping` makes."""
        said = dict(mapping)
        frame, cuboid, runs = said.pop("frame", None), said.pop("cuboid", None), said.pop("runs", None)
        known = {"frame_index", "sensor", "category", "track_id", "polygon_m", "low_m", "high_m"}
        if "frame_index" not in said or set(said) - known:
            got = ", ".join(sorted(map(str, mapping)))[:200]
            raise ArgumentError(expected=f"frame_index and some of {', '.join(sorted(known))}, runs, cuboid, frame", got=got, field="edit")
        if cuboid is not None:
            check_kind("edit.cuboid", cuboid, Mapping, "a mapping", "center_m, size_m and quat_wxyz")
            if set(cuboid) != {"center_m", "size_m", "quat_wxyz"}:
                raise ArgumentError(expected="center_m, size_m and quat_wxyz", got=", ".join(map(str, cuboid))[:200], field="edit.cuboid")
            said["cuboid"] = Cuboids([cuboid["center_m"]], [cuboid["size_m"]], quat_wxyz=[cuboid["quat_wxyz"]], frame=frame)[0]
        return cls(**said, runs=None if runs is None else _runs_of_steps(runs))


def _runs_of_steps(steps: Any) -> Int64s:
    hint = "the numbers of points to pass over and to take, in turn"
    check_kind("edit.runs", steps, Sequence, "a list of whole numbers", hint)
    fits = not isinstance(steps, str) and len(steps) % 2 == 0 and all(type(n) is int and 0 <= n <= MOST_INDEX + 1 for n in steps)
    if not fits or sum(steps) > MOST_INDEX + 1:
        raise ArgumentError(expected="an even number of whole numbers", got=repr(steps)[:60], field="edit.runs", hint=hint)
    runs: Int64s = np.cumsum(np.array(steps, np.int64)).reshape(-1, 2)
    return runs


def _checked_runs(runs: Any) -> Int64s:
    array = as_array("edit.runs", runs, "(R, 2) int64, begin and end")
    if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[1] != 2:
        raise ArgumentError(expected="(R, 2) int64, begin and end", got=f"shape {array.shape} of {array.dtype}", field="edit.runs")
    flat = array.astype(np.int64).ravel()
    if len(flat) and (flat[0] < 0 or flat[-1] > MOST_INDEX + 1 or (np.diff(flat) < 0).any() or (flat[::2] == flat[1::2]).any()):
        raise ArgumentError(
            expected="rising runs, none of them empty", got=repr(array.tolist())[:60], field="edit.runs", hint="use PointEdit.of_points"
        )
    return frozen(flat.reshape(-1, 2))  # type: ignore[no-any-return]
