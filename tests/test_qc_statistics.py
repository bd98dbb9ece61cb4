"""Figures and pictures that are collected while frames are made, and what is found in them."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from test_eval_report import decode

from shm_stream.frame import Frame
from shm_stream.prior import PriorState
from shm_stream.qc_findings import Finding, find, weight
from shm_stream.qc_pictures import APART, HIGHEST, MOST_SAMPLED, MOST_WORST, WIDEST, fitted
from shm_stream.qc_statistics import EDGES, Figures, ShotStatistics, join_statistics
from shm_stream.work import Work

pytestmark = pytest.mark.timeout(60)
GREY = np.full((64, 96, 3), 128, np.uint8)


def work_of(index: int, subject: np.ndarray, *, unknown=None, pixels=GREY, **outputs) -> Work:
    """A frame of 96x64, 25 a second, whose logits [3, 32, 48] say `subject` (bool), or unknown where that is set."""
    work = Work(Frame(pixels, index, index, Fraction(1, 25), 1), outputs=outputs)
    work.logits = np.full((3, *subject.shape), -30, np.float32)
    work.logits[0][subject] = work.logits[1][~subject] = 30
    if unknown is not None:
        work.logits[:, unknown] = np.float32([-30, -30, 30])[:, None]
    work.reduced, work.steadied = pixels, work.logits
    work.alpha_raw = np.full((64, 96), 0.25, np.float32)
    return work


def box(top=0, bottom=0, left=0, right=0) -> np.ndarray:
    """[32, 48] bool, True inside."""
    inside = np.zeros((32, 48), bool)
    inside[top:bottom, left:right] = True
    return inside


MIDDLE = box(8, 24, 12, 36)


def collect(subjects, **options) -> ShotStatistics:
    statistics = ShotStatistics()
    for index, subject in enumerate(subjects):
        statistics.add(work_of(index, subject, **options))
    return statistics


def test_shares_of_the_picture_and_of_its_edges():
    statistics = ShotStatistics()
    statistics.add(work_of(0, box(8, 32, 0, 24), unknown=box(0, 4, 0, 48)))
    figures = statistics.figures
    covered = (24 * 24 + 0.5 * 4 * 48) / (32 * 48)
    assert figures.coverage == [pytest.approx(covered, abs=1e-5)]
    assert figures.uncertain == [pytest.approx(4 / 32)]
    edges = [getattr(figures, edge)[0] for edge in EDGES]
    assert edges == pytest.approx([(24 + 2) / 32, 2 / 32, 0.5, 0.5], abs=1e-5)
    assert (figures.seconds, figures.flicker, figures.cut, len(figures)) == ([0.0], [0.0], [0], 1)


def test_edges_are_those_of_a_mirrored_output():
    statistics, work = ShotStatistics(), work_of(0, box(8, 32, 0, 24))
    work.mirrored = True
    statistics.add(work)
    assert [getattr(statistics.figures, edge)[0] for edge in ("left", "right")] == pytest.approx([0, 0.75], abs=1e-5)


def test_flicker_is_what_changes_without_motion_in_the_picture():
    figures = collect([MIDDLE, MIDDLE, box(), MIDDLE]).figures
    share = MIDDLE.mean()
    assert figures.flicker == pytest.approx([0, 0, share, share], abs=0.02)
    assert figures.seconds == [0, 0.04, 0.08, 0.12]


def test_a_cut_is_no_flicker():
    statistics = ShotStatistics()
    statistics.add(work_of(0, MIDDLE))
    statistics.add(work_of(1, box(), pixels=GREY // 4))
    assert statistics.figures.cut == [0, 1] and statistics.figures.flicker == [0, 0]


def test_another_size_of_tnet_is_no_cut():
    statistics = collect([MIDDLE])
    smaller = work_of(1, MIDDLE[::2, ::2])
    smaller.reduced = GREY[::2, ::2]
    statistics.add(smaller)
    assert statistics.figures.cut == [0, 0] and statistics.figures.flicker[1] < 0.02


def test_parts_joined_are_the_whole():
    subjects = [MIDDLE if index % 7 else box() for index in range(60)]
    whole, parts = collect(subjects), [ShotStatistics(), ShotStatistics()]
    for index, subject in enumerate(subjects):
        work = work_of(index, subject)
        if index == 29:
            parts[1].resume(PriorState(work.reduced, work.logits))
        parts[index >= 30].add(work)
    joined = join_statistics([ShotStatistics.from_json(part.to_json()) for part in parts])
    assert joined.figures == whole.figures
    assert {kept["index"] for kept in joined.worst.kept} <= set(range(0, 60))
    assert [kept["index"] for kept in joined.sampled.kept] == [*range(0, 30, 8), *range(30, 60, 8)]


def test_few_pictures_are_kept_however_long_the_shot_is():
    kept = collect([MIDDLE] * 700).sampled.kept
    steps = np.diff([picture["index"] for picture in kept])
    assert MOST_SAMPLED / 2 <= len(kept) < MOST_SAMPLED and len(set(steps)) == 1


def test_the_worst_frames_are_kept_and_lie_apart():
    flaws = [20, 21, 60, 100, 140]
    subjects = [box(8, 24, 12, 16 + 2 * flaws.index(index)) if index in flaws else MIDDLE for index in range(160)]
    kept = [picture["index"] for picture in collect(subjects).worst.kept]
    assert len(kept) == MOST_WORST and min(np.diff(kept)) >= APART
    assert all(min(abs(index - flaw) for flaw in flaws) <= 1 for index in kept) and kept[0] in (20, 21, 22)


def test_a_picture_shows_the_composite_and_alpha():
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 250
    statistics = ShotStatistics()
    statistics.add(work_of(0, MIDDLE, unknown=box(0, 8, 0, 48), composite=red))
    (kept,) = statistics.sampled.kept
    picture, alpha = decode(kept["picture"]), decode(kept["alpha"])
    assert picture.shape == (64, 96, 3) and abs(picture.mean((0, 1)) - [0, 0, 250]).max() < 6
    assert abs(int(alpha[32, 48]) - 255) < 6 and alpha[60, 4] < 6 and abs(int(alpha[4, 48]) - 64) < 8  # 0.25 unknown


def test_transparent_results_are_shown_over_squares_and_mattes_beside_the_frame():
    clear = np.zeros((64, 96, 4), np.uint8)
    statistics = ShotStatistics()
    statistics.add(work_of(0, MIDDLE, transparent=clear))
    shown = decode(statistics.sampled.kept[0]["picture"])
    assert shown.min() < 215 and shown.max() > 248
    other = ShotStatistics()
    other.add(work_of(0, MIDDLE, alpha=np.full((64, 96), 77, np.uint8)))
    assert abs(decode(other.sampled.kept[0]["picture"]).mean() - 128) < 3
    assert abs(decode(other.sampled.kept[0]["alpha"]).mean() - 77) < 3


@pytest.mark.parametrize("kind", ["composite", "transparent", "alpha"])
def test_outputs_of_more_than_8_bits_look_as_those_of_8(kind):
    channels = {"composite": 3, "transparent": 4, "alpha": 1}[kind]
    picture = np.tile(np.uint8([[200], [90]]), (32, 96))[..., None].repeat(channels, axis=2).squeeze()
    shown = [pictures_of(**{kind: form}) for form in (picture, picture / np.float32(255))]
    assert np.abs(np.subtract(*shown)).max() < 3 and shown[0].std() > 5


def pictures_of(**outputs) -> np.ndarray:
    """The picture and alpha of one frame with these outputs, as grey beside each other."""
    statistics = ShotStatistics()
    statistics.add(work_of(0, MIDDLE, **outputs))
    (kept,) = statistics.sampled.kept
    return np.hstack([decode(kept["picture"]).mean(2), decode(kept["alpha"]).astype(float)])


def test_pictures_fit_the_page():
    assert fitted(1080, 1920) == (108, 192) and fitted(1920, 1080) == (128, 72)
    assert fitted(40, 30) == (40, 30) and fitted(3, 4000) == (1, 192) and (HIGHEST, WIDEST) == (128, 192)


def series(count: int = 60, **changes) -> Figures:
    """A calm shot; `changes` are whole lists."""
    base = {"coverage": [0.2] * count, "flicker": [0.002] * count, "cut": [0] * count}
    zeros = {name: [0.0] * count for name in ("uncertain", *EDGES)}
    return Figures(**{"seconds": [index / 25 for index in range(count)], **base, **zeros, **changes})


def test_a_calm_shot_has_no_findings():
    assert find(series()) == [] and find(Figures()) == [] and weight([]) == 0


def test_nobody():
    assert find(series(coverage=[0.001] * 60)) == [Finding("nobody", 0, "nobody found")]


@pytest.mark.parametrize(
    ("empty", "wanted"),
    [((40, 60), [(40, "subject leaves")]), ((0, 10), [(0, "begins without a subject")]), ((30, 33), []),
     ((30, 36), [(30, "subject leaves")])],
)  # fmt: skip
def test_a_subject_that_is_gone_for_a_while(empty, wanted):
    coverage = [0.01 if empty[0] <= index < empty[1] else 0.2 for index in range(60)]
    assert [(f.index, f.text) for f in find(series(coverage=coverage))] == wanted


@pytest.mark.parametrize(("height", "found"), [(0.004, False), (0.02, True)])
def test_a_spike_stands_out(height, found):
    flicker = [height if index == 30 else 0.002 for index in range(60)]
    assert [f.index for f in find(series(flicker=flicker))] == ([30] if found else [])


def test_a_burst_of_motion_is_no_spike():
    flicker = [0.012 if 20 <= index < 40 else 0.002 for index in range(60)]
    assert find(series(flicker=flicker)) == []


def test_an_edge_is_touched_that_was_clear_before():
    rising = [0.0] * 30 + [0.5] * 30
    assert [f.text for f in find(series(left=rising, bottom=[0.6] * 60))] == ["touches the left edge"]
    assert find(series(left=[0.0] * 30 + [0.5] * 3 + [0.0] * 27)) == []  # too short to be believed


def test_a_new_scene_may_touch_other_edges():
    cut = [int(index == 30) for index in range(60)]
    found = find(series(top=[0.0] * 30 + [0.5] * 30, cut=cut))
    assert [(f.kind, f.index) for f in found] == [("cut", 30)]


def test_kinds_weigh_more_than_repetitions():
    leaves, cuts = Finding("gone", 3, ""), [Finding("cut", index, "") for index in range(30)]
    assert weight([leaves]) > weight(cuts) > weight(cuts[:1])


def test_every_picture_is_small():
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3)).astype(np.uint8)
    statistics = ShotStatistics()
    work = work_of(0, MIDDLE, pixels=cv2.resize(noise, (96, 64)))
    work.frame = Frame(noise, 0, 0, Fraction(1, 25), 1)
    work.alpha_raw = np.full((720, 1280), 0.5, np.float32)
    statistics.add(work)
    assert decode(statistics.sampled.kept[0]["picture"]).shape == (108, 192, 3)
