"""One person of several followed over the seams of chunks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from batch_bodies import bright_work
from batch_runs import input_folder, read_manifest, run_batch
from media import read_pictures, write_video

from shm_stream.batch_chunked import ChunkedShot

pytestmark = pytest.mark.timeout(240)
COUNT = 130
SEAMS = 43, 86


def two_people(number: int, gone_at: int) -> np.ndarray:
    """[90, 160, 3]: one at the left who becomes smaller and is gone for 20 frames, one at the right who grows."""
    rows, columns = np.mgrid[:90, :160]
    people = [(100, min(14 + number // 2, 26))]
    if not gone_at <= number < gone_at + 20:
        people.append((40, max(28 - number // 2, 12)))
    discs = [np.clip(radius - np.hypot(columns - x, rows - 45), 0, 3) / 3 for x, radius in people]
    return np.repeat(np.uint8(255 * np.maximum.reduce(discs))[..., None], 3, axis=2)


def side(alpha: np.ndarray) -> str:
    """Which of them is in a matte [90, 160]."""
    left, right = alpha[:, :75].max() > 200, alpha[:, 75:].max() > 200
    return {(True, False): "left", (False, True): "right", (False, False): "nobody"}.get((left, right), "both")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """(mattes [N, 90, 160], figures, [(chunk, whether it was made again)]) of the clip, in so many processes."""
    input_folder(tmp_path, monkeypatch)
    made, ended = [], ChunkedShot.ended
    monkeypatch.setattr(ChunkedShot, "ended", lambda self, task, result: made.append(task) or ended(self, task, result))

    def run(folder: Path, name: str, *arguments: str):
        made.clear()
        arguments = ("--alpha", "--suffix", ".mkv", "--codec", "ffv1", *arguments)
        out, code, err = run_batch(monkeypatch, capsys, folder, name, *arguments, work=bright_work)
        assert code == 0 and read_manifest(out)[0]["frames"] == COUNT, err
        mattes = [frame.to_ndarray(format="gray") for frame in read_pictures(out / "a.alpha.mkv")]
        figures = json.loads((out / ".qc" / "a.mp4.json").read_text())["figures"]
        return np.stack(mattes), figures, [(task.chunk.number, task.resumes) for task in made if task.chunk]

    return run


def clip(tmp_path: Path, gone_at: int) -> Path:
    folder = tmp_path / "in"
    write_video(folder / "a.mp4", [two_people(number, gone_at) for number in range(COUNT)], gop=30)
    return folder


@pytest.mark.parametrize(
    ("gone_at", "changes_at", "made"),
    [
        # the larger one of each lead-in is the right one; at the second seam that is true for the whole by then
        (70, 82, [(0, False), (1, False), (2, False), (1, True)]),
        # at the second seam the left one is waited for
        pytest.param(80, 92, [(0, False), (1, False), (2, False), (1, True), (2, True)], marks=pytest.mark.slow),
    ],
    ids=["changes before a seam", "changes after a seam"],
)
def test_who_is_followed_is_who_would_be_in_one_piece(run, tmp_path, gone_at, changes_at, made):
    folder = clip(tmp_path, gone_at)
    one, figures, _ = run(folder, "whole", "--person", "largest")
    other, same_figures, tasks = run(folder, "chunked", "--person", "largest", "--chunk", "1.7", "--jobs", "2")
    assert (one == other).all() and figures == same_figures
    assert [side(one[index]) for index in (0, 30, SEAMS[0], gone_at - 1)] == ["left"] * 4
    assert [side(one[index]) for index in (gone_at, changes_at - 1, changes_at, COUNT - 1)] == [
        "nobody", "nobody", "right", "right"
    ]  # fmt: skip
    assert sorted(tasks) == sorted(made)


@pytest.mark.slow
@pytest.mark.parametrize("person", ["center", "all"])
def test_no_chunk_is_made_twice_where_its_lead_in_finds_the_same(run, tmp_path, person):
    folder = clip(tmp_path, gone_at=200)
    one, _, _ = run(folder, "whole", "--person", person)
    other, _, tasks = run(folder, "chunked", "--person", person, "--chunk", "1.7")
    assert (one == other).all() and side(one[-1]) == {"center": "right", "all": "both"}[person]
    assert tasks == [(0, False), (1, False), (2, False)]
