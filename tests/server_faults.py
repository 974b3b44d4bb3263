"""The same faults through HTTP: a server that is killed while people edit, 16 of them on one keyframe, answers that are lost. Also a program:

python tests/server_faults.py kills --n 100
python tests/server_faults.py writers --n 10000
python tests/server_faults.py retries --n 10000
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boxwright as bw
from store_faults import SCENE, make, x_of

CHILD = """
import sys, boxwright as bw
from boxwright.server import Server
with bw.open_project(sys.argv[1]) as project:
    server = Server(project, port=0, changes={"writes_per_s": 10**6, "writes_at_once": 1000})
    print(server.port, flush=True)
    server.run()
"""


def tokens_of(place, n):
    with bw.open_project(place) as project:
        for k in range(n):
            project.accounts.add(f"w{k}")
        return [project.accounts.make_token(f"w{k}")[1] for k in range(n)]


class Running:
    """A server in a process of its own."""

    def __init__(self, place):
        self.child = subprocess.Popen([sys.executable, "-c", CHILD, str(place)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(60)
        self.child.stdout.close()

    def stop(self):
        self.child.terminate()
        self.child.wait(60)
        self.child.stdout.close()


def ask(port, token, method, path, body=None, connection=None, **headers):
    made = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = {"Authorization": f"Bearer {token}", **{key.replace("_", "-"): value for key, value in headers.items()}}
    sent |= {} if body is None else {"Content-Type": "application/json"}
    made.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), sent)
    answer = made.getresponse()
    data = answer.read()
    if connection is None:
        made.close()
    return answer.status, json.loads(data)


def patch(port, token, entity, x, op_id, connection=None):
    body = {"verb": "move_keyframe", "shape": {"center_m": [float(x), 0.0, 0.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.0}}
    return ask(port, token, "PATCH", f"/entities/{entity['id']}", body, connection, If_Match=f'"{entity["rev"]}"', Idempotency_Key=op_id)


def entity_of(port, token, entity_id, connection=None):
    return ask(port, token, "GET", f"/entities/{entity_id}", connection=connection)[1]


def keyframe_ids(place, names):
    with bw.open_project(place) as project:
        return [project.keyframe(SCENE, name, 0).id for name in names]


def kill_servers(place, n, dice, n_writers=4):
    """n times: writers edit until the server is killed; then everything it had acknowledged is looked for. Returns what was counted."""
    counted = {"kills": 0, "acknowledged": 0, "lost": 0, "damages": 0}
    tokens, ids = tokens_of(place, n_writers), keyframe_ids(place, [f"w{k}" for k in range(n_writers)])
    while counted["kills"] < n:
        server, said = Running(place), []

        def write(k, port=server.port, said=said):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                one = entity_of(port, tokens[k], ids[k], connection)
                while True:
                    op_id = str(uuid.uuid4())
                    status, answer = patch(port, tokens[k], one, one["body"]["center_m"][0] + 1, op_id, connection)
                    assert status == 200, answer
                    said.append((answer["seq"], op_id))
                    one = entity_of(port, tokens[k], ids[k], connection)
            except (OSError, http.client.HTTPException, ValueError):
                pass  # the server is gone
            finally:
                connection.close()

        threads = [threading.Thread(target=write, args=(k,)) for k in range(n_writers)]
        for thread in threads:
            thread.start()
        end = time.time() + 30
        while not said and time.time() < end:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3))
        server.kill()
        for thread in threads:
            thread.join()
        with bw.open_project(place) as project:
            log = {commit.op_id: commit.seq for commit in project.log(most=len(said) + 100)}
            counted["lost"] += sum(log.get(op_id) != seq for seq, op_id in said)
            counted["acknowledged"] += len(said)
            counted["damages"] += bw.fsck(project).n_damages
        counted["kills"] += 1
    return counted


def writers(place, n, n_writers=16):
    """So many clients that each want to count up the same keyframe: n accepted edits in all."""
    tokens, (entity_id,) = tokens_of(place, n_writers), keyframe_ids(place, ["w0"])
    server, told, refused, wrong = Running(place), [], [], []

    def write(k):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        one = entity_of(server.port, tokens[k], entity_id, connection)
        for _ in range(n // n_writers):
            while True:
                x = one["body"]["center_m"][0] + 1
                status, answer = patch(server.port, tokens[k], one, x, str(uuid.uuid4()), connection)
                if status == 200:
                    told.append(answer["seq"])
                    one = {"id": entity_id, "rev": answer["revisions"][entity_id], "body": {"center_m": [x]}}
                    break
                refused.append(status)
                if status != 412 or answer["conflicts"][0]["rev"] <= one["rev"] or not answer["conflicts"][0]["account"]:
                    wrong.append(answer)
                    one = entity_of(server.port, tokens[k], entity_id, connection)
                else:  # the refusal tells what is there now: nothing needs to be asked for
                    one = {"id": entity_id, **{key: answer["conflicts"][0][key] for key in ("rev", "body")}}
        connection.close()

    threads = [threading.Thread(target=write, args=(k,)) for k in range(n_writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop()
    with bw.open_project(place) as project:
        accepted = {commit.seq for commit in project.log() if commit.verb == "move_keyframe"}
        x = x_of(project.keyframe(SCENE, "w0", 0))
        lost = n // n_writers * n_writers - x + len(set(told) ^ accepted) + len(told) - len(set(told))
        return {"accepted": len(told), "x": x, "refused": len(refused), "wrong": len(wrong), "lost": lost, "damages": bw.fsck(project).n_damages}


def retries(place, n, dice):
    """Every request is sent three times: at once, with answers that are never read, and again. Effects are as many as op_ids."""
    (token,), (entity_id,) = tokens_of(place, 1), keyframe_ids(place, ["w0"])
    server = Running(place)
    wrong = 0
    for k in range(n):
        one, op_id = entity_of(server.port, token, entity_id), str(uuid.uuid4())
        if k % 3 == 0:  # sent, and not waited for
            body = json.dumps({"verb": "move_keyframe", "shape": {"center_m": [k + 1.0, 0.0, 0.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.0}})
            lines = [f"PATCH /api/v1/entities/{entity_id} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {token}"]
            lines += [
                f'If-Match: "{one["rev"]}"',
                f"Idempotency-Key: {op_id}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                "",
                body,
            ]
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall("\r\n".join(lines).encode())
                time.sleep(dice.uniform(0, 0.01))
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(lambda _, *said: patch(server.port, token, *said), *zip(*[(0, one, k + 1, op_id)] * 3)))
        wrong += len({json.dumps(answer) for _, answer in found}) != 1 or found[0][0] != 200
    server.stop()
    with bw.open_project(place) as project:
        effects = sum(commit.verb == "move_keyframe" for commit in project.log())
        return {"requests": n, "effects": effects, "wrong": wrong, "lost": abs(effects - n), "damages": bw.fsck(project).n_damages}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["kills", "writers", "retries"])
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "project"
        make(place, 16)
        start, dice = time.time(), random.Random(options.seed)
        work = {"kills": lambda: kill_servers(place, options.n, dice), "writers": lambda: writers(place, options.n)}
        counted = work.get(options.what, lambda: retries(place, options.n, dice))()
    sys.stdout.write(f"{counted} in {time.time() - start:.0f} s\n")
    sys.exit(bool(counted["lost"] or counted["damages"] or counted.get("wrong")))


if __name__ == "__main__":
    main()
