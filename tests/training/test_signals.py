import errno
import os
import signal

import pytest

from im2latex.training.signals import REQUESTS, Request, commands, signal_requests


@pytest.mark.parametrize("number", REQUESTS)
def test_a_signal_leaves_a_request_which_is_taken_once(number: signal.Signals) -> None:
    with signal_requests() as requests:
        os.kill(os.getpid(), number)
        request = requests.pop()
        assert request is REQUESTS[number]
        assert request.signal == number.name
        assert requests.pop() is Request.NOTHING


def test_a_second_sigint_cancels_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    with signal_requests() as requests:
        for number in (signal.SIGINT, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert requests.pop() is Request.NOTHING
    look, back = capfd.readouterr().err.splitlines()
    assert f"kill -TERM {os.getpid()}" in look
    assert back == "SIGINT: cancelled"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_repeated_request_to_stop_stays_in_force(number: signal.Signals, times: int) -> None:
    with signal_requests(aloud=False) as requests:
        for _ in range(times):
            os.kill(os.getpid(), number)
        assert requests.stop
        assert requests.pop() is REQUESTS[number]


def test_stopping_goes_before_going_on() -> None:
    with signal_requests(aloud=False) as requests:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        assert requests.pop() is Request.VALIDATE_AND_STOP
        assert requests.pop() is Request.NOTHING


def test_handlers_return() -> None:
    before = [signal.getsignal(number) for number in REQUESTS]
    with signal_requests(aloud=False):
        pass
    assert [signal.getsignal(number) for number in REQUESTS] == before


def test_a_hang_up_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with signal_requests(aloud=False) as requests:
            os.kill(os.getpid(), signal.SIGHUP)
            assert requests.pop() is Request.NOTHING
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_answer_to_a_terminal_that_has_gone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("im2latex.training.signals.os.write", gone)
    with signal_requests() as requests:
        os.kill(os.getpid(), signal.SIGHUP)
        assert requests.pop().stops


def test_the_commands_name_this_process() -> None:
    assert all(f"kill -{name} {os.getpid()}" in commands() for name in ("TERM", "USR1", "INT"))
