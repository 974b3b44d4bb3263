"""Cuboids into pictures.

Between pixels and directions there is one continuous map, so the visible part of a cuboid is bounded by pictures of its edges, by the border of the
picture, and by the curve where the lens ends (its fold). Its box is spanned by what the picture shows of the edges and of that curve, and by the
picture's corners whose rays meet the cuboid.
"""

import math

import numpy as np

from . import compiled, kernel
from .edges import NO_FOLD, PIECES, VERTICES, clip, pieces_of, trace, ways_of
from .lenses import PLAIN, is_flat, is_panorama, is_round, pixel
from .panoramas import PERIOD, azimuth

RIM = 256  # samples of the curve where the lens ends, as in cameras.py


@kernel
def project_cuboids(corners, border_rays, lens, near, out_boxes, out_whole):
    """corners (M, 8, 3) in the cam frame; border_rays (RIM + 4, 3) where the lens ends, then of the picture's corners, NaN where there is none;
    lens (36,); near plane in metres.

    out_boxes (M, 4): left, top, right, bottom of the part the picture shows; out_whole (M, 4): the same were the picture boundless; NaN: nothing.
    """
    rim = np.empty((RIM, 2))
    has_rim = is_round(lens) or (is_flat(lens) and lens[0] != PLAIN and lens[8] < NO_FOLD)
    if has_rim:
        for i in range(RIM):
            rim[i, 0], rim[i, 1] = pixel(lens, border_rays[i, 0], border_rays[i, 1], border_rays[i, 2])
    turned, is_turn = np.empty((8, 3)), is_panorama(lens) and lens[PERIOD] > 0.0
    ways, ends, vertices = np.empty((18, 2, 3)), np.empty((PIECES, 2)), np.empty((VERTICES, 2))
    for m in range(corners.shape[0]):
        body, box, whole = corners[m], out_boxes[m], out_whole[m]
        for k in range(2):
            box[k] = whole[k] = np.inf
            box[k + 2] = whole[k + 2] = -np.inf
        turn_px = 0.0
        if is_turn:
            turn_px = _centre(lens, body, turned)
            body = turned
        entire = True
        for w in range(ways_of(lens, body, near, ways)):
            entire &= _span_way(lens, ways[w], near, ends, vertices, box, whole)
        # a cuboid whose edges are all seen covers the whole rim or nothing of it
        covers = has_rim and (not entire or (is_round(lens) and _meets(body, border_rays[0], 0.0)))
        first = 0 if covers else RIM
        _span_rays(lens, body, border_rays, rim, first, near, box, whole)
        if is_turn:
            _turn_back(lens, turn_px, box, whole)
        for k in range(4):
            box[k] = box[k] if box[0] <= box[2] else np.nan
            whole[k] = whole[k] if whole[0] <= whole[2] else np.nan


@compiled
def _centre(lens, body, out_turned):
    """A cuboid turned about the axis of a panorama until it stands in the middle of the picture, so that the seam does not cut it; returns how far
    that is in pixels."""
    angle = azimuth(lens, body[0, 0] + body[6, 0], body[0, 2] + body[6, 2])
    c, s = math.cos(angle), math.sin(angle)
    for i in range(8):
        out_turned[i, 0], out_turned[i, 1], out_turned[i, 2] = c * body[i, 0] - s * body[i, 2], body[i, 1], c * body[i, 2] + s * body[i, 0]
    return lens[1] * angle


@compiled
def _turn_back(lens, turn_px, box, whole):
    """Boxes back from the middle of the picture; they begin in the picture and may go on beyond its right border. One that goes all around is the
    picture's width."""
    period = lens[PERIOD]
    if box[2] - box[0] >= period * (1.0 - 1e-9):
        box[0] = whole[0] = -0.5
        box[2] = whole[2] = period - 0.5
        return
    shift = turn_px - period * math.floor((box[0] + turn_px + 0.5) / period) if box[0] <= box[2] else 0.0
    for k in range(0, 4, 2):
        box[k] += shift
        whole[k] += shift


@compiled
def _span_way(lens, way, near, ends, vertices, box, whole):
    """Returns whether the lens sees the entire way."""
    n_pieces = pieces_of(lens, way, near, ends)
    for p in range(n_pieces):
        for i in range(trace(lens, way, ends[p, 0], ends[p, 1], vertices) - 1):
            _span_chord(lens, vertices, i, i + 1, box, whole)
    return n_pieces == 1 and ends[0, 0] == 0.0 and ends[0, 1] == 1.0


@compiled
def _span_chord(lens, vertices, first, last, box, whole):
    """A chord between two vertices; `whole` takes all of it, `box` what lies in the picture."""
    piece = np.empty(4)
    _span(whole, vertices[first, 0], vertices[first, 1])
    _span(whole, vertices[last, 0], vertices[last, 1])
    if clip(lens, vertices, first, last, piece):
        _span(box, piece[0], piece[1])
        _span(box, piece[2], piece[3])


@compiled
def _span(box, u, v):
    box[0], box[1] = min(box[0], u), min(box[1], v)
    box[2], box[3] = max(box[2], u), max(box[3], v)


@compiled
def _span_rays(lens, body, rays, rim, first, near, box, whole):
    """The stretches of the rim that the cuboid covers (left out where `first` is RIM), and the picture's corners that it covers."""
    level = near if is_flat(lens) else 0.0
    opens = before = False
    for i in range(first, RIM + 4):
        here = _meets(body, rays[i], level)
        if i >= RIM:
            k = i - RIM
            if here:
                _span(box, -0.5 if k % 2 == 0 else lens[5] - 0.5, -0.5 if k < 2 else lens[6] - 0.5)
            continue
        if here:
            _span_chord(lens, rim, i - 1 if before else i, i, box, whole)
        if i == 0:
            opens = here
        elif i == RIM - 1 and opens and here:
            _span_chord(lens, rim, i, np.int64(0), box, whole)
        before = here


@compiled
def _meets(body, ray, near):
    """Whether a ray from the camera meets the cuboid at a depth of at least `near`, by slabs."""
    enter, leave = (near / ray[2] if near > 0.0 else 0.0 * ray[2]), np.inf
    if not enter < np.inf:
        return False
    for k in range(3):
        other = 4 if k == 0 else 1 if k == 1 else 3  # the corner opposite to corner 0 along this axis
        offset, speed, half = 0.0, 0.0, 0.0
        for i in range(3):
            axis = body[0, i] - body[other, i]
            offset -= (body[0, i] + body[6, i]) / 2 * axis
            speed += ray[i] * axis
            half += axis * axis / 2
        if not abs(offset) < np.inf:
            return False
        if speed == 0.0:
            if not abs(offset) <= half:
                return False
        else:
            t0, t1 = (-half - offset) / speed, (half - offset) / speed
            enter, leave = max(enter, min(t0, t1)), min(leave, max(t0, t1))
    return enter <= leave
