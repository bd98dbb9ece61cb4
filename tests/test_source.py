"""Sources: which frames, when, which way up, and what is said about damaged files."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from media import numbered_picture, palette_picture, picture_number, write_video

from shm_stream.errors import InputError
from shm_stream.source import open_source


def clip(path, count=40, **options):
    return write_video(path, (numbered_picture(number) for number in range(count)), **options)


def numbers(source) -> list[int]:
    return [picture_number(frame.pixels) for frame in source]


def test_all_frames_with_their_times(tmp_path):
    source = open_source(clip(tmp_path / "a.mp4"))
    frames = list(source)
    assert (source.kind, source.width, source.height, source.rate, source.frame_count) == ("video", 96, 64, 25, 40)
    assert [picture_number(frame.pixels) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(40)]
    assert all(frame.duration * frame.time_base == Fraction(1, 25) for frame in frames)
    assert frames[0].pixels.flags.c_contiguous and frames[0].pixels.dtype == np.uint8
    assert source.warning is None
    assert len(list(source)) == 40  # can be read again


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_variable_rate_keeps_every_distance(tmp_path, suffix):
    pts = [0, 40, 50, 120, 400, 433]
    path = clip(tmp_path / f"v{suffix}", 6, pts=pts, time_base=Fraction(1, 1000), last_duration=77)
    frames = list(open_source(path))
    assert [frame.pts * frame.time_base * 1000 for frame in frames] == pts
    assert [frame.duration * frame.time_base * 1000 for frame in frames] == [40, 10, 70, 280, 33, 77]


def test_the_first_frame_has_time_zero(tmp_path):
    source = open_source(clip(tmp_path / "late.mkv", 5, pts=[500, 540, 580, 620, 660], time_base=Fraction(1, 1000)))
    assert [frame.pts for frame in source] == [0, 40, 80, 120, 160]
    assert source.origin_seconds == Fraction(1, 2)


@pytest.mark.parametrize(
    ("start", "duration", "limit", "expected"),
    [
        (0.0, None, 3, [0, 1, 2]),
        (0.52, None, 3, [13, 14, 15]),
        (0.53, None, 2, [14, 15]),  # never a frame from before the start
        (1.0, 0.2, None, [25, 26, 27, 28, 29]),
        (0.0, 0.1, None, [0, 1, 2]),
        (1.5, 9.0, None, [38, 39]),
        (0.48, 0.2, 2, [12, 13]),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cut_to_the_frame(tmp_path, suffix, start, duration, limit, expected):
    source = open_source(
        clip(tmp_path / f"a{suffix}"), start_seconds=start, duration_seconds=duration, max_frames=limit
    )
    frames = list(source)
    assert [picture_number(frame.pixels) for frame in frames] == expected
    assert frames[0].pts == 0
    assert frames[-1].duration * frames[-1].time_base == Fraction(1, 25)
    assert source.warning is None
    assert source.origin_seconds == Fraction(expected[0], 25)


def test_start_behind_the_end(tmp_path):
    source = open_source(clip(tmp_path / "a.mp4", 5), start_seconds=9)
    with pytest.raises(InputError, match="no frame at or after 9 s"):
        list(source)


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (270, 3), (-90, 3)])
def test_rotation_is_applied(tmp_path, rotation, turns):
    picture = palette_picture(96, 64)
    picture[:32] //= 2
    path = write_video(tmp_path / "r.mp4", [picture] * 2, rotation=rotation, aspect=Fraction(4, 3))
    source = open_source(path)
    pixels = next(iter(source)).pixels
    upright = np.rot90(picture, turns)  # the display matrix turns counter-clockwise
    assert (source.height, source.width) == pixels.shape[:2] == upright.shape[:2]
    assert np.abs(pixels.astype(int) - upright).mean() < 3
    assert source.sample_aspect_ratio == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


@pytest.mark.parametrize(("hflip", "vflip"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_mirrored_video_is_shown_as_its_matrix_says(tmp_path, rotation, hflip, vflip):
    """A camera that looks at its owner can say it so. FFmpeg's own programs show the same."""
    picture = palette_picture(96, 64)
    picture[:32] //= 2
    path = write_video(tmp_path / "m.mp4", [picture] * 2, rotation=rotation, flips=(hflip, vflip))
    upright = np.rot90(picture, rotation // 90)
    upright = upright[:: -1 if vflip else 1, :: -1 if hflip else 1]
    pixels = next(iter(open_source(path))).pixels
    assert pixels.shape == upright.shape and np.abs(pixels.astype(int) - upright).mean() < 3
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", tmp_path / "shown.png"]
        subprocess.run(command, check=True, timeout=30)
        assert np.abs(pixels.astype(int) - cv2.imread(str(tmp_path / "shown.png"))[..., ::-1]).mean() < 5


def test_a_slanted_picture_is_left_as_it_is(tmp_path):
    path = write_video(tmp_path / "s.mp4", [palette_picture(96, 64)] * 2, rotation=30)
    assert next(iter(open_source(path))).size == (64, 96)


def test_file_without_timestamps_gets_them_from_its_rate(tmp_path):
    path = clip(tmp_path / "raw.h264", 10)
    times = [frame.pts_seconds for frame in open_source(path)]
    assert times == pytest.approx([n / 25 for n in range(10)], abs=1e-6)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_video_gives_what_is_there(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (90, 64, 96, 3), dtype=np.uint8)
    options = {"crf": "20", "bf": "0", "movflags": "faststart"}
    path = tmp_path / f"whole{suffix}"
    with av.open(str(path), "w", container_options={"movflags": "faststart"} if suffix == ".mp4" else {}) as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    short = tmp_path / f"short{suffix}"
    short.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 5])
    source = open_source(short)
    count = len(list(source))
    assert 20 < count < 50
    assert source.warning.startswith(f"input ended early: {count} of about 90 frames could be decoded")
    assert "\n" not in source.warning
    limited = open_source(short, max_frames=10)
    assert len(list(limited)) == 10 and limited.warning is None


def test_damage_in_the_middle_is_survived(tmp_path):
    path = clip(tmp_path / "a.mkv", 40, codec="ffv1", pix_fmt="yuv420p", options={"slicecrc": "1"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\xff\x00\xff\x00"
    path.write_bytes(bytes(data))
    source = open_source(path)
    assert 20 <= len(list(source)) <= 40


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    (tmp_path / "zero.mp4").touch()
    (tmp_path / "zero.png").touch()
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    whole = clip(tmp_path / "whole.mp4", 10).read_bytes()
    (tmp_path / "headless.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        container.add_stream("aac", rate=48000)
        container.start_encoding()
        stream = container.streams.audio[0]
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame) + stream.encode(None))
    names = ("missing.mp4", "missing.png", "text.mp4", "zero.mp4", "zero.png", "text.png", "empty", "headless.mp4")
    for name in (*names, "sound.mp4"):
        with pytest.raises(InputError, match=name) as caught:
            open_source(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"start_seconds": -1}, {"duration_seconds": 0}, {"max_frames": 0}, {"start_seconds": float("nan")}]
)
def test_limits_are_checked(tmp_path, options):
    with pytest.raises(InputError, match="not usable"):
        open_source(tmp_path / "any.mp4", **options)


def test_odd_names_are_plain_names(tmp_path):
    path = clip(tmp_path / "a:b %03d é.mp4", 3)
    assert len(list(open_source(path))) == 3


def test_early_stop_closes_the_file(tmp_path):
    iterator = iter(open_source(clip(tmp_path / "a.mp4")))
    next(iterator)
    iterator.close()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
def test_single_image(tmp_path, suffix):
    picture = palette_picture(90, 50)
    path = tmp_path / f"one{suffix}"
    cv2.imwrite(str(path), picture[..., ::-1])
    source = open_source(path)
    (frame,) = source
    assert (source.kind, source.width, source.height, frame.stem, frame.pts) == ("image", 90, 50, "one", 0)
    assert np.abs(frame.pixels.astype(int) - picture).mean() < 5  # JPEG blurs chroma across the bars


def test_image_alpha_is_dropped(tmp_path):
    rgba = np.dstack([palette_picture(40, 30)[..., ::-1], np.zeros((30, 40), np.uint8)])
    cv2.imwrite(str(tmp_path / "a.png"), rgba)
    (frame,) = open_source(tmp_path / "a.png")
    assert np.array_equal(frame.pixels, palette_picture(40, 30))


def test_exif_orientation_is_applied(tmp_path):
    encoded = cv2.imencode(".jpg", palette_picture(60, 40)[..., ::-1])[1].tobytes()
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # one entry: orientation 6
    segment = b"Exif\0\0" + tiff
    exif = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    (tmp_path / "turned.jpg").write_bytes(encoded[:2] + exif + encoded[2:])
    source = open_source(tmp_path / "turned.jpg")
    assert (source.width, source.height) == (40, 60)
    (frame,) = source
    assert np.abs(frame.pixels.astype(int) - np.rot90(palette_picture(60, 40), -1)).mean() < 8  # JPEG


def test_folder_in_natural_order_with_differing_sizes(tmp_path):
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"p{number}.png"), np.full((10 + number, 20, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_text("not looked at")
    source = open_source(tmp_path)
    frames = list(source)
    assert [frame.stem for frame in frames] == ["p1", "p2", "p10"]
    assert [frame.pixels.shape[:2] for frame in frames] == [(11, 20), (12, 20), (20, 20)]
    assert (source.kind, source.width, source.height, source.frame_count) == ("folder", 20, 11, 3)
    assert [frame.stem for frame in open_source(tmp_path, max_frames=2)] == ["p1", "p2"]
    with pytest.raises(InputError, match="for videos"):
        open_source(tmp_path, start_seconds=1)


def test_unreadable_images_are_named_and_left_out(tmp_path):
    (tmp_path / "a.png").write_text("broken")
    for name in ("b.png", "d.png"):
        cv2.imwrite(str(tmp_path / name), palette_picture(16, 16))
    (tmp_path / "c.jpg").touch()
    source = open_source(tmp_path)
    assert [frame.stem for frame in source] == ["b", "d"]
    assert source.warning == "2 of 4 images could not be read and were left out: a.png, c.jpg"
    (tmp_path / "b.png").unlink()
    (tmp_path / "d.png").unlink()
    with pytest.raises(InputError, match=r"a\.png"):
        open_source(tmp_path)


def test_an_empty_name_is_not_the_present_folder(tmp_path, monkeypatch):
    """As of a variable that is not set."""
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="the input has no name"):
        open_source("")
