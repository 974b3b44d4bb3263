"""Attacks on files and what is in them: A5-A7, A9, A10, A21, A24-A26; and that nothing outside the declared folders is ever opened."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import os
import re
import shutil
import signal
import struct
import sys
import sysconfig
import tempfile
import threading
import zlib
from functools import cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

import boxwright
import boxwright as bw
from boxwright.formats.images import image_bytes
from boxwright.formats.picture_process import Decoder
from boxwright.server.beneath import open_beneath, parts_beneath
from serving import is_error, served

SOURCE = Path(boxwright.__file__).parent
UPS = ["../" * n for n in (1, 3, 8)]
PAYLOADS = [
    *(f"{up}etc/passwd" for up in UPS),
    *(quote(f"{up}etc/passwd", safe="") for up in UPS),
    *(quote(quote(f"{up}etc/passwd", safe=""), safe="") for up in UPS),
    *(up.replace("/", "\\") + "windows\\win.ini" for up in UPS),
    *(quote(up.replace("/", "\\"), safe="") for up in UPS),
    "/etc/passwd", "//etc/passwd", "///etc/passwd", "\\etc\\passwd", "C:\\windows\\win.ini", "\\\\evil\\share", "file:///etc/passwd",
    "%2fetc%2fpasswd", "%252fetc%252fpasswd", "..%2f..%2fetc%2fpasswd", "..%c0%af..%c0%afetc%c0%afpasswd", "..%ef%bc%8f..%ef%bc%8fetc",
    "%2e%2e/%2e%2e/etc/passwd", "%2e%2e%2f", "%u002e%u002e%u2215", "..;/..;/etc/passwd", "....//....//etc/passwd", "..././..././etc/passwd",
    ".", "..", "./", "../", "%00", "x%00.png", "%00/etc/passwd", "x\x00", "\u2024\u2024/\u2024\u2024/etc/passwd", "\uff0e\uff0e\uff0fetc", "．．／",
    "/proc/self/environ", "/proc/self/fd/0", "/dev/zero", "/dev/stdin", "~/.ssh/id_rsa", "$HOME", "${HOME}", "`id`", "|id", "con", "nul",
    "a" * 300, "a/" * 200, "../recording-of-others/scene.json", "project.db", "../project/project.db", "serve.lock", "*", "?", "%", "%%", "%2",
]  # fmt: skip
FOREIGN = (b"root:", b"[fonts]", b"SQLite format", b"BEGIN OPENSSH", b"PATH=")


class Watch:
    """What threads of the server open and connect to, while it is on. A hook cannot be taken away again: it stays, and does nothing."""

    def __init__(self):
        self.is_on, self.opened, self.connected, self.mine = False, [], [], None
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.is_on and threading.get_ident() != self.mine:
            if event == "open":
                self.opened.append(arguments[0])
            elif event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
                self.connected.append((event, arguments[0] if event == "subprocess.Popen" else arguments[-1]))

    def __enter__(self):
        self.is_on, self.mine, self.opened, self.connected = True, threading.get_ident(), [], []
        return self

    def __exit__(self, *_):
        self.is_on = False


WATCH = Watch()


def is_allowed(path, server):
    """Of the recording, the project, folders of the server's own, or of Python and what is installed."""
    if isinstance(path, int) or path is None:
        return True
    text = os.fsdecode(path)
    if "/" not in text:  # a component, opened from a handle of its folder
        return text not in ("..", ".")
    folders = [server.folder, SOURCE, *map(Path, {sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], "/proc/self", "/dev/null"})]
    folders += [Path(tempfile.gettempdir()) / "boxwright-", Path(os.environ.get("NUMBA_CACHE_DIR", "/nowhere")), Path.home() / ".cache"]
    whole = os.path.abspath(text)  # noqa: PTH100, links stay as they are; numba names sources as seen from here
    return any(whole.startswith(str(folder)) for folder in folders)


def everything(server, in_full):
    """Whatever ends in a file: points, pictures, exports, checks, and every payload in every place that could be taken for a path."""
    http, base = server.http("ada"), f"/scenes/{server.scene_id}"
    for path in ("points", "image?camera=front", "cuboids", "projection?camera=front"):
        assert http.get(f"{base}/frames/0/{path}").status_code == 200
    assert http.post(f"{base}/frames/1/fit", json={"click_m": [10.5, 1.1, 1.0]}).status_code == 200
    for body in ({"format": "openlabel"}, {"format": "boxwright"}):
        job = http.post(f"{base}/export", json=body).json()
        server.server.app.state.jobs.wait(server.server.app.state.jobs.find("ada", job["job_id"]), 30)
        done = http.get(f"/jobs/{job['job_id']}").json()
        assert done["state"] == "done", done
        assert http.get(f"/exports/{done['result']['export_id']}").content[:2] == b"PK"
    for k, payload in enumerate(PAYLOADS):
        one_of_three = slice(None) if in_full else slice(k % 3, None, 3)
        kept = payload.replace("\x00", "%00").replace("?", "%3F").replace("#", "%23")
        for place in ("entities", "exports", "jobs", "scenes", "tasks", "../../static")[one_of_three]:
            status, _, body = server.get(quote(f"/api/v1/{place}/{kept}", safe="/%.;:*$~"), server.bearer("ada"))
            assert status in (400, 404, 405, 422), (place, payload, status)
            assert not any(word in body for word in FOREIGN)
        for path in (f"/static/{kept}", f"/{kept}", f"/api/v1/{kept}")[one_of_three]:
            status, _, body = server.get(quote(path, safe="/%.;:*$~"))
            assert status in (200, 400, 401, 404) and not any(word in body for word in FOREIGN), (path, status)
        for what, name in (("points", "sensor"), ("image", "camera"), ("cuboids", "frame"))[one_of_three]:
            answer = http.get(f"{base}/frames/0/{what}", params={name: payload})
            assert answer.status_code in (404, 422) and not any(word in answer.content for word in FOREIGN)
        if in_full or k % 3 == 0:
            is_error(http.post(f"{base}/export", json={"format": payload}), 422)


@pytest.mark.parametrize("in_full", [False, pytest.param(True, marks=pytest.mark.full)], ids=["each payload in a third of the places", "in all"])
def test_A05_nothing_outside_is_opened_and_nothing_is_called(server, in_full):
    with WATCH as watch:
        everything(server, in_full)
    assert len(watch.opened) > 10  # it bites
    assert [path for path in watch.opened if not is_allowed(path, server)] == []
    assert [one for one in watch.connected if one[0] != "subprocess.Popen"] == []
    assert all("boxwright.formats.picture_process" in str(one) or sys.executable in str(one) for one in watch.connected)


def test_A05_a_link_in_a_recording_leads_nowhere(tmp_path):
    secret = tmp_path / "secret.bin"
    with served(tmp_path, members=False) as server:
        http, path = server.http("ada"), f"/scenes/{server.scene_id}/frames/0/points"
        before = http.get(path).content
        (sweep,) = [one for one in sorted((tmp_path / "recording").rglob("*")) if one.is_file() and "000000" in one.name and "lidar" in str(one)]
        for name in (sweep, sweep.parent):
            moved = tmp_path / "moved"
            shutil.move(name, moved)
            (secret if name == sweep else tmp_path / "elsewhere").parent.mkdir(exist_ok=True)
            shutil.copytree(moved, tmp_path / "elsewhere") if moved.is_dir() else shutil.copy(moved, secret)
            name.symlink_to(secret if moved.is_file() else tmp_path / "elsewhere")
            body = is_error(http.get(path), 404)
            assert "link" in body["message"] and str(tmp_path) not in str(body)
            name.unlink()
            shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
            shutil.move(moved, name)
        assert http.get(path).content == before
        raw = bytearray(sweep.read_bytes())
        raw[-1] ^= 1
        sweep.write_bytes(raw)
        assert is_error(http.get(path), 409)["code"] == "file-changed"
        sweep.unlink()
        is_error(http.get(path), 404)
        os.mkfifo(sweep)
        is_error(http.get(path), 404)


def test_A05_a_file_that_is_swapped_between_look_and_open(tmp_path):
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "f").write_bytes(b"mine")
    (tmp_path / "out").write_bytes(b"theirs")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            (tmp_path / "root" / "a" / "link").symlink_to(tmp_path / "out")
            (tmp_path / "root" / "a" / "link").replace(tmp_path / "root" / "a" / "f")
            (tmp_path / "root" / "a" / "new").write_bytes(b"mine")
            (tmp_path / "root" / "a" / "new").replace(tmp_path / "root" / "a" / "f")

    thread = threading.Thread(target=swap)
    thread.start()
    seen = {"mine": 0, "refused": 0}
    for _ in range(2000):
        try:
            handle = open_beneath(tmp_path / "root", ("a", "f"), 100)
        except bw.FrameMissing:
            seen["refused"] += 1
            continue
        assert os.read(handle, 100) in (b"mine", b"")
        os.close(handle)
        seen["mine"] += 1
    stop.set()
    thread.join()
    assert seen["mine"] and seen["refused"]


@pytest.mark.parametrize("path", ["/data/../x", "/database/x", "/data", "/data/", "/data/./..", "/data/a\0b", "data/x", "/", "/data/.."])
def test_A05_what_is_not_beneath(path):
    assert parts_beneath(Path(path), Path("/data")) is None
    assert parts_beneath(Path("/data/a/b"), Path("/data")) == ("a", "b")


def test_A06_exports_have_names_of_the_servers(server):
    app = server.server.app
    http = server.http("ada")
    for body in ({"format": "openlabel", "path": "/tmp/x"}, {"format": "openlabel", "name": "../x"}, {"format": "openlabel", "storage": "share"}):
        is_error(http.post(f"/scenes/{server.scene_id}/export", json=body), 422)
    for path in app.state.exports.iterdir():
        assert re.fullmatch(r"[0-9a-f-]{36}", path.name)
    assert "PUT /api/v1/exports" not in str(app.routes)


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@cache
def calls_in(path):
    """(what is called, the call) of a file, and what it imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return [(dotted(node.func), node) for node in nodes if isinstance(node, ast.Call)], imported


def test_A07_no_archive_is_unpacked(server):
    for path in SOURCE.rglob("*.py"):
        for name, _ in calls_in(path)[0]:
            assert name.rpartition(".")[2] not in ("extractall", "unpack_archive") and not name.startswith("tarfile."), path.name
    for path in [*(SOURCE / "server").glob("*.py"), *(SOURCE / "store").glob("*.py")]:
        zips = [node for name, node in calls_in(path)[0] if name.endswith("ZipFile")]
        assert all(ast.unparse(node.args[1]) == "'x'" for node in zips), path.name  # written, never read


TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}",
    "[x](javascript:alert(1))",
    '"><svg/onload=alert(1)>',
]


@pytest.mark.parametrize("text", TEXTS)
def test_A09_labels_are_texts(server, text):
    """They come back as they were, as JSON in which nothing is markup. The page's part of it is tested with the page."""
    project, edits = server.project, server.project.edits("monday")
    edits.add_tag(bw.Tag(text))
    edits.commit("because " + text)
    for path in (f"/scenes/{server.scene_id}/entities?kind=tag", f"/changes/{project.seq}", "/log"):
        answer = server.http("ada").get(path)
        assert answer.headers["content-type"] == "application/json" and "<" not in answer.text and ">" not in answer.text
    assert text in [one["body"]["name"] for one in server.http("ada").get(f"/scenes/{server.scene_id}/entities?kind=tag").json()["entities"]]
    project.undo(project.seq)


def test_A10_no_drawing_language_is_taken_or_served(server, tmp_path):
    with contextlib.closing(Decoder()) as decoder, pytest.raises(bw.FormatError):
        decoder.rgb(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    served_kinds = set(re.findall(r"(?:image|text|application)/[a-z+.-]+", "".join(p.read_text() for p in (SOURCE / "server").glob("*.py"))))
    assert served_kinds <= {
        "application/json", "application/octet-stream", "application/x-ndjson", "application/zip", "image/jpeg", "image/png", "text/html",
        "text/javascript", "text/css",
    }  # fmt: skip


BANNED = {"eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "marshal.loads", "marshal.load", "shelve.open", "yaml.load",
          "torch.load", "jsonpickle.decode", "dill.loads", "os.system", "os.popen"}  # fmt: skip


def test_A21_nothing_that_is_read_is_run():
    for path in SOURCE.rglob("*.py"):
        for name, node in calls_in(path)[0]:
            assert name not in BANNED, f"{path.name}: {name}"
            if name in ("np.load", "numpy.load"):
                assert any(one.arg == "allow_pickle" and ast.unparse(one.value) == "False" for one in node.keywords), path.name
            if name.startswith("subprocess."):
                assert not any(one.arg == "shell" for one in node.keywords), path.name
        assert not calls_in(path)[1] & {"pickle", "marshal", "shelve", "dill", "jsonpickle", "cloudpickle"}, path.name


@pytest.fixture(scope="module")
def decoder():
    made = Decoder()
    yield made
    made.close()


def png(width, height, data):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_A24_a_picture_that_would_fill_the_memory(decoder):
    for width, height in ((60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1), (30_000, 30_000)):
        with pytest.raises(bw.FormatError):
            decoder.rgb(png(width, height, zlib.compress(b"\0" * 1000)))
    assert os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS") is None or int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"]) <= 64_000_000


def test_A25_a_decoder_that_dies_takes_nothing_along(decoder):
    good = image_bytes(np.full((20, 30, 3), 77, np.uint8))
    for hostile in (
        b"",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"GIF89a",
        b"BM" + b"\0" * 60,
        b"II*\0" + b"\xff" * 64,
        good[:-20],
        b"\xff\xd8\xff\xff" + b"\0" * 99,
    ):
        with pytest.raises(bw.FormatError):
            decoder.rgb(hostile)
    decoder.rgb(good)
    os.kill(decoder.process.pid, signal.SIGKILL)
    while decoder.process.pid is not None:
        pass
    assert np.array_equal(decoder.rgb(good), np.full((20, 30, 3), 77, np.uint8))


def test_A25_a_video_that_hangs_its_decoder(server, tmp_path, monkeypatch):
    pytest.importorskip("av", reason="PyAV is not installed (extra 'video')")
    from clips import make_kind, number_in

    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    server.project.import_scene(make_kind(tmp_path, "variable.mp4", 20)[0], name="film")
    http, base = server.http("ada"), f"/scenes/{server.project.scene_id('film')}/frames"

    def picture(i):
        return http.get(f"{base}/{i}/image", params={"camera": "variable", "kind": "png"})

    with contextlib.closing(Decoder()) as decoder:
        assert number_in(decoder.rgb(picture(7).content)) == 7
        (film,) = server.server.app.state.recordings.films._open.values()
        monkeypatch.setattr("boxwright.video.process.PATIENCE_S", 0.3)
        os.kill(film.video.process.pid, signal.SIGSTOP)
        assert "takes too long" in is_error(picture(9), 422)["hint"]
        assert http.get(f"{server.server.url}/health").status_code == 200
        monkeypatch.setattr("boxwright.video.process.PATIENCE_S", 20.0)
        assert number_in(decoder.rgb(picture(12).content)) == 12
        is_error(picture(9), 422)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_A26_cells_are_no_formulas(server, sign):
    """The server makes no CSV; the one place that does, for findings, quotes what a spreadsheet would run."""
    from boxwright.checks.findings import csv_of

    scene = server.project.read("monday")
    evil = f"{sign}cmd|' /C calc'!A0"
    found = bw.check(scene.replace(name=evil, tracks=[track.replace(track_id=f"{evil}{track.track_id}") for track in scene.tracks]), frames=[0])
    assert len(found)
    for row in csv.reader(io.StringIO(csv_of([found]))):
        assert not [cell for cell in row if cell.startswith(("=", "+", "@", "\t", "\r")) or re.match("-[^0-9.]", cell)], row
    assert "text/csv" not in "".join(path.read_text() for path in (SOURCE / "server").glob("*.py"))


@pytest.mark.peers
@pytest.mark.full
def test_A21_bandit_finds_nothing_severe():
    pytest.importorskip("bandit", reason="bandit is not installed (extra 'peers')")
    import subprocess

    done = subprocess.run([sys.executable, "-m", "bandit", "-q", "-r", str(SOURCE), "-lll"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout
