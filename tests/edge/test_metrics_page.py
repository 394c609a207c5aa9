from prometheus_client.parser import text_string_to_metric_families

from riskengine.edge.metrics_page import merge_pages
from riskengine.records.metrics import Metrics

PAGE = (
    "# HELP hits_total Hits.\n# TYPE hits_total counter\n"
    'hits_total{rule="a"} 1.0\nhits_total{rule="b}"} 2.0\n'
    "# HELP busy Busy.\n# TYPE busy gauge\nbusy 3.0\n"
)


def test_samples_carry_their_worker_and_families_stay_together() -> None:
    assert merge_pages({"0": PAGE, "1": PAGE}).splitlines() == [
        "# HELP hits_total Hits.",
        "# TYPE hits_total counter",
        'hits_total{worker="0",rule="a"} 1.0',
        'hits_total{worker="0",rule="b}"} 2.0',
        'hits_total{worker="1",rule="a"} 1.0',
        'hits_total{worker="1",rule="b}"} 2.0',
        "# HELP busy Busy.",
        "# TYPE busy gauge",
        'busy{worker="0"} 3.0',
        'busy{worker="1"} 3.0',
    ]


def test_no_workers_make_an_empty_page() -> None:
    assert merge_pages({}) == ""


def test_real_metrics_stay_readable_when_merged() -> None:
    pages = {worker: Metrics().exposition().decode() for worker in ("0", "1")}
    families = list(text_string_to_metric_families(merge_pages(pages)))
    latency = [f for f in families if f.name == "riskengine_decision_latency_seconds"]
    assert len(latency) == 1
    assert {sample.labels["worker"] for sample in latency[0].samples} == {"0", "1"}
