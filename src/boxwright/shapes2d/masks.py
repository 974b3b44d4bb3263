"""Masks: which pixels of a picture belong to an object, as runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ..arrays import ArrayLike, Bools, Float64s, Int64s, as_array, frozen
from ..errors import ArgumentError
from ..kernels import masks as kernels
from .paths import Polygons
from .shapes import Shapes, gathered

__all__ = ["Masks"]

MOST_PX = 1 << 40  # of a picture: counts of pixels, and K times them, stay far within int64


class Masks(Shapes):
    """K masks of one size of picture, as runs of pixels: column by column from the left, each from the top, as in COCO.

    counts : (C,) int64, lengths of runs, of pixels outside and inside in turn, beginning outside (0 where the first pixel is inside)
    offsets : (K + 1,) int64, mask k has the runs offsets[k]:offsets[k + 1]; they add up to the picture
    width_px, height_px : the picture's size

    Runs of no length, which other programs may write, are taken out: the same pixels are always the same runs.
    """

    KIND: ClassVar[str] = "mask"
    SHARED: ClassVar[tuple[str, ...]] = ("width_px", "height_px")
    __slots__ = ("counts", "height_px", "offsets", "width_px")
    counts: Int64s
    offsets: Int64s
    width_px: int
    height_px: int

    def __init__(self, runs: Sequence[ArrayLike], width_px: int, height_px: int) -> None:
        """runs : for each mask its counts"""
        width, height = _as_size("width_px", width_px), _as_size("height_px", height_px)
        if isinstance(runs, (str, bytes)) or not hasattr(runs, "__len__"):
            raise ArgumentError(expected="a list of counts for each mask", got=f"{runs!r:.60}", field="runs", hint="from pixels: Masks.from_arrays")
        rows = [_as_counts(f"runs[{k}]", row, width, height) for k, row in enumerate(runs)]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        counts = np.concatenate([np.zeros(0, np.int64), *rows])
        plain, plain_offsets = np.empty_like(counts), np.empty_like(offsets)
        kernels.plain_runs(counts, offsets, plain_offsets, plain)
        self._set(plain[: plain_offsets[-1]].copy(), plain_offsets, width, height)

    def _set(self, counts: Int64s, offsets: Int64s, width_px: int, height_px: int) -> None:
        self.counts, self.offsets, self.width_px, self.height_px = frozen(counts), frozen(offsets), width_px, height_px

    @classmethod
    def _trusted(cls, counts: Int64s, offsets: Int64s, width_px: int, height_px: int) -> Self:
        made = cls.__new__(cls)
        made._set(counts, offsets, width_px, height_px)
        return made

    @classmethod
    def from_arrays(cls, pixels: ArrayLike) -> Self:
        """From (K, H, W) bool, or numbers that are 0 or 1."""
        array = as_array("pixels", pixels, "(K, H, W) bool array")
        if array.ndim != 3 or array.dtype.kind not in "biu" or (array.dtype.kind != "b" and array.size and (array.min() < 0 or array.max() > 1)):
            got, hint = f"{array.dtype} of shape {array.shape}", "one picture of True and False for each mask"
            raise ArgumentError(expected="(K, H, W) bool array", got=got, field="pixels", hint=hint)
        n, height, width = array.shape
        columns = np.ascontiguousarray(array.astype(bool).transpose(0, 2, 1)).reshape(n, width * height)
        offsets = np.zeros(n + 1, np.int64)
        n_runs = np.empty(n, np.int64)
        kernels.count_runs(columns, n_runs)
        np.cumsum(n_runs, out=offsets[1:])
        counts = np.empty(offsets[-1], np.int64)
        kernels.encode(columns, offsets, counts)
        return cls._trusted(counts, offsets, width, height)

    @classmethod
    def from_coco(cls, texts: Sequence[str | bytes], width_px: int, height_px: int) -> Self:
        """From compressed texts as COCO and pycocotools write them: differences to the run but one before, six bits to a letter."""
        if isinstance(texts, (str, bytes)):
            raise ArgumentError(expected="a list of texts", got="one text", field="texts", hint="put it into a list of one")
        return cls([_from_text(f"texts[{k}]", text) for k, text in enumerate(texts)], width_px, height_px)

    @classmethod
    def from_polygons(cls, polygons: Polygons, width_px: int, height_px: int) -> Self:
        """Pixels whose centre lies inside; one on a side counts where the inside lies to its right or below it."""
        width, height = _as_size("width_px", width_px), _as_size("height_px", height_px)
        if not isinstance(polygons, Polygons):
            raise ArgumentError(expected="Polygons", got=type(polygons).__name__, field="polygons", hint="make them: bw.Polygons(polygons)")
        parts = []
        for k in range(len(polygons)):  # one at a time: pictures are large
            one = polygons[k]
            pixels = np.zeros((1, width * height), bool)
            kernels.fill_rings(one.uv, one.ring_offsets, one.offsets, height, pixels)
            parts.append(cls.from_arrays(pixels.reshape(1, width, height).transpose(0, 2, 1)))
        return cls.concatenate(parts) if parts else cls([], width, height)

    def to_arrays(self) -> Bools:
        """(K, H, W) bool"""
        columns = np.zeros((len(self), self.width_px * self.height_px), bool)
        kernels.decode(self.counts, self.offsets, columns)
        return np.ascontiguousarray(columns.reshape(len(self), self.width_px, self.height_px).transpose(0, 2, 1))

    def to_coco(self) -> list[str]:
        """K compressed texts; with `{"size": [height_px, width_px], "counts": text}` they are COCO's."""
        return [_to_text(self.runs(k)) for k in range(len(self))]

    def runs(self, k: int) -> Int64s:
        """The counts of mask k."""
        counts: Int64s = self.counts[self.offsets[k] : self.offsets[k + 1]]
        return counts

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def area_px(self) -> Int64s:
        """(K,) int64 pixels inside"""
        return self._measured()[0]

    def bounds_xyxy(self) -> Float64s:
        """(K, 4) around the whole pixels, whose sides are half a pixel from their centres; NaN where no pixel is inside."""
        return self._measured()[1] + (-0.5, -0.5, 0.5, 0.5)

    def _measured(self) -> tuple[Int64s, Float64s]:
        area, bounds = np.empty(len(self), np.int64), np.empty((len(self), 4))
        kernels.measures(self.counts, self.offsets, self.height_px, area, bounds)
        return area, bounds

    def _taken(self, index: Int64s) -> Self:
        source = self
        if (index < 0).any():
            source = self._joined([self, self._trusted(*_no_pixels(self.width_px * self.height_px), self.width_px, self.height_px)])
            index = np.where(index < 0, len(self), index)
        offsets, items = gathered(source.offsets, index)
        return self._trusted(source.counts[items], offsets, self.width_px, self.height_px)

    def _joined(self, parts: Sequence[Self]) -> Self:
        n_runs = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.zeros(len(n_runs) + 1, np.int64)
        np.cumsum(n_runs, out=offsets[1:])
        return self._trusted(np.concatenate([part.counts for part in parts]), offsets, self.width_px, self.height_px)

    def _columns(self) -> tuple[Any, ...]:
        return self.counts, self.offsets

    def __repr__(self) -> str:
        return f"Masks({len(self)}, {self.width_px} x {self.height_px} px)"


def _no_pixels(n: int) -> tuple[Int64s, Int64s]:
    return np.array([n], np.int64), np.array([0, 1], np.int64)


def _as_size(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 < value <= 1 << 20:
        raise ArgumentError(expected="a whole number of pixels, from 1 to 1,048,576", got=f"{value!r:.60}", field=field, hint="the picture's size")
    return int(value)


def _as_counts(field: str, value: Any, width: int, height: int) -> Int64s:
    expected = f"lengths of runs that add up to {width} x {height} pixels"
    row = as_array(field, value, expected)
    n_px = width * height
    if row.ndim != 1 or row.dtype.kind not in "iu" or not row.size or row.min() < 0 or row.max() > n_px:
        got = f"{row.dtype} of shape {row.shape}" if row.ndim != 1 or row.dtype.kind not in "iu" else f"{value!r:.60}"
        raise ArgumentError(expected=expected, got=got, field=field, hint="column by column, first outside, then inside, in turn")
    total = sum(row.tolist())
    if total != n_px:
        hint = "are width and height exchanged, or is the text cut off?"
        raise ArgumentError(expected=expected, got=f"{total:,} instead of {n_px:,}", field=field, hint=hint)
    return row.astype(np.int64)


def _from_text(field: str, text: Any) -> list[int]:
    """Letters from '0' on hold five bits each, the lowest first, and a sixth that says whether the number goes on; the top bit of its last is the
    sign.
    """
    if not isinstance(text, (str, bytes)):
        raise ArgumentError(expected="a text", got=f"{text!r:.60}", field=field, hint="lists of counts go to bw.Masks(runs, width_px, height_px)")
    counts: list[int] = []
    value, shift = 0, 0
    for i, letter in enumerate(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text):
        bits = letter - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ArgumentError(expected="letters from '0' to 'o'", got=repr(text)[:60], field=f"{field}[{i}]", hint="is it a compressed COCO mask?")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ArgumentError(expected="a whole number of runs", got=repr(text)[-60:], field=field, hint="the text is cut off")
    return counts


def _to_text(counts: Int64s) -> str:
    letters = bytearray()
    values = counts.tolist()
    for i, count in enumerate(values):
        value = count - (values[i - 2] if i > 2 else 0)
        while True:
            bits, value = value & 31, value >> 5
            goes_on = value != (-1 if bits & 16 else 0)
            letters.append(48 + bits + 32 * goes_on)
            if not goes_on:
                break
    return letters.decode()
