"""The error taken apart: what counts as edge, what T-Net's grid can hold, which photos are measured."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from shm_stream.measures import mean_iou  # noqa: E402
from training import error_budget  # noqa: E402


@pytest.fixture
def person() -> np.ndarray:
    """Columns 40 to 99 of 300 x 200."""
    mask = np.zeros((300, 200), bool)
    mask[:, 40:100] = True
    return mask


def test_the_edge_is_one_percent_of_the_long_side(person):
    columns = np.flatnonzero(error_budget.near_edge(person)[150])
    assert columns.tolist() == [*range(37, 43), *range(97, 103)]


def test_the_grid_rounds_what_is_finer_than_it(person):
    held = error_budget.through_the_grid(person, 256)
    assert held.shape == person.shape and mean_iou(held, person) > 0.97
    hair = np.zeros_like(person)
    hair[:, 60] = True
    assert error_budget.through_the_grid(hair, 64).max() < 0.5, "a strand is lost"


@pytest.mark.parametrize("count, expected", [(3, [0, 3, 6]), (10, list(range(10))), (99, list(range(10)))])
def test_training_photos_are_spread_over_the_set(count, expected):
    assert error_budget.spread(list(range(10)), count) == expected


def test_means_leave_out_what_a_photo_lacks():
    assert error_budget.means([{"a": 1.0, "b": 4.0}, {"a": 3.0}]) == {"a": 2.0, "b": 4.0}


def test_a_label_is_disputed_when_two_opinions_agree_against_it(person):
    shifted = np.roll(person, 20, axis=1).astype(np.float32)
    figures = error_budget.against_teacher(shifted, shifted, person)
    assert figures.keys() == {"teacher", "disputed"} and figures["disputed"] == 100
    alone = error_budget.against_teacher(person.astype(np.float32), shifted, person)
    assert alone["disputed"] == 0 and alone["undisputed"] == 100 > alone["teacher undisputed"] == alone["teacher"]


def test_every_set_is_measured(training_data, run_training, tmp_path):
    printed = run_training(error_budget, data=training_data, json=tmp_path / "budget.json")
    result = json.loads((tmp_path / "budget.json").read_text())
    assert list(result) == list(error_budget.SETS) and all(name in printed for name in result)
    soft, hard = result["portraits"], result["groups"]
    assert set(soft) - set(hard) == {"label", "other label", "MAD"}, "groups have hard masks only"
    assert soft["grid"] > 95 and soft["label"] > 99
    for row in result.values():
        assert row["edges right"] >= row["validation"] and row["rest right"] >= row["validation"]
