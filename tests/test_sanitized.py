"""Builds the kernels, fuse_cuda.cu included, with sanitizers and runs tests/sanitized/main.cpp."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shm_stream import machine

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent / "csrc"
COMPILER = shutil.which(os.environ.get("CXX", "c++"))
SANITIZE = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", "-g1", "-O1"]
"""With line numbers, but without variables, which take half of the compiler's time."""
EXACT = ["-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-pthread"]
X86 = platform.machine() in ("x86_64", "AMD64")
WIDE = {"avx2": ["-mavx2"], "avx512": [f"-mavx512{part}" for part in ("f", "vl", "bw", "dq")]} if X86 else {}
LANES = {"avx2": 8, "avx512": 16}


def can_sanitize(folder: Path) -> bool:
    """Some systems have a compiler without the sanitizers' libraries."""
    source = folder / "probe.cpp"
    source.write_text("int main() { return 0; }\n")
    words = [COMPILER, *SANITIZE, str(source), "-o", str(folder / "probe")]
    if subprocess.run(words, capture_output=True).returncode != 0:
        return False
    return subprocess.run([folder / "probe"], capture_output=True).returncode == 0


@pytest.mark.skipif(os.name == "nt" or COMPILER is None, reason="needs a Unix C++ compiler")
def test_kernels_are_clean_under_sanitizers_and_agree(tmp_path):
    if not can_sanitize(tmp_path):
        pytest.skip("this compiler has no address sanitizer")
    features = ["-DSHM_WITH_CUDA", *(["-DSHM_WITH_AVX2"] if X86 else [])]
    includes = ["-I", str(HERE / "sanitized"), "-I", str(CSRC)]
    units = [
        ("main", HERE / "sanitized" / "main.cpp", []),
        ("paths", CSRC / "cpu_paths.cpp", []),
        ("emulated", CSRC / "fuse_emulated.cpp", []),
        ("cuda", CSRC / "fuse_cuda.cu", ["-x", "c++"]),
        ("prores", CSRC / "prores_alpha.cpp", []),
    ]
    for rows in ("fuse_rows", "gather_rows", "prepare_rows"):
        for target, flags in {"baseline": [], **WIDE}.items():
            units.append((f"{rows}_{target}", CSRC / f"{rows}.cpp", [f"-DSHM_TARGET={target}", *flags]))
    plain = ["-DSHM_TARGET=baseline", "-DSHM_LANES=4", "-DSHM_PLAIN_LANES"]  # what other compilers get
    units.append(("mnet_rows_baseline", CSRC / "mnet_rows.cpp", plain))
    for target, vectors in WIDE.items():
        fused = [f"-DSHM_TARGET={target}", f"-DSHM_LANES={LANES[target]}", *vectors, "-mfma", "-ffp-contract=fast"]
        units.append((f"mnet_rows_{target}", CSRC / "mnet_rows.cpp", fused))

    def compile_unit(unit: tuple[str, Path, list[str]]) -> None:
        name, source, flags = unit
        words = [COMPILER, *SANITIZE, *EXACT, *features, *includes, *flags, "-c", str(source)]
        subprocess.run([*words, "-o", str(tmp_path / f"{name}.o")], check=True)

    with ThreadPoolExecutor(machine.cores()) as compilers:
        list(compilers.map(compile_unit, reversed(units)))  # what takes longest first
    program = tmp_path / "kernels"
    subprocess.run([COMPILER, *SANITIZE, "-pthread", *tmp_path.glob("*.o"), "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "all agree\n"
