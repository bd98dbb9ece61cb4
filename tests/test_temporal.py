"""Mattes steadied in time: a moved trimap follows the picture, flicker goes, nothing is dragged along or over a cut."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from engine_cases import noise, work_of
from stand_ins import StandInRunner

from shm_stream.controls import Controls
from shm_stream.engine import Engine
from shm_stream.errors import InputError
from shm_stream.live_controls import LiveControls
from shm_stream.lookahead import check_lookahead
from shm_stream.motion import find_motion
from shm_stream.pipeline import through
from shm_stream.prior import PriorState, alpha_of, softmax
from shm_stream.prior_state import pack, same_state, unpack
from shm_stream.temporal import TemporalSmoothing, logits_from, probabilities

pytestmark = pytest.mark.timeout(60)
HEIGHT, WIDTH = 96, 160
SHAPE = (HEIGHT // 2, WIDTH // 2)
SURE = np.float32(12)


def scene(seed: int = 0) -> np.ndarray:
    """[HEIGHT, WIDTH + 60, 3] uint8: a texture that optical flow can follow."""
    return cv2.resize(noise(24, 55, seed), (WIDTH + 60, HEIGHT), interpolation=cv2.INTER_CUBIC)


def logits_of_disc(centre, radius: float = 20.0, sure: float = SURE) -> np.ndarray:
    """[3, h, w] float32: foreground in a disc, background elsewhere; in pixels of the picture."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] * 2 + 0.5
    inside = np.hypot(columns - centre[0], rows - centre[1]) < radius
    logits = np.full((3, *SHAPE), -SURE, np.float32)
    logits[0][inside], logits[1][~inside] = sure, SURE
    return logits


def seen(picture, logits, *, new_scene=False, index=0):
    """A work after T-Net's stage."""
    work = work_of(picture, index)
    work.reduced, work.logits, work.new_scene = picture, logits, new_scene
    work.left = PriorState(picture, logits)
    return work


def alpha(logits) -> np.ndarray:
    return alpha_of(softmax(logits))


def engine(lookahead=0, temporal=0.0, runner=None) -> Engine:
    controls = LiveControls(Controls(temporal=temporal), None)
    return Engine(runner or StandInRunner(), tnet_size=32, controls=controls, lookahead=lookahead)


def test_values_follow_the_picture():
    wide = scene()
    before, now = (np.ascontiguousarray(wide[:, left : left + WIDTH]) for left in (0, 6))  # it moves 6 to the left
    motion = find_motion(now, before, SHAPE)
    moved = motion.follow(probabilities(logits_of_disc((90, 48))))[..., 0]
    expected = softmax(logits_of_disc((84, 48)))[0]
    unmoved = softmax(logits_of_disc((90, 48)))[0]
    assert np.abs(moved - expected).mean() < 0.3 * np.abs(unmoved - expected).mean()
    assert motion.agreement[:, :-4].mean() > 0.8 and not find_motion(now, noise(HEIGHT, WIDTH), SHAPE).agreement.any()


def test_logits_survive_the_way_through_probabilities():
    logits = np.random.default_rng(1).normal(0, 6, (3, 9, 7)).astype(np.float32)
    assert np.allclose(softmax(logits_from(probabilities(logits))), softmax(logits), atol=1e-6)


def test_a_trimap_that_flickers_over_a_still_picture_is_calmed():
    picture, smoothing, spread = scene()[:, :WIDTH].copy(), TemporalSmoothing(), {0: [], 1: []}
    for index in range(12):
        logits = logits_of_disc((80, 48), 20 if index % 2 else 26)
        for place, result in enumerate((logits, smoothing(seen(picture, logits), 100))):
            spread[place].append(alpha(result)[24, 51])  # 22 pixels from the middle
    assert np.ptp(spread[0][6:]) > 0.9 and np.ptp(spread[1][6:]) < 0.25


def test_what_was_uncovered_gets_no_ghost():
    """A disc of another texture moves 30 pixels a frame: its old place looks different now."""
    room, cloth, smoothing = scene()[:, :WIDTH], scene(5)[:, :WIDTH], TemporalSmoothing()
    for centre in ((40, 48), (70, 48), (100, 48)):
        logits = logits_of_disc(centre)
        inside = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), centre, 20, 1, -1)[..., None]
        result = smoothing(seen(np.where(inside, cloth, room), logits), 100)
    assert np.abs(alpha(result) - alpha(logits)).mean() < 0.01


def test_nothing_is_taken_over_a_cut_or_into_a_users_trimap():
    smoothing, picture = TemporalSmoothing(), scene()[:, :WIDTH].copy()
    first, second = logits_of_disc((40, 48)), logits_of_disc((90, 48))
    smoothing(seen(picture, first), 80)
    assert smoothing(seen(picture, second, new_scene=True), 80) is second
    drawn = seen(picture, first)
    drawn.trimap = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert smoothing(drawn, 80) is first


def test_temporal_is_off_without_a_trace():
    """Also after it was on: what is remembered then is forgotten."""
    moving = engine(temporal=60)
    works = [moving.mnet(moving.tnet(work_of(noise(64, 64)))) for _ in range(2)]
    assert works[1].left.smoothed is not None
    moving.controls.change({"temporal": 0})
    work = moving.tnet(work_of(noise(64, 64)))
    raw = work.logits
    assert moving.mnet(work).logits is raw and work.left.smoothed is None and moving._smoothing.state is None


def lookahead_works(frames: int, logits: list[np.ndarray], *, cut: int | None = None):
    """What comes out when these trimaps of a still picture go through the stage, in order of coming out."""
    picture, stage = scene()[:, :WIDTH].copy(), engine(lookahead=frames).lookahead
    works = (seen(picture, each, index=index, new_scene=index == cut) for index, each in enumerate(logits))
    return list(through(works, stage))


@pytest.mark.parametrize("frames", [1, 2, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_every_frame_comes_out_once_in_order_and_with_its_own_picture(frames, count):
    works = lookahead_works(frames, [logits_of_disc((80, 48))] * count)
    assert [work.frame.index for work in works] == list(range(count))
    for work in works:
        assert np.allclose(alpha(work.logits), alpha(logits_of_disc((80, 48))), atol=1e-3)


def test_it_is_exactly_that_many_frames_late():
    stage, picture, out = engine(lookahead=3).lookahead, scene()[:, :WIDTH].copy(), []
    for index in range(6):
        work = stage(seen(picture, logits_of_disc((80, 48)), index=index))
        out.append(None if work is None else work.frame.index)
    assert out == [None, None, None, 0, 1, 2]
    assert [work.frame.index for work in stage.rest()] == [3, 4, 5]


def test_a_hole_of_one_frame_is_filled_from_both_sides():
    whole, hole = logits_of_disc((80, 48)), logits_of_disc((80, 48), 2)
    works = lookahead_works(2, [whole, whole, hole, whole, whole])
    assert alpha(hole)[24, 45] < 0.1 and 0.7 < alpha(works[2].logits)[24, 45] < 0.9  # four of five say so


def test_neither_side_of_a_cut_hears_of_the_other():
    one, other = logits_of_disc((40, 48)), logits_of_disc((110, 48))
    works = lookahead_works(4, [one] * 3 + [other] * 3, cut=3)
    for work, expected in zip(works, [one] * 3 + [other] * 3, strict=True):
        assert np.allclose(alpha(work.logits), alpha(expected), atol=1e-3)
    assert [len(work.left.before) for work in works] == [0, 1, 2, 0, 1, 2]


def test_a_stage_goes_on_where_another_ended():
    rng = np.random.default_rng(3)
    trimaps = [logits_of_disc((80 + rng.uniform(-4, 4), 48)) for _ in range(12)]
    whole = lookahead_works(2, trimaps)
    state = unpack({name: array.copy() for name, array in pack(whole[5].left).items()})
    stage, picture = engine(lookahead=2).lookahead, scene()[:, :WIDTH].copy()
    stage.restore(state)
    rest = list(through((seen(picture, each) for each in trimaps[6:]), stage))
    assert all(np.array_equal(one.logits, other.logits) for one, other in zip(whole[6:], rest, strict=True))


def test_states_are_the_same_when_what_follows_would_be():
    logits, near, far = (logits_of_disc((80, 48), sure=sure) for sure in (12, 12.001, -12))
    picture = scene()[:, :WIDTH].copy()
    state = PriorState(picture, logits, smoothed=logits)
    assert same_state(state, PriorState(picture, near, smoothed=near))
    assert not same_state(state, PriorState(picture, logits, smoothed=far))
    assert not same_state(state, PriorState(picture, logits))
    assert not same_state(state, PriorState(picture, far, smoothed=logits))
    assert not same_state(state, PriorState(picture, logits, before=(PriorState(picture, far),), smoothed=logits))


@pytest.mark.parametrize("frames", [-1, 9, True, 1.5, "2"])
def test_lookaheads_that_cannot_be(frames):
    with pytest.raises(InputError, match="lookahead .* is out of range: give a number of frames from 0 to 8"):
        check_lookahead(frames)


def test_t_nets_size_may_change_meanwhile():
    both = engine(lookahead=2, temporal=50)
    sizes = [32, 32, 64, 64, 32, 32]

    def sized():
        for index, size in enumerate(sizes):
            both.tnet_size = size
            yield work_of(cv2.GaussianBlur(noise(128, 128), (0, 0), 3), index)

    works = sized()
    for _, function in both.stages:
        works = through(works, function)
    assert [work.outputs["alpha"].shape for work in works] == [(128, 128)] * 6


def test_presentation_times_stay_with_their_frames():
    both = engine(lookahead=2)
    works = (work_of(noise(64, 64), index) for index in range(5))
    for _, function in both.stages:
        works = through(works, function)
    assert [work.frame.pts_seconds for work in works] == [float(Fraction(index, 25)) for index in range(5)]
