"""Power cuts: what a writer asked of the disk is written down, and the disk is made anew as it may have been at any of these moments.

What was flushed is there. Of each later write a cut may have left all, nothing, or some of its 512-byte sectors, whatever came after it. Every such
image must open, be whole, and hold every edit that had been acknowledged. With synchronous=NORMAL it does not: that run must fail.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import boxwright as bw
from store_faults import make

HERE = Path(__file__).parent
SECTOR = 512
WRITER = """
    import sys
    import boxwright as bw
    from store_faults import SCENE, set_x, x_of
    place, n, durable, acknowledged = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "FULL", open(sys.argv[4], "ab", buffering=0)
    with bw.open_project(place, durable=durable) as project:
        keyframe = project.keyframe(SCENE, "w0", 0)
        for x in range(1, n + 1):
            commit = set_x(project, keyframe, x, by="w0", op_id=f"op-{x:08d}")
            acknowledged.write(b"%d\\n" % commit.seq)
            keyframe = project.entity(keyframe.id)
            if x % 25 == 0:
                with project.database.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
"""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler: what SQLite asks of the disk cannot be written down")
    library = tmp_path_factory.mktemp("power") / "recorder.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "power_recorder.c", "-ldl", "-lpthread"], check=True)
    return library


def recorded(recorder, folder, setting, n):
    """(what was there before, the records of n edits)"""
    make(folder / "p", 1)
    with sqlite3.connect(folder / "p/project.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = {path.name: path.read_bytes() for path in (folder / "p").iterdir() if not path.name.endswith("-shm")}
    (folder / "acknowledged").touch()
    names = {"LD_PRELOAD": str(recorder), "RECORD_NAME": "project.db", "RECORD_TO": str(folder / "records")}
    paths = {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    arguments = [str(folder / "p"), str(n), setting, str(folder / "acknowledged")]
    subprocess.run([sys.executable, "-c", textwrap.dedent(WRITER), *arguments], check=True, env={**os.environ, **names, **paths}, timeout=500)
    return before, parsed((folder / "records").read_bytes())


def parsed(raw):
    records, at = [], 0
    while at < len(raw):
        kind, length = chr(raw[at]), raw[at + 1]
        name = raw[at + 2 : at + 2 + length].decode()
        at += 2 + length
        offset, n = struct.unpack_from("<qq", raw, at)
        at += 16
        body = raw[at : at + n] if kind in "WA" else b""
        at += len(body)
        records.append((kind, name, offset, body))
    return records


class Disk:
    """What is surely on it, and what was asked for since, of each file."""

    def __init__(self, before):
        self.durable = {name: bytearray(content) for name, content in before.items()}
        self.pending = {}
        self.acknowledged = 0

    def take(self, record):
        kind, name, _, body = record
        if kind == "A":
            self.acknowledged = int(body.split()[-1])
        elif kind == "S":
            for one in self.pending.pop(name, []):
                apply(self.durable.setdefault(name, bytearray()), one)
        else:
            self.pending.setdefault(name, []).append(record)

    def after_a_cut(self, dice, how):
        """The files as a power cut may have left them. how : "none" of what was not flushed, "all" of it, or "some", sector by sector"""
        files = {name: bytearray(content) for name, content in self.durable.items()}
        for name, records in self.pending.items():
            for one in records:
                kept = {"none": 0, "all": 1}.get(how, dice.choice((0, 0.5, 1)))
                if kept == 1 or (kept and one[0] == "T"):
                    apply(files.setdefault(name, bytearray()), one)
                elif kept:
                    for at in range(0, len(one[3]), SECTOR):
                        if dice.random() < 0.5:
                            apply(files.setdefault(name, bytearray()), ("W", name, one[2] + at, one[3][at : at + SECTOR]))
        return files


def apply(content, record):
    kind, _, offset, body = record
    if kind == "T":
        del content[offset:]
        content.extend(bytes(max(offset - len(content), 0)))
    else:
        content.extend(bytes(max(offset + len(body) - len(content), 0)))
        content[offset : offset + len(body)] = body


def images(recorder, folder, setting, n_edits, n_images, dice):
    """So many images, evenly over the records; what was wrong with them."""
    before, records = recorded(recorder, folder, setting, n_edits)
    disk, counted = Disk(before), {"images": 0, "lost": 0, "most lost": 0, "damaged": 0, "acknowledged": 0}
    each = max(n_images / len(records), 1e-9)
    (folder / "cut").mkdir()
    for i, record in enumerate(records):
        disk.take(record)
        for k in range(int((i + 1) * each) - int(i * each)):
            files = disk.after_a_cut(dice, ("none", "some", "all", "some")[(i + k) % 4])
            seq, is_whole = looked_at(folder / "cut", files)
            counted["images"] += 1
            counted["damaged"] += not is_whole
            counted["lost"] += seq < disk.acknowledged
            counted["most lost"] = max(counted["most lost"], disk.acknowledged - seq)
    counted["acknowledged"] = disk.acknowledged
    return counted


def looked_at(folder, files):
    """(the last transaction, whether all is whole) of an image."""
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    connection = sqlite3.connect(folder / "project.db")
    try:
        connection.execute("PRAGMA synchronous=OFF")  # of who looks: thousands of images need not reach a disk
        is_whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        seq = connection.execute("SELECT max(seq) FROM txn").fetchone()[0]
        # whole or nothing: the state's last change is that of the log, for each thing
        torn = "SELECT count(*) FROM entity e JOIN (SELECT entity_id, max(rev) rev FROM change GROUP BY entity_id) c ON c.entity_id=e.id"
        is_whole &= connection.execute(f"{torn} WHERE c.rev<>e.rev").fetchone()[0] == 0
    except sqlite3.DatabaseError:
        seq, is_whole = 0, False
    finally:
        connection.close()
    return seq, is_whole


def test_no_power_cut_loses_what_was_acknowledged(recorder, tmp_path):
    counted = images(recorder, tmp_path, "FULL", 60, 3800, random.Random(11))
    assert counted["images"] >= 3800 and counted["acknowledged"] == 62, counted
    assert (counted["lost"], counted["damaged"]) == (0, 0), counted
    with bw.open_project(tmp_path / "cut") as project:
        assert bw.fsck(project).damages == []


def test_the_same_without_the_flush_does(recorder, tmp_path):
    """It shows that the test bites: NORMAL does not flush at each commit."""
    counted = images(recorder, tmp_path, "NORMAL", 60, 600, random.Random(12))
    assert counted["lost"] > 50 and counted["most lost"] >= 1, counted
    assert counted["damaged"] == 0, counted
