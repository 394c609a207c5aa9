"""What can answer in place of a service: a cached answer, a fixed one, an empty one."""

from collections.abc import Awaitable, Callable

from riskengine.downstream.features import Fallback


def static(answer: object) -> Fallback:
    """Always `answer`; it is shared, so it should not be changed."""

    async def _static(_key: object) -> object:
        return answer

    return _static


def empty(make: Callable[[], object] = list) -> Fallback:
    """A new empty answer each time: `make()`."""

    async def _empty(_key: object) -> object:
        return make()

    return _empty


def cached(look_up: Callable[[object], Awaitable[object | None]], otherwise: Fallback) -> Fallback:
    """What `look_up(key)` still holds, however old; `otherwise` where that is None."""

    async def _cached(key: object) -> object:
        held = await look_up(key)
        return await otherwise(key) if held is None else held

    return _cached
