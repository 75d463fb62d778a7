"""``sdbench predict``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from sdbench.cli.arguments import (
    JSON,
    MAX_CONFIGURATIONS,
    SUITE,
    TRUST_REMOTE_CODE,
    Quantity,
    table_columns,
)
from sdbench.units import parse_bytes


@click.command(
    epilog='Example: sdbench predict suites/sd15.yaml --device-name "Tesla T4"\n\n'
    "Exit codes: 0 predicted, 2 wrong usage, 3 nothing could be predicted."
)
@SUITE
@click.option(
    "--device-name",
    help="A GPU that need not be there, such as 'Tesla T4'. By default this machine's first.",
)
@click.option("--device", type=click.Choice(["cpu"]), help="The CPU, also where there is a GPU.")
@click.option(
    "--memory-limit",
    type=Quantity("size", parse_bytes),
    help="What a process may use, such as 8GiB; alone, of a GPU of NVIDIA's Ampere architecture.",
)
@JSON
@MAX_CONFIGURATIONS
@TRUST_REMOTE_CODE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder for results; predictions are kept in it, in .predictions.",
)
def predict(
    suite_path: Path,
    device_name: str | None,
    device: str | None,
    memory_limit: int | None,
    as_json: bool,
    max_configurations: int | None,
    trust_remote_code: bool,
    results: Path,
) -> None:
    """Predict the memory that each configuration needs, and whether it fits; no GPU is needed."""
    from sdbench.cli.progress import prediction_progress
    from sdbench.report.predictions import predictions_json, print_predictions
    from sdbench.run.predict_target import target_named
    from sdbench.run.predictor import FOLDER, Predictor, Question
    from sdbench.suite.defaults import with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    suite = load_suite(suite_path)
    planned = with_defaults(suite, configurations(suite, max_configurations))
    target = target_named(device_name, device, memory_limit)
    predictor = Predictor(results / FOLDER, os.environ)
    question = Question(suite, planned, target, trust_remote_code)
    with prediction_progress() as told:
        found = predictor.predict(question, told)
    if as_json:
        click.echo(json.dumps(predictions_json(planned, found, target)))
    else:
        print_predictions(suite.name, planned, found, target, table_columns())
    if all(prediction.peak_allocated_bytes.value is None for prediction in found.values()):
        raise click.exceptions.Exit(3)
