"""The application over stand-ins, called in this process or over a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from im2latex.serving.app import create_app
from im2latex.serving.backend import Engine
from im2latex.serving.hosts import AllowedHosts
from im2latex.serving.limits import Limits
from im2latex.serving.server import Server, configuration, listener
from tests.fakes import FakeRenderer
from tests.serving.fakes import FakePredictor

Open = Callable[[FastAPI, Limits], AbstractContextManager[int]]


@pytest.fixture
def reader() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def client(reader: FakePredictor) -> Iterator[TestClient]:
    app = create_app(Engine(reader, FakeRenderer(), checkpoint="abc"), Limits(body_mb=1, pixels=1_000_000))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(app: FastAPI, limits: Limits) -> Iterator[int]:
    """A real server on a free port, in a thread of this process; yields the port."""
    config = configuration(app, limits, AllowedHosts("127.0.0.1", ["x"]))
    server = Server(config, app.state.admission)
    listening_socket = listener("127.0.0.1", 0)
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
