"""The machine, as JSON on standard output: ``python -m sdbench.devices.inventory``.

A process of its own, since it imports torch and touches the GPUs. The driver is asked first: once
torch has touched a GPU, its context would count among what is in use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sdbench.devices import fitness, installation
from sdbench.devices.capability import abilities
from sdbench.devices.description import (
    MACHINES,
    CpuDescription,
    Finding,
    GpuDescription,
    Machine,
    Told,
)
from sdbench.devices.driver_gpus import DriverView, describe_gpu, read_driver, silent_gpu
from sdbench.devices.host import read_host
from sdbench.devices.torch_view import TorchGpu, TorchView, look_through_torch, memory_from_torch
from sdbench.results.figure import Figure


def describe_machine(environment: Mapping[str, str]) -> Machine:
    """The CPU, the GPUs that torch or the driver sees, and what is unfit."""
    driver = read_driver()
    torch = look_through_torch()
    gpus = merged(torch.gpus, driver.gpus)
    return Machine(
        cpu=describe_cpu(torch),
        gpus=gpus,
        no_gpus_reason=None if gpus else no_gpus_reason(torch, driver),
        findings=tuple(all_findings(torch, driver, gpus, environment)),
    )


def describe_cpu(torch: TorchView, root: Path = Path("/")) -> CpuDescription:
    """The CPU as the kernel and torch tell it.

    Args:
        torch: What torch tells.
        root: Where /proc and /sys are.
    """
    host = read_host(root)
    not_told = f"torch cannot be imported: {torch.problem}"
    return CpuDescription(
        word="cpu",
        label=f"CPU: {host.model}",
        cores=host.cores,
        threads=host.threads,
        usable_threads=host.usable_threads,
        torch_threads=Figure.absent(not_told)
        if torch.threads is None
        else Figure.measured(torch.threads),
        instruction_set=Told(torch.instruction_set, not_told)
        if torch.instruction_set is None
        else Told(torch.instruction_set),
        abilities=host.abilities,
        memory=host.memory,
    )


def merged(
    seen: Sequence[TorchGpu], from_driver: Sequence[GpuDescription]
) -> tuple[GpuDescription, ...]:
    """The GPUs in torch's order, then those that only the driver sees.

    The two count in different orders, so a GPU is recognised by its UUID.
    """
    left = list(from_driver)
    gpus = []
    for gpu in seen:
        same = next((known for known in left if _is_same(gpu, known)), None)
        if same is not None:
            left.remove(same)
        description = same or _known_to_torch(gpu)
        memory = description.memory
        if memory.total_bytes.value is None:
            memory = memory_from_torch(gpu, str(memory.total_bytes.reason))
        gpus.append(
            replace(
                description,
                memory=memory,
                word=f"cuda:{gpu.index}",
                label=gpu.label,
                compute_capability=Told(".".join(map(str, gpu.capability))),
                abilities=abilities(gpu.capability),
            )
        )
    return (*gpus, *left)


def is_divided(gpu: GpuDescription) -> bool:
    """Whether a GPU is used by its MIG instances, which torch sees in its place."""
    return gpu.is_mig_on.value is True


def no_gpus_reason(torch: TorchView, driver: DriverView) -> str:
    """Why neither torch nor NVIDIA's driver has a GPU."""
    if torch.version is None:
        seen = "torch cannot be imported"
    elif torch.cuda is None and torch.hip is None:
        seen = f"torch {torch.version} is built without CUDA"
    else:
        seen = f"torch {torch.version} sees none"
    return f"{seen}; {driver.problem or 'the driver has none'}"


def _known_to_torch(gpu: TorchGpu) -> GpuDescription:
    """A GPU that the driver did not list: a MIG instance, or another vendor's."""
    if gpu.uuid is None:
        return silent_gpu(gpu.label, "torch does not tell its UUID, so NVML cannot be asked for it")
    return describe_gpu(gpu.label, gpu.uuid)


def _is_same(gpu: TorchGpu, known: GpuDescription) -> bool:
    uuid = known.uuid.value
    return gpu.uuid is not None and isinstance(uuid, str) and uuid.endswith(gpu.uuid)


def all_findings(
    torch: TorchView,
    driver: DriverView,
    gpus: Sequence[GpuDescription],
    environment: Mapping[str, str],
) -> Iterator[Finding]:
    """What is unfit: torch and the driver first, then each GPU, then what else is installed."""
    hidden = [gpu for gpu in gpus if gpu.word is None and not fitness.lost(gpu)]
    if torch.gpus:
        hidden = [gpu for gpu in hidden if not is_divided(gpu)]
    for found in (
        fitness.torch_broken(torch),
        fitness.driver_missing(driver, torch),
        fitness.gpus_unused(torch, driver, hidden, environment),
        *(fitness.no_kernels(gpu, torch) for gpu in torch.gpus),
    ):
        if found is not None:
            yield found
    yield from fitness.packages_broken(torch)
    for gpu in gpus:
        for check in (fitness.lost, fitness.throttled, fitness.in_use, fitness.persistence_off):
            found = check(gpu)
            if found is not None and (gpu.word is not None or check is fitness.lost):
                yield found
    broken = {package for package, _ in torch.broken}
    for found in installation.findings(environment):
        if found.about not in broken:
            yield found


def main() -> None:
    """Prints the machine; what libraries print meanwhile goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    output.write(MACHINES.dump_json(describe_machine(os.environ)))
    output.flush()


if __name__ == "__main__":
    main()
