"""How those who want to know are told that an endpoint has gone or come back."""

from collections.abc import Callable

from riskengine.downstream.endpoint import Endpoint

OnChange = Callable[[Endpoint, bool], None]
"""Called with False when an endpoint goes, with True when it comes back."""


def no_change(_endpoint: Endpoint, _up: bool) -> None:
    """Nobody wants to know."""


def tell_all(*listeners: OnChange) -> OnChange:
    """One listener that tells `listeners` in order."""

    def tell(endpoint: Endpoint, up: bool) -> None:
        for listener in listeners:
            listener(endpoint, up)

    return tell
