"""One person of several, followed over time."""

from __future__ import annotations

import numpy as np
import pytest

from shm_stream.guides import Guides
from shm_stream.people import PATIENCE, PersonChoice

pytestmark = pytest.mark.timeout(60)


def crowd(*people, size=(180, 320)):
    """alpha [H, W] float32 with a soft disc for each (x, y, radius)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    discs = [np.clip(radius - np.hypot(columns - x, rows - y), 0, 4) / 4 for x, y, radius in people]
    return np.max([*discs, np.zeros(size)], axis=0).astype(np.float32)


LEFT, MIDDLE, RIGHT = (60, 90, 30), (165, 90, 20), (260, 90, 24)


@pytest.mark.parametrize(("choice", "person"), [("largest", LEFT), ("center", MIDDLE)])
def test_one_person_is_chosen_with_soft_edges_unchanged(choice, person):
    assert (PersonChoice(choice)(crowd(LEFT, MIDDLE, RIGHT)) == crowd(person)).all()


def test_the_choice_does_not_jump():
    choose = PersonChoice("largest")
    for step in range(20):  # the other grows beyond, both move
        one, other = (60 + 3 * step, 90, 30), (260, 90, 20 + 2 * step)
        assert (choose(crowd(one, other)) == crowd(one)).all(), step


def test_a_person_who_is_gone_is_waited_for_then_another_is_chosen():
    choose = PersonChoice("largest")
    choose(crowd(LEFT, RIGHT))
    for _ in range(PATIENCE - 1):
        assert not choose(crowd(RIGHT)).any()
    assert (choose(crowd(LEFT, RIGHT)) == crowd(LEFT)).all()
    for _ in range(PATIENCE):
        assert not choose(crowd(RIGHT)).any()
    assert (choose(crowd(RIGHT)) == crowd(RIGHT)).all()


def test_a_new_scene_chooses_anew_and_nobody_is_no_error():
    choose = PersonChoice("center")
    assert not choose(crowd()).any()
    choose(crowd(LEFT))
    guides = Guides(person=choose)
    assert (guides.choose(crowd(MIDDLE, LEFT), new_scene=True) == crowd(MIDDLE)).all()


def test_people_who_come_to_touch_stay_two():
    choose = PersonChoice("largest")
    for gap in [40, 20, 8, 2, 0, -2, -4, -6, -4, -2, 0, 2, 8, 20]:
        one, other = (90, 90, 32), (90 + 32 + 26 + gap, 90, 26)
        kept, both = choose(crowd(one, other)), crowd(one, other)
        left, right = slice(0, 118), slice(126, None)
        assert (kept[:, left] == both[:, left]).all() and not kept[:, right].any(), gap


def test_a_hand_that_comes_back_is_kept():
    choose = PersonChoice("largest")
    for gap in [-2, 12, 12, -2, -2]:
        kept = choose(crowd(LEFT, (60 + 30 + 12 + gap, 90, 12)))
    assert (kept == crowd(LEFT, (100, 90, 12))).all()


def test_specks_in_the_middle_are_nobody():
    assert (PersonChoice("center")(crowd(LEFT, (160, 90, 5))) == crowd(LEFT)).all()
