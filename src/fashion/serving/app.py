"""The application: a page to drop a picture on, and the address that the page sends it to."""

import asyncio
import base64
import hashlib
import html
import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fashion.inference.photo import Background
from fashion.pipeline.errors import UserError

PAGE = Path(__file__).with_name("page.html")
MOST_BYTES = 20_000_000  # of a picture
# A picture has to arrive within this time.
SECONDS_TO_SEND = 20
# Of all pictures together that have arrived, in part or whole, and are not answered: room for 32 of the largest.
HELD_BYTES = 32 * MOST_BYTES
# How many pictures may wait or be worked on.
PLACES = 64
BACKGROUNDS: dict[str | None, Background | None] = {None: None, "": None, "dark": "dark", "light": "light"}

Classify = Callable[[bytes, Background | None, bool], dict]


class Answer(JSONResponse):
    """A line of JSON."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the answer."""
        return json.dumps(content).encode() + b"\n"


class Room:
    """What all requests together may take of something. For one event loop, so it needs no lock."""

    def __init__(self, size: int):
        self.left = size

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Give a function that takes so much more, and take everything back at the end.

        That function raises:
            HTTPException: nothing is left (503).
        """
        taken = 0

        def take(amount: int) -> None:
            nonlocal taken
            if amount > self.left:
                raise HTTPException(503, "busy; try again in a second", {"Retry-After": "1"})
            self.left -= amount
            taken += amount

        try:
            yield take
        finally:
            self.left += taken


async def read_body(request: Request, take: Callable[[int], None]) -> bytes:
    """Return the body of a request, whose length may be unknown.

    Args:
        request: whose body has not been read.
        take: called with the length of each part of it.

    Raises:
        HTTPException: it is too long (413), or the client went away (400).
    """
    too_long = HTTPException(413, f"a picture may have at most {MOST_BYTES:,} bytes")
    if int(request.headers.get("content-length", 0)) > MOST_BYTES:
        raise too_long
    body = bytearray()
    try:
        async for part in request.stream():
            take(len(part))
            body += part
            if len(body) > MOST_BYTES:
                raise too_long
    except ClientDisconnect:
        raise HTTPException(400, "the picture did not arrive") from None
    return bytes(body)


def make_app(classify: Classify, names: Sequence[str], pool: Executor) -> ASGIApp:
    """Return the application.

    Args:
        classify: returns what is said of a picture; see `fashion.serving.work.Classifier`.
        names: of the classes, for the page.
        pool: the threads that classify.
    """
    page = PAGE.read_text(encoding="utf-8").replace("CLASS NAMES", html.escape(", ".join(names)))
    memory, places = Room(HELD_BYTES), Room(PLACES)

    async def show_page(request: Request) -> Response:
        return HTMLResponse(page)

    async def health(request: Request) -> Response:
        return Answer({"status": "ok"})

    async def predict(request: Request) -> Response:
        query = request.query_params
        if query.get("background") not in BACKGROUNDS:
            raise HTTPException(400, "background is dark or light, or left out")
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise HTTPException(415, "send the picture itself, not a form: curl --data-binary @photo.jpg")
        with memory.share() as take, places.share() as enter:
            try:
                body = await asyncio.wait_for(read_body(request, take), SECONDS_TO_SEND)
            except asyncio.TimeoutError:
                raise HTTPException(408, "the picture took too long to arrive", {"Connection": "close"}) from None
            enter(1)
            work = (classify, body, BACKGROUNDS[query.get("background")], "seen" in query)
            return Answer(await asyncio.get_running_loop().run_in_executor(pool, *work))

    app = Starlette(
        routes=[
            Route("/", show_page),
            Route("/health", health),
            Route("/predict", predict, methods=["POST"]),
        ],
        exception_handlers={
            HTTPException: lambda request, error: Answer({"error": error.detail}, error.status_code, error.headers),
            UserError: lambda request, error: Answer({"error": str(error)}, 422),
            MemoryError: lambda request, error: Answer({"error": "not enough memory for this picture"}, 503),
            Exception: lambda request, error: Answer({"error": "a fault in the server; its terminal says more"}, 500),
        },
    )
    return Guard(app, content_security_policy(page))


def content_security_policy(page: str) -> str:
    """Return what a browser lets the page do: run its own script and style, show pictures that it has, ask this server."""

    def hashes(tag: str) -> str:
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

    return (
        f"default-src 'none'; script-src 'sha256-{hashes('script')}'; style-src 'sha256-{hashes('style')}'; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Answers nobody but who asked for this server and, if it is a page that asks, this server's own.

    Otherwise a page of another site could use its visitors' browser to reach a server that listens on their machine alone: by
    its address or, when the site lets its own name lead there, by that ("DNS rebinding"). An address cannot be led elsewhere.
    """

    def __init__(self, app: ASGIApp, policy: str):
        self.app = app
        self.headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI has it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        app = self.app
        if not is_own_name(host):
            app = Answer({"error": f"{host!r} is not this server; use its numeric address"}, 421)
        elif origin is not None and origin.partition("://")[2] != host:
            app = Answer({"error": "pages of other sites may not ask this server"}, 403)
        await app(scope, receive, send_with_headers)


def is_own_name(host: str) -> bool:
    """Return whether a Host header names this machine: by a numeric address, as localhost, or by its own name."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # of odd brackets
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in ("localhost", socket.gethostname().lower())
    return True
