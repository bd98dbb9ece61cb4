"""The document about a finished experiment, and its results as JSON."""

from __future__ import annotations

import dataclasses
import math

from shm_stream.preset import get_preset

from . import trainings
from .claims import CLAIMS, judge, judge_paper, ratios
from .machine import machine
from .paper import TABLES
from .rows import MEASURES, Row
from .settings import PRESET, Experiment, read_json
from .tables import claims_text, tables_text

DOCUMENT = """\
# The paper's tables at a small budget

Tables 3, 4 and 5 of *Semantic Human Matting* (Chen et al., ACM Multimedia 2018), repeated with the networks of the
`live` preset. Absolute numbers cannot be compared with the paper's: other networks, other pictures, and a budget of
minutes. What can be compared is how the methods stand to each other. (The units of its Grad and Conn are unclear,
too: by its definition Conn is about as large as SAD, in the paper's tables it is a tenth of it.)

## What was run

```sh
{command}
```

{facts}

Every method is measured on the same {images} pictures of {size}x{size} pixels: held-out people on held-out
backgrounds, with exact alpha (`evaluate_composites.py`). All share one T-Net, which reads {side}x{side} pixels. All
M-Nets go on from the same start, with steps, batches, sizes and rate alike; what differs is what a row is about. An
M-Net that trains alone sees crops around edges with true trimaps (`train_mnet.py`), end to end it sees patches of whole
scenes with T-Net's (`train_joint.py`).

| training | what | minutes |
|---|---|---:|
{trainings}

Masks and regressed alphas come from T-Nets whose last layer has one channel, fine-tuned on the same scenes. CF and
KNN are pymatting's. DIM stands for its recipe with our M-Net: hard trimaps, and only the unknown region is drawn. A
true trimap has {radius} pixels more of unknown than alpha has of soft edge, on both sides. DCNN and IFM have no
maintained implementation and were not run.

## Results

![errors as multiples of SHM's]({chart})

{tables}
## The paper's claims

A claim *holds* on a measure when the mean difference over the pictures is in its favour by more than two standard
errors; it *is open* when the difference is smaller than that, either way. The paper prints means only, so that its own
column knows no *open*.

{claims}
## What is different from the paper

| | paper | here |
|---|---|---|
| T-Net | PSPNet-50, on pictures of 800 pixels | `live`: {tnet_size:.1f} million parameters, at 1/{ratio} of the size |
| M-Net | VGG16 encoder and decoder | `live`: {mnet_size:.0f} thousand parameters, a local colour model |
| training pictures | 52,511 composites of 34,493 foregrounds | composites made on the fly, of the people in DATA |
| test pictures | 1,400 | {images}, of {size}x{size} pixels |
| end to end | batches of 10, rate 1e-5 | {steps} steps, batches of {batch}, rate 1e-5 for T-Net and 5e-4 for M-Net |
| DIM | its own network and training | our M-Net, trained by its recipe |
| DCNN, IFM | yes | no |

Where the true alphas of DATA were made by closed-form matting, as those of the portraits that `weights/README.md`
names, CF is at home: it solves for the truth with the method that made it. Its rows, and claims about it, say less
then.
"""


def document(e: Experiment, rows: dict[str, Row], chart: str) -> str:
    """Markdown; `chart` is the chart's path seen from the document."""
    s = e.settings
    sizes = parameter_counts()
    return DOCUMENT.format(
        command=command(e),
        facts="\n".join(f"- {fact}" for fact in facts(e, rows)),
        **dict(images=s.images, size=s.size, side=s.tnet_side, radius=s.trimap_radius, chart=chart),
        **dict(ratio=s.ratio, steps=s.steps, batch=s.batch),
        trainings=trainings_text(e),
        tables=tables_text(rows),
        claims=claims_text(rows),
        tnet_size=sizes["tnet"] / 1e6,
        mnet_size=sizes["mnet"] / 1e3,
    )


def command(e: Experiment) -> str:
    """The command that does it again."""
    s, o = e.settings, e.options
    parts = ["python -m training.experiments --data DATA --out EXPERIMENTS --cache CACHE"]
    given = {name: path for name, path in (("tnet", o.tnet), ("mnet", o.mnet)) if path}
    parts += [f"--{name} {path.name if path.is_absolute() else path}" for name, path in given.items()]
    numbers = {name: getattr(s, name) for name in ("steps", "images", "size", "ratio", "batch", "seed")}
    text = " ".join(parts)
    return text + " \\\n    " + " ".join(f"--{name} {value}" for name, value in numbers.items())


def facts(e: Experiment, rows: dict[str, Row]) -> list[str]:
    s = e.settings
    start = f"`{s.mnet}`" if s.mnet else "trained here"
    training = sum(trainings.seconds(e, name) for name in trainings.TRAININGS)
    testing = sum(row.seconds * len(row.images) for row in rows.values())
    return [
        f"source at commit {read_json(e.options.out / 'settings.json')['commit']}",
        f"T-Net: `{s.tnet}`; where M-Nets start: {start}",
        f"{s.steps} steps of each training, {s.images} test pictures",
        f"{minutes(training)} of training steps, about {minutes(testing)} of matting the test pictures, by the clock",
        machine(),
    ]


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def trainings_text(e: Experiment) -> str:
    return "\n".join(
        f"| `{name}` | {training.what} | {trainings.seconds(e, name) / 60:.1f} |"
        for name, training in trainings.TRAININGS.items()
        if not (name == trainings.START and e.settings.mnet)  # given, not trained
    )


def parameter_counts() -> dict[str, int]:
    """Of T-Net and M-Net."""
    network = get_preset(PRESET).build()
    parts = {"tnet": network.tnet, "mnet": network.mnet}
    return {name: sum(math.prod(p.shape) for p in part.parameters()) for name, part in parts.items()}


def results(e: Experiment, rows: dict[str, Row]) -> dict:
    """Everything that the document says, for other programs."""
    means = {name: row.means for name, row in rows.items()}
    settings = dataclasses.asdict(e.settings)
    return {
        "settings": settings | {"commit": read_json(e.options.out / "settings.json")["commit"]},
        "machine": machine(),
        "training_seconds": {name: trainings.seconds(e, name) for name in trainings.TRAININGS},
        "seconds_a_picture": {name: row.seconds for name, row in rows.items()},
        "here": means,
        "paper": {
            table.name: {line.label.replace("**", ""): dict(zip(MEASURES, line.figures)) for line in table.lines}
            for table in TABLES
        },
        "claims": [
            {
                "claim": claim.text,
                "here": {m: answer.value for m, answer in judge(claim, rows).items()},
                "paper": {m: answer.value for m, answer in judge_paper(claim).items()},
                "ratio": ratios(claim, means),
            }
            for claim in CLAIMS
        ],
    }
