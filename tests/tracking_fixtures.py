"""Fixtures for tests of whyrelu.tracking: an MLflow, and servers that misbehave."""

import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from whyrelu.tracking.synchronisation import Synchroniser

from tracking_lab import REFUSING, Lab


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    # what a process leaves that was killed while it made one
    for left in ("partial", "partial-journal"):
        path.with_name(f"mlflow.db.{left}").write_bytes(b"half of a database")
    Synchroniser(f"sqlite:///{path}", path.parent).prepare()
    return path


@pytest.fixture
def lab(tmp_path: Path, empty_database: Path) -> Iterator[Lab]:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    yield Lab(tmp_path)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dropping_server() -> Iterator[str]:
    """A server that takes a request and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def refusing_server() -> str:
    """Nothing listens there."""
    return REFUSING


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is no MLflow."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Refusal(BaseHTTPRequestHandler):
    """Answers that there is no such page."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        pass
