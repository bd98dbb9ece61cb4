"""Figures of `shm-stream eval --video` in the paper's units and in RVM's, all worked out by hand."""

from __future__ import annotations

import json

import cv2
import pytest
from labelled_photos import RedRunner, block, write_red
from measures_again import kernel_2d

from shm_stream import cli, engine_choice

pytestmark = pytest.mark.timeout(60)
PIXELS, ROWS = 40 * 48, 40
STEP = sum(sum(kernel_2d().sum(axis=0)[i:]) ** 2 for i in range(1, 9))
"""The gradient error of a row in which the truth goes from 1 to 0 and the matte does not."""


@pytest.fixture
def measure(tmp_path, monkeypatch, capsys):
    """Measure a clip whose frames have these mattes and truths, [H, W] uint8; (stdout, the JSON)."""

    def measure(*frames, options=()):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: RedRunner())
        for folder in ("clip", "truth"):
            (tmp_path / folder).mkdir()
        for number, (alpha, truth) in enumerate(frames):
            write_red(tmp_path / "clip", str(number), alpha)
            cv2.imwrite(str(tmp_path / "truth" / f"{number}.png"), truth)
        path = tmp_path / "out.json"
        arguments = ["--video", str(tmp_path / "clip"), "--alpha", str(tmp_path / "truth"), "--json", str(path)]
        assert cli.main(["eval", *arguments, *options]) == 0, capsys.readouterr().err
        return capsys.readouterr().out, json.loads(path.read_text())

    return measure


FRAMES = (
    (block(204), block(255)),  # four fifths of the truth
    (block(255, 12), block(255)),  # half as wide
    (block(51, 12), block(0)),  # a fifth in a quarter of the picture, where nobody is
)


def test_every_figure_by_hand(measure):
    _, found = measure(*FRAMES)
    absolute, square = (0.2 / 2 + 1 / 4 + 0.2 / 4) / 3, (0.04 / 2 + 1 / 4 + 0.04 / 4) / 3
    gradient = ROWS * STEP * (0.2**2 + 2 + 0.2**2) / 3  # the second frame has two steps, both in the wrong place
    connectivity = PIXELS * absolute  # level 0.8, 0 and 0: each matte is as far from it as from the truth
    pairs = [(0.2**2 / 4 + 0.8**2 / 4) ** 0.5, (0.2**2 / 4 + 1 / 4) ** 0.5]
    wanted = {
        "paper_sad": 1e3 * absolute,
        "paper_mse": 1e3 * square,
        "paper_grad": 1e5 * gradient / PIXELS,
        "paper_conn": 1e5 * connectivity / PIXELS,
        "mad": 1e3 * absolute,
        "mse": 1e3 * square,
        "grad": gradient / 1e3,
        "conn": connectivity / 1e3,
        "dtssd": 1e2 * sum(pairs) / 2,
        "mean_iou_percent": 100 * (1 + (12 / 24 + 24 / 36) / 2) / 2,  # nobody is in the third frame
        "frames": 3,
    }
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-5)
    assert list(found["units"]) == list(wanted)


def test_the_header_names_units(measure):
    out, _ = measure(*FRAMES)
    *_, systems, titles, scales, row = (line.split() for line in out.splitlines())
    assert systems == ["paper"] * 4 + ["RVM"] * 5
    assert titles == ["SAD", "MSE", "Grad", "Conn", "MAD", "MSE", "Grad", "Conn", "dtSSD", "mIoU", "frames"]
    assert scales == [*["x1e3"] * 2, *["x1e5"] * 2, *["x1e3"] * 2, *["/1000"] * 2, "x1e2", "%"]
    assert row[0] == row[4] == "133.33" and row[1] == row[5] == "93.33" and row[9:] == ["79.17", "3"]
    assert max(map(len, out.splitlines()[-4:])) <= 80


def test_a_clip_without_people_has_no_iou(measure):
    out, found = measure((block(0), block(0)), (block(51, 12), block(127)))
    assert found["mean_iou_percent"] is None and out.splitlines()[-1].split()[9:] == ["-", "2"]


def test_half_a_person_counts_as_one(measure):
    _, found = measure((block(128), block(128)), options=["-q"])
    assert found["mean_iou_percent"] == 100 and found["mad"] == pytest.approx(0, abs=1e-3)
