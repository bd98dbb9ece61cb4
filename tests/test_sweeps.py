"""What T-Net's size, M-Net's tiles and M-Net's width are worth: swept on generated photos."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from training import sweep_shapes, sweep_width  # noqa: E402

pytestmark = pytest.mark.timeout(120)


def test_shapes(training_data, run_training, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_shapes, "REPEATS", 2)
    target, plot = tmp_path / "shapes.json", tmp_path / "shapes.png"
    run_training(sweep_shapes, data=training_data, sizes="64,256", tiles="4,128", plot=plot, json=target)
    found = json.loads(target.read_text())
    small, shipped = found["sizes"]
    assert (small["tnet_size"], small["shape"], shipped["shape"]) == (64, [64, 96], [192, 352])
    assert min(small["tnet_core_ms"], shipped["tnet_core_ms"]) > 0 and 0 < shipped["mean_iou_percent"] <= 100
    fine, coarse = found["tiles"]
    assert fine["drawn_percent"] < 0.6 * coarse["drawn_percent"] and fine["mnet_core_ms"] > 0
    assert cv2.imread(str(plot)).std() > 10


def test_tiles_as_blocks():
    """10 x 12 pixels of frame in tiles of two blocks of 4, at the frame's edge in part."""
    tiles = np.array([[1, 0]] * 135, np.uint8).repeat(120, axis=1)
    blocks = sweep_shapes.blocks_of_tiles(tiles, 2, 4)
    assert blocks.shape == (270, 480) and blocks[:, :240].all() and not blocks[:, 240:].any()


def test_widths(training_data, run_training, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_shapes, "REPEATS", 2)
    target, plot, out = tmp_path / "width.json", tmp_path / "width.png", tmp_path / "out"
    options = {"data": training_data, "out": out, "widths": "4,16", "steps": 1, "batch": 2, "workers": 0, "count": 1}
    run_training(sweep_width, **options, plot=plot, json=target)
    narrow, wide = json.loads(target.read_text())
    assert (narrow["width"], wide["width"]) == (4, 16) and min(narrow["mnet_core_ms"], wide["mnet_core_ms"]) > 0
    assert all(0 < row["band_mad_x1e3"] < 1000 for row in (narrow, wide)) and cv2.imread(str(plot)).std() > 5
    made = (out / "width4.pt").stat().st_mtime_ns
    again = sweep_width.trained(sweep_width.Options(training_data, out, steps=1, batch=2, workers=0), 4)
    assert (out / "width4.pt").stat().st_mtime_ns == made and again.write.in_channels == 4, "it is not repeated"
