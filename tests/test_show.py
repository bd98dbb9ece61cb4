"""`training.show`: photo, T-Net alone, T-Net with M-Net and composite side by side, then a detail of each."""

import sys

import cv2
import numpy as np
import pytest
from labelled_photos import RedRunner

pytest.importorskip("pymatting")

from training import show  # noqa: E402

HEIGHT, WIDTH = 60, 80
BLUE = (48, 96, 160)
"""The default background."""


def photo() -> np.ndarray:
    """[H, W, 3] uint8 RGB: red, hence alpha, is 0, then 102 in a stripe, then 255."""
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    picture[..., 0] = 0
    picture[20:40, 30:40, 0] = 102
    picture[:, 60:, 0] = 255
    return picture


def test_outputs_of_one_still():
    found = show.outputs(RedRunner(), photo(), "#3060a0")
    alpha, composite = found["alpha"].astype(int), found["composite"].astype(int)
    assert np.abs(alpha - photo()[..., 0]).max() <= 1
    assert np.abs(composite[5, 5] - BLUE).max() <= 1 and composite[5, 70, 0] > 200
    assert composite.shape == (HEIGHT, WIDTH, 3)


def test_the_detail_is_where_alpha_is_half_covered():
    rows, columns = show.detail(photo()[..., 0], 20)
    assert (rows.start, rows.stop) == (20, 40) and columns.start <= 30 and columns.stop >= 40


def test_a_strip_holds_four_pictures_and_their_details():
    made = show.strip(RedRunner(), photo(), "#3060a0")
    assert made.shape == (HEIGHT, 4 * (WIDTH + HEIGHT), 3)
    shown, coarse, fine, composite = (made[:, WIDTH * i : WIDTH * (i + 1)].astype(int) for i in range(4))
    assert np.array_equal(shown, photo())
    assert np.abs(coarse - 127.5).max() <= 1, "T-Net alone: all is unknown, half of it person"
    assert np.abs(fine - photo()[..., :1]).max() <= 1
    assert np.abs(composite[5, 5] - BLUE).max() <= 1
    details = [made[:, 4 * WIDTH + HEIGHT * i : 4 * WIDTH + HEIGHT * (i + 1)] for i in range(4)]
    stripe = np.abs(details[2].astype(int) - 102) <= 1
    assert details[2].shape == (HEIGHT, HEIGHT, 3) and 0.3 < stripe.mean() < 0.7


def test_the_command_writes_a_row_for_each_photo(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(show, "load_runner", lambda *_: RedRunner())
    paths = []
    for name, width in (("a", WIDTH), ("b", WIDTH // 2)):
        paths.append(str(tmp_path / f"{name}.png"))
        cv2.imwrite(paths[-1], np.ascontiguousarray(photo()[:, :width, ::-1]))
    out = tmp_path / "strip.png"
    monkeypatch.setattr(sys, "argv", ["show", *paths, f"--out={out}", "--height=30", "--background=#00ff00"])
    show.main()
    sheet = cv2.imread(str(out))
    assert capsys.readouterr().out.strip() == str(out)
    assert sheet.shape == (2 * 34, 30 * 4 * (WIDTH + HEIGHT) // HEIGHT, 3)
    assert not sheet[30:34].any() and not sheet[34:, -10:].any(), "rows are set apart, the narrower one is filled up"
    green = sheet[5, (3 * WIDTH + 5) * 30 // HEIGHT]
    assert green[1] > 240 and green[[0, 2]].max() < 15
