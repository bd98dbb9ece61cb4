"""Shots with a mask for each frame, made in chunks: each frame gets the mask that it gets in one piece."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from batch_bodies import alternating_work, stand_in_work
from batch_runs import input_folder, read_manifest, run_batch, run_both
from media import read_pictures, write_video
from stand_ins import frame_number, numbered_frame

from shm_stream.batch_chunked import ChunkedShot

pytestmark = pytest.mark.timeout(120)
COUNT = 81
CHUNK = ("--chunk", "1.2", "--jobs", "2")
"""Three chunks of 27 frames."""
MATTE = ("--alpha", "--suffix", ".mkv", "--codec", "ffv1")
UNEVEN = {"pts": [3 * index + index % 2 for index in range(COUNT)], "time_base": Fraction(1, 75)}
B_FRAMES = {"crf": "4", "g": "12", "bf": "3", "x264-params": "open-gop=1"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With one clip of pictures that are all the same, so that no cut empties the prior."""
    folder = input_folder(tmp_path, monkeypatch)
    write_video(folder / "a.mp4", [np.full((48, 128, 3), 90, np.uint8)] * COUNT, pix_fmt="yuv420p", **UNEVEN)
    return folder


@pytest.fixture
def planned(monkeypatch) -> list[int]:
    """Into how many chunks each shot was cut."""
    planned, tasks = [], ChunkedShot.tasks
    monkeypatch.setattr(ChunkedShot, "tasks", lambda self: planned.append(len(tasks(self))) or tasks(self))
    return planned


@pytest.fixture
def both(folder, monkeypatch, capsys):
    """(mattes [N, 48, 128] in one piece, those in chunks) of a batch with these arguments."""

    def both(*arguments, work=stand_in_work) -> list[np.ndarray]:
        outs = run_both(monkeypatch, capsys, folder, CHUNK, *MATTE, *arguments, work=work)
        return [np.stack([f.to_ndarray(format="gray") for f in read_pictures(out / "a.alpha.mkv")]) for out in outs]

    return both


def mask_folder(path: Path, count: int = COUNT) -> Path:
    """Masks by the name of the shot: a folder of pictures that say which they are. 10.png comes after 9.png."""
    (path / "a").mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(path / "a" / f"{number}.png"), numbered_frame(number))
    return path


def mask_video(path: Path, count: int = COUNT, pix_fmt: str = "yuv420p", **options) -> Path:
    """Masks by the name of the shot: a video of pictures that say which they are."""
    path.mkdir()
    write_video(path / "a.mkv", map(numbered_frame, range(count)), pix_fmt=pix_fmt, **options)
    return path


def numbers(mattes: np.ndarray) -> list[int]:
    """What is white in the middle of each."""
    return [frame_number(matte[..., None]) for matte in mattes]


def test_a_folder_of_masks_goes_on_where_a_chunk_begins(both, planned, tmp_path):
    one, other = both("--holdout", mask_folder(tmp_path / "masks", COUNT + 2))
    assert planned == [3] and (one == other).all()
    assert numbers(255 - other) == list(range(COUNT))


@pytest.mark.parametrize(
    ("cut", "count", "first"),
    [("", COUNT, 0), ("-ss 0.5 --frames 60", 60, 19), ("-ss 0.02 -t 3.05", 76, 1)],
)
def test_a_video_of_masks_is_entered_at_the_frame(both, planned, tmp_path, cut, count, first):
    """It has its own times, of which those from 0.5 s on begin with the mask 19, at 39/75 s."""
    quicker = {"pts": [2 * index + index % 2 for index in range(120)], "time_base": Fraction(1, 75)}
    masks = mask_video(tmp_path / "masks", 120, options=B_FRAMES, **quicker)
    one, other = both("--holdout", masks, *cut.split())
    assert len(planned) == 1 and planned[0] > 1 and (one == other).all()
    assert numbers(255 - other) == list(range(first, first + count))


def test_all_three_options_and_what_is_smoothed_in_time(both, planned, tmp_path):
    trimap = mask_video(tmp_path / "trimap", options=B_FRAMES, **UNEVEN)
    keep, holdout = mask_folder(tmp_path / "keep"), mask_folder(tmp_path / "holdout")
    for number in range(COUNT):  # above and below the middle
        for path, rows in ((keep, slice(8, 48)), (holdout, slice(0, 40))):
            mask = numbered_frame(number)
            mask[rows] = 0
            cv2.imwrite(str(path / "a" / f"{number}.png"), mask)
    words = ("--trimap", trimap, "--keep", keep, "--holdout", holdout, "--lookahead", "2", "--feather", "2")
    one, other = both(*words)
    assert planned == [3] and (one == other).all() and numbers(other) == list(range(COUNT))
    assert [frame_number(matte[:8, :, None]) for matte in other] == list(range(COUNT))
    assert other[:, 42:].max() < 255 and numbers(other[:, :40]) == list(range(COUNT))


def test_a_chunk_that_is_made_again_begins_with_its_own_mask(both, planned, tmp_path, monkeypatch):
    made, ended = [], ChunkedShot.ended
    monkeypatch.setattr(ChunkedShot, "ended", lambda self, task, result: made.append(task) or ended(self, task, result))
    one, other = both("--holdout", mask_folder(tmp_path / "masks"), work=alternating_work)
    assert planned == [3] and any(task.resumes for task in made)
    assert (one == other).all() and numbers(255 - other)[::2] == list(range(0, COUNT, 2))


@pytest.fixture
def reasons(folder, monkeypatch, capsys):
    """(why the shot fails in one piece, why in chunks) with these arguments."""

    def reasons(*arguments) -> list[str]:
        found = []
        for name, more in (("whole", ()), ("chunked", CHUNK)):
            out, code, err = run_batch(monkeypatch, capsys, folder, name, *MATTE, *arguments, *more)
            (line,) = read_manifest(out)
            assert code == 1 and f"failed: a.mp4: {line['reason']}\n" in err and not (out / "a.alpha.mkv").exists()
            found.append(line["reason"])
        return found

    return reasons


@pytest.mark.parametrize("make", [mask_folder, mask_video])
@pytest.mark.parametrize(
    ("count", "problem"),
    [(60, "has 60 pictures for 81 frames; give one for each, or a single image"),
     (80, "has only 80 pictures, but the input has more frames; nothing was kept")],
)  # fmt: skip
def test_too_few_masks_are_told_of_as_in_one_piece(reasons, tmp_path, make, count, problem):
    masks = make(tmp_path / "masks", count)
    name = next(masks.iterdir())
    assert reasons("--keep", masks) == [f"keep {name} {problem}"] * 2


def test_what_masks_cannot_be_cut_by_is_told_of_as_in_one_piece(reasons, tmp_path):
    masks = mask_folder(tmp_path / "masks")
    problem = f"{masks / 'a'} has no time line: -ss and -t are for videos; --frames limits a folder"
    assert reasons("--keep", masks, "-ss", "0.1") == [problem] * 2


def test_masks_whose_packets_have_no_times_are_read_in_one_piece(both, planned, tmp_path):
    write_video((tmp_path / "a.h264"), map(numbered_frame, range(COUNT)), pix_fmt="yuv420p")
    (tmp_path / "masks").mkdir()
    shutil.copy(tmp_path / "a.h264", tmp_path / "masks" / "a.h264")
    one, other = both("--holdout", tmp_path / "masks")
    assert planned == [] and (one == other).all() and numbers(255 - other) == list(range(COUNT))


def test_a_damaged_picture_fails_the_shot(reasons, tmp_path):
    picture = mask_folder(tmp_path / "masks") / "a" / "60.png"
    picture.write_bytes(b"no picture")
    problem = f"holdout: cannot read {picture} as an image: it is damaged or in an unknown format; nothing was kept"
    kept = "; 2 chunks are kept for the next run"
    assert reasons("--holdout", tmp_path / "masks") == [problem, f"chunk 3 of 3: {problem}{kept}"]


@pytest.mark.parametrize(
    ("codec", "whole_problem"),
    [("mpeg4", "is damaged: pictures of it cannot be decoded; give one that is whole"),
     ("mpeg2video", r"has only (7\d|80) pictures, but the input has more frames")],
    ids=["the decoder says so", "the decoder leaves it out"],
)  # fmt: skip
def test_masks_after_a_damaged_one_are_not_taken_for_their_neighbours(reasons, tmp_path, codec, whole_problem):
    video = mask_video(tmp_path / "masks", codec=codec, options={"g": "6"}) / "a.mkv"
    with av.open(str(video)) as container:
        packet = bytes([packet for packet in container.demux(video=0) if packet.size][10])
    video.write_bytes(video.read_bytes().replace(packet, bytes(len(packet)), 1))
    whole, chunked = reasons("--holdout", tmp_path / "masks")
    assert re.fullmatch(f"holdout {re.escape(str(video))} {whole_problem}; nothing was kept", whole)
    problem = f"holdout {video} is damaged: pictures of it cannot be decoded; give one that is whole; nothing was kept"
    assert re.fullmatch(f"chunk 1 of 3: {re.escape(problem)}; [12] chunks are kept for the next run", chunked)
