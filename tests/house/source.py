"""Where the project's own text lies, and its Python files taken apart once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vidijob"
#: What may begin with a docstring.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def files() -> list[Path]:
    """Return every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name(file: Path) -> str:
    """Return a file's path inside the project."""
    return file.relative_to(ROOT).as_posix()


def module(file: Path, root: Path = ROOT) -> str:
    """Return the name that a file is imported by."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(file: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(file.read_text("utf-8"), str(file))


def strings() -> Iterator[tuple[str, str]]:
    """Yield every string constant of the package that is no docstring, with the file that it is in."""
    for file in files():
        documented = [node for node in ast.walk(tree(file)) if isinstance(node, DOCUMENTED)]
        docstrings = {id(node.body[0].value) for node in documented if node.body and isinstance(node.body[0], ast.Expr)}
        for constant in ast.walk(tree(file)):
            if (
                isinstance(constant, ast.Constant)
                and isinstance(constant.value, str)
                and id(constant) not in docstrings
            ):
                yield constant.value, name(file)
