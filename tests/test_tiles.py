"""Skipping tiles changes the 8-bit alpha by at most one step, whatever the logits and whatever M-Net would say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import StandInRunner

from shm_stream import native, tiles
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.fuse import gather
from shm_stream.runners import load_runner
from shm_stream.trimap import Trimap
from shm_stream.work import Work


class Scripted(StandInRunner):
    """T-Net says `logits`; M-Net says the red channel of what it sees, so every pixel has its own alpha_raw."""

    def __init__(self, logits: np.ndarray):
        super().__init__()
        self.logits = logits

    def tnet(self, x):
        return self.logits

    def mnet(self, x):
        self.mnet_shapes.append(x.shape)
        return x[0, self.halo : -self.halo, self.halo : -self.halo]


class ScriptedBlocks(StandInRunner):
    """The same as a runner that draws blocks itself."""

    def __init__(self, logits: np.ndarray):
        super().__init__()
        self.logits = logits

    def tnet(self, x):
        return self.logits

    def draw(self, frame, logits, wanted, alpha_raw, stale=None):
        drawn = np.kron(wanted, np.ones((self.multiple, self.multiple)))[: frame.shape[0], : frame.shape[1]]
        self.mnet_shapes.append((6, int(drawn.sum()) + 2 * self.halo, 1 + 2 * self.halo))
        alpha_raw[...] = np.where(drawn, frame[..., 0] / 255, 0.5)


RUNNERS = [Scripted, ScriptedBlocks]


def alphas(logits: np.ndarray, pixels: np.ndarray, kind=Scripted) -> tuple[np.ndarray, np.ndarray, int, int]:
    """8-bit alpha with tiles skipped and of the whole frame, and how many pixels M-Net was asked for in each."""
    results, asked = [], []
    for dense in (False, True):
        runner = kind(logits)
        engine = Engine(runner, tnet_size=32, dense=dense)
        work = Work(Frame(pixels, 0, 0, 1, 1))
        for _, stage in engine.stages:
            work = stage(work)
        results.append(work.outputs["alpha"].astype(int))
        asked.append(sum((h - 2 * runner.halo) * (w - 2 * runner.halo) for _, h, w in runner.mnet_shapes))
    return *results, *asked


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    reduced=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    scale=st.sampled_from([0.5, 5.0, 12.0, 100.0, 1e5]),
    unknown_shift=st.sampled_from([0.0, -5.0, -20.0]),
    kind=st.sampled_from(RUNNERS),
)
def test_at_most_one_step(seed, size, reduced, scale, unknown_shift, kind):
    rng = np.random.default_rng(seed)
    logits = (rng.normal(0, scale, (3, *reduced))).astype(np.float32)
    logits[Trimap.UNKNOWN] += unknown_shift
    if rng.random() < 0.2:
        logits[tuple(rng.integers(0, n) for n in logits.shape)] = rng.choice([np.nan, np.inf, -np.inf])
    sparse, dense, *_ = alphas(logits, noise(*size, seed % 1000), kind)
    assert np.abs(sparse - dense).max() <= 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1.0, 8.0, 40.0]))
def test_bound_holds_between_samples(seed, scale):
    """The kernels' own U_s, at 16 places in every cell, never exceeds the bound of the cell."""
    rng = np.random.default_rng(seed)
    h, w = rng.integers(1, 9, 2)
    logits = rng.normal(0, scale, (3, h, w)).astype(np.float32)
    height, width = 16 * h, 16 * w
    frame = np.zeros((height, width, 3), np.uint8)
    unknown = gather(frame, logits, 0, 0, height, width)[3 + Trimap.UNKNOWN]
    cell_y, cell_x = (((np.arange(16 * n) + 0.5) / 16 - 0.5).astype(float) for n in (h, w))
    bound = tiles.unknown_bound(logits)[np.floor(cell_y).astype(int)[:, None] + 1, np.floor(cell_x).astype(int) + 1]
    assert (unknown <= bound + 1e-6).all()


def test_crossing_between_sure_samples_is_drawn():
    """Foreground beside background, unknown tiny in both samples, large half-way: the trap of testing samples only."""
    logits = np.zeros((3, 2, 16), np.float32)
    logits[Trimap.FOREGROUND, :, :8], logits[Trimap.FOREGROUND, :, 8:] = 12, -12
    logits[Trimap.BACKGROUND] = -logits[Trimap.FOREGROUND]
    logits[Trimap.UNKNOWN] = 2
    sampled = np.exp(logits - logits.max(0))
    assert (sampled / sampled.sum(0))[Trimap.UNKNOWN].max() < tiles.THRESHOLD
    assert tiles.active_tiles(logits, 64, 512, 64) == [(0, 192), (0, 256)]


@pytest.mark.parametrize("kind", RUNNERS)
def test_sure_frames_never_reach_mnet_and_unknown_ones_all_do(kind):
    sure = np.full((3, 8, 8), -30, np.float32)
    sure[Trimap.BACKGROUND] = 30
    assert alphas(sure, noise(200, 300), kind)[2] == 0
    unknown = np.zeros((3, 8, 8), np.float32)
    sparse, dense, asked, whole = alphas(unknown, noise(200, 300), kind)
    assert np.array_equal(sparse, dense) and asked == whole


@pytest.mark.parametrize("size", [(127, 129), (128, 128), (260, 131)])
def test_one_unknown_spot_needs_few_tiles_and_fewer_blocks(size):
    logits = np.full((3, 32, 32), -20, np.float32)
    logits[Trimap.FOREGROUND] = 20
    logits[:, 3, 3] = 0
    for kind, most in ((Scripted, 128 * 128), (ScriptedBlocks, 40 * 40)):
        sparse, dense, asked, _ = alphas(logits, noise(*size), kind)
        assert np.abs(sparse - dense).max() <= 1 and 0 < asked <= most


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.1, 3.0, 30.0]), most=st.floats(0, 1))
def test_where_little_may_be_drawn_the_least_uncertain_blocks_are_left_out(seed, scale, most):
    logits = np.random.default_rng(seed).normal(0, scale, (3, 9, 12)).astype(np.float32)
    whole, part = (tiles.active_grid(logits, 90, 120, 4, most=share) for share in (1, most))
    assert part.mean() <= most and not (part & ~whole).any()
    assert most < whole.mean() or np.array_equal(part, whole)
    left_out = (whole == 1) & (part == 0)
    if part.any() and left_out.any():
        bound, steps = tiles.unknown_bound(logits), np.linspace(0, 1, 201)
        largest = np.max([step * tiles._squares(bound >= step, 90, 120, 4) for step in steps], axis=0)
        assert largest[part == 1].min() >= largest[left_out].max() - 0.006


@pytest.mark.skipif(not native.paths()[1:], reason="built without native code")
def test_frames_do_not_see_what_was_drawn_before_them():
    """Arrays go round; every frame wants other blocks than the one before."""
    spots = np.full((3, 3, 24, 40), -20, np.float32)
    spots[:, Trimap.FOREGROUND] = 20
    spots[0, :, 3, 3] = spots[1, :, 12:15, 20] = 0
    runner = load_runner("live", "native")
    engine = Engine(runner, tnet_size=64, uses_prior=False)
    drawn, arrays = [], set()
    for logits in [*spots, *spots]:
        runner.tnet = lambda x, logits=logits: logits
        work = engine.mnet(engine.tnet(Work(Frame(noise(96, 160), 0, 0, 1, 1))))
        arrays.add(work.alpha_raw.ctypes.data)
        drawn.append(work.alpha_raw.copy())
        engine.release(work)
    assert len(arrays) == 1
    assert [np.array_equal(drawn[i], drawn[i + 3]) for i in range(3)] == [True] * 3
    assert [int((alpha_raw != 0.5).sum()) > 0 for alpha_raw in drawn[:3]] == [True, True, False]
