"""Clips that `shm-stream bench` makes for itself: of any size and length, with sound."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from media import audio_packets, palette_picture, video_facts, video_times, write_video
from stand_ins import numbered_clip, read_numbers, write_clip

from shm_stream import bench_clip
from shm_stream.cover_fit import cover_fit

pytestmark = pytest.mark.timeout(90)
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"


def test_a_clip_is_repeated_without_gaps(tmp_path):
    target = tmp_path / "o.mkv"
    bench_clip.make_clip(numbered_clip(tmp_path / "clip.mp4", 10), target, (48, 128), 1.0)
    assert read_numbers(target) == [*range(10), *range(10), *range(5)]
    times = video_times(target)
    assert [round(float(time), 2) for time in times] == [round(index / 25, 2) for index in range(25)]


def test_pictures_fit_from_the_middle():
    picture = palette_picture(160, 60)
    assert np.array_equal(cover_fit(picture, 80, 60), picture[:, 40:120])
    assert cover_fit(picture, 320, 120).shape == (120, 320, 3)
    tall = np.ascontiguousarray(picture.transpose(1, 0, 2))
    assert np.array_equal(cover_fit(tall, 60, 60), tall[50:110])
    assert np.abs(cover_fit(picture, 40, 20).astype(int) - picture[30, 20:140:3][None]).mean() < 12


def test_an_upright_clip_stays_upright(tmp_path):
    clip = write_clip(tmp_path / "tall.mp4", [palette_picture(48, 96)] * 2)
    fitted = bench_clip.FittedSource(clip, (72, 128), seconds=1)
    assert (fitted.height, fitted.width) == (128, 72)
    assert {frame.pixels.shape for frame in fitted} == {(128, 72, 3)}


def test_sound_goes_along(tmp_path):
    clip = write_video(tmp_path / "clip.mkv", [palette_picture(96, 64)] * 25, audio=[("aac", 1.0, 0.0)])
    bench_clip.make_clip(clip, tmp_path / "o.mkv", (54, 96), 0.5)
    heard, there = audio_packets(tmp_path / "o.mkv"), audio_packets(clip)
    assert 20 < len(heard) < len(there) and [h for _, h in heard] == [h for _, h in there][: len(heard)]
    assert video_facts(tmp_path / "o.mkv")["size"] == (96, 54)


def test_the_tone_is_as_long_as_the_clip_and_quiet(tmp_path):
    target = tmp_path / "o.mkv"
    bench_clip.make_clip(numbered_clip(tmp_path / "clip.mp4", 10), target, (48, 128), 1.0, tone=True)
    assert len(read_numbers(target)) == 25 and [path.name for path in tmp_path.glob("o.*")] == ["o.mkv"]
    with av.open(str(target)) as container:
        waves = [frame.to_ndarray() for frame in container.decode(audio=0)]
    heard = np.concatenate(waves, axis=1)
    assert heard.shape[0] == 2 and 0.9 < heard.shape[1] / 48_000 < 1.1
    assert 0.005 < np.abs(heard).max() < 0.05
