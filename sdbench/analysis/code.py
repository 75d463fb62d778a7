"""The Python that a user would write to run one configuration without sdbench."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sdbench.analysis.python_layout import laid_out, string_literal
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Code, Cost
from sdbench.knobs.pipeline import (
    LOADED,
    custom_pipeline,
    expanded,
    is_built,
    is_given,
    python_literal,
)
from sdbench.knobs.registry import KNOBS
from sdbench.knobs.task import CONVERTERS, METHODS, Task, task_of
from sdbench.suite.located import has_relative_paths
from sdbench.suite.model import Inputs, Suite

RELATIVE_TO = "# Run it in the folder of the suite's file: paths are relative to that."
"""A stored suite does not tell on which machine, and where, its file lay."""


def python_code(suite: Suite, knobs: Mapping[str, JsonValue], torch_device: str) -> str:
    """A script that rebuilds the configuration's pipeline and draws what was measured.

    Args:
        suite: The suite, for its inputs, and its task where the knobs are from before that was one.
        knobs: The configuration's values.
        torch_device: Where the pipeline runs, such as ``cpu`` or ``cuda:0``.
    """
    is_loaded = is_given(knobs["pipeline"])
    codes = [
        knob.code(knobs[name])
        for name, knob in KNOBS.items()
        if name in knobs and not (is_loaded and knob.cost is Cost.LOAD)
    ]
    load = [] if is_loaded else _load(codes)
    imports = {line for code in codes for line in code.imports}
    imports.add("import torch")
    task = task_of(knobs, suite.fixed.get("task", Task.TEXT_TO_IMAGE.value))
    for code in _conversions(task, knobs):
        load += code.statements
        imports |= set(code.imports)
    if task is not Task.TEXT_TO_IMAGE:
        imports.add("from diffusers.utils import load_image")
    setup = [
        statement.replace("{device}", torch_device)
        for code in codes
        for statement in code.statements
    ]
    environment = {name: value for code in codes for name, value in code.environment.items()}
    paragraphs = [
        *([[RELATIVE_TO]] if has_relative_paths(suite, knobs["pipeline"]) else []),
        *([["import os"], _environment_lines(environment)] if environment else []),
        _import_lines(imports),
        *([[_given_line(knobs["pipeline"])]] if is_loaded else []),
        [laid_out(statement) for statement in (*load, *setup)],
        [laid_out(statement) for statement in _call(suite, task, knobs, codes)],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _given_line(source: JsonValue) -> str:
    """A remark in place of loading what only its owner can load."""
    assert isinstance(source, Mapping)
    return f"# pipe is the {source[LOADED]} that was tuned, as it was then."


def _load(codes: Iterable[Code]) -> list[str]:
    function = "DiffusionPipeline.from_pretrained"
    arguments: list[str] = []
    for code in codes:
        function = code.load_function or function
        arguments += code.load_arguments
    return [f"pipe = {function}({', '.join(arguments)})"]


def _conversions(task: Task, knobs: Mapping[str, JsonValue]) -> Iterable[Code]:
    """What makes the task's pipeline of the one that was loaded, sharing its components."""
    source = knobs["pipeline"]
    custom = custom_pipeline(source)
    if custom is not None and is_built(source):
        options = f"custom_pipeline={python_literal(custom)}, trust_remote_code=True"
        dtype = ", ".join(KNOBS["dtype"].code(knobs["dtype"]).load_arguments)
        yield Code(
            imports=("from diffusers import DiffusionPipeline",),
            statements=(f"pipe = DiffusionPipeline.from_pipe(pipe, {options}, {dtype})",),
        )
    if custom is None and task is not Task.TEXT_TO_IMAGE:
        converter = CONVERTERS[task]
        yield Code(
            imports=(f"from diffusers import {converter}",),
            statements=(f"pipe = {converter}.from_pipe(pipe)",),
        )


def _environment_lines(environment: Mapping[str, str]) -> list[str]:
    return [
        f"os.environ[{string_literal(name)}] = {string_literal(value)}"
        for name, value in environment.items()
    ]


def _import_lines(imports: Iterable[str]) -> list[str]:
    """Import statements, those from one module joined, in isort's order."""
    names_by_module: dict[str, set[str]] = {}
    plain = set()
    for line in imports:
        match line.split(maxsplit=3):
            case ["from", module, "import", names]:
                names_by_module.setdefault(module, set()).update(names.split(", "))
            case _:
                plain.add(line)
    joined = (
        f"from {module} import {', '.join(sorted(names_by_module[module], key=str.lower))}"
        for module in sorted(names_by_module)
    )
    return [*sorted(plain), *(laid_out(line) for line in joined)]


def _call(
    suite: Suite, task: Task, knobs: Mapping[str, JsonValue], codes: Iterable[Code]
) -> list[str]:
    inputs = suite.inputs
    batch = knobs.get("batch_size", 1)
    assert isinstance(batch, int)
    prompt = knobs.get("prompt")
    prompts = inputs.prompts if prompt is None else (str(prompt),)
    statements, pictures = _pictures(task, inputs, batch)
    function = "pipe"
    if custom_pipeline(knobs["pipeline"]) is not None:
        method = METHODS[task]
        function = f"pipe.{method}"
        if task is Task.TEXT_TO_IMAGE:  # not all custom pipelines do several tasks
            statements.append(f'{method} = getattr(pipe, "{method}", pipe)')
            function = method
    arguments = [f"prompt={_batch_of(prompts, batch)}"]
    if inputs.negative_prompt is not None:
        arguments.append(f"negative_prompt={_batch_of((inputs.negative_prompt,), batch)}")
    arguments += pictures
    arguments += (argument for code in codes for argument in code.call_arguments)
    seeds = f"range({inputs.seed}, {inputs.seed + batch})"
    return [
        *statements,
        f'generator = [torch.Generator("cpu").manual_seed(seed) for seed in {seeds}]',
        f"images = {function}({', '.join(arguments)}, generator=generator).images",
    ]


def _batch_of(texts: tuple[str, ...], batch: int) -> str:
    """A list with a text for each image, the texts cycled through."""
    used = [string_literal(texts[image % len(texts)]) for image in range(batch)]
    if batch > 1 and len(set(used)) == 1:
        return f"[{used[0]}] * {batch}"
    return f"[{', '.join(used)}]"


def _pictures(task: Task, inputs: Inputs, batch: int) -> tuple[list[str], list[str]]:
    """What loads the pictures to start from, and the arguments that hand them over."""
    files = {}
    if task is not Task.TEXT_TO_IMAGE:
        files["image"] = expanded(inputs.image or "picture.png")
    if task is Task.INPAINTING:
        files["mask_image"] = expanded(inputs.mask or "mask.png")
    times = f" * {batch}" if batch > 1 else ""
    statements = [f"{name} = load_image({string_literal(file)})" for name, file in files.items()]
    return statements, [f"{name}=[{name}]{times}" for name in files]
