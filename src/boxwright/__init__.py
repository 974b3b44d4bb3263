"""boxwright: LiDAR and camera recordings become annotations that can be trusted.

    import boxwright as bw

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "errors": [
        "AccessDenied",
        "ArgumentError",
        "BoxwrightError",
        "CalibrationError",
        "ConflictError",
        "CorruptionError",
        "ExtraMissing",
        "FormatError",
        "FrameMissing",
        "GeometryError",
        "GoldCanBeTold",
        "IndexMissing",
        "LimitError",
        "SensorFrameFallback",
        "StorageError",
        "TimeError",
        "UnknownName",
    ],
    "frames": ["Pose", "Trajectory"],
    "points": ["Sweep"],
    "cameras": [
        "CylindricalCamera",
        "DoubleSphereCamera",
        "EquirectangularCamera",
        "ExtendedUnifiedCamera",
        "FisheyeCamera",
        "PinholeCamera",
        "UncalibratedCamera",
        "UnifiedCamera",
    ],
    "video": ["FrameSource", "Video", "VideoCheck", "write_video"],
    "cuboids": ["Cuboid", "Cuboids"],
    "point_labels": ["PointEdit", "PointLabels"],
    "point_scores": ["PointComparison", "compare_point_labels"],
    "shapes2d": ["Boxes", "Keypoints", "Masks", "Polygons", "Polylines", "RotatedBoxes", "Shapes", "Skeleton"],
    "taxonomy": ["AttributeDefinition", "Category", "SizePrior", "Taxonomy"],
    "interpolation": ["interpolate"],
    "keyframes": ["Origin", "State", "Visibility"],
    "tracks": ["Track", "Tracks", "interpolate_tracks"],
    "image_tracks": ["ImageTrack", "ImageTracks", "interpolate_image_tracks"],
    "problems": ["Problem"],
    "sensors": ["CameraSensor", "Lidar"],
    "tags": ["Relation", "Tag"],
    "scene": ["Scene"],
    "terrain": ["Ground", "ground"],
    "containment": ["points_in_cuboids"],
    "exposure": ["expose_cuboids", "expose_points"],
    "projection": ["ImageBoxes", "ImagePoints", "PointStatus", "project_cuboids", "project_points"],
    "overlap": ["iou", "iou_3d", "iou_3d_pairs", "iou_bev", "iou_bev_pairs", "iou_boxes", "iou_masks"],
    "aggregation": ["Aggregate", "aggregate"],
    "object_time": ["Placement"],
    "thinning": ["thin"],
    "retiming": ["Retimed", "Retiming", "RetimingVerdict", "retime"],
    "fitting": ["Fit", "fit_at", "fit_cuboid", "refit"],
    "rectangles": ["Rectangles", "fit_rectangles"],
    "occlusion": ["DepthMap", "depth_map"],
    "linking": [
        "CameraOffset",
        "ColouredPoints",
        "Lift",
        "LiftVerdict",
        "Link",
        "LinkOffsets",
        "Links",
        "ProjectedTracks",
        "colour_points",
        "lift",
        "link",
        "link_offsets",
        "project_tracks",
    ],
    "segmentation": ["Overlap", "apply_edits", "segment", "segment_scene"],
    "propagation": ["ImageProposals", "ImageVerdict", "Proposals", "Verdict", "propagate"],
    "advice": ["Advice", "Advices", "advise"],
    "differences": ["LabelError", "Tolerances"],
    "gold_plan": ["GoldPlan", "plan_gold"],
    "intervals": ["Estimate"],
    "matching": ["MatchRules"],
    "combining": ["AnnotatorSpread", "Consensus", "consensus"],
    "disagreements": ["Disagreement"],
    "sources": ["Source", "consensus_sources", "consensus_trace"],
    "raters": ["Agreement", "Concord", "PairConcord", "agreement"],
    "qualities": ["PictureQuality", "Quality", "TrackQuality"],
    "scoring": ["AnnotatorQuality", "Score", "compare_annotators", "score"],
    "track_metrics": ["Clear", "Hota", "Identity"],
    "margins": ["FaceMargin", "learn_face_margin"],
    "refitting": ["TrackRefit", "refit_track"],
    "locking": ["lock_size"],
    "standing": ["StaticSolve", "StaticVerdict", "solve_static"],
    "orienting": ["orient"],
    "render": ["render_bev", "render_cameras"],
    "review": ["Decision", "ReviewItem", "ReviewVerdict", "SamplingPlan", "open_findings", "plan_sampling", "review_order", "wrong_at_most"],
    "report": ["report_html", "write_agreement_report", "write_report", "write_score_report"],
    "checks": ["Finding", "Findings", "Profile", "Rule", "Severity", "SizeRange", "Suggestion", "check", "check_rules"],
    "simulation": ["simulate"],
    "certification": ["Certificate", "certify"],
    "diagnosis": ["Diagnosis", "FaultVerdict", "doctor"],
    "formats": [
        "Capabilities",
        "ImageFolder",
        "WriteReport",
        "capabilities",
        "open_video",
        "read",
        "read_point_labels",
        "read_points",
        "scenes",
        "write",
        "write_point_labels",
        "write_points",
    ],
    "batching": ["BatchProgress", "BatchReport", "batch"],
    "viewer.open3d_types": ["from_open3d", "to_open3d"],
    "client": ["RemoteProject", "connect"],
    "remote_work": ["RemoteWork"],
    "work": ["Effort", "Guideline", "KeptFinding", "Member", "Task", "Work", "WorkVerdict"],
    "store": ["Commit", "Edits", "Entity", "Project", "backup", "create_project", "fsck", "open_project", "restore_backup"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

if TYPE_CHECKING:
    from .advice import Advice, Advices, advise
    from .aggregation import Aggregate, aggregate
    from .batching import BatchProgress, BatchReport, batch
    from .cameras import (
        CylindricalCamera,
        DoubleSphereCamera,
        EquirectangularCamera,
        ExtendedUnifiedCamera,
        FisheyeCamera,
        PinholeCamera,
        UncalibratedCamera,
        UnifiedCamera,
    )
    from .certification import Certificate, certify
    from .checks import Finding, Findings, Profile, Rule, Severity, SizeRange, Suggestion, check, check_rules
    from .client import RemoteProject, connect
    from .combining import AnnotatorSpread, Consensus, consensus
    from .containment import points_in_cuboids
    from .cuboids import Cuboid, Cuboids
    from .diagnosis import Diagnosis, FaultVerdict, doctor
    from .differences import LabelError, Tolerances
    from .disagreements import Disagreement
    from .errors import (
        AccessDenied,
        ArgumentError,
        BoxwrightError,
        CalibrationError,
        ConflictError,
        CorruptionError,
        ExtraMissing,
        FormatError,
        FrameMissing,
        GeometryError,
        GoldCanBeTold,
        IndexMissing,
        LimitError,
        SensorFrameFallback,
        StorageError,
        TimeError,
        UnknownName,
    )
    from .exposure import expose_cuboids, expose_points
    from .fitting import Fit, fit_at, fit_cuboid, refit
    from .formats import (
        Capabilities,
        ImageFolder,
        WriteReport,
        capabilities,
        open_video,
        read,
        read_point_labels,
        read_points,
        scenes,
        write,
        write_point_labels,
        write_points,
    )
    from .frames import Pose, Trajectory
    from .gold_plan import GoldPlan, plan_gold
    from .image_tracks import ImageTrack, ImageTracks, interpolate_image_tracks
    from .interpolation import interpolate
    from .intervals import Estimate
    from .keyframes import Origin, State, Visibility
    from .linking import (
        CameraOffset,
        ColouredPoints,
        Lift,
        LiftVerdict,
        Link,
        LinkOffsets,
        Links,
        ProjectedTracks,
        colour_points,
        lift,
        link,
        link_offsets,
        project_tracks,
    )
    from .locking import lock_size
    from .margins import FaceMargin, learn_face_margin
    from .matching import MatchRules
    from .object_time import Placement
    from .occlusion import DepthMap, depth_map
    from .orienting import orient
    from .overlap import iou, iou_3d, iou_3d_pairs, iou_bev, iou_bev_pairs, iou_boxes, iou_masks
    from .point_labels import PointEdit, PointLabels
    from .point_scores import PointComparison, compare_point_labels
    from .points import Sweep
    from .problems import Problem
    from .projection import ImageBoxes, ImagePoints, PointStatus, project_cuboids, project_points
    from .propagation import ImageProposals, ImageVerdict, Proposals, Verdict, propagate
    from .qualities import PictureQuality, Quality, TrackQuality
    from .raters import Agreement, Concord, PairConcord, agreement
    from .rectangles import Rectangles, fit_rectangles
    from .refitting import TrackRefit, refit_track
    from .remote_work import RemoteWork
    from .render import render_bev, render_cameras
    from .report import report_html, write_agreement_report, write_report, write_score_report
    from .retiming import Retimed, Retiming, RetimingVerdict, retime
    from .review import Decision, ReviewItem, ReviewVerdict, SamplingPlan, open_findings, plan_sampling, review_order, wrong_at_most
    from .scene import Scene
    from .scoring import AnnotatorQuality, Score, compare_annotators, score
    from .segmentation import Overlap, apply_edits, segment, segment_scene
    from .sensors import CameraSensor, Lidar
    from .shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes, Skeleton
    from .simulation import simulate
    from .sources import Source, consensus_sources, consensus_trace
    from .standing import StaticSolve, StaticVerdict, solve_static
    from .store import Commit, Edits, Entity, Project, backup, create_project, fsck, open_project, restore_backup
    from .tags import Relation, Tag
    from .taxonomy import AttributeDefinition, Category, SizePrior, Taxonomy
    from .terrain import Ground, ground
    from .thinning import thin
    from .track_metrics import Clear, Hota, Identity
    from .tracks import Track, Tracks, interpolate_tracks
    from .video import FrameSource, Video, VideoCheck, write_video
    from .viewer.open3d_types import from_open3d, to_open3d
    from .work import Effort, Guideline, KeptFinding, Member, Task, Work, WorkVerdict

__all__ = [
    "AccessDenied",
    "Advice",
    "Advices",
    "Aggregate",
    "Agreement",
    "AnnotatorQuality",
    "AnnotatorSpread",
    "ArgumentError",
    "AttributeDefinition",
    "BatchProgress",
    "BatchReport",
    "Boxes",
    "BoxwrightError",
    "CalibrationError",
    "CameraOffset",
    "CameraSensor",
    "Capabilities",
    "Category",
    "Certificate",
    "Clear",
    "ColouredPoints",
    "Commit",
    "Concord",
    "ConflictError",
    "Consensus",
    "CorruptionError",
    "Cuboid",
    "Cuboids",
    "CylindricalCamera",
    "Decision",
    "DepthMap",
    "Diagnosis",
    "Disagreement",
    "DoubleSphereCamera",
    "Edits",
    "Effort",
    "Entity",
    "EquirectangularCamera",
    "Estimate",
    "ExtendedUnifiedCamera",
    "ExtraMissing",
    "FaceMargin",
    "FaultVerdict",
    "Finding",
    "Findings",
    "FisheyeCamera",
    "Fit",
    "FormatError",
    "FrameMissing",
    "FrameSource",
    "GeometryError",
    "GoldCanBeTold",
    "GoldPlan",
    "Ground",
    "Guideline",
    "Hota",
    "Identity",
    "ImageBoxes",
    "ImageFolder",
    "ImagePoints",
    "ImageProposals",
    "ImageTrack",
    "ImageTracks",
    "ImageVerdict",
    "IndexMissing",
    "KeptFinding",
    "Keypoints",
    "LabelError",
    "Lidar",
    "Lift",
    "LiftVerdict",
    "LimitError",
    "Link",
    "LinkOffsets",
    "Links",
    "Masks",
    "MatchRules",
    "Member",
    "Origin",
    "Overlap",
    "PairConcord",
    "PictureQuality",
    "PinholeCamera",
    "Placement",
    "PointComparison",
    "PointEdit",
    "PointLabels",
    "PointStatus",
    "Polygons",
    "Polylines",
    "Pose",
    "Problem",
    "Profile",
    "Project",
    "ProjectedTracks",
    "Proposals",
    "Quality",
    "Rectangles",
    "Relation",
    "RemoteProject",
    "RemoteWork",
    "Retimed",
    "Retiming",
    "RetimingVerdict",
    "ReviewItem",
    "ReviewVerdict",
    "RotatedBoxes",
    "Rule",
    "SamplingPlan",
    "Scene",
    "Score",
    "SensorFrameFallback",
    "Severity",
    "Shapes",
    "SizePrior",
    "SizeRange",
    "Skeleton",
    "Source",
    "State",
    "StaticSolve",
    "StaticVerdict",
    "StorageError",
    "Suggestion",
    "Sweep",
    "Tag",
    "Task",
    "Taxonomy",
    "TimeError",
    "Tolerances",
    "Track",
    "TrackQuality",
    "TrackRefit",
    "Tracks",
    "Trajectory",
    "UncalibratedCamera",
    "UnifiedCamera",
    "UnknownName",
    "Verdict",
    "Video",
    "VideoCheck",
    "Visibility",
    "Work",
    "WorkVerdict",
    "WriteReport",
    "advise",
    "aggregate",
    "agreement",
    "apply_edits",
    "backup",
    "batch",
    "capabilities",
    "certify",
    "check",
    "check_rules",
    "colour_points",
    "compare_annotators",
    "compare_point_labels",
    "connect",
    "consensus",
    "consensus_sources",
    "consensus_trace",
    "create_project",
    "depth_map",
    "doctor",
    "expose_cuboids",
    "expose_points",
    "fit_at",
    "fit_cuboid",
    "fit_rectangles",
    "from_open3d",
    "fsck",
    "ground",
    "interpolate",
    "interpolate_image_tracks",
    "interpolate_tracks",
    "iou",
    "iou_3d",
    "iou_3d_pairs",
    "iou_bev",
    "iou_bev_pairs",
    "iou_boxes",
    "iou_masks",
    "learn_face_margin",
    "lift",
    "link",
    "link_offsets",
    "lock_size",
    "open_findings",
    "open_project",
    "open_video",
    "orient",
    "plan_gold",
    "plan_sampling",
    "points_in_cuboids",
    "project_cuboids",
    "project_points",
    "project_tracks",
    "propagate",
    "read",
    "read_point_labels",
    "read_points",
    "refit",
    "refit_track",
    "render_bev",
    "render_cameras",
    "report_html",
    "restore_backup",
    "retime",
    "review_order",
    "scenes",
    "score",
    "segment",
    "segment_scene",
    "simulate",
    "solve_static",
    "thin",
    "to_open3d",
    "write",
    "write_agreement_report",
    "write_point_labels",
    "write_points",
    "write_report",
    "write_score_report",
    "write_video",
    "wrong_at_most",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'boxwright' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"boxwright.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
