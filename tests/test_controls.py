"""What the controls do to pixels, and that neutral ones do nothing at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from stand_ins import StandInRunner, numbered_clip, read_numbers, read_pictures, write_clip
from test_yuv_planes import WEBCAM

from shm_stream import InputError, cli, edges, engine_choice, engine_fuse, job_opening, matte_video
from shm_stream.colour import ColourTags
from shm_stream.controls import Controls
from shm_stream.foreground import estimate_foreground
from shm_stream.fuse import fuse_composite
from shm_stream.light import blend, despilled, logits_of, wrapped
from shm_stream.placement import mirrored, placed, placed_alpha
from shm_stream.planes import planes_from_rgb, rgb_from_planes
from shm_stream.reduce import reduce_to_rgb
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)
TAGS = ColourTags(1, 1)


def half_alpha(height=100, width=200) -> np.ndarray:
    """1 in the right half."""
    alpha = np.zeros((height, width), np.float32)
    alpha[:, width // 2 :] = 1
    return alpha


def edge_position(alpha: np.ndarray) -> float:
    """Columns left of the edge, to fractions, in the middle row."""
    return alpha.shape[1] - float(alpha[alpha.shape[0] // 2].sum())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feather": 51}, "feather 51 is out of range: give 0 to 50, in thousandths of the frame's height"),
        ({"shrink": float("nan")}, "shrink is a number from -30 to 30"),
        ({"shrink": 10**400}, "shrink is a number from -30 to 30"),
        ({"despill": "much"}, "despill is a number"),
        ({"light_wrap": True}, "light_wrap is a number"),
        ({"threshold": (60, 40)}, "the wrong way round"),
        ({"threshold": 50}, "threshold is 2 numbers"),
        ({"place": (0, 0)}, "place is 3 numbers"),
        ({"place": (0, 0, 0)}, "place 0 is out of range: give 0.1 to 4"),
        ({"mirror": "yes"}, "mirror is either true or false"),
        ({"hold": "on"}, "hold is one of none, freeze, slate"),
    ],
)
def test_values_out_of_range_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        Controls(**wrong)
    with pytest.raises(InputError, match=message):
        Controls().changed(wrong)


def test_unknown_controls_are_named():
    with pytest.raises(InputError, match="no control 'colour'; there are feather, shrink"):
        Controls().changed({"colour": 1})


@pytest.mark.parametrize("shrink", [3, -3, 12.5, 0.4, -0.4])
def test_the_edge_moves_by_parts_of_the_height(shrink):
    for height in (100, 400):
        alpha = edges.edit_alpha(half_alpha(height, 200), Controls(shrink=shrink))
        assert edge_position(alpha) == pytest.approx(100 + shrink * height / 1000, abs=0.01)


@pytest.mark.parametrize("feather", [2, 30])
def test_feather_is_a_gaussian_of_that_width(feather):
    height = 400
    alpha = edges.edit_alpha(half_alpha(height, 400), Controls(feather=feather))
    slope = np.diff(alpha[height // 2])
    middle = (np.arange(399) * slope).sum() / slope.sum()
    deviation = np.sqrt(((np.arange(399) - middle) ** 2 * slope).sum() / slope.sum())
    assert edge_position(alpha) == pytest.approx(200, abs=0.1)
    assert deviation == pytest.approx(feather * height / 1000, rel=0.15)


def test_levels():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    stretched = edges.edit_alpha(ramp, Controls(threshold=(20, 60)))[0]
    assert stretched[20] == 0 and stretched[60] == 1 and stretched[40] == pytest.approx(0.5)
    hard = edges.edit_alpha(ramp, Controls(threshold=(50, 50)))[0]
    assert hard.tolist() == [0] * 50 + [1] * 51
    assert edges.edit_alpha(ramp, Controls(threshold=(0, 0)))[0].tolist() == [0] + [1] * 100


@pytest.mark.parametrize("width", [40, 41])
def test_mirrored_planes_are_the_mirrored_picture(width):
    ramp = np.arange(width) * 6
    picture = np.broadcast_to(np.stack([ramp, 60 + 0 * ramp, 250 - ramp], -1).astype(np.uint8), (20, width, 3))
    planes = planes_from_rgb(np.ascontiguousarray(picture), TAGS)
    there = rgb_from_planes(mirrored(planes)).astype(int)
    assert np.abs(there - picture[:, ::-1])[:, 2:-2].max() <= 4  # chroma a pixel off would be 6 off
    again = mirrored(mirrored(picture))
    assert (again == picture).all()


def test_people_are_placed_by_parts_of_the_frame():
    alpha = np.zeros((100, 200), np.float32)
    alpha[60:, 90:110] = 1  # stands on the lower edge
    moved = placed_alpha(alpha, (25, -10, 1))
    assert (moved[50:90, 140:160] == 1).all() and moved.sum() == pytest.approx(alpha.sum(), rel=0.01)
    smaller = placed_alpha(alpha, (0, 0, 0.5))
    assert (smaller[82:, 96:104] == 1).all() and smaller.sum() == pytest.approx(alpha.sum() / 4, rel=0.1)


def test_planes_are_placed_like_pictures():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[60:, 90:110] = (200, 60, 20)
    place = (10, -5, 0.8)
    there = rgb_from_planes(placed(planes_from_rgb(picture, TAGS), place)).astype(int)
    assert np.abs(there - placed(picture, place)).mean() < 1


@pytest.mark.parametrize("planar", [False, True])
def test_despill_takes_the_old_background_out(planar):
    """A grey subject before green: in the soft edge green shows, and less of it after."""
    x = np.linspace(-12, 12, 200)
    alpha = np.broadcast_to(np.float32(1 / (1 + np.exp(-x))), (120, 200)).copy()
    picture = np.uint8(alpha[..., None] * (120, 120, 120) + (1 - alpha[..., None]) * (0, 255, 0))
    given = planes_from_rgb(picture, TAGS) if planar else picture
    done = despilled(given, alpha, 100)
    done = rgb_from_planes(done) if planar else done
    soft = (alpha > 0.2) & (alpha < 0.8)
    spill = [(p[soft][:, 1].astype(int) - p[soft][:, 0]).mean() for p in (picture, done)]
    assert spill[0] > 100 and spill[1] < 40
    opaque = alpha > 0.999
    assert np.abs(done[opaque].astype(int) - picture[opaque]).max() <= 4


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (241, 321)])
@pytest.mark.parametrize("tags", [ColourTags(1, 1), ColourTags(6, 2)])
def test_despilled_planes_are_those_of_the_estimate_in_rgb(size, tags):
    """A real frame and soft edges. The way through RGB blurs chroma, here a step or two where it changes quickly."""
    pixels = cv2.resize(next(iter(open_source(WEBCAM))).pixels, size[::-1], interpolation=cv2.INTER_AREA)
    alpha = np.zeros(size, np.float32)
    cv2.ellipse(alpha, (size[1] // 2, size[0]), (size[1] // 4, int(size[0] * 0.9)), 0, 0, 360, 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), size[0] / 100)
    planes, half = planes_from_rgb(pixels, tags), (size[0] // 2, size[1] // 2)
    made = despilled(planes, alpha, 100)
    own = estimate_foreground(reduce_to_rgb(planes, *half), cv2.resize(alpha, half[::-1], interpolation=cv2.INTER_AREA))
    own = planes_from_rgb(cv2.resize(own, size[::-1], interpolation=cv2.INTER_LINEAR), tags)
    wanted = blend(np.minimum((1 - alpha) * 4, 1), own, planes)
    for name in "yuv":
        difference = np.abs(getattr(made, name).astype(int) - getattr(wanted, name))
        assert difference.mean() < 0.3 and np.percentile(difference, 99.5) <= (1 if name == "y" else 2)


@pytest.mark.parametrize("planar", [False, True])
def test_light_wrap_falls_on_the_edge_only(planar):
    alpha = half_alpha(200, 400)
    subject, behind = np.full((200, 400, 3), 40, np.uint8), np.full((200, 400, 3), 240, np.uint8)
    pictures = [planes_from_rgb(p, TAGS) if planar else p for p in (subject, behind)]
    done = wrapped(pictures[0], alpha, pictures[1], 50)
    done = rgb_from_planes(done) if planar else done
    row = done[100, :, 0].astype(int)
    assert row[200] > 75 and (np.diff(row[200:220]) <= 1).all() and abs(row[300] - 40) <= 1


def test_blend_is_exact_at_the_ends():
    rng = np.random.default_rng(1)
    front, back = rng.integers(0, 256, (2, 9, 12, 3), np.uint8)
    assert (blend(np.ones((9, 12), np.float32), front, back) == front).all()
    assert (blend(np.zeros((9, 12), np.float32), front, back) == back).all()


@pytest.fixture
def run(tmp_path):
    """The pictures that a job with a half transparent subject makes, losslessly."""

    def run(clip, name="o.mkv", runner=None, **options):
        options = {"bg": "#405060", "codec": "ffv1"} | options
        matte_video(clip, tmp_path / name, runner=runner or StandInRunner(alpha_raw=0.5), overwrite=True, **options)
        return np.stack(read_pictures(tmp_path / name))

    return run


def test_neutral_controls_leave_the_path_alone(run, monkeypatch):
    plain = run(WEBCAM, frames=3)

    def never(*arguments):
        raise AssertionError("nothing was asked for")

    for name in ("edit_subject", "mirrored"):
        monkeypatch.setattr(engine_fuse, name, never)
    assert (run(WEBCAM, frames=3, controls=Controls()) == plain).all()
    with pytest.raises(AssertionError):
        run(WEBCAM, frames=3, controls=Controls(shrink=1))


def test_off_is_the_source(run):
    frames = np.stack(read_pictures(WEBCAM)[:3])
    assert np.abs(run(WEBCAM, frames=3, bg="off", controls=Controls(shrink=9)).astype(int) - frames).max() <= 3
    flipped = run(WEBCAM, frames=3, bg="off", controls=Controls(mirror=True))
    assert np.abs(flipped.astype(int) - frames[:, :, ::-1]).max() <= 3


class SeesWhite(StandInRunner):
    """Foreground is what is white in the frame."""

    def tnet(self, x):
        white = x[0, 0, ::4, ::4] > 0.5 if x.max() < 2 else x[0, 0, ::4, ::4] > 0
        return np.stack([white * 100.0 - 50, 50 - white * 100.0, np.full(white.shape, -50.0)]).astype(np.float32)


@pytest.fixture
def left_white(tmp_path):
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, :64] = 255
    return write_clip(tmp_path / "white.mp4", [picture] * 4)


def test_mirror_turns_subject_and_alpha_but_not_the_background(run, left_white, tmp_path):
    behind = np.zeros((64, 128, 3), np.uint8)
    behind[:, :96] = (0, 200, 0)
    back = write_clip(tmp_path / "behind.mp4", [behind])
    made = run(left_white, runner=SeesWhite(), bg=back, alpha=tmp_path / "a.mkv", controls=Controls(mirror=True))
    alpha = read_pictures(tmp_path / "a.mkv")[0][32, :, 0]
    assert (alpha[:56] < 10).all() and (alpha[72:] > 245).all()
    row = made[0][32].astype(int)
    assert row[20, 1] > 180 and row[20, 0] < 40  # the background's left is where it was
    assert (row[80:] > 230).all()


def test_foreground_and_transparent_outputs_follow(left_white, tmp_path):
    matte_video(left_white, tmp_path / "t.mov", bg="transparent", codec="png", runner=SeesWhite(),
                controls=Controls(place=(25, 0, 1)))  # fmt: skip
    import av

    with av.open(str(tmp_path / "t.mov")) as container:
        rgba = next(container.decode(video=0)).to_ndarray(format="rgba")
    assert (rgba[32, 8:24, 3] < 10).all() and (rgba[32, 40:88, 3] > 245).all() and (rgba[32, 104:, 3] < 10).all()
    assert (rgba[32, 40:88, :3] > 230).all()


def test_options_reach_the_job(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    seen = []
    monkeypatch.setattr(cli, "summary", lambda report: seen.append(report) or "")
    real = job_opening.LiveControls

    def watched(controls, *rest):
        seen.append(controls)
        return real(controls, *rest)

    monkeypatch.setattr(job_opening, "LiveControls", watched)
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    words = "--feather 2 --shrink -1.5 --despill 50 --light-wrap 20 --threshold 10,90 --mirror --place=-10,0,0.8"
    assert cli.main([str(clip), "--bg", "red", *words.split()]) == 0
    assert seen[0] == Controls(2, -1.5, (10, 90), 50, 20, True, (-10, 0, 0.8))
    assert len(read_numbers(tmp_path / "clip_composite.mp4")) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--feather 80", "feather 80 is out of range"),
        ("--threshold 1,2,3", "threshold is 2 numbers"),
        ("--place here", "'here' is not a number"),
        ("--bg transparent --panel", "the control page shows composites"),
        ("--panel 70000", "'70000' is not a port"),
    ],
)
def test_wrong_options_end_before_anything_is_written(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    assert cli.main([str(clip), "--bg", "red", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("size", [(100, 200), (37, 50), (9, 12), (1, 1)])
def test_alpha_passes_through_fusion_unchanged(size):
    """With the logits made for it, also where whole cells are certain."""
    rng = np.random.default_rng(2)
    alpha = edges.soften(rng.random(size, dtype=np.float32).round(), 2)
    alpha[: size[0] // 2, : size[1] // 2] = 1
    alpha[size[0] // 2 :, size[1] // 2 :] = 0
    alpha[size[0] // 4, size[1] // 4] = 0.3
    again = np.empty_like(alpha)
    fuse_composite(logits_of(alpha), alpha, alpha=again)
    assert np.abs(again - np.clip(alpha, 0, 1)).max() < 1e-6
    assert size[0] < 100 or {*logits_of(alpha).argmax(0).ravel()} == {0, 1, 2}
