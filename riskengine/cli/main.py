"""The `riskengine` command: finds the subcommand, and turns errors into one readable line."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

import typer

from riskengine.errors import RiskEngineError, RulesetError

# Each subcommand is imported only when it is the one that runs: `serve` loads no training library,
# and `--version` loads nothing.
COMMANDS = {
    "serve": "riskengine.cli.serve:serve",
    "check": "riskengine.cli.check:check",
    "schema": "riskengine.cli.check:schema",
    "lists": "riskengine.cli.lists:lists",
    "bans": "riskengine.cli.bans:bans",
    "replay": "riskengine.cli.replay:replay",
    "explain": "riskengine.cli.explain:explain",
    "signatures": "riskengine.cli.signatures:signatures",
    "train": "riskengine.cli.train:train",
    "models": "riskengine.cli.models:models",
    "limits": "riskengine.cli.limits:limits",
    "simulate": "riskengine.cli.simulate:simulate",
    "gateway": "riskengine.cli.gateway:gateway",
    "demo": "riskengine.cli.demo:demo",
    "demo-envoy": "riskengine.cli.demo_envoy:demo_envoy",
}
BAD_RULES, BAD_ARGUMENTS = 3, 2
_EXTRAS = {"train": "train", "demo-envoy": "envoy"}


def main() -> NoReturn:
    """Run the command line; exit codes are those of docs/cli.md."""
    named = [word for word in sys.argv[1:2] if word in COMMANDS]
    try:
        _app(named or list(COMMANDS))()
    except RulesetError as error:
        _fail(f"{error}\n{len(error.mistakes)} mistake(s); nothing was loaded", BAD_RULES)
    except RiskEngineError as error:
        _fail(f"riskengine: {error}", BAD_ARGUMENTS)
    except BrokenPipeError:
        _fail("", BAD_ARGUMENTS)
    sys.exit(0)


def _app(names: list[str]) -> typer.Typer:
    app = typer.Typer(
        name="riskengine",
        help="A traffic funnel: gateways ask, it answers allow, throttle or deny.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)  # for --version alone
    for name in names:
        command = _load(name) if len(names) == 1 else _load_to_list(name)
        if isinstance(command, typer.Typer):  # a command with commands of its own
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"riskengine {installed('riskengine')}")
        raise typer.Exit


def _load(name: str) -> Callable[..., None] | typer.Typer:
    """The command's function, or its group of commands; RiskEngineError says what to install."""
    module, function = COMMANDS[name].split(":")
    try:
        command: Callable[..., None] | typer.Typer = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("riskengine"):
            raise
        library, extra = error.name.partition(".")[0], _EXTRAS.get(name, "dev")
        raise RiskEngineError(
            f"`riskengine {name}` needs {library}: pip install 'riskengine[{extra}]'"
        ) from None
    return command


def _load_to_list(name: str) -> Callable[..., None] | typer.Typer:
    """The command's function, or one that stands in its place in a list of commands."""
    try:
        return _load(name)
    except RiskEngineError as error:
        return _unavailable(str(error))


def _unavailable(why: str) -> Callable[..., None]:
    def command() -> None:
        raise RiskEngineError(why)

    command.__doc__ = why
    return command


def _fail(message: str, code: int) -> NoReturn:
    if message:
        typer.echo(message, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
