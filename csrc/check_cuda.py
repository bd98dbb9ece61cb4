"""Compiles every CUDA source for every target, with warnings as errors, and counts register spills.

    python csrc/check_cuda.py                 # all targets of a release
    python csrc/check_cuda.py --archs 75,90

Needs nvcc but no GPU. Prints a table; exits with 1 when a target does not compile, warns or spills registers,
with 2 when there is no nvcc.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import build_native
import toolchain

RESOURCES = re.compile(
    r"entry function '(?P<name>\w+)'.*?(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?Used (?P<registers>\d+) registers",
    re.DOTALL,
)


@dataclass(frozen=True)
class Kernel:
    name: str
    registers: int
    stack_bytes: int
    spill_bytes: int


def compile_target(plan: toolchain.Plan, source: Path, target: list[str]) -> tuple[list[Kernel], int]:
    """(kernels, number of warnings). Raises BuildProblem with the compiler's output when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        flags = [*build_native.nvcc_flags(plan), *target, "-Xptxas", "-v", "-Xcompiler", "-Wall,-Wextra"]
        command = [plan.nvcc, *flags, "-c", str(source), "-o", str(Path(folder) / "object.o")]
        done = subprocess.run(command, capture_output=True, text=True)
    output = done.stdout + done.stderr
    if done.returncode != 0:
        raise toolchain.BuildProblem(f"{source.name} does not compile with {' '.join(target)}:\n{output}")
    return parse_resources(output), len(re.findall(r"\bwarning\b", output))


def parse_resources(output: str) -> list[Kernel]:
    """What `ptxas -v` says about each kernel."""
    return [
        Kernel(m["name"], int(m["registers"]), int(m["stack"]), int(m["stores"]) + int(m["loads"]))
        for m in RESOURCES.finditer(output)
    ]


def check(archs: tuple[str, ...]) -> bool:
    """Print the table; True when every target is clean."""
    plan = toolchain.plan()
    targets = [(f"sm_{arch}", [f"-gencode=arch=compute_{arch},code=sm_{arch}"], True) for arch in archs]
    newest = archs[-1]
    targets.append((f"ptx_{newest}", [f"-gencode=arch=compute_{newest},code=compute_{newest}"], False))
    spills = warnings = 0
    print(f"{'source':<16}{'target':<10}{'kernel':<18}{'registers':>10}{'stack':>8}{'spills':>8}{'warnings':>10}")
    for source in sorted(build_native.CSRC.glob("*.cu")):
        for name, flags, has_code in targets:
            kernels, count = compile_target(plan, source, flags)
            if has_code and not kernels:
                raise toolchain.BuildProblem(f"{source.name} has no kernel for {name}: cannot read the ptxas output")
            warnings += count
            spills += sum(kernel.spill_bytes for kernel in kernels)
            for kernel in kernels or [Kernel("(compiled)", 0, 0, 0)]:
                print(f"{source.name:<16}{name:<10}{_short(kernel.name):<18}", end="")
                print(f"{kernel.registers:>10}{kernel.stack_bytes:>8}{kernel.spill_bytes:>8}{count:>10}")
    print(f"spills: {spills} warnings: {warnings}")
    return spills == 0 and warnings == 0


def _short(mangled: str) -> str:
    found = re.search(r"([a-z_]+_kernel)", mangled)
    return found[1] if found else mangled


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archs", default=",".join(toolchain.DEFAULT_ARCHS), help="compute capabilities: 75,90")
    archs = tuple(sorted(parser.parse_args().archs.split(","), key=int))
    try:
        if toolchain.plan().nvcc is None:
            print("no nvcc: install the CUDA toolkit or set NVCC", file=sys.stderr)
            return 2
        return 0 if check(archs) else 1
    except toolchain.BuildProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
