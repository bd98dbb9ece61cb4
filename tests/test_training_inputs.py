"""Training data that are missing or empty: one clear line at once, exit code 2."""

import shutil

import pytest
from training_setup import SETS, mnet_options, refusal_here, tnet_options, write_data

for name in ("torch", "pymatting", "onnx"):
    pytest.importorskip(name)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


@pytest.fixture
def refused(monkeypatch, capsys):
    """The one line that a script says and ends with 2, before it did anything."""

    return lambda script, **options: refusal_here(monkeypatch, capsys, script, options)


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def test_data_without_any_photo(refused, tmp_path):
    for kind in ("people", "backgrounds"):
        (tmp_path / kind).mkdir()
    missing = "; ".join(f"there is no folder people/{name}" for name in SETS)
    expected = f"{tmp_path} lacks what is trained on: {missing}; no folder in backgrounds holds two photos"
    assert refused("check_data", data=tmp_path) == expected


def test_what_training_lacks_is_named(refused, data):
    shutil.rmtree(data / "people" / "groups")
    for index in (1, 2):
        (data / "people" / "portraits" / f"p{index}.jpg").unlink()
    for alpha in (data / "people" / "fullbody").glob("*.alpha.png"):
        alpha.unlink()
    lacks = "people/portraits holds no two photos; people/fullbody has no soft alpha; there is no folder people/groups"
    assert refused("check_data", data=data) == f"{data} lacks what is trained on: {lacks}"


@pytest.mark.parametrize("script", ["train_tnet", "train_mnet", "evaluate", "evaluate_composites", "check_data"])
def test_no_backgrounds(refused, data, tmp_path, script):
    empty(data / "backgrounds" / "rooms")
    options = {"train_tnet": tnet_options, "train_mnet": mnet_options}.get(script, lambda data, *_: {"data": data})
    said = refused(script, **options(data, tmp_path, 1))
    assert f"the folders in {data}/backgrounds hold no photos" in said or script == "check_data"
    assert "no folder in backgrounds holds two photos" in said or script != "check_data"
    shutil.rmtree(data / "backgrounds")
    assert f"there is no folder {data}/backgrounds" in refused(script, **options(data, tmp_path, 1))


@pytest.mark.parametrize("script", ["evaluate", "error_budget"])
def test_a_set_without_photos_is_not_measured(refused, data, script):
    empty(data / "people" / "groups")
    assert refused(script, data=data) == f"{data}/people/groups holds no photos to measure with; add some"


@pytest.mark.parametrize("option", ["parts", "things", "extra"])
def test_folders_beside_the_data(refused, data, tmp_path, option):
    (tmp_path / "empty").mkdir()
    options = tnet_options(data, tmp_path, 1)
    assert f"{tmp_path}/empty holds no " in refused("train_tnet", **options | {option: tmp_path / "empty"})
    assert f"{tmp_path}/none" in refused("train_tnet", **options | {option: tmp_path / "none"})


def test_nothing_to_label(refused, data, tmp_path):
    teacher = {"out": tmp_path / "out", "teacher": tmp_path / "none.tflite"}
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    assert f"there is no folder {tmp_path}/none" in refused("pseudo_label", source=tmp_path / "none", **teacher)
    for script, what in (("pseudo_label", "neither photos nor videos"), ("cut_things", "no two photos")):
        assert f"{tmp_path}/empty holds {what}" in refused(script, source=tmp_path / "empty", **teacher)
    empty(data / "people" / "groups")
    assert refused("label_parts", data=data, sets="groups", **teacher) == f"{data} holds no photos of groups to label"
    assert not (tmp_path / "out").exists()
