"""What the paper concludes from its tables, as data, and whether measured errors bear it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .paper import paper_figures
from .rows import MEASURES, Row

SURE = 2.0
"""A mean difference counts when it is more than this many standard errors from zero."""


@dataclass(frozen=True)
class Claim:
    """`better` has smaller errors than each of `worse`, or than `within` times theirs."""

    text: str
    better: str
    worse: tuple[str, ...]
    within: float = 1.0


CLAIMS = (
    Claim("SHM beats segmentation alone", "shm", ("segmentation",)),
    Claim("SHM beats regression alone", "shm", ("regression",)),
    Claim("On predicted trimaps, SHM beats CF and KNN", "shm", ("cf", "knn")),
    Claim("On predicted trimaps, SHM beats DIM", "shm", ("dim",)),
    Claim("SHM without a trimap beats CF and KNN with the true one", "shm", ("true_cf", "true_knn")),
    Claim("SHM without a trimap has at most twice the error of DIM with the true one", "shm", ("true_dim",), 2.0),
    Claim("End-to-end training helps", "shm", ("no_joint",)),
    Claim("Fusion helps", "shm", ("no_fusion",)),
    Claim("L_t helps", "shm", ("no_lt",)),
)


class Answer(Enum):
    YES = "holds"
    OPEN = "is open"
    NO = "does not hold"


def compare_pictures(better: np.ndarray, worse: np.ndarray, within: float = 1.0) -> Answer:
    """Whether `better` stays below `within` x `worse`; both [pictures], errors of the same pictures in the same order.

    Decided by the mean of the differences and its standard error; one picture leaves it open.
    """
    difference = better - within * worse
    if len(difference) < 2:
        return Answer.OPEN
    mean, error = difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))
    if abs(mean) <= SURE * error:
        return Answer.OPEN
    return Answer.YES if mean < 0 else Answer.NO


def all_of(answers: list[Answer]) -> Answer:
    """The answer about each taken together: no, if one of them is no."""
    return next((a for a in (Answer.NO, Answer.OPEN) if a in answers), Answer.YES)


def judge(claim: Claim, rows: dict[str, Row]) -> dict[str, Answer]:
    """Measure → answer."""
    return {
        name: all_of(
            [compare_pictures(rows[claim.better].column(name), rows[w].column(name), claim.within) for w in claim.worse]
        )
        for name in MEASURES
    }


def judge_paper(claim: Claim) -> dict[str, Answer]:
    """The same about the paper's own figures, of which only means are known."""
    figures = {method: dict(zip(MEASURES, values)) for method, values in paper_figures().items()}
    return {
        name: Answer.YES
        if all(figures[claim.better][name] < claim.within * figures[w][name] for w in claim.worse)
        else Answer.NO
        for name in MEASURES
    }


def ratios(claim: Claim, means: dict[str, dict[str, float]]) -> dict[str, float]:
    """Measure → error of `better` over the smallest of `worse`. 0 over 0 is 1."""
    return {name: _ratio(means[claim.better][name], min(means[w][name] for w in claim.worse)) for name in MEASURES}


def _ratio(a: float, b: float) -> float:
    if b:
        return a / b
    return float("inf") if a else 1.0


def sentence(answers: dict[str, Answer]) -> str:
    """'holds on SAD, MSE; is open on Grad, Conn', or 'holds' when it is the same everywhere."""
    parts = {answer: [name for name in answers if answers[name] is answer] for answer in Answer}
    if len(set(answers.values())) == 1:
        return next(iter(answers.values())).value
    return "; ".join(f"{a.value} on {', '.join(map(title, names))}" for a, names in parts.items() if names)


def title(measure: str) -> str:
    """'sad' → 'SAD', 'grad' → 'Grad'."""
    return measure.upper() if len(measure) == 3 else measure.title()
