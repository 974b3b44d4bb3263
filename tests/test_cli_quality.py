"""`boxwright score`: what it prints, how it ends."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest

import boxwright as bw
import labelling
from boxwright.cli import main


@pytest.fixture
def run(capsys):
    """run("score", path) -> (exit code, standard output, standard error)"""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Gold, and three annotators' labels, the second of whom leaves no name."""
    place = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(3)
    gold = labelling.town(rng, 12, 20)
    bw.write(gold, place / "gold")
    for name, noise in (("ann", 0.02), ("bob", 0.05), ("cyd", 0.4)):
        labels = labelling.labelled(gold, rng, name=name, center_m=noise, lost=noise / 4)
        bw.write(labels.replace(name="town", tags=[] if name == "bob" else labels.tags), place / name)
    return place


def test_score(run, folders):
    code, out, err = run("score", folders / "gold", folders / "gold")
    assert code == 0 and "no errors beyond the tolerances" in out and "1.00" in out
    code, out, err = run("score", folders / "cyd", folders / "gold")
    assert code == 1 and "position" in out and "HOTA" in out and "object-0" in out and "Traceback" not in err
    code, out, _ = run("score", folders / "cyd", folders / "gold", "--json")
    said = json.loads(out)["scores"][0]
    assert (
        code == 1 and said["annotator"] == "cyd" and said["n_errors"]["position"] == sum(error["kind"] == "position" for error in said["errors"]) > 0
    )


def test_score_of_labels_in_pictures_alone(run, tmp_path):
    """Nothing is listed one by one of them, and they are errors all the same."""
    scene = bw.simulate(6, 2, n_beams=16, n_columns=200, image_scale=0.1)
    gold = scene.replace(image_tracks=bw.project_tracks(scene, occlusion=False).image_tracks())
    bw.write(gold, tmp_path / "gold")
    bw.write(scene.replace(image_tracks=()), tmp_path / "ann")
    code, out, _ = run("score", tmp_path / "ann", tmp_path / "gold", "--html", tmp_path / "score.html")
    assert code == 1 and "no errors of cuboids beyond the tolerances" in out and "of gold are missing, 0 of 0 are extraneous" in out
    html = (tmp_path / "score.html").read_text(encoding="utf-8")
    assert "No errors of cuboids beyond the tolerances." in html and "of gold are missing, 0 of 0 are extraneous" in html
    assert run("score", tmp_path / "gold", tmp_path / "gold")[0] == 0


def test_score_of_several_annotators(run, folders):
    code, out, _ = run("score", folders / "ann", folders / "bob", folders / "cyd", folders / "gold")
    assert code == 1 and "nobody is ranked on fewer than 50 gold objects" in out
    said = json.loads(run("score", folders / "ann", folders / "bob", folders / "gold", "--json")[1])["annotators"]
    assert [(one["annotator"], one["rank"], one["n_objects"]) for one in said] == [("ann", None, 12), ("bob", None, 12)]


def test_score_keeps_no_scene_that_it_does_not_draw(run, folders, monkeypatch):
    score, given, alive = bw.score, [], []

    def watched(labels, gold, **options):
        gc.collect()
        alive.append(sum(one() is not None for one in given))
        given.append(weakref.ref(labels))
        return score(labels, gold, **options)

    monkeypatch.setattr(bw, "score", watched)
    assert run("score", folders / "ann", folders / "bob", folders / "cyd", folders / "gold", "--json")[0] == 1
    assert len(alive) == 3 and alive[2] < 2


def test_score_of_planned_frames(run, folders, tmp_path):
    plan = bw.plan_gold([bw.read(folders / "gold")], share=0.2)
    (tmp_path / "plan.json").write_text(plan.to_json())
    said = json.loads(run("score", folders / "ann", folders / "gold", "--plan", tmp_path / "plan.json", "--json")[1])
    assert said["scores"][0]["frames"] == plan.frames(bw.read(folders / "gold"))
    assert json.loads(run("score", folders / "ann", folders / "gold", "--frames", "1,5", "--json")[1])["scores"][0]["frames"] == [1, 5]


def test_score_fails_in_one_sentence(run, folders, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    cases = [
        ([folders / "gold"], "got one path alone"),
        ([folders / "ann", folders / "gold", "--plan", tmp_path / "plan.json"], "no gold plan"),
        ([folders / "ann", folders / "gold", "--frames", "99"], "--frames"),
        ([folders / "ann", tmp_path / "nowhere"], "no such file or folder"),
    ]
    for arguments, words in cases:
        code, out, err = run("score", *arguments)
        assert code == 2 and out == "" and words in err and "Traceback" not in err, err


def test_agree(run, folders):
    code, out, _ = run("agree", folders / "ann", folders / "bob", folders / "cyd")
    assert code == 1 and "alpha class" in out and "ann, bob" in out and "the worst first" in out
    said = json.loads(run("agree", folders / "ann", folders / "bob", "--range-frames", "10", "--json")[1])
    assert said["annotators"] == ["ann", "bob"] and len(said["per_range"]) == 2 and 0.9 < said["overall"]["matched_share"]["value"] <= 1
    code, out, _ = run("agree", folders / "gold", folders / "gold")
    assert code == 0 and "worst" not in out
    code, out, err = run("agree", folders / "gold")
    assert code == 2 and out == "" and "got one path alone" in err


def test_agree_writes_the_consensus(run, folders, tmp_path):
    code, out, _ = run("agree", folders / "ann", folders / "bob", folders / "cyd", "--out", tmp_path / "merged")
    assert code == 1 and "consensus: 12 tracks" in out and "wrote" in out
    merged = bw.read(tmp_path / "merged")
    assert list(bw.consensus_sources(merged)) == ["ann", "bob", "cyd"]
    said = json.loads(run("agree", folders / "ann", folders / "bob", "--out", tmp_path / "two", "--json")[1])
    assert set(said["consensus"]["spreads"]) == {"ann", "bob"} and said["consensus"]["written"]["n_tracks"] == 12
    code, out, _ = run("agree", folders / "ann", folders / "bob", "--out", folders / "bob" / "inside")
    assert code == 2 and out == "" and not (folders / "bob" / "inside").exists()
