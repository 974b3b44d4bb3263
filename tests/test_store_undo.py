"""Random edits, undos and restores against a model that knows nothing of databases: every state equal, every refusal foreseen."""

from __future__ import annotations

import random

import numpy as np
import pytest

import boxwright as bw
from stores import cuboid

MOST_TRACKS = 60
TIMES = [100 * i for i in range(8)]


class Model:
    """What a scene's tracks should be. things : key -> value; ("t", track) -> (name, category, attributes), ("k", n) -> (track, time, x)

    states : after each transaction; writers : thing -> the transaction that made it what it is, which an undo brings back; left : transaction -> the
    same for what it touched, after it; before : and before it
    """

    def __init__(self):
        self.things, self.writers, self.states, self.changes = {}, {}, {}, {}
        self.left, self.before = {}, {}

    def tracks(self, things=None):
        things = self.things if things is None else things
        found = {key[1]: (value, {}) for key, value in things.items() if key[0] == "t"}
        for key, value in things.items():
            if key[0] == "k":
                found[value[0]][1][value[1]] = value[2]
        return {value[0]: (value[1], dict(value[2]), keyframes) for value, keyframes in found.values()}

    def is_whole(self, things):
        """Every keyframe has its track, every track a keyframe, no two a name or a time."""
        tracks = {key[1] for key in things if key[0] == "t"}
        holders = [value[0] for key, value in things.items() if key[0] == "k"]
        slots = [value[:2] for key, value in things.items() if key[0] == "k"] + [value[0] for key, value in things.items() if key[0] == "t"]
        return set(holders) == tracks and len(set(slots)) == len(slots)

    def done(self, seq, fresh, undo_of=None):
        """A transaction that left `fresh`."""
        touched = {key for key in {*self.things, *fresh} if self.things.get(key) != fresh.get(key)}
        self.changes[seq] = {key: self.things.get(key) for key in touched}
        self.before[seq] = {key: self.writers.get(key, 0) for key in touched}
        made = dict.fromkeys(touched, seq) if undo_of is None else {key: self.before[undo_of].get(key, seq) for key in touched}
        self.left[seq] = made
        self.writers |= made
        self.things = fresh
        self.states[seq] = dict(fresh)

    def undone(self, seq):
        """What an undo would leave, or None where it must be refused."""
        if any(self.writers[key] != self.left[seq][key] for key in self.changes[seq]):
            return None
        fresh = dict(self.things)
        for key, before in self.changes[seq].items():
            fresh.pop(key, None)
            if before is not None:
                fresh[key] = before
        return fresh if self.is_whole(fresh) else None


class Machine:
    """The project and the model, taking the same steps."""

    def __init__(self, project, dice):
        self.project, self.dice, self.model = project, dice, Model()
        times = np.array(TIMES)
        scene = bw.Scene("clip", times, {"lidar": bw.Lidar("lidar")}, label_frame="lidar")
        self.model.states[project.add_scene(scene).seq] = {}
        self.n, self.counts = 0, dict.fromkeys(("done", "refused"), 0)
        self.ids = {}  # thing -> entity id

    def new(self, kind):
        self.n += 1
        return (kind, self.n)

    def pick(self, kind):
        keys = [key for key in self.model.things if key[0] == kind]
        return self.dice.choice(keys) if keys else None

    def stored(self, track_key):
        return self.project.track("clip", self.model.things["t", track_key][0])

    def commit(self, edits, fresh):
        """Where the model finds it whole it must be done, and refused otherwise."""
        before = self.project.seq
        if self.model.is_whole(fresh):
            seq = edits.commit().seq
            assert seq == before + 1
            self.model.done(seq, fresh)
            self.counts["done"] += 1
        else:
            with pytest.raises((bw.ConflictError, bw.ArgumentError)):
                edits.commit()
            assert self.project.seq == before
            self.counts["refused"] += 1

    # ------------------------------------------------------------ steps

    def add_track(self):
        key, fresh, x = self.new("t"), dict(self.model.things), float(self.n)
        times = sorted(self.dice.sample(TIMES, self.dice.randint(1, 3)))
        cuboids = bw.Cuboids([[x + i, 1, 2] for i in range(len(times))], [[4.0, 2, 1.5]] * len(times), 0.0, frame="lidar")
        fresh[key] = (f"t{key[1]}", "car", ())
        for i, t in enumerate(times):
            fresh[self.new("k")] = (key[1], t, x + i)
        edits = self.project.edits("clip")
        edits.add_track(bw.Track(f"t{key[1]}", "car", times, cuboids))
        self.commit(edits, fresh)

    def add_keyframe(self):
        if (key := self.pick("t")) is None:
            return
        t, x, fresh = self.dice.choice(TIMES), float(self.n), dict(self.model.things)
        fresh[self.new("k")] = (key[1], t, x)
        edits = self.project.edits("clip")
        edits.add_keyframe(self.stored(key[1]), t, cuboid(x))
        self.commit(edits, fresh)

    def move_keyframe(self):
        if (key := self.pick("k")) is None:
            return
        track, t, _ = self.model.things[key]
        x = float(self.dice.randint(0, 10**6))
        edits = self.project.edits("clip")
        edits.move_keyframe(self.stored(track), t, cuboid(x))
        self.commit(edits, {**self.model.things, key: (track, t, x)})

    def shift_keyframe(self):
        if (key := self.pick("k")) is None:
            return
        track, t, x = self.model.things[key]
        to = self.dice.choice([one for one in TIMES if one != t])
        edits = self.project.edits("clip")
        edits.set_keyframe(self.stored(track).keyframe(t), time_ns=to)
        self.commit(edits, {**self.model.things, key: (track, to, x)})

    def delete_keyframe(self):
        if (key := self.pick("k")) is None:
            return
        track, t, _ = self.model.things[key]
        edits = self.project.edits("clip")
        edits.delete_keyframe(self.stored(track).keyframe(t))
        self.commit(edits, {other: value for other, value in self.model.things.items() if other != key})

    def delete_track(self):
        if (key := self.pick("t")) is None:
            return
        edits = self.project.edits("clip")
        edits.delete_track(self.stored(key[1]))
        self.commit(edits, {other: value for other, value in self.model.things.items() if other != key and (other[0] == "t" or value[0] != key[1])})

    def set_attribute(self):
        if (key := self.pick("t")) is None:
            return
        name, category, attributes = self.model.things[key]
        attributes = {**dict(attributes), self.dice.choice("abc"): self.dice.randint(0, 10**6)}
        edits = self.project.edits("clip")
        edits.set_attributes(self.stored(key[1]), attributes)
        self.commit(edits, {**self.model.things, key: (name, category, tuple(sorted(attributes.items())))})

    def split(self):
        if (key := self.pick("t")) is None:
            return
        keyframes = sorted((value[1], other) for other, value in self.model.things.items() if other[0] == "k" and value[0] == key[1])
        if len(keyframes) < 2:
            return
        at, new, fresh = self.dice.choice(keyframes[1:])[0], self.new("t"), dict(self.model.things)
        fresh[new] = (f"t{new[1]}", *fresh[key][1:])
        for t, other in keyframes:
            if t >= at:
                fresh[other] = (new[1], *fresh[other][1:])
        edits = self.project.edits("clip")
        edits.split(self.stored(key[1]), at, f"t{new[1]}")
        self.commit(edits, fresh)

    def merge(self):
        one, two = self.pick("t"), self.pick("t")
        if one is None or one == two:
            return
        fresh = {other: value for other, value in self.model.things.items() if other != one}
        for other, value in fresh.items():
            if other[0] == "k" and value[0] == one[1]:
                fresh[other] = (two[1], *value[1:])
        edits = self.project.edits("clip")
        edits.merge(self.stored(one[1]), self.stored(two[1]))
        self.commit(edits, fresh)

    def undo(self):
        if not self.model.changes:
            return
        recent = sorted(self.model.changes)[-8:]
        seq = self.dice.choice(recent if self.dice.random() < 0.8 else sorted(self.model.changes))
        fresh, before = self.model.undone(seq), self.project.seq
        if fresh is None:
            with pytest.raises(bw.ConflictError):
                self.project.undo(seq)
            assert self.project.seq == before
            self.counts["refused"] += 1
        else:
            commit = self.project.undo(seq)
            assert commit.undo_of == seq
            self.model.done(commit.seq, fresh, seq)
            self.counts["done"] += 1

    def restore(self):
        seq = self.dice.choice(sorted(self.model.states)[-12:])
        edits = self.project.edits("clip")
        edits.restore(self.project.entity(self.project.scene_id("clip")), seq)
        self.commit(edits, dict(self.model.states[seq]))

    STEPS = (add_track, add_keyframe, move_keyframe, shift_keyframe, delete_keyframe, delete_track, set_attribute, split, merge, undo, restore)
    WEIGHTS = (6, 6, 8, 4, 4, 1, 4, 2, 2, 10, 1)

    def step(self):
        """Of a scene that is full a track goes: one that grows and grows is read ever more slowly, and shows nothing more."""
        is_full = sum(key[0] == "t" for key in self.model.things) > MOST_TRACKS
        (Machine.delete_track if is_full else self.dice.choices(self.STEPS, self.WEIGHTS)[0])(self)

    def check(self, at=None):
        scene = self.project.read("clip", at)
        found = {}
        for track in scene.tracks:
            keyframes = dict(zip(track.times_ns.tolist(), track.cuboids.center_m[:, 0].tolist()))
            found[track.track_id] = (track.category, dict(track.attributes), keyframes)
        assert found == self.model.tracks(self.model.states[at] if at is not None else None)


def run(place, n, seed, every):
    with bw.create_project(place) as project:
        machine = Machine(project, random.Random(seed))
        for k in range(n):
            machine.step()
            if k % every == 0:
                machine.check()
            if k % (10 * every) == 0:
                machine.check(machine.dice.choice(sorted(machine.model.states)))
        machine.check()
        assert machine.counts["done"] > n / 2 and machine.counts["refused"] > n / 50, machine.counts
        assert bw.fsck(project).damages == []


def test_hundreds_of_steps(tmp_path):
    run(tmp_path / "p", 400, 1, 5)


def test_some_steps_on_both(place):
    run(place, 150, 2, 3)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_ten_thousand_steps(place):
    run(place, 10_000, 3, 10)


def test_edits_of_one_keyframe_are_taken_back_one_after_the_other(place):
    """And brought again one after the other; what somebody else does in between is in the way."""
    with bw.create_project(place) as project:
        scene = bw.Scene("clip", np.array(TIMES), {"lidar": bw.Lidar("lidar")}, label_frame="lidar")
        project.add_scene(scene.replace(tracks=[bw.Track("t", "car", TIMES[:1], cuboid(0.0).as_cuboids().replace(frame="lidar"))]))
        x_now = lambda: float(project.track("clip", "t").track.cuboids.center_m[0, 0])  # noqa: E731

        def move(x):
            edits = project.edits("clip")
            edits.move_keyframe(project.track("clip", "t"), TIMES[0], cuboid(x))
            return edits.commit().seq

        done = [move(x) for x in (1.0, 2.0, 3.0)]
        back = []
        for seq, x in zip(reversed(done), (2.0, 1.0, 0.0)):
            back.append(project.undo(seq).seq)
            assert x_now() == x
        with pytest.raises(bw.ConflictError):
            project.undo(done[0])  # it is taken back already
        again = []
        for seq, x in zip(reversed(back), (1.0, 2.0, 3.0)):
            again.append(project.undo(seq).seq)
            assert x_now() == x
        project.undo(again[-1])
        assert x_now() == 2.0
        move(9.0)
        with pytest.raises(bw.ConflictError, match="later edits"):
            project.undo(done[1])
        assert bw.fsck(project).damages == []
