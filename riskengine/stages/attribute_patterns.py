"""Whether the attributes of a request fit the patterns of a limit."""

from collections.abc import Callable

from riskengine.inspection import Inspection
from riskengine.ruleset.limits import LimitMatch
from riskengine.ruleset.wildcards import Wildcard


def read_attribute_patterns(match: LimitMatch) -> Callable[[Inspection], bool] | None:
    """Whether a request fits `attributes_like` and `attributes_unlike`; None when none are asked.

    A missing attribute is like nothing, and unlike everything.
    """
    like = [(name, Wildcard(text)) for name, text in match.attributes_like.items()]
    unlike = [
        (name, Wildcard(text)) for name, texts in match.attributes_unlike.items() for text in texts
    ]
    if not like and not unlike:
        return None

    def fits(inspection: Inspection) -> bool:
        attributes = inspection.request.attributes
        return all(
            name in attributes and pattern.matches(attributes[name]) for name, pattern in like
        ) and not any(
            name in attributes and pattern.matches(attributes[name]) for name, pattern in unlike
        )

    return fits
