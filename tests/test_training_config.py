"""Configs: what wins over what, the shipped ones, and one clear error for everything that is wrong."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from shm_stream.preset import get_preset  # noqa: E402
from training import (  # noqa: E402
    error_budget,
    evaluate,
    evaluate_composites,
    export,
    options,
    train_all,
    train_joint,
    train_mnet,
    train_tnet,
)


@pytest.fixture
def parse(monkeypatch, tmp_path):
    """Options of a stage from the text of a config and further arguments."""

    def call(module, stage: str, text: str | None = None, *arguments: str):
        config = []
        if text is not None:
            (tmp_path / "c.toml").write_text(text)
            config = [f"--config={tmp_path / 'c.toml'}"]
        monkeypatch.setattr(sys, "argv", ["train", *config, *arguments])
        return options.parse(module.Options, "", stage)

    return call


GIVEN = ("--data=d", "--out=o")


def test_command_line_wins_over_stage_over_common_over_defaults(parse):
    text = "[common]\nthreads = 5\nseed = 6\n[tnet]\nseed = 7\nsize = 96\nrate = 1\n[mnet]\nsize = 64"
    o = parse(train_tnet, "tnet", text, *GIVEN, "--size=32", "--no-amp")
    assert (o.threads, o.seed, o.size, o.rate, o.batch, o.amp) == (5, 7, 32, 1.0, 32, False)
    assert isinstance(o.rate, float) and o.data == Path("d")
    assert parse(train_mnet, "mnet", text, *GIVEN).size == 64


def test_a_config_may_give_what_is_required(parse):
    o = parse(train_mnet, "mnet", '[common]\ndata = "d"\n[mnet]\nout = "o.pt"')
    assert o.data == Path("d") and o.out == Path("o.pt")


@pytest.mark.parametrize(
    "text, message",
    [
        ("[tnet]\nsetps = 3", "config, table [tnet]: no option 'setps'; there are data, "),
        ("[common]\npatch = 3", "config, table [common]: no option 'patch'"),
        ("[tent]\nsteps = 3", "no table [tent]; there are common, tnet, mnet, joint, export"),
        ("steps = 3", "no table [steps]"),
        ("[tnet]\nsteps = 'many'", "config, table [tnet]: steps = 'many' is no int"),
        ("[tnet]\nsteps = 2.5", "steps = 2.5 is no int"),
        ("[tnet]\nsteps = true", "steps = True is no int"),
        ("[common]\namp = 1", "amp = 1 is no bool"),
        ("[tnet]\ninit = 1", "init = 1 is no Path"),
        ("[tnet", "cannot be read"),
    ],
)
def test_a_wrong_config_is_one_clear_error(parse, capsys, text, message):
    with pytest.raises(SystemExit) as stopped:
        parse(train_tnet, "tnet", text, *GIVEN)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize("value", ["7", '["a"]', "[1.5]"])
def test_a_list_option_wants_whole_numbers(parse, capsys, value):
    with pytest.raises(SystemExit):
        parse(train_joint, "joint", f"[joint]\npatches = {value}", *GIVEN, "--tnet=t", "--mnet=m")
    assert "is no list of whole numbers" in capsys.readouterr().err


def test_an_unknown_config_lists_what_there_is(parse, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(train_tnet, "tnet", None, "--config=papre", *GIVEN)
    assert stopped.value.code == 2
    named = "give one of live, overfit, paper, studio or a .toml file"
    assert capsys.readouterr().err == f"error: no config 'papre': {named}\n"


def test_missing_options_are_named(parse, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(train_joint, "joint", None, "--data=d")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: give --tnet and --mnet and --out\n"


def test_a_wrong_config_of_a_later_stage_stops_before_the_first(monkeypatch, capsys, tmp_path):
    (tmp_path / "c.toml").write_text("[joint]\nsetps = 3")
    monkeypatch.setattr(sys, "argv", ["x", "--data=gone", f"--out={tmp_path / 'o'}", f"--config={tmp_path / 'c.toml'}"])
    with pytest.raises(SystemExit) as stopped:
        train_all.main()
    assert stopped.value.code == 2 and "[joint]: no option 'setps'" in capsys.readouterr().err


def stages(name: str) -> dict:
    return train_all.plan(options.read_config(name), {"data": Path("d"), "out": Path("o")})


def test_the_paper_s_numbers():
    """Section 4.4: crops of 400 and 320; 800 end to end, patches 320, 480, 640 resized to 320, 1e-5, batches of 10."""
    plan = stages("paper")
    assert all(o.preset == "paper" for o in plan.values())
    assert plan["tnet"].size == 400 and plan["mnet"].size == 320
    joint = plan["joint"]
    assert (joint.size, joint.ratio, joint.patches, joint.patch) == (800, 1, (320, 480, 640), 320)
    assert (joint.encoder_rate, joint.tnet_rate, joint.mnet_rate) == (1e-5, 1e-5, 1e-5)
    assert (joint.constant_rate, joint.batch) == (True, 10)
    assert (joint.sharpness, joint.foreground_bias, joint.unknown_bias) == (1, 0, 0), "logits as they are"
    assert plan["tnet"].iou_weight == plan["tnet"].edge_weight == 0, "no loss that the paper lacks"
    assert all(plan[stage].photos == 0 for stage in ("tnet", "mnet", "joint")), "composites only"


def test_the_studio_config_is_for_a_gpu_and_several_sizes():
    plan = stages("studio")
    assert all(o.preset == "studio" for o in plan.values())
    assert plan["tnet"].amp and max(plan["tnet"].sizes) == get_preset("studio").tnet_size
    joint = plan["joint"]
    assert joint.size / joint.ratio % 32 == 0, "what T-Net reads"
    assert joint.tnet_rate == joint.encoder_rate == 0 < joint.mnet_rate


def test_the_live_config_spells_out_the_defaults():
    plan = stages("live")
    for stage, module in train_all.MODULES.items():
        if module is not export:
            given = {"data": Path("d"), "out": Path("o"), "tnet": Path("o"), "mnet": Path("o")}
            plain = vars(options.build(module.Options, stage, {}, given))
            named = vars(plan[stage]) | {name: Path("o") for name in given.keys() & plain.keys() - {"data"}}
            assert named == plain


@pytest.mark.parametrize("module", [evaluate, evaluate_composites, error_budget])
def test_measuring_scripts_give_errors_in_one_line(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "--data=gone", "--preset=film"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: unknown preset 'film': choose one of live, studio, paper\n"
