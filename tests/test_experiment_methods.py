"""Each method's alpha where the answer is known, and the losses that the variants are trained with."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pymatting = pytest.importorskip("pymatting")

from shm_stream.matting_network import SHM, Matte  # noqa: E402
from shm_stream.preset import get_preset  # noqa: E402
from shm_stream.trimap import Trimap  # noqa: E402
from training import checkpoint, train_joint  # noqa: E402
from training.experiments import cases, heads, methods, networks, rows, settings, trainings  # noqa: E402
from training.experiments.paper import TABLES  # noqa: E402
from training.experiments.solvers import solve  # noqa: E402
from training.trimaps import trimap_labels  # noqa: E402

SIZE = 64


@pytest.fixture
def case() -> cases.Case:
    """A smooth ramp of alpha between two flat colours; the predicted trimap is wider than the true one."""
    alpha = np.tile(np.clip((np.arange(SIZE) - 24) / 16, 0, 1), (SIZE, 1)).astype(np.float32)
    colours = np.array([[[200, 40, 60]], [[20, 90, 160]]], np.float32)
    image = alpha[..., None] * colours[0] + (1 - alpha[..., None]) * colours[1]
    byte_alpha = (255 * alpha + 0.5).astype(np.uint8)
    return cases.Case((image + 0.5).astype(np.uint8), alpha, trimap_labels(byte_alpha, 2), trimap_labels(byte_alpha, 5))


@pytest.fixture(scope="module")
def experiment(training_data, tmp_path_factory) -> settings.Experiment:
    """A folder with the shared T-Net, as if everything had been trained: heads fresh, the rest random."""
    out = tmp_path_factory.mktemp("experiment")
    o = settings.Options(data=training_data, out=out, steps=1, images=2, size=SIZE)
    e = settings.settle(o)
    trainings.prepare(e)
    torch.manual_seed(3)
    for name in ("shm", "no_fusion"):
        checkpoint.save(e.checkpoint(name), average=fresh_network().state_dict(), step=1)
    for name in ("dim", "mnet_alone"):
        checkpoint.save(e.checkpoint(name), average=fresh_network().mnet.state_dict(), step=1)
    for name in ("segmentation", "regression"):
        tnet = heads.one_channel(networks.load_tnet(e))
        checkpoint.save(e.checkpoint(name), average=tnet.state_dict(), step=1)
    return e


def fresh_network() -> SHM:
    return get_preset(settings.PRESET).build()


@pytest.mark.parametrize("name", ["estimate_alpha_cf", "estimate_alpha_knn"])
def test_solvers_find_a_smooth_alpha(case, name):
    alpha = solve(getattr(pymatting, name), case.image, case.true_trimap)
    assert np.abs(alpha - case.truth).mean() < 0.02
    assert np.abs((case.true_trimap == Trimap.FOREGROUND) - case.truth).mean() > 0.1, "the trimap alone does not say it"


def test_solvers_need_both_sides(case):
    nobody = np.full((SIZE, SIZE), int(Trimap.BACKGROUND))
    assert (solve(None, case.image, nobody) == 0).all()
    nobody[:, :8] = Trimap.UNKNOWN
    assert (solve(None, case.image, nobody)[:, :8] == 0.5).all()


@pytest.mark.parametrize("trimap", ["predicted_trimap", "true_trimap"])
def test_solvers_are_given_the_trimap_of_their_table(case, trimap):
    seen = []
    methods.solver(None, lambda image, levels: seen.append(levels) or levels, trimap)(case)
    assert ((seen[0] == 0.5) == (getattr(case, trimap) == Trimap.UNKNOWN)).all()


def test_segmentation_only_gives_only_0_and_1(case, experiment):
    alpha = methods.METHODS["segmentation"].make(experiment)(case)
    assert set(np.unique(alpha)) <= {0, 1} and alpha.shape == (SIZE, SIZE)
    soft = methods.METHODS["regression"].make(experiment)(case)
    assert len(np.unique(soft)) > 10 and ((soft > 0.5) == alpha).all()


def test_one_channel_starts_at_foreground_minus_background(experiment):
    x = torch.rand(1, 4, SIZE, SIZE)
    with torch.inference_mode():
        logits = networks.load_tnet(experiment)(x)
        single = heads.one_channel(networks.load_tnet(experiment))(x)
    torch.testing.assert_close(single[:, 0], logits[:, Trimap.FOREGROUND] - logits[:, Trimap.BACKGROUND])


@pytest.mark.parametrize("method, trimap", [("dim", "predicted_trimap"), ("true_dim", "true_trimap")])
def test_dim_draws_the_unknown_region_alone(case, experiment, method, trimap):
    alpha, classes = methods.METHODS[method].make(experiment)(case), getattr(case, trimap)
    assert (alpha[classes == Trimap.FOREGROUND] == 1).all() and (alpha[classes == Trimap.BACKGROUND] == 0).all()
    inside = alpha[classes == Trimap.UNKNOWN]
    assert ((inside > 0) & (inside < 1)).all()


@torch.inference_mode()
def whole_matte(network: SHM, case: cases.Case) -> Matte:
    return network(networks.to_frame(case.image), tnet_size=(SIZE // 2, SIZE // 2))


def test_no_fusion_takes_alpha_raw(case, experiment):
    matte = whole_matte(networks.load_joint(experiment, "no_fusion"), case)
    alpha = methods.METHODS["no_fusion"].make(experiment)(case)
    np.testing.assert_allclose(alpha, matte.alpha_raw[0, 0], atol=1e-6)
    assert np.abs(alpha - matte.alpha[0, 0].numpy()).max() > 0.01


def test_shm_takes_the_fused_alpha(case, experiment):
    matte = whole_matte(networks.load_joint(experiment, "shm"), case)
    alpha = methods.METHODS["shm"].make(experiment)(case)
    np.testing.assert_allclose(alpha, matte.alpha[0, 0], atol=1e-6)


def test_no_joint_fuses_the_shared_tnet_with_mnet_alone(case, experiment):
    network = SHM(networks.load_tnet(experiment), networks.load_apart(experiment, "mnet_alone").mnet)
    alpha = methods.METHODS["no_joint"].make(experiment)(case)
    np.testing.assert_allclose(alpha, whole_matte(network, case).alpha[0, 0], atol=1e-6)


def test_rows_measure_the_whole_picture_in_the_papers_units(case):
    row = rows.measure(lambda case: case.truth * np.float32(0.9), [case, case])
    # alpha is a tenth too small
    assert row.means["sad"] == pytest.approx(100 * case.truth.mean(), rel=1e-5)
    assert row.means["mse"] == pytest.approx(10 * (case.truth**2).mean(), rel=1e-5)
    assert len(row.images) == 2


def test_seconds_leave_out_the_first_call_and_outliers(case, monkeypatch):
    calls, clock = [], iter([0.0, 2.0, 10.0, 19.0, 20.0, 21.0])
    monkeypatch.setattr(rows.time, "perf_counter", lambda: next(clock))
    row = rows.measure(lambda case: calls.append(case) or case.truth, [case] * 3)
    assert row.seconds == 2 and len(calls) == 4


def test_test_pictures_are_the_same_in_every_run(experiment):
    once, again = cases.cases(experiment), cases.cases(experiment)
    assert len(once) == 2 and not np.array_equal(once[0].image, once[1].image)
    for a, b in zip(once, again):
        assert np.array_equal(a.image, b.image) and np.array_equal(a.predicted_trimap, b.predicted_trimap)
        assert a.image.shape == (SIZE, SIZE, 3) and a.truth.max() <= 1


def joint_batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    pictures = {name: torch.rand(2, 3, SIZE, SIZE) for name in ("image", "foreground", "background")}
    corner = {"top": torch.zeros(2, dtype=int), "left": torch.zeros(2, dtype=int), "side": torch.full((2,), 40)}
    labels = torch.randint(0, 3, (2, SIZE // 2, SIZE // 2))
    return pictures | corner | {"alpha": torch.rand(2, 1, SIZE, SIZE), "labels": labels}


def test_losses_of_the_ablation():
    network, batch = fresh_network().eval(), joint_batch()
    full, _ = train_joint.loss_of(network, batch, 2, 40)
    without, _ = trainings.loss_without_trimaps(network, batch, 2, 40)
    assert full["total"].item() == pytest.approx(full["L_p"].item() + 0.01 * full["L_t"].item())
    assert without["total"].item() == without["L_p"].item() == full["L_p"].item()

    with torch.no_grad():
        network.mnet.write.weight.zero_()
        network.mnet.write.bias.zero_()  # alpha_raw is one half everywhere
    raw, _ = trainings.loss_without_fusion(network, batch, 2, 40)
    truth = batch["alpha"][:, :, :40, :40]
    assert raw["alpha"].item() == pytest.approx((truth - 0.5).abs().mean().item(), rel=1e-5)
    assert raw["total"].item() == pytest.approx(raw["L_p"].item() + 0.01 * raw["L_t"].item())


def test_dim_learns_from_the_unknown_region_alone():
    mnet, halo = fresh_network().mnet, fresh_network().mnet.halo
    side = 16 + 2 * halo
    batch = {name: torch.rand(1, 3, side, side) for name in ("image", "foreground", "background")}
    batch |= {"alpha": torch.rand(1, 1, side, side)}

    def gradient(shares: tuple[float, float, float]) -> float:
        mnet.zero_grad()
        trimap = torch.tensor(shares).view(1, 3, 1, 1).expand(1, 3, side, side)
        terms, _ = trainings.dim_loss(mnet, batch | {"trimap": trimap})
        terms["total"].backward()
        return mnet.write.bias.grad.abs().sum().item()

    # 40 % unknown is foreground on a hard trimap
    assert gradient((0.6, 0.0, 0.4)) == 0 and gradient((0.4, 0.0, 0.6)) > 0


def test_head_losses_by_hand():
    alpha, truth = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.0, 0.1, 1.0])
    assert heads.regression_loss(alpha, truth).item() == pytest.approx((0.5 + 0.4 + 0.5) / 3)
    assert heads.segmentation_loss(alpha, truth).item() == pytest.approx(np.log(2))
    sure = heads.segmentation_loss(torch.tensor([0.01, 0.99, 0.99]), truth)
    assert sure.item() == pytest.approx(-np.log(0.99)), "whatever alpha touches is foreground"


def test_every_row_of_the_tables_has_its_method():
    used = {line.method for table in TABLES for line in table.lines} - {None}
    assert used == methods.METHODS.keys()
    assert {m.training for m in methods.METHODS.values()} - {None} == trainings.TRAININGS.keys() - {"mnet_start"}
