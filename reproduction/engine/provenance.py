"""Where a number comes from: code, versions, machine."""

import ast
import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reproduction.engine.tasks import module_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("numpy", "scipy", "tensorflow", "keras", "ase", "asap3", "amp-atomistics")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _without_docstrings(tree: ast.AST) -> ast.AST:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in (node for node in ast.walk(tree) if isinstance(node, documented)):
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def code_files(module: str, root: Path = ROOT) -> list[Path]:
    """A module's file and those of all it imports from this repository, in the order of names.

    Of ``reproduction`` only the tasks count: the rest runs, stores and shows what they predict.
    """
    seen: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = root.joinpath(*name.split(".")).with_suffix(".py")
        if name in seen or not path.is_file():
            continue
        if name.startswith("reproduction.") and not name.startswith("reproduction.engine.tasks."):
            continue
        seen[name] = path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                todo += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                todo += [alias.name for alias in node.names]
    return [seen[name] for name in sorted(seen)]


@cache
def code_checksum(task: str, root: Path = ROOT) -> str:
    """SHA-256 over the code that makes a task's predictions, comments and docstrings left out."""
    digest = hashlib.sha256()
    for path in code_files(module_name(task), root):
        tree = _without_docstrings(ast.parse(path.read_text()))
        digest.update(f"{path.relative_to(root)} {ast.dump(tree)}".encode())
    return digest.hexdigest()


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Python and the packages that a result depends on, those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def provenance() -> dict:
    """Commit, versions, processor and core count."""
    return {
        "commit": _git("rev-parse", "HEAD") or "not a git checkout",
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "versions": versions(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
    }
