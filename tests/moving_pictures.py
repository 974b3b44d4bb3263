"""Clips of textured things that move over a textured background, drawn with known places: similarities to the last digit, soft edges."""

from __future__ import annotations

import cv2
import numpy as np

import boxwright as bw
from formats_scenes import MemoryData

WIDTH, HEIGHT = 480, 320
STEP_NS = 40_000_000


def texture(rng: np.random.Generator, height: int, width: int, *, low: int = 30, high: int = 225) -> np.ndarray:
    """(height, width) float32, rough and fine at once."""
    image = np.zeros((height, width), np.float32)
    for cell, weight in ((3, 1.0), (7, 1.2), (17, 1.5), (41, 1.0)):
        small = rng.random((height // cell + 3, width // cell + 3)).astype(np.float32)
        image += weight * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    image -= image.min()
    return low + (high - low) * image / image.max()


class Mover:
    """A square of texture; `places` (F, 4) are the middle (u, v), the scale and the turn, in each frame."""

    def __init__(self, rng: np.random.Generator, places: np.ndarray, size_px: float = 80.0) -> None:
        self.side = round(size_px)  # of the texture: a pixel of it is a pixel of the picture at scale 1, so that nothing is drawn too coarsely
        self.texture, self.places, self.size_px = texture(rng, self.side, self.side), places, size_px

    def matrix(self, frame: int) -> np.ndarray:
        """(2, 3) picture_from_texture"""
        u, v, scale, turn = self.places[frame]
        scale = scale * self.size_px / self.side
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return np.c_[rotation, np.array([u, v]) - rotation @ np.full(2, (self.side - 1) / 2)]

    def draw(self, image: np.ndarray, frame: int) -> np.ndarray:
        size = image.shape[::-1]
        padded = np.pad(self.texture, 8, mode="edge")
        inside = np.pad(np.ones((self.side, self.side), np.float32), 8)
        matrix = self.matrix(frame)
        matrix = np.c_[matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ (8, 8)]
        drawn = cv2.warpAffine(padded, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(inside, matrix, size, flags=cv2.INTER_LINEAR)
        return image * (1 - share) + drawn * share

    def rotated_boxes(self) -> bw.RotatedBoxes:
        size = np.repeat((self.places[:, 2] * self.size_px)[:, None], 2, axis=1)
        return bw.RotatedBoxes(self.places[:, :2], size, self.places[:, 3])

    def boxes(self) -> bw.Boxes:
        half = (self.places[:, 2] * self.size_px / 2)[:, None]
        return bw.Boxes(np.c_[self.places[:, :2] - half, self.places[:, :2] + half])

    def corners_uv(self, frame: int) -> np.ndarray:
        return self.rotated_boxes()[frame].corners_uv()[0]


def straight(n: int, start=(200.0, 160.0), step=(0.0, 0.0), growth: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """(n, 4) places"""
    k = np.arange(n)[:, None]
    return np.concatenate([np.array(start) + k * np.array(step), growth**k, k * turn], axis=1)


def film(
    rng: np.random.Generator,
    movers: list[Mover],
    n: int,
    *,
    drift=(0.0, 0.0),
    light=lambda k: (1.0, 0.0),
    cut: int | None = None,
    noise: float = 0.0,
) -> list[np.ndarray]:
    """n pictures; movers later in the list are in front. `drift` moves the background, `light` gives gain and offset, `cut` begins other pictures."""
    ground = texture(rng, HEIGHT + 200, WIDTH + 200)
    other = texture(rng, HEIGHT, WIDTH)
    pictures = []
    for k in range(n):
        shift = np.array([[1.0, 0, -100 + k * drift[0]], [0, 1.0, -100 + k * drift[1]]])
        image = cv2.warpAffine(ground, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for mover in movers:
            image = mover.draw(image, k)
        if cut is not None and k >= cut:
            image = other
        gain, offset = light(k)
        image = image * gain + offset + rng.normal(0, noise, image.shape) if noise else image * gain + offset
        pictures.append(np.repeat(np.clip(np.round(image), 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return pictures


def scene_of(pictures: list[np.ndarray], tracks=()) -> bw.Scene:
    height, width = pictures[0].shape[:2]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(width, height))
    times = np.arange(len(pictures)) * STEP_NS
    images = {(k, "front"): picture for k, picture in enumerate(pictures) if picture is not None}
    return bw.Scene("film", times, cameras={"front": camera}, data=MemoryData(images=images), image_tracks=tracks)


def track_of(shapes: bw.Shapes, frames=None, **more) -> bw.ImageTrack:
    """With keyframes in these frames, of shapes that are given for each."""
    frames = np.arange(len(shapes)) if frames is None else np.asarray(frames)
    return bw.ImageTrack("thing", "car", "front", frames * STEP_NS, shapes[frames], **more)


def still_life() -> tuple[bw.Scene, bw.ImageTrack]:
    """Five small pictures of one thing that moves and turns, and its keyframes in the first and the last."""
    rng = np.random.default_rng(4)
    mover = Mover(rng, straight(5, (200, 160), (3.3, -1.1), 1.01, 0.02), 40.0)
    return scene_of(film(rng, [mover], 5)), track_of(mover.rotated_boxes(), [0, 4])
