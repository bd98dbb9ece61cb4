"""The native M-Net against the network it is made of, whatever the parameters, the frame and the blocks asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import cases, planar_cases, strided

from shm_stream import mnet, mnet_kernel, native, runners, weights
from shm_stream.errors import InputError, WeightsError
from shm_stream.fuse import EMULATED, gather
from shm_stream.mnet_kernel import MNetKernel, block_depths, pack_parameters
from shm_stream.preset import get_preset
from shm_stream.runners import default_runner, load_runner

pytestmark = pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
PATHS = [path for path in NATIVE_PATHS if path != EMULATED]


def random_network(seed: int) -> mnet.LiveMNet:
    """Batch norm has statistics, too; alpha_raw comes out anywhere between 0 and 1."""
    torch.manual_seed(seed)
    network = mnet.LiveMNet().eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            ranges = {"running_mean": (-0.3, 0.3), "running_var": (0.3, 2), "bias": (-0.2, 0.4), "weight": (0.5, 1.5)}
            for name, between in ranges.items():
                torch.nn.init.uniform_(getattr(part, name), *between)
    return network


def parameters_of(network: mnet.LiveMNet) -> np.ndarray:
    return pack_parameters({name: value.numpy() for name, value in network.state_dict().items()})


def whole(network: mnet.LiveMNet, case) -> np.ndarray:
    """alpha_raw [H, W] by PyTorch, of the frame in one piece."""
    padded = [side + -side % mnet.BLOCK + 2 * mnet.HALO for side in (case.height, case.width)]
    x = gather(case.frame, case.logits, -mnet.HALO, -mnet.HALO, *padded)
    with torch.inference_mode():
        return network(torch.from_numpy(x)[None])[0, 0, : case.height, : case.width].numpy()


def grid_of(case) -> tuple[int, int]:
    return -(-case.height // mnet.BLOCK), -(-case.width // mnet.BLOCK)


def draw(case, wanted, parameters, **options) -> np.ndarray:
    alpha_raw = strided((case.height, case.width), np.float32, case.padding)
    MNetKernel(parameters, **options).draw(case.frame, case.logits, wanted, alpha_raw)
    return alpha_raw


@settings(max_examples=80, deadline=None)
@given(
    case=st.one_of(planar_cases(smallest=1), cases(smallest=1)),
    share=st.sampled_from([0.0, 0.01, 0.1, 0.6, 1.0]),
    threads=st.integers(1, 4),
)
def test_equals_the_network_in_wanted_blocks_and_is_half_elsewhere(case, share, threads):
    network = random_network(case.seed % 1000)
    wanted = (case.random.random(grid_of(case)) < share).astype(np.uint8)
    drawn = np.kron(wanted, np.ones((mnet.BLOCK, mnet.BLOCK)))[: case.height, : case.width] > 0
    expected = np.where(drawn, whole(network, case), 0.5)
    # logits of 1e4 are interpolated with an error that shows
    tolerance = 5e-4 if case.kind in ("extreme", "nonfinite") else 2e-5
    for path in PATHS:
        result = draw(case, wanted, parameters_of(network), path=path, threads=threads)
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance, err_msg=path)


@settings(max_examples=40, deadline=None)
@given(case=planar_cases(smallest=1), threads=st.integers(2, 5))
def test_what_else_is_drawn_and_by_whom_changes_nothing(case, threads):
    """A block's pixels are the same whether it is drawn alone or with the whole frame, in one thread or several."""
    parameters = parameters_of(random_network(1))
    wanted = (case.random.random(grid_of(case)) < 0.1).astype(np.uint8)
    drawn = np.kron(wanted, np.ones((mnet.BLOCK, mnet.BLOCK)))[: case.height, : case.width] > 0
    for path in PATHS:
        dense = draw(case, np.ones_like(wanted), parameters, path=path)
        sparse = draw(case, wanted, parameters, path=path, threads=threads)
        np.testing.assert_allclose(sparse[drawn], dense[drawn], rtol=0, atol=1e-6, err_msg=path)


@settings(max_examples=40, deadline=None)
@given(
    case=planar_cases(smallest=1),
    shares=st.tuples(*[st.sampled_from([0.0, 0.1, 1.0])] * 2),
    threads=st.integers(1, 3),
)
def test_a_used_array_needs_clearing_only_where_it_was_drawn_on(case, shares, threads):
    parameters = parameters_of(random_network(3))
    before, wanted = ((case.random.random(grid_of(case)) < share).astype(np.uint8) for share in shares)
    for path in PATHS:
        kernel = MNetKernel(parameters, path=path, threads=threads)
        used = draw(case, before, parameters, path=path)
        kernel.draw(case.frame, case.logits, wanted, used, stale=before)
        assert np.array_equal(used, draw(case, wanted, parameters, path=path))


@settings(max_examples=30, deadline=None)
@given(case=planar_cases(smallest=1), threads=st.integers(1, 3))
def test_nothing_is_written_beside_alpha_raw(case, threads):
    case.padding = 5
    wanted, parameters = np.ones(grid_of(case), np.uint8), parameters_of(random_network(2))
    for path in PATHS:
        made = draw(case, wanted, parameters, path=path, threads=threads)
        rows = np.lib.stride_tricks.as_strided(made, (made.shape[0], made.shape[1] + 5), made.strides)
        assert np.all(rows[:-1, made.shape[1] :] == 7)


@pytest.mark.parametrize("size", [(0, 8), (8, 0)])
def test_empty_frames_are_left_alone(size):
    kernel = MNetKernel(parameters_of(random_network(2)))
    wanted = np.zeros([-(-side // mnet.BLOCK) for side in size], np.uint8)
    kernel.draw(np.zeros((*size, 3), np.uint8), np.zeros((3, 2, 2), np.float32), wanted, np.zeros(size, np.float32))


def test_depths_are_what_the_layers_reach():
    """One wanted block: the model around it, then each look's 3x3, the second one dilated."""
    wanted = np.zeros((1, 3), np.uint8)
    wanted[0, 1] = 1
    depth = block_depths(wanted)
    assert depth.shape == (11, 13)
    assert depth[5].tolist() == [0, 1, 2, 2, 3, 4, 5, 4, 3, 2, 2, 1, 0]
    assert depth[:, 6].tolist() == [1, 2, 2, 3, 4, 5, 4, 3, 2, 2, 1]


def test_sizes_are_those_of_the_network():
    assert mnet_kernel.BLOCK == mnet.BLOCK == get_preset("live").multiple
    assert mnet_kernel.REACH == mnet.REACH == get_preset("live").halo // mnet.BLOCK
    assert tuple(mnet_kernel.REACHES[1:][::-1]) == mnet.DILATIONS and mnet_kernel.LOOKS == len(mnet.DILATIONS)
    assert mnet_kernel.BATCH_NORM_EPSILON == torch.nn.BatchNorm2d(1).eps


def test_parameters_of_another_network_are_refused():
    with pytest.raises(ValueError, match="parameters instead of"):
        parameters_of(mnet.LiveMNet(width=16))
    with pytest.raises(KeyError):
        pack_parameters({"x": np.zeros(1)})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"wanted": np.ones((2, 3), np.uint8)}, ValueError, r"wanted must have shape \(3, 3\), got \(2, 3\)"),
        ({"wanted": np.ones((3, 3), bool)}, TypeError, "wanted must be a numpy array of uint8"),
        ({"alpha_raw": np.empty((9, 9), np.float32)}, ValueError, r"alpha_raw must have shape \(9, 10\)"),
        ({"logits": np.zeros((3, 2, 2))}, TypeError, "logits must be a numpy array of float32"),
        ({"frame": np.zeros((9, 10, 3), np.int8)}, TypeError, "frame must be a numpy array of uint8"),
    ],
)
def test_wrong_arrays_are_named(changes, error, message):
    arguments = {
        "frame": np.zeros((9, 10, 3), np.uint8),
        "logits": np.zeros((3, 2, 2), np.float32),
        "wanted": np.ones((3, 3), np.uint8),
        "alpha_raw": np.empty((9, 10), np.float32),
    }
    with pytest.raises(error, match=message):
        MNetKernel(parameters_of(mnet.LiveMNet())).draw(**arguments | changes)


@pytest.mark.parametrize("size", [(64, 96), (100, 4), (5, 53)])
def test_the_shipped_weights_give_what_onnxruntime_gives(size):
    random = np.random.default_rng(0)
    frame, logits = random.integers(0, 256, (*size, 3), np.uint8), random.normal(0, 3, (3, 8, 12)).astype(np.float32)
    grid, padded = [-(-side // 4) for side in size], [side + -side % 4 + 40 for side in size]
    alpha_raw = np.empty(size, np.float32)
    load_runner("live", "native").draw(frame, logits, np.ones(grid, np.uint8), alpha_raw)
    expected = load_runner("live", "onnxruntime").mnet(gather(frame, logits, -20, -20, *padded))
    np.testing.assert_allclose(alpha_raw, expected[: size[0], : size[1]], rtol=0, atol=2e-5)


def test_it_draws_for_the_usual_runners_where_kernels_are_used(monkeypatch):
    for found, name in (("a package", "openvino"), (None, "native")):
        monkeypatch.setattr(runners, "find_spec", {"openvino": found}.get)
        assert default_runner("cpu", "live") == name
    assert load_runner("live").name == load_runner("studio").name == "native"
    assert default_runner("cpu", "paper") == "onnxruntime" and default_runner("cuda:0", "live") == "torch"
    monkeypatch.setenv("SHM_STREAM_CPU", native.REFERENCE)
    assert default_runner("cpu", "live") == "onnxruntime"
    with pytest.raises(InputError, match="M-Net's kernel is not compiled code here .*; use --runner onnxruntime"):
        load_runner("live", "native")


@pytest.mark.parametrize(
    ("preset", "device", "message"),
    [("paper", "cpu", "does not know the M-Net of preset 'paper'"), ("live", "cuda:0", "on the cpu, not on 'cuda:0'")],
)
def test_what_it_cannot_run_is_said(preset, device, message):
    with pytest.raises(InputError, match=message):
        load_runner(preset, "native", device)


def test_weights_of_another_network_are_named(tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    from training.export import write_manifest

    save_file({"mnet.x": np.zeros(1)}, tmp_path / "live.safetensors")
    write_manifest(tmp_path, "live", [tmp_path / "live.safetensors"], {})
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError, match="live.safetensors does not fit preset 'live'"):
        load_runner("live", "native")
