"""How much may be tried again: a share of the calls, so that retries never multiply an outage."""


class RetryBudget:
    """Each call pays in `share`; each retry and each hedge takes one.

    At any moment retries <= `share` x calls + `reserve`, so load grows at most 1 + `share` times.
    """

    def __init__(self, *, share: float = 0.1, bank: float = 100.0, reserve: float = 0.0) -> None:
        """At most `bank` retries are saved up from quiet times; `reserve` are there from the start.

        A reserve lets a service with few calls retry at all; the bound then holds but for it.
        """
        self._share = share
        self._bank = bank
        self._balance = min(reserve, bank)
        self.calls = 0
        self.spent = 0
        self.refused = 0
        """Retries that could not be paid."""

    def __repr__(self) -> str:
        return f"<RetryBudget {self._balance:.1f} left, {self.spent} spent on {self.calls} calls>"

    def deposit(self) -> None:
        """A call, not a retry, was made."""
        self.calls += 1
        self._balance = min(self._bank, self._balance + self._share)

    def withdraw(self) -> bool:
        """Take one retry; False when it cannot be paid."""
        # Ten times 0.1 is a little less than 1 in floating point.
        if self._balance < 1.0 - 1e-9:
            self.refused += 1
            return False
        self._balance = max(0.0, self._balance - 1.0)
        self.spent += 1
        return True
