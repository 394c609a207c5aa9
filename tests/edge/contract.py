"""The contract as a flat list of facts. `python -m tests.edge.contract` adds new ones to the list.

What stands in contract.json is a promise to gateways that are already deployed: entries are added
and never changed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from riskengine.v1 import riskengine_pb2 as pb

PROMISED = Path(__file__).with_name("contract.json")
_TYPES = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


def current() -> dict[str, str]:
    """What the generated code says now, by full name."""
    return dict(_facts())


def promised() -> dict[str, str]:
    """What gateways rely on."""
    facts: dict[str, str] = json.loads(PROMISED.read_text())
    return facts


def _facts() -> Iterator[tuple[str, str]]:
    for service in pb.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            asked = "stream " if method.client_streaming else ""
            told = "stream " if method.server_streaming else ""
            asked += method.input_type.full_name
            told += method.output_type.full_name
            yield method.full_name, f"{asked} -> {told}"
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        yield from _fields(message)
    for enum in pb.DESCRIPTOR.enum_types_by_name.values():
        yield from _values(enum)


def _fields(message: Descriptor) -> Iterator[tuple[str, str]]:
    for field in message.fields:
        kind = _TYPES[field.type]
        if field.message_type is not None:
            kind = field.message_type.full_name
        if field.enum_type is not None:
            kind = field.enum_type.full_name
        shape = "repeated " if field.is_repeated else "optional " if field.has_presence else ""
        yield field.full_name, f"{field.number} {shape}{kind}"
    for nested in message.nested_types:
        yield from _fields(nested)


def _values(enum: EnumDescriptor) -> Iterator[tuple[str, str]]:
    for value in enum.values:
        yield f"{enum.full_name}.{value.name}", str(value.number)


if __name__ == "__main__":
    PROMISED.write_text(
        json.dumps({**current(), **(promised() if PROMISED.exists() else {})}, indent=1) + "\n"
    )
