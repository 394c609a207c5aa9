import logging

import pytest

from riskengine.edge.method_table import CallError, MethodTable, Status, failure_of
from riskengine.errors import (
    DeadlineError,
    InvalidRequestError,
    OverloadedError,
    RiskEngineError,
    StoreError,
)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InvalidRequestError("path", "odd"), Status.INVALID_ARGUMENT, "path: odd"),
        (DeadlineError("late"), Status.DEADLINE_EXCEEDED, "late"),
        (OverloadedError("full"), Status.RESOURCE_EXHAUSTED, "full"),
        (StoreError("away"), Status.UNAVAILABLE, "away"),
        (RiskEngineError("other"), Status.UNAVAILABLE, "other"),
        (CallError(Status.NOT_FOUND, "none"), Status.NOT_FOUND, "none"),
    ],
)
def test_status_of(error: Exception, status: Status, message: str) -> None:
    failure = failure_of(error, "/a/B")
    assert (failure.status, failure.message) == (status, message)


def test_unexpected_error_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        failure = failure_of(KeyError("secret"), "/a/B")
    assert failure.status == Status.INTERNAL
    assert "secret" not in failure.message
    assert [vars(record)["method"] for record in caplog.records] == ["/a/B"]


def test_tables_join() -> None:
    async def method(message: bytes, call: object) -> bytes:
        return message

    joined = MethodTable(unary={"/a/B": method}) | MethodTable(unary={"/c/D": method})
    assert set(joined.unary) == {"/a/B", "/c/D"}
