"""The `paper` preset: its three stages end to end, narrowed to an eighth of the channels; its ImageNet backbones."""

import json
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from safetensors.torch import load_file  # noqa: E402
from training_setup import read_log  # noqa: E402

from shm_stream import layers, mnet_paper, tnet_paper  # noqa: E402
from shm_stream.errors import InputError  # noqa: E402
from shm_stream.preset import get_preset  # noqa: E402
from training import backbones, options, train_all  # noqa: E402

SMALL = {
    "common": {"workers": 0, "threads": 1, "log_every": 1, "preview_every": 0, "amp": False},
    "tnet": {"size": 64, "batch": 2, "steps": 2},
    "mnet": {"size": 64, "batch": 2, "steps": 2},
    "joint": {"size": 96, "patches": [32, 48, 64], "patch": 32, "batch": 2, "steps": 2},
}


@pytest.fixture
def narrow(monkeypatch):
    """The paper's layers with an eighth of their channels."""

    def conv_bn(channels_in, channels_out, *args, **named):
        into_head = channels_in == 4096  # the last layer of the head is no conv_bn and expects its 512 channels
        inner = channels_in if channels_in == 3 else channels_in // 8
        return layers.conv_bn(inner, channels_out if into_head else channels_out // 8, *args, **named)

    monkeypatch.setattr(tnet_paper, "conv_bn", conv_bn)
    monkeypatch.setattr(mnet_paper, "ENCODER", tuple(tuple(c // 8 for c in group) for group in mnet_paper.ENCODER))
    monkeypatch.setattr(mnet_paper, "DECODER", tuple(c // 8 for c in mnet_paper.DECODER))


def as_toml(tables: dict) -> str:
    return "\n".join(
        f"[{table}]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
        for table, values in tables.items()
    )


@pytest.mark.timeout(200)
def test_paper_preset_runs_end_to_end(narrow, training_data, tmp_path, monkeypatch, capsys):
    paper = options.read_config("paper")
    config = {table: paper.get(table, {}) | values for table, values in SMALL.items()}
    (tmp_path / "small.toml").write_text(as_toml(config))
    arguments = [f"--data={training_data}", f"--out={tmp_path / 'o'}", f"--config={tmp_path / 'small.toml'}"]
    monkeypatch.setattr(sys, "argv", ["train_all", *arguments])
    train_all.main()
    assert "T-Net starts from random weights" in capsys.readouterr().out

    assert [row["step"] for row in read_log(tmp_path / "o" / "tnet.csv")] == [1, 2]
    for row in read_log(tmp_path / "o" / "joint.csv"):
        assert row["total"] == pytest.approx(row["L_p"] + 0.01 * row["L_t"])
    weights = tmp_path / "o" / "weights"
    assert list(json.loads((weights / "manifest.json").read_text())) == ["paper"]
    network = get_preset("paper").build()
    network.load_state_dict(load_file(weights / "paper.safetensors"))
    with torch.no_grad():
        alpha = network.eval()(torch.rand(1, 3, 70, 50)).alpha
    assert alpha.shape == (1, 1, 70, 50) and 0 <= alpha.min() and alpha.max() <= 1


def torchvision_resnet_names(encoder) -> dict:
    """The state dict of our encoder under torchvision's names, with a classifier behind."""
    names = ["conv1.weight", *(f"bn1.{n}" for n in ("weight", "bias", "running_mean", "running_var"))]
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            parts = [f"{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "bn")]
            parts += ["downsample.0", "downsample.1"] if block == 0 else []
            for part in parts:
                norm = part.startswith("bn") or part.endswith("1") and part.startswith("d")
                fields = ("weight", "bias", "running_mean", "running_var") if norm else ("weight",)
                names += [f"layer{layer}.{block}.{part}.{field}" for field in fields]
    values = [v for k, v in encoder.state_dict().items() if not k.endswith("num_batches_tracked")]
    assert len(names) == len(values)
    return dict(zip(names, values)) | {"fc.weight": torch.zeros(10, 256), "fc.bias": torch.zeros(10)}


def test_resnet_backbone_is_taken_layer_by_layer(narrow, tmp_path):
    source, target = tnet_paper.ResNet50(), tnet_paper.ResNet50()
    torch.save(torchvision_resnet_names(source), tmp_path / "resnet50.pth")
    backbones.load_resnet(target, tmp_path / "resnet50.pth")
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(source.eval()(x), target.eval()(x))


def test_vgg_backbone_leaves_the_trimap_channels_empty(narrow, tmp_path):
    network = mnet_paper.PaperMNet()
    state, channels, index = {}, 3, 0
    for group in mnet_paper.ENCODER:
        for width in group:
            state[f"features.{index}.weight"] = torch.randn(width, channels, 3, 3)
            state[f"features.{index}.bias"] = torch.randn(width)
            channels, index = width, index + 2
        index += 1
    state["classifier.0.weight"] = torch.zeros(4, 4)
    torch.save(state, tmp_path / "vgg16.pth")
    backbones.load_vgg(network, tmp_path / "vgg16.pth")
    first = network.encoder[0][0][0].weight
    assert torch.equal(first[:, :3], state["features.0.weight"]) and not first[:, 3:].any()
    assert torch.equal(network.encoder[4][2][0].weight, state["features.28.weight"])


def test_another_backbone_is_an_input_error(narrow, tmp_path):
    torch.save({"features.0.weight": torch.zeros(1, 3, 3, 3)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="has other layers than this encoder"):
        backbones.load_vgg(mnet_paper.PaperMNet(), tmp_path / "x.pth")
    with pytest.raises(InputError, match="cannot read the backbone"):
        backbones.load_resnet(tnet_paper.ResNet50(), tmp_path / "gone.pth")
