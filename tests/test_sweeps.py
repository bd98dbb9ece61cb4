"""What T-Net's size and interval, M-Net's tiles and M-Net's width are worth: swept on generated photos."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from stand_ins import StandInRunner, write_clip  # noqa: E402

from shm_stream.frame import Frame  # noqa: E402
from shm_stream.work import Work  # noqa: E402
from training import sweep_interval, sweep_shapes, sweep_steadiness, sweep_width  # noqa: E402

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


def test_labels_of_sizes_do_not_overlap(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(sweep_shapes.Figure, "savefig", lambda figure, path, **_: drawn.append(figure))
    costs = {128: 3.6, 160: 6.0, 192: 9.2, 224: 9.4, 256: 13.5, 288: 17.5, 320: 21.5, 384: 28.5}
    ious, mads = (92.0, 93.4, 94.2, 94.6, 95.0, 94.9, 94.8, 94.7), (19.3, 16.9, 15.1, 13.9, 13.3, 13.1, 13.7, 14.4)
    sizes = [
        {"tnet_size": size, "tnet_core_ms": cost, "mean_iou_percent": iou, "mad_x1e3": mad}
        for (size, cost), iou, mad in zip(costs.items(), ious, mads)
    ]
    sweep_shapes.draw(tmp_path / "shapes.png", sizes, [{"tile": 4, "mnet_core_ms": 7.0}], shipped=256)
    FigureCanvasAgg(drawn[0]).draw()
    for panel in drawn[0].axes[:2]:
        boxes = [text.get_window_extent() for text in panel.texts]
        assert len(boxes) == 8 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        assert [text.get_text() for text in panel.texts if text.get_weight() == "bold"] == ["256"]


def test_tiles_as_blocks():
    """10 x 12 pixels of frame in tiles of two blocks of 4, at the frame's edge in part."""
    tiles = np.array([[1, 0]] * 135, np.uint8).repeat(120, axis=1)
    blocks = sweep_shapes.blocks_of_tiles(tiles, 2, 4)
    assert blocks.shape == (270, 480) and blocks[:, :240].all() and not blocks[:, 240:].any()


def test_widths(training_data, run_training, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_shapes, "REPEATS", 2)
    target, plot, out = tmp_path / "width.json", tmp_path / "width.png", tmp_path / "out"
    options = {"data": training_data, "out": out, "widths": "4,32", "steps": 1, "batch": 2, "workers": 0, "count": 1}
    run_training(sweep_width, **options, plot=plot, json=target)
    narrow, wide = json.loads(target.read_text())
    assert (narrow["width"], wide["width"]) == (4, 32) and min(narrow["tiles_core_ms"], wide["tiles_core_ms"]) > 0
    assert narrow["native_core_ms"] is None and 0 < wide["native_core_ms"] < wide["tiles_core_ms"]
    assert all(0 < row["band_mad_x1e3"] < 1000 for row in (narrow, wide)) and cv2.imread(str(plot)).std() > 5
    made = (out / "width4.pt").stat().st_mtime_ns
    again = sweep_width.trained(sweep_width.Options(training_data, out, steps=1, batch=2, workers=0), 4)
    assert (out / "width4.pt").stat().st_mtime_ns == made and again.write.in_channels == 4, "it is not repeated"


class BrightRunner(StandInRunner):
    """T-Net finds foreground where the picture is bright."""

    def tnet(self, x):
        super().tnet(x)
        bright = cv2.resize(x[0, :3].mean(0), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) > 0.5
        return np.float32([bright, ~bright, np.zeros_like(bright)]) * 20 - 10


def bright_square(left: int, level: int = 230) -> Work:
    """A textured square of 96 pixels on a dark texture, in 256 x 256."""
    texture = np.random.default_rng(1).integers(0, 25, (64, 64, 3), np.uint8)
    texture = cv2.resize(texture, (256, 256), interpolation=cv2.INTER_CUBIC)
    picture = texture + np.uint8(30)
    picture[80:176, left : left + 96] = level - texture[:96, :96]
    return Work(Frame(picture, 0, 0, None, 1))


def test_tnet_runs_in_every_third_frame_and_at_a_cut():
    runner = BrightRunner()
    engine, runs = sweep_interval.SparseEngine(runner, 3), []
    works = [bright_square(40 + 2 * number) for number in range(5)]
    cut = Work(Frame(np.full((256, 256, 3), 250, np.uint8), 0, 0, None, 1))
    for work in [*works, cut, cut, cut, cut]:
        engine.tnet(work)
        runs.append(len(runner.tnet_inputs))
    assert runs == [1, 1, 1, 2, 2, 3, 3, 3, 4]
    assert not runner.tnet_inputs[2][0, 3].any()  # nothing of the scene before


def test_logits_follow_the_picture_between_runs():
    runner = BrightRunner()
    engine = sweep_interval.SparseEngine(runner, 2)
    before, after = (engine.tnet(bright_square(left)).logits[0] > 0 for left in (60, 72))
    assert len(runner.tnet_inputs) == 1
    expected = BrightRunner().tnet(runner_input(bright_square(72)))[0] > 0
    assert (after != expected).sum() < 0.3 * (before != expected).sum()


def runner_input(work: Work) -> np.ndarray:
    return np.float32(work.frame.pixels.transpose(2, 0, 1)[None]) / 255


def test_intervals(training_data, run_training, tmp_path):
    target = tmp_path / "interval.json"
    run_training(sweep_interval, data=training_data, intervals="1,2", count=1, frames=4, json=target)
    every, second = json.loads(target.read_text())
    assert (every["interval"], second["interval"]) == (1, 2)
    for row in (every, second):
        assert row["tnet_core_ms"] > 0 and 0 < row["mean_iou_percent"] <= 100 and row["dtssd_x1e2"] > 0
        assert row["clips_iou_with_first_percent"] is None


def test_real_clips_are_compared_with_the_first_interval(tmp_path):
    for number in range(4):
        picture = bright_square(40 + 10 * number).frame.pixels
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture[..., ::-1])
    measured = {k: sweep_interval.Measured(*sweep_interval.NAMES) for k in (1, 2)}
    sweep_interval.compare_with_first(tmp_path, sweep_interval.Options(tmp_path), BrightRunner(), measured)
    first, second = (np.array(into["clips_iou_with_first_percent"]) for into in measured.values())
    assert (first == 100).all() and len(second) == 4
    assert (second[::2] > 99).all() and (second[1::2] < 100).all() and second.min() > 80


def test_steadiness(training_data, run_training, tmp_path):
    target = tmp_path / "steadiness.json"
    run_training(sweep_steadiness, data=training_data, count=1, frames=6, json=target)
    rows = json.loads(target.read_text())
    assert [(row["temporal"], row["lookahead"]) for row in rows] == [*sweep_steadiness.ROWS]
    assert all(row["mad_x1e3"] > 0 and row["dtssd_x1e2"] > 0 and row["flicker_x1e3"] is None for row in rows)
    assert rows[0]["core_ms"] < min(row["core_ms"] for row in rows[1:])


def test_the_flicker_of_real_clips_is_that_of_the_frames(tmp_path):
    (tmp_path / "videos").mkdir()
    pictures = [bright_square(40 + 4 * number).frame.pixels for number in range(6)]
    write_clip(tmp_path / "videos" / "a.mp4", pictures)
    measured = {k: sweep_interval.Measured(*sweep_steadiness.NAMES) for k in ((0, 0), (0, 2))}
    sweep_steadiness.measure_clips(sweep_steadiness.Options(tmp_path), BrightRunner(), measured)
    plain, ahead = (into["flicker_x1e3"] for into in measured.values())
    assert len(plain) == len(ahead) == 1 and 0 < ahead[0] and ahead != plain
