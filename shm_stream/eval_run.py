"""Runs what the options of `shm-stream eval` ask for, and gives back what is to be written."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import evaluate_video
from .controls import Controls
from .errors import InputError
from .eval_report import render_report
from .eval_text import Setup, Table, describe_setup, to_json
from .evaluate import PhotoResult, figures_of, find_examples, means, measure_photos
from .labelled import Example
from .matting_api import Matting
from .partial import check_target
from .progress import open_progress
from .source import open_source


@dataclass(frozen=True)
class Outcome:
    """What is left to write once everything is measured."""

    json: str
    html: str | None = None
    problem: str | None = None
    """What part of the input could not be read, or None."""

    def files(self, arguments: argparse.Namespace) -> dict[Path, str]:
        """The files that the options ask for."""
        return {path: getattr(self, kind) for kind, path in targets(arguments).items()}


def targets(arguments: argparse.Namespace) -> dict[str, Path]:
    """Kind ("json", "html") → file to write."""
    asked = {kind: getattr(arguments, kind) for kind in ("json", "html")}
    return {kind: Path(text) for kind, text in asked.items() if text not in (None, "-")}


def check_targets(arguments: argparse.Namespace, inputs: list[Path]) -> None:
    """Raises InputError for a file that must not or cannot be written."""
    paths = [*targets(arguments).values()]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"--json and --html are both {paths[0]}; give two names")
    for path in paths:
        check_target(path, inputs, overwrite=arguments.overwrite)


def load(arguments: argparse.Namespace) -> tuple[Matting, Setup]:
    """The networks, and what they are. Raises InputError."""
    matting = Matting(arguments.preset, arguments.device, arguments.runner, arguments.tnet_size)
    return matting, describe_setup(matting, arguments.preset, arguments.tnet_size)


def run_photos(arguments: argparse.Namespace, say: Callable[[str], None]) -> Outcome:
    """Measure a folder of photos; lines go to `say` as they are known. Raises InputError."""
    folder, split = Path(arguments.folder), arguments.split or "all"
    examples, unlabelled = find_examples(folder, split)
    check_targets(arguments, [path for e in examples for path in (e.image, e.mask, e.alpha) if path is not None])
    matting, setup = load(arguments)
    lines = [("photos", f"{len(examples)} in {folder}, split {split}; {unlabelled} without labels skipped")]
    lines += setup.lines
    figures = figures_of(examples)
    results, problems = _measure_and_say(matting, examples, lines, arguments.quiet, say)
    facts = {"folder": str(folder), "split": split, "without_labels": unlabelled, **_facts(results, problems)}
    html = None
    if arguments.html is not None:
        html = render_report(f"Mattes of {folder.resolve().name}", lines, figures, results, matting)
    return Outcome(to_json(setup, figures, facts), html, _problem(problems, len(examples)))


def _measure_and_say(matting: Matting, examples: list[Example], lines, quiet: bool, say):
    """(results, what could not be read), after all lines were said."""
    table = Table(figures_of(examples), [example.image.name for example in examples])
    if not quiet:
        say(heading(lines))
    say(table.titles())
    results, problems = _measure(matting, examples, table, quiet, say)
    averages, counts = means(results)
    say(table.row("" if quiet else "mean", averages))
    if not quiet:
        say(table.counts("photos", counts))
    return results, problems


def _facts(results: list[PhotoResult], problems: list[InputError]) -> dict:
    averages, counts = means(results)
    return {
        "photos": len(results),
        "left_out": [str(problem) for problem in problems],
        "means": averages,
        "counts": counts,
        "images": [{"name": result.name} | result.figures for result in results],
    }


def _measure(
    matting: Matting, examples: list[Example], table: Table, quiet: bool, say
) -> tuple[list[PhotoResult], list[InputError]]:
    """(results, what could not be read). Raises the first problem when there is no result."""
    results: list[PhotoResult] = []
    problems: list[InputError] = []
    with open_progress(len(examples), quiet=quiet) as progress:
        for result in measure_photos(matting, examples, problems):
            results.append(result)
            if not quiet:
                say(table.row(result.name, result.figures))
            progress.update(len(results) + len(problems))
    if not results:
        raise problems[0]
    return results, problems


def _problem(problems: list[InputError], count: int) -> str | None:
    if not problems:
        return None
    return f"{len(problems)} of {count} photos could not be measured and were left out; the first: {problems[0]}"


def run_video(arguments: argparse.Namespace, say: Callable[[str], None]) -> Outcome:
    """Measure a video against its true alpha, or its flicker without one. Raises InputError."""
    inputs = [Path(path) for path in (arguments.video, arguments.alpha) if path is not None]
    sources = [open_source(path) for path in inputs]
    check_targets(arguments, [path for source in sources for path in source.files])
    measure, figures = evaluate_video.measure_flicker, evaluate_video.FLICKER_FIGURES
    if arguments.alpha is not None:
        measure, figures = evaluate_video.measure_against_truth, evaluate_video.TRUTH_FIGURES
    matting, setup = load(arguments)
    steadiness = {"temporal": Controls(temporal=arguments.temporal).temporal, "lookahead": arguments.lookahead}
    names = {name: str(path) for name, path in zip(("video", "truth"), inputs)}
    table = Table(figures)
    if not arguments.quiet:
        say(heading([*names.items(), *setup.lines]))
    with open_progress(sources[0].frame_count, quiet=arguments.quiet) as progress:
        result = measure(matting, *sources, progress.update, **steadiness)
    say(table.titles())
    say(table.row("", result.figures))
    return Outcome(to_json(setup, figures, names | steadiness | result.figures), problem=result.warning)


def heading(lines: list[tuple[str, str]]) -> str:
    """Facts, one a line, and an empty line."""
    return "\n".join(f"{name:9}{value}" for name, value in lines) + "\n"
