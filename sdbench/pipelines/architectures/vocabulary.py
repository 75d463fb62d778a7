"""Tokenizers with made-up vocabularies: as large as the published ones, and with their marks.

A prompt is padded to a fixed number of tokens, so how it is cut into them changes no computation.
"""

from __future__ import annotations

import string
from typing import Any

from transformers import CLIPTokenizer, T5Tokenizer

_BYTES = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 324))]
"""The letters that stand for the 256 bytes in CLIP's vocabulary: none is blank or a control."""

_WORD_END = "</w>"
_WORD_START = "▁"


def clip_tokenizer(config: dict[str, Any]) -> CLIPTokenizer:
    """Letter by letter: the bytes lie where the published vocabulary has them, "!" at 0.

    Args:
        config: vocab_size, model_max_length and pad_token.
    """
    words = [*_BYTES, *(letter + _WORD_END for letter in _BYTES)]
    marks = ["<|startoftext|>", "<|endoftext|>"]
    words += _unused(config["vocab_size"] - len(words) - len(marks))
    vocabulary = {word: index for index, word in enumerate([*words, *marks])}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=[],
        model_max_length=config["model_max_length"],
        pad_token=config["pad_token"],
    )


def t5_tokenizer(config: dict[str, Any]) -> T5Tokenizer:
    """Letter by letter, with the published marks at the start and the sentinels at the end.

    Args:
        config: vocab_size, model_max_length, pad_token and extra_ids.
    """
    words = [config["pad_token"], "</s>", "<unk>", _WORD_START]
    words += [*string.ascii_letters, *string.digits, *string.punctuation]
    sentinels = [f"<extra_id_{index}>" for index in reversed(range(config["extra_ids"]))]
    words += _unused(config["vocab_size"] - len(words) - len(sentinels))
    return T5Tokenizer(
        vocab=[(word, 0.0) for word in [*words, *sentinels]],
        model_max_length=config["model_max_length"],
        pad_token=config["pad_token"],
        extra_ids=config["extra_ids"],
    )


def _unused(count: int) -> list[str]:
    """Words that no text contains: each takes a place that a published word has."""
    return [f"<|unused {index}|>" for index in range(count)]
