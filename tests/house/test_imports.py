"""Every module can be imported first, so that no order of imports is needed and none goes in a circle.

What a module imports while it is imported makes a graph. Where that has no circle, every order is as good as another, and one
is tried, in one process. Each module on a circle is imported first of all in a process of its own.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from tests.house.source import ROOT, files, module, tree

#: Other people's modules, imported once before each of ours on a circle is imported in a child of its own.
FOREIGN = [
    "aiohttp.web", "argon2", "asyncpg", "click", "importlib.metadata", "lxml.etree", "orjson", "pydantic_settings",
    "rich.console", "rich.logging", "rich.progress", "rich.syntax", "xmlschema",
]  # fmt: skip
SCRIPT = """
import importlib, json, os, sys, traceback, warnings

wanted, alone, foreign = json.load(sys.stdin)
for name in foreign:
    importlib.import_module(name)
warnings.simplefilter("error")

def fault(name):
    try:
        importlib.import_module(name)
    except BaseException:
        return traceback.format_exc(limit=-3)
    return ""

def fault_alone(name):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, fault(name).encode()[:60000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    return said or ("it ended its process" if os.waitpid(child, 0)[1] else "")

faults = {name: fault_alone(name) for name in alone}
faults |= {name: fault(name) for name in wanted}
json.dump({name: said for name, said in faults.items() if said}, sys.stdout)
"""


def imported(body: Collection[ast.stmt]) -> Iterator[str]:
    """Yield what statements import while they run: not what only a type checker sees, and not what a function will."""
    for node in body:
        match node:
            case ast.Import():
                yield from (one.name for one in node.names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name
                yield from (f"{name}.{one.name}" for one in node.names)
            case ast.If() if "TYPE_CHECKING" in ast.dump(node.test):
                yield from imported(node.orelse)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                pass
            case _:
                inside = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt | ast.excepthandler)]
                yield from imported([one for one in inside if isinstance(one, ast.stmt)])
                for handler in inside:
                    if isinstance(handler, ast.excepthandler):
                        yield from imported(getattr(handler, "body", []))


def graph(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Return which of the modules each imports, the packages that it lies in among them."""
    return {
        name: {
            other
            for target in (name, *imported(text.body))
            for other in (target, *(target.rsplit(".", cut)[0] for cut in range(1, target.count(".") + 1)))
            if other in modules and other != name
        }
        for name, text in modules.items()
    }


def entangled(imports: Mapping[str, set[str]]) -> set[str]:
    """Return the modules on a circle, without those whose package is on the same one: it is always imported before them, so that
    whoever imports them first imports it first.
    """
    below = {name: reached(imports, name) for name in imports}

    def is_entered(name: str) -> bool:
        packages = {name.rsplit(".", cut)[0] for cut in range(1, name.count(".") + 1)}
        return not any(package in below[name] and name in below[package] for package in packages & imports.keys())

    return {name for name in imports if name in below[name] and is_entered(name)}


def reached(imports: Mapping[str, set[str]], name: str) -> set[str]:
    """Return all that is imported, by whatever way, where a module is."""
    found: set[str] = set()
    left = [name]
    while left:
        new = imports[left.pop()] - found
        found |= new
        left += new
    return found


def faults(modules: Collection[str], alone: Collection[str], folder: Path, foreign: list[str]) -> dict[str, str]:
    """Import modules in one process, some of them first each in one of its own; returns what went wrong."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([sorted(modules), sorted(alone), foreign]),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    found: dict[str, str] = json.loads(ended.stdout)
    return found


@pytest.mark.timeout(160)
def test_every_module_imports_alone() -> None:
    modules = {module(file): tree(file) for file in files()}
    assert len(modules) > 50
    assert faults(modules, entangled(graph(modules)), ROOT, FOREIGN) == {}


def test_a_module_that_cannot_be_imported_first_is_found(tmp_path: Path) -> None:
    package = tmp_path / "planted"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "good": "import json",
        "bad": "import no_such_module_anywhere",
        "warns": "import warnings; warnings.warn('old', DeprecationWarning)",
        "circle": "try:\n    from planted import round\nexcept ValueError:\n    pass\nx = round.y",
        "round": "from planted.circle import x\ny = 1",
        "late": "def later():\n    from planted import early",
        "early": "from planted import late",
        "typed": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from planted import early",
        "exits": "raise SystemExit(0)",
        "parcel/__init__": "from planted.parcel import first",
        "parcel/first": "from planted.parcel import second",
        "parcel/second": "",
    }.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text(text)
    modules = {module(file, tmp_path): tree(file) for file in sorted(package.rglob("*.py"))}
    alone = entangled(graph(modules))
    assert alone == {"planted.circle", "planted.parcel", "planted.round"}
    found = faults(modules.keys() - {"planted.exits"}, alone | {"planted.exits"}, tmp_path, [])
    assert set(found) == {"planted.bad", "planted.warns", "planted.circle", "planted.round", "planted.exits"}
    assert "no_such_module_anywhere" in found["planted.bad"]
