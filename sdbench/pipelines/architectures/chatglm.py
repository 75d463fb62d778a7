"""The made-up vocabulary of ChatGLM3, under the tokenizer that diffusers has for it.

That tokenizer marks and pads by itself, and leaves the cutting into words to sentencepiece, which
needs a trained model. Here it is letter by letter, so that neither is needed.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

_MARKS = (
    *("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"),
    *("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
)
"""What follows the words in the published vocabulary."""

_UNKNOWN, _START, _END = range(3)
_FIRST_LETTER = 3


class LetterWords:
    """Words of a letter each, with what the tokenizer asks of sentencepiece's.

    Args:
        count: How many words there are, the unknown one and those of start and end included. What
            lies beyond Unicode's first ``count`` letters is unknown.
    """

    bos_id = _START
    eos_id = _END
    pad_id = _UNKNOWN

    def __init__(self, count: int) -> None:
        self._count = count
        self.special_tokens = {mark: count + index for index, mark in enumerate(_MARKS)}
        self.index_special_tokens = {index: mark for mark, index in self.special_tokens.items()}
        self.n_words = count + len(_MARKS)

    def tokenize(self, text: str, encode_special_tokens: bool = False) -> list[str]:
        return list(text)

    def decode_tokens(self, tokens: list[str]) -> str:
        return "".join(tokens)

    def convert_token_to_id(self, token: str) -> int:
        if token in self.special_tokens:
            return self.special_tokens[token]
        index = _FIRST_LETTER + ord(token) if len(token) == 1 else _UNKNOWN
        return index if index < self._count else _UNKNOWN

    def convert_id_to_token(self, index: int) -> str:
        if index in self.index_special_tokens:
            return self.index_special_tokens[index]
        return chr(index - _FIRST_LETTER) if _FIRST_LETTER <= index < self._count else ""


def chatglm_tokenizer(config: dict[str, Any]) -> Any:
    """Diffusers' tokenizer of ChatGLM3, letter by letter, with the published marks.

    Args:
        config: vocab_size, without the marks.
    """
    from diffusers.pipelines.kolors import tokenizer

    words = LetterWords(config["vocab_size"])
    with mock.patch.object(tokenizer, "SPTokenizer", lambda _file: words):
        return tokenizer.ChatGLMTokenizer(vocab_file=None)
