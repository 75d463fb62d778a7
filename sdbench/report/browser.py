"""Pictures of a page, taken by a browser that is installed: Chromium or one of its relatives."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from sdbench.errors import SdbenchError

BROWSER_VARIABLE = "SDBENCH_BROWSER"
"""Environment variable that names the browser, where it is not found by itself."""

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
_MAC_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

TIMEOUT_S = 120.0
"""A page of 10,000 points takes some seconds without a GPU; a browser that hangs, for ever."""

SETTLE_MS = 10_000
"""Time that passes for the page before the picture, all at once: what it has put off is done."""


class NoPicture(SdbenchError):
    """A picture that no browser could be brought to take."""

    exit_code = 3


def find_browser() -> str:
    """The browser's path.

    Raises:
        NoPicture: There is none, or the one that the environment names is not there.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoPicture(f"{BROWSER_VARIABLE} names {named!r}, which is no program")
        return found
    for name in (*_NAMES, *_MAC_PATHS):
        if found := shutil.which(name):
            return found
    raise NoPicture(
        "a picture needs a browser: install Chromium (Debian: apt install chromium) or Google "
        f"Chrome, or name one in {BROWSER_VARIABLE}; looked for {', '.join(_NAMES)}"
    )


def picture_of_page(
    page: Path,
    picture: Path,
    *,
    fragment: str = "",
    width: int,
    height: int,
    scale: int,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Writes what a page shows in a window as a PNG, in light colours. Needs no network.

    Args:
        page: An HTML file that can be trusted.
        picture: The file to write.
        fragment: What follows ``#`` in the page's address.
        width: Width of the window in pixels of the page.
        height: Its height.
        scale: Pixels of the picture for each of them, in both directions.
        timeout_s: Longest time that the browser may take.

    Raises:
        NoPicture: There is no browser, it fails, or it takes too long.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [
            browser,
            "--headless",
            f"--screenshot={picture}",
            f"--window-size={width},{height}",
            f"--force-device-scale-factor={scale}",
            f"--virtual-time-budget={SETTLE_MS}",
            f"--user-data-dir={Path(folder, 'profile')}",
            "--blink-settings=preferredColorScheme=1",  # light, whatever the desktop prefers
            "--hide-scrollbars",
            "--disable-gpu",
            "--enable-unsafe-swiftshader",  # WebGL without a GPU; the page is our own
            "--disable-background-networking",
            "--no-first-run",
            *(["--no-sandbox"] if _is_root() else []),
            f"{page.resolve().as_uri()}{f'#{fragment}' if fragment else ''}",
        ]
        said = _output(command, Path(folder, "said"), timeout_s)
    if not picture.is_file() or not picture.stat().st_size:
        raise NoPicture(f"{browser} took no picture: {_last_line(said)}")


def _is_root() -> bool:
    """Whether the browser's sandbox refuses to start, as it does for root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _output(command: list[str], said: Path, timeout_s: float) -> str:
    """What the browser says, by way of a file: what it leaves running would hold a pipe open."""
    with said.open("wb") as file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or error
            raise NoPicture(f"{command[0]} cannot be started: {reason}") from error
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise NoPicture(f"{command[0]} took no picture within {timeout_s:g} s") from None
        finally:
            _end(process)
    return said.read_text(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the browser, where it still runs, with the processes that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
