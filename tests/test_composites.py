"""The measure of what M-Net adds: errors inside the band, and the report's means."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training import evaluate_composites  # noqa: E402


def test_errors_count_only_the_band():
    truth = np.zeros((40, 40), np.float32)
    truth[:, 20:] = 1
    band = np.zeros((40, 40), bool)
    band[:, 15:25] = True
    wrong_outside, wrong_inside = truth.copy(), truth.copy()
    wrong_outside[:, :5] = 1
    wrong_inside[:, 18:20] = 0.5
    assert evaluate_composites.errors(wrong_outside, truth, band)["mad"] == 0
    # 2 of the band's 10 columns are half a unit off
    assert evaluate_composites.errors(wrong_inside, truth, band)["mad"] == pytest.approx(1e3 * 0.5 * 2 / 10)


def test_report_says_how_much_lower():
    rows = [
        {"tnet_alone": {"mad": 100.0}, "with_mnet": {"mad": 50.0}},
        {"tnet_alone": {"mad": 300.0}, "with_mnet": {"mad": 50.0}},
    ]
    result = evaluate_composites.report(rows)
    assert result["tnet_alone"]["mad"] == 200 and result["with_mnet"]["mad"] == 50
    assert result["lower_percent"]["mad"] == pytest.approx(75)
