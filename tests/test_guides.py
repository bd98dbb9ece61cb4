"""A user's trimap, regions forced out and in, and one person of several, in whole jobs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from cuda_stand_ins import RecordedStreams, TorchStandIn
from engine_cases import noise, run_stages, work_of
from stand_ins import StandInRunner, read_pictures, write_clip

import shm_stream
from shm_stream import InputError, cli, engine, engine_choice, engine_fuse, matte_video
from shm_stream import job as job_module
from shm_stream.background import open_background
from shm_stream.controls import Controls
from shm_stream.engine import Engine
from shm_stream.guides import Guides
from shm_stream.live_controls import LiveControls
from shm_stream.user_trimap import trimap_logits

pytestmark = pytest.mark.timeout(60)
SIZE = (64, 128)


class OnlyMNet(StandInRunner):
    def tnet(self, x):
        raise AssertionError("T-Net ran")


HALF = OnlyMNet(alpha_raw=0.5)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs `shm-stream` with a stand-in runner; gives (exit code, what it said)."""

    def run(*words, runner=None):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner or StandInRunner())
        return cli.main([str(word) for word in words]), capsys.readouterr().err

    return run


def grey_picture(size=SIZE, level=120):
    return np.full((*size, 3), level, np.uint8)


def clip(tmp_path, count=4):
    return write_clip(tmp_path / "clip.mp4", [grey_picture()] * count)


def stripe(left, right, size=SIZE, inside=255, outside=0):
    mask = np.full(size, outside, np.uint8)
    mask[:, left:right] = inside
    return mask


def save(path, mask):
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), mask)
    return path


def moving_trimaps(count=4):
    """Foreground left of a band of unknown that moves by 16 pixels a frame."""
    for index in range(count):
        trimap = stripe(0, 16 + 16 * index)
        trimap[:, 16 + 16 * index : 32 + 16 * index] = 128
        yield trimap


def columns_of(path):
    """alpha in the middle row of each frame, [frames, W] int."""
    return np.stack([picture[SIZE[0] // 2, :, 0] for picture in read_pictures(path)]).astype(int)


def check_moving(alphas, first=0):
    """M-Net said 0.5: in the middle of the unknown band that is alpha, and the rest leans to its nearer side."""
    for index, alpha in enumerate(alphas, first):
        left, right = 16 + 16 * index, 32 + 16 * index
        assert (alpha[: left - 2] > 245).all() and (alpha[right + 2 :] < 10).all()
        assert np.abs(alpha[left + 7 : right - 7] - 128).max() < 20 and alpha[left + 3] > 140 > 110 > alpha[right - 4]


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (37, 50), (120, 160)])
def test_what_the_trimap_knows_is_exact(size):
    random = np.random.default_rng(size[0])
    small = np.array([0, 128, 255], np.uint8)[random.integers(0, 3, (3, 4))]
    trimap = cv2.resize(small, size[::-1], interpolation=cv2.INTER_NEAREST)
    alpha = shm_stream.Matting(runner=HALF).still(grey_picture(size), trimap.reshape(size))
    assert (alpha[trimap == 255] == 1).all() and (alpha[trimap == 0] == 0).all()


def test_in_the_unknown_the_nearer_is_the_likelier():
    trimap = stripe(0, 32)
    trimap[:, 32:64] = 128
    foreground, background, unknown = trimap_logits(trimap)[:, 8]
    assert (unknown[8:16] == 5).all() and (unknown[:7] == -20).all() and (unknown[17:] == -20).all()
    assert (np.diff(foreground[8:16]) < 0).all() and np.abs(foreground + background)[8:16].max() < 1e-5
    assert foreground[8] > 6 and foreground[15] < -6


def test_a_trimap_without_known_pixels_leaves_it_to_m_net():
    alpha = shm_stream.Matting(runner=OnlyMNet(alpha_raw=0.25)).still(grey_picture(), np.full(SIZE, 128, np.uint8))
    assert np.abs(alpha - 0.25).max() < 0.01


@pytest.mark.parametrize("form", ["video", "folder"])
def test_a_trimap_for_each_frame(tmp_path, command, form):
    if form == "video":
        trimaps = [cv2.cvtColor(trimap, cv2.COLOR_GRAY2RGB) for trimap in moving_trimaps()]
        path = write_clip(tmp_path / "trimap.mp4", trimaps)
    else:
        path = tmp_path / "trimaps"
        for index, trimap in enumerate(moving_trimaps()):
            save(path / f"{index}.png", trimap)
    code, said = command(clip(tmp_path), "--trimap", path, "--alpha", tmp_path / "a.mkv", runner=HALF)
    assert code == 0, said
    check_moving(columns_of(tmp_path / "a.mkv"))


def test_a_cut_of_the_input_cuts_the_trimaps_too(tmp_path, command):
    trimaps = [cv2.cvtColor(trimap, cv2.COLOR_GRAY2RGB) for trimap in moving_trimaps()]
    path = write_clip(tmp_path / "trimap.mp4", trimaps)
    words = ["--trimap", path, "--alpha", tmp_path / "a.mkv", "-ss", "0.08"]
    assert command(clip(tmp_path), *words, runner=HALF)[0] == 0
    alphas = columns_of(tmp_path / "a.mkv")
    assert len(alphas) == 2
    check_moving(alphas, first=2)


def test_pictures_and_trimaps_of_a_folder_go_by_name(tmp_path, command):
    for name, trimap in zip("dcba", moving_trimaps()):
        save(tmp_path / "photos" / f"{name}.jpg", grey_picture())
        save(tmp_path / "trimaps" / f"{name}.png", cv2.resize(trimap, (256, 128), interpolation=cv2.INTER_NEAREST))
    words = ["--trimap", tmp_path / "trimaps", "--alpha", tmp_path / "out"]
    code, said = command(tmp_path / "photos", *words, runner=HALF)
    assert code == 0, said
    check_moving([cv2.imread(str(tmp_path / "out" / f"{name}.png"), 0)[32].astype(int) for name in "dcba"])


def test_one_trimap_for_a_still_and_from_python(tmp_path, command):
    image, trimap = save(tmp_path / "i.png", grey_picture()), next(moving_trimaps())
    words = ["--trimap", save(tmp_path / "t.png", trimap), "--alpha", tmp_path / "a.png"]
    assert command(image, *words, runner=HALF)[0] == 0
    written = cv2.imread(str(tmp_path / "a.png"), 0)
    assert (written[:, :16] == 255).all() and (written[:, 32:] == 0).all()
    check_moving([written[32].astype(int)])
    matting = shm_stream.Matting(runner=HALF)
    assert np.abs(matting.still(grey_picture(), trimap) * 255 - written).max() <= 0.5
    with pytest.raises(InputError, match=r"trimap must be \[64, 128\] uint8 like its image, got uint8 \(64, 127\)"):
        matting.still(grey_picture(), trimap[:, 1:])


def test_a_trimap_for_one_frame_is_the_next_frames_prior():
    runner = StandInRunner()
    video = shm_stream.Matting(runner=runner, tnet_size=64).video()
    video(grey_picture(), stripe(0, 64))
    video(grey_picture())
    (x,) = runner.tnet_inputs
    assert (x[0, 3, :, :20] > 0.95).all() and (x[0, 3, :, -20:] < 0.05).all()


def test_the_report_of_a_job_with_a_trimap(tmp_path, command):
    trimap = save(tmp_path / "t.png", next(moving_trimaps()))
    words = ["--trimap", trimap, "--alpha", tmp_path / "a.mkv", "--report", tmp_path / "report.html"]
    code, said = command(clip(tmp_path), *words, runner=HALF)
    assert code == 0, said
    assert "<html" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--trimap square.png", "trimap square.png is 64x64, the input 128x64"),
        ("--holdout nothing.png", "holdout nothing.png does not exist"),
        ("--keep text.png", "cannot read text.png as an image"),
        ("--garbage short", "holdout short has 2 pictures for 8 frames"),
        ("--keep short.mp4", "keep short.mp4 has 2 pictures for 8 frames"),
        ("--trimap short -ss 0.1", "short has no time line"),
        ("--person tallest", "person is one of all, largest, center, got 'tallest'"),
    ],
)
def test_what_does_not_fit_ends_before_anything_is_written(tmp_path, monkeypatch, command, words, message):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path, 8)
    save(tmp_path / "square.png", stripe(0, 9, (64, 64)))
    (tmp_path / "text.png").write_text("no picture")
    write_clip(tmp_path / "short.mp4", [grey_picture()] * 2)
    for index in range(2):
        save(tmp_path / "short" / f"{index}.png", stripe(0, 9))
    before = sorted(tmp_path.iterdir())
    code, said = command("clip.mp4", "--bg", "red", *words.split())
    assert code == 2 and said.count("\n") == 1 and message in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_still_takes_no_video(tmp_path, command):
    image, mask = save(tmp_path / "i.png", grey_picture()), write_clip(tmp_path / "m.mp4", [grey_picture()] * 2)
    code, said = command(image, "--bg", "red", "--keep", mask, "-o", tmp_path / "o.png")
    assert code == 2 and "m.mp4 has a picture for each frame of a video file; give an image for this input" in said


def test_a_folder_that_lacks_a_name(tmp_path, command):
    for name in "ab":
        save(tmp_path / "photos" / f"{name}.png", grey_picture())
    save(tmp_path / "masks" / "a.png", stripe(0, 9))
    code, said = command(tmp_path / "photos", "--bg", "red", "--keep", tmp_path / "masks", "-o", tmp_path / "out")
    assert code == 2 and "has no picture for b.png; names must be the same" in said


def test_masks_that_run_out_leave_no_file(tmp_path, command):
    write_clip(tmp_path / "short.mp4", [grey_picture()] * 3)  # headers may differ by so little
    code, said = command(clip(tmp_path), "--bg", "red", "--keep", tmp_path / "short.mp4", "-o", tmp_path / "o.mp4")
    assert code == 1 and "has only 3 pictures, but the input has more frames" in said
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize("mirror", [False, True])
def test_holdout_and_keep_bound_every_output(tmp_path, mirror):
    keep, holdout = (save(tmp_path / f"{name}.png", stripe(*ends)) for name, *ends in (("k", 0, 64), ("h", 40, 96)))
    options = job_module.JobOptions(
        input=clip(tmp_path), output=tmp_path / "o.mkv", bg="#00ff00", alpha=tmp_path / "a.mkv", keep=keep,
        holdout=holdout, runner=StandInRunner(alpha_raw=0.5), controls=Controls(feather=30, mirror=mirror),
    )  # fmt: skip
    with job_module.Job(options) as job:
        assert job.run().frames == 4
    for alpha, shown in zip(columns_of(tmp_path / "a.mkv"), read_pictures(tmp_path / "o.mkv")):
        row = shown[32].astype(int)
        alpha, row = (alpha[::-1], row[::-1]) if mirror else (alpha, row)
        assert (alpha[:38] > 245).all() and (alpha[42:94] < 10).all()  # feather does not reach in
        assert np.abs(alpha[110:] - 128).max() < 12
        assert np.abs(row[:38] - 120).max() < 12 and np.abs(row[46:90] - (0, 255, 0)).max() < 16


def test_no_guides_no_detour(tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("the subject was edited")

    for module, name in ((engine_fuse, "edit_subject"), (engine, "impose"), (engine, "trimap_logits")):
        monkeypatch.setattr(module, name, never)
    report = matte_video(clip(tmp_path), tmp_path / "o.mp4", bg="red", runner=StandInRunner())
    assert report.frames == 4


def test_guides_on_both_engines(monkeypatch):
    engine_cuda = pytest.importorskip("shm_stream.engine_cuda")
    RecordedStreams(monkeypatch)
    kinds, trimap = engine_fuse.OUTPUT_KINDS, stripe(8, 24, (37, 50), inside=128, outside=255)
    controls = LiveControls(Controls(shrink=4), open_background("teal", 50, 37))

    class Fixed:
        def __init__(self, pixels):
            self.at = lambda frame: pixels

    guides = Guides(Fixed(trimap), Fixed(stripe(30, 40, (37, 50))), Fixed(stripe(0, 12, (37, 50))))
    made = []
    for make in (Engine, engine_cuda.CudaEngine):
        there = make(TorchStandIn(), tnet_size=32, outputs=kinds, controls=controls, guides=guides)
        made.append(run_stages(there, work_of(noise(37, 50))).outputs)
    for kind in kinds:
        assert np.abs(made[0][kind].astype(int) - made[1][kind]).max() <= 2, kind
    assert (made[0]["alpha"][:, 30:40] == 0).all() and (made[0]["alpha"][:, :12] == 255).all()


def test_one_person_of_a_job(tmp_path, command):
    """M-Net says foreground wherever the trimap does: two people, the left one wider."""
    people = stripe(8, 56) | stripe(88, 120)
    trimap = save(tmp_path / "t.png", people)
    words = ["--trimap", trimap, "--person", "largest", "--alpha", tmp_path / "a.mkv"]
    code, said = command(clip(tmp_path), *words)
    assert code == 0, said
    for alpha in columns_of(tmp_path / "a.mkv"):
        assert (alpha[10:54] > 245).all() and (alpha[60:] < 10).all()
