"""Sinks of pictures: single ones, folders and numbered ones, and what is refused."""

from __future__ import annotations

import os
from fractions import Fraction

import cv2
import numpy as np
import pytest
from media import numbered_picture, palette_picture, picture_number, video_times
from sinks import clip, convert, make, refused

from shm_stream.sink import open_sink
from shm_stream.source import open_source


def test_folder_to_video(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), numbered_picture(number))
    target = convert(open_source(tmp_path / "in"), tmp_path / "out.mp4")
    assert video_times(target) == [Fraction(n, 25) for n in range(3)]


@pytest.mark.parametrize("kind", ["composite", "alpha", "foreground", "transparent"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_image_to_image(tmp_path, kind, suffix):
    cv2.imwrite(str(tmp_path / "in.png"), palette_picture(97, 65)[..., ::-1])
    source = open_source(tmp_path / "in.png")
    target = tmp_path / f"out{suffix}"
    if kind == "transparent" and suffix == ".jpg":
        return refused(target, source, "no transparency; use .png", kind=kind)
    convert(source, target, kind)
    result = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
    wanted = make(kind, next(iter(open_source(tmp_path / "in.png"))))
    if suffix == ".webp" and kind == "alpha":
        result = result[..., 0]  # WebP has no grey
    if wanted.ndim == 3:
        result = cv2.cvtColor(result, cv2.COLOR_BGRA2RGBA if wanted.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    assert result.shape == wanted.shape
    if kind == "transparent":
        result, wanted = result[wanted[..., 3] > 0], wanted[wanted[..., 3] > 0]  # WebP drops unseen colours
    assert np.abs(result.astype(int) - wanted).mean() <= (6 if suffix == ".jpg" else 0)
    assert len(os.listdir(tmp_path)) == 2


def test_image_refusals(tmp_path):
    cv2.imwrite(str(tmp_path / "in.png"), palette_picture(32, 32))
    source = open_source(tmp_path / "in.png")
    refused(tmp_path / "out.mp4", source, "one image; write it to out.png")
    refused(tmp_path / "in.png", source, "the input itself", overwrite=True)
    cv2.imwrite(str(tmp_path / "there.png"), palette_picture(32, 32))
    refused(tmp_path / "there.png", source, "exists; add -y")


def test_folder_to_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for number, size in enumerate([(40, 30), (31, 47)]):
        cv2.imwrite(str(tmp_path / "in" / f"p{number}.jpg"), palette_picture(*size))
    source = open_source(tmp_path / "in")
    assert convert(source, tmp_path / "out", "alpha") == tmp_path / "out"
    assert sorted(os.listdir(tmp_path / "out")) == ["p0.png", "p1.png"]
    assert cv2.imread(str(tmp_path / "out" / "p1.png"), cv2.IMREAD_UNCHANGED).shape == (47, 31)
    refused(tmp_path / "out", source, "p0.png exists; add -y")
    convert(source, str(tmp_path / "out") + "/", "transparent", overwrite=True)
    assert cv2.imread(str(tmp_path / "out" / "p1.png"), cv2.IMREAD_UNCHANGED).shape == (47, 31, 4)


def test_folder_refusals(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(str(tmp_path / "in" / name), palette_picture(16, 16))
    refused(tmp_path / "out", open_source(tmp_path / "in"), "a.jpg and a.png would both become a.png")
    (tmp_path / "in" / "a.jpg").unlink()
    source = open_source(tmp_path / "in")
    refused(tmp_path / "in", source, "the input itself", overwrite=True)
    refused(tmp_path / "no" / "out", source, "no does not exist; create it")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", source, "is a file; give a folder")


def test_video_to_numbered_pictures(tmp_path):
    source = open_source(clip(tmp_path / "walk.mp4", 3))
    convert(source, f"{tmp_path}/frames/")
    names = sorted(os.listdir(tmp_path / "frames"))
    assert names == ["walk_000000.png", "walk_000001.png", "walk_000002.png"]
    assert [picture_number(cv2.imread(str(tmp_path / "frames" / name))) for name in names] == [0, 1, 2]
    refused(tmp_path / "frames", source, "walk_000000.png exists")


def test_folder_abort_keeps_finished_pictures_only(tmp_path):
    source = open_source(clip(tmp_path / "walk.mp4", 3))
    frame = next(iter(source))
    sink = open_sink(tmp_path / "frames", source, kind="composite")
    assert not (tmp_path / "frames").exists()
    sink.write(frame, frame.pixels)
    sink.abort()
    assert os.listdir(tmp_path / "frames") == ["walk_000000.png"]
