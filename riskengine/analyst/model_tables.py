"""A model's card as people read it."""

from rich.console import Console
from rich.table import Table

from riskengine.behavior.card import Card


def tell_model(console: Console, card: Card) -> None:
    """Print what a model was made from, how well it did, and which thresholds it recommends."""
    console.print(f"[bold]{card.name}[/]  {card.kind}, sha256 {card.sha256[:12]}")
    console.print(
        f"from {card.created_from}: {card.rows} rows of {card.clients} clients", soft_wrap=True
    )
    for verdict, advice in card.recommended.items():
        console.print(
            f"recommended to {verdict} from {advice.threshold:g}: hits "
            f"{100 * advice.false_positive_rate:.3f} % of good requests, "
            f"{100 * advice.clients_hit_rate:.2f} % of good clients",
            soft_wrap=True,
        )
    if card.metrics is not None:
        console.print(f"evaluated on {card.metrics.data}; mean AUC {card.metrics.auc:.3f}")
        console.print(_kinds(card))


def _kinds(card: Card) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    shares = [f"{v}\n{what}" for v in card.recommended for what in ("req. %", "cl. %")]
    for heading in ("clients", "scored", "AUC", *shares):
        table.add_column(heading, justify="right", no_wrap=True)
    kinds = card.metrics.kinds if card.metrics else {}
    for name, kind in sorted(kinds.items(), key=lambda item: (not item[1].bad, item[0])):
        recalls = [
            share.get(name)
            for advice in card.recommended.values()
            for share in (advice.recall, advice.clients_caught)
        ]
        table.add_row(
            f"[{'red' if kind.bad else 'green'}]{name}",
            str(kind.clients),
            str(kind.clients_scored),
            "" if kind.auc is None else f"{kind.auc:.3f}",
            *("" if recall is None else f"{100 * recall:.1f}" for recall in recalls),
        )
    return table
