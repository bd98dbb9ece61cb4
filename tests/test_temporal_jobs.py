"""Jobs whose mattes are steadied in time: files, live inputs, Python, the command line."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from live_readers import free_port
from media import audio_packets, video_times, write_video
from stand_ins import StandInRunner, frame_number, numbered_clip, numbered_frame, read_numbers

from shm_stream import InputError, Matting, cli, engine_choice
from shm_stream.controls import Controls
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

pytestmark = pytest.mark.timeout(60)
LOOP = LiveOptions(loop=True)


class Flickering(StandInRunner):
    """Foreground in every other frame, whatever is seen."""

    def tnet(self, x):
        logits = super().tnet(x)
        logits[2] = -50
        logits[len(self.tnet_inputs) % 2] = 50
        return logits


class Labelled(StandInRunner):
    """The alpha says which number M-Net saw in the picture."""

    def mnet(self, x):
        time.sleep(0.02)
        shown = x[:3].transpose(1, 2, 0)[self.halo : -self.halo, self.halo : -self.halo] * 255
        alpha = super().mnet(x)
        alpha[:] = 0.5 + frame_number(shown) / 20
        return alpha


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())


def still_frames(count: int) -> list[np.ndarray]:
    """[64, 96, 3] uint8, all the same."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    return [cv2.GaussianBlur(noise, (0, 0), 2)] * count


@pytest.mark.parametrize("lookahead", [1, 3, 8])
@pytest.mark.parametrize("count", [1, 5, 30])
def test_a_file_has_all_frames_at_their_times_and_its_sound(tmp_path, stand_in, lookahead, count):
    pts = [index + index // 7 for index in range(count)]
    frames = [numbered_frame(number) for number in range(count)]
    source = write_video(tmp_path / "a.mp4", frames, pix_fmt="yuv420p", pts=pts, audio=[("aac", 1.1, 0.0)])
    outs = tmp_path / "plain.mp4", tmp_path / "ahead.mp4"
    for out, more in zip(outs, ([], ["--lookahead", str(lookahead), "--temporal", "70"]), strict=True):
        assert cli.main([str(source), "--bg", "red", "-o", str(out), *more]) == 0
    assert read_numbers(outs[1]) == list(range(count))
    assert video_times(outs[1]) == video_times(outs[0]) and len(video_times(outs[0])) == count
    assert audio_packets(outs[1]) == audio_packets(outs[0])


def test_pictures_and_folders_are_made_as_ever(tmp_path, stand_in):
    (tmp_path / "in").mkdir()
    for name, number in (("a", 3), ("b", 200)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), numbered_frame(number))
    out = tmp_path / "out"
    assert cli.main([str(tmp_path / "in"), "--bg", "red", "-o", str(out), "--lookahead", "2", "--temporal", "50"]) == 0
    assert [frame_number(cv2.imread(str(out / f"{name}.png"))) for name in "ab"] == [3, 200]


def test_a_live_input_is_shown_that_much_later_and_mask_and_picture_are_of_one_frame(tmp_path):
    clip, medians = numbered_clip(tmp_path / "clip.mp4", 10), []
    for lookahead in (0, 5):
        folders = [tmp_path / f"{kind}{lookahead}" for kind in ("a", "f")]
        options = JobOptions(
            clip, bg=None, alpha=folders[0], foreground=folders[1], duration=2.0, runner=Labelled(), dense=True,
            lookahead=lookahead, live=LOOP, controls=Controls(temporal=60),
        )  # fmt: skip
        with Job(options) as job:
            report = job.run()
        medians.append(report.latency.p50_ms)
        pairs = list(zip(*(sorted(folder.iterdir()) for folder in folders), strict=True))
        assert len(pairs) == report.frames > 10
        for alpha, foreground in pairs:
            number = frame_number(cv2.imread(str(foreground)))
            assert round((cv2.imread(str(alpha), 0).mean() / 255 - 0.5) * 20) == number
    assert medians[1] - medians[0] > 0.7 * 5 * 40  # frames come every 40 ms, or less often where the machine is busy


def test_what_a_microphone_is_delayed_by_has_the_lookahead_in_it(tmp_path):
    """OBS gets pictures only, and sound from elsewhere."""
    clip = numbered_clip(tmp_path / "clip.mp4", 10)
    options = JobOptions(clip, obs=free_port(), duration=2.0, runner=StandInRunner(), lookahead=6, live=LOOP)
    with Job(options) as job:
        report = job.run()
    assert report.frames > 10 and report.sound_offset_ms >= 6 * 40 * 0.9


@pytest.mark.parametrize("steadiness", [{"temporal": 100}, {"lookahead": 4}, {"temporal": 100, "lookahead": 4}])
def test_flicker_goes_from_files_and_arrays(tmp_path, steadiness):
    source = write_video(tmp_path / "a.mkv", still_frames(20), codec="ffv1", pix_fmt="yuv444p", options={})
    levels = []
    for name, wanted in (("plain", {}), ("steady", steadiness)):
        options = JobOptions(
            source, alpha=tmp_path / name, runner=Flickering(), lookahead=wanted.get("lookahead", 0),
            controls=Controls(temporal=wanted.get("temporal", 0)),
        )  # fmt: skip
        with Job(options) as job:
            assert job.run().frames == 20
        levels.append([cv2.imread(str(path), 0).mean() for path in sorted((tmp_path / name).iterdir())][5:15])
    assert np.ptp(levels[0]) == 255 and np.ptp(levels[1]) < 80
    video = Matting(runner=Flickering()).video(**steadiness)
    alphas = list(video.alphas(still_frames(20)))
    assert len(alphas) == 20
    assert [255 * alpha.mean() for alpha in alphas[5:15]] == pytest.approx(levels[1], abs=1)


def test_a_lookahead_cannot_answer_at_once():
    video = Matting(runner=StandInRunner()).video(lookahead=2)
    with pytest.raises(InputError, match="iterate over video.alphas"):
        video(still_frames(1)[0])
    with pytest.raises(InputError, match="temporal 101 is out of range: give 0 to 100"):
        Matting(runner=StandInRunner()).video(temporal=101)
    with pytest.raises(InputError, match="lookahead 9 is out of range"):
        Matting(runner=StandInRunner()).video(lookahead=9)


def test_temporal_changes_while_frames_go_on(tmp_path):
    source = write_video(tmp_path / "a.mkv", still_frames(24), codec="ffv1", pix_fmt="yuv444p", options={})
    options = JobOptions(source, alpha=tmp_path / "alpha", runner=Flickering())
    with Job(options) as job:
        job.watchers.append(lambda work: work.frame.index == 6 and job.controls.change({"temporal": 100}))
        job.run()
    levels = [cv2.imread(str(path), 0).mean() for path in sorted((tmp_path / "alpha").iterdir())]
    assert np.ptp(levels[:6]) == 255 and np.ptp(levels[18:]) < 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--lookahead 9", "'9' is not a number of frames; give 0 to 8"),
        ("--lookahead -1", "'-1' is not a number of frames; give 0 to 8"),
        ("--lookahead two", "'two' is not a number of frames; give 0 to 8"),
        ("--temporal 101", "temporal 101 is out of range: give 0 to 100"),
        ("--temporal much", "'much' is not a number"),
    ],
)
def test_wrong_values_are_said_in_a_line(tmp_path, stand_in, capsys, words, message):
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    (tmp_path / "in").mkdir()
    numbered_clip(tmp_path / "in" / "clip.mp4", 3)
    batch = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--bg", "red"]
    for command in ([str(clip), "--bg", "red"], batch, ["eval", "--video", str(clip)]):
        assert cli.main([*command, *words.split()]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "in"]


def test_photos_have_no_neighbours(tmp_path, capsys):
    assert cli.main(["eval", str(tmp_path), "--lookahead", "2"]) == 2
    assert "--temporal and --lookahead need the frames of a --video" in capsys.readouterr().err
