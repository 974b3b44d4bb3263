"""Accounts and tokens: made on the server's machine, told apart by nothing but their secret, ended at once, and never brought back unseen."""

from __future__ import annotations

import stat
import time

import pytest

import boxwright as bw
from boxwright.store import roles
from boxwright.store.accounts import SCOPES, keep_secret, kept_secret, new_secret
from stores import place, postgresql, project  # noqa: F401


def test_a_token_says_whose_it_is(project):  # noqa: F811
    anna = project.accounts.add("anna", by="host")
    token, secret = project.accounts.make_token("anna")
    assert project.accounts.of_secret(secret) == (anna, token)
    assert project.accounts.all() == [anna] and project.accounts.tokens("anna") == [token]
    assert (anna.kind, anna.is_disabled, token.scope, token.is_good(time.time_ns())) == ("human", False, ("all",), True)
    assert [commit.verb for commit in project.log(most=2)] == ["add_token", "add_account"]
    assert bw.fsck(project).damages == []


def test_an_account_that_is_asked_for_twice_is_made_once(project):  # noqa: F811
    made = [project.accounts.add("anna", by="host", op_id="once-and-again") for _ in range(2)]
    assert made[0] == made[1] and project.accounts.all() == made[:1]
    with pytest.raises(bw.ArgumentError, match="another request had this op_id"):
        project.accounts.add("ben", by="host", op_id="once-and-again")


def test_a_token_is_for_what_a_member_can_be_narrowed_to(project):  # noqa: F811
    project.accounts.add("anna")
    assert tuple(roles.SCOPES) == SCOPES
    for scope in SCOPES:
        assert project.accounts.make_token("anna", [scope])[0].scope == (scope,)


def test_the_secret_is_nowhere_in_the_project(tmp_path):
    with bw.create_project(tmp_path / "p") as project:  # noqa: F811
        project.accounts.add("anna")
        _, secret = project.accounts.make_token("anna")
        bw.backup(project, tmp_path / "copy.db")
        places = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert len(places) > 2 and not any(secret[3:].encode() in file.read_bytes() for file in places)


def test_secrets_are_long_and_differ():
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000 and all(len(secret) == 3 + 43 for secret in made)  # 256 bits in base64


def refusals(project, *secrets):  # noqa: F811
    said = set()
    for secret in secrets:
        with pytest.raises(bw.AccessDenied) as error:
            project.accounts.of_secret(secret)
        said.add(str(error.value))
    return said


def test_what_is_no_good_token_is_refused_in_the_same_words(project):  # noqa: F811
    accounts = project.accounts
    for name in ("anna", "ben"):
        accounts.add(name)
    expired = accounts.make_token("anna", expires_ns=1)[1]
    revoked, gone = accounts.make_token("anna")
    accounts.revoke(revoked.token_id, reason="lost")
    disabled = accounts.make_token("ben")[1]
    accounts.disable("ben")
    stored = (project.kept("token")[0].body or {})["secret_sha256"]
    said = refusals(project, expired, gone, disabled, new_secret(), "", "bw_", None, 5, stored, f"bw_{stored[:43]}", "bw_" + "\u0661" * 43)
    assert len(said) == 1
    accounts.enable("ben")
    assert accounts.of_secret(disabled)[0].name == "ben"


def test_nothing_of_accounts_is_undone(project):  # noqa: F811
    project.accounts.add("anna")
    token, secret = project.accounts.make_token("anna")
    project.accounts.revoke(token.token_id)
    revoked_at = project.seq
    with pytest.raises(bw.ArgumentError, match="no token is ever undone"):
        project.undo(revoked_at)
    with pytest.raises(bw.ArgumentError, match="no token is ever undone"):
        project.commit([{"verb": "restore", "id": token.token_id, "to": revoked_at - 1, "seen": revoked_at}])
    assert len(refusals(project, secret)) == 1


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "a/b", "..", "a\nb", "ä", "x" * 65, None, 5, "a\x1b[2J"])
def test_names_that_no_account_may_have(project, name):  # noqa: F811
    with pytest.raises(bw.ArgumentError):
        project.accounts.add(name)


def test_a_name_is_given_once(project):  # noqa: F811
    project.accounts.add("anna")
    with pytest.raises(bw.ConflictError, match="is there already"):
        project.accounts.add("anna")
    with pytest.raises(bw.UnknownName):
        project.accounts.find("Anna")


def test_a_machine_is_told_what_it_is_for(project):  # noqa: F811
    project.accounts.add("detector", "machine")
    for scope in (["all"], ["all", "export"], [], ["write"], "export", ["export", "export"], [["export"]]):
        with pytest.raises(bw.ArgumentError):
            project.accounts.make_token("detector", scope)
    token, secret = project.accounts.make_token("detector", ["predict", "import"])
    assert project.accounts.of_secret(secret)[1].scope == ("predict", "import") and set(token.scope) < set(SCOPES)


def test_a_secret_in_a_file_is_its_owners_alone(tmp_path):
    secret = new_secret()
    path = keep_secret(tmp_path / "state" / "token", secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert kept_secret(path) == secret and list(path.parent.iterdir()) == [path]
    keep_secret(path, new_secret())
    assert kept_secret(path) != secret
    path.chmod(0o640)
    with pytest.raises(bw.AccessDenied, match="mode 640"):
        kept_secret(path)
    path.chmod(0o600)
    path.write_text("password")
    with pytest.raises(bw.ArgumentError, match="no token"):
        kept_secret(path)
    with pytest.raises(bw.StorageError):
        kept_secret(tmp_path / "nowhere")


def test_a_link_in_the_way_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("mine")
    (tmp_path / "token").symlink_to(tmp_path / "other")
    keep_secret(tmp_path / "token", new_secret())
    assert (tmp_path / "other").read_text() == "mine" and not (tmp_path / "token").is_symlink()
