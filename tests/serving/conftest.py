"""The application with a fake predictor and renderer, called in this process or through a socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from im2latex.serving.middleware import AllowedHosts
from im2latex.serving.server import Server, open_socket, server_config
from tests.fakes import FakeRenderer
from tests.serving.fakes import FakePredictor

Open = Callable[[FastAPI, ServerLimits], AbstractContextManager[int]]


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def client(predictor: FakePredictor) -> Iterator[TestClient]:
    app = create_app(
        Backend(predictor, FakeRenderer(), checkpoint="abc"), ServerLimits(max_body_mb=1, max_pixels=1_000_000)
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(app: FastAPI, limits: ServerLimits) -> Iterator[int]:
    """A real server on a free port, in a thread of this process; yields the port."""
    config = server_config(app, limits, AllowedHosts("127.0.0.1", ["x"]))
    server = Server(config, app.state.admission)
    listening_socket = open_socket("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening_socket],))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield listening_socket.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()
