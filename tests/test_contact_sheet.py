"""Contact sheets: photos and clips beside their composites, in a grid."""

import sys

import cv2
import numpy as np
import pytest
from media import numbered_picture, write_video

pytest.importorskip("pymatting")

from training import contact_sheet  # noqa: E402


def test_a_tile_shows_the_picture_and_the_composite():
    picture = np.full((40, 60, 3), 200, np.uint8)
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, 30:] = 1
    made = contact_sheet.tile(picture, alpha, 20)
    assert made.shape == (20, 40, 3)
    assert (made[:, :20] == 200).all()
    assert (made[10, 22] == contact_sheet.COLOUR).all() and (made[10, 38] == 200).all()


def test_the_last_row_is_filled():
    tiles = [np.full((10, 20, 3), value, np.uint8) for value in (10, 20, 30)]
    made = contact_sheet.sheet(tiles, 2)
    assert made.shape == (24, 44, 3)
    assert [int(made[y, x, 0]) for y in (2, 14) for x in (2, 24)] == [10, 20, 30, 128]


def test_folders_and_clips_make_a_sheet(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / "photos" / f"{name}.jpg"), np.full((64, 48, 3), 90, np.uint8))
    write_video(tmp_path / "clip.mkv", [numbered_picture(n) for n in range(4)])
    paths = [str(tmp_path / "photos"), str(tmp_path / "clip.mkv")]
    out = tmp_path / "sheet.png"
    monkeypatch.setattr(sys, "argv", ["x", *paths, f"--out={out}", "--columns=2", "--height=30", "--frames=2"])
    contact_sheet.main()
    assert cv2.imread(str(out)).shape == (2 * 32, 2 * 62, 3)


def test_a_sheet_of_nothing_is_one_line(tmp_path, monkeypatch, capsys):
    for words, message in (
        (["--frames=0"], "--frames must be 1 or more"),
        ([], f"there is no picture in {tmp_path / 'empty'}"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "empty"), f"--out={tmp_path / 'sheet.png'}", *words])
        with pytest.raises(SystemExit) as ended:
            contact_sheet.main()
        assert ended.value.code == 2 and capsys.readouterr().err == f"error: {message}\n"
