"""Headless Chromium over the DevTools protocol's pipe: the standard library is all it needs."""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing that would ask the network for anything of its own.
FLAGS = (
    "--headless",
    "--no-sandbox",  # root may not have one; the only page is our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
SECONDS = 60.0


def find() -> str | None:
    """Path of a Chromium; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page in a new Chromium; a context manager that ends it.

    Attributes:
        events: what the page told, as (method, parameters): console, errors, requests.
    """

    def __init__(self, program: str, profile: Path) -> None:
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        self._log = open(profile / "chromium.log", "wb")  # noqa: SIM115

        def on_3_and_4() -> None:
            # By way of higher numbers: an end may itself be 3 or 4.
            ends = os.dup(their_in), os.dup(their_out)
            for wanted, end in zip((3, 4), ends, strict=True):
                os.dup2(end, wanted)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile / 'profile'}", "about:blank"],
            pass_fds=(3, 4, their_in, their_out),
            preexec_fn=on_3_and_4,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(their_in)
        os.close(their_out)
        self._in, self._out, self._left, self._n = our_in, our_out, b"", 0
        self.events: list[tuple[str, dict]] = []
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        for end in (self._out, self._in):
            os.close(end)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            # Its whole session, which is Chromium's alone.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _read(self, deadline: float) -> dict:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._in, 1 << 16)
            if not piece:
                log = Path(self._log.name).read_text(errors="replace")
                raise RuntimeError(f"Chromium ended:\n{log[-2000:]}")
            self._left += piece
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters) -> dict:
        """Ask and wait for the answer, keeping what is told meanwhile."""
        self._n += 1
        question = {"id": self._n, "method": method, "params": parameters}
        if self._session:
            question["sessionId"] = self._session
        os.write(self._out, json.dumps(question).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            message = self._read(deadline)
            if message.get("id") == self._n:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            if "method" in message:
                self.events.append((message["method"], message["params"]))

    def open(self, url: str, width: int, height: int = 800, scheme: str = "light") -> None:
        """Load a page in a window of CSS pixels, and wait until all of it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + SECONDS
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            message = self._read(deadline)
            if "method" in message:
                self.events.append((message["method"], message["params"]))

    def ask(self, expression: str):
        """Value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["text"])
        return found["result"].get("value")

    def screenshot(self, whole: bool = True) -> bytes:
        """PNG of the page, all of its length."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """As printed on A4."""
        found = self.call(
            "Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=False
        )
        return base64.b64decode(found["data"])
