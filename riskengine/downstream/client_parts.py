"""What a client is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from riskengine.downstream.balancer import Balancer
from riskengine.downstream.call import Judge
from riskengine.downstream.guards import Guard, Watch
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.judging import judge_errors_only
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.runner import Once, Runner
from riskengine.downstream.slow_start import SlowStart


@dataclass(frozen=True)
class ClientParts:
    """What a client is made of; whatever is not named takes the sensible default."""

    limits: PoolLimits = field(default_factory=PoolLimits)
    judge: Judge = judge_errors_only
    balancer: Callable[[InFlight, SlowStart], Balancer] | None = None
    """Makes the balancer of one priority; power of two choices if None."""
    panic_below: float = 0.5
    zone: str = ""
    """Where the client runs: endpoints of that zone are preferred, while they can carry it."""
    slow_start_s: float = 30.0
    watches: Sequence[Watch] = ()
    guards: Sequence[Guard] = ()
    runner: Runner = field(default_factory=Once)
