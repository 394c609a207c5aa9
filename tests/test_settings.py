from pathlib import Path

import pytest

from riskengine.errors import SettingsError
from riskengine.settings import (
    Settings,
    described_settings,
    flag_of,
    read_settings,
    variable_of,
)

SERVING = Path(__file__).parent.parent / "docs" / "serving.md"


def test_nothing_given_gives_the_defaults() -> None:
    assert read_settings({}, {}) == Settings()


def test_flag_beats_variable_beats_default() -> None:
    environment = {"RISKENGINE_WORKERS": "2", "RISKENGINE_DRAIN_S": "3"}
    settings = read_settings({"workers": "4", "drain_s": None}, environment)
    assert (settings.workers, settings.drain_s) == (4, 3.0)


def test_settings_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    flags = {"log_dir": str(tmp_path), "trusted_peers": "10.0.0.0/8, ::1", "clock": "request"}
    settings = read_settings(flags, {})
    assert settings.trusted_peers == ("10.0.0.0/8", "::1/128")
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("field", "text", "right"),
    [
        ("workers", "many", "must be a whole number from 1 to 256"),
        ("workers", "0", "must be a whole number from 1 to 256"),
        ("workers", "²", "must be a whole number from 1 to 256"),
        ("workers", "9" * 5_000, "must be a whole number from 1 to 256"),
        ("drain_s", "nan", "must be a number from 0 to 600"),
        ("drain_s", "-1", "must be a number from 0 to 600"),
        ("listen", "localhost", "must be HOST:PORT, such as 0.0.0.0:50051 or [::1]:50051"),
        ("listen", ":50051", "must be HOST:PORT, such as 0.0.0.0:50051 or [::1]:50051"),
        ("listen", "::1:50051", "must be HOST:PORT, such as 0.0.0.0:50051 or [::1]:50051"),
        ("listen", "a:65536", "must be HOST:PORT, such as 0.0.0.0:50051 or [::1]:50051"),
        (
            "store",
            "http://x",
            (
                "must be memory, embedded, unix:///PATH, redis://HOST:PORT, rediss://HOST:PORT, "
                "redis+sentinel://HOST:PORT,.../SERVICE or redis+cluster://HOST:PORT,..."
            ),
        ),
        ("clock", "mine", "must be store or request"),
        (
            "trusted_proxies",
            "10.0.0.1/8",
            "must be networks or addresses with commas between, such as 10.0.0.0/8,::1",
        ),
        ("user_header", "x y", "must be the name of a header, such as x-user-id"),
        (
            "log_hash_key_file",
            "/nowhere",
            "must be a readable file of at least 16 random bytes",
        ),
    ],
)
def test_unusable_value_is_named_with_what_would_be_right(
    field: str, text: str, right: str
) -> None:
    for flags, environment, source in (
        ({field: text}, {}, flag_of(field)),
        ({}, {variable_of(field): text}, variable_of(field)),
    ):
        with pytest.raises(SettingsError) as caught:
            read_settings(flags, environment)
        assert str(caught.value) == f"{source} {right}, got {text[:80]!r}"


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"workers": "x", "clock": "y"}, {"RISKENGINE_DRAIN_S": "z"})
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "--workers",
        "--clock",
        "RISKENGINE_DRAIN_S",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"store": "memory", "workers": "2"},
            (
                "--store memory counts in one process, so --workers must be 1, got 2; "
                "or take --store embedded"
            ),
        ),
        (
            {"default_budget_ms": "900", "max_budget_ms": "800"},
            "--default-budget-ms must not be above --max-budget-ms (800), got 900",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(flags: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(flags, {})
    assert str(caught.value) == message


def test_key_file_must_hold_a_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 16)
    assert read_settings({"log_hash_key_file": str(key)}, {}).log_hash_key_file == key
    key.write_bytes(b"k" * 15)
    with pytest.raises(SettingsError, match="at least 16 random bytes"):
        read_settings({"log_hash_key_file": str(key)}, {})


def test_every_default_can_be_read_back_from_text() -> None:
    for field, setting in described_settings().items():
        default = getattr(Settings(), field)
        shown = "" if default in (None, ()) else str(default)
        assert setting.read(shown) == default, field


@pytest.mark.parametrize("field", described_settings())
def test_every_setting_stands_in_the_documentation_with_its_default(field: str) -> None:
    default = getattr(Settings(), field)
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    cell = "none" if default in (None, "", ()) else f"`{shown}`"
    row = f"| `{flag_of(field)}` | `{variable_of(field)}` | {cell} |"
    assert row in SERVING.read_text()
