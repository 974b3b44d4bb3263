"""What a format has no place for stays of a cuboid that was edited there: its roll and pitch."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.rotations import quat_from_euler, quat_multiply
from test_laid_over import TIMES, own_scene, shifted, written


@pytest.mark.parametrize("format", ["nucleus", "waymo", "scale", "datumaro"])
@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_a_tilted_cuboid_that_was_moved_stays_tilted(tmp_path, format, turn):
    """Nucleus and Waymo know a heading alone: a label that was moved stood level, untold; now it is turned by what it was turned by there."""
    own = own_scene()
    bend, walker, other = own.tracks
    tilted = quat_multiply(walker.cuboids.quat_wxyz, quat_from_euler(np.array([[0.05, 0.03, 0.0]]), "XYZ"))
    walker = walker.replace(cuboids=walker.cuboids.replace(quat_wxyz=tilted))
    own = own.replace(tracks=[bend, walker, other])
    bw.write(own, tmp_path / "own")
    edited, is_edited = shifted(walker, 5, (0.5, 0.0, 0.0)), np.arange(len(TIMES)) == 5
    about_z = quat_from_euler(np.where(is_edited, turn, 0.0)[:, None], "Z")
    wanted = edited.cuboids.replace(quat_wxyz=quat_multiply(about_z, tilted))
    edited = edited.replace(cuboids=wanted)
    again = bw.read(tmp_path / "own", labels=written(own.replace(tracks=[bend, edited, other]), tmp_path / "back", format))
    back = again.track("walker").at(TIMES).cuboids
    np.testing.assert_allclose(back.corners_m(), wanted.corners_m(), atol=1e-3 if turn else 1e-5)
    assert back.quat_wxyz[~is_edited].tolist() == tilted[~is_edited].tolist()
