"""Drives a headless Chromium over its debugging pipe: opens a file, runs a line of script, uses mouse and keys, takes a picture."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-3d-apis",)
# A test machine has no graphics card, and the page declines a card made of software; this makes it take one.
ACCEPT_SOFTWARE = """const original = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, options) {
  return original.call(this, kind, { ...options, failIfMajorPerformanceCaveat: false }); };"""


def chromium() -> str | None:
    """Return the browser's path, None where the machine has none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One open page; `problems` collects console errors, uncaught exceptions, violated policies and requests that leave the file."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._rest, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events met on the way are noted."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            got = os.read(self._receive, 1 << 16)
            assert got, "the browser is gone"
            self._rest += got
        line, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(line))

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.problems.append("a dialog opened")
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:", "blob:")):
            self.problems.append(f"a request left the page: {params['request']['url']}")

    def attach(self) -> None:
        """Attach to a new tab and listen to everything that may go wrong."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, path: Path, width: int = 1366, height: int = 768, dark: bool = False) -> None:
        """Open a file and wait until every map on it is drawn or has failed."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.as_uri())
        done = "document.readyState === 'complete' && [...document.querySelectorAll('.cmap')].every((m) => m.dataset.state)"
        self.run(
            f"new Promise((ok) => {{ const look = () => {done} ? requestAnimationFrame(() => ok(1)) : setTimeout(look, 20); look(); }})"
        )

    def run(self, script: str) -> Any:
        """Return what a line of script comes to (a promise is awaited)."""
        got = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send a mouse event: mouseMoved, mousePressed, mouseReleased, mouseWheel."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """Press and let go."""
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def key(self, name: str, text: str = "") -> None:
        """Press a key."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name)

    def frame(self) -> None:
        """Wait until what was asked for has been drawn."""
        self.run("new Promise((ok) => requestAnimationFrame(() => requestAnimationFrame(() => ok(1))))")

    def picture(self, path: Path) -> None:
        """Write a screenshot."""
        self.frame()
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def paper(self, path: Path) -> None:
        """Write the page as it prints."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]))


@contextlib.contextmanager
def open_browser(profile: Path, flags: tuple[str, ...] = WEBGL) -> Iterator[Page]:
    """Yield a page of a browser that keeps everything in `profile` and ends with the block; with `WEBGL` it accepts software."""
    program = chromium()
    assert program
    to_read, to_send = os.pipe()
    from_read, from_send = os.pipe()
    # The browser reads commands from descriptor 3 and answers on 4; a shell puts the pipes there.
    shell = f'exec "$0" "$@" 3<&{to_read} 4>&{from_send}'
    command = ["bash", "-c", shell, program, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, pass_fds=(to_read, from_send), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(to_read)
    os.close(from_send)
    try:
        page = Page(to_send, from_read)
        page.attach()
        if flags == WEBGL:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=ACCEPT_SOFTWARE)
        yield page
    finally:
        os.close(to_send)
        process.terminate()
        process.wait(timeout=20)
        os.close(from_read)
