"""Verdicts on claims by hand; tables hold the paper's numbers as printed."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training.experiments import claims, paper, tables  # noqa: E402
from training.experiments.claims import Answer, Claim  # noqa: E402
from training.experiments.methods import METHODS  # noqa: E402
from training.experiments.rows import MEASURES, Row  # noqa: E402

PRINTED = """
14.821 11.530 52.336 44.854 | 10.098 5.430 15.441 65.217 | 8.809 5.218 21.819 43.927 | 7.806 4.390 20.476 56.328
8.378 4.756 20.801 50.574 | 7.576 4.275 19.762 52.470 | 6.140 3.834 19.414 41.884 | 3.833 1.534 5.179 36.513
6.772 2.258 9.039 34.248 | 8.379 3.413 16.451 83.458 | 6.760 2.162 9.753 44.392 | 5.933 1.798 8.290 54.257
2.642 0.589 3.035 25.773 | 3.833 1.534 5.179 36.513
7.576 4.275 19.762 52.470 | 4.231 2.146 5.230 56.402 | 4.536 2.278 5.424 52.546 | 3.833 1.534 5.179 36.513
"""
"""Tables 3 (two lines), 4 (two lines) and 5 of the paper, row by row."""


def row(*sads: float, **others: float) -> Row:
    """The same in all measures, but for `others`."""
    return Row([{m: others.get(m, 1.0) * sad for m in MEASURES} for sad in sads], 0.5)


def test_pictures_decide_by_two_standard_errors():
    worse = np.array([10.0, 20.0, 30.0, 40.0])
    # differences -1 +- 0.1: far from zero although pictures differ much more than that
    assert claims.compare_pictures(worse - [0.9, 1.0, 1.1, 1.0], worse) is Answer.YES
    assert claims.compare_pictures(worse + [0.9, 1.0, 1.1, 1.0], worse) is Answer.NO
    # mean -0.5, standard error 0.87: nobody knows
    assert claims.compare_pictures(worse + [-2, 1, -2, 1], worse) is Answer.OPEN
    assert claims.compare_pictures(worse, worse) is Answer.OPEN
    assert claims.compare_pictures(worse[:1] - 5, worse[:1]) is Answer.OPEN, "one picture is no evidence"


def test_within_a_factor():
    true = np.array([1.0, 2.0, 3.0])
    assert claims.compare_pictures(1.8 * true, true, within=2) is Answer.YES
    assert claims.compare_pictures(2.5 * true, true, within=2) is Answer.NO


def test_a_claim_needs_every_rival_to_be_worse():
    rows = {"a": row(1, 2, 3), "b": row(2, 3, 4, conn=0.1), "c": row(3, 4, 5)}
    found = claims.judge(Claim("a is best", "a", ("b", "c")), rows)
    assert found == {"sad": Answer.YES, "mse": Answer.YES, "grad": Answer.YES, "conn": Answer.NO}
    assert claims.sentence(found) == "holds on SAD, MSE, Grad; does not hold on Conn"
    assert claims.sentence({m: Answer.OPEN for m in MEASURES}) == "is open"
    assert claims.all_of([Answer.YES, Answer.OPEN]) is Answer.OPEN


def test_ratio_is_to_the_best_rival():
    means = {name: r.means for name, r in {"a": row(1, 3), "b": row(4, 4), "c": row(8, 8)}.items()}
    assert claims.ratios(Claim("", "a", ("b", "c")), means)["sad"] == 0.5
    nothing = {name: dict.fromkeys(MEASURES, 0.0) for name in "ab"}
    assert claims.ratios(Claim("", "a", ("b",)), nothing)["sad"] == 1


def test_the_papers_own_figures_are_judged_too():
    """The claims are the paper's, yet its CF with the true trimap has the better connectivity."""
    found = {claim.text: claims.sentence(claims.judge_paper(claim)) for claim in claims.CLAIMS}
    assert found["Fusion helps"] == found["On predicted trimaps, SHM beats DIM"] == "holds"
    beats = "SHM without a trimap beats CF and KNN with the true one"
    assert found[beats] == "holds on SAD, MSE, Grad; does not hold on Conn"
    twice = "SHM without a trimap has at most twice the error of DIM with the true one"
    assert found[twice] == "holds on SAD, Grad, Conn; does not hold on MSE"


def test_verdicts_come_from_the_rows():
    """The same rows with the sides changed give the opposite verdict."""
    good = {name: row(1, 2, 3) if name == "shm" else row(4, 5.1, 6) for name in METHODS}
    bad = {name: row(14, 15.1, 16) if name == "shm" else row(4, 5, 6) for name in METHODS}
    assert "does not hold" not in "".join(claims.sentence(claims.judge(c, good)) for c in claims.CLAIMS)
    assert all(claims.sentence(claims.judge(c, bad)) == "does not hold" for c in claims.CLAIMS)
    assert "**holds**" in tables.claims_text(good) and "**does not hold**" in tables.claims_text(bad)


def test_tables_hold_the_papers_numbers():
    wanted = [numbers.split() for numbers in PRINTED.replace("\n", "|").split("|") if numbers.strip()]
    text = tables.tables_text({name: row(1, 2) for name in METHODS})
    lines = [line for line in text.splitlines() if line.startswith("| ") and "SAD" not in line and "---" not in line]
    assert [line.split("|")[-5:-1] for line in lines] == [[f" {n} " for n in numbers] for numbers in wanted]


def test_tables_say_what_was_not_run_and_quote_the_slip():
    text = tables.tables_text({name: row(1, 2) for name in METHODS})
    assert text.count(f"({paper.NOT_RUN}) | – | – | – | – | – |") == 4
    assert "digit for digit Table 3's IFM row" in text
    assert "| T-Net + DIM | 1.500 | 1.500 | 1.500 | 1.500 | 0.50 | 6.140 |" in text


def test_chart_is_drawn_without_any_error_too(tmp_path):
    """A perfect SHM gives nothing to divide by."""
    pytest.importorskip("matplotlib")
    from training.experiments import chart

    chart.write(tmp_path / "chart.png", {name: row(0, 0) for name in METHODS})
    assert (tmp_path / "chart.png").stat().st_size > 10_000
