"""The stages of a frame on the CPU."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from engine_cases import moving_clip, noise, run_stages, work_of
from stand_ins import StandInRunner

from shm_stream.background import open_background
from shm_stream.buffers import BufferPool
from shm_stream.engine import Engine
from shm_stream.engine_fuse import OUTPUT_KINDS
from shm_stream.errors import InputError
from shm_stream.prior import CUT_THRESHOLD, Prior, is_cut, softmax, tnet_shape
from shm_stream.reduce import reduce_picture

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [
        (1080, 1920, 256, (192, 352)),
        (1920, 1080, 256, (352, 192)),
        (480, 640, 256, (224, 288)),
        (100, 100, 256, (256, 256)),
        (100, 1000, 256, (192, 352)),
        (1000, 1, 256, (352, 192)),
        (720, 1280, 250, (192, 320)),
        (1, 1, 32, (32, 32)),
        (1000, 1, 32, (32, 32)),
        (1080, 1920, 800, (608, 1056)),
    ],
)
def test_tnet_shape(height, width, size, expected):
    assert tnet_shape(height, width, size) == expected


@pytest.mark.parametrize("size", [192, 256, 384])
def test_every_frame_costs_t_net_about_the_same(size):
    for height, width in ((1080, 1920), (480, 640), (600, 800), (1, 1), (2160, 4096), (720, 300)):
        for h, w in (tnet_shape(height, width, size), tnet_shape(width, height, size)):
            assert 0.85 < h * w / size**2 < 1.15


def test_softmax_is_that_of_float64_and_safe():
    logits = np.array([[[900.0, 1.0]], [[-900.0, 2.0]], [[0.0, 3.0]]], np.float32)
    powers = np.exp(logits[:, 0, 1].astype(np.float64))
    assert np.allclose(softmax(logits)[:, 0, 1], powers / powers.sum(), atol=1e-6)
    assert softmax(logits)[:, 0, 0].tolist() == [1, 0, 0]


def test_tnet_reads_the_area_average():
    pixels = noise(512, 1024)
    x = Prior().tnet_input(pixels, (256, 512))
    blocks = pixels.reshape(256, 2, 512, 2, 3).mean((1, 3))
    assert x.shape == (1, 4, 256, 512) and x.dtype == np.float32
    assert np.abs(x[0, :3] * 255 - blocks.transpose(2, 0, 1)).max() <= 0.51
    assert not x[0, 3].any()


@pytest.mark.parametrize("size", [(1080, 1920), (1081, 1920), (2160, 3840), (40, 60)])
def test_halving_first_hardly_changes_the_average(size):
    pixels = cv2.resize(noise(60, 100), size[::-1], interpolation=cv2.INTER_CUBIC)
    exact = cv2.resize(pixels, (448, 256), interpolation=cv2.INTER_AREA)
    difference = np.abs(reduce_picture(pixels, 256, 448).astype(int) - exact)
    assert difference.mean() < 1 and difference.max() <= 8


def test_the_prior_is_certain_foreground_and_half_of_the_unknown_in_8_bits():
    prior = Prior()
    pixels = noise(64, 64)
    prior.tnet_input(pixels, (64, 64))
    logits = np.random.default_rng(1).normal(0, 3, (3, 16, 16)).astype(np.float32)
    prior.remember(logits)
    x = prior.tnet_input(pixels, (64, 64))
    trimap = softmax(logits)
    rounded = np.rint(255 * (trimap[0] + trimap[2] / 2)).astype(np.float32) / 255
    expected = cv2.resize(rounded, (64, 64), interpolation=cv2.INTER_LINEAR)
    assert np.allclose(x[0, 3], expected, atol=1e-6)
    prior.reset()
    assert not prior.tnet_input(pixels, (64, 64))[0, 3].any()


def test_motion_is_no_cut_and_a_cut_is_one():
    pictures = list(moving_clip(25))
    assert not any(is_cut(a, b) for a, b in zip(pictures, pictures[1:], strict=False))
    assert is_cut(pictures[-1], cv2.resize(noise(9, 16, seed=4), (448, 256), interpolation=cv2.INTER_CUBIC))
    assert is_cut(pictures[0], pictures[0][:128])
    assert not is_cut(pictures[0], pictures[0])


def test_cut_threshold_is_a_share_of_the_full_range():
    black = np.zeros((32, 32, 3), np.uint8)
    assert not is_cut(black, black + int(255 * CUT_THRESHOLD))
    assert is_cut(black, black + int(255 * CUT_THRESHOLD) + 1)


def test_a_cut_empties_the_prior_and_motion_keeps_it():
    runner = StandInRunner(unknown=False)
    engine = Engine(runner, tnet_size=32)
    dark, bright = np.full((64, 64, 3), 20, np.uint8), np.full((64, 64, 3), 220, np.uint8)
    for picture in (dark, dark + 5, bright, bright):
        engine.tnet(work_of(picture))
    assert [float(x[0, 3].mean()) for x in runner.tnet_inputs] == [0, 1, 0, 1]


def test_a_preset_without_prior_gets_zeros():
    runner = StandInRunner()
    engine = Engine(runner, tnet_size=32, uses_prior=False)
    for _ in range(2):
        engine.tnet(work_of(noise(64, 64)))
    assert not any(x[0, 3].any() for x in runner.tnet_inputs)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (48, 64), (51, 67)])
def test_mnet_gets_whole_blocks_and_a_halo(size):
    runner = StandInRunner(unknown=True, alpha_raw=0.25)
    engine = Engine(runner, tnet_size=32)
    work = engine.mnet(engine.tnet(work_of(noise(*size))))
    height, width = runner.mnet_shapes[0][1:]
    assert (height - 16) % 4 == 0 and 0 <= height - 16 - size[0] < 4
    assert (width - 16) % 4 == 0 and 0 <= width - 16 - size[1] < 4
    assert work.alpha_raw.shape == size and work.alpha_raw.flags.c_contiguous
    assert np.allclose(engine.alpha(work), 0.25, atol=1e-6)


def test_logits_in_any_memory_order():
    class Runner(StandInRunner):
        def tnet(self, x):
            return np.ascontiguousarray(super().tnet(x).transpose(1, 2, 0)).transpose(2, 0, 1)

    engine = Engine(Runner(), tnet_size=32)
    assert engine.alpha(engine.mnet(engine.tnet(work_of(noise(20, 24))))).min() == 1


def test_mnet_sees_the_frame_in_place():
    seen = []

    class Runner(StandInRunner):
        def mnet(self, x):
            seen.append(x.copy())
            return super().mnet(x)

    pixels = noise(20, 24)
    engine = Engine(Runner(unknown=True), tnet_size=32)
    engine.mnet(engine.tnet(work_of(pixels)))
    assert np.allclose(seen[0][:3, 8:28, 8:32] * 255, pixels.transpose(2, 0, 1), atol=1e-3)
    assert np.array_equal(seen[0][:, :8], np.repeat(seen[0][:, 8:9], 8, axis=1))


def test_all_outputs():
    pixels, background = noise(20, 24), open_background("#0a1420", 24, 20)
    runner = StandInRunner(unknown=True, alpha_raw=0.5)
    engine = Engine(runner, tnet_size=32, outputs=OUTPUT_KINDS, background=background)
    work = run_stages(engine, work_of(pixels))
    expected = pixels / 2 + np.array([10, 20, 32]) / 2
    assert np.abs(work.outputs["composite"] - expected).max() <= 1
    assert set(np.unique(work.outputs["alpha"])) <= {127, 128}
    assert work.outputs["foreground"].shape == (20, 24, 3)
    assert np.array_equal(work.outputs["transparent"][..., :3], work.outputs["foreground"])
    assert np.array_equal(work.outputs["transparent"][..., 3], work.outputs["alpha"])


def test_a_blurred_background_gets_the_background_probability():
    class Background:
        kind = "blur"

        def at(self, frame, background_probability):
            self.probability = background_probability
            return frame.pixels

    background = Background()
    engine = Engine(StandInRunner(), tnet_size=32, outputs=["composite"], background=background)
    run_stages(engine, work_of(noise(20, 24)))
    assert background.probability.shape == (8, 8) and background.probability.max() < 1e-6


def test_buffers_go_round_only_after_release():
    engine = Engine(StandInRunner(), tnet_size=32, outputs=["alpha"])
    first, second = (run_stages(engine, work_of(noise(20, 24))) for _ in range(2))
    assert not np.shares_memory(first.outputs["alpha"], second.outputs["alpha"])
    kept = first.outputs["alpha"]
    engine.release(first)
    assert run_stages(engine, work_of(noise(20, 24))).outputs["alpha"] is kept


def test_pool_is_bounded_and_matches_shape_and_type():
    pool = BufferPool(limit=2)
    arrays = [pool.take((2, 2), np.uint8) for _ in range(3)]
    for array in arrays:
        pool.give(array)
    assert pool.take((2, 2), np.float32).dtype == np.float32
    assert pool.take((2, 2), np.uint8) is arrays[1]
    assert pool.take((2, 2), np.uint8) is arrays[2]
    assert pool.take((2, 2), np.uint8) is not arrays[0]


@pytest.mark.parametrize("size", [0, 31, 5000])
def test_tnet_size_out_of_range(size):
    with pytest.raises(InputError, match="from 32 to 2048"):
        Engine(StandInRunner(), tnet_size=size)


def test_impossible_outputs():
    for options in ({"outputs": ["picture"]}, {"outputs": []}, {"outputs": ["composite"]}):
        with pytest.raises(ValueError, match=r"outputs must|needs an opened"):
            Engine(StandInRunner(), tnet_size=32, **options)


def test_the_cpu_engine_does_not_import_torch():
    code = "import sys, shm_stream.engine, shm_stream.matting_api, shm_stream.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
