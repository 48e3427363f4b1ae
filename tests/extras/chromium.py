"""A real browser that the tests steer, by the Chrome DevTools Protocol over two pipes."""

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from test_browser import BROWSER

SECONDS = 30
# Chromium reads commands from file 3 and writes to file 4.
ON_PIPES = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"


class Page:
    """A page in a browser of its own.

    Attributes:
        faults: what scripts threw and what the browser complained of, such as something that the page's policy forbids.
    """

    def __init__(self, commands: int, answers: int):
        self.commands, self.answers, self.numbers, self.received = commands, answers, itertools.count(1), b""
        self.faults: list[str] = []
        self.session: dict[str, str] = {}
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.command(f"{domain}.enable")

    def message(self) -> dict[str, Any]:
        """Return the browser's next message."""
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.answers], [], [], SECONDS)
            assert ready, "the browser does not answer"
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser has ended"
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and return its result."""
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": parameters, **self.session}
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while (message := self.message()).get("id") != number:
            if message.get("method") == "Runtime.exceptionThrown":
                self.faults.append(str(message["params"]["exceptionDetails"]))
            elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["source"] != "network":
                self.faults.append(message["params"]["entry"]["text"])
        assert "error" not in message, message
        return message["result"]

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        result = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return the value of an expression once it is true."""
        for _ in range(10 * SECONDS):
            if value := self.evaluate(expression):
                return value
            time.sleep(0.1)
        raise AssertionError(f"{expression} stays false; the page says: {self.evaluate('document.body.innerText')}")

    def open(self, address: str, width: int, height: int, touch: bool = False) -> None:
        """Go to a page, in a window of some size."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if touch else 1, mobile=touch
        )
        self.command("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.command("Page.navigate", url=address)
        self.wait_for(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def middle_of(self, selector: str) -> tuple[float, float, float]:
        """Scroll an element into view and return where its middle is, and its width, in pixels."""
        box = self.evaluate(
            f"""(() => {{
              const found = document.querySelector({json.dumps(selector)});
              found.scrollIntoView({{ block: "center" }});
              const box = found.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2, box.width];
            }})()"""
        )
        return tuple(box)

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in a field, as the dialogue does."""
        field = self.command("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]
        self.command("DOM.setFileInputFiles", files=[str(file)], objectId=field["objectId"])

    def drop(self, selector: str, file: Path) -> None:
        """Drag a file from outside onto an element and let it go."""
        x, y, _ = self.middle_of(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.command("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def click(self, selector: str) -> None:
        """Click on an element."""
        x, y, _ = self.middle_of(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, points: list[tuple[float, float]]) -> None:
        """Press the mouse's button at the first point, move it over the others, and release it at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for kind, (x, y) in zip(kinds, points):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = points[-1]
        self.command("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, **more: Any) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, **more)

    def screenshot(self, file: Path) -> None:
        """Keep a picture of the whole page."""
        file.parent.mkdir(exist_ok=True)
        picture = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """Run a browser until the end of the block, and give its page."""
    (read_from, commands), (answers, write_to) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}")
        process = subprocess.Popen(
            [sys.executable, "-c", ON_PIPES, str(read_from), str(write_to), BROWSER, *options, "--remote-debugging-pipe"],
            pass_fds=(read_from, write_to),
            stderr=subprocess.DEVNULL,
        )
        os.close(read_from)
        os.close(write_to)
        try:
            yield Page(commands, answers)
        finally:
            process.kill()
            process.wait()
            os.close(commands)
            os.close(answers)
