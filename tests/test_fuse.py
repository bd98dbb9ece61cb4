"""fuse_composite: all paths against each other bit for bit, and against float64 within one 8-bit step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import oracle
import pytest
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Case, cases, strided

from shm_stream import fuse, native
from shm_stream.errors import InputError
from shm_stream.fuse import fuse_composite
from shm_stream.trimap import Trimap

FOREGROUND, BACKGROUND, UNKNOWN = Trimap.FOREGROUND, Trimap.BACKGROUND, Trimap.UNKNOWN


def run(case: Case, **options) -> dict[str, np.ndarray]:
    outputs = case.outputs()
    fuse_composite(case.logits, case.alpha_raw, case.frame, case.background, **outputs, **options)
    return outputs


def one_alpha(logits, alpha_raw=0.5, path=None, size=(1, 1)) -> np.ndarray:
    """alpha [H, W] for three logits that are the same everywhere."""
    planes = np.array(logits, np.float32).reshape(3, 1, 1)
    alpha = np.empty(size, np.float32)
    fuse_composite(planes, np.full(size, alpha_raw, np.float32), alpha=alpha, path=path)
    return alpha


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@settings(max_examples=150, deadline=None)
@given(case=cases(), block=st.tuples(st.integers(1, 9), st.integers(1, 40)), threads=st.integers(1, 3))
def test_native_paths_agree_bit_for_bit(case, block, threads):
    expected = run(case, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        for name, array in run(case, path=path, block=block, threads=threads).items():
            assert array.tobytes() == expected[name].tobytes(), (path, name)


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_native_within_one_step_of_float64(case):
    check_against_oracle(
        case, run(case, path=NATIVE_PATHS[0]), alpha_error=5e-4 if case.kind in ("extreme", "nonfinite") else 2e-5
    )


@settings(max_examples=30, deadline=None)
@given(case=cases(kinds=("plain",)))
def test_reference_within_one_step_of_float64(case):
    check_against_oracle(case, run(case, path="reference"), alpha_error=1e-4)


def check_against_oracle(case: Case, outputs, alpha_error: float) -> None:
    alpha, composite = oracle.fuse(case.logits, case.alpha_raw, case.frame, case.background)
    assert np.all(np.abs(outputs["alpha"] - alpha) <= alpha_error)
    assert np.all(np.abs(outputs["alpha8"] - alpha * 255) < 1)
    assert np.all(np.abs(outputs["composite"] - composite) < 1)
    assert np.all((outputs["alpha"] >= 0) & (outputs["alpha"] <= 1))


def test_full_hd_frame_agrees_and_is_accurate():
    case = Case(1080, 1920, 256, 448, seed=1, kind="plain", padding=0)
    results = [run(case, path=path) for path in native.paths()[:-1]]
    for outputs in results:
        check_against_oracle(case, outputs, alpha_error=2e-6)
        assert outputs["composite"].tobytes() == results[0]["composite"].tobytes()


@pytest.mark.skipif("avx2" not in NATIVE_PATHS, reason="this processor has no AVX2")
def test_avx2_loops_are_really_vectorised():
    """A loop that the compiler silently left scalar is slower than the baseline; measured ratio: about 2."""
    case = Case(360, 1280, 128, 224, seed=9, kind="plain", padding=0)
    best = {"avx2": np.inf, "baseline": np.inf}
    for _ in range(15):  # alternating, so that a busy machine disturbs both
        for path in best:
            start = time.perf_counter()
            run(case, path=path)
            best[path] = min(best[path], time.perf_counter() - start)
    assert best["avx2"] * 1.3 < best["baseline"], best


def test_opaque_gives_the_frame_and_transparent_the_background(path):
    case = Case(37, 53, 5, 7, seed=2, kind="plain", padding=3)
    for channel, expected in ((FOREGROUND, case.frame), (BACKGROUND, case.background)):
        case.logits[...] = 0
        case.logits[channel] = 200
        outputs = run(case, path=path)
        np.testing.assert_array_equal(outputs["composite"], expected)
        np.testing.assert_array_equal(outputs["alpha8"], 255 if channel == FOREGROUND else 0)


def test_unknown_passes_alpha_raw_through(path):
    case = Case(20, 30, 3, 3, seed=3, kind="plain", padding=0)
    case.logits[...] = -200
    case.logits[UNKNOWN] = 200
    np.testing.assert_allclose(run(case, path=path)["alpha"], case.alpha_raw, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(case=cases(kinds=("plain", "certain"), smallest=1), step=st.floats(0.1, 50))
def test_raising_the_foreground_never_lowers_alpha(case, step):
    before = run(case)["alpha"]
    case.logits[FOREGROUND] += np.float32(step)
    assert np.all(run(case)["alpha"] >= before - 1e-6)


@pytest.mark.parametrize("swap", [(0, 1), (0, 2), (1, 2)])
def test_every_channel_has_its_own_meaning(path, swap):
    case = Case(24, 24, 6, 6, seed=4, kind="plain", padding=0)
    before = run(case, path=path)["alpha"]
    check_against_oracle(case, run(case, path=path), alpha_error=1e-4)
    case.logits[list(swap)] = case.logits[list(swap[::-1])]
    assert np.abs(run(case, path=path)["alpha"] - before).max() > 0.1


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("logits", "alpha_raw", "expected"),
    [
        ((NAN, NAN, NAN), 0.5, 0.5),  # nothing is known: 1/3 each
        ((INF, INF, INF), 0.5, 0.5),
        ((-INF, -INF, -INF), 0.5, 0.5),
        ((NAN, 0, 0), 0.5, 0.25),  # foreground impossible
        ((0, NAN, 0), 1.0, 1.0),  # background impossible
        ((0, 0, NAN), 1.0, 0.5),  # unknown impossible
        ((NAN, -INF, 0), 0.5, 0.5),
        ((INF, 0, 0), 0.0, 1.0),
        ((0, INF, 0), 1.0, 0.0),
        ((-INF, -INF, 3e38), 0.25, 0.25),
        ((-200, -200, 200), NAN, 0.0),
        ((-200, -200, 200), INF, 1.0),
        ((-200, -200, 200), -INF, 0.0),
        ((-200, -200, 200), 1.5, 1.0),
        ((-200, -200, 200), -0.5, 0.0),
    ],
)
def test_meaning_of_nonfinite_numbers(path, logits, alpha_raw, expected):
    # 19 columns: vector loop and remainder
    np.testing.assert_allclose(one_alpha(logits, alpha_raw, path, (3, 19)), expected, atol=1e-6)


def test_nan_beside_numbers_stays_in_its_class(path):
    """One NaN sample must not spread NaN to the pixels interpolated from it."""
    logits = np.zeros((3, 2, 2), np.float32)
    logits[FOREGROUND, 0, 0] = NAN
    alpha = np.empty((9, 9), np.float32)
    fuse_composite(logits, np.full((9, 9), 0.5, np.float32), alpha=alpha, path=path)
    assert np.isfinite(alpha).all()
    np.testing.assert_allclose(alpha[0, 0], 0.25, atol=1e-6)
    np.testing.assert_allclose(alpha[8, 8], 0.5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(case=cases(smallest=1))
def test_nothing_is_written_beside_the_outputs(case):
    case.padding = 5
    for path in NATIVE_PATHS:
        for array in run(case, path=path, threads=2).values():
            row = array.strides[0] // array.itemsize
            buffer = np.lib.stride_tricks.as_strided(array, (case.height, row), (array.strides[0], array.itemsize))
            assert np.all(buffer[:, row - 5 :] == 7)


@pytest.mark.parametrize("wanted", ["composite", "alpha", "alpha8"])
def test_each_output_alone_equals_all_together(path, wanted):
    case = Case(33, 300, 4, 9, seed=5, kind="plain", padding=1)
    together = run(case, path=path)[wanted]
    alone = case.outputs()[wanted]
    pictures = (case.frame, case.background) if wanted == "composite" else ()
    fuse_composite(case.logits, case.alpha_raw, *pictures, **{wanted: alone}, path=path)
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_empty_and_single_pixel_pictures(path, size):
    case = Case(*size, 2, 3, seed=6, kind="plain", padding=0)
    assert run(case, path=path)["composite"].shape == (*size, 3)


def test_more_threads_than_rows(native_path):
    case = Case(3, 40, 2, 2, seed=7, kind="plain", padding=0)
    expected = run(case, path=native_path)["composite"]
    np.testing.assert_array_equal(run(case, path=native_path, threads=9)["composite"], expected)


def test_flipped_and_repeated_rows_can_be_read(path):
    case = Case(21, 17, 4, 4, seed=8, kind="plain", padding=0)
    flipped, repeated = case.frame[::-1], np.broadcast_to(case.background[:1], case.background.shape)
    outputs = [np.empty((21, 17, 3), np.uint8) for _ in range(2)]
    fuse_composite(case.logits, case.alpha_raw, flipped, repeated, composite=outputs[0], path=path)
    case.frame, case.background = flipped.copy(), repeated.copy()
    fuse_composite(case.logits, case.alpha_raw, case.frame, case.background, composite=outputs[1], path=path)
    np.testing.assert_array_equal(*outputs)


def test_calls_from_several_threads_do_not_disturb_each_other():
    pictures = [Case(90, 131, 9, 13, seed=seed, kind="plain", padding=0) for seed in range(4)]
    expected = [run(case)["composite"] for case in pictures]
    results = [[] for _ in pictures]

    def work(index):
        results[index] = [run(pictures[index])["composite"] for _ in range(20)]

    workers = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for index, outputs in enumerate(results):
        assert len(outputs) == 20
        assert all(np.array_equal(output, expected[index]) for output in outputs)


def test_longest_allowed_row_is_exact(native_path):
    logits = np.zeros((3, 1, 32767), np.float32)
    logits[UNKNOWN] = 300
    raw = np.linspace(0, 1, fuse.MAX_SIDE, dtype=np.float32)[None]
    alpha = strided(raw.shape, np.float32, 0)
    fuse_composite(logits, raw, alpha=alpha, path=native_path)
    np.testing.assert_allclose(alpha, raw, atol=1e-7)


def test_environment_forces_a_path(monkeypatch):
    for path in native.paths():
        monkeypatch.setenv("SHM_STREAM_CPU", path)
        assert native.path_name() == path
    monkeypatch.setenv("SHM_STREAM_CPU", "sse9")
    with pytest.raises(InputError, match=r"SHM_STREAM_CPU=sse9 cannot be used here; choose one of .*reference"):
        native.path_name()
    monkeypatch.delenv("SHM_STREAM_CPU")
    assert native.path_name() == native.paths()[0]
    assert native.paths()[-1] == "reference"


def test_native_path_does_not_import_torch():
    code = (
        "import sys, numpy as np; from shm_stream.fuse import fuse_composite; a = np.zeros((4, 4), 'f4');"
        "fuse_composite(np.zeros((3, 1, 1), 'f4'), a, alpha=a.copy()); sys.exit('torch' in sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "SHM_STREAM_CPU"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
