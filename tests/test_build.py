"""The build: what it refuses and how it says so, what is inside sdist and wheel, what the objects may contain."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
BUILD_FILES = ("setup.py", "pyproject.toml", "MANIFEST.in", "csrc", "shm_stream")
IGNORED = shutil.ignore_patterns("_native*.so", "_native*.pyd", "_build_info.py", "_weights", "__pycache__")

pytestmark = [
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree"),
    pytest.mark.skipif(os.name == "nt", reason="written for Unix shells and objects"),
]


def command(*words, cwd, **environment) -> subprocess.CompletedProcess:
    """Run Python; output as one text. SHM_* variables of the caller do not leak in."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SHM_") and key != "CXX"}
    environment = {**clean, "PYTHONPATH": "", "LC_ALL": "C", **environment}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def copy_project(target: Path) -> Path:
    """The files a build needs, with small stand-ins for the weights."""
    target.mkdir(parents=True)
    for name in BUILD_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=IGNORED)
        else:
            shutil.copy(source, target / name)
    for folder in ("tests", "training", "benchmarks", "examples", "docs", "weights"):
        (target / folder).mkdir()
        (target / folder / "kept.md").write_text("in the sdist\n")
    for name in ("live.safetensors", "live_tnet.onnx", "manifest.json"):
        (target / "weights" / name).write_text("stand-in")
    (target / "shm_stream" / "__init__.py").touch()
    (target / "LICENSE").write_text("MIT\n")
    (target / "README.md").write_text("# shm-stream\n")
    return target


@pytest.fixture
def project(tmp_path) -> Path:
    return copy_project(tmp_path / "project")


def backend(project: Path, hook: str, **environment) -> subprocess.CompletedProcess:
    """Call a PEP 517 hook as pip does."""
    code = f"from setuptools import build_meta; build_meta.{hook}('dist')"
    return command("-c", code, cwd=project, **environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """sdist of the project, a CPU-only wheel built from the unpacked sdist, and what the build said: build.log."""
    folder = tmp_path_factory.mktemp("built")
    project = copy_project(folder / "project")
    done = backend(project, "build_sdist")
    assert done.returncode == 0, done.stdout
    (sdist,) = (project / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # Python 3.11.3 and older have no filters and want none
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    (unpacked,) = folder.glob("shm_stream-*")
    done = backend(unpacked, "build_wheel", SHM_CUDA="0")
    assert done.returncode == 0, done.stdout
    assert "shm-stream: built _native" in done.stdout and "CUDA: none" in done.stdout
    (folder / "build.log").write_text(done.stdout)
    return folder


def test_sdist_holds_everything_the_build_and_tests_need(built):
    (sdist,) = (built / "project" / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {f"csrc/{path.name}" for path in CSRC.iterdir() if path.is_file()} <= names
    folders = ("tests", "training", "benchmarks", "examples", "docs", "weights")
    assert {f"{folder}/kept.md" for folder in folders} <= names
    assert {"weights/live.safetensors", "weights/manifest.json", "LICENSE", "README.md", "setup.py"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc")) or "_build_info" in name]


def test_wheel_holds_package_weights_and_extension_only(built):
    (wheel,) = built.glob("shm_stream-*/dist/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = archive.read("shm_stream/_build_info.py").decode()
    page = {path.name for path in (ROOT / "shm_stream" / "panel").iterdir() if path.is_file()}
    assert {"page.html", "slate.jpg"} < page and {f"shm_stream/panel/{name}" for name in page} <= names
    weights = {"live.safetensors", "live_tnet.onnx", "manifest.json"}
    assert {f"shm_stream/_weights/{name}" for name in weights} <= names
    assert [name for name in names if re.fullmatch(r"shm_stream/_native\..*so", name)]
    assert "shm_stream/_native.pyi" in names and "NATIVE = True" in info
    assert {name.split("/")[0].split("-")[0] for name in names} == {"shm_stream"}


def test_built_wheel_runs(built):
    (wheel,) = built.glob("shm_stream-*/dist/*.whl")
    site = built / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = "from shm_stream import native; print(native.paths(), native.build_info(), native.__file__)"
    done = command("-c", code, cwd=built, PYTHONPATH=str(site))
    assert done.returncode == 0 and str(site) in done.stdout, done.stdout
    assert "baseline" in done.stdout and "CUDA: none" in done.stdout


def test_header_change_rebuilds_what_includes_it(built):
    (unpacked,) = built.glob("shm_stream-*/")
    objects = {path.name: path for path in unpacked.glob("build/temp*/**/*.o")}
    before = {name: path.stat().st_mtime_ns for name, path in objects.items()}
    header = unpacked / "csrc" / "fuse_thread.h"
    header.write_text(header.read_text() + "// changed\n")
    done = backend(unpacked, "build_wheel", SHM_CUDA="0")
    assert done.returncode == 0, done.stdout
    changed = {name for name, path in objects.items() if path.stat().st_mtime_ns != before[name]}
    assert changed == {"fuse_emulated.o"}


def test_build_without_native_code_on_purpose(project):
    done = backend(project, "build_wheel", SHM_NATIVE="0", PATH="")
    assert done.returncode == 0 and "building without native code" in done.stdout, done.stdout
    (wheel,) = (project / "dist").glob("*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "NATIVE = False" in archive.read("shm_stream/_build_info.py").decode()
        assert not [name for name in archive.namelist() if name.endswith(".so")]


# An editable install in this environment would lend its extension to the copy.
ALONE = "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '')]\n"
ASK_PATHS = ALONE + "from shm_stream import native; native.paths()"
CHECK_REFERENCE = """
import numpy as np
from shm_stream import native
from shm_stream.fuse import fuse_composite
assert native.load() is None and native.paths() == ["reference"] and native.path_name() == "reference"
alpha = np.empty((2, 2), "f4")
fuse_composite(np.zeros((3, 1, 1), "f4"), np.full((2, 2), 0.5, "f4"), alpha=alpha)
assert abs(alpha - 0.5).max() < 1e-6
"""


def test_package_without_native_code_uses_the_reference(project):
    (project / "shm_stream" / "_build_info.py").write_text("NATIVE = False\n")
    done = command("-c", ALONE + CHECK_REFERENCE, cwd=project, PYTHONPATH=str(project))
    assert done.returncode == 0, done.stdout


def test_forgotten_build_is_an_error_with_the_cure(project):
    done = command("-c", ASK_PATHS, cwd=project, PYTHONPATH=str(project))
    assert done.returncode != 0
    assert "InputError: native extension is not built; run `pip install .`" in done.stdout


def test_unloadable_extension_is_an_error_with_the_cure(project):
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (project / "shm_stream" / f"_native{suffix}").write_bytes(b"not a library")
    done = command("-c", ASK_PATHS, cwd=project, PYTHONPATH=str(project))
    assert done.returncode != 0 and "InputError: native extension cannot be loaded" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PATH": ""}, "no C++ compiler found. Install one: `apt install g++`"),
        ({"CXX": "no-such-compiler"}, "no C++ compiler found (CXX=no-such-compiler does not exist)"),
        ({"SHM_NATIVE": "maybe"}, "SHM_NATIVE must be 0 or 1, not 'maybe'"),
        ({"SHM_CUDA": "yes"}, "SHM_CUDA must be 0, 1 or auto, not 'yes'"),
        ({"SHM_CUDA": "1", "NVCC": "no-such-nvcc"}, "SHM_CUDA=1 but nvcc is not on PATH"),
        ({"SHM_CUDA_ARCHS": "sm_80", "NVCC": "true"}, "SHM_CUDA_ARCHS must look like 80,90, not 'sm_80'"),
        ({"NVCC": "true"}, "does not work or knows none of our GPUs"),
    ],
)
def test_problems_are_one_line_with_the_cure(project, environment, message):
    done = backend(project, "build_wheel", **environment)
    assert done.returncode != 0
    assert "error: shm-stream: " in done.stdout and message in done.stdout
    assert "Traceback" not in done.stdout


def test_compile_errors_stop_the_build_and_are_shown(project):
    module = project / "csrc" / "module.cpp"
    module.write_text('#include "no_such_header.h"\n' + module.read_text())
    done = backend(project, "build_wheel", SHM_CUDA="0")
    assert done.returncode != 0
    assert "no_such_header.h" in done.stdout and "the native build failed" in done.stdout
    assert not list((project / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def toolchain_modules():
    sys.path.insert(0, str(CSRC))
    import build_native
    import toolchain

    sys.path.remove(str(CSRC))
    return build_native, toolchain


@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="AVX2 is x86 only")
def test_objects_compile_without_warnings_and_wide_code_stays_private(built):
    """A weak function compiled with AVX2 or more could be linked into every caller and crash an older processor."""
    assert not re.search(r"(csrc/|cc1plus).*warning:", (built / "build.log").read_text())
    objects = {path.stem: path for path in built.glob("shm_stream-*/build/temp*/**/*.o")}
    assert {f"{rows}_avx2" for rows in ("fuse_rows", "gather_rows", "prepare_rows", "mnet_rows")} < {*objects}
    for name in [name for name in objects if name.endswith(("_avx2", "_avx512"))]:
        rows, _, target = name.rpartition("_")
        words = ["nm", "-C", objects[name]]
        listing = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        symbols = [line.split(maxsplit=2)[-2:] for line in listing.splitlines()]
        assert not [symbol for kind, symbol in symbols if kind in "WwVvu"]
        visible = [symbol.split("(")[0] for kind, symbol in symbols if kind in "TDBGRC"]
        assert visible == [f"shm::{target}::{rows}"]


@pytest.mark.skipif(not shutil.which("nvcc"), reason="needs nvcc")
def test_cuda_compiles_for_targets_without_warnings_or_spills():
    done = command(CSRC / "check_cuda.py", "--archs", "75,90", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "spills: 0 warnings: 0"
    assert len(re.findall(r"(fuse|fuse_site|gather)_kernel", done.stdout)) == 6


def test_spills_are_noticed(toolchain_modules):
    sys.path.insert(0, str(CSRC))
    import check_cuda

    sys.path.remove(str(CSRC))
    output = (
        "ptxas info    : Compiling entry function '_Z1k_kernel' for 'sm_90'\n"
        "ptxas info    : Function properties for _Z1k_kernel\n"
        "    8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads\n"
        "ptxas info    : Used 255 registers, used 0 barriers\n"
    )
    assert check_cuda.parse_resources(output) == [check_cuda.Kernel("_Z1k_kernel", 255, 8, 28)]


def test_metadata_keeps_gpl_out_of_the_default_install():
    text = (ROOT / "pyproject.toml").read_text()
    required = text[text.index("\ndependencies") : text.index("[project.optional-dependencies]")]
    assert "pyvirtualcam" not in required and "torchvision" not in text
