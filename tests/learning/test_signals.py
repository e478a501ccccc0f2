import os
import signal

import pytest

from im2latex.learning.signals import REQUESTS, Request, signal_requests


@pytest.mark.parametrize("number", REQUESTS)
def test_a_signal_leaves_a_request_which_is_taken_once(number: signal.Signals) -> None:
    with signal_requests() as requests:
        os.kill(os.getpid(), number)
        request = requests.take()
        assert request is REQUESTS[number]
        assert request.signal == number.name
        assert requests.take() is Request.NOTHING


def test_a_second_sigint_takes_the_first_back(capfd: pytest.CaptureFixture[str]) -> None:
    with signal_requests() as requests:
        for number in (signal.SIGINT, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert requests.take() is Request.NOTHING
    look, back = capfd.readouterr().err.splitlines()
    assert f"kill -TERM {os.getpid()}" in look
    assert back == "SIGINT: taken back"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_request_to_stop_stands_however_often_it_comes(number: signal.Signals, times: int) -> None:
    with signal_requests(aloud=False) as requests:
        for _ in range(times):
            os.kill(os.getpid(), number)
        assert requests.stop
        assert requests.take() is REQUESTS[number]


def test_stopping_goes_before_going_on() -> None:
    with signal_requests(aloud=False) as requests:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        assert requests.take() is Request.VALIDATE_AND_STOP
        assert requests.take() is Request.NOTHING


def test_handlers_return() -> None:
    before = [signal.getsignal(number) for number in REQUESTS]
    with signal_requests(aloud=False):
        pass
    assert [signal.getsignal(number) for number in REQUESTS] == before
