"""The main job on the sample: clicks and keyframes in, finished annotations out, compared with the known truth."""

from __future__ import annotations

from .annotating import Annotation, Sample, annotate, read_sample
from .comparing import ClassResult, compare
from .compiling import compile_beside, wait_for_kernels
from .measuring import FrameResult, measure_frames, write_measures

__all__ = [
    "Annotation",
    "ClassResult",
    "FrameResult",
    "Sample",
    "annotate",
    "compare",
    "compile_beside",
    "measure_frames",
    "read_sample",
    "wait_for_kernels",
    "write_measures",
]
