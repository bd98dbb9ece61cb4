"""The part of T-Net's encoder that no longer learns gives the same maps as before, and the rest goes on learning."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from training_setup import read_log, tnet_options, without_speed  # noqa: E402

from shm_stream.efficientnet_lite import EfficientNetLite  # noqa: E402
from shm_stream.errors import InputError  # noqa: E402
from shm_stream.preset import get_preset  # noqa: E402
from shm_stream.tnet import LiveTNet  # noqa: E402
from training import train_tnet  # noqa: E402
from training.frozen import freeze_early  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.parametrize("count", [0, 1, 6, 11, 16])
def test_early_and_late_blocks_make_the_whole(count):
    encoder, x = EfficientNetLite(channels_in=4).eval(), torch.rand(1, 4, 64, 96)
    with torch.inference_mode():
        whole, (*early, last) = encoder(x), encoder.early(x, count)
        joined = early + encoder.late(last, count)
    assert len(joined) == 5 and all(map(torch.equal, whole, joined))


@pytest.mark.parametrize("size", [(64, 96), (96, 32)])
def test_frozen_blocks_give_what_they_gave_and_the_others_learn(size):
    torch.manual_seed(0)
    network, x = LiveTNet(), torch.rand(2, 4, *size)
    network.encoder.eval()
    names = set(network.state_dict())
    with torch.no_grad():
        before = network.encoder(x)
    freeze_early(network, 6, CPU)
    network.encoder.eval()
    after = network.encoder(x)
    assert all(torch.allclose(a, b, atol=1e-4 * float(a.abs().max())) for a, b in zip(before, after))
    assert [map_.requires_grad for map_ in after] == [False, False, False, True, True]
    after[-1].sum().backward()
    assert network.encoder.blocks[5].layers[0].weight.grad is None
    assert network.encoder.blocks[6].layers[0].weight.grad.abs().sum() > 0
    assert set(network.state_dict()) == names, "checkpoints stay as they are"


def test_only_the_live_network_has_blocks():
    paper = get_preset("paper").build().tnet
    freeze_early(paper, 0, CPU)
    with pytest.raises(InputError, match="--frozen-blocks is not for the paper preset"):
        freeze_early(paper, 1, CPU)


def test_a_run_with_frozen_blocks_keeps_their_weights_and_resumes(training_data, tmp_path, run_training):
    (whole := tmp_path / "whole").mkdir(), (halves := tmp_path / "halves").mkdir()
    frozen = {"frozen_blocks": 6}
    run_training(train_tnet, **tnet_options(training_data, whole, 4), **frozen)
    for steps in (2, 4):
        run_training(train_tnet, **tnet_options(training_data, halves, 4), **frozen, stop_at=steps)
    logs = [without_speed(read_log(folder / "tnet.csv")) for folder in (whole, halves)]
    assert logs[0] == logs[1] and len(logs[0]) == 4
    torch.manual_seed(5)
    start, end = LiveTNet().state_dict(), torch.load(whole / "tnet.pt", weights_only=False)["network"]
    assert torch.equal(end["encoder.blocks.5.layers.0.weight"], start["encoder.blocks.5.layers.0.weight"])
    assert not torch.equal(end["encoder.blocks.6.layers.0.weight"], start["encoder.blocks.6.layers.0.weight"])
