"""Which files a watched folder gives out, look by look, without waiting."""

from __future__ import annotations

import os

import pytest

from shm_stream.batch_shots import Shot
from shm_stream.batch_watch import Looks


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    os.utime(path, (1000, 1000))
    return Shot("a.mp4", path, "video", {})


def test_an_old_file_is_taken_at_once_and_once(shot):
    looks = Looks(3.0)
    assert looks.ready([shot]) == [shot]
    assert looks.ready([shot]) == looks.ready([shot]) == []


@pytest.mark.parametrize("first", [True, False])
def test_a_growing_file_is_left_until_it_stays_the_same(shot, first):
    looks = Looks(3600.0)
    if not first:
        looks.ready([])
    for size in (1, 2, 3):
        shot.path.write_bytes(b"x" * size)
        assert looks.ready([shot]) == []
    assert looks.ready([shot]) == [shot]
    shot.path.write_bytes(b"changed")
    assert looks.ready([shot]) == [] and looks.ready([shot]) == [shot]


def test_a_file_that_went_is_no_trouble(shot):
    looks = Looks(3.0)
    shot.path.unlink()
    assert looks.ready([shot]) == looks.ready([shot]) == looks.ready([]) == []
