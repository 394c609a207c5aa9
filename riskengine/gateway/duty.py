"""What a worker of a gateway is to do: its supervisor says it in one line."""

from pathlib import Path

import msgspec

from riskengine.gateway.config import read_config
from riskengine.gateway.config_model import GatewayFile


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as it was read when the supervisor began, and what is shared."""

    path: str
    """The file, absolute: relative paths in it begin there, and mistakes name it."""
    content: str
    listen: str
    """HOST:PORT in numbers, shared by all workers."""
    store: str
    """Where hits are counted: never `embedded`, whose server is the supervisor's."""
    stdout: int
    """The open file that is the supervisor's standard output."""
    worker: str

    @property
    def directory(self) -> Path:
        """Where relative paths begin."""
        return Path(self.path).parent

    def config(self) -> GatewayFile:
        """The configuration; what is shared stands in place of what the file says."""
        config = read_config(Path(self.path), self.content.encode())
        engine = config.engine.model_copy(update={"store": self.store})
        return config.model_copy(
            update={"listen": self.listen, "engine": engine, "admin_listen": None}
        )

    def encoded(self) -> bytes:
        """One line."""
        return msgspec.json.encode(self)


def read_duty(line: bytes) -> Duty:
    """What `encoded` wrote."""
    return msgspec.json.decode(line, type=Duty)
