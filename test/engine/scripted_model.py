"""The model behind mlx_lm.server in the tests: it answers what the prompt tells it to answer.

make_model.py copies this file into a model folder and describes the language of the prompts.
The server keeps nothing for it but its KV cache: the keys and values stored there ARE the token
ids. So every reply is read back out of what the server's own cache, trimming, merging and batching
left in place, and a wrong cache gives a wrong reply.
"""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from tokenizers import Tokenizer

TOKENIZER = Tokenizer.from_file(str(Path(__file__).parent / "tokenizer.json"))
TURN_START = TOKENIZER.token_to_id("<|im_start|>")
TURN_END = TOKENIZER.token_to_id("<|im_end|>")
UNSCRIPTED = "This is the scripted test model. Nothing was scripted for this turn."


def encode(text):
    return TOKENIZER.encode(text, add_special_tokens=False).ids


HEADER_LENGTH = len(encode("assistant\n"))


@dataclass
class ModelArgs:
    vocab_size: int
    prefill_tps: float
    decode_tps: float

    @classmethod
    def from_dict(cls, config):
        """The environment wins, so that one model folder serves every speed."""
        rate = lambda name: float(os.environ.get("SCRIPTED_" + name.upper(), config.get(name, 0)))
        return cls(config["vocab_size"], rate("prefill_tps"), rate("decode_tps"))


def newest_request(ids, starts):
    """The person's last message and how many assistant turns followed it."""
    answered = 0
    for begin, end in zip(reversed(starts[:-1]), reversed(starts[1:])):
        role, _, text = TOKENIZER.decode(ids[begin + 1 : end]).partition("\n")
        if role == "assistant":
            answered += 1
        elif role == "user" and is_request(text.strip()):
            return text, answered
    return "", answered


def is_request(text):
    is_reminder = text.startswith("<system-reminder>") and text.endswith("</system-reminder>")
    return not text.startswith("<tool_response>") and not is_reminder


def next_token(ids):
    starts = [at for at, token in enumerate(ids) if token == TURN_START]
    if not starts:
        return TURN_END
    text, answered = newest_request(ids, starts)
    written = max(0, len(ids) - starts[-1] - 1 - HEADER_LENGTH)
    if "[[die]]" in text:
        raise RuntimeError("the prompt asked for the death of the generation thread")
    pause = re.search(r"\[\[hang ([\d.]+)\]\]", text)
    if pause and written == 0:
        time.sleep(float(pause[1]))
    says = re.findall(r"\[\[say\]\](.*?)\[\[/say\]\]", text, re.S)
    reply = encode(says[answered] if answered < len(says) else UNSCRIPTED)
    return reply[written] if written < len(reply) else TURN_END


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.model_type = "scripted"
        self.unused = mx.zeros((1,))

    @property
    def layers(self):
        return [self]

    def make_cache(self):
        from mlx_lm.models.cache import ArraysCache, KVCache

        # With a state beside the keys, as recurrent layers have it, no cache can be cut back to an earlier token.
        return [KVCache(), ArraysCache(1)] if os.environ.get("SCRIPTED_HYBRID") == "1" else [KVCache()]

    def pretend_to_compute(self, rows, length):
        """One decode step costs the same for every row of a batch; a prefill does not."""
        if length == 1 and self.args.decode_tps:
            time.sleep(1 / self.args.decode_tps)
        elif length > 1 and self.args.prefill_tps:
            time.sleep(length * rows / self.args.prefill_tps)

    def __call__(self, inputs, cache=None, **_):
        rows, length = inputs.shape
        stored = inputs.astype(mx.float32)[:, None, :, None]
        keys, _ = cache[0].update_and_fetch(stored, stored)
        if len(cache) > 1:
            cache[1][0] = mx.zeros((rows, 1))
        self.pretend_to_compute(rows, length)
        if length > 1:  # the server samples only from single-token steps
            return mx.zeros((rows, length, self.args.vocab_size))
        padding = getattr(cache[0], "left_padding", None)
        skip = [0] * rows if padding is None else padding.tolist()
        seen = np.array(keys[:, 0, :, 0]).astype(int)
        chosen = [next_token(seen[row, skip[row] :].tolist()) for row in range(rows)]
        logits = np.full((rows, 1, self.args.vocab_size), -1e4, np.float32)
        logits[np.arange(rows), 0, chosen] = 1e4
        return mx.array(logits)
