"""What `--max-memory` makes of a job, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest
from stand_ins import StandInRunner, numbered_clip, numbered_frame, read_numbers

from shm_stream import InputError, engine_choice, machine
from shm_stream.cli import main
from shm_stream.cli_options import make_parser
from shm_stream.colour import ColourTags
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.memory_need import Need
from shm_stream.memory_plan import MOST_FRAMES, Plan, choose_plan, share_of_process
from shm_stream.video_codecs import choose_encoding

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell"),
]

TAGS = ColourTags(1, primaries=1, transfer=1)
MB = 10**6


@pytest.fixture
def quick(monkeypatch):
    """Without networks; the runner that jobs load."""
    runner = StandInRunner()
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner)
    return runner


@pytest.mark.usefixtures("quick")
def test_nothing_is_left_of_what_was_refused(tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert main([str(clip), "--bg", "red", "-o", str(tmp_path / "out.mp4"), "--max-memory", "20M"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "raise --max-memory, or ask for fewer or smaller outputs" in said
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.usefixtures("quick")
def test_every_frame_arrives_one_at_a_time(tmp_path, monkeypatch):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 60), tmp_path / "out.mp4"
    monkeypatch.setattr("shm_stream.memory_plan.MOST_FRAMES", 1)
    with Job(JobOptions(clip, out, bg="red", max_memory=10**12)) as job:
        assert job.memory.frames == 1
        report = job.run()
    assert report.frames == 60 and report.memory_warning is None and read_numbers(out) == list(range(60))


@pytest.mark.usefixtures("quick")
def test_frames_that_are_kept_back_are_more_of_them(tmp_path, monkeypatch):
    """With as few as one on its way, the stage that waits for later frames would wait for ever."""
    clip, out = numbered_clip(tmp_path / "clip.mp4", 30), tmp_path / "out.mp4"
    monkeypatch.setattr("shm_stream.memory_plan.MOST_FRAMES", 1)
    with Job(JobOptions(clip, out, bg="red", max_memory=10**12, lookahead=3)) as job:
        assert job.memory.frames == 4
        job.run()
    assert read_numbers(out) == list(range(30))


@pytest.mark.usefixtures("quick")
def test_without_the_option_nothing_is_bounded(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    with Job(JobOptions(clip, tmp_path / "out.mp4", bg="red")) as job:
        assert job.memory is None and not job.engine.only_tiles
        assert "rc-lookahead" not in job.sinks["composite"].encoding.options


def test_m_net_is_given_tiles_only(tmp_path, quick):
    cv2.imwrite(str(tmp_path / "still.png"), cv2.resize(numbered_frame(170), (640, 360)))
    for limit, largest in ((None, 360), (10**12, 128)):
        options = JobOptions(tmp_path / "still.png", alpha=tmp_path / "a.png", max_memory=limit, overwrite=True)
        with Job(options) as job:
            quick.mnet_shapes.clear()
            job.run()
        assert max(shape[1] for shape in quick.mnet_shapes) == largest + 2 * quick.halo


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alpha", "a.mp4", "--codec", "mpeg4"], "how much memory mpeg4 takes is not known: leave out --max-memory"),
        (["--alpha", "a.mp4", "--dense"], "--max-memory needs M-Net in tiles: leave out --dense"),
        (["--bg", "red", "-o", "-"], "--max-memory is for files"),
    ],
)
def test_what_cannot_be_bounded(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert main([str(clip), *options, "--max-memory", "2G"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and message in said
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_sizes_of_memory():
    def parsed(text):
        return make_parser().parse_args(["a.mp4", f"--max-memory={text}"]).max_memory

    assert [parsed(text) for text in ("900M", "1.5G", "2GB", "700000k", "3000000000")] == [
        900 * MB, 1500 * MB, 2000 * MB, 700 * MB, 3000 * MB,
    ]  # fmt: skip
    for wrong in ("", "G", "900", "-1G", "1,5G", "2 G", "1e9", "900m", "0"):
        with pytest.raises(InputError, match="is not a size of memory; give bytes such as 900M or 2G"):
            parsed(wrong)


def test_more_memory_never_gives_less():
    """Look-ahead before waiting stages, and these before nothing."""
    encoding = choose_encoding(Path("a.mp4"), "composite", (1920, 1080), TAGS, None, None)
    need = Need(20 * MB, 15 * MB, [MB, 2 * MB, 3 * MB], (encoding,), 1920 * 1080)
    smallest, largest = need.bytes(1, 0.0), need.bytes(MOST_FRAMES, 1.0)
    with pytest.raises(InputError, match=r"this job needs 2\d\dM of memory at least and may take 100M"):
        choose_plan(100 * MB, 100 * MB, need)
    plans = [choose_plan(limit, 0, need) for limit in range(int(smallest) + 1, int(largest) + 2 * MB, MB)]
    assert all(plan.expected <= plan.limit for plan in plans)
    assert [(plan.frames, plan.look_ahead) for plan in (plans[0], plans[-1])] == [(1, 0.0), (MOST_FRAMES, 1.0)]
    assert all(one.look_ahead <= more.look_ahead for one, more in zip(plans, plans[1:]) if one.frames >= 3)
    assert choose_plan(10**12, 0, need, 1).frames == 1


def test_more_than_was_stated_is_said():
    assert re.fullmatch(r"the process took \d+ MB, more than --max-memory 1M", Plan(MB, 1, 1.0, 0.0).warning())
    assert Plan(10**12, 1, 1.0, 0.0).warning() is None


def test_too_little_for_so_many_processes():
    with pytest.raises(InputError, match=r"--max-memory 500M is too little for 4 --jobs .* give \d{4}M or more"):
        share_of_process(500 * MB, 4)
