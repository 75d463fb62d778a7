"""Trains the embedded pipeline: a Stable Diffusion of a few million parameters that draws emoji.

Run by hand, once; its outcome lies beside this file. It needs the folder that the npm package
``emoji-datasource-google`` 16.0.0 unpacks to, two CPU cores and about an hour::

    python -m sdbench.pipelines.emoji.train package/ out/

Three stages. As in "High-Resolution Image Synthesis with Latent Diffusion Models" (Rombach et al.,
2022) an autoencoder comes first; then, in its latent space, a denoiser with a text encoder, trained
together to tell the noise. Last the decoder is trained on alone, on the latents that the denoiser
knows. All are averaged over their last steps. A stage whose folder is there is not run again.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sdbench.pipelines.emoji.optimization import Average, cosine, gradient_loss, parameters, report
from sdbench.pipelines.emoji.pictures import (
    IMAGE_PIXELS,
    Picture,
    all_views,
    load_pictures,
    shifted,
)
from sdbench.pipelines.emoji.samples import draw, draw_samples
from sdbench.pipelines.tiny import feature_extractor, safety_checker, scheduler

SEED = 0
TOKENS = 77
TEXT_WIDTH = 128
VOCABULARY = 640
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
TOKENIZER = Path(__file__).with_name("tokenizer")
"""Made once by `build_tokenizer`, and kept: learning the merges again breaks ties otherwise in each
process, and weights belong to the merges they were trained with."""


@dataclass(frozen=True)
class AutoencoderSettings:
    """How the autoencoder is trained."""

    steps: int = 2800
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    gradient_weight: float = 1.0
    kl_weight: float = 1e-6
    largest_shift_pixels: int = 4


@dataclass(frozen=True)
class DecoderSettings:
    """How the decoder is trained on, its encoder being what it is.

    Attributes:
        latent_noise: Deviation of the noise on the scaled latents: what the denoiser leaves.
    """

    steps: int = 2500
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    gradient_weight: float = 1.0
    latent_noise: float = 0.02


@dataclass(frozen=True)
class DenoiserSettings:
    """How the denoiser and the text encoder are trained."""

    steps: int = 4000
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    dropped_captions: float = 0.1


ROUNDS = (
    DenoiserSettings(),
    DenoiserSettings(steps=1500, learning_rate=8e-4),
    DenoiserSettings(steps=600, learning_rate=6e-4),
)
"""Each round goes on from where the one before it ended: after the first, some captions still drew
other subjects."""


def main() -> None:
    """Trains what is not trained yet and writes the pipeline's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="the unpacked npm package")
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=("denoiser", "decoder"), help="run one stage of these")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pictures = load_pictures(arguments.package)
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    stages: Path = arguments.out / "stages"
    if not (stages / "autoencoder").exists():
        seed_all()
        vae = train_autoencoder(pictures, AutoencoderSettings())
        vae.save_pretrained(stages / "autoencoder")
    vae = AutoencoderKL.from_pretrained(stages / "autoencoder").eval()
    if arguments.only != "decoder":
        train_rounds(pictures, vae, tokenizer, stages)
    if not (stages / "vae").exists() and arguments.only != "denoiser":
        seed_all()
        vae = train_decoder(pictures, vae, DecoderSettings())
        vae.save_pretrained(stages / "vae")
    if arguments.only:
        return
    assemble(stages, tokenizer).save_pretrained(arguments.out)
    forget_paths(arguments.out)
    trained = StableDiffusionPipeline.from_pretrained(arguments.out, dtype=torch.float32)
    draw_samples(trained).quantize(256).save(arguments.out / "samples.png", optimize=True)
    right = sum(nearest == subject for subject, nearest in recognised(trained, pictures))
    print(f"{right} of {len(pictures)} subjects are drawn nearest to their own picture")


def forget_paths(folder: Path) -> None:
    """Removes from the configurations where their models were loaded from."""
    for path in folder.glob("*/config.json"):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def seed_all() -> None:
    """Makes a stage depend on no other stage's random numbers."""
    torch.manual_seed(SEED)
    random.seed(SEED)


def assemble(stages: Path, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """The pipeline of all stages' outcomes, in half precision."""
    last = stages / f"round-{len(ROUNDS)}"
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(stages / "vae").eval(),
        text_encoder=CLIPTextModel.from_pretrained(last / "text_encoder").eval(),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel.from_pretrained(last / "unet").eval(),
        scheduler=scheduler(),
        safety_checker=safety_checker(len(tokenizer)),
        feature_extractor=feature_extractor(),
    )
    return pipe.to(torch.float16, silence_dtype_warnings=True)


def build_tokenizer(pictures: list[Picture]) -> CLIPTokenizer:
    """A CLIP tokenizer whose merges are learnt from the captions; any other text falls to bytes."""
    ends = "<|startoftext|>", "<|endoftext|>"
    letters = [*string.printable.split()[0]]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *ends]
    first = CLIPTokenizer(
        vocab={word: index for index, word in enumerate(words)},
        merges=[],
        model_max_length=TOKENS,
    )
    captions = [caption for picture in pictures for caption in picture.captions()]
    learnt: CLIPTokenizer = first.train_new_from_iterator(captions, vocab_size=VOCABULARY)
    return learnt


def train_autoencoder(pictures: list[Picture], settings: AutoencoderSettings) -> AutoencoderKL:
    """An autoencoder to latents of 4 x 8 x 8, with their deviation as its scaling factor."""
    vae = AutoencoderKL(
        block_out_channels=(32, 48, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=IMAGE_PIXELS,
    )
    print(f"autoencoder: {parameters(vae):,} parameters")
    average = Average(vae)
    pixels = torch.stack([picture.pixels for picture in pictures])
    optimizer = torch.optim.AdamW(vae.parameters(), lr=settings.learning_rate, weight_decay=1e-4)
    schedule = cosine(optimizer, settings.steps)
    started = time.perf_counter()
    for step in range(settings.steps):
        chosen = pixels[torch.randint(len(pixels), (settings.batch_size,))]
        batch = torch.stack([shifted(one, settings.largest_shift_pixels) for one in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(batch).latent_dist
            drawn = vae.decode(posterior.sample()).sample.float()
        loss = (
            functional.l1_loss(drawn, batch)
            + settings.gradient_weight * gradient_loss(drawn, batch)
            + settings.kl_weight * posterior.kl().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update(vae, step)
        report("autoencoder", step, settings.steps, loss, started)
    vae = average.model
    with torch.no_grad():
        latents = vae.encode(pixels).latent_dist.mean
    vae.register_to_config(scaling_factor=round(1 / float(latents.std()), 5))
    return vae


def train_rounds(
    pictures: list[Picture], vae: AutoencoderKL, tokenizer: CLIPTokenizer, stages: Path
) -> None:
    """Runs the rounds of `ROUNDS` whose folder is not there."""
    both = nn.ModuleDict({"unet": new_unet(), "text_encoder": new_text_encoder(tokenizer)})
    for number, settings in enumerate(ROUNDS, start=1):
        folder = stages / f"round-{number}"
        if not (folder / "unet").exists():
            seed_all()
            train_denoiser(both, pictures, vae, tokenizer, settings, folder)
        both = nn.ModuleDict(
            {
                "unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
                "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder"),
            }
        )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A text encoder to be trained."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_unet() -> UNet2DConditionModel:
    """A denoiser of 8x8 latents to be trained."""
    return UNet2DConditionModel(
        sample_size=IMAGE_PIXELS // 8,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
    )


def train_denoiser(
    both: nn.ModuleDict,
    pictures: list[Picture],
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    settings: DenoiserSettings,
    folder: Path,
) -> None:
    """Trains a denoiser and a text encoder to tell the noise in latents from the caption.

    They are written to ``folder``; now and then to its ``partial``, to look at.
    """
    unet, text_encoder = both["unet"], both["text_encoder"]
    unet.to(memory_format=torch.channels_last)
    print(f"denoiser: {parameters(unet):,}, text encoder: {parameters(text_encoder):,} parameters")
    average = Average(both)
    latents = all_latents(pictures, vae)
    tokens = caption_tokens(pictures, tokenizer)
    empty = token_ids(tokenizer, [""])[0]
    noising = DDPMScheduler(num_train_timesteps=1000, **BETAS)
    optimizer = torch.optim.AdamW(both.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    schedule = cosine(optimizer, settings.steps)
    started = time.perf_counter()
    for step in range(settings.steps):
        subjects = torch.randint(len(pictures), (settings.batch_size,))
        views = torch.randint(latents.shape[1], (settings.batch_size,))
        clean = latents[subjects, views]
        ids = tokens[subjects, torch.randint(tokens.shape[1], (settings.batch_size,))]
        dropped = torch.rand(settings.batch_size) < settings.dropped_captions
        ids = torch.where(dropped[:, None], empty, ids)
        noise = torch.randn_like(clean)
        times = torch.randint(1000, (settings.batch_size,))
        noisy = noising.add_noise(clean, noise, times).to(memory_format=torch.channels_last)
        context = text_encoder(ids).last_hidden_state
        told = unet(noisy, times, encoder_hidden_states=context).sample
        loss = functional.mse_loss(told, noise)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update(both, step)
        report("denoiser", step, settings.steps, loss, started)
        is_last = step + 1 == settings.steps
        if is_last or (step + 1) % 400 == 0:
            for name, model in average.model.items():
                whole = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
                whole.save_pretrained((folder if is_last else folder / "partial") / name)


def train_decoder(
    pictures: list[Picture], vae: AutoencoderKL, settings: DecoderSettings
) -> AutoencoderKL:
    """The autoencoder with a decoder that was trained on; the latents stay what they are."""
    latents = all_latents(pictures, vae)
    views = torch.stack([torch.stack(list(all_views(picture.pixels))) for picture in pictures])
    decoding = nn.ModuleDict({"post_quant_conv": vae.post_quant_conv, "decoder": vae.decoder})
    average = Average(decoding)
    optimizer = torch.optim.AdamW(
        decoding.parameters(), lr=settings.learning_rate, weight_decay=1e-4
    )
    schedule = cosine(optimizer, settings.steps)
    started = time.perf_counter()
    for step in range(settings.steps):
        subjects = torch.randint(latents.shape[0], (settings.batch_size,))
        shown = torch.randint(latents.shape[1], (settings.batch_size,))
        wanted, known = views[subjects, shown], latents[subjects, shown]
        noisy = known + settings.latent_noise * torch.randn_like(known)
        with torch.autocast("cpu", torch.bfloat16):
            told = decoding["post_quant_conv"](noisy / vae.config.scaling_factor)
            drawn = decoding["decoder"](told).float()
        loss = functional.l1_loss(drawn, wanted) + settings.gradient_weight * gradient_loss(
            drawn, wanted
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(decoding.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update(decoding, step)
        report("decoder", step, settings.steps, loss, started)
    decoding.load_state_dict(average.model.state_dict())
    return vae


def recognised(
    pipe: StableDiffusionPipeline, pictures: list[Picture], batch_size: int = 16
) -> Iterator[tuple[str, str]]:
    """Each subject, and the one whose picture in some view is nearest to what is drawn of it."""
    pixels = torch.stack([picture.pixels for picture in pictures])
    for first in range(0, len(pictures), batch_size):
        some = pictures[first : first + batch_size]
        for picture, drawn in zip(some, draw(pipe, [one.prompt for one in some]), strict=True):
            shown = torch.from_numpy(numpy.asarray(drawn).copy()).permute(2, 0, 1) / 127.5 - 1
            errors = torch.stack([((pixels - v) ** 2).mean((1, 2, 3)) for v in all_views(shown)])
            yield picture.subject, pictures[int(errors.amin(0).argmin())].subject


def all_latents(pictures: list[Picture], vae: AutoencoderKL) -> Tensor:
    """Scaled latents [subjects, views, 4, 8, 8]: every shift, flipped and not."""
    found = []
    with torch.no_grad():
        for picture in pictures:
            views = torch.stack(list(all_views(picture.pixels)))
            found.append(vae.encode(views).latent_dist.mean * vae.config.scaling_factor)
    return torch.stack(found)


def caption_tokens(pictures: list[Picture], tokenizer: CLIPTokenizer) -> Tensor:
    """Token ids [subjects, captions, 77]."""
    return torch.stack([token_ids(tokenizer, picture.captions()) for picture in pictures])


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids [texts, 77], padded as the pipeline pads them."""
    encoded = tokenizer(
        texts, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    )
    ids: Tensor = encoded.input_ids
    return ids


if __name__ == "__main__":
    main()
