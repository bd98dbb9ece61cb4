"""The sound of streams: packets as they came, in step with the pictures."""

from __future__ import annotations

import time

import pytest
from media import audio_packets, numbered_picture, picture_number, video_times, write_video
from stand_ins import StandInRunner, read_pictures

from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path):
    pictures = [numbered_picture(number) for number in range(25)]
    return write_video(tmp_path / "clip.mp4", pictures, pix_fmt="yuv420p", audio=[("aac", 1, 0)])


def run(clip, out, **options):
    with Job(JobOptions(clip, out, bg="red", runner=StandInRunner(unknown=False), **options)) as job:
        time.sleep(0.4)  # as long as networks may take to load: the output begins later than the stream
        return job.run()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_packets_are_copied_in_step_with_the_frames(clip, tmp_path, suffix):
    out = tmp_path / f"o{suffix}"
    report = run(clip, out, duration=1.7, live=LiveOptions(loop=True))
    assert not report.warnings
    ours, theirs = audio_packets(out), dict((digest, seconds) for seconds, digest in audio_packets(clip))
    assert len(ours) > 1.4 * 48000 / 1024 and all(digest in theirs for _, digest in ours)
    assert [a for a, _ in ours] == sorted({a for a, _ in ours})
    shown = zip(video_times(out), read_pictures(out))
    numbers = {round(float(seconds), 2): picture_number(picture) for seconds, picture in shown}
    first = numbers[0.0] / 25  # where in the clip the output begins
    for seconds, digest in ours:
        if theirs[digest] > 0.1:  # the first packets of each round may be held until the ones before have ended
            assert abs((float(seconds) + first - float(theirs[digest])) % 1) % 0.97 < 0.05


def test_sound_that_does_not_fit_is_told(clip, tmp_path):
    report = run(clip, tmp_path / "o.webm", frames=3, live=LiveOptions(loop=True))
    assert report.warnings == ["aac audio does not fit into .webm and is left out; .mkv would keep it"]
    assert report.frames == 3
