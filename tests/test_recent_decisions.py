from riskengine.recent_decisions import RecentDecisions


def test_the_latest_sixty_thousand_decisions_are_remembered_and_older_ones_are_not() -> None:
    recent = RecentDecisions()
    for start in range(0, 100_000, 100):
        recent.add((str(number), f"key {number % 7}") for number in range(start, start + 100))
    assert recent.profile_key("99999") == f"key {99_999 % 7}"
    assert recent.profile_key("40000") == f"key {40_000 % 7}"
    assert recent.profile_key("30000") is None


def test_a_decision_that_nobody_took_has_no_profile() -> None:
    assert RecentDecisions().profile_key("1") is None
