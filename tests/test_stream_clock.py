"""Timestamps of streams: rising, true to the stream, and true to the time that passes between connections."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_stream.stream_clock import StreamClock

STEP = Fraction(1, 25)


class Wall:
    """A clock that is set by hand."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall():
    return Wall()


def test_distances_are_the_streams_own(wall):
    clock = StreamClock(STEP, follows_wall=True, now=wall)
    times = [clock.frame_seconds(own) for own in (Fraction(7), Fraction(7) + STEP, Fraction(8), Fraction(17, 2))]
    assert times == [0, STEP, 1, Fraction(3, 2)]
    assert clock.other_seconds(Fraction(9)) == 2


def test_the_time_without_connection_stays_a_gap(wall):
    clock = StreamClock(STEP, follows_wall=True, now=wall)
    clock.frame_seconds(Fraction(50))
    wall.seconds += 3
    clock.reconnect()
    assert clock.other_seconds(Fraction(0)) is None
    assert clock.frame_seconds(Fraction(2)) == 3  # its own timestamps began anew
    assert clock.frame_seconds(Fraction(2) + STEP) == 3 + STEP


def test_a_repeated_clip_has_no_gap(wall):
    clock = StreamClock(STEP, follows_wall=False, now=wall)
    clock.frame_seconds(Fraction(0))
    wall.seconds += 3
    clock.reconnect()
    assert clock.frame_seconds(Fraction(0)) == STEP


def test_frames_without_timestamps(wall):
    live, file = StreamClock(STEP, follows_wall=True, now=wall), StreamClock(STEP, follows_wall=False, now=wall)
    assert live.frame_seconds(None) == file.frame_seconds(None) == 0
    wall.seconds += 0.5
    assert live.frame_seconds(None) == Fraction(1, 2)
    assert file.frame_seconds(None) == STEP


@pytest.mark.parametrize("jump", [-1, -50, 95_443, -95_443])
def test_a_live_streams_jump_is_a_new_beginning(wall, jump):
    """MPEG-TS counts to 95443.7 s and begins again; a restarted encoder does so at once."""
    clock = StreamClock(STEP, follows_wall=True, now=wall)
    clock.frame_seconds(Fraction(100_000))
    wall.seconds += 0.04
    assert clock.frame_seconds(Fraction(100_000 + jump)) == STEP


def test_a_long_still_of_a_file_is_kept(wall):
    clock = StreamClock(STEP, follows_wall=False, now=wall)
    clock.frame_seconds(Fraction(0))
    assert clock.frame_seconds(Fraction(60)) == 60


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.fractions(-(10**6), 10**6), st.floats(0, 100), st.booleans()), min_size=2, max_size=20
    ),
    st.booleans(),
)
def test_times_always_rise(steps, follows_wall):
    wall = Wall()
    clock = StreamClock(STEP, follows_wall=follows_wall, now=wall)
    last = None
    for own, pause, lost in steps:
        wall.seconds += pause
        if lost:
            clock.reconnect()
        seconds = clock.frame_seconds(own)
        assert last is None or seconds > last
        last = seconds
