"""`riskengine limits import`: rules from descriptor files of envoyproxy/ratelimit."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from riskengine.analyst.envoy_descriptors import read_domains
from riskengine.analyst.envoy_import import Imported, import_descriptors
from riskengine.errors import InputError


def import_(
    files: Annotated[list[Path], typer.Argument(help="Descriptor files of envoyproxy/ratelimit.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the rules; without it, to the terminal.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what stands at --out.")] = False,
    namespace: Annotated[
        str | None,
        typer.Option(
            help="Namespace of the rules in place of the domain; '' for every namespace.",
            show_default=False,
        ),
    ] = None,
    merge_domains: Annotated[
        bool, typer.Option("--merge-domains", help="Let several files add to one domain.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report for programs.")] = False,
) -> None:
    """Write limit rules that count what descriptor files of envoyproxy/ratelimit count.

    What has no equal here stands as a comment in the rules and as a note on stderr. Exit codes:
    0 done, 2 bad arguments, 3 a file is not valid or cannot be said in rules; nothing is written.
    """
    if out is not None and out.exists() and not force:
        raise InputError(f"{out}: is there already; --force replaces it, or give another --out")
    domains = read_domains(files, merge=merge_domains)
    imported = import_descriptors(domains, namespace=namespace, target=out or Path("limits.yaml"))
    if out is not None:
        _write(out, imported.text)
    if as_json:
        typer.echo(_report(imported, out))
        return
    for note in imported.notes:
        typer.echo(f"{note.source}: {note.text}", err=True)
    typer.echo(f"{imported.rules} rules, {len(imported.notes)} notes", err=True)
    if out is None:
        typer.echo(imported.text, nl=False)


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from None


def _report(imported: Imported, out: Path | None) -> str:
    notes = [{"source": note.source, "text": note.text} for note in imported.notes]
    report = {
        "rules": imported.rules,
        "notes": notes,
        "out": None if out is None else str(out),
        "text": imported.text if out is None else None,
    }
    return msgspec.json.format(msgspec.json.encode(report)).decode()
