"""What there is on this machine for matting and streaming, and what to type where something is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

OK, ABSENT, BROKEN = "ok", "absent", "broken"
"""There; not there, but only needed for what it is named after; the main job cannot run."""
MARKS = {OK: "ok", ABSENT: "--", BROKEN: "!!"}


@dataclass(frozen=True)
class Check:
    """What was found of one thing."""

    name: str
    state: str
    """OK, ABSENT or BROKEN."""
    found: str
    """One line."""
    cure: str | None = None
    """What to do, when it is not there."""


def run_checks() -> list[Check]:
    """All checks, what a job needs first."""
    from . import doctor_devices, doctor_engine

    checks: Iterable[Callable[[], Check]] = (*doctor_engine.CHECKS, *doctor_devices.CHECKS)
    return [_result(check) for check in checks]


def _result(check: Callable[[], Check]) -> Check:
    """Nothing that is broken keeps the other checks from being made."""
    try:
        return check()
    except Exception as error:
        return Check(check.__name__.removeprefix("check_"), BROKEN, f"{type(error).__name__}: {error}")


def healthy(checks: list[Check]) -> bool:
    """Whether a file can be matted here."""
    return all(check.state != BROKEN for check in checks)


def as_text(checks: list[Check]) -> str:
    """A line for each check, with its cure below."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{MARKS[check.state]}  {check.name:{width}}  {check.found}")
        if check.cure is not None:
            lines.append(f"{'':{width + 4}}  -> {check.cure}")
    broken = ", ".join(check.name for check in checks if check.state == BROKEN)
    return "\n".join([*lines, f"files cannot be matted here: {broken}" if broken else "files can be matted here"])


def as_facts(checks: list[Check]) -> dict:
    """The same for programs."""
    return {"healthy": healthy(checks), "checks": [asdict(check) for check in checks]}
