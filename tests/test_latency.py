"""The percentiles of latencies, and frames that are held back until their time."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest

from shm_stream.frame import Frame
from shm_stream.latency import LatencyCounter
from shm_stream.pace import paced


def test_percentiles_are_exact_to_one_percent():
    seconds = np.random.default_rng(0).gamma(2, 0.02, 5000)
    counter = LatencyCounter()
    for value in seconds:
        counter.add(value)
    expected = np.percentile(seconds * 1000, [50, 95, 99], method="inverted_cdf")
    summary = counter.summary()
    assert (summary.p50_ms, summary.p95_ms, summary.p99_ms) == pytest.approx(tuple(expected), rel=0.01)


def test_nothing_counted():
    assert LatencyCounter().summary() is None


def test_no_frame_comes_before_its_time():
    picture = np.zeros((2, 2, 3), np.uint8)
    frames = [Frame(picture, index, pts, Fraction(1, 100), 1) for index, pts in enumerate((7, 8, 17, 47))]
    started = time.perf_counter()
    arrived = [(frame.pts, time.perf_counter() - started) for frame in paced(iter(frames))]
    assert [pts for pts, _ in arrived] == [7, 8, 17, 47]
    assert all(seconds >= (pts - 7) / 100 - 0.001 for pts, seconds in arrived)
