"""XML bodies: the text and the attributes, never an entity."""

from xml.parsers import expat

from riskengine.seclang.bodies_contract import (
    ARGUMENTS_MAX,
    DEPTH_MAX,
    BodyError,
    BodyValues,
)


class _StopError(Exception):
    """Ends the parse from inside a callback."""

    def __init__(self, error: BodyError, detail: str) -> None:
        super().__init__(detail)
        self.error: BodyError = error


def parse_xml(body: bytes) -> BodyValues:
    """All text and all attribute values, in order.

    A document that declares an entity is not read any further (`entities`): nothing expands,
    nothing is fetched. The text of one that cannot be read is the body, so that it is inspected.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except _StopError as stop:
        return reader.values(body, stop.error, str(stop))
    except expat.ExpatError as error:
        return reader.values(body, "malformed", str(error))
    except (LookupError, ValueError) as error:  # an encoding that Python does not know
        return reader.values(body, "encoding", str(error))
    return reader.values(b"", "", "")


class _Reader:
    """Collects what expat meets."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._attributes: list[str] = []
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.EntityDeclHandler = self._refuse_entity
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._texts.append

    def values(self, body: bytes, error: BodyError, detail: str) -> BodyValues:
        """What was read; the text of an unreadable document is `body`."""
        text = "".join(self._texts).encode("utf-8", "surrogatepass")
        attributes = [value.encode("utf-8", "surrogatepass") for value in self._attributes]
        return BodyValues(
            "XML",
            xml_text=body or text,
            xml_attributes=tuple(attributes),
            error=error,
            detail=detail,
        )

    def _start(self, name: str, attributes: list[str]) -> None:
        del name
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _StopError("too_deep", f"nested more than {DEPTH_MAX} deep")
        self._attributes.extend(attributes[1::2])
        if len(self._attributes) > ARGUMENTS_MAX:
            raise _StopError("too_many", f"more than {ARGUMENTS_MAX} attributes")

    def _end(self, name: str) -> None:
        del name
        self._depth -= 1

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise _StopError("entities", f"declares the entity {name[:64]!r}")
