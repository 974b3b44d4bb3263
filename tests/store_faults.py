"""Writers that are killed, that all want one keyframe, and that go on while backups are made. Also a program, for as long as one likes:

    python tests/store_faults.py kills --n 3000 [--project URL]
    python tests/store_faults.py writers --n 10000 [--project URL]

It ends with what was counted, and with exit code 1 where anything acknowledged was lost.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import boxwright as bw

SCENE = "clip"


def make(place, n_tracks):
    """A project with one track of one keyframe for each writer."""
    tracks = [bw.Track(f"w{k}", "car", [0], bw.Cuboids([[0.0, 0, 0]], [[4.0, 2, 1.5]], 0.0, frame="lidar")) for k in range(n_tracks)]
    scene = bw.Scene(SCENE, np.arange(10), {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")
    with bw.create_project(place, "faults") as project:
        project.add_scene(scene)


def set_x(project, keyframe, x, **how):
    """One request; the keyframe's x is what the writer counts with."""
    shape = {"center_m": [float(x), 0.0, 0.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.0}
    return project.commit([{"verb": "move_keyframe", "id": keyframe.id, "rev": keyframe.rev, "shape": shape}], **how)


def x_of(keyframe):
    return int(keyframe.body["center_m"][0])


def write_on(place, k, out, stop_at=None):
    """Counts up its own keyframe for ever; what is acknowledged goes to `out`, as "seq op_id x"."""
    with bw.open_project(place) as project:
        keyframe = project.keyframe(SCENE, f"w{k}", 0)
        x = x_of(keyframe)
        while stop_at is None or x < stop_at:
            x += 1
            op_id = f"{os.getpid():08d}-{x:08d}"
            commit = set_x(project, keyframe, x, by=f"w{k}", op_id=op_id)
            os.write(out, f"{commit.seq} {op_id} {x}\n".encode())
            keyframe = project.entity(keyframe.id)


def forked(work, *arguments):
    """A child that does the work and leaves without any cleaning up; its id and the end of its pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            work(*arguments, writing)
            code = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    return child, reading


def drained(reading):
    """All that came through a pipe whose writer is gone; a line that was cut off is none."""
    parts = []
    while part := os.read(reading, 1 << 16):
        parts.append(part)
    os.close(reading)
    return [line.split() for line in b"".join(parts).decode().split("\n")[:-1]]


def kill_writers(place, n, dice, n_writers=2):
    """n times: writers that are killed at a random moment, then a look at what they had been told. Returns what was counted."""
    counted = {"kills": 0, "acknowledged": 0, "lost": 0, "unacknowledged": 0, "damages": 0}
    last_seq = 0
    while counted["kills"] < n:
        children = [forked(write_on, place, k) for k in range(n_writers)]
        select.select([reading for _, reading in children], [], [], 60)  # until one has said something
        time.sleep(dice.uniform(0, 0.15))
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
        for child, _ in children:
            os.waitpid(child, 0)
        said = [line for _, reading in children for line in drained(reading)]
        with bw.open_project(place) as project:
            seq = project.seq
            log = {commit.op_id: commit for commit in project.log(most=seq - last_seq)} if seq > last_seq else {}
            last_seq = seq
            for number, op_id, _ in said:
                counted["lost"] += op_id not in log or log[op_id].seq != int(number)
            for k in range(n_writers):
                last = max([int(x) for _, op_id, x in said if op_id in log and log[op_id].account == f"w{k}"], default=0)
                counted["lost"] += x_of(project.keyframe(SCENE, f"w{k}", 0)) < last
            counted["kills"] += n_writers
            counted["acknowledged"] += len(said)
            counted["unacknowledged"] += len([one for one in log.values() if one.verb == "move_keyframe"]) - len(said)
            if counted["kills"] % 20 == 0 or counted["kills"] >= n:
                counted["damages"] += bw.fsck(project).n_damages
    return counted


def add_to_one(place, n, _, out):
    """Adds 1 to the shared keyframe n times, and says how often it was refused. A refusal tells what is there now: nothing needs to be read again."""
    refused = 0
    with bw.open_project(place) as project:
        keyframe = project.keyframe(SCENE, "w0", 0)
        for _ in range(n):
            while True:
                x = x_of(keyframe) + 1
                try:
                    commit = set_x(project, keyframe, x)
                except bw.ConflictError as error:
                    (now,) = error.conflicts
                    assert now["rev"] > keyframe.rev
                    keyframe = dataclasses.replace(keyframe, rev=now["rev"], body=now["body"])
                    refused += 1
                    continue
                os.write(out, f"{commit.seq} {refused}\n".encode())
                keyframe = dataclasses.replace(keyframe, rev=commit.revisions[keyframe.id], body={"center_m": [x]})
                break


def many_writers(place, n, n_writers=16):
    """So many processes that each want to count up the same keyframe: n accepted edits in all."""
    share = n // n_writers
    children = [forked(add_to_one, place, share, k) for k in range(n_writers)]
    said = [drained(reading) for _, reading in children]
    codes = [os.waitpid(child, 0)[1] for child, _ in children]
    with bw.open_project(place) as project:
        accepted = {commit.seq for commit in project.log() if commit.verb == "move_keyframe"}
        x = x_of(project.keyframe(SCENE, "w0", 0))
        told = [int(seq) for lines in said for seq, _ in lines]
        refused = sum(int(lines[-1][1]) for lines in said if lines)
        damages = bw.fsck(project).n_damages
    lost = share * n_writers - x + len(set(told) ^ accepted) + len(told) - len(set(told))
    return {"accepted": len(told), "x": x, "refused": refused, "lost": lost, "failed": sum(code != 0 for code in codes), "damages": damages}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["kills", "writers"])
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--project", help="where to make it; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.project or Path(folder) / "project"
        make(place, 16)
        start = time.time()
        counted = kill_writers(place, options.n, random.Random(options.seed)) if options.what == "kills" else many_writers(place, options.n)
    sys.stdout.write(f"{counted} in {time.time() - start:.0f} s\n")
    sys.exit(bool(counted["lost"] or counted["damages"] or counted.get("failed")))


if __name__ == "__main__":
    main()
