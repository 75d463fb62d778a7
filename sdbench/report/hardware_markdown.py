"""A hardware comparison as Markdown, for pull requests and chats."""

from __future__ import annotations

from collections.abc import Iterable

from sdbench.report.hardware import DeviceView, HardwareView, SummaryRow
from sdbench.report.markdown import escaped, table_row


def hardware_markdown(view: HardwareView) -> str:
    """The ranking, the summary, what each device recommends, and the caveats."""
    first, *rest = view.headline
    blocks = [
        f"### Hardware comparison: {escaped(view.title)}",
        f"**{escaped(first)}**",
        *map(escaped, (*rest, *view.batch_one)),
        _summary(view),
        _bullets(map(_device, view.devices)),
        "<details>\n<summary>What this cannot tell</summary>",
        _bullets(view.caveats),
        "</details>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _summary(view: HardwareView) -> str:
    heads = ["device", *map(escaped, view.summary_columns)]
    rules = ["---", *["--:"] * (len(heads) - 2), "---"]
    lines = [heads, rules, *(_cells(row) for row in view.summary)]
    return "\n".join(map(table_row, lines))


def _cells(row: SummaryRow) -> list[str]:
    texts = [escaped(f"{text} ({detail})" if detail else text) for text, detail in row.cells]
    return [escaped(row.name), *texts]


def _device(device: DeviceView) -> str:
    figures = f": {device.figures}" if device.figures else ""
    rates = "; ".join(filter(None, (device.speed, device.worth)))
    return f"{device.where} {device.what}{figures}. {rates}".rstrip()


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
