"""Decides whether a newly trained model may take the place of the one that is there."""

from pathlib import Path

from riskengine.behavior.card import Card, read_card
from riskengine.behavior.registry import CARD_FILE
from riskengine.errors import ModelError

WORSE_BY_MAX = 0.005
"""How much lower the mean AUC may be: about what another seed makes of the same data."""


def check_replacement(models: Path, card: Card) -> None:
    """ModelError when `card` is worse than the model of the same name, evaluated on the same data.

    Other data, other features or no labels: nothing to compare, and the newcomer is let in.
    """
    path = models / card.name / CARD_FILE
    if not path.is_file():
        return
    old = read_card(path)
    if old.metrics is None or card.metrics is None or old.metrics.data != card.metrics.data:
        return
    if card.metrics.auc < old.metrics.auc - WORSE_BY_MAX:
        raise ModelError(
            f"the new model is worse than {path.parent}: mean AUC {card.metrics.auc:.4f}, there "
            f"{old.metrics.auc:.4f}, on {card.metrics.data}; --force replaces it all the same"
        )
