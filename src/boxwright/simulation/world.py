"""The site and its actors as the ray kernel wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, Int32s, Int64s
from ..kernels import raycast
from .actors import Actor
from .meshes import Mesh, Paint

__all__ = ["Hits", "Moments", "World"]


@dataclass(frozen=True, eq=False)
class Hits:
    """What R rays met.

    distance_m (R,), object_index (R,) int32 : 0 the site, k the actor k - 1, -1 nothing
    triangle, part (R,) int32 ; n_alone (B,) rays that would have met each object had it been alone
    """

    distance_m: Float64s
    triangle: Int32s
    object_index: Int32s
    part: Int32s
    n_alone: Int64s


@dataclass(frozen=True, eq=False)
class Moments:
    """Where all parts are at C moments: part_from_site (C, P, 12) and balls (C, B, 4)."""

    part_from_site: Float64s
    balls: Float64s


class World:
    """Meshes and trees of everything that light can meet."""

    def __init__(self, site: Mesh, cast: Sequence[Actor]) -> None:
        self.cast = tuple(cast)
        meshes = [site] + [joint.mesh for actor in self.cast for joint in actor.joints]
        self.first_part = np.cumsum([0, 1] + [len(actor.joints) for actor in self.cast]).astype(np.int32)
        paints: list[Paint] = []
        triangles, bounds, links, paint_index, roots = [], [], [], [], []
        n_triangles = n_nodes = 0
        for mesh in meshes:
            order, tree_bounds, tree_links = _tree(mesh)
            tree_links[:, :2] += np.where(tree_links[:, 2:] < 0, n_triangles, n_nodes).astype(np.int32)
            roots.append(n_nodes)
            triangles.append(mesh.corners[order])
            paint_index.append(mesh.paint_index[order] + len(paints))
            bounds.append(tree_bounds)
            links.append(tree_links)
            paints.extend(mesh.paints)
            n_triangles += len(order)
            n_nodes += len(tree_links)
        corners = np.concatenate(triangles)
        self.corners = np.ascontiguousarray(corners[:, 0])
        self.edges_a = np.ascontiguousarray(corners[:, 1] - corners[:, 0])
        self.edges_b = np.ascontiguousarray(corners[:, 2] - corners[:, 0])
        normal = np.cross(self.edges_a, self.edges_b)
        self.normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        self.bounds, self.links = np.concatenate(bounds), np.concatenate(links)
        self.roots = np.array(roots, np.int32)
        self.paint_index = np.concatenate(paint_index)
        self.material = np.array([paint.material for paint in paints], np.int64)
        self.rgb = np.array([paint.rgb for paint in paints])

    def moments(self, times_s: Float64s) -> Moments:
        """Where everything is at (C,) times."""
        n = len(times_s)
        part_from_site = np.zeros((n, len(self.roots), 12))
        balls = np.zeros((n, len(self.cast) + 1, 4))
        for k, actor in enumerate(self.cast, 1):
            for p, (rotation, place) in enumerate(actor.part_poses(times_s), self.first_part[k]):
                part_from_site[:, p, :9] = np.swapaxes(rotation, 1, 2).reshape(n, 9)
                part_from_site[:, p, 9:] = -np.einsum("kji,kj->ki", rotation, place)
            balls[:, k, :3] = actor.cuboid_pose(times_s)[1]
            balls[:, k, 3] = np.linalg.norm(actor.size_m) / 2 + 0.3  # mirrors stick out
        return Moments(part_from_site, balls)

    def look(
        self,
        origins: Float64s,
        directions: Float64s,
        moment_index: Int32s,
        moments: Moments,
        max_distance_m: float,
        *,
        nearest: bool = True,
        alone: bool = False,
    ) -> Hits:
        """What (R, 3) rays with unit directions meet first; with `nearest` False, whether they meet anything."""
        n = len(origins)
        distance, triangle, thing, part = np.empty(n), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
        n_alone = np.zeros(len(self.cast) + 1 if alone else 0, np.int64)
        raycast.cast_rays(
            *(np.ascontiguousarray(array) for array in (origins, directions, moment_index)),
            *(self.corners, self.edges_a, self.edges_b, self.bounds, self.links, self.roots, self.first_part),
            *(moments.part_from_site, moments.balls, float(max_distance_m), nearest),
            *(distance, triangle, thing, part, n_alone),
        )
        return Hits(distance, triangle, thing, part, n_alone)

    def normals(self, hits: Hits, moment_index: Int32s, moments: Moments, directions: Float64s) -> Float64s:
        """(R, 3) surface normals in the site frame, turned against the rays; rubbish where nothing was met."""
        normal = self.normal[hits.triangle]
        moving = np.flatnonzero(hits.object_index > 0)
        pose = moments.part_from_site[moment_index[moving], hits.part[moving], :9].reshape(-1, 3, 3)
        normal[moving] = np.einsum("kji,kj->ki", pose, normal[moving])
        facing_us: Float64s = np.where(np.einsum("ri,ri->r", normal, directions)[:, None] > 0, -normal, normal)
        return facing_us


def _tree(mesh: Mesh) -> tuple[Int64s, Float64s, Int32s]:
    n = len(mesh.corners)
    order, bounds, links = np.empty(n, np.int64), np.empty((2 * n, 6)), np.empty((2 * n, 3), np.int32)
    n_nodes = raycast.build_tree(np.ascontiguousarray(mesh.corners.reshape(n, 9)), order, bounds, links)
    return order, bounds[:n_nodes].copy(), links[:n_nodes].copy()
