"""A window on a scene, by Open3D (extra `desktop`): points, cuboids with heading, trails; frames by key.

Open3D's legacy Visualizer draws lines one pixel wide, so edges are thin prisms, which also makes them solid from any distance.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Float64s, Int32s, UInt8s, as_points
from ..cuboids import EDGES, Cuboids
from ..errors import BoxwrightError, ExtraMissing
from ..outputs import check_outside
from ..render import render_cameras, write_picture
from ..render.canvas import Color, plain
from ..render.labels import color_of, shown_of_scene, vehicle_frame
from ..render.point_colors import COLOR_MODES, ColorMode, color_mode, point_colors
from ..scene import Scene
from ..tracks import interpolate_tracks

__all__ = ["HELP", "Window", "check_window", "load_open3d", "open_window", "picture_of_window"]

HELP = "keys: right arrow or N next frame, left arrow or P previous, M other colours, C camera pictures, T trails, R whole view, Q close"
BACKGROUND = (0.051, 0.059, 0.078)
EDGE_M = 0.07
EYE_M, LOOK_AT_M = (-21.0, 0.0, 15.0), (7.0, 0.0, 0.0)
RIGHT, LEFT = 262, 263  # GLFW's codes
TRAIL_FRAMES = 25


def load_open3d() -> Any:
    """open3d, or what to install."""
    try:
        import open3d
    except ImportError as error:
        if "libusb" in str(error):
            raise ExtraMissing(f"open3d needs a system library: {error}", hint="apt-get install libusb-1.0-0") from error
        if isinstance(error, ModuleNotFoundError) and error.name == "open3d":
            raise ExtraMissing("the desktop window needs open3d", hint="pip install 'boxwright[desktop]'") from None
        libraries = "apt-get install libusb-1.0-0 libgl1 libegl1 libx11-6 libgomp1"
        raise ExtraMissing(f"open3d is installed but cannot be loaded: {error}", hint=libraries) from error
    return open3d


class Window:
    """What the window shows, and what its keys do. `visible=False` draws without a display.

    pictures_to : folder the camera pictures are written into
    color : what points are coloured by, as on the page: "height", "intensity", "time", "class" or "camera"
    """

    def __init__(
        self,
        scene: Scene,
        frame_index: int = 0,
        *,
        visible: bool = True,
        width_px: int = 1280,
        height_px: int = 800,
        pictures_to: Path = Path("boxwright-view"),
        color: ColorMode = "height",
    ) -> None:
        self.scene = scene
        self.color = color_mode(color)
        self.frame_index = scene._frame(frame_index)
        self.pictures_to = pictures_to
        self.trails = True
        self._o3d = load_open3d()
        self._drawn: dict[str, Any] = {}
        self._vis = self._o3d.visualization.VisualizerWithKeyCallback()
        if not self._vis.create_window(self._title(), width=width_px, height=height_px, visible=visible):
            raise BoxwrightError("no window could be opened", hint="`boxwright render` writes pictures without one")
        options = self._vis.get_render_option()
        options.background_color = np.array(BACKGROUND)
        options.point_size = 2.0
        options.light_on = False
        options.mesh_show_back_face = True
        for key, action in (
            (RIGHT, self.next),
            (ord("N"), self.next),
            (LEFT, self.previous),
            (ord("P"), self.previous),
            (ord("T"), self.toggle_trails),
            (ord("M"), self.next_color),
            (ord("C"), self.write_pictures),
            (ord("R"), self.look),
        ):
            self._vis.register_key_callback(key, lambda _, action=action: self._on_key(action))
        self._draw(first=True)
        self.look()

    def next(self) -> None:
        self._go(self.frame_index + 1)

    def previous(self) -> None:
        self._go(self.frame_index - 1)

    def toggle_trails(self) -> None:
        self.trails = not self.trails
        self._draw()

    def next_color(self) -> None:
        self.color = COLOR_MODES[(COLOR_MODES.index(self.color) + 1) % len(COLOR_MODES)]
        self._draw()

    def look(self) -> None:
        """From behind and above the vehicle; given as a camera, since Open3D's own zoom depends on how far the cloud reaches."""
        control = self._vis.get_view_control()
        view = control.convert_to_pinhole_camera_parameters()
        ahead = np.array(LOOK_AT_M, np.float64) - EYE_M
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        cam_from_lidar = np.eye(4)
        cam_from_lidar[:3, :3] = right, np.cross(ahead, right), ahead
        cam_from_lidar[:3, 3] = -cam_from_lidar[:3, :3] @ EYE_M
        view.extrinsic = cam_from_lidar
        control.convert_from_pinhole_camera_parameters(view, allow_arbitrary=True)
        control.set_constant_z_far(1000.0)

    def write_pictures(self) -> list[Path]:
        """The camera pictures of this frame with their overlays, as files; never into the recording itself."""
        if self.scene.path is not None:
            check_outside(self.pictures_to, Path(self.scene.path), "pictures")
        written = []
        for name, picture in render_cameras(self.scene, self.frame_index).items():
            path = self.pictures_to / f"{self.frame_index:06d}_{plain(name).replace('/', '_')}.png"
            write_picture(picture, path)
            written.append(path)
        return written

    def picture(self) -> UInt8s:
        """(H, W, 3) uint8 RGB of what the window shows."""
        self._vis.poll_events()
        self._vis.update_renderer()
        pixels = np.asarray(self._vis.capture_screen_float_buffer(do_render=True))
        picture: UInt8s = np.rint(pixels * 255).astype(np.uint8)
        return picture

    def run(self) -> None:
        """Until the user closes it."""
        self._vis.run()

    def close(self) -> None:
        self._vis.destroy_window()

    def _title(self) -> str:
        return f"boxwright: {plain(self.scene.name)}"

    def _go(self, frame_index: int) -> None:
        if 0 <= frame_index < len(self.scene):
            self.frame_index = frame_index
            self._draw()

    def _on_key(self, action: Any) -> bool:
        """An action's own errors must not unwind through Open3D's event loop."""
        from rich.console import Console

        messages = Console(stderr=True, highlight=False)
        try:
            result = action()
        except (BoxwrightError, OSError) as error:
            messages.print(plain(str(error)), style="red", markup=False)
            return False
        wrote = [plain(str(path)) for path in result or ()]
        messages.print(f"frame {self.frame_index + 1} of {len(self.scene)}{'; wrote ' if wrote else ''}{', '.join(wrote)}", markup=False)
        return True

    def _draw(self, *, first: bool = False) -> None:
        """What was drawn before takes the new content: Open3D draws in an order of addresses, which would decide ties anew for new objects."""
        for name, new in _geometries(self._o3d, self.scene, self.frame_index, self.trails, self.color).items():
            old = self._drawn.get(name)
            if new.is_empty():
                if old is not None:
                    self._vis.remove_geometry(self._drawn.pop(name), reset_bounding_box=False)
            elif old is None:
                self._drawn[name] = new
                self._vis.add_geometry(new, reset_bounding_box=first)
            else:
                for column in _COLUMNS[name]:
                    setattr(old, column, getattr(new, column))
                self._vis.update_geometry(old)


def check_window() -> None:
    """ExtraMissing without open3d, else BoxwrightError without a display: what has to be installed comes first."""
    load_open3d()
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise BoxwrightError("there is no display to open a window on", hint="`boxwright render` writes pictures without one")


def open_window(scene: Scene, frame_index: int = 0, *, opened: Callable[[], Any] = lambda: None) -> None:
    """Opens the window, calls `opened`, and returns when the window is closed. Errors as those of `check_window`."""
    check_window()
    window = Window(scene, frame_index)
    try:
        opened()
        window.run()
    finally:
        window.close()


def picture_of_window(scene: Scene, frame_index: int = 0, *, width_px: int = 1280, height_px: int = 800) -> UInt8s:
    """What the window would show, without a display; (height_px, width_px, 3) uint8 RGB."""
    window = Window(scene, frame_index, visible=False, width_px=width_px, height_px=height_px)
    try:
        return window.picture()
    finally:
        window.close()


_COLUMNS: dict[str, tuple[str, ...]] = {
    "axes": (),
    "cloud": ("points", "colors"),
    "mesh": ("vertices", "triangles", "vertex_colors"),
    "outlines": ("points", "lines", "colors"),
}


def _geometries(o3d: Any, scene: Scene, frame_index: int, trails: bool, color: ColorMode) -> dict[str, Any]:
    frame = vehicle_frame(scene)
    shown = shown_of_scene(scene, frame_index, frame)
    vertices, triangles, colors = [np.zeros((0, 3))], [np.zeros((0, 3), np.int32)], [np.zeros((0, 3))]
    bars = [*_cuboid_bars(shown.cuboids, shown.colors), *(_trail_bars(scene, frame_index, frame) if trails else ())]
    for start, end, edge_color, thickness_m in bars:
        corners, faces = _prism(start, end, thickness_m)
        triangles.append(faces + sum(len(v) for v in vertices))
        vertices.append(corners)
        colors.append(np.tile(np.array(edge_color) / 255, (len(corners), 1)))
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(np.concatenate(vertices)), o3d.utility.Vector3iVector(np.concatenate(triangles).astype(np.int32))
    )
    mesh.vertex_colors = o3d.utility.Vector3dVector(np.concatenate(colors))
    cloud = o3d.geometry.PointCloud()
    if scene.has_points(frame_index):
        sweep = scene.still_points(frame_index)
        xyz = np.asarray(as_points("points", sweep)[sweep.is_finite], np.float64)
        if len(xyz):
            cloud.points = o3d.utility.Vector3dVector(xyz)
            paint = point_colors(scene, frame_index, sweep, "lidar", color)[sweep.is_finite]
            cloud.colors = o3d.utility.Vector3dVector(paint / 255)
    outlines = o3d.geometry.LineSet()  # far away a bar is thinner than a pixel; a line never is
    if len(shown.cuboids):
        corners = shown.cuboids.corners_m().reshape(-1, 3)
        lines = (np.array(EDGES)[None] + 8 * np.arange(len(shown.cuboids))[:, None, None]).reshape(-1, 2)
        outlines = o3d.geometry.LineSet(o3d.utility.Vector3dVector(corners), o3d.utility.Vector2iVector(lines.astype(np.int32)))
        outlines.colors = o3d.utility.Vector3dVector(np.repeat(np.array(shown.colors) / 255, len(EDGES), axis=0))
    axes = o3d.geometry.TriangleMesh.create_coordinate_frame(size=1.5)
    return {"axes": axes, "cloud": cloud, "mesh": mesh, "outlines": outlines}


def _cuboid_bars(cuboids: Cuboids, colors: Any) -> list[tuple[Float64s, Float64s, Color, float]]:
    """Edges, and an arrow from the middle of the floor past the front."""
    bars = []
    for corners, color in zip(cuboids.corners_m(), colors):
        bars += [(corners[a], corners[b], color, EDGE_M) for a, b in EDGES]
        floor, front = corners[[2, 3, 6, 7]].mean(0), corners[[2, 3]].mean(0)
        ahead = (front - floor) / np.linalg.norm(front - floor)
        side = (corners[3] - corners[2]) / np.linalg.norm(corners[3] - corners[2])
        tip = front + 0.9 * ahead
        bars.append((floor, tip, (255, 255, 255), 1.6 * EDGE_M))
        bars += [(tip, tip - 0.45 * ahead + sign * 0.3 * side, (255, 255, 255), 1.6 * EDGE_M) for sign in (1, -1)]
    return bars


def _trail_bars(scene: Scene, frame_index: int, frame: str) -> list[tuple[Float64s, Float64s, Color, float]]:
    """Where the objects' floors were in the last frames, seen from now."""
    first = max(0, frame_index - TRAIL_FRAMES)
    if not scene.tracks or first == frame_index:
        return []
    many = interpolate_tracks(scene.tracks, scene.times_ns[first : frame_index + 1])
    places = many.cuboids.center_m - many.cuboids.rotation[..., 2] * many.cuboids.size_m[:, 2:] / 2
    if frame != scene.label_frame:
        places = scene.transform(frame, scene.label_frame, int(scene.times_ns[frame_index])).apply(places)
    bars = []
    for i in range(len(many) - 1):
        together = many.track_index[i] == many.track_index[i + 1] and many.time_index[i] + 1 == many.time_index[i + 1]
        if together and np.linalg.norm(places[i + 1] - places[i]) > 0.03:
            bars.append((places[i], places[i + 1], color_of(scene.tracks[many.track_index[i]].category), EDGE_M))
    return bars


def _prism(start: ArrayLike, end: ArrayLike, thickness_m: float) -> tuple[Float64s, Int32s]:
    """(8, 3) vertices and (12, 3) triangles of a bar between two places."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    along = b - a
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    u = np.cross(along, helper)
    u *= thickness_m / 2 / max(float(np.linalg.norm(u)), 1e-12)
    v = np.cross(along, u)
    v *= thickness_m / 2 / max(float(np.linalg.norm(v)), 1e-12)
    ring = np.array([u + v, u - v, -u - v, -u + v])
    sides = [t for i in range(4) for t in ((i, (i + 1) % 4, i + 4), ((i + 1) % 4, (i + 1) % 4 + 4, i + 4))]
    ends = [(0, 2, 1), (0, 3, 2), (4, 5, 6), (4, 6, 7)]
    return np.concatenate([a + ring, b + ring]), np.array(sides + ends, np.int32)
