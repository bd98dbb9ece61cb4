"""Layers, shapes, parameters and receptive fields of the networks, against the paper and their docstrings."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from shm_stream.efficientnet_lite import EfficientNetLite  # noqa: E402
from shm_stream.errors import InputError  # noqa: E402
from shm_stream.matting_network import fuse, upsample_trimap  # noqa: E402
from shm_stream.mnet import BLOCK, HALO  # noqa: E402
from shm_stream.mnet_paper import PaperMNet  # noqa: E402
from shm_stream.preset import PRESETS, get_preset  # noqa: E402
from shm_stream.tnet_paper import PaperTNet, ResNet50  # noqa: E402
from shm_stream.trimap import Trimap  # noqa: E402

torch.set_num_threads(2)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def layers(module: nn.Module, kind) -> list:
    return [m for m in module.modules() if isinstance(m, kind)]


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return get_preset("paper").build().eval()


@pytest.fixture(scope="module")
def live():
    torch.manual_seed(0)
    return get_preset("live").build().eval()


class TestPaperTNet:
    def test_is_pspnet50(self):
        encoder = ResNet50()
        # ResNet-50: 1 stem + 16 blocks of 3 + 4 shortcuts; 25.6 M parameters less the 2.05 M classifier
        assert len(layers(encoder, nn.Conv2d)) == 1 + 16 * 3 + 4
        assert count(encoder) == 23_508_032
        # pyramid 4 x (2048 x 512 + batch norm), head 4096 x 512 x 9 + batch norm, classifier 512 x 3
        assert count(PaperTNet()) == 23_508_032 + 4 * (2048 * 512 + 1024) + (4096 * 512 * 9 + 1024) + (512 * 3 + 3)

    def test_output_stride_is_8(self):
        with torch.no_grad():
            assert ResNet50().eval()(torch.zeros(1, 3, 64, 96)).shape == (1, 2048, 8, 12)

    @pytest.mark.parametrize("size", [(65, 97), (64, 48), (33, 71)])
    def test_logits_have_input_size(self, paper, size):
        with torch.no_grad():
            assert paper.tnet(torch.rand(1, 3, *size)).shape == (1, 3, *size)


class TestPaperMNet:
    def test_counts_layers(self):
        network = PaperMNet()
        encoder, decoder = (
            layers(network.encoder, nn.Conv2d),
            layers(network.decoder, nn.Conv2d) + layers(network.write, nn.Conv2d),
        )
        assert len(encoder) == 13 and len(decoder) == 6
        assert len(layers(network, nn.BatchNorm2d)) == 19, "batch norm after every convolution"
        assert encoder[0].in_channels == 6

    def test_encoder_is_vgg16(self):
        # VGG16's 13 convolutions have 14,710,464 weights; 3 more input channels add 3·64·9; no biases beside batch norm
        weights = sum(c.weight.numel() for c in layers(PaperMNet().encoder, nn.Conv2d))
        assert weights == 14_710_464 + 3 * 64 * 9

    @pytest.mark.parametrize("size", [(16, 16), (33, 71), (64, 50)])
    def test_pools_and_unpools_four_times_with_indices(self, monkeypatch, paper, size):
        calls = []
        pool, unpool = torch.nn.functional.max_pool2d, torch.nn.functional.max_unpool2d

        def pooling(x, *args, **kwargs):
            y, indices = pool(x, *args, **kwargs)
            calls.append(("pool", id(indices)))
            kept.append(indices)
            return y, indices

        def unpooling(x, indices, *args, **kwargs):
            calls.append(("unpool", id(indices)))
            return unpool(x, indices, *args, **kwargs)

        kept = []
        monkeypatch.setattr("torch.nn.functional.max_pool2d", pooling)
        monkeypatch.setattr("torch.nn.functional.max_unpool2d", unpooling)
        with torch.no_grad():
            alpha = paper.mnet(torch.rand(1, 6, *size))
        assert alpha.shape == (1, 1, *size) and 0 <= alpha.min() and alpha.max() <= 1
        names = [name for name, _ in calls]
        assert names == ["pool"] * 4 + ["unpool"] * 4
        assert [i for _, i in calls[4:]] == [i for _, i in calls[3::-1]], (
            "each unpooling uses its own pooling's indices"
        )


class TestLiveTNet:
    @pytest.mark.parametrize(("variant", "parameters"), [(0, 4_652_008), (1, 5_416_680), (2, 6_092_072)])
    def test_encoders_have_the_parameters_of_the_published_ones(self, variant, parameters):
        encoder = EfficientNetLite(variant)
        head = 1280 * encoder.feature_channels[-1] + 2 * 1280 + 1281 * 1000  # not used here
        assert count(encoder) == parameters - head

    @pytest.mark.parametrize(("variant", "channels"), [(0, [16, 24, 40, 112, 320]), (2, [16, 24, 48, 120, 352])])
    def test_features_and_strides(self, variant, channels):
        encoder = EfficientNetLite(variant, channels_in=4)
        with torch.no_grad():
            features = encoder(torch.rand(1, 4, 64, 96))
        assert [f.shape[1] for f in features] == encoder.feature_channels == channels
        assert [64 // f.shape[2] for f in features] == [2, 4, 8, 16, 32]

    def test_same_padding_is_tensorflow(self):
        """With TensorFlow's padding, output (0, 0) of a strided 3x3 is centred on input (1, 1) and reads 0..2."""
        stem = EfficientNetLite().stem[:2]
        x = torch.zeros(1, 3, 8, 8)
        with torch.no_grad():
            x[0, 0, 2, 2] = 1
            assert stem(x)[0, 0, 0, 0] == stem[1].weight[0, 0, 2, 2]
            x[0, 0, 2, 2], x[0, 0, 7, 7] = 0, 1
            assert stem(x)[0, 0, 3, 3] == stem[1].weight[0, 0, 1, 1]

    def test_imagenet_file_loads(self):
        """A state dict named and ordered as in the PyPI package: values land by position, prior channel at zero."""
        network = EfficientNetLite(channels_in=4)
        reference = EfficientNetLite(channels_in=3).state_dict()
        file = {f"_{i}": torch.full(v.shape, i + 1, dtype=v.dtype) for i, v in enumerate(reference.values())}
        file |= {"_conv_head.weight": torch.zeros(1), "_bn1.weight": torch.zeros(1), "_fc.bias": torch.zeros(1)}
        network.load_imagenet(file)
        stem, *rest = network.state_dict().values()
        assert (stem[:, :3] == 1).all() and (stem[:, 3:] == 0).all()
        assert all((v == i + 2).all() for i, v in enumerate(rest))
        del file["_3"]
        with pytest.raises(ValueError, match="expected .* encoder tensors"):
            network.load_imagenet(file)

    def test_prior_channel_changes_logits(self, live):
        x = torch.rand(1, 4, 64, 64)
        y = x.clone()
        y[:, 3] = 1 - y[:, 3]
        with torch.no_grad():
            assert not torch.equal(live.tnet(x), live.tnet(y))


class TestLiveMNet:
    def test_receptive_field(self, live):
        """At most HALO + 1 = 21 pixels, and the docstring's reach is really used."""
        size = 17 * BLOCK
        base = torch.rand(1, 6, size + 2 * HALO, size + 2 * HALO)
        with torch.no_grad():
            before = live.mnet(base)
            probe = base.clone()
            probe[:, :, HALO + 32, HALO + 32] += 1.0  # output pixel (32, 32), first of its block
            changed = (live.mnet(probe) != before)[0, 0].nonzero()
        reach = (changed - 32).abs().amax().item()
        assert reach <= HALO + 1 == 21
        assert reach >= HALO, "the network looks less far than it says"

    def test_tiles_equal_the_whole(self, live):
        x = torch.rand(1, 6, 96 + 2 * HALO, 64 + 2 * HALO)
        with torch.no_grad():
            whole = live.mnet(x)
            for top in (0, 32, 64):
                tile = x[:, :, top : top + 32 + 2 * HALO, :]
                torch.testing.assert_close(live.mnet(tile), whole[:, :, top : top + 32], atol=1e-6, rtol=0)

    def test_refuses_nothing_in_range(self, live):
        with torch.no_grad():
            alpha = live.mnet(torch.randn(2, 6, 8 + 2 * HALO, 12 + 2 * HALO) * 50)
        assert alpha.shape == (2, 1, 8, 12) and 0 <= alpha.min() and alpha.max() <= 1


class TestAssembly:
    @pytest.mark.parametrize(
        ("name", "size"), [(name, size) for name in PRESETS for size in ((37, 53), (64, 32))] + [("live", (1, 1))]
    )
    def test_alpha_has_frame_size(self, name, size):
        network = get_preset(name).build().eval()
        with torch.no_grad():
            matte = network(torch.rand(1, 3, *size), tnet_size=(64, 96))
        assert matte.alpha.shape == matte.alpha_raw.shape == (1, 1, *size)
        assert matte.trimap.shape == (1, 3, *size)
        assert 0 <= matte.alpha.min() and matte.alpha.max() <= 1

    def test_fusion_is_the_papers(self):
        """α_p = (1 - U_s)·F_s / (F_s + B_s) + U_s·α_r, which is F_s + U_s·α_r."""
        trimap = torch.rand(2, 3, 5, 7).softmax(1)
        raw = torch.rand(2, 1, 5, 7)
        f, b, u = (trimap[:, c, None] for c in (Trimap.FOREGROUND, Trimap.BACKGROUND, Trimap.UNKNOWN))
        torch.testing.assert_close(fuse(trimap, raw), (1 - u) * f / (f + b) + u * raw)

    def test_swapped_channels_are_noticed(self):
        trimap = torch.tensor([0.7, 0.1, 0.2]).view(1, 3, 1, 1)
        raw = torch.full((1, 1, 1, 1), 0.5)
        assert fuse(trimap, raw).item() == pytest.approx(0.8)
        for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
            assert fuse(trimap[:, list(order)], raw).item() != pytest.approx(0.8)
        assert (Trimap.FOREGROUND, Trimap.BACKGROUND, Trimap.UNKNOWN) == (0, 1, 2)

    def test_gradients_reach_both_networks(self, live):
        live.zero_grad()
        live(torch.rand(1, 3, 32, 32), tnet_size=(32, 32)).alpha.sum().backward()
        assert live.tnet.encoder.stem[1].weight.grad.abs().sum() > 0
        assert live.mnet.look[0][0].weight.grad.abs().sum() > 0

    def test_logits_are_interpolated_before_softmax(self):
        logits = torch.tensor([[8.0, -8.0], [-8.0, 8.0], [0.0, 0.0]]).view(1, 3, 1, 2)
        middle = upsample_trimap(logits, (1, 4))[0, :, 0]
        # a quarter and three quarters of the way between the two cells: logits 4, -4, 0
        assert middle[Trimap.FOREGROUND, 1].item() == pytest.approx(torch.tensor([4.0, -4.0, 0.0]).softmax(0)[0].item())


def test_unknown_preset_is_one_clear_line():
    with pytest.raises(InputError, match="unknown preset 'film': choose one of live, studio, paper"):
        get_preset("film")
