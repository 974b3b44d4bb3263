"""Members, what each may do, and what each is shown."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import boxwright as bw
from boxwright.store.entities import LABELS
from boxwright.store.requests import ACTIONS
from boxwright.store.roles import RIGHTS, SCOPES, Action, Right, Role, Standing, Where, permit, permits
from boxwright.store.verbs import VERBS
from stores import clip, cuboid

# the table of the contract, written down a second time: a cell that is missing here or there fails
EXPECTED = """
action               viewer  annotator  reviewer  admin  machine
read the project     yes     own        yes       yes    predict,export
edit labels          no      own        reviewed  no     predict
work on tasks        no      yes        no        no     no
judge work           no      no         yes       no     no
see gold answers     no      no         yes       yes    no
keep findings        no      no         yes       yes    predict
waive findings       no      no         yes       yes    no
undo others' edits   no      no         yes       yes    no
import scenes        no      no         no        yes    import
export               no      no         yes       yes    export
administer           no      no         no        yes    no
"""


def table():
    head, *rows = [line.split("  ") for line in EXPECTED.strip().splitlines()]
    roles = [word.strip() for word in head if word.strip()][1:]
    for row in rows:
        action, *cells = [word.strip() for word in row if word.strip()]
        yield from ((Role(role), Action(action), cell) for role, cell in zip(roles, cells, strict=True))


def test_every_role_has_a_right_of_every_action():
    assert {(role, action) for role, action, _ in table()} == set(itertools.product(Role, Action)) == set(RIGHTS)


@pytest.mark.parametrize("where", [Where(a, b, c) for a, b, c in itertools.product((False, True), repeat=3)])
def test_the_table(where):
    for role, action, cell in table():
        if role is Role.MACHINE:
            for scope in ("import", "predict", "export"):
                who = Standing("x", frozenset({role}), frozenset({scope}))
                there = action is not Action.EDIT or not where.is_begun
                assert permits(who, action, where) == (scope in cell.split(",") and there), (scope, action)
            continue
        expected = {"yes": True, "no": False, "own": where.is_own, "reviewed": where.is_reviewed}[cell]
        assert permits(Standing("x", frozenset({role})), action, where) == expected, (role, action)


def test_roles_add_up_and_nobody_has_none():
    both = Standing("x", frozenset({Role.ADMIN, Role.ANNOTATOR}))
    assert permits(both, Action.EDIT, Where(is_own=True)) and not permits(both, Action.EDIT, Where())
    for action in Action:
        assert permits(Standing("x", is_alone=True), action, Where())
        assert not permits(Standing("x"), action)
        assert not permits(Standing("x", frozenset({Role.MACHINE})), action)


def test_a_token_narrows_and_never_widens():
    who = Standing("x", frozenset({Role.ADMIN}), frozenset({"export"}))
    assert [action for action in Action if permits(who, action)] == [Action.READ, Action.EXPORT]
    assert not permits(Standing("x", frozenset({Role.VIEWER}), frozenset({"export"})), Action.EXPORT)
    assert [action for action in Action if permits(Standing("x", frozenset({Role.ADMIN}), frozenset({"read"})), action)] == [Action.READ]
    for role, action in itertools.product((Role.VIEWER, Role.ADMIN), Action):
        assert permits(Standing("x", frozenset({role}), frozenset({"all"})), action) == permits(Standing("x", frozenset({role})), action)
    assert set(SCOPES) == {"all", "read", "import", "predict", "export"}
    assert [action for action in Action if permits(Standing("x", is_alone=True, scopes=frozenset({"import"})), action)] == [Action.IMPORT]


@pytest.mark.parametrize(
    ("who", "action", "where", "sentence"),
    [
        (Standing("eve"), Action.READ, Where(), "no member of the project: got 'eve'; an admin adds members"),
        (Standing("ann", frozenset({Role.ANNOTATOR})), Action.JUDGE, Where(), "may not judge work: got 'ann', annotator; reviewer may"),
        (
            Standing("ann", frozenset({Role.ANNOTATOR})),
            Action.EDIT,
            Where(),
            "may edit labels only in own tasks: got 'ann', annotator; take the task, or ask whoever has it",
        ),
        (
            Standing("bot", frozenset({Role.MACHINE}), frozenset({"import"})),
            Action.EXPORT,
            Where(),
            "its token or scope does not allow to export: got 'bot', machine; scopes are all, read, import, predict, export",
        ),
    ],
)
def test_a_refusal_says_who_may(who, action, where, sentence):
    with pytest.raises(bw.AccessDenied) as caught:
        permit(who, action, where)
    assert str(caught.value) == sentence


def test_every_verb_asks_for_an_action():
    assert set(ACTIONS) == set(VERBS)
    labels = [verb for verb, action in ACTIONS.items() if action is Action.EDIT]
    assert all(any(kind in verb for verb in labels) for kind in LABELS)
    assert Right.NO in RIGHTS.values()


# ------------------------------------------------------------ in a project


@pytest.fixture
def staffed(project):
    project.add_scene(clip(), by="host")
    members = {"boss": ["admin"], "ann": ["annotator"], "rev": ["reviewer"], "vic": ["viewer"]}
    for account, roles in members.items():
        project.commit([{"verb": "set_member", "account": account, "roles": roles}], by="host")
    return project


def test_nobody_changes_his_own_roles(staffed):
    boss = staffed.acting_as("boss")
    boss.commit([{"verb": "set_member", "account": "bob", "roles": ["admin"]}])
    for edit in (
        {"verb": "set_member", "account": "boss", "roles": ["admin", "annotator"], "rev": 1},
        {"verb": "remove_member", "account": "boss", "rev": 1},
    ):
        with pytest.raises(bw.AccessDenied, match="nobody changes his own roles"):
            boss.commit([edit])
    for account in ("ann", "rev", "vic", "nobody"):
        with pytest.raises(bw.AccessDenied):
            staffed.acting_as(account).commit([{"verb": "set_member", "account": account, "roles": ["admin"]}])
    staffed.acting_as("bob").commit([{"verb": "remove_member", "account": "boss", "rev": 1}])
    with pytest.raises(bw.AccessDenied, match="no member"):
        boss.scenes() or boss.commit([{"verb": "set_member", "account": "eve", "roles": ["admin"]}])


def test_an_admin_always_stays(project):
    with pytest.raises(bw.ConflictError, match="without an admin"):
        project.commit([{"verb": "set_member", "account": "ann", "roles": ["annotator"]}])
    seq = project.commit([{"verb": "set_member", "account": "boss", "roles": ["admin"]}]).seq
    with pytest.raises(bw.ConflictError, match="without an admin"):
        project.commit([{"verb": "remove_member", "account": "boss", "rev": 1}])
    with pytest.raises(bw.ArgumentError, match="no member is ever undone"):
        project.undo(seq)


@pytest.mark.parametrize(
    ("roles", "scopes", "field"),
    [
        ([], [], "roles"),
        (["owner"], [], "roles"),
        (["machine", "admin"], ["export"], "roles"),
        (["machine"], [], "scopes"),
        (["admin"], ["export"], "scopes"),
    ],
)
def test_roles_that_cannot_be(project, roles, scopes, field):
    with pytest.raises(bw.ArgumentError) as caught:
        project.commit([{"verb": "set_member", "account": "x", "roles": roles, "scopes": scopes}])
    assert caught.value.field == field


def test_what_each_may_do_with_labels_and_the_project(staffed):
    taxonomy = {"categories": []}
    for account in ("ann", "rev", "vic", "boss", "nobody"):
        acting = staffed.acting_as(account)
        with pytest.raises(bw.BoxwrightError) as caught:
            edits = acting.edits("clip")
            edits.move_keyframe(acting.track("clip", "car-1"), 0, cuboid(9.0))
            edits.commit()
        assert isinstance(caught.value, bw.UnknownName if account in ("ann", "nobody") else bw.AccessDenied)
        if account != "boss":
            with pytest.raises(bw.AccessDenied):
                acting.commit([{"verb": "set_taxonomy", "taxonomy": taxonomy}])
            with pytest.raises(bw.AccessDenied):
                acting.add_scene(clip().replace(name="two"))
    assert staffed.acting_as("boss").commit([{"verb": "set_taxonomy", "taxonomy": taxonomy}]).account == "boss"


def test_nobody_acts_in_anothers_name(staffed):
    with pytest.raises(bw.AccessDenied, match="in another's name"):
        staffed.acting_as("boss").edits(by="ann")


def test_what_is_not_shown_is_as_if_it_were_not_there(staffed):
    scene = staffed.scene_id("clip")
    track = staffed.track("clip", "car-1").entity
    for account in ("ann", "nobody"):
        acting = staffed.acting_as(account)
        assert acting.scenes() == []
        for call in (
            lambda acting=acting: acting.read("clip"),
            lambda acting=acting: acting.read("clip", at=2),
            lambda acting=acting: acting.track("clip", "car-1"),
            lambda acting=acting: acting.entities("clip", "tag"),
            lambda acting=acting: acting.entity(track.id),
            lambda acting=acting: acting.entity(scene),
            lambda acting=acting: acting.blame(track.id),
            lambda acting=acting: acting.log("clip"),
        ):
            with pytest.raises(bw.UnknownName, match="no such"):
                call()
        with pytest.raises(bw.AccessDenied):
            acting.log()
        assert [one.kind for one in acting.changes(2)] == []
    for account in ("rev", "vic", "boss"):
        acting = staffed.acting_as(account)
        assert [one.name for one in acting.scenes()] == ["clip"] and len(acting.read("clip").tracks) == 1
        assert len(acting.log()) == 6 and len(acting.changes(2)) > 5
    assert [one.kind for one in staffed.acting_as("vic").changes(3)] == [] != staffed.acting_as("rev").changes(3)


def test_a_conflict_tells_nothing_of_what_is_hidden(staffed):
    """An id that was guessed, at a revision that is not there: the answer is that of an id that never was."""
    keyframe = staffed.keyframe("clip", "car-1", 0)
    staffed.commit([{"verb": "set_member", "account": "bot", "roles": ["machine"], "scopes": ["predict"]}])
    edit = {"verb": "move_keyframe", "rev": 99, "shape": {"center_m": [0, 0, 0]}}
    told = []
    for entity_id in (keyframe.id, "never-was-there"):
        with pytest.raises(bw.UnknownName) as caught:
            staffed.acting_as("ann").commit([{**edit, "id": entity_id}])
        told.append(str(caught.value).replace(entity_id, "ID"))
    assert told[0] == told[1]


def test_alone_one_may_everything(project):
    acting = project.acting_as("me")
    acting.add_scene(clip())
    edits = acting.edits("clip")
    edits.move_keyframe(acting.track("clip", "car-1"), 0, cuboid(9.0))
    assert edits.commit().account == "me"
    assert np.isclose(acting.read("clip").track("car-1").cuboids.center_m[0, 0], 9.0)
    acting.commit([{"verb": "set_member", "account": "me", "roles": ["admin"]}])
    with pytest.raises(bw.AccessDenied):
        acting.undo(3)
