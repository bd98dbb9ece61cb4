"""The page that `shm-stream eval --html` writes: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .eval_pictures import data_uri, error_map, grey
from .eval_text import number
from .evaluate import Figure, PhotoResult, means, ranking, read_truth
from .matting_api import Matting
from .source_images import read_image

WORST = 8
MEDIAN = 4
CAPTIONS = ("photo", "matte", "truth", "error")
STYLE = """\
:root { color-scheme: light dark; --text: #1d2329; --dim: #66707b; --line: #dce1e6; --page: #fff; --card: #f5f7f9 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ec; --dim: #97a1ac; --line: #313940; --page: #14181c; --card: #1c2227 }
}
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.5rem 4rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 1rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 0 }
dt, .dim, figcaption { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { padding-left: 0 } th:first-child, td:first-child, .text { text-align: left }
th { font-weight: 600; vertical-align: bottom }
th small { display: block; color: var(--dim); font-weight: 400 }
article { background: var(--card); border-radius: 10px; padding: .75rem 1rem 1rem; margin: 0 0 1rem }
article p { margin: 0 0 .6rem }
.pictures { display: grid; grid-template-columns: repeat(4, minmax(0, max-content)); gap: .75rem }
@media (max-width: 40rem) { .pictures { grid-template-columns: repeat(2, minmax(0, max-content)) } }
figure { margin: 0 } figure img { display: block; max-width: 100%; border-radius: 4px }
figcaption { font-size: .85rem; margin-top: .25rem }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em }
"""
LEGEND = """\
<p class="dim">Error: <span class="key" style="background:#ff7828"></span>alpha where the truth has none
<span class="key" style="background:#3ca0ff"></span>alpha missing; brightness is the square root of the difference.</p>
"""
ALONE = '<p class="dim">This is the only photo that could be ranked, so there is no median to show.</p>'


def render_report(
    title: str,
    facts: list[tuple[str, str]],
    figures: Sequence[Figure],
    results: list[PhotoResult],
    matting: Matting,
) -> str:
    """The whole page. The photos that it shows are matted once more, so that no picture had to be kept.

    Raises InputError if one of them has become unreadable.
    """
    known = {key for result in results for key in result.figures}
    by = "MAD" if "rvm_mad" in known else "mean IoU" if "mean_iou_percent" in known else "mean alpha"
    figures = [figure for figure in figures if figure.key in known]
    cases = choose_cases(results)
    sections = [
        _facts(facts),
        "<h2>Means</h2>" + _means_table(figures, results),
        *_cases(f"Worst {len(cases.worst)} by {by}", cases.worst, figures, matting, LEGEND),
        *([] if cases.median else [ALONE]),
        *_cases(f"Median {len(cases.median)}", cases.median, figures, matting),
        *_cases(f"Best {len(cases.best)}", cases.best, figures, matting),
        "<h2>All photos</h2>" + _photo_table(figures, results),
    ]
    head = '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    head += f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>"
    body = f"<h1>{escape(title)}</h1>\n" + "\n".join(sections)
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


@dataclass(frozen=True)
class Cases:
    """The photos that a page shows, each once."""

    worst: list[PhotoResult]
    median: list[PhotoResult]
    best: list[PhotoResult]


def choose_cases(results: list[PhotoResult]) -> Cases:
    """At most WORST from the top of the ranking and MEDIAN around its middle, which come first: a small folder has
    some of both. One of up to WORST + MEDIAN photos is shown whole, so it has best ones, too."""
    ranked = ranking(results)
    count = min(MEDIAN, max(1, len(ranked) // 3))
    middle = max(1, (len(ranked) - count) // 2)
    rest = ranked[middle + count :] if len(ranked) <= WORST + MEDIAN else []
    return Cases(ranked[: min(WORST, middle)], ranked[middle : middle + count], rest)


def _facts(facts: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in facts) + "</dl>"


def _means_table(figures: Sequence[Figure], results: list[PhotoResult]) -> str:
    averages, counts = means(results)
    rows = [[_title(f), number(f, averages[f.key]), str(counts[f.key]), f.unit] for f in figures]
    return _table([("measure", ""), ("mean", ""), ("photos", ""), ("unit", "")], rows, text=3)


def _photo_table(figures: Sequence[Figure], results: list[PhotoResult]) -> str:
    rows = [[result.name, *(number(f, result.figures.get(f.key)) for f in figures)] for result in results]
    return _table([("photo", ""), *((_title(figure), figure.scale) for figure in figures)], rows)


def _table(titles: list[tuple[str, str]], rows: list[list[str]], text: int | None = None) -> str:
    """`titles` are (name, small print) pairs; `text` is a column of words."""
    kinds = [' class="text"' if column == text else "" for column in range(len(titles))]
    head = [f"<th{k}>{escape(name)}<small>{escape(small)}</small></th>" for k, (name, small) in zip(kinds, titles)]
    lines = ["".join(f"<td{k}>{escape(cell)}</td>" for k, cell in zip(kinds, row)) for row in rows]
    marked = "\n".join(f"<tr>{line}</tr>" for line in ["".join(head), *lines])
    return f'<div class="scroll"><table>\n{marked}\n</table></div>'


def _cases(
    title: str, results: list[PhotoResult], figures: Sequence[Figure], matting: Matting, legend: str = ""
) -> list[str]:
    if not results:
        return []
    return [f"<h2>{escape(title)}</h2>{legend}", *(_case(result, figures, matting) for result in results)]


def _case(result: PhotoResult, figures: Sequence[Figure], matting: Matting) -> str:
    # RVM's units say the same once more; the table has them
    told = [figure for figure in figures if figure.system != "RVM" and figure.key in result.figures]
    known = [(_title(f), number(f, result.figures[f.key])) for f in told]
    values = " · ".join(f"{name} {value}" for name, value in known)
    line = f'<p><b>{escape(result.name)}</b> <span class="dim">{escape(values)}</span></p>'
    shown = "".join(_figure(*pair) for pair in zip(CAPTIONS, pictures(result, matting)))
    return f'<article>{line}<div class="pictures">{shown}</div></article>'


def pictures(result: PhotoResult, matting: Matting) -> list[str]:
    """Data URIs in the order of CAPTIONS."""
    image = read_image(result.example.image)
    truth = read_truth(result.example, image.shape[:2]).picture
    alpha = matting.still(image)
    return [
        data_uri(image, "jpeg"),
        data_uri(grey(alpha), "png"),
        data_uri(grey(truth), "png"),
        data_uri(error_map(alpha, truth), "png"),
    ]


def _figure(caption: str, uri: str) -> str:
    return f'<figure><img src="{uri}" alt="{caption}"><figcaption>{caption}</figcaption></figure>\n'


def _title(figure: Figure) -> str:
    return f"{figure.system} {figure.title}".strip()
