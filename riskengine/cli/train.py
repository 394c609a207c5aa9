"""`riskengine train`: a new model from simulated or logged traffic."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from riskengine.analyst.crowds import into_crowds
from riskengine.analyst.gate import check_replacement
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.model_tables import tell_model
from riskengine.analyst.simulate import simulate
from riskengine.analyst.train import Source, Trained
from riskengine.analyst.train import train as train_model
from riskengine.analyst.training_traffic import Sight, look_at, simulated
from riskengine.behavior.registry import check_name, save_model
from riskengine.errors import SettingsError
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.ruleset import Ruleset


def train(
    name: Annotated[str, typer.Option(help="Name of the model, a directory under --models.")],
    log: Annotated[
        list[Path] | None,
        typer.Option(help="Traffic to learn from: any log that replay reads. May be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulation and of the training.")] = 1,
    minutes: Annotated[float, typer.Option(help="Simulated minutes, without --log.")] = 30.0,
    scale: Annotated[float, typer.Option(help="Simulated crowd, without --log.")] = 5.0,
    rules: Annotated[Path, typer.Option(help="Directory of the rule files.")] = Path("rules"),
    models: Annotated[Path, typer.Option(help="Directory of the models.")] = Path("models"),
    force: Annotated[bool, typer.Option(help="Replace a model even by a worse one.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Learn from traffic what ordinary clients do, evaluate it, and save model and card.

    Without --log it learns from simulated traffic. Whoever is labelled bad is not learned from.
    """
    check_name(name)
    ruleset = _without_model(load_ruleset(rules))
    console = Console(stderr=True)
    with console.status("Watching traffic and growing trees ..."):
        readers = [LogReader(path) for path in log or ()]
        source = (
            _logged(log, readers, ruleset) if log else _simulated(seed, minutes, scale, ruleset)
        )
        trained = train_model(
            source, name=name, seed=seed, min_requests=ruleset.behavior.min_requests
        )
    _tell_malformed(readers)
    if not force:
        check_replacement(models, trained.card)
    folder = save_model(models, trained.data, trained.card)
    _tell(trained, folder, as_json=json)


def _without_model(ruleset: Ruleset) -> Ruleset:
    """The same rules, with nobody scored: what is to be trained need not exist yet."""
    unscored = ruleset.behavior.model_copy(update={"model": None, "thresholds": ()})
    return replace(ruleset, behavior=unscored)


def _at_every_request(ruleset: Ruleset) -> Ruleset:
    """The same rules, but clients are looked at between their actions too: a forest sees more."""
    return replace(ruleset, behavior=ruleset.behavior.model_copy(update={"assets_per_score": 1}))


def _simulated(seed: int, minutes: float, scale: float, ruleset: Ruleset) -> Source:
    def sights(own_seed: int, rules: Ruleset) -> Iterator[Sight]:
        lines = simulate(own_seed, minutes=minutes, scale=scale)
        return look_at(simulated(into_crowds(lines)), rules)

    about = "riskengine simulate --seed {} " + f"--minutes {minutes:g} --scale {scale:g}, in crowds"
    seen, judged = sights(seed, _at_every_request(ruleset)), sights(seed + 1, ruleset)
    return Source(seen, about.format(seed), judged, about.format(seed + 1))


def _logged(paths: list[Path], readers: list[LogReader], ruleset: Ruleset) -> Source:
    entries = merge(*readers, key=attrgetter("at"))
    names = ", ".join(f"{path.name} (sha256 {_digest(path)})" for path in paths)
    return Source(look_at(entries, _at_every_request(ruleset)), names)


def _digest(path: Path) -> str:
    if path.is_dir():
        raise SettingsError(f"--log {path}: must be a file; give the segments one by one")
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:12]


def _tell_malformed(readers: list[LogReader]) -> None:
    """Name the first line of each file that was left out because it could not be read."""
    for reader in readers:
        for bad in reader.malformed[:1]:
            left_out = f"left out, {reader.counts.malformed} such line(s)"
            typer.echo(f"{bad.file}:{bad.line}: {bad.reason}; {left_out}", err=True)


def _tell(trained: Trained, folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(trained.card).decode())
        return
    console = Console()
    tell_model(console, trained.card)
    console.print(f"Saved in {folder} ({len(trained.data) / 1e6:.1f} MB).", soft_wrap=True)
