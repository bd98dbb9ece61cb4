"""`shm-stream eval --video`: against a true alpha, and flicker without one."""

from __future__ import annotations

import json
import weakref

import cv2
import numpy as np
import pytest
from labelled_photos import RedRunner, the_error
from stand_ins import write_clip

from shm_stream import Matting, cli, engine_choice
from shm_stream.evaluate_video import measure_against_truth, measure_flicker
from shm_stream.measures import compare, mean_iou
from shm_stream.measures_video import dtssd
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)
AHEAD = ["--lookahead", "3", "--temporal", "20"]


class Blinking(RedRunner):
    """Sure of a person once there is a prior; without one every other answer is empty."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def tnet(self, x):
        self.unknown = not x[0, 3].any()
        return super().tnet(x)

    def mnet(self, x):
        self.calls += 1
        return np.full_like(super().mnet(x), self.calls % 2)


def frames(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """[H, W, 3] uint8: a red disc that grows over a texture without red."""
    noise = np.random.default_rng(4).integers(0, 256, (height, width)).astype(np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 2)
    pictures = []
    for number in range(count):
        red = np.zeros((height, width), np.uint8)
        cv2.circle(red, (width // 2, height // 2), 12 + number, 255, -1, cv2.LINE_AA)
        pictures.append(np.dstack([red, texture, texture]))
    return pictures


def write_folder(folder, pictures):
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture if picture.ndim == 2 else picture[..., ::-1])
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments, runner=None):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner or RedRunner())
        code = cli.main(["eval", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def truths(count: int) -> list[np.ndarray]:
    """The true alphas of `frames`, a little off: [H, W] uint8."""
    return [np.roll(picture[..., 0], number % 3, 1) for number, picture in enumerate(frames(count))]


def test_against_a_folder_of_truths(run, tmp_path):
    pictures, wanted = frames(6), truths(6)
    clip, truth = write_folder(tmp_path / "clip", pictures), write_folder(tmp_path / "truth", wanted)
    code, out, err = run("--video", clip, "--alpha", truth, "--json", tmp_path / "o.json")
    assert (code, err) == (0, "")
    matting = Matting(runner=RedRunner())
    video = matting.video()
    alphas, trues = [video(picture) for picture in pictures], [picture / 255 for picture in wanted]
    errors = [compare(a, t) for a, t in zip(alphas, trues)]
    figures = {f"paper_{name}": np.mean([e.paper[name] for e in errors]) for name in ("sad", "mse", "grad", "conn")}
    figures |= {name: np.mean([e.rvm[name] for e in errors]) for name in ("mad", "mse", "grad", "conn")}
    pairs = [dtssd(alphas[i], alphas[i - 1], trues[i], trues[i - 1]) for i in range(1, 6)]
    scores = [mean_iou(a, t >= 0.5) for a, t in zip(alphas, trues)]
    figures |= {"dtssd": 100 * np.mean(pairs), "mean_iou_percent": 100 * np.mean(scores), "frames": 6}
    found = json.loads((tmp_path / "o.json").read_text())
    assert {key: found[key] for key in figures} == pytest.approx(figures, rel=1e-5)
    assert figures["dtssd"] > 1 and set(found["units"]) == set(figures)
    row = out.splitlines()[-1].split()
    assert [float(cell) for cell in row] == pytest.approx([*figures.values()], abs=0.06)
    assert f"video    {clip}" in out and f"truth    {truth}" in out


def test_against_a_video_of_truths(run, tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", frames(6), codec="libx264")
    grey = [np.dstack([picture[..., 0]] * 3) for picture in frames(6)]
    truth = write_clip(tmp_path / "truth.mkv", grey)
    code, out, err = run("--video", clip, "--alpha", truth, "-q")
    assert (code, err) == (0, "") and len(out.splitlines()) == 4
    mad, *_, count = out.splitlines()[-1].split()
    assert float(mad) < 40 and count == "6"  # H.264 blurs the red channel


def test_a_single_frame_has_no_dtssd(run, tmp_path):
    clip, truth = (write_folder(tmp_path / name, frames(1)) for name in ("clip", "truth"))
    code, out, _ = run("--video", clip, "--alpha", truth)
    assert code == 0 and out.splitlines()[-1].split()[8::2] == ["-", "1"]


def test_another_number_of_frames_is_refused(run, tmp_path):
    clip, truth = write_folder(tmp_path / "clip", frames(5)), write_folder(tmp_path / "truth", truths(4))
    code, out, err = run("--video", clip, "--alpha", truth, "-q", "--json", tmp_path / "o.json")
    assert (code, out) == (2, "") and not (tmp_path / "o.json").exists()
    assert the_error(err) == f"{clip} has 5 frames, {truth} has 4; they must be of the same length"


def test_another_size_is_refused(run, tmp_path):
    clip, truth = write_folder(tmp_path / "clip", frames(2)), write_folder(tmp_path / "truth", frames(2, 64, 90))
    code, _, err = run("--video", clip, "--alpha", truth, "-q")
    assert code == 2 and the_error(err) == "frame 0 of the truth is 90x64, that of the video is 96x64; scale the truth"


def test_flicker_with_and_without_the_prior(run, tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", [frames(1)[0]] * 7)
    code, out, err = run("--video", clip, "--json", "-", runner=Blinking())
    found = json.loads(out)
    assert (code, err) == (0, "") and (found["frames"], found["cuts"]) == (7, 0)
    assert found["flicker_with_prior"] == pytest.approx(0, abs=1e-3)
    assert found["flicker_without_prior"] == pytest.approx(1000)  # everything blinks
    assert found["ratio"] == pytest.approx(0, abs=1e-6)
    code, out, err = run("--video", clip)
    assert (code, err) == (0, "")
    assert out.splitlines()[-3].split() == ["with", "prior", "without", "ratio", "frames", "cuts"]
    steady, plain, ratio, *counts = out.splitlines()[-1].split()
    assert steady == plain and ratio in ("1.000", "-") and counts == ["7", "0"]


def test_cuts_are_left_out(tmp_path):
    light, dark = np.full((64, 96, 3), 250, np.uint8), np.full((64, 96, 3), 5, np.uint8)
    clip = write_folder(tmp_path / "clip", [light, light, dark, dark])
    result = measure_flicker(Matting(runner=RedRunner()), open_source(clip), lambda count: None)
    assert result.figures["cuts"] == 1 and result.figures["flicker_with_prior"] == pytest.approx(0, abs=1e-6)
    assert result.figures["ratio"] is None and result.figures["frames"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--video", "none.mp4"], "none.mp4 does not exist"),
        (["--video", "CLIP", "--alpha", "none"], "none does not exist"),
        (["--video", "CLIP", "--json", "CLIP", "-y"], "is the input itself"),
        (["--video", "CLIP", "--json", "none/o.json"], "the output folder none does not exist"),
        (["--video", "ONE"], "has no two frames of one scene (1 read); flicker needs a clip"),
        (["--video", "TINY"], "frames of 12x12 are too small to follow motion in them"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(run, tmp_path, arguments, message):
    paths = {
        "CLIP": write_clip(tmp_path / "clip.mkv", frames(2)),
        "ONE": write_folder(tmp_path / "one", frames(1)),
        "TINY": write_folder(tmp_path / "tiny", frames(2, 12, 12)),
    }
    code, out, err = run("-q", *[paths.get(argument, argument) for argument in arguments])
    assert (code, out) == (2, "") and message in the_error(err)


def test_a_truncated_clip_is_measured_and_reported(run, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (120, 64, 96, 3)).astype(np.uint8)
    whole = write_clip(tmp_path / "whole.mkv", noise // 8 + 100)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    code, out, err = run("--video", cut, "-q")
    assert code == 1 and "input ended early" in the_error(err) and 20 < int(out.split()[-2]) < 120


class CountingVideo:
    """A stream of alphas that knows how many of them are alive."""

    def __init__(self, references: list, counts: list):
        self.references, self.counts = references, counts

    def alphas(self, images):
        return map(self.alpha, images)

    def alpha(self, pixels):
        alpha = np.zeros(pixels.shape[:2], np.float32)
        self.references.append(weakref.ref(alpha))
        self.counts.append(sum(reference() is not None for reference in self.references))
        return alpha


@pytest.mark.parametrize("count", [4, 16])
def test_no_alpha_outlives_the_next_frame(tmp_path, count):
    references, counts = [], []

    class Stand:
        def video(self, *, prior=True):
            return CountingVideo(references, counts)

    clip = write_folder(tmp_path / "clip", frames(count))
    done = []
    measure_flicker(Stand(), open_source(clip), done.append)
    assert done == [*range(1, count + 1)] and len(counts) == 2 * count
    assert max(counts) <= 6  # two streams: this frame, the one before, and what loop variables still name
    truth = write_folder(tmp_path / "truth", truths(count))
    references.clear()
    counts.clear()
    measure_against_truth(Stand(), open_source(clip), open_source(truth), done.append)
    assert len(counts) == count and max(counts) <= 3


def test_a_lookahead_is_measured_against_the_frames_own_truth(tmp_path, run):
    """The disc grows in every frame: a matte that was compared with another frame's truth would be wrong."""
    clip, truth = write_folder(tmp_path / "clip", frames(8)), write_folder(tmp_path / "truth", truths(8))
    figures = [json.loads(run("--video", clip, "--alpha", truth, "--json", "-", *more)[1]) for more in ([], AHEAD)]
    assert figures[0]["frames"] == figures[1]["frames"] == 8
    assert (figures[1]["lookahead"], figures[1]["temporal"]) == (3, 20)
    assert figures[1]["mad"] == pytest.approx(figures[0]["mad"], abs=0.5)
