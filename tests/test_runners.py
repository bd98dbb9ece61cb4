"""Both runners compute the same networks; export carries them from one to the other."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shm_stream import weights
from shm_stream.errors import InputError, WeightsError
from shm_stream.prior import Prior, softmax
from shm_stream.runners import load_runner
from shm_stream.source import open_source
from shm_stream.trimap import Trimap

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"
RANDOM = np.random.default_rng(0)


def picture(*shape: int) -> np.ndarray:
    return RANDOM.random(shape, dtype=np.float32)


@pytest.fixture(scope="module", params=["live", "studio"])
def preset(request):
    return request.param


@pytest.fixture(scope="module")
def runners(preset):
    return load_runner(preset, "onnxruntime"), load_runner(preset, "torch")


@pytest.mark.parametrize("size", [(64, 96), (256, 352), (32, 32)])
def test_tnet_agrees(runners, size):
    x = picture(1, 4, *size)
    logits = [runner.tnet(x) for runner in runners]
    assert logits[0].shape == logits[1].shape == (3, size[0] // 2, size[1] // 2)
    np.testing.assert_allclose(logits[0], logits[1], atol=2e-3)


@pytest.mark.parametrize("size", [(64, 96), (100, 4), (4, 52)])
def test_mnet_agrees(runners, size):
    halo = runners[0].halo
    x = picture(6, size[0] + 2 * halo, size[1] + 2 * halo)
    alpha = [runner.mnet(x) for runner in runners]
    assert alpha[0].shape == alpha[1].shape == size
    np.testing.assert_allclose(alpha[0], alpha[1], atol=1e-4)


def test_batch_norms_are_part_of_the_convolutions(preset, runners):
    import torch

    from shm_stream.runners.torch import load_network

    plain, folded = load_network(preset), runners[1].network
    norms = [[m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)] for network in (plain, folded)]
    assert len(norms[0]) > 60 and norms[1] == []
    x = torch.from_numpy(picture(1, 4, 64, 96))
    with torch.inference_mode():
        torch.testing.assert_close(folded.tnet(x), plain.tnet(x), atol=1e-3, rtol=0)
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in folded.parameters() if p.dim() == 4)


def test_openvino_agrees_whatever_shape_came_before(preset, runners):
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'shm-stream[openvino]'")
    tnet = load_runner(preset, "openvino").tnet
    with open_source(EXAMPLE, max_frames=2) as source:
        frames = [frame.picture for frame in source]
    pictures = [Prior().tnet_input(frames[i], size) for i, size in ((0, (224, 288)), (0, (192, 352)), (1, (224, 288)))]
    answers = [tnet(x) for x in pictures]  # all of them before any is looked at: none may be written over
    for x, logits in zip(pictures, answers):
        expected = runners[0].tnet(x)
        assert logits.shape == expected.shape and logits.dtype == np.float32
        assert softmax(expected)[Trimap.FOREGROUND].mean() > 0.1
        # some processors compute in bfloat16
        difference = np.abs(softmax(logits) - softmax(expected))
        assert difference.mean() < 0.005 and difference.max() < 0.3


def test_openvino_reports_to_nobody():
    """What it imports to that end would call a server on the internet, and be in the way of Ctrl-C."""
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'shm-stream[openvino]'")
    names = "[name for name in sys.modules if name.startswith('openvino_telemetry')]"
    code = f"import sys; from shm_stream.runners import load_runner; load_runner('live', 'openvino'); print({names})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_runner_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "shm_stream.runners.openvino", raising=False)
    with pytest.raises(InputError, match="runner 'openvino' cannot be loaded .*; pip install openvino"):
        load_runner("live", "openvino")


def test_onnxruntime_needs_no_torch():
    """Start-up time: torch must not be imported on the default CPU path."""
    code = "import sys; from shm_stream.runners import load_runner; load_runner('live'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_unknown_runner_and_device():
    with pytest.raises(InputError, match="unknown runner 'tensorrt': choose one of native, onnxruntime, openvino"):
        load_runner("live", "tensorrt")
    with pytest.raises(InputError, match="--runner torch"):
        load_runner("live", "onnxruntime", "cuda:0")


def test_preset_without_weights():
    with pytest.raises(WeightsError, match="no weights for preset 'paper'"):
        load_runner("paper")


def test_safetensors_of_another_network(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from training.export import write_manifest

    save_file({"x": torch.zeros(1)}, tmp_path / "live.safetensors")
    write_manifest(tmp_path, "live", [tmp_path / "live.safetensors"], {})
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError, match="live.safetensors does not fit preset 'live'"):
        load_runner("live", "torch")
