"""A project on a real server on loopback, with an account of every role, for the tests of the server and of attacks on it."""

from __future__ import annotations

import contextlib
import json
import socket
import uuid
from dataclasses import dataclass, field

import httpx
import numpy as np

import boxwright as bw
from boxwright.server import Server
from formats_scenes import CAM_AXES, MemoryData

ROLES = {"vic": ["viewer"], "anna": ["annotator"], "ben": ["reviewer"], "ada": ["admin"]}
ACTORS = ("anonymous", "stranger", "eve", "vic", "anna", "ben", "ada", "detector")


def recorded_scene(n_frames=3):
    """A car and a person before a wall of points, seen by a LiDAR and a camera."""
    rng = np.random.default_rng(7)
    times = 1_700_000_000_000_000_000 + np.arange(n_frames) * 100_000_000
    trajectory = bw.Trajectory(np.append(times, times[-1] + 10**8), [bw.Pose.from_yaw(0.0, (0.5 * i, 0, 0)) for i in range(n_frames + 1)])
    camera = bw.CameraSensor("front", bw.PinholeCamera(64, 48, 40, 40, 31.5, 23.5), bw.Pose(CAM_AXES, (1.0, 0.0, 1.5)))
    car = bw.Cuboids([[12.0, 2, 0.8], [12.5, 2, 0.8]], [[4.2, 1.8, 1.6]] * 2, 0.1, frame="world")
    person = bw.Cuboids([[9.0, -3, 0.9]], [[0.6, 0.6, 1.8]], 0.0, frame="world")
    tracks = [bw.Track("car-1", "car", times[[0, -1]], car), bw.Track("person-1", "person", times[:1], person)]
    boxes = bw.ImageTrack("box-1", "car", "front", times[:1], bw.Boxes(np.array([[5.0, 6, 20, 30]])))
    sweeps, images = {}, {}
    for i in range(n_frames):
        ground = np.column_stack([rng.uniform(2, 30, 600), rng.uniform(-10, 10, 600), rng.normal(0, 0.01, 600)])
        side = np.column_stack([rng.uniform(10, 14.1, 300), np.full(300, 1.1), rng.uniform(0.2, 1.6, 300)])
        rear = np.column_stack([np.full(150, 9.95), rng.uniform(1.1, 2.9, 150), rng.uniform(0.2, 1.6, 150)])
        xyz = np.concatenate([ground, side - [0.5 * i, 0, 0], rear - [0.5 * i, 0, 0]]).astype(np.float32)
        ring = (np.arange(len(xyz)) % 16).astype(np.uint8)
        sweeps[i, "lidar"] = bw.Sweep(xyz, int(times[i]), intensity=rng.integers(0, 255, len(xyz)).astype(np.uint8), fields={"ring": ring})
        images[i, "front"] = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
    lidars = {"lidar": bw.Lidar("lidar", bw.Pose.identity(), ((0.0, 0.0, 1.8),))}
    data = MemoryData(sweeps, images)
    return bw.Scene("monday", times, lidars, {"front": camera}, trajectory, tracks, image_tracks=[boxes], tags=[bw.Tag("rain")], data=data)


@dataclass
class Served:
    """url, host : of the server; project : as the host has it; tokens : name -> secret"""

    server: Server
    project: bw.Project
    tokens: dict[str, str]
    folder: object
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    @property
    def host(self):
        return f"127.0.0.1:{self.server.port}"

    @property
    def api(self):
        return f"{self.server.url}/api/v1"

    def http(self, name=None):
        """A client of an account, or of nobody."""
        if name not in self.clients:
            headers = {} if name in (None, "anonymous") else {"Authorization": f"Bearer {self.tokens[name]}"}
            self.clients[name] = httpx.Client(base_url=self.api, headers=headers, timeout=120, trust_env=False)
        return self.clients[name]

    def raw(self, data, timeout=10):
        """What comes back for bytes, until the server closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while part := connection.recv(1 << 16):
                    answer += part
            return answer

    def get(self, path, *headers, host=None, method="GET", body=b""):
        """(status, headers, body) of a request that no client library would send."""
        lines = [f"{method} {path} HTTP/1.1", *([f"Host: {self.host}"] if host is None else [f"Host: {one}" for one in host]), *headers]
        answer = self.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape") + body)
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head.decode("latin-1").lower(), rest

    def bearer(self, name):
        return f"Authorization: Bearer {self.tokens[name]}"

    @property
    def scene_id(self):
        return self.project.scene_id("monday")


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def change(rev):
    return {"If-Match": f'"{rev}"', **key()}


@contextlib.contextmanager
def served(folder, *, members=True, **changes):
    """members : whether roles are told; without them every account may do everything. changes : of Settings"""
    bw.write(recorded_scene(), folder / "recording")
    with bw.create_project(folder / "other") as other:
        other.accounts.add("stranger")
        stranger = other.accounts.make_token("stranger")[1]
    with bw.create_project(folder / "project", "street") as project:
        project.import_scene(folder / "recording", name="monday")
        tokens = {"stranger": stranger}
        for name in [*ROLES, "eve", "detector"]:
            project.accounts.add(name, "machine" if name == "detector" else "human")
            scope = ["import", "predict", "export"] if name == "detector" else ["all"]
            tokens[name] = project.accounts.make_token(name, scope)[1]
        if members:
            edits = [{"verb": "set_member", "account": name, "roles": ROLES[name]} for name in ("ada", "ben", "anna", "vic")]
            project.commit([*edits, {"verb": "set_member", "account": "detector", "roles": ["machine"], "scopes": ["import", "predict", "export"]}])
        docs = changes.pop("has_docs", False)
        usual = {"writes_per_s": 10_000, "works_at_once": 100, "bad_tokens_per_minute": 1_000_000}
        server = Server(project, port=0, has_docs=docs, changes={**usual, **changes})
        with server.in_background():
            made = Served(server, project, tokens, folder)
            yield made
            for client in made.clients.values():
                client.close()


def is_error(answer, status):
    """One shape: application/json, five fields, one sentence."""
    body = json.loads(answer.content)
    assert answer.status_code == status, (answer.status_code, body)
    assert answer.headers["content-type"] == "application/json"
    assert {"code", "message", "field", "got", "limit", "hint"} <= set(body) <= {"code", "message", "field", "got", "limit", "hint", "conflicts"}
    assert body["message"] and "\n" not in body["message"]
    return body
