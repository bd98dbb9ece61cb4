"""Sinks: times, sizes, colours and transparency as another reader finds them, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
from media import (
    palette_picture,
    picture_number,
    read_pictures,
    video_facts,
    video_times,
    write_video,
)
from sinks import clip, convert, ramp, refused

from shm_stream.errors import ShmStreamError
from shm_stream.sink import open_sink
from shm_stream.source import open_source

VFR = [0, 40, 50, 120, 400, 433]


@pytest.mark.parametrize("kind", ["composite", "alpha", "foreground"])
@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_times_and_pictures(tmp_path, kind, suffix):
    source = open_source(clip(tmp_path / "in.mp4", pts=VFR, time_base=Fraction(1, 1000), last_duration=77))
    target = convert(source, tmp_path / f"out{suffix}", kind)
    assert target == tmp_path / f"out{suffix}"
    assert [time * 1000 for time in video_times(target)] == VFR
    assert [picture_number(frame.to_ndarray(format="rgb24")) for frame in read_pictures(target)] == list(range(6))
    assert video_facts(target)["duration"] == pytest.approx(0.51, abs=0.002)
    assert [os.path.basename(name) for name in sorted(os.listdir(tmp_path))] == ["in.mp4", f"out{suffix}"]


@pytest.mark.parametrize("suffix", [".mov", ".webm", ".mkv"])
def test_times_of_transparent_video(tmp_path, suffix):
    source = open_source(clip(tmp_path / "in.mp4", pts=VFR, time_base=Fraction(1, 1000), last_duration=77))
    target = convert(source, tmp_path / f"out{suffix}", "transparent")
    assert [time * 1000 for time in video_times(target)] == VFR
    assert video_facts(target)["duration"] == pytest.approx(0.51, abs=0.002)


def test_film_rate_is_exact_in_mp4(tmp_path):
    pts = [n * 1001 for n in range(10)]
    path = clip(tmp_path / "in.mp4", 10, pts=pts, time_base=Fraction(1, 30000), last_duration=1001)
    target = convert(open_source(path), tmp_path / "out.mp4")
    assert video_times(target) == [Fraction(n * 1001, 30000) for n in range(10)]


@pytest.mark.parametrize("size", [(97, 65), (96, 65), (97, 64), (96, 64), (33, 17)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_every_size_is_kept(tmp_path, size, suffix):
    picture = palette_picture(*size)
    source = open_source(write_video(tmp_path / "in.mp4", [picture] * 3))
    facts = video_facts(convert(source, tmp_path / f"out{suffix}", crf=10))
    assert facts["size"] == size
    odd = size[0] % 2 or size[1] % 2
    assert facts["format"] == ("yuv444p" if odd and suffix != ".webm" else "yuv420p")


@pytest.mark.parametrize("suffix", [".mov", ".webm", ".mkv"])
def test_odd_sizes_with_transparency(tmp_path, suffix):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(97, 65)] * 2))
    assert video_facts(convert(source, tmp_path / f"out{suffix}", "transparent"))["size"] == (97, 65)


@pytest.mark.parametrize(
    ("suffix", "codec", "tolerance"),
    [(".mov", None, 1), (".webm", None, 12), (".mkv", None, 1), (".mov", "qtrle", 0), (".mov", "png", 0)],
)
def test_alpha_channel_survives(tmp_path, suffix, codec, tolerance):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(128, 64)] * 3))
    target = convert(source, tmp_path / f"out{suffix}", "transparent", codec=codec)
    frames = read_pictures(target, "libvpx-vp9" if suffix == ".webm" else None)
    alpha = frames[0].reformat(format="rgba").to_ndarray()[..., 3]
    wanted = ramp(64, 128)
    assert len(frames) == 3
    assert np.abs(alpha.astype(int) - wanted).max() <= tolerance
    if suffix != ".webm":
        assert (alpha[wanted == 255] == 255).all() and (alpha[wanted == 0] == 0).all()


def test_grey_video_is_close_to_alpha(tmp_path):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(128, 64)] * 3))
    sink = open_sink(tmp_path / "alpha.mp4", source, kind="alpha")
    for frame in source:
        sink.write(frame, ramp(64, 128))
    sink.finish()
    pixels = next(iter(open_source(tmp_path / "alpha.mp4"))).pixels
    assert np.abs(pixels.astype(int) - ramp(64, 128)[..., None]).mean() <= 1
    assert np.abs(pixels.astype(int) - ramp(64, 128)[..., None]).max() <= 4
    assert video_facts(tmp_path / "alpha.mp4")["tags"][1] == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("rotation", "aspect"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pixel_aspect_is_carried_and_turned(tmp_path, suffix, rotation, aspect):
    path = write_video(tmp_path / "in.mp4", [palette_picture(96, 64)] * 2, rotation=rotation, aspect=Fraction(4, 3))
    target = convert(open_source(path), tmp_path / f"out{suffix}")
    assert video_facts(target)["aspect"] == aspect
    assert video_facts(target)["size"] == ((64, 96) if rotation else (96, 64))
    assert open_source(target).sample_aspect_ratio == aspect


@pytest.mark.parametrize(
    ("target", "codec", "kept"),
    [("o.mov", "prores_ks", True), ("o.mov", "qtrle", True), ("o.mkv", "libx265", True), ("o.mkv", "ffv1", False),
     ("o.webm", None, False), ("o.avi", None, False)],
)  # fmt: skip
def test_pixel_aspect_is_carried_or_its_loss_is_said(tmp_path, target, codec, kept):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(96, 64)] * 2, aspect=Fraction(4, 3)))
    sink = open_sink(tmp_path / target, source, kind="composite", codec=codec)
    for frame in source:
        sink.write(frame, frame.pixels)
    assert (open_source(sink.finish()).sample_aspect_ratio == Fraction(4, 3)) is kept
    assert (sink.warning is None) is kept
    assert kept or f"pixel aspect 4:3 is not kept by {codec or sink.facts()['codec']}" in sink.warning


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "prores_ks", "ffv1", "mjpeg", "h264"])
def test_other_codecs(tmp_path, codec):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(160, 96)] * 3))
    target = convert(source, tmp_path / "out.mkv", codec=codec)
    pixels = next(iter(open_source(target))).pixels.astype(int)
    assert np.abs(pixels - palette_picture(160, 96)).mean() < 8
    assert len(read_pictures(target)) == 3


def test_what_is_refused_before_anything_is_written(tmp_path):
    path = clip(tmp_path / "in.mp4", 2)
    source = open_source(path)
    (tmp_path / "there.mp4").write_bytes(b"precious")
    before = sorted(os.listdir(tmp_path))
    refused(tmp_path / "out.xyz", source, "unknown extension; use one of .mp4")
    refused(tmp_path / "out.mp4", source, "unknown video codec 'nope'; some that exist: libx264", codec="nope")
    refused(tmp_path / "out.mp4", source, "not a video codec", codec="aac")
    refused(tmp_path / "out.webm", source, "libx264 cannot write 96x64 video into .webm", codec="libx264")
    refused(tmp_path / "out.mp4", source, "out of range", crf=99)
    refused(tmp_path / "out.mov", source, "no quality setting", codec="prores_ks", crf=20)
    refused(tmp_path / "out.mp4", source, r"no transparency; use .mov .* .webm", kind="transparent")
    refused(tmp_path / "out.mov", source, "keeps no transparency", kind="transparent", codec="libx264")
    refused(tmp_path / "there.mp4", source, "exists; add -y")
    refused(tmp_path / "no" / "out.mp4", source, "no does not exist; create it")
    refused(path, source, "the input itself", overwrite=True)
    refused(tmp_path / "out.png", source, "is one image but .* is a video")
    refused(tmp_path / "frames", source, "leave them out", crf=20)
    assert sorted(os.listdir(tmp_path)) == before


def test_overwrite_replaces_only_at_the_end(tmp_path):
    source = open_source(clip(tmp_path / "in.mp4", 3))
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    sink = open_sink(target, source, kind="composite", overwrite=True)
    for frame in source:
        sink.write(frame, frame.pixels)
        assert target.read_bytes() == b"old"
    assert sink.finish() == sink.finish() == target
    sink.abort()
    assert len(read_pictures(target)) == 3
    assert len(os.listdir(tmp_path)) == 2


def test_abort_leaves_nothing(tmp_path):
    source = open_source(clip(tmp_path / "in.mp4", 3))
    sink = open_sink(tmp_path / "out.mp4", source, kind="composite")
    sink.write(*(lambda frame: (frame, frame.pixels))(next(iter(source))))
    sink.abort()
    sink.abort()
    assert os.listdir(tmp_path) == ["in.mp4"]
    with pytest.raises(ShmStreamError, match="was aborted before"):
        sink.finish()


def test_finish_without_frames_is_an_error(tmp_path):
    sink = open_sink(tmp_path / "out.mp4", open_source(clip(tmp_path / "in.mp4", 3)), kind="composite")
    with pytest.raises(ShmStreamError, match="gave no frames"):
        sink.finish()
    assert os.listdir(tmp_path) == ["in.mp4"]


def test_changing_size_is_an_error_in_a_video(tmp_path):
    for name, width in (("a", 64), ("b", 66)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), palette_picture(width, 48))
    (tmp_path / "out").mkdir()
    with pytest.raises(ShmStreamError, match="picture 1 is 66x48, the first was 64x48"):
        convert(open_source(tmp_path), tmp_path / "out" / "v.mp4")
    assert os.listdir(tmp_path / "out") == []


FULL_DISK = """
import resource, signal, sys
import numpy as np
from shm_stream.errors import ShmStreamError
from shm_stream.sink import open_sink
from shm_stream.source import open_source
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
source = open_source(sys.argv[1])
sink = open_sink(sys.argv[2], source, kind="composite", crf=0)
noise = np.random.default_rng(0)
try:
    for frame in source:
        sink.write(frame, noise.integers(0, 255, frame.pixels.shape, dtype=np.uint8))
    sink.finish()
except ShmStreamError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_full_disk_is_one_line_and_leaves_nothing(tmp_path, suffix):
    clip(tmp_path / "in.mp4", 40)
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "in.mp4"), str(tmp_path / f"out{suffix}")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "cannot write" in result.stdout and "File too large" in result.stdout
    assert os.listdir(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.mov"])
def test_a_recording_that_is_ended_by_another_failure_keeps_what_the_encoder_held_back(tmp_path, name):
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(96, 64)] * 17))
    sink = open_sink(tmp_path / name, source, kind="composite", safe=True)
    for frame in source:
        sink.write(frame, frame.pixels)
    sink.abort()
    assert len(read_pictures(tmp_path / name)) == 17
