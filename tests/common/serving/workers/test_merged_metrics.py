"""Metrics of several processes as one's."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from common.serving.workers.metrics import merged

ONE = """\
# TYPE asked_total counter
asked_total{route="/a"} 3.0
# TYPE seconds histogram
seconds_bucket{le="1.0"} 2.0
seconds_bucket{le="+Inf"} 3.0
seconds_sum 4.5
seconds_count 3.0
# TYPE bizlm_queue_length gauge
bizlm_queue_length 2.0
# TYPE open_tickets gauge
open_tickets 5.0
# TYPE below gauge
below -3.0
"""


def values(text: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(text.decode())
    return {
        f"{one.name}{one.labels.get('le', '')}": one.value
        for family in families
        for one in family.samples
    }


def test_counts_are_added_and_what_all_read_alike_is_not() -> None:
    other = ONE.replace("open_tickets 5.0", "open_tickets 4.0")
    assert values(merged([(ONE, True), (other, True)])) == {
        "asked_total": 6.0,
        "seconds_bucket1.0": 4.0,
        "seconds_bucket+Inf": 6.0,
        "seconds_sum": 9.0,
        "seconds_count": 6.0,
        "bizlm_queue_length": 4.0,
        "open_tickets": 5.0,
        "below": -3.0,
    }


def test_of_a_process_that_ended_the_counts_stay_and_the_gauges_go() -> None:
    found = values(merged([(ONE, False), (ONE, True)]))
    assert found["asked_total"] == 6.0
    assert found["bizlm_queue_length"] == 2.0
    assert "open_tickets" not in values(merged([(ONE, False)]))
