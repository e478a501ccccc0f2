import os
import select
import threading

import pytest

from im2latex.parallel import cancellation
from im2latex.parallel.cancellation import CallCancelledError, Cancellation


def test_a_call_that_waits_is_woken_and_one_that_checks_is_ended() -> None:
    cancelled = Cancellation()
    raised: list[str] = []
    begun = threading.Event()

    def wait() -> None:
        source, target = os.pipe()
        begun.set()
        with cancelled.active(), pytest.raises(CallCancelledError):
            cancellation.ready(source, select.POLLIN, 60)
        raised.append("waited")
        with cancelled.active(), pytest.raises(CallCancelledError):
            cancellation.check()
        raised.append("checked")
        cancellation.check()  # no longer its call
        for descriptor in (source, target):
            os.close(descriptor)

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(10)
    cancelled.cancel()
    cancelled.cancel()
    thread.join(10)
    assert raised == ["waited", "checked"]


def test_what_is_ready_is_not_cancelled_and_nothing_is_waited_for_without_time() -> None:
    source, target = os.pipe()
    cancelled = Cancellation()
    cancelled.cancel()
    with cancelled.active():
        assert not cancellation.ready(source, select.POLLIN, 0)
        os.write(target, b"x")
        assert cancellation.ready(source, select.POLLIN, 60)
        os.read(source, 1)
        with pytest.raises(CallCancelledError):
            cancellation.ready(source, select.POLLIN, 60)
    assert not cancellation.ready(source, select.POLLIN, 0.01)
    for descriptor in (source, target):
        os.close(descriptor)
