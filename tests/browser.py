"""A headless Chromium that a test drives over its pipe: what a page asks for, complains of, and looks like."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Browser:
    """One open page. `asked`: addresses that it fetched; `complaints`: what its console and the browser said of it."""

    def __init__(self, reader: Any, writer: Any) -> None:
        self.reader, self.writer, self.number = reader, writer, 0
        self.asked: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for name in ("Page", "Runtime", "Log", "Network", "DOM", "CSS"):
            self.call(f"{name}.enable", page=True)

    def call(self, method: str, *, page: bool = False, **params: Any) -> dict[str, Any]:
        """Ask the browser, or the page, for something and wait for the answer."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if page:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        held = bytearray()
        while (byte := self.reader.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser is gone")
            held += byte
        told = json.loads(held)
        method, params = told.get("method", ""), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(params, ensure_ascii=False))
        return told

    def open(self, path: Path | str, width: int = 1280, height: int = 900) -> None:
        """Open a file, or an address, in a window of this size, and wait until it is loaded."""
        self.call("Emulation.setDeviceMetricsOverride", page=True, width=width, height=height, deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        self.call("Page.navigate", page=True, url=path if isinstance(path, str) else path.resolve().as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is on the page."""
        return self.call("Runtime.evaluate", page=True, expression=expression, returnByValue=True)["result"].get("value")  # fmt: skip

    def fonts(self, selector: str) -> set[str]:
        """Families that the text of the first element with this selector is drawn in."""
        root = self.call("DOM.getDocument", page=True)["root"]["nodeId"]
        node = self.call("DOM.querySelector", page=True, nodeId=root, selector=selector)["nodeId"]
        found = self.call("CSS.getPlatformFontsForNode", page=True, nodeId=node)["fonts"]
        return {font["familyName"] for font in found}

    def picture(self, path: Path) -> None:
        """The whole page as a PNG file."""
        held = self.call("Page.captureScreenshot", page=True, format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(held))


@contextlib.contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    to_read, to_write = os.pipe(), os.pipe()

    def ends() -> None:
        """Chromium reads from 3 and writes to 4; the ends are put out of their way first."""
        own, theirs = os.dup(to_read[0]), os.dup(to_write[1])
        os.dup2(own, 3)
        os.dup2(theirs, 4)

    words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", f"--user-data-dir={profile}"]  # fmt: skip
    process = subprocess.Popen(words, preexec_fn=ends, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    os.close(to_read[0])
    os.close(to_write[1])
    try:
        with open(to_write[0], "rb", buffering=0) as reader, open(to_read[1], "wb") as writer:
            page = Browser(reader, writer)
            yield page
            page.call("Browser.close")
            process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
