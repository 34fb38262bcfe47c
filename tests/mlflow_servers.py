"""Servers for tests of tracking: MLflow's own, one that stands between and loses what it is told to, and wrong ones."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class MlflowServer:
    """`mlflow server` on a database and a folder of files in `root`, which outlive it.

    Attributes:
        port: the same at each start.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self.port)),
                *("--backend-store-uri", f"sqlite:///{self.root}/server.db"),
                *("--artifacts-destination", str(self.root / "files")),
            ],
            cwd=self.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "mlflow server has ended"
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                try:
                    connection.request("GET", "/health")
                    if connection.getresponse().status == 200:
                        return
                except OSError:
                    time.sleep(0.1)
        raise AssertionError("mlflow server does not answer")

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """SIGKILL to it and all its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Quiet(ThreadingHTTPServer):
    """Says nothing about connections that broke off."""

    daemon_threads = True

    def handle_error(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a server of the standard library that deals with each request by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            answer(self)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def send(request: BaseHTTPRequestHandler, code: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
    """Answer a request, whatever it was."""
    request.send_response(code)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    for name, value in (usual | given).items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


class Between:
    """Hands requests on to MLflow, until it is told otherwise by `before` and `after`.

    Attributes:
        before: is given the number of a request, from 1, before it is handed on; False loses the request.
        after: likewise before its answer is handed back; False loses the answer.
        seen: is given the path of each request before anything else.
        count: requests so far.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self.heal()

    def heal(self) -> None:
        """Lose nothing from here on."""
        self.count = 0
        self.before: Callable[[int], bool] = lambda number: True
        self.after: Callable[[int], bool] = lambda number: True
        self.seen: Callable[[str], object] = lambda path: None

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        """Deal with one request."""
        with self._lock:
            self.count += 1
            number = self.count
            self.seen(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if not self.before(number):
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            return
        finally:
            connection.close()
        if self.after(number):
            send(request, answer.status, content, answer.headers.get("Content-Type", ""))
