"""How long a report of very many configurations takes to write, to open, and to follow a limit.

    python benchmarks/report.py [--configurations 10000] [--browser /usr/bin/chromium]

The run is made up: a full product of settings with plausible latencies, peaks and fidelities; some
ran out of memory, some ended with an error. The page is opened in a headless chromium, without a
GPU; what it does between an event and the next frame is timed by its own clock.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sdbench.report.html import html
from sdbench.results.fidelity import Agreement, Fidelity, Reference, Subject
from sdbench.results.figure import Figure
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status, StopReason
from sdbench.results.store import Run, RunInfo, RunWriter, read_run
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.model import Axis, Limits, Suite
from sdbench.units import GIB, MIB

STARTED_AT = "2026-01-02T03:04:05Z"
DEVICE_BYTES = 24 * GIB
SAMPLES = 8
REPEATS = 5

AXES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("height", (256, 512, 768, 1024, 1280)),
    ("scheduler", ("euler", "dpmpp_2m_karras", "heun", "unipc", "ddim")),
    ("dtype", ("fp32", "fp16")),
    ("attention", ("sdpa", "eager")),
    ("vae_tiling", ("off", "on")),
    ("batch_size", (1, 2, 4, 8, 16)),
    ("steps", (4, 6, 8, 12, 16, 20, 25, 30, 40, 50)),
)
"""Ten thousand configurations."""


def suite(number: int) -> Suite:
    """The suite that the run is one of."""
    return Suite(
        name="made-up",
        fixed={"pipeline": {"builtin": "tiny"}},
        axes=tuple(Axis(name, values) for name, values in AXES),
        limits=Limits(memory_bytes=16 * GIB, fidelity=0.8),
        max_configurations=number,
    )


def record(configuration: Configuration, chance: random.Random) -> Record:
    """A plausible record of a configuration."""
    knobs: dict[str, Any] = dict(configuration.knobs)
    size, batch, steps = knobs["height"] / 512, knobs["batch_size"], knobs["steps"]
    half = 1 if knobs["dtype"] == "fp32" else 0.5
    is_eager = knobs["attention"] == "eager"
    evaluations = steps * (2 if knobs["scheduler"] == "heun" else 1)
    activations = 0.4 * size**2 * batch * half * (1 + is_eager * size**2)
    allocated = (3.5 * half + activations * (0.8 if knobs["vae_tiling"] == "on" else 1)) * GIB
    call_s = 0.04 * evaluations * half * size**2 * batch**0.9 * (1.3 if is_eager else 1)
    common: dict[str, Any] = {
        "key": configuration.key,
        "knobs": knobs,
        "worker": "worker-1",
        "started_at": STARTED_AT,
    }
    if allocated > 0.95 * DEVICE_BYTES:
        moment = OutOfMemory(phase="memory", stage="denoiser", total_bytes=DEVICE_BYTES)
        reason = f"out of memory in the denoiser: {allocated / GIB:.2f} GiB were needed"
        return Record(**common, status=Status.OOM, reason=reason, out_of_memory=moment)
    if chance.random() < 0.01:
        return Record(**common, status=Status.ERROR, reason="RuntimeError: it was made to fail")
    middle = call_s * chance.gauss(1, 0.03)
    samples = tuple(middle * chance.gauss(1, 0.01) for _ in range(SAMPLES))
    return Record(
        **common,
        status=Status.OK,
        samples_s=samples,
        is_outlier=(False,) * SAMPLES,
        is_throttled=(False,) * SAMPLES,
        stop_reason=StopReason.CONVERGED,
        images_per_call=batch,
        load_s=2.0,
        first_call_s=1.5 * middle,
        stages_s={
            "text_encode": tuple(0.02 * s for s in samples),
            "denoiser": tuple(0.9 * s for s in samples),
            "vae_decode": tuple(0.08 * s for s in samples),
        },
        denoiser_evaluations=evaluations,
        peak_allocated_bytes=Figure.measured(int(allocated)),
        peak_reserved_bytes=Figure.measured(int(1.08 * allocated / (2 * MIB)) * 2 * MIB),
        peak_device_used_bytes=Figure.measured(int(1.08 * allocated + 500 * MIB)),
        peak_rss_bytes=Figure.measured(int((2 + chance.random() / 10) * GIB)),
        stage_peak_allocated_bytes={"denoiser": int(0.9 * allocated), "vae_decode": int(allocated)},
        fidelity=fidelity(configuration, evaluations, half, chance),
    )


def fidelity(
    configuration: Configuration, evaluations: int, half: float, chance: random.Random
) -> Fidelity:
    """A fidelity that grows with the evaluations."""
    score = 1 - math.exp(-evaluations / 10) - (1 - half) * 0.02 - chance.random() / 100
    worst = score - 0.05
    return Fidelity(
        score=score,
        worst_score=worst,
        against_reference=Agreement(
            psnr_db=(10 + 40 * worst, 10 + 40 * score),
            ssim=(worst, score),
            latent_rmse=(0.2, 0.1),
        ),
        is_degenerate=False,
        reference=Reference(
            key=f"reference-{configuration.knobs['height']}",
            scheduler="euler",
            steps=200,
            floor_psnr_db=10.0,
            floor_ssim=0.1,
            ceiling_psnr_db=50.0,
            ceiling_ssim=0.99,
            pictures=(),
        ),
        numerical_reason="made up",
        denoiser_evaluations=evaluations,
        subjects=(Subject(prompt="a fox", seed=0), Subject(prompt="a hen", seed=1)),
    )


def made_up_run(folder: Path, number: int) -> Run:
    """A run of so many configurations, written and read back."""
    chance = random.Random(0)
    swept = suite(max(number, math.prod(len(values) for _, values in AXES)))
    planned = list(islice(iter(configurations(swept)), number))
    info = RunInfo(
        suite=swept.to_json(),
        device="Made-up GPU",
        fingerprint={"device": "Made-up GPU"},
        environment={"torch_device": "cuda:0"},
        started_at=STARTED_AT,
        planned_keys=tuple(configuration.key for configuration in planned),
    )
    with RunWriter.create(folder / "run", info) as writer:
        for configuration in planned:
            writer.append(record(configuration, chance))
    return read_run(folder / "run")


TIMED = """async ([does, repeats]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const change = new Function("repeat", does);
  const taken = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    await frame();
    const start = performance.now();
    change(repeat);
    const blocked = performance.now() - start;
    await frame();
    taken.push([blocked, performance.now() - start]);
  }
  return taken;
}"""
"""Milliseconds that a change blocks the page, and until the frame after it is made, each time."""

CHANGES = {
    "filter": """
        const filter = document.getElementById("filter");
        filter.value = ["fp16", "fp16 heun", "status:oom", "latency<0.5", ""][repeat % 5];
        filter.dispatchEvent(new Event("input"));""",
    "sort": """
        const headings = [...document.querySelectorAll("#configurations th button")];
        headings.find((one) => one.textContent === (repeat % 2 ? "latency an image" : "fidelity"))
          .click();""",
    "scroll": "document.getElementById('rows').scrollTop = repeat * 20000;",
    "memory limit": "setLimits({ memory_bytes: (4 + 2 * repeat) * 2 ** 30 });",
    "fidelity limit": "setLimits({ fidelity: 0.5 + repeat / 20 });",
    "selection": "select(10 * repeat);",
}


def in_browser(path: Path, executable: str) -> Iterator[tuple[str, float, float]]:
    """What the page does, with the median and the largest milliseconds that it took."""
    from playwright.sync_api import sync_playwright

    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.locator("#chart .main-svg").first.wait_for()
        opened_ms = 1000 * (time.perf_counter() - start)
        painted_ms = page.evaluate("performance.getEntriesByType('paint').at(-1).startTime")
        yield "open, until the answer is seen", painted_ms, painted_ms
        yield "open, until the chart is drawn", opened_ms, opened_ms
        for name, does in CHANGES.items():
            taken = page.evaluate(TIMED, [does, REPEATS])
            for moment, times_ms in zip(
                ("blocked", "drawn"), zip(*taken, strict=True), strict=True
            ):
                yield f"{name}, {moment}", sorted(times_ms)[REPEATS // 2], max(times_ms)
        browser.close()


def main() -> None:
    """Prints seconds, bytes and milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configurations", type=int, default=10_000)
    parser.add_argument("--browser", help="a chromium; without it nothing is opened")
    parser.add_argument("--keep", type=Path, help="write the page to this file, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = made_up_run(Path(folder), arguments.configurations)
        start = time.perf_counter()
        text = html(run)
        written_s = time.perf_counter() - start
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        print(f"{arguments.configurations} configurations: {written_s:.1f} s", end=", ")
        print(f"{path.stat().st_size / 1e6:.1f} MB")
        if arguments.keep:
            arguments.keep.write_text(text, encoding="utf-8")
        if arguments.browser:
            for name, median_ms, most_ms in in_browser(path, arguments.browser):
                print(f"{name}: median {median_ms:.0f} ms, at most {most_ms:.0f} ms")


if __name__ == "__main__":
    main()
