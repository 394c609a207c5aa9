"""What can keep a call from being made, named for what the caller can do about it."""

from riskengine.errors import RiskEngineError


class DownstreamError(RiskEngineError):
    """Root of the errors of this package."""


class ConnectError(DownstreamError):
    """No connection to the endpoint could be opened; another endpoint may do."""


class NotProcessedError(DownstreamError):
    """The service refused the call unread; making it again is safe."""


class LostError(DownstreamError):
    """The connection broke midway; nobody knows whether the service did what was asked."""


class PoolTimeoutError(DownstreamError):
    """No connection became free before the call's deadline."""


class PoolFullError(DownstreamError):
    """As many callers as allowed already wait for a connection; come back later."""


class ClosedError(DownstreamError):
    """The pool, the workers or the client are closed, or draining."""


class NoEndpointError(DownstreamError):
    """The service has no endpoint at all."""


class QueueFullError(DownstreamError):
    """The workers have as much waiting as they may; come back later."""


class StaleError(DownstreamError):
    """The work waited too long to be worth doing and was dropped."""


class RejectedError(DownstreamError):
    """A guard (a breaker, a limit of concurrency) refused the call before it was sent."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class DiscoveryError(DownstreamError):
    """The list of endpoints cannot be read; the message names source and line."""


class TlsError(DownstreamError):
    """A certificate or key cannot be used; the message names the file."""
