"""Where a setting's value comes from, and what is said when it cannot be taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vidijob.errors import SetupError
from vidijob.settings import FILE, PREFIX, Settings, load

Write = Callable[[str], None]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    """Write vidijob.toml."""

    def write(text: str) -> None:
        (here / FILE).write_text(text, "utf-8")

    return write


def test_the_defaults() -> None:
    chosen = load({})
    assert chosen.database_url is None and chosen.admin_password is None and chosen.preset_dir is None
    assert (chosen.host, chosen.port, chosen.site, chosen.concurrent_jobs) == ("127.0.0.1", 8080, "VX", 3)
    assert (chosen.data_dir, chosen.storage_roots, chosen.worker_slots) == (Path("vidijob-data"), (), 0)
    assert chosen.log_level == "info"


#: For each setting: the default's rivals as written in the file, the variable and the flag, and what each is read as.
RIVALS: list[tuple[str, str, str, Any, tuple[Any, Any, Any]]] = [
    ("port", "port = 1", "2", 3, (1, 2, 3)),
    ("host", 'host = "a"', "b", "c", ("a", "b", "c")),
    ("site", 'site = "A"', "B", "C", ("A", "B", "C")),
    ("public_url", 'public_url = "http://a"', "https://b/c", "http://d:1", ("http://a", "https://b/c", "http://d:1")),
    (
        "cors_origins",
        'cors_origins = ["http://a", "*"]',
        "http://b, https://c:1",
        ("http://d",),
        (("http://a", "*"), ("http://b", "https://c:1"), ("http://d",)),
    ),
    (
        "webhook_networks",
        'webhook_networks = ["10.0.0.0/8", "fd00::1"]',
        "192.168.0.0/16, 127.0.0.1",
        ("10.1.2.3/24",),
        (("10.0.0.0/8", "fd00::1"), ("192.168.0.0/16", "127.0.0.1"), ("10.1.2.3/24",)),
    ),
    ("api_url", 'api_url = "http://a"', "https://b", "http://d:1", ("http://a", "https://b", "http://d:1")),
    (
        "allow_program",
        'allow_program = ["/a"]',
        os.pathsep.join(["/b", "/c d"]),
        (Path("/e"),),
        ((Path("/a"),), (Path("/b"), Path("/c d")), (Path("/e"),)),
    ),
    (
        "webhook_networks",
        'webhook_networks = ["10.0.0.0/8", "fd00::1"]',
        "192.168.0.0/16, 127.0.0.1",
        ("10.1.2.3/24",),
        (("10.0.0.0/8", "fd00::1"), ("192.168.0.0/16", "127.0.0.1"), ("10.1.2.3/24",)),
    ),
    ("allow_scheme", 'allow_scheme = ["ftp"]', "http, https", ("s3",), (("ftp",), ("http", "https"), ("s3",))),
    ("remote_options", 'remote_options = "a"', "b", Path("c"), (Path("a"), Path("b"), Path("c"))),
    ("processes", "processes = 2", "3", 4, (2, 3, 4)),
    ("concurrent_jobs", "concurrent_jobs = 11", "12", 13, (11, 12, 13)),
    ("ageing", "ageing = 1", "2.5", 3, (1, 2.5, 3)),
    ("keep_jobs", "keep_jobs = 1", "2", 3, (1, 2, 3)),
    ("upload_limit", "upload_limit = 1", "2", 0, (1, 2, 0)),
    ("grace", "grace = 1", "2.5", 0, (1, 2.5, 0)),
    (
        "resource",
        'resource = ["gpu=1", "ram=2.5"]',
        "gpu=2,x=1",
        ("y=1",),
        (("gpu=1", "ram=2.5"), ("gpu=2", "x=1"), ("y=1",)),
    ),
    ("label", 'label = ["a", "b"]', "c, d", ("e",), (("a", "b"), ("c", "d"), ("e",))),
    ("drain", "drain = 1", "2.5", 3.0, (1.0, 2.5, 3.0)),
    ("read_staleness", "read_staleness = 2.5", "3", 4.0, (2.5, 3.0, 4.0)),
    ("worker_slots", 'worker_slots = "1"', "2", 3, (1, 2, 3)),
    ("engine", 'engine = "dask"', "own", "dask", ("dask", "own", "dask")),
    (
        "dask_scheduler",
        'dask_scheduler = "tcp://a:1"',
        "tls://b:2",
        "ws://c:3",
        ("tcp://a:1", "tls://b:2", "ws://c:3"),
    ),
    ("mps_rate", "mps_rate = 1", "2", 3, (1, 2, 3)),
    (
        "azure_durations",
        'azure_durations = "milliseconds"',
        "seconds",
        "milliseconds",
        ("milliseconds", "seconds", "milliseconds"),
    ),
    ("azure_queue_text", 'azure_queue_text = "base64"', "plain", "base64", ("base64", "plain", "base64")),
    ("azure_event_names", 'azure_event_names = "both"', "pascal", "both", ("both", "pascal", "both")),
    ("problem_interval", "problem_interval = 1", "2", 3, (1, 2, 3)),
    ("data_dir", 'data_dir = "a"', "b", Path("c"), (Path("a"), Path("b"), Path("c"))),
    ("preset_dir", 'preset_dir = "a"', "b", Path("c"), (Path("a"), Path("b"), Path("c"))),
    ("event_loop", 'event_loop = "asyncio"', "uvloop", "asyncio", ("asyncio", "uvloop", "asyncio")),
    ("metrics_port", "metrics_port = 1", "2", 3, (1, 2, 3)),
    ("slow_statement", "slow_statement = 2", "3", 4.0, (2.0, 3.0, 4.0)),
    ("otlp_endpoint", 'otlp_endpoint = "http://a"', "http://b", "http://c", ("http://a", "http://b", "http://c")),
    ("log_format", 'log_format = "json"', "plain", "json", ("json", "plain", "json")),
    ("log_level", 'log_level = "debug"', "error", "warning", ("debug", "error", "warning")),
    (
        "storage_roots",
        'storage_roots = ["/a", "/b"]',
        os.pathsep.join(["/c", "/d"]),
        (Path("/e"), Path("/f")),
        ((Path("/a"), Path("/b")), (Path("/c"), Path("/d")), (Path("/e"), Path("/f"))),
    ),
]
SECRETS = [
    ("database_url", "postgresql://u:{}@h/n"),
    ("read_database_url", "postgresql://u:{}@h/n"),
    ("admin_password", "{}-password"),
    ("webhook_secret", "{}-with-sixteen-signs"),
]


def test_every_setting_is_tried() -> None:
    assert {name for name, *_ in RIVALS} | {name for name, _ in SECRETS} == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "line", "variable", "flag", "read"), RIVALS, ids=[rival[0] for rival in RIVALS])
def test_default_then_file_then_variable_then_flag(
    name: str,
    line: str,
    variable: str,
    flag: object,
    read: tuple[object, object, object],
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [getattr(load({}), name), *read]
    assert all(values[place] != values[place + 1] for place in range(3))
    write(line)
    assert getattr(load({}), name) == read[0]
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", variable)
    assert getattr(load({}), name) == read[1]
    assert getattr(load({name: flag}), name) == read[2]


@pytest.mark.parametrize(("name", "pattern"), SECRETS)
def test_secrets_come_from_the_same_places(
    name: str, pattern: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def value(flags: dict[str, object]) -> str:
        return str(getattr(load(flags), name).get_secret_value())

    write(f'{name} = "{pattern.format(1)}"')
    assert value({}) == pattern.format(1)
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", pattern.format(2))
    assert value({}) == pattern.format(2)
    assert value({name: pattern.format(3)}) == pattern.format(3)


def test_a_flag_that_was_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDIJOB_PORT", "1")
    monkeypatch.setenv("VIDIJOB_STORAGE_ROOTS", "/a")
    chosen = load({"port": None, "storage_roots": (), "host": None})
    assert (chosen.port, chosen.storage_roots, chosen.host) == (1, (Path("/a"),), "127.0.0.1")


def test_an_empty_variable_is_none(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1")
    monkeypatch.setenv("VIDIJOB_PORT", "")
    monkeypatch.setenv("VIDIJOB_DATABASE_URL", "")
    assert load({}).port == 1
    assert load({}).database_url is None


def test_the_letter_case_of_a_variable_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("vidijob_port", "1")
    assert load({}).port == 1


def test_a_variable_without_our_prefix_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("HOST", "elsewhere")
    assert (load({}).port, load({}).host) == (8080, "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        ("/a", ["/a"]),
        (f"/a{os.pathsep}/b", ["/a", "/b"]),
        (f"{os.pathsep}/a{os.pathsep * 2}/b{os.pathsep}", ["/a", "/b"]),
        (f"/with space{os.pathsep}relative", ["/with space", "relative"]),
        ('["/a"]', ['["/a"]']),
        (os.pathsep, []),
    ],
)
def test_storage_roots_are_divided(text: str, roots: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDIJOB_STORAGE_ROOTS", text)
    assert load({}).storage_roots == tuple(Path(root) for root in roots)


def test_storage_roots_in_the_file_are_a_list_or_a_text(write: Write) -> None:
    for text in ('storage_roots = ["/a", "/b"]', 'storage_roots = "/a:/b"'):
        write(text)
        assert load({}).storage_roots == (Path("/a"), Path("/b"))


def test_roots_are_absolute_and_lie_in_the_data_folder_by_default(here: Path) -> None:
    assert load({}).roots == (here / "vidijob-data" / "storage",)
    assert load({"data_dir": Path("other")}).roots == (here / "other" / "storage",)
    assert load({"storage_roots": (Path("/a"), Path("b"))}).roots == (Path("/a"), here / "b")


def test_slots_and_threads_suit_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, slots, threads in ((1, 4, 1), (2, 4, 1), (8, 16, 2), (64, 128, 8), (None, 4, 1)):
        monkeypatch.setattr("os.cpu_count", lambda processors=processors: processors)
        assert (load({}).slots, load({}).threads) == (slots, threads)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert load({"worker_slots": 5}).slots == 5
    assert load({"engine": "dask"}).slots == 256
    assert load({"engine": "dask", "worker_slots": 5}).slots == 5
    assert load({"concurrent_jobs": 1}).threads == 8
    assert load({"concurrent_jobs": 100, "worker_slots": 2}).threads == 4


BAD: list[tuple[str, list[object]]] = [
    ("port", ["x", "-1", "65536", "1.5"]),
    ("concurrent_jobs", ["0", "-1", "10001", "many"]),
    ("drain", ["-1", "601"]),
    ("read_database_url", ["postgresql://u:p@a,b/n"]),
    ("read_staleness", ["1.9", "3601", "soon"]),
    ("worker_slots", ["-1", "1001"]),
    ("engine", ["Dask", "ray"]),
    ("dask_scheduler", ["scheduler", "scheduler:8786", "http://a:1", "tcp://a"]),
    ("problem_interval", ["0", "-1", "86401", "soon"]),
    ("ageing", ["-1", "x", "nan", "inf"]),
    ("keep_jobs", ["-1", "1.5", "36501"]),
    ("upload_limit", ["-1", "1.5", "much"]),
    ("grace", ["-1", "86401", "nan"]),
    ("resource", ["gpu", "gpu=", "gpu=x", "=1", "gpu=-1", "label:x"]),
    ("label", ["a b", "1", "label:x"]),
    ("site", ["1X", "V X", "TOO_LONG_SITE", "V-X", "VX\n"]),
    ("log_level", ["loud", "INFO"]),
    ("public_url", ["jobs.example.org", "ftp://a", "https://", "https://a b", "https://a?b", "https://user:secret@a"]),
]
CASES = [(name, value) for name, values in BAD for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_bad_value_is_refused_by_the_name_of_its_setting(
    name: str, value: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match=rf"\b{name}: "):
        load({name: value})
    write(f"{name} = {value!r}".replace("'", '"'))
    with pytest.raises(SetupError, match=rf"\b{name}: "):
        load({})
    (Path.cwd() / FILE).unlink()
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    with pytest.raises(SetupError, match=rf"\b{name}: "):
        load({})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SetupError) as refused:
        load({"port": "x", "site": "1", "concurrent_jobs": 0})
    assert all(f"{name}: " in str(refused.value) for name in ("port", "site", "concurrent_jobs"))


def test_a_key_that_is_no_setting_is_refused(write: Write) -> None:
    write("prot = 1")
    with pytest.raises(SetupError, match="prot: "):
        load({})


@pytest.mark.parametrize("text", ["port", "port = ", "[[", "\x00"])
def test_a_file_that_is_no_toml_is_refused(text: str, write: Write) -> None:
    write(text)
    with pytest.raises(SetupError, match=FILE):
        load({})


def test_a_file_that_is_not_utf_8_is_refused(here: Path) -> None:
    (here / FILE).write_bytes(b'host = "\xff"')
    with pytest.raises(SetupError, match=FILE):
        load({})


def test_secrets_are_not_shown() -> None:
    chosen = load({"database_url": "postgresql://u:hunter2@h/n", "admin_password": "hunter2"})
    assert "hunter2" not in repr(chosen) + str(chosen) + str(chosen.model_dump()) + chosen.model_dump_json()


def test_secrets_are_not_shown_when_something_else_is_wrong(write: Write) -> None:
    write('admin_password = ["hunter2"]\ndatabase_url = {password = "hunter2"}\nport = "hunter"')
    with pytest.raises(SetupError) as refused:
        load({})
    assert "hunter2" not in str(refused.value)
    assert "admin_password" in str(refused.value) and "database_url" in str(refused.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load({}).port = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_sentence_of_help(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    assert description[:1].isupper() and description.endswith(".")
