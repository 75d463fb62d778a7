"""Waiting for a page whose policy forbids `eval`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_FRAMES = 1200


def wait_until(page: Page, condition: str) -> None:
    """Waits, frame by frame, until a JavaScript expression holds.

    Playwright's own `wait_for_function` evaluates a text in each frame, which the report's policy
    lets pass in the first one only.
    """
    page.evaluate(
        f"""async () => {{
          for (let frame = 0; frame < {MOST_FRAMES}; frame += 1) {{
            if ({condition}) return;
            await new Promise(requestAnimationFrame);
          }}
          throw new Error("not within {MOST_FRAMES} frames");
        }}"""
    )
