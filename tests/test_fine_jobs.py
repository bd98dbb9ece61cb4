"""Whole jobs on more than 8 bits: what the input has is kept where the output can hold it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from deliverables import run_job
from media import palette_picture, read_pictures, video_facts, video_times, write_video
from stand_ins import StandInRunner

from shm_stream.controls import Controls
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

pytestmark = pytest.mark.timeout(60)


def fine_clip(path: Path, pix_fmt="yuv420p10le", **options) -> Path:
    """Three frames of a grey ramp, in steps that eight bits do not have."""
    return write_video(path, [palette_picture(128, 64)] * 3, pix_fmt=pix_fmt, codec="ffv1", options={}, **options)


def ramp_folder(folder: Path) -> np.ndarray:
    """A folder of two 16-bit pictures; returns [64, 1024, 3] uint16, every level another one."""
    folder.mkdir()
    picture = np.repeat(np.arange(64 * 1024, dtype=np.uint16).reshape(64, 1024, 1), 3, 2)
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return picture


def test_16_bit_pictures_lose_nothing(tmp_path):
    """Opaque alpha: foreground and composite are the input itself, all 65536 levels of it."""
    picture = ramp_folder(tmp_path / "in")
    with Job(
        JobOptions(tmp_path / "in", f"{tmp_path}/c/", bg="red", foreground=f"{tmp_path}/f/", runner=StandInRunner())
    ) as opened:
        opened.run()
    for name in "cf":
        assert np.array_equal(cv2.imread(str(tmp_path / name / "1.png"), cv2.IMREAD_UNCHANGED), picture)


def test_the_scene_itself_keeps_its_levels_behind_people(tmp_path):
    picture = ramp_folder(tmp_path / "in")
    runner = StandInRunner(alpha_raw=0.0)
    with Job(JobOptions(tmp_path / "in", f"{tmp_path}/o/", bg="off", runner=runner)) as opened:
        opened.run()
    assert np.array_equal(cv2.imread(str(tmp_path / "o" / "1.png"), cv2.IMREAD_UNCHANGED), picture)


@pytest.mark.parametrize(
    ("target", "options", "depth"),
    [("o.mkv", {"codec": "ffv1"}, 10), ("o.mp4", {}, 10), ("o.mov", {"codec": "prores_ks"}, 10), ("o.webm", {}, 8),
     ("o.mp4", {"bits": 8}, 8), ("o.mkv", {"codec": "ffv1", "bits": 16}, 16)],
)  # fmt: skip
def test_10_bit_video_stays_10_bit_where_the_format_can(tmp_path, target, options, depth):
    source = fine_clip(tmp_path / "in.mkv")
    run_job(source, output=tmp_path / target, bg="red", **options)
    frame = read_pictures(tmp_path / target)[0]
    assert frame.format.components[0].bits == depth
    assert video_facts(tmp_path / target)["tags"][:2] == (1, 1)
    assert len(video_times(tmp_path / target)) == 3


@pytest.mark.parametrize(
    "controls", [{"mirror": True}, {"feather": 5, "shrink": 2}, {"despill": 80}, {"place": (5, 0, 0.9)}], ids=str
)
def test_edited_10_bit_video_keeps_its_levels(tmp_path, controls):
    """At an alpha of 0.3, 8 bits would leave 66 levels of grey."""
    source = tmp_path / "in.mkv"
    write_ramp_10(source)
    options = JobOptions(source, tmp_path / "out.mkv", "black", codec="ffv1", runner=StandInRunner(alpha_raw=0.3))
    with Job(replace(options, controls=Controls(**controls))) as edited:
        assert edited.engine.fine == {"composite"} and not edited.notices
        edited.run()
    luma = read_pictures(tmp_path / "out.mkv")[0].to_ndarray()[:64]
    assert len(np.unique(luma)) > 200


def test_live_10_bit_video_says_that_it_has_8(tmp_path):
    source, live = fine_clip(tmp_path / "in.mkv"), LiveOptions(loop=True)
    options = JobOptions(source, tmp_path / "out.mkv", "teal", codec="ffv1", runner=StandInRunner(), live=live)
    with Job(options) as live:
        assert not live.engine.fine and "8 bits" in live.notices[0]


def test_10_bit_values_are_bit_exact_through_an_opaque_job(tmp_path):
    """Alpha 1: what a lossless encoder gets is what the decoder gave, luma to the last of ten bits."""
    path = tmp_path / "in.mkv"
    source = write_ramp_10(path)
    with Job(JobOptions(path, tmp_path / "o.mkv", bg="red", codec="ffv1", runner=StandInRunner())) as opened:
        opened.run()
    luma = read_pictures(tmp_path / "o.mkv")[0].to_ndarray()[:64]
    assert np.abs(luma.astype(int) - source).max() == 0
    assert len(np.unique(luma)) > 700


def write_ramp_10(path: Path) -> np.ndarray:
    """A grey clip whose luma takes every value from 64 to 940; returns it, [64, 128] uint16."""
    luma = np.linspace(64, 940, 64 * 128).round().astype(np.uint16).reshape(64, 128)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(
                np.vstack([luma, np.full((32, 128), 512, np.uint16)]), format="yuv420p10le"
            )
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return luma.astype(int)


def test_hdr_keeps_its_tags_and_is_not_made_linear(tmp_path):
    write_ramp_10(tmp_path / "in.mkv")
    run_job(tmp_path / "in.mkv", output=tmp_path / "o.mp4", bg="red")
    assert video_facts(tmp_path / "o.mp4")["tags"] == (9, 1, 9, 16)
    assert video_facts(tmp_path / "o.mp4")["codec"] == "hevc"
    pytest.importorskip("OpenEXR")
    with pytest.raises(InputError, match="is HDR .* give --srgb"):
        run_job(tmp_path / "in.mkv", output=tmp_path / "o.%d.exr", bg="red")
    assert run_job(tmp_path / "in.mkv", output=tmp_path / "o.%d.exr", bg="red", linear=False).frames == 2


def test_hevc_is_tagged_as_apples_players_want_it(tmp_path):
    fine_clip(tmp_path / "in.mkv")
    run_job(tmp_path / "in.mkv", output=tmp_path / "o.mov", bg="red", codec="libx265")
    assert b"hvc1" in (tmp_path / "o.mov").read_bytes()
