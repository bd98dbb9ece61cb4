"""Which compilers there are, what they are asked, and the build.ninja that says so. Used by setup.py only.

Why not setuptools' own Extension build: the objects need different flags (one file is compiled once per instruction
set, one by nvcc) and a changed header must rebuild exactly the objects that include it.
"""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

CSRC = Path(__file__).resolve().parent
DEFAULT_ARCHS = "75,80,86,89,90,100,120"
NO_COMPILER = (
    "shm-stream: no C++ compiler found{}. Install one: `apt install g++` (Debian, Ubuntu), `dnf install gcc-c++` "
    "(Fedora), `xcode-select --install` (macOS), Visual Studio Build Tools with C++ (Windows). "
    "Or set SHM_NATIVE=0 for a much slower build without native code."
)

# Arithmetic must not depend on the path: no fused multiply-add, no reassociation. Dropping errno and floating-point
# traps changes no result and lets loops with selects be vectorised.
UNIX_FLAGS = (
    "-O3 -std=c++17 -fPIC -fvisibility=hidden -Wall -Wextra -ffp-contract=off -fno-math-errno -fno-trapping-math"
).split()
MSVC_FLAGS = "/nologo /O2 /std:c++17 /EHsc /MD /W3 /fp:precise".split()
NVCC_FLAGS = "-O3 -std=c++17 -fmad=false -Werror all-warnings".split()


class BuildProblem(Exception):
    """The machine cannot build what was asked; the message is one line with the cure."""


@dataclass(frozen=True)
class Plan:
    """What will be built on this machine."""

    cxx: list[str]
    cxx_name: str
    msvc: bool
    avx2: bool
    nvcc: str | None
    archs: tuple[str, ...]

    @property
    def info(self) -> str:
        paths = "avx2, baseline" if self.avx2 else "baseline"
        cuda = "none"
        if self.nvcc:
            cuda = " ".join(f"sm_{arch}" for arch in self.archs) + f" + PTX {self.archs[-1]}"
        return f"{self.cxx_name}; CPU paths: {paths}; CUDA: {cuda}"


def native_wanted() -> bool:
    value = os.environ.get("SHM_NATIVE", "1")
    if value not in ("0", "1"):
        raise BuildProblem(f"shm-stream: SHM_NATIVE must be 0 or 1, not {value!r}")
    return value == "1"


@functools.cache
def plan() -> Plan:
    """Look at the machine and the SHM_* environment variables; nothing is compiled here."""
    msvc = os.name == "nt"
    cxx = ["cl"] if msvc else _find_cxx()
    x86 = platform.machine().lower() in ("x86_64", "amd64") and "arm64" not in os.environ.get("ARCHFLAGS", "")
    nvcc = _find_nvcc()
    return Plan(cxx, _cxx_name(cxx, msvc), msvc, x86, nvcc, _cuda_archs(nvcc) if nvcc else ())


def _find_cxx() -> list[str]:
    asked = os.environ.get("CXX")
    if asked:
        command = shlex.split(asked)
        if not shutil.which(command[0]):
            raise BuildProblem(NO_COMPILER.format(f" (CXX={asked} does not exist)"))
        return command
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise BuildProblem(NO_COMPILER.format(""))


def _cxx_name(cxx: list[str], msvc: bool) -> str:
    if msvc:
        return "MSVC"
    shown = subprocess.run([*cxx, "--version"], capture_output=True, text=True)
    if shown.returncode != 0 or not shown.stdout:
        raise BuildProblem(NO_COMPILER.format(f" ({shlex.join(cxx)} --version fails)"))
    return shown.stdout.splitlines()[0].strip()


def _find_nvcc() -> str | None:
    wanted = os.environ.get("SHM_CUDA", "auto")
    if wanted not in ("0", "1", "auto"):
        raise BuildProblem(f"shm-stream: SHM_CUDA must be 0, 1 or auto, not {wanted!r}")
    if wanted == "0":
        return None
    found = shutil.which(os.environ.get("NVCC", "nvcc"))
    if found is None and wanted == "1":
        raise BuildProblem("shm-stream: SHM_CUDA=1 but nvcc is not on PATH; install the CUDA toolkit or set NVCC=path")
    return found


def _cuda_archs(nvcc: str) -> tuple[str, ...]:
    """SHM_CUDA_ARCHS as given, or those of the default list that this nvcc can compile for; oldest first."""
    asked = os.environ.get("SHM_CUDA_ARCHS")
    if asked:
        archs = [arch.strip() for arch in asked.split(",") if arch.strip()]
        if not archs or not all(arch.isdigit() for arch in archs):
            raise BuildProblem(f"shm-stream: SHM_CUDA_ARCHS must look like 80,90, not {asked!r}")
    else:
        known = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True).stdout.split()
        archs = [arch for arch in DEFAULT_ARCHS.split(",") if f"sm_{arch}" in known]
    if not archs:
        raise BuildProblem(f"shm-stream: {nvcc} knows none of the GPUs {DEFAULT_ARCHS}; set SHM_CUDA_ARCHS or SHM_CUDA=0")
    return tuple(sorted(set(archs), key=int))


def build(target: Path, work: Path, include_dirs: list[str], library_dirs: list[str]) -> None:
    """Compile and link `target` with ninja; object files stay in `work` and are reused when nothing changed."""
    what = plan()
    work.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    includes = [*include_dirs, sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    text = _ninja_file(what, target.resolve(), list(dict.fromkeys(includes)), library_dirs)
    (work / "build.ninja").write_text(text)
    environment = _msvc_environment() if what.msvc else None
    if subprocess.run([_find_ninja(), "-C", str(work)], env=environment).returncode != 0:
        hint = " (SHM_CUDA=0 builds without CUDA)" if what.nvcc else ""
        raise BuildProblem(f"shm-stream: the native build failed; the compiler's message is above{hint}")
    print(f"shm-stream: built {target.name} with {what.info}", flush=True)


def _find_ninja() -> str:
    try:
        import ninja
    except ImportError:
        found = shutil.which("ninja")
        if not found:
            raise BuildProblem("shm-stream: ninja is missing; `pip install ninja` or build without --no-build-isolation")
        return found
    return str(Path(ninja.BIN_DIR) / "ninja")


def _msvc_environment() -> dict[str, str]:
    from setuptools._distutils._msvccompiler import _get_vc_env

    bits = {"amd64": "x86_amd64", "arm64": "x86_arm64"}.get(platform.machine().lower(), "x86")
    return {**os.environ, **{key.upper(): value for key, value in _get_vc_env(bits).items()}}


def _quote(words: list[str]) -> str:
    joined = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return joined.replace("$", "$$")


def _path(path: Path) -> str:
    return str(path).replace("$", "$$").replace(":", "$:").replace(" ", "$ ")


def _ninja_file(what: Plan, target: Path, includes: list[str], library_dirs: list[str]) -> str:
    suffix = ".obj" if what.msvc else ".o"
    lines = [_rules(what, library_dirs)]
    objects = []
    for name, source, rule, flags in _objects(what, includes):
        objects.append(name + suffix)
        lines.append(f"build {name}{suffix}: {rule} {_path(CSRC / source)}\n  flags = {_quote(flags)}\n")
    lines.append(f"build {_path(target)}: link {' '.join(objects)}\ndefault {_path(target)}\n")
    return "\n".join(lines)


def _objects(what: Plan, includes: list[str]) -> list[tuple[str, str, str, list[str]]]:
    """(object name, source, ninja rule, flags) of everything that is linked."""
    common = list(MSVC_FLAGS if what.msvc else UNIX_FLAGS)
    define = "/D" if what.msvc else "-D"
    features = ([f"{define}SHM_WITH_AVX2"] if what.avx2 else []) + ([f"{define}SHM_WITH_CUDA"] if what.nvcc else [])
    include_flags = [("/I" if what.msvc else "-I") + folder for folder in includes]
    info = f'{define}SHM_BUILD_INFO="{what.info}"'
    objects = [
        ("module", "module.cpp", "cxx", [*common, *features, *include_flags, info]),
        ("cpu_paths", "cpu_paths.cpp", "cxx", [*common, *features]),
        ("fuse_emulated", "fuse_emulated.cpp", "cxx", common),
        ("rows_baseline", "fuse_rows.cpp", "cxx", [*common, f"{define}SHM_TARGET=baseline"]),
    ]
    if what.avx2:
        wide = ["/arch:AVX2"] if what.msvc else ["-mavx2"]
        objects.append(("rows_avx2", "fuse_rows.cpp", "cxx", [*common, f"{define}SHM_TARGET=avx2", *wide]))
    if what.nvcc:
        objects.append(("fuse_cuda", "fuse_cuda.cu", "nvcc", [*nvcc_flags(what), "-DSHM_WITH_CUDA"]))
    return objects


def nvcc_flags(what: Plan) -> list[str]:
    """Flags of the CUDA objects: machine code for every architecture and PTX of the newest for later GPUs."""
    host = ["-Xcompiler", "/MD" if what.msvc else "-fPIC,-fvisibility=hidden"]
    host += [] if what.msvc else ["-ccbin", what.cxx[0]]
    code = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in what.archs]
    newest = what.archs[-1]
    return [*NVCC_FLAGS, *host, *code, f"-gencode=arch=compute_{newest},code=compute_{newest}"]


def _rules(what: Plan, library_dirs: list[str]) -> str:
    if what.msvc:
        compile_rule = "command = cl /showIncludes $flags /c $in /Fo$out\n  deps = msvc"
    else:
        compile_rule = f"command = {_quote(what.cxx)} -MMD -MF $out.d $flags -c $in -o $out\n  depfile = $out.d\n  deps = gcc"
    nvcc_rule = f"command = {_quote([what.nvcc or 'nvcc'])} -MMD -MF $out.d $flags -c $in -o $out\n  depfile = $out.d\n  deps = gcc"
    return (
        "ninja_required_version = 1.5\n"
        f"rule cxx\n  {compile_rule}\n  description = C++ $out\n"
        f"rule nvcc\n  {nvcc_rule}\n  description = CUDA $out\n"
        f"rule link\n  command = {_link_command(what, library_dirs)}\n  description = link $out\n"
    )


def _link_command(what: Plan, library_dirs: list[str]) -> str:
    """nvcc links when there is CUDA code: it knows where its static runtime library lies."""
    if what.msvc:
        libraries = [f"/LIBPATH:{folder}" for folder in [*library_dirs, str(Path(sys.base_prefix) / "libs")]]
        if what.nvcc:
            cuda = Path(what.nvcc).resolve().parents[1] / "lib" / "x64"
            libraries += [f"/LIBPATH:{cuda}", "cudart_static.lib"]
        return f"link /nologo /DLL /EXPORT:PyInit__native $in /OUT:$out {_quote(libraries)}"
    if what.nvcc:
        return f"{_quote([what.nvcc, '-ccbin', what.cxx[0], '-shared', '-cudart', 'static'])} $in -o $out -Xcompiler -pthread"
    shared = "-bundle -undefined dynamic_lookup" if sys.platform == "darwin" else "-shared -pthread"
    return f"{_quote(what.cxx)} {shared} $in -o $out"
