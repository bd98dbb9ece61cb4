"""Backgrounds: every form of the option, fit, loop and blur."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from media import numbered_picture, palette_picture, picture_number, write_video

from shm_stream.background import cover_fit, open_background
from shm_stream.errors import InputError
from shm_stream.frame import Frame


def frame_of(height=90, width=160, pts=0, time_base=Fraction(1, 25), pixels=None) -> Frame:
    pixels = np.zeros((height, width, 3), np.uint8) if pixels is None else pixels
    return Frame(pixels, 0, pts, time_base, 1)


@pytest.mark.parametrize(
    ("spec", "colour"),
    [("#0f0", (0, 255, 0)), ("#1234aB", (0x12, 0x34, 0xAB)), ("green", (0, 128, 0)), ("RebeccaPurple", (102, 51, 153))],
)
def test_colours(spec, colour):
    background = open_background(spec, 160, 90)
    picture = background.at(frame_of())
    assert background.kind == "colour"
    assert picture.shape == (90, 160, 3) and (picture == colour).all()
    assert (background.at(frame_of(31, 17)) == colour).all()
    assert background.at(frame_of(31, 17)).shape == (31, 17, 3)


def test_transparent_is_black():
    background = open_background("transparent", 4, 4)
    assert background.kind == "transparent" and background.at(frame_of()).max() == 0


@pytest.mark.parametrize("spec", ["beach.jpg", "#12", "#ggg", "gren", "", "blurred", "folder/"])
def test_unknown_forms_are_explained(spec):
    with pytest.raises(InputError, match="neither an existing file nor a known form") as caught:
        open_background(spec, 160, 90)
    assert "blur:1 to blur:100" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["blur:0", "blur:101", "blur:x", "blur:-3", "blur:2.5"])
def test_blur_strength_is_checked(spec):
    with pytest.raises(InputError, match="whole number from 1 to 100"):
        open_background(spec, 160, 90)


def test_image_covers_without_distortion(tmp_path):
    picture = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(picture, (100, 100), 50, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "bg.png"), picture)
    background = open_background(str(tmp_path / "bg.png"), 160, 90)
    fitted = background.at(frame_of())
    disc = fitted[..., 0] > 127
    assert background.kind == "image" and fitted.shape == (90, 160, 3)
    assert abs(disc[45].sum() - 80) <= 2 and abs(disc[:, 80].sum() - 80) <= 2  # 160/200 of a diameter of 100
    assert background.at(frame_of()) is fitted  # once per size
    assert background.at(frame_of(40, 40)).shape == (40, 40, 3)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (64, 64)])
@pytest.mark.parametrize("target", [(1, 1), (33, 65), (640, 2)])
def test_cover_fit_gives_the_size_asked_for(size, target):
    fitted = cover_fit(np.full((*size, 3), 77, np.uint8), *target)
    assert fitted.shape == (target[1], target[0], 3) and (fitted == 77).all()


def test_bad_background_files(tmp_path):
    for name in ("bg.png", "bg.mp4"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(InputError, match=name):
            open_background(str(tmp_path / name), 160, 90)


def test_video_plays_at_its_own_rate_and_loops(tmp_path):
    """Shown at 0, 40, 100 and 200 ms, 300 ms long, under a 50 Hz scene."""
    path = write_video(
        tmp_path / "bg.mp4",
        [numbered_picture(number) for number in range(4)],
        pts=[0, 40, 100, 200],
        time_base=Fraction(1, 1000),
        last_duration=100,
    )
    background = open_background(str(path), 96, 64)
    shown = [picture_number(background.at(frame_of(64, 96, n, Fraction(1, 50)))) for n in range(40)]
    expected = [sum(n * 20 % 300 >= begin for begin in (40, 100, 200)) for n in range(40)]
    assert background.kind == "video" and shown == expected
    background.close()


def test_video_skips_ahead_over_many_rounds(tmp_path):
    path = write_video(tmp_path / "bg.mp4", [numbered_picture(number) for number in range(5)])
    background = open_background(str(path), 96, 64)
    shown = [picture_number(background.at(frame_of(64, 96, n, Fraction(1)))) for n in (0, 3, 4)]
    assert shown == [0, 0, 0]
    assert picture_number(background.at(frame_of(64, 96, 103, Fraction(1, 25)))) == 3
    background.close()


def test_video_of_one_picture_is_a_still(tmp_path):
    path = write_video(tmp_path / "bg.mkv", [palette_picture(96, 64)])
    background = open_background(str(path), 96, 64)
    first = background.at(frame_of(64, 96)).copy()
    assert np.array_equal(background.at(frame_of(64, 96, 1000)), first)


def subject_scene(height=360, width=640):
    """A saturated red subject with a soft edge on grey, and B_s at a quarter of the size."""
    alpha = np.zeros((height, width), np.float32)
    cv2.ellipse(alpha, (width // 2, height), (width // 4, int(height * 0.8)), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 3)
    pixels = np.rint(alpha[..., None] * (255, 0, 0) + (1 - alpha[..., None]) * (128, 128, 128)).astype(np.uint8)
    sure = (alpha < 0.002).astype(np.float32)
    return pixels, cv2.resize(sure, (width // 4, height // 4), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("spec", ["blur:1", "blur:4", "blur", "blur:100"])
def test_blur_takes_no_colour_from_the_subject(spec):
    pixels, probability = subject_scene()
    blurred = open_background(spec, 640, 360).at(frame_of(pixels=pixels), probability)
    assert blurred.shape == pixels.shape
    assert np.abs(blurred.astype(int) - 128).max() <= 1  # neither a red tint nor a dark spot, anywhere


def test_blur_blurs_and_stronger_blurs_more():
    pixels = (np.random.default_rng(0).random((180, 320, 1)) * 255).astype(np.uint8).repeat(3, 2)
    probability = np.ones((64, 128), np.float32)
    spread = [
        open_background(f"blur:{n}", 320, 180).at(frame_of(pixels=pixels), probability).std() for n in (2, 10, 50)
    ]
    assert pixels.std() > spread[0] > spread[1] > spread[2]


def test_blur_keeps_the_layout_of_the_scene():
    pixels = np.zeros((180, 320, 3), np.uint8)
    pixels[:, 160:] = 200
    blurred = open_background("blur:10", 320, 180).at(frame_of(pixels=pixels), np.ones((32, 64), np.float32))
    assert blurred[:, :140].max() <= 1 and blurred[:, 180:].min() >= 199
    assert abs(int(blurred[90, 159, 0]) + int(blurred[90, 160, 0]) - 200) <= 6


@pytest.mark.parametrize("value", [0.0, 1e-6, float("nan")])
def test_blur_without_any_background_is_a_plain_blur(value):
    pixels = np.full((90, 160, 3), (10, 200, 60), np.uint8)
    blurred = open_background("blur", 160, 90).at(frame_of(pixels=pixels), np.full((32, 64), value, np.float32))
    assert np.abs(blurred.astype(int) - (10, 200, 60)).max() <= 1
