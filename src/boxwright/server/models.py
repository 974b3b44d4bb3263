"""What bodies hold. Unknown fields are refused, numbers are numbers and finite, and lists have ends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AgreementBody",
    "CheckBody",
    "CorrectionBody",
    "EditsBody",
    "ExportBody",
    "FitBody",
    "GoldBody",
    "GuidelineBody",
    "MemberBody",
    "MoveBody",
    "PatchBody",
    "ProjectBody",
    "PropagateBody",
    "QualificationBody",
    "RefitBody",
    "RetimeBody",
    "ScoreBody",
    "SeenBody",
    "SessionBody",
    "TasksBody",
    "TaxonomyBody",
    "UndoBody",
    "WaiveBody",
]

Number = Annotated[float, Field(allow_inf_nan=False, gt=-1e8, lt=1e8)]
Size = Annotated[float, Field(allow_inf_nan=False, gt=0, lt=1e3)]
Text = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Stamp = Annotated[int, Field(gt=-(1 << 63), lt=1 << 63)]
Seq = Annotated[int, Field(ge=0, lt=1 << 62)]
Frame = Annotated[int, Field(ge=0, lt=1_000_000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SessionBody(Body):
    code: Annotated[str, Field(min_length=1, max_length=200)]


class EditsBody(Body):
    """edits : each with its verb, as the store takes them; all of them are done, or none
    blobs : SHA-256 in hex -> bytes in base64, of point labels that edits name
    """

    edits: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10_000)]
    reason: Text | None = None
    client_ns: Stamp | None = None
    blobs: Annotated[dict[str, str], Field(max_length=100)] = {}


class PatchBody(Body):
    """verb : what is done to the thing; the rest are its arguments, without id and rev"""

    model_config = ConfigDict(extra="allow", strict=True)
    verb: Name


class TaxonomyBody(Body):
    taxonomy: dict[str, Any]


class UndoBody(Body):
    seq: Annotated[int, Field(gt=0, lt=1 << 62)]
    reason: Text | None = None


class FitBody(Body):
    """click_m : x, y, z in the frame of `frame`, or x, y in a view from above"""

    click_m: Annotated[list[Number], Field(min_length=2, max_length=3)]
    category: Name = "car"
    frame: Name | None = None
    yaw_prior: Number | None = None
    size_prior: Annotated[list[Size], Field(min_length=3, max_length=3)] | None = None


class RefitBody(Body):
    center_m: Annotated[list[Number], Field(min_length=3, max_length=3)]
    size_m: Annotated[list[Size], Field(min_length=3, max_length=3)]
    yaw_rad: Number | None = None
    quat_wxyz: Annotated[list[Number], Field(min_length=4, max_length=4)] | None = None
    category: Name | None = None
    frame: Name | None = None


class PropagateBody(Body):
    track_id: Text
    from_frame: Frame
    to_frame: Frame


class GivenCuboid(Body):
    center_m: Annotated[list[Number], Field(min_length=3, max_length=3)]
    size_m: Annotated[list[Size], Field(min_length=3, max_length=3)]
    yaw_rad: Number | None = None
    quat_wxyz: Annotated[list[Number], Field(min_length=4, max_length=4)] | None = None


class ProjectBody(Body):
    """frame : of reference, by default the scene's label frame; cameras : all of them by default"""

    cuboids: Annotated[list[GivenCuboid], Field(min_length=1, max_length=100)]
    frame: Name | None = None
    cameras: Annotated[list[Name], Field(max_length=100)] | None = None


class SeenBody(Body):
    """An eye without distortion that looks through the middle of a picture. cam_from_label : (4, 4), x right, y down, z ahead"""

    width_px: Annotated[int, Field(ge=1, le=4096)]
    height_px: Annotated[int, Field(ge=1, le=4096)]
    focal_px: Annotated[float, Field(allow_inf_nan=False, gt=0, lt=1e6)]
    cam_from_label: Annotated[list[Annotated[list[Number], Field(min_length=4, max_length=4)]], Field(min_length=4, max_length=4)]
    sensor: Name = "lidar"


class CorrectionBody(Body):
    """finding : as the check told it"""

    finding: dict[str, Any]
    reason: Text | None = None


class RetimeBody(Body):
    """track_ids : all by default; placement : what the boxes were drawn for, found by default"""

    track_ids: Annotated[list[Text], Field(min_length=1, max_length=10_000)] | None = None
    placement: Literal["stamp", "sweep_middle", "points", "raw_points"] | None = None


class CheckBody(Body):
    keep: bool = False
    rules: Annotated[list[Name], Field(max_length=100)] | None = None
    frames: Annotated[list[Frame], Field(max_length=200_000)] | None = None


class ScoreBody(Body):
    scene_id: Id
    gold_id: Id


class AgreementBody(Body):
    scene_ids: Annotated[list[Id], Field(min_length=2, max_length=50)]


class ExportBody(Body):
    format: Literal["boxwright", "openlabel", "kitti_tracking"] = "openlabel"


class MemberBody(Body):
    roles: Annotated[list[Name], Field(max_length=10)]
    scopes: Annotated[list[Name], Field(max_length=10)] = []


class TasksBody(Body):
    """ranges : (first, last) frames; frames_each : instead, parts of so many; neither: the scene as a whole"""

    ranges: Annotated[list[Annotated[list[Frame], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=10_000)] | None = None
    frames_each: Annotated[int, Field(ge=1, lt=1_000_000)] | None = None
    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    on_layers: bool = False
    labels: Literal["keep", "none"] = "keep"
    sensors: Annotated[list[Name], Field(max_length=100)] | None = None
    classes: Annotated[list[Name], Field(max_length=1000)] | None = None
    instructions: Text = ""
    priority: Annotated[int, Field(gt=-1_000_000, lt=1_000_000)] = 0


class GoldBody(Body):
    """gold : the scene with the answers; frames : (first, last), all of them where left out; people : how many tasks, for as many people"""

    gold: Name
    frames: Annotated[list[Frame], Field(min_length=2, max_length=2)] | None = None
    labels: Literal["keep", "none"] = "none"
    people: Annotated[int, Field(ge=1, le=100)] = 1
    instructions: Text = ""
    priority: Annotated[int, Field(gt=-1_000_000, lt=1_000_000)] = 0


class QualificationBody(Body):
    """gold, frames : as of gold; least_f1 : with which it is passed"""

    gold: Name
    frames: Annotated[list[Frame], Field(min_length=2, max_length=2)] | None = None
    name: Name = "qualification"
    least_f1: Annotated[float, Field(ge=0, le=1)] = 0.9
    labels: Literal["keep", "none"] = "none"


class Cited(Body):
    version: Annotated[int, Field(ge=1, lt=1 << 31)]
    entry: Name | None = None


class MoveBody(Body):
    """account : of assign; reason, at_seq, guideline : of verdicts"""

    account: Name | None = None
    reason: Text = ""
    at_seq: Seq | None = None
    guideline: Cited | None = None


class GuidelineExample(Body):
    scene: Name
    frame_index: Frame
    note: Text = ""


class GuidelineEntry(Body):
    text: Text = ""
    examples: Annotated[list[GuidelineExample], Field(max_length=100)] = []


class GuidelineBody(Body):
    text: Text
    entries: Annotated[dict[str, GuidelineEntry], Field(max_length=1000)] = {}


class WaiveBody(Body):
    reason: Annotated[str, Field(min_length=1, max_length=4096)]
