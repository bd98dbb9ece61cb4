"""One shot of the quality report: what became of it, how it looks over time, what to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from .batch_manifest import DONE, FAILED, PARTIAL, SKIPPED
from .qc_curves import curve_rows
from .qc_findings import MOMENTS, Finding, find, weight
from .qc_statistics import ShotStatistics
from .words import counted

STRIP = 8
"""Pictures in a filmstrip."""
MOST_CHECKED = 4
"""Pictures of moments to look at."""
MOST_TOLD = 12
"""Findings named in a card."""
LOOK, FINE = "look", "fine"
STATES = (FAILED, PARTIAL, LOOK, FINE)
"""In the order of the page."""
WORDS = {FAILED: "failed", PARTIAL: "partial", LOOK: "needs a look", FINE: "fine"}


@dataclass
class Card:
    """A shot's record and statistics, and what follows from them."""

    result: dict
    """A record of the manifest; docs/batch.md describes it."""
    statistics: ShotStatistics | None
    findings: list[Finding] = field(init=False)

    def __post_init__(self) -> None:
        self.findings = find(self.statistics.figures) if self.statistics else []

    @property
    def state(self) -> str:
        """One of STATES."""
        status = self.result["status"]
        if status not in (DONE, SKIPPED):
            return status
        return LOOK if self.findings else FINE

    @property
    def rank(self) -> tuple:
        """Sorts the shots that need a look most to the front."""
        return STATES.index(self.state), -weight(self.findings)

    def html(self, number: int) -> str:
        """The shot as an article; `number` makes its id."""
        name = self.result["source"]
        kinds = " ".join(dict.fromkeys(finding.kind for finding in self.findings))
        state = f'<span class="state">{WORDS[self.state]}</span>'
        head = f"<header><h2>{breakable(name)}</h2>{state}{self._facts()}</header>"
        parts = [head, self._reason(), self._tags(), self._pictures(), self._details()]
        return (
            f'<article id="shot{number}" class="{self.state}" tabindex="0" data-state="{self.state}" '
            f'data-kinds="{kinds}" data-name="{escape(name)}">\n{"".join(parts)}</article>\n'
        )

    def _facts(self) -> str:
        frames = self.result["frames"]
        facts = [counted(frames, "frame")] if frames else []
        if self.statistics and frames > 1:
            facts.append(f"{self.statistics.figures.seconds[-1]:.1f} s")
        return f'<span class="facts">{" · ".join(facts)}</span>'

    def _reason(self) -> str:
        reason = self.result["reason"]
        return f'<p class="reason">{escape(reason)}</p>' if reason else ""

    def _tags(self) -> str:
        told = [f"<li>{self._described(finding)}</li>" for finding in self.findings[:MOST_TOLD]]
        more = len(self.findings) - len(told)
        told += [f"<li>and {more} more</li>"] if more else []
        told += [f'<li class="note">{escape(warning)}</li>' for warning in self.result["warnings"]]
        return f'<ul class="tags">{"".join(told)}</ul>' if told else ""

    def _described(self, finding: Finding) -> str:
        at = f" <b>{self._time(finding.index)}</b>" if finding.kind in MOMENTS else ""
        return escape(finding.text) + at

    def _time(self, index: int) -> str:
        return f"{self.statistics.figures.seconds[index]:.2f} s"

    def _pictures(self) -> str:
        if not self.statistics:
            return "" if self.state == FAILED else '<p class="facts">No statistics were kept of this result.</p>'
        strip = "".join(map(_frame, self._strip()))
        rows = f'<div class="label">frames<small>and alpha</small></div><div class="strip">{strip}</div>'
        moments = [finding.index for finding in self.findings if finding.kind in MOMENTS]
        if len(self.statistics.figures) > 1:
            rows += curve_rows(self.statistics.figures, moments)
        return f'<div class="time">{rows}</div>{self._checked() if moments else ""}'

    def _strip(self) -> list[dict]:
        """STRIP pictures, each near the middle of its share of the time."""
        count, kept = len(self.statistics.figures), self.statistics.sampled.kept
        slots = min(STRIP, len(kept))
        return [_nearest(kept, (slot + 0.5) / slots * count) for slot in range(slots)]

    def _checked(self) -> str:
        """The moments of the findings, then those of most flicker."""
        worst = self.statistics.worst.kept
        known = worst + self.statistics.sampled.kept
        shown = {f.index: (_nearest(known, f.index), f.text) for f in self.findings}
        chosen = [*shown.values()][:MOST_CHECKED]
        have = {picture["index"] for picture, _ in chosen}
        calm = sorted((kept for kept in worst if kept["index"] not in have), key=lambda kept: -kept["value"])
        chosen += [(kept, "most flicker") for kept in calm]
        return f'<div class="checked">{"".join(self._figure(*each) for each in chosen[:MOST_CHECKED])}</div>'

    def _figure(self, kept: dict, why: str) -> str:
        at = self._time(kept["index"])
        caption = f"{escape(why)} <b>{at} · frame {kept['index']}</b>"
        return f"<figure>{_frame(kept)}<figcaption>{caption}</figcaption></figure>"

    def _details(self) -> str:
        result, rest = self.result, ""
        if self.statistics and not self.findings and len(self.statistics.figures) > 1:
            rest = self._checked()
        facts = [("source sha256", result["sha256"] or "unknown"), ("ended", result["ended"])]
        facts += [("took", f"{result['seconds']:.1f} s")] if result["seconds"] else []
        facts += [(each["kind"], "{path} · {bytes} bytes · {sha256}".format(**each)) for each in result["outputs"]]
        facts += [(name.replace("_", " "), _value(value)) for name, value in result["settings"].items()]
        listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
        return f"<details><summary>Settings and files</summary>{rest}<dl>{listed}</dl></details>"


def breakable(name: str) -> str:
    """A path that may be broken after its slashes and underscores."""
    return escape(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


def _frame(kept: dict) -> str:
    picture, alpha, index = kept["picture"], kept["alpha"], kept["index"]
    return (
        f'<span class="frame"><img src="{picture}" alt="frame {index}">'
        f'<img src="{alpha}" alt="alpha of frame {index}"></span>'
    )


def _nearest(kept: list[dict], index: float) -> dict:
    """Rather a picture soon after than one just before: a state that begins is seen from then on."""

    def distance(picture: dict) -> float:
        late = picture["index"] - index
        return late if late >= 0 else -3 * late

    return min(kept, key=distance)


def _value(value) -> str:
    if isinstance(value, dict):
        return " · ".join(f"{key} {each}" for key, each in value.items())
    return "" if value is None else str(value)
