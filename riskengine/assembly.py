"""Builds an engine from settings: the one list of what a serving process is made of."""

import os
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from riskengine.behavior.features import NAMES
from riskengine.behavior.model import Model
from riskengine.behavior.registry import load_model
from riskengine.clock import Clock
from riskengine.engine import Engine, Loaded
from riskengine.origin.resolver import open_resolver
from riskengine.origin.verification import BotVerifier
from riskengine.records.address_metrics import BanState, list_states
from riskengine.records.decision_log import DecisionLog
from riskengine.records.metrics import Metrics
from riskengine.records.recording import Records
from riskengine.ruleset.list_cache import ListCache
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.ruleset import Ruleset
from riskengine.settings import Settings
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.counters import Counters
from riskengine.store.hot_keys import HotKeys
from riskengine.store.open import open_bans, open_counters
from riskengine.store.shared import SharedCounters
from riskengine.store.watched import WatchedCounters


def load(rules: Path, models: Path, cache: ListCache | None = None) -> Loaded:
    """Rules, and the model they ask for; RulesetError or ModelError name every mistake."""
    ruleset = load_ruleset(rules, cache)
    return Loaded(ruleset, model_of(ruleset, models))


def model_of(ruleset: Ruleset, models: Path) -> Model | None:
    """The model that the rules ask for; None where they ask for none."""
    name = ruleset.behavior.model
    return load_model(models, name) if name else None


def open_engine(settings: Settings, *, clock: Clock, metrics: Metrics) -> Engine:
    """The engine of one worker process; `metrics` is told of everything it does.

    `settings.store` names a server that is already up, or `memory`.
    """
    cache = ListCache()
    loaded = load(settings.rules, settings.models, cache)
    counters = open_counters(
        settings.store,
        clock=clock,
        timeout_s=settings.store_timeout_ms / 1_000,
        processes=settings.workers,
    )
    if isinstance(counters, SharedCounters):
        metrics.store_state = lambda: "closed" if counters.away_s is None else "open"
        metrics.spared_requests = lambda: counters.denials.spared
        metrics.processes = lambda: counters.census.processes
    bans = BanFeed(open_bans(settings.store, clock=clock), BanBook(), clock)
    engine = Engine(
        loaded.ruleset,
        model=loaded.model,
        counters=_watched(counters, settings),
        clock=clock,
        believe_received_at=settings.clock == "request",
        records=[metrics, *_decision_log(settings, clock, metrics)],
        reloader=lambda: load(settings.rules, settings.models, cache),
        share=_share_of(counters),
        local=counters.local if isinstance(counters, SharedCounters) else None,
        default_budget_s=settings.default_budget_ms / 1_000,
        max_budget_s=settings.max_budget_ms / 1_000,
        gather_s=settings.gather_ms / 1_000,
        bans=bans,
        verifier=BotVerifier(open_resolver(settings.dns_servers), clock),
    )
    metrics.lists = lambda: list_states(engine.ruleset, clock.now())
    metrics.bans = lambda: BanState(len(bans.book), bans.age_s)
    return engine


def _share_of(counters: Counters) -> Callable[[], float]:
    """This process's part of a limit while the store is away: one of as many as share the store."""
    if isinstance(counters, SharedCounters):
        census = counters.census
        return lambda: census.share
    return lambda: 1.0


def _watched(counters: Counters, settings: Settings) -> Counters:
    """Counters of a shared store, watched for `riskengine limits top`."""
    if settings.store == "memory":
        return counters
    process = f"{socket.gethostname()}-{os.getpid()}"
    return WatchedCounters(counters, HotKeys(settings.store, process=process))


def _decision_log(settings: Settings, clock: Clock, metrics: Metrics) -> list[Records]:
    if settings.log_dir is None:
        return []
    key_file = settings.log_hash_key_file
    log = DecisionLog(
        settings.log_dir,
        clock=clock,
        worker=settings.worker,
        max_segment_bytes=settings.log_segment_bytes,
        max_segment_age_s=settings.log_segment_age_s,
        max_total_bytes=settings.log_max_bytes,
        queue_size=settings.log_queue,
        hash_key=key_file.read_bytes() if key_file else None,
        features_version=features_version(),
    )
    metrics.log_counts = lambda: log.counts
    return [log]


def features_version() -> str:
    """Names the list of features that logged vectors follow."""
    return sha256(",".join(NAMES).encode()).hexdigest()[:12]
