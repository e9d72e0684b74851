"""Write a model folder that the real mlx_lm.server loads in a second, on any CPU, without weights.

    python make_model.py FOLDER [--thinking] [--context TOKENS] [--vocabulary GGUF]

The server must run with --trust-remote-code (the folder brings its own model_file). Tokenizer, chat
template, prompt cache, batching, event stream and tool parsing are then the real server's; only the
text is dictated, by directives in the newest user message. Tool results and system reminders are
no such message, so a script stays in force for a whole tool loop.

    [[say]]TEXT[[/say]]   the reply. The n-th block is the n-th assistant turn after the message
    [[die]]               raise inside the model: the server's generation thread dies
    [[hang SECONDS]]      sleep before the first token; stalls every request, there is one thread

TEXT may hold whatever a model could write: <tool_call>\\n{"name": .., "arguments": {..}}\\n</tool_call>,
broken JSON, and with --thinking also <think>..</think>. A message without directives gets one fixed
sentence. SCRIPTED_PREFILL_TPS and SCRIPTED_DECODE_TPS in the server's environment set the speed in
tokens a second (absent or 0: no delay); only tokens that are not cached cost prefill time.

The tokenizer is trained here on this Python's standard library: about one token for a short English
word, but not the same in every Python version. Tests never assert exact prompt token counts. With
--vocabulary it is that of the model in the GGUF file, which must split as GPT-2 does, digits apart.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
END_OF_TURN = SPECIAL_TOKENS[2]
HERE = Path(__file__).parent


def trained_tokenizer(template):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    library = sorted(Path(os.__file__).parent.glob("[a-m]*.py"))
    texts = [template, *(source.read_text(errors="ignore") for source in library)]
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def published_tokenizer(gguf):
    _, published = mx.load(str(gguf), return_metadata=True)
    ids = {token: at for at, token in enumerate(published["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in published["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def make_tokenizer(template, thinking, vocabulary):
    tokenizer = published_tokenizer(vocabulary) if vocabulary else trained_tokenizer(template)
    if thinking:  # the server switches reasoning on when it finds these two in the vocabulary
        marks = ("<think>", "</think>")
        tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in marks])
    return tokenizer


def tokenizer_config(template, context):
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TURN,
        "pad_token": END_OF_TURN,
        "additional_special_tokens": SPECIAL_TOKENS,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": template,
    }


def model_config(tokenizer, context):
    return {
        "model_type": "llama",
        "model_file": "scripted_model.py",
        "vocab_size": tokenizer.get_vocab_size(),
        "eos_token_id": tokenizer.token_to_id(END_OF_TURN),
        "max_position_embeddings": context,
    }


def make_model(folder, thinking, context, vocabulary):
    folder.mkdir(parents=True, exist_ok=True)
    template = (HERE / "scripted.jinja").read_text()
    tokenizer = make_tokenizer(template, thinking, vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", tokenizer_config(template, context))
    write_json(folder / "config.json", model_config(tokenizer, context))
    shutil.copy(HERE / "scripted_model.py", folder)
    mx.save_safetensors(str(folder / "model.safetensors"), {"unused": mx.zeros((1,))}, {"format": "mlx"})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--thinking", action="store_true")
    parser.add_argument("--context", type=int, default=131072)
    parser.add_argument("--vocabulary", type=Path)
    chosen = parser.parse_args()
    make_model(chosen.folder, chosen.thinking, chosen.context, chosen.vocabulary)
