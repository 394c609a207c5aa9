"""How often Python looks for garbage that refers to itself."""

import gc


def collect_rarely() -> None:
    """Collect cycles rarely, and never look at what was there from the start.

    For processes that do nothing but decide: requests and decisions make no cycles, but each batch
    allocates enough to set off the collector several times, a sixth of the time in the funnel.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
