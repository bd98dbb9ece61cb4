"""Compiles and links the extension with ninja. Used by setup.py and by check_cuda.py.

Why not setuptools' own Extension build: the objects need different flags (the row loops are compiled once per
instruction set, one file by nvcc) and a changed header must rebuild exactly the objects that include it.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from toolchain import NO_COMPILER, BuildProblem, Plan

CSRC = Path(__file__).resolve().parent

# Arithmetic must not depend on the path: no fused multiply-add, no reassociation. Dropping errno and floating-point
# traps changes no result and lets loops with selects be vectorised.
EXACT_FLAGS = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
# Threading jumps through a clamp makes three selects of what is a minimum and a maximum. Only GCC knows the option.
PLAIN_CLAMPS = ["-fno-thread-jumps", "-Wno-ignored-optimization-argument"]
# A network's sums may be rounded once instead of twice, which makes them twice as fast.
FUSED_UNIX, FUSED_MSVC = ["-ffp-contract=fast"], ["/fp:contract"]
UNIX_FLAGS = ["-O3", "-std=c++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", *EXACT_FLAGS, *PLAIN_CLAMPS]
AVX512_UNIX = [*(f"-mavx512{part}" for part in ("f", "vl", "bw", "dq")), "-mprefer-vector-width=512"]
WIDE_UNIX = {"baseline": [], "avx2": ["-mavx2"], "avx512": AVX512_UNIX}
WIDE_MSVC = {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
LANES = {"baseline": 4, "avx2": 8, "avx512": 16}
"""Floats in a vector of each target."""
PIXEL_ROWS = ("fuse_rows", "gather_rows", "prepare_rows")
"""Sources of loops that give the same bits on every path."""
MSVC_FLAGS = ["/nologo", "/O2", "/std:c++17", "/EHsc", "/MD", "/W3", "/fp:precise"]
NVCC_FLAGS = ["-O3", "-std=c++17", "-fmad=false", "-Werror", "all-warnings", "-DSHM_WITH_CUDA"]


def build(plan: Plan, target: Path, work: Path, include_dirs: list[str], library_dirs: list[str]) -> None:
    """Write `target`; object files stay in `work` and are reused when nothing they depend on changed.

    Raises BuildProblem when a compiler fails, after its own message was printed.
    """
    work.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    includes = dict.fromkeys([*include_dirs, sysconfig.get_path("include"), sysconfig.get_path("platinclude")])
    (work / "build.ninja").write_text(ninja_file(plan, target.resolve(), list(includes), library_dirs))
    environment = _msvc_environment() if plan.msvc else None
    if subprocess.run([_find_ninja(), "-C", str(work)], env=environment).returncode != 0:
        hint = "; SHM_CUDA=0 builds without CUDA" if plan.nvcc else ""
        raise BuildProblem(f"the native build failed, the compiler's message is above{hint}")
    print(f"shm-stream: built {target.name} with {plan.info}", flush=True)


def ninja_file(plan: Plan, target: Path, includes: list[str], library_dirs: list[str]) -> str:
    suffix = ".obj" if plan.msvc else ".o"
    lines = [_rules(plan, library_dirs)]
    names = []
    for name, source, rule, flags in objects(plan, includes):
        names.append(name + suffix)
        lines.append(f"build {name}{suffix}: {rule} {_ninja_path(CSRC / source)}\n  flags = {_quote(flags)}\n")
    lines.append(f"build {_ninja_path(target)}: link {' '.join(names)}\ndefault {_ninja_path(target)}\n")
    return "\n".join(lines)


def objects(plan: Plan, includes: list[str]) -> list[tuple[str, str, str, list[str]]]:
    """(object name, source, ninja rule, flags) of everything that is linked."""
    common = MSVC_FLAGS if plan.msvc else UNIX_FLAGS
    features = (["-DSHM_WITH_AVX2"] if plan.avx2 else []) + (["-DSHM_WITH_CUDA"] if plan.nvcc else [])
    python = [*(f"-I{folder}" for folder in includes), f'-DSHM_BUILD_INFO="{plan.info}"']
    result = [
        ("module", "module.cpp", "cxx", [*common, *features, *python]),
        ("cpu_paths", "cpu_paths.cpp", "cxx", [*common, *features]),
        ("fuse_emulated", "fuse_emulated.cpp", "cxx", common),
        ("prores_alpha", "prores_alpha.cpp", "cxx", common),
    ]
    for target in LANES if plan.avx2 else ("baseline",):
        flags = [*common, f"-DSHM_TARGET={target}", *(WIDE_MSVC if plan.msvc else WIDE_UNIX)[target]]
        result += [(f"{name}_{target}", f"{name}.cpp", "cxx", flags) for name in PIXEL_ROWS]
        fused = [*(FUSED_MSVC if plan.msvc else FUSED_UNIX), f"-DSHM_LANES={LANES[target]}"]
        fused += ["-mfma"] if target != "baseline" and not plan.msvc else []
        result.append((f"mnet_rows_{target}", "mnet_rows.cpp", "cxx", [*flags, *fused]))
    if plan.nvcc:
        result.append(("fuse_cuda", "fuse_cuda.cu", "nvcc", [*nvcc_flags(plan), *cuda_targets(plan.archs)]))
    return result


def nvcc_flags(plan: Plan) -> list[str]:
    """Flags of the CUDA objects, but for the targets."""
    host = ["-Xcompiler", "/MD"] if plan.msvc else ["-Xcompiler", "-fPIC,-fvisibility=hidden", "-ccbin", plan.cxx[0]]
    return [*NVCC_FLAGS, *host]


def cuda_targets(archs: tuple[str, ...]) -> list[str]:
    """Machine code for every architecture and PTX of the newest."""
    code = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in archs]
    return [*code, f"-gencode=arch=compute_{archs[-1]},code=compute_{archs[-1]}"]


def _rules(plan: Plan, library_dirs: list[str]) -> str:
    depfile = "-MMD -MF $out.d $flags -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n"
    cxx = "cl /showIncludes $flags /c $in /Fo$out\n  deps = msvc\n" if plan.msvc else f"{_quote(plan.cxx)} {depfile}"
    rules = f"rule cxx\n  command = {cxx}  description = C++ $out\n"
    if plan.nvcc:
        rules += f"rule nvcc\n  command = {_quote([plan.nvcc])} {depfile}  description = CUDA $out\n"
    return rules + f"rule link\n  command = {_link_command(plan, library_dirs)}\n  description = link $out\n"


def _link_command(plan: Plan, library_dirs: list[str]) -> str:
    """nvcc links when there is CUDA code: it knows where its static runtime library lies."""
    if plan.msvc:
        flags = [f"/LIBPATH:{folder}" for folder in [*library_dirs, str(Path(sys.base_prefix) / "libs")]]
        if plan.nvcc:
            cuda = Path(plan.nvcc).resolve().parents[1] / "lib" / "x64"
            flags += [f"/LIBPATH:{cuda}", "cudart_static.lib"]
        return f"link /nologo /DLL /EXPORT:PyInit__native $in /OUT:$out {_quote(flags)}"
    if plan.nvcc:
        linker = _quote([plan.nvcc, "-ccbin", plan.cxx[0], "-shared", "-cudart", "static"])
        return f"{linker} $in -o $out -Xcompiler -pthread"
    shared = "-bundle -undefined dynamic_lookup" if sys.platform == "darwin" else "-shared -pthread"
    return f"{_quote(plan.cxx)} {shared} $in -o $out"


def _find_ninja() -> str:
    try:
        import ninja
    except ImportError:
        found = shutil.which("ninja")
    else:
        found = str(Path(ninja.BIN_DIR) / "ninja")
    if not found:
        raise BuildProblem("ninja is missing; `pip install ninja`, or build without --no-build-isolation")
    return found


def _msvc_environment() -> dict[str, str]:
    from setuptools._distutils._msvccompiler import _get_vc_env
    from setuptools.errors import PlatformError

    target = {"amd64": "x86_amd64", "arm64": "x86_arm64"}.get(platform.machine().lower(), "x86")
    try:
        found = _get_vc_env(target)
    except PlatformError as error:
        raise BuildProblem(NO_COMPILER.format(f" ({error})")) from error
    return {**os.environ, **{key.upper(): value for key, value in found.items()}}


def _quote(words: list[str] | tuple[str, ...]) -> str:
    joined = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return joined.replace("$", "$$")


def _ninja_path(path: Path) -> str:
    return str(path).replace("$", "$$").replace(":", "$:").replace(" ", "$ ")
