"""The small service as a worker process."""

import sys

from riskengine.edge.worker import run_worker
from tests.edge.small_service import open_small_service

if __name__ == "__main__":
    sys.exit(run_worker(open_small_service))
