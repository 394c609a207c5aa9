import logging
import sys

import msgspec

from riskengine.edge.json_logs import JsonFormatter


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = JsonFormatter("worker-1").format(record)
    assert "\n" not in text
    return msgspec.json.decode(text, type=dict[str, object])


def a_record(**fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "riskengine.x", "levelname": "INFO", **fields})


def test_line_names_time_level_process_and_logger() -> None:
    line = line_of(a_record(msg="hello %s", args=("you",), created=1_700_000_000.25))
    assert line == {
        "at": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "process": "worker-1",
        "logger": "riskengine.x",
        "message": "hello you",
    }


def test_extra_fields_and_values_that_json_does_not_know_are_kept() -> None:
    line = line_of(a_record(msg="x", stage="parameters", problem=ValueError("odd")))
    assert (line["stage"], line["problem"]) == ("parameters", "odd")


def test_stack_trace_stays_on_the_line() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        line = line_of(a_record(msg="x", exc_info=sys.exc_info()))
    assert "ZeroDivisionError" in str(line["error"])
