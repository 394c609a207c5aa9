from riskengine.seclang.kept import Kept


def test_an_answer_is_kept_by_what_it_is_about() -> None:
    kept: Kept[str] = Kept()
    assert kept.keep("/cart", (0b101, 60), 5) == (0b101, 60)
    assert kept.get("/cart") == (0b101, 60)


def test_what_is_long_is_not_kept() -> None:
    kept: Kept[str] = Kept()
    assert kept.keep("q" * 5_000, (1, 5_000), 5_000) == (1, 5_000)
    assert kept.get("q" * 5_000) is None


def test_all_is_forgotten_before_it_takes_more_than_its_room() -> None:
    kept: Kept[int] = Kept()
    for number in range(100_000):
        kept.keep(number, (0, 0), 1_000)
    assert 0 < len(kept.known) < 7_000
    assert kept.get(99_999) == (0, 0)
