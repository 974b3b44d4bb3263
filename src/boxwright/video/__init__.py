"""Frames of a video by index or by time, and pictures written as a video."""

from __future__ import annotations

from .reader import FrameSource, Video, VideoCheck
from .writer import write_video

__all__ = ["FrameSource", "Video", "VideoCheck", "write_video"]
