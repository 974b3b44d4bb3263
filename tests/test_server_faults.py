"""Nothing acknowledged is lost through HTTP: servers that are killed, 16 people on one keyframe, requests that are sent again."""

from __future__ import annotations

import random

import pytest

from server_faults import kill_servers, retries, writers
from store_faults import make

SIZES = [pytest.param(False, id="few"), pytest.param(True, id="many", marks=[pytest.mark.full, pytest.mark.timeout(3600)])]


@pytest.fixture
def place(tmp_path):
    make(tmp_path / "project", 16)
    return tmp_path / "project"


@pytest.mark.parametrize("is_long", SIZES)
def test_a_server_that_is_killed_loses_nothing(place, is_long):
    n = 100 if is_long else 2
    counted = kill_servers(place, n, random.Random(1))
    assert counted["kills"] == n and counted["acknowledged"] >= n
    assert counted["lost"] == counted["damages"] == 0


@pytest.mark.parametrize("is_long", SIZES)
def test_sixteen_people_on_one_keyframe(place, is_long):
    n = 10_000 if is_long else 32
    counted = writers(place, n)
    assert counted["accepted"] == counted["x"] == n // 16 * 16 and counted["wrong"] == counted["lost"] == counted["damages"] == 0
    assert counted["refused"] > 0


@pytest.mark.parametrize("is_long", SIZES)
def test_what_is_sent_three_times_is_done_once(place, is_long):
    n = 10_000 if is_long else 12
    counted = retries(place, n, random.Random(2))
    assert counted["effects"] == n and counted["wrong"] == counted["lost"] == counted["damages"] == 0
