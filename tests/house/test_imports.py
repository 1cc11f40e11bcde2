"""Every module can be imported first, so that no order of imports is needed and none goes in a circle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.house.source import PACKAGE, ROOT, module

SHARES = min(os.cpu_count() or 1, 4)
#: Other people's modules, imported once before each of ours is imported in a child of its own.
FOREIGN = [
    "aiohttp.web", "argon2", "asyncpg", "click", "importlib.metadata", "lxml.etree", "orjson", "pydantic_settings",
    "rich.console", "rich.logging", "rich.progress", "rich.syntax", "xmlschema",
]  # fmt: skip
SCRIPT = """
import importlib, json, os, sys, traceback, warnings

wanted, foreign = json.load(sys.stdin)
for name in foreign:
    importlib.import_module(name)
warnings.simplefilter("error")
faults = {}
for name in wanted:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        fault = ""
        try:
            importlib.import_module(name)
        except BaseException:
            fault = traceback.format_exc(limit=-3)
        os.write(writing, fault.encode()[:60000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        fault = pipe.read().decode()
    if os.waitpid(child, 0)[1] or fault:
        faults[name] = fault
json.dump(faults, sys.stdout)
"""


def faults(modules: list[str], folder: Path, foreign: list[str]) -> dict[str, str]:
    """Import each module in a process of its own that has imported none of ours before; returns what went wrong."""

    def share(number: int) -> dict[str, str]:
        ended = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps([modules[number::SHARES], foreign]),
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=55,
            check=True,
        )
        found: dict[str, str] = json.loads(ended.stdout)
        return found

    with ThreadPoolExecutor(SHARES) as pool:
        return {name: fault for found in pool.map(share, range(SHARES)) for name, fault in found.items()}


def test_every_module_imports_alone() -> None:
    modules = [module(file) for file in sorted(PACKAGE.rglob("*.py"))]
    assert len(modules) > 50
    assert faults(modules, ROOT, FOREIGN) == {}


def test_a_module_that_cannot_be_imported_first_is_found(tmp_path: Path) -> None:
    package = tmp_path / "planted"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "good": "import json",
        "bad": "import no_such_module_anywhere",
        "warns": "import warnings; warnings.warn('old', DeprecationWarning)",
        "circle": "from planted import round\nx = round.y",
        "round": "from planted.circle import x\ny = 1",
        "exits": "raise SystemExit(0)",
    }.items():
        (package / f"{name}.py").write_text(text)
    modules = [module(file, tmp_path) for file in sorted(package.glob("*.py"))]
    found = faults(modules, tmp_path, [])
    assert set(found) == {"planted.bad", "planted.warns", "planted.circle", "planted.round", "planted.exits"}
    assert "no_such_module_anywhere" in found["planted.bad"]
