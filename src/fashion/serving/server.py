"""The server: uvicorn, with a deadline for each request."""

import asyncio
import errno
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fashion.pipeline.errors import UserError
from fashion.pipeline.machine import available_processors
from fashion.serving.app import Classify, make_app

# From the connection, or the last answer's end, to the answer's last byte; what is not done by then is dropped.
SECONDS_FOR_A_REQUEST = 30
# Of all clients together. Systems allow a process as few as 256 open files.
MOST_CONNECTIONS = 200
# Pictures that are worked on at a time. The largest takes a gigabyte, and more threads of Python gain little.
MOST_THREADS = 4


class Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, but no client is waited for without an end."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a client, or none above the limit."""
        super().connection_made(transport)
        self.deadline = self.loop.call_later(SECONDS_FOR_A_REQUEST, transport.abort)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()

    def on_response_complete(self) -> None:
        """Start the time of the next request."""
        self.deadline.cancel()
        self.deadline = self.loop.call_later(SECONDS_FOR_A_REQUEST, self.transport.abort)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self.deadline.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let a picture that has arrived be answered, and drop every other client."""
        if self.cycle and not self.cycle.more_body and not self.cycle.response_complete:
            super().shutdown()
        else:
            self.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: the name or address of a network interface of this machine.
        port: 0 for any that is free.

    Raises:
        UserError: this machine has no such interface, or the port is taken or may not be.
    """
    try:
        *kind, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # Of a socket whose protocol is not named, asyncio would let small packets wait for others (40 ms).
        listening = socket.socket(*kind)
    except (socket.gaierror, UnicodeError) as error:  # the latter of what can be no name
        raise UserError(f"--host {host}: {getattr(error, 'strerror', None) or error}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        remedy = "; name another one with --port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else ""
        raise UserError(f"--host {host} --port {port}: {error.strerror}{remedy}") from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address of the page."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def make_server(classify: Classify, names: Sequence[str]) -> uvicorn.Server:
    """Return a server; its `run(sockets=[…])` lasts until Ctrl-C, which it raises again.

    Args:
        classify: returns what is said of a picture; see `fashion.serving.work.Classifier`.
        names: of the classes, for the page.
    """
    pool = ThreadPoolExecutor(min(available_processors(), MOST_THREADS))
    config = uvicorn.Config(
        make_app(classify, names, pool),
        http=Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    return uvicorn.Server(config)
