"""Answers with a lifetime: what is asked again, and what survives a registry that is down."""

from __future__ import annotations

import pytest

from crfs_dav.errors import AccessDenied, CrfsError, NoHost, NotFound, Unavailable
from crfs_dav.images.expiring import Expiring


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Answers given in turn, and a count of the questions."""

    def __init__(self, *answers: int | CrfsError) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, CrfsError):
            raise answer
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(clock: Clock) -> Expiring[str, int]:
    return Expiring(60, clock=clock)


def test_an_answer_is_believed_for_its_lifetime(answers: Expiring[str, int], clock: Clock) -> None:
    source = Source(1)
    answers.get("tag", source)
    clock.now += 59

    assert answers.get("tag", source) == 1
    assert source.asked == 1


def test_an_old_answer_is_asked_again(answers: Expiring[str, int], clock: Clock) -> None:
    source = Source(1, 2)
    answers.get("tag", source)
    clock.now += 60

    assert answers.get("tag", source) == 2


@pytest.mark.parametrize("error", [NotFound("gone"), AccessDenied("no")])
def test_no_is_an_answer_too(answers: Expiring[str, int], error: CrfsError) -> None:
    source = Source(error)

    for _ in range(3):
        with pytest.raises(type(error), match=str(error)):
            answers.get("tag", source)
    assert source.asked == 1


def test_each_raise_has_a_traceback_of_its_own(answers: Expiring[str, int]) -> None:
    raised = []
    for _ in range(2):
        with pytest.raises(NotFound) as caught:
            answers.get("tag", Source(NotFound("gone")))
        raised.append(caught.value)

    assert raised[0] is not raised[1]


@pytest.mark.parametrize("error", [Unavailable("dead"), NoHost("out of reach")])
def test_what_was_seen_outlives_a_registry_that_is_not_reached(
    answers: Expiring[str, int], clock: Clock, error: CrfsError
) -> None:
    source = Source(1, error)
    answers.get("tag", source)
    clock.now += 61

    assert answers.get("tag", source) == 1


def test_a_dead_registry_is_left_alone_for_a_moment(answers: Expiring[str, int], clock: Clock) -> None:
    source = Source(Unavailable("dead", retry_after_seconds=7), 1)
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            answers.get("tag", source)
    asked = source.asked
    clock.now += 5

    assert (asked, caught.value.retry_after_seconds) == (1, 7)
    assert answers.get("tag", source) == 1


def test_not_found_ends_what_was_seen_and_outlives_a_dead_registry_too(
    answers: Expiring[str, int], clock: Clock
) -> None:
    source = Source(1, NotFound("gone"), Unavailable("dead"))
    answers.get("tag", source)
    for _ in range(2):
        clock.now += 61
        with pytest.raises(NotFound):
            answers.get("tag", source)
    assert source.asked == 3


def test_recalling_asks_nobody_and_forgets_nothing(answers: Expiring[str, int], clock: Clock) -> None:
    assert (answers.recall("tag"), answers.peek("tag")) == (None, None)
    assert not answers.has_answer("tag")

    answers.get("tag", Source(1))
    assert answers.has_answer("tag")
    assert answers.peek("tag") == 1
    clock.now += 61
    assert answers.peek("tag") is None

    assert answers.recall("tag") == 1
    assert not answers.has_answer("tag")


def test_somebody_hears_that_an_answer_is_stale(clock: Clock) -> None:
    heard: list[str] = []
    answers: Expiring[str, int] = Expiring(60, on_stale=lambda key, error: heard.append(f"{key}: {error}"), clock=clock)
    answers.get("tag", Source(1))
    clock.now += 61
    answers.get("tag", Source(Unavailable("dead")))

    assert heard == ["tag: dead"]


def test_no_is_known_but_nothing_to_recall(answers: Expiring[str, int]) -> None:
    with pytest.raises(NotFound):
        answers.get("tag", Source(NotFound("gone")))

    assert answers.has_answer("tag")
    assert answers.recall("tag") is None
