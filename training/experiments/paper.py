"""The paper's Tables 3, 4 and 5, row by row, with our method beside each."""

from __future__ import annotations

from dataclasses import dataclass

Figures = tuple[float, float, float, float]
"""SAD x 1e3, MSE x 1e3, Grad x 1e5, Conn x 1e5."""


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    label: str
    figures: Figures
    """As printed in the paper."""
    method: str | None = None
    """Our method; None where it is not run here."""


@dataclass(frozen=True)
class Table:
    name: str
    about: str
    lines: tuple[Line, ...]
    remark: str = ""


SHM = (3.833, 1.534, 5.179, 36.513)
NOT_RUN = "not run here: no maintained implementation"

TABLE_3 = Table(
    "Table 3",
    "no trimap is given; the others get what T-Net predicts",
    (
        Line("T-Net Seg (a mask; truth: alpha > 0)", (14.821, 11.530, 52.336, 44.854), "segmentation"),
        Line("T-Net Reg (alpha by L1)", (10.098, 5.430, 15.441, 65.217), "regression"),
        Line("T-Net + CF", (8.809, 5.218, 21.819, 43.927), "cf"),
        Line("T-Net + KNN", (7.806, 4.390, 20.476, 56.328), "knn"),
        Line("T-Net + DCNN", (8.378, 4.756, 20.801, 50.574)),
        Line("T-Net + IFM", (7.576, 4.275, 19.762, 52.470)),
        Line("T-Net + DIM", (6.140, 3.834, 19.414, 41.884), "dim"),
        Line("**SHM**", SHM, "shm"),
    ),
    "The paper's T-Net is PSPNet-50; it names the rows PSP50.",
)

TABLE_4 = Table(
    "Table 4",
    "the others are given the true trimap, SHM none",
    (
        Line("True trimap + CF", (6.772, 2.258, 9.039, 34.248), "true_cf"),
        Line("True trimap + KNN", (8.379, 3.413, 16.451, 83.458), "true_knn"),
        Line("True trimap + DCNN", (6.760, 2.162, 9.753, 44.392)),
        Line("True trimap + IFM", (5.933, 1.798, 8.290, 54.257)),
        Line("True trimap + DIM", (2.642, 0.589, 3.035, 25.773), "true_dim"),
        Line("**SHM** (no trimap)", SHM, "shm"),
    ),
)

TABLE_5 = Table(
    "Table 5",
    "what each part of SHM adds",
    (
        Line("no end-to-end training", (7.576, 4.275, 19.762, 52.470), "no_joint"),
        Line("no fusion (α_p = α_r)", (4.231, 2.146, 5.230, 56.402), "no_fusion"),
        Line("no L_t (λ = 0)", (4.536, 2.278, 5.424, 52.546), "no_lt"),
        Line("**SHM**", SHM, "shm"),
    ),
    "The paper's row without end-to-end training is digit for digit Table 3's IFM row: a probable slip in the paper.",
)

TABLES = (TABLE_3, TABLE_4, TABLE_5)


def paper_figures() -> dict[str, Figures]:
    """Method → what the paper prints for it."""
    return {line.method: line.figures for table in TABLES for line in table.lines if line.method}
