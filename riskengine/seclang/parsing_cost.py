"""What taking a request apart costs, in the units of its scan budget: bytes, and a little a value.

It depends on the request alone: what is remembered of earlier ones changes nothing.
"""

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX
from riskengine.seclang.cookies import COOKIES_MAX
from riskengine.seclang.evaluation import VALUE_COST

TOO_MANY = 1 << 61
"""What more values come to than are read: more than any budget, so that nothing hides there."""


def query_cost(query: str) -> int:
    """Of a query: of more than 1 000 arguments, only these are looked at."""
    return _cost(len(query), query.count("&") + 1, ARGUMENTS_MAX) if query else 0


def cookies_cost(header: str) -> int:
    """Of one Cookie header: of more than 256 cookies, only these are looked at."""
    return _cost(len(header), header.count(";") + 1, COOKIES_MAX)


def body_cost(size: int, values: int) -> int:
    """Of a body, unpacked; that it holds too many values is a reason of its own."""
    return size + values * VALUE_COST


def _cost(size: int, values: int, most: int) -> int:
    return TOO_MANY if values > most else size + values * VALUE_COST
