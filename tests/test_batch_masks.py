"""`shm-stream batch` with masks that are found by the names of shots."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from batch_runs import SMALL, input_folder, use_workers, write_shots
from stand_ins import read_pictures

from shm_stream import cli
from shm_stream.batch_masks import masks_of
from shm_stream.errors import InputError
from shm_stream.job_options import JobOptions

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return write_shots(input_folder(tmp_path, monkeypatch))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def run(monkeypatch, capsys, folder, out):
    """Run the command on `folder` in this process, its workers without networks; (exit code, last line of stderr)."""

    def run(*arguments):
        use_workers(monkeypatch)
        code = cli.main(["batch", str(folder), str(out), *SMALL, *map(str, arguments)])
        return code, capsys.readouterr().err.splitlines()[-1]

    return run


def write_masks(folder, width: int, height: int):
    """White on the left: a folder of pictures for a.mp4, a still for day/b.mkv and day/c.png."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    for name in [*(f"a/{i:03d}.png" for i in range(12)), "day/b.png", "day/c.png"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), mask)
    return folder


def test_holdouts_are_found_by_name_and_a_changed_one_is_seen(run, folder, out, tmp_path):
    height, width = cv2.imread(str(folder / "day/c.png")).shape[:2]
    masks = write_masks(tmp_path / "masks", width, height)
    assert run("--alpha", "--holdout", masks)[0] == 0
    pictures = [*read_pictures(out / "a.alpha.mp4"), *read_pictures(out / "day/b.alpha.mkv")]
    for alpha in [*pictures, cv2.imread(str(out / "day/c.alpha.png"))]:
        left, right = alpha[:, : width // 2 - 8], alpha[:, width // 2 + 8 :]  # encoders blur the border
        assert left.max() < 8 and right.min() > 247
    assert len(pictures) == 20
    (masks / "day/c.png").unlink()
    assert run("--alpha", "--holdout", masks) == (
        2, f"shm-stream: error: {masks} has no holdout for day/c.png; give one: {masks / 'day/c.png'}, the same with "
        f"another extension, or a folder {masks / 'day/c'}",
    )  # fmt: skip
    shutil.copy(folder / "day/c.png", masks / "day/c.png")
    assert run("--alpha", "--holdout", masks)[1].startswith("1 done, 2 skipped")


def test_a_lost_sidecar_is_made_again(run, out):
    assert run("--bg", "red", "--sidecar")[0] == 0
    (out / "day/b.mkv.json").unlink()
    assert run("--bg", "red", "--sidecar")[1].startswith("1 done, 2 skipped") and (out / "day/b.mkv.json").is_file()


def test_a_file_is_for_all_and_a_folder_has_one_for_each(tmp_path):
    (tmp_path / "day" / "talk").mkdir(parents=True)
    (tmp_path / "one.png").touch()
    assert masks_of("day/talk.mp4", JobOptions("in", keep=tmp_path / "one.png")) == {"keep": tmp_path / "one.png"}
    template = JobOptions("in", trimap=tmp_path)
    assert masks_of("day/talk.mp4", template) == {"trimap": tmp_path / "day/talk"}
    (tmp_path / "day" / "talk.png").touch()
    with pytest.raises(InputError, match=r"has both talk and talk\.png for day/talk\.mp4; give one"):
        masks_of("day/talk.mp4", template)
    (tmp_path / "day" / "talk.mp4").touch()  # the very name says which is meant
    assert masks_of("day/talk.mp4", template) == {"trimap": tmp_path / "day/talk.mp4"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--trimap", "none"], "trimap none does not exist"), (["--keep", "IN/day"], "keep IN/day lies in IN, where"),
     (["--person", "me"], "person is one of all")],
)  # fmt: skip
def test_what_cannot_be_is_one_line_before_anything_starts(run, folder, out, arguments, message):
    code, err = run("--alpha", *[text.replace("IN", str(folder)) for text in arguments])
    assert code == 2 and message.replace("IN", str(folder)) in err and not out.exists()
