from __future__ import annotations

import torch
from diffusers import EulerDiscreteScheduler

from sdbench.pipelines.digest import content_digest
from sdbench.pipelines.tiny import build_pipeline


def test_equal_content_has_equal_names() -> None:
    assert content_digest(build_pipeline()) == content_digest(build_pipeline())


def test_any_weight_and_the_scheduler_count() -> None:
    pipe = build_pipeline()
    names = {content_digest(pipe)}

    with torch.no_grad():
        next(iter(pipe.vae.parameters())).view(-1)[-1] += 1e-3
    names.add(content_digest(pipe))
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    names.add(content_digest(pipe))
    pipe.scheduler = EulerDiscreteScheduler.from_config(
        pipe.scheduler.config, prediction_type="v_prediction"
    )
    names.add(content_digest(pipe))

    assert len(names) == 4


def test_it_leaves_the_pipeline_as_it_was() -> None:
    pipe = build_pipeline()
    before = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}

    content_digest(pipe)

    assert all(torch.equal(before[name], t) for name, t in pipe.unet.state_dict().items())
