"""Both presets with weights, on the example clip and with what users would type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_ins import read_pictures

from shm_stream import weights
from shm_stream.cli import main
from shm_stream.preset import PRESETS
from shm_stream.runners.torch import load_network

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"


@pytest.fixture(scope="module")
def mattes(tmp_path_factory):
    """The first frames' alpha by preset, [frames, H, W] 0..1."""
    folder, found = tmp_path_factory.mktemp("mattes"), {}
    for preset in ("live", "studio"):
        path = folder / f"{preset}.mkv"
        assert main([str(EXAMPLE), "--preset", preset, "--alpha", str(path), "--codec", "ffv1", "--frames", "3"]) == 0
        found[preset] = np.stack(read_pictures(path))[..., 0] / 255
    return found


def test_every_preset_but_the_paper_s_has_weights():
    assert set(weights.manifest()) == set(PRESETS) - {"paper"}


@pytest.mark.parametrize("preset", ["live", "studio"])
def test_the_person_is_kept_and_the_room_is_not(mattes, preset):
    for alpha in mattes[preset]:
        height, width = alpha.shape
        assert alpha[height // 2 :, width * 2 // 5 : width * 3 // 5].mean() > 0.95
        assert alpha[: height // 8].mean() < 0.02 and alpha[:, : width // 10].mean() < 0.02


def test_they_are_of_one_mind_about_it_and_not_the_same(mattes):
    live, studio = mattes["live"], mattes["studio"]
    assert ((live > 0.5) == (studio > 0.5)).mean() > 0.98
    assert 0.0005 < np.abs(live - studio).mean() < 0.02


def test_runners_and_the_dense_way_agree_on_the_larger_one(tmp_path):
    made, usual = [], [str(EXAMPLE), "--preset", "studio", "--codec", "ffv1", "--frames", "2", "--alpha"]
    for options in (["--runner", "native"], ["--runner", "onnxruntime", "--dense"]):
        path = tmp_path / f"{len(options)}.mkv"
        assert main([*usual, str(path), *options]) == 0
        made.append(np.stack(read_pictures(path)).astype(int))
    assert len(made[0]) == 2 and made[0].std() > 50
    assert np.abs(made[0] - made[1]).max() <= 2


def test_the_larger_one_has_half_as_many_parameters_more():
    live, studio = (sum(p.numel() for p in load_network(preset).parameters()) for preset in ("live", "studio"))
    assert 1.4 < studio / live < 1.6
