"""Settings of a serving process: flags first, then `RISKENGINE_*` variables, then defaults."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import msgspec

from riskengine.errors import SettingsError
from riskengine.setting_values import (
    ClockChoice,
    read_clock,
    read_cookie,
    read_dns_servers,
    read_header,
    read_key_file,
    read_listen,
    read_listen_or_none,
    read_networks,
    read_number,
    read_path_or_none,
    read_store,
    read_whole,
)

_MIB = 1024 * 1024


class Setting(NamedTuple):
    """What stands behind the flag and the variable of one field."""

    read: Callable[[str], Any]
    """The value of a text; ValueError says what would be right."""
    about: str
    """One line for people."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a process needs to know besides rules and models; see docs/serving.md."""

    listen: Annotated[
        str, Setting(read_listen, "HOST:PORT that gRPC listens on; port 0 takes a free one")
    ] = "127.0.0.1:50051"
    rules: Annotated[Path, Setting(Path, "directory of the rule files")] = Path("rules")
    models: Annotated[Path, Setting(Path, "directory of the trained models")] = Path("models")
    store: Annotated[
        str,
        Setting(
            read_store,
            (
                "where hits are counted: embedded (a Valkey of our own), memory (one worker), "
                "or the URL of a Redis: redis://, rediss://, unix://, redis+sentinel://, "
                "redis+cluster://"
            ),
        ),
    ] = "embedded"
    store_timeout_ms: Annotated[
        float,
        Setting(
            read_number(1, 1_000), "how long a decision waits for the store before it goes without"
        ),
    ] = 20.0
    workers: Annotated[int, Setting(read_whole(1, 256), "processes that share the port")] = 1
    spare_workers: Annotated[
        int,
        Setting(read_whole(0, 1), "processes kept started, to take the place of one that dies"),
    ] = 1
    clock: Annotated[
        ClockChoice,
        Setting(read_clock, "store, or request to believe `received_at` (tests, simulation)"),
    ] = "store"
    drain_s: Annotated[
        float, Setting(read_number(0, 600), "longest wait for calls in flight after SIGTERM")
    ] = 10.0
    default_budget_ms: Annotated[
        float, Setting(read_number(1, 60_000), "time for a call that comes without a deadline")
    ] = 50.0
    max_budget_ms: Annotated[
        float, Setting(read_number(1, 60_000), "most time a call gets, whatever its deadline")
    ] = 1_000.0
    gather_ms: Annotated[
        float,
        Setting(
            read_number(0, 50),
            "longest wait of a batch for company while the process is busy; 0: not at all",
        ),
    ] = 12.5
    max_message_bytes: Annotated[
        int, Setting(read_whole(1_024, 16 * _MIB), "largest message taken from a gateway")
    ] = 256 * 1024
    max_metadata_bytes: Annotated[
        int, Setting(read_whole(1_024, _MIB), "largest RPC metadata taken from a gateway")
    ] = 8 * 1024
    max_connection_age_s: Annotated[
        float,
        Setting(
            read_number(1, 86_400),
            (
                "age at which a connection is asked to reconnect, give or take 10 %, "
                "so that connections spread over the workers"
            ),
        ),
    ] = 300.0
    max_connection_idle_s: Annotated[
        float, Setting(read_number(1, 86_400), "how long a connection without calls is kept")
    ] = 600.0
    max_concurrent_streams: Annotated[
        int, Setting(read_whole(1, 100_000), "most calls in flight on one connection")
    ] = 1_024
    metrics_listen: Annotated[
        str,
        Setting(read_listen_or_none, "HOST:PORT for HTTP /metrics and /healthz; empty for none"),
    ] = ""
    log_dir: Annotated[
        Path | None, Setting(read_path_or_none, "directory of the decision log; empty for none")
    ] = None
    log_max_bytes: Annotated[
        int, Setting(read_whole(_MIB, 2**50), "disk that the decision log may take in all")
    ] = 4_096 * _MIB
    log_segment_bytes: Annotated[
        int, Setting(read_whole(65_536, 2**40), "size at which a log segment is closed")
    ] = 64 * _MIB
    log_segment_age_s: Annotated[
        float, Setting(read_number(1, 86_400), "age at which a log segment is closed")
    ] = 300.0
    log_queue: Annotated[
        int,
        Setting(
            read_whole(1, 10_000_000),
            "decisions that may wait to be logged before some are dropped",
        ),
    ] = 65_536
    log_hash_key_file: Annotated[
        Path | None,
        Setting(
            read_key_file, "file whose bytes key the hash of identifiers in the log; empty: no hash"
        ),
    ] = None
    trusted_peers: Annotated[
        tuple[str, ...],
        Setting(read_networks, "networks of the proxies whose `x-client-ip` is believed (Envoy)"),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Setting(
            read_networks, "networks of the proxies that X-Forwarded-For is walked past (Envoy)"
        ),
    ] = ()
    user_header: Annotated[
        str, Setting(read_header, "header that holds the id of the user (Envoy); empty for none")
    ] = ""
    session_header: Annotated[
        str, Setting(read_header, "header that holds the id of the session (Envoy); empty for none")
    ] = ""
    session_cookie: Annotated[
        str,
        Setting(read_cookie, "cookie whose hash is the id of the session (Envoy); empty for none"),
    ] = ""
    device_header: Annotated[
        str, Setting(read_header, "header that holds the id of the device (Envoy); empty for none")
    ] = ""
    dns_servers: Annotated[
        str,
        Setting(
            read_dns_servers,
            (
                "whom to ask, off the path of requests, whether a bot is the one it claims to be: "
                "system, none, or addresses with commas between"
            ),
        ),
    ] = "system"
    worker: str = "0"
    """Name of this process among the workers; the supervisor sets it."""

    def __post_init__(self) -> None:
        if self.default_budget_ms > self.max_budget_ms:
            raise SettingsError(
                f"--default-budget-ms must not be above --max-budget-ms ({self.max_budget_ms:g}), "
                f"got {self.default_budget_ms:g}"
            )
        if self.store == "memory" and self.workers > 1:
            raise SettingsError(
                f"--store memory counts in one process, so --workers must be 1, "
                f"got {self.workers}; or take --store embedded"
            )

    def to_json(self) -> bytes:
        """The settings as the supervisor hands them to a worker."""
        return msgspec.json.encode(self, enc_hook=str)

    @staticmethod
    def from_json(text: bytes) -> "Settings":
        """The settings that `to_json` wrote."""
        return msgspec.json.decode(text, type=Settings, dec_hook=lambda kind, value: kind(value))


def flag_of(field: str) -> str:
    """The command line's name of a setting."""
    return "--" + field.replace("_", "-")


def variable_of(field: str) -> str:
    """The environment's name of a setting."""
    return "RISKENGINE_" + field.upper()


def described_settings() -> dict[str, Setting]:
    """The fields that have a flag and a variable, in the order of `--help`."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if name != "worker"}


def read_settings(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Settings:
    """Settings from flags (by field name, None where not given) and the environment.

    Raises SettingsError with one line for each value that is not usable.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for field, setting in described_settings().items():
        source, text = flag_of(field), flags.get(field)
        if text is None:
            source = variable_of(field)
            text = environment.get(source)
        if text is None:
            continue
        try:
            values[field] = setting.read(text)
        except ValueError as error:
            mistakes.append(f"{source} {error}, got {text[:80]!r}")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**values)
