"""Start mlx_lm.server, unmodified, with its prompt cache loaded from disk and saved to it.

    python serve-mlx.py --which
    python serve-mlx.py FOLDER KEEP_BYTES SAVE_EVERY_SECONDS [mlx_lm.server options]

Two classes of mlx_lm.server are replaced by subclasses before its main() runs: the prompt cache, so that
what it held is read at the first request for a model, and the generator, so that what changed is written
in its idle moments and when it stops. Everything that touches an array runs on the generation thread, to
which they belong. Files are written by mlx-lm's own save_prompt_cache; a name is the hash of the content,
so a damaged file is told by its name. Whatever goes wrong here costs the persistence and nothing else.
"""

import hashlib
import json
import os
import re
import signal
import stat
import struct
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FORMAT = "1"
QUIET_SECONDS = 5  # the next request of a tool loop is seldom later
MOST_HEADER_BYTES = 64 << 20
ABANDONED_SECONDS = 600
WHAT_DIFFERS = {
    "format": "another version of anyclaude",
    "mlx_lm": "another version of mlx-lm",
    "model": "another model",
    "tokenizer": "another tokenizer",
    "settings": "other settings of the KV cache",
}


class Unusable(Exception):
    """Why a file is left out, in one clause."""


def say(text):
    print(f"serve-mlx: {text}", file=sys.stderr, flush=True)


# ---- What a file belongs to -------------------------------------------------------------------------------


def identity(model_key, options):
    """All that has to be the same for a saved cache to be right."""
    from mlx_lm.utils import hf_repo_to_path

    folders = [Path(name) if Path(name).exists() else hf_repo_to_path(name) for name in model_key if name]
    settings = [getattr(options, name, None) for name in ("kv_bits", "kv_group_size", "quantized_kv_start")]
    return {
        "format": FORMAT,
        "mlx_lm": version("mlx-lm"),
        "model": fingerprint(folders, lambda name: not of_tokenizer(name) and of_model(name)),
        "tokenizer": fingerprint(folders, of_tokenizer),
        "settings": json.dumps(settings),
    }


def of_tokenizer(name):
    return re.match(r"(tokenizer|vocab|merges|special_tokens|added_tokens|chat_template)", name) is not None


def of_model(name):
    return name.endswith((".json", ".safetensors", ".py"))


def fingerprint(folders, belongs):
    """Of small files the content, of weights the size and the time: hashing those would take as long as a start."""
    digest = hashlib.sha256()
    for file in (file for folder in folders for file in sorted(folder.iterdir()) if belongs(file.name)):
        known = file.stat()
        digest.update(f"{file.name} {known.st_size}\n".encode())
        digest.update(file.read_bytes() if known.st_size < 64 << 20 else str(known.st_mtime_ns).encode())
    return digest.hexdigest()[:32]


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()[:32]


# ---- Files ------------------------------------------------------------------------------------------------


def read_entry(path, belongs_to, most_bytes):
    """(tokens, cache, kind) of a file that is ours, whole and of this model. Raises Unusable."""
    import mlx.core as mx
    from mlx_lm.models.cache import load_prompt_cache

    known = path.lstat()
    if not stat.S_ISREG(known.st_mode) or known.st_uid != os.getuid():
        raise Unusable("is not a file of this user")
    if known.st_mode & 0o077:
        raise Unusable("is open to other users")
    if known.st_size > most_bytes:
        raise Unusable(f"is larger than the {most_bytes} bytes that are kept")
    try:
        told = read_metadata(path)
        for name, value in belongs_to.items():
            if told.get(name) != value:
                raise Unusable(f"is of {WHAT_DIFFERS[name]}")
        if hash_of(path) != path.stem:
            raise ValueError("its content has changed")
        tokens = [int(token) for token in json.loads(told["tokens"])]
        cache = load_prompt_cache(str(path))
        mx.eval([layer.state for layer in cache])
        return tokens, cache, told["kind"]
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(f"is damaged ({error})") from error


def read_metadata(path):
    """What save_prompt_cache was given, read without loading an array."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > MOST_HEADER_BYTES:
            raise ValueError("its header is too long")
        told = json.loads(file.read(length))["__metadata__"]
    return {name[2:]: value for name, value in told.items() if name.startswith("0.")}


def write_entry(folder, metadata, cache):
    """Whole or not at all. Returns the file's path."""
    from mlx_lm.models.cache import save_prompt_cache

    temporary = folder / f".{os.getpid()}.safetensors"
    try:
        save_prompt_cache(str(temporary), cache, metadata)
        os.chmod(temporary, 0o600)
        path = folder / f"{hash_of(temporary)}.safetensors"
        os.replace(temporary, path)
        return path
    finally:
        temporary.unlink(missing_ok=True)


def files_in(folder):
    """The oldest first. What a process that was killed left half written is removed."""
    found = []
    for path in folder.glob("*.safetensors"):
        try:
            known = path.lstat()
        except OSError:
            continue
        if not path.name.startswith("."):
            found.append((known.st_mtime_ns, known.st_size, path))
        elif time.time() - known.st_mtime > ABANDONED_SECONDS:
            path.unlink(missing_ok=True)
    return sorted(found)


# ---- The prompt cache on disk -----------------------------------------------------------------------------


class Shelf:
    """The saved conversations of one model: `folder` holds those of nobody else."""

    def __init__(self, root, model_key, options, keep_bytes):
        name = hashlib.sha256(json.dumps(model_key).encode()).hexdigest()[:16]
        self.root, self.folder, self.keep_bytes = root, root / name, keep_bytes
        self.belongs_to = identity(model_key, options)
        self.saved = {}  # tokens -> path
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self):
        """Yields (tokens, cache, kind), the oldest first. What cannot be used is removed, with its reason."""
        for _, _, path in files_in(self.folder):
            try:
                tokens, cache, kind = read_entry(path, self.belongs_to, self.keep_bytes)
            except Unusable as reason:
                say(f"{path.name} {reason}: it is ignored and removed.")
                path.unlink(missing_ok=True)
                continue
            self.saved[tuple(tokens)] = path
            yield tokens, cache, kind

    def save_one(self, entries):
        """`entries`: (tokens, cache, kind), the newest first. Writes at most one file; True where more may follow."""
        left, wanted = self.keep_bytes, set()
        for tokens, cache, kind in entries:
            left -= sum(layer.nbytes for layer in cache)
            if left < 0:
                break
            wanted.add(tokens)
            if tokens not in self.saved:
                metadata = {**self.belongs_to, "tokens": json.dumps(tokens), "kind": kind}
                self.saved[tokens] = write_entry(self.folder, metadata, cache)
                return True
        for tokens in self.saved.keys() - wanted:
            self.saved.pop(tokens).unlink(missing_ok=True)
        self.make_room()
        return False

    def make_room(self):
        """The files of all models together stay below the bound; the oldest go first."""
        files = sorted(file for folder in self.root.iterdir() if folder.is_dir() for file in files_in(folder))
        excess = sum(size for _, size, _ in files) - self.keep_bytes
        for _, size, path in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            self.saved = {tokens: kept for tokens, kept in self.saved.items() if kept != path}
            excess -= size


def persistent(server, root, keep_bytes, save_every_seconds):
    """The two classes that take the place of mlx_lm.server's own."""

    class KeptPromptCache(server.LRUPromptCache):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.options = None
            self.shelves = {}  # model key -> Shelf, or None where it cannot be had
            self.kinds = {}  # (model key, tokens) -> cache type, the newest last
            self.changed, self.used_at, self.saved_at = False, time.monotonic(), time.monotonic()
            self.told = False

        def shelf(self, model):
            """Opened, and what it holds loaded, at the first question."""
            if model not in self.shelves:
                self.shelves[model] = None
                try:
                    shelf = Shelf(root, model, self.options, keep_bytes)
                    for tokens, cache, kind in shelf.load():
                        super().insert_cache(model, tokens, cache, cache_type=kind)
                        self.kinds[model, tuple(tokens)] = kind
                        say(f"a conversation of {len(tokens)} tokens is warm again.")
                    self.shelves[model] = shelf
                except Exception as error:
                    say(f"nothing is kept of {model[0]}: {error}")
            return self.shelves[model]

        def fetch_nearest_cache(self, model, tokens):
            self.shelf(model)
            self.used_at = time.monotonic()
            return super().fetch_nearest_cache(model, tokens)

        def insert_cache(self, model, tokens, prompt_cache, *, cache_type="assistant"):
            super().insert_cache(model, tokens, prompt_cache, cache_type=cache_type)
            self.kinds.pop((model, tuple(tokens)), None)
            self.kinds[model, tuple(tokens)] = cache_type
            self.changed, self.used_at = True, time.monotonic()

        def held(self, model):
            """What the server has not dropped since, the newest first."""
            for key in [key for key in reversed(self.kinds) if key[0] == model]:
                cache, rest = super().fetch_nearest_cache(model, list(key[1]))
                if cache is not None and not rest:
                    yield key[1], cache, self.kinds[key]
                else:
                    del self.kinds[key]

        def save_some(self):
            """At most one file, so that a request which comes meanwhile waits for no more. True where more may follow."""
            try:
                for model, shelf in self.shelves.items():
                    if shelf is not None and shelf.save_one(self.held(model)):
                        return True
                self.told = False
            except Exception as error:
                if not self.told:
                    say(f"the prompt cache could not be saved, and the server goes on without: {error}")
                self.told = True
            self.changed, self.saved_at = False, time.monotonic()
            return False

        def save_if_due(self):
            now = time.monotonic()
            quiet = now - self.used_at >= min(QUIET_SECONDS, save_every_seconds)
            if self.changed and quiet and now - self.saved_at >= save_every_seconds:
                self.save_some()

    class SavingGenerator(server.ResponseGenerator):
        started = None

        def __init__(self, model_provider, prompt_cache):
            SavingGenerator.started = self
            prompt_cache.options = model_provider.cli_args
            super().__init__(model_provider, prompt_cache)

        def _next_request(self, timeout=None):
            request = super()._next_request(timeout)
            if request is None and timeout is not None:
                model = self.model_provider.model_key
                if model is not None:
                    self.prompt_cache.shelf(model)
                self.prompt_cache.save_if_due()
            return request

        def _generate(self):
            prompt_cache = self.prompt_cache
            super()._generate()
            while prompt_cache.changed and prompt_cache.save_some():
                pass

    return KeptPromptCache, SavingGenerator


def obstacle(server):
    """Why the cache cannot be kept with this server, in one clause."""
    import inspect

    import mlx.core as mx

    if mx.distributed.init().size() > 1:
        return "it runs on several machines"
    try:
        insert = inspect.signature(server.LRUPromptCache.insert_cache).parameters
        take = inspect.signature(server.ResponseGenerator._next_request).parameters
        fits = "cache_type" in insert and "timeout" in take and callable(server.ResponseGenerator._generate)
    except AttributeError:
        fits = False
    return None if fits else f"mlx-lm {version('mlx-lm')} is built in another way than 0.31 and 0.32"


def stop_generating(generator):
    if generator is not None and hasattr(generator, "_generation_thread"):
        generator.stop_and_join()


def serve(root, keep_bytes, save_every_seconds, arguments):
    os.umask(0o077)
    # Both end serve_forever(), after which mlx_lm.server joins its generation thread.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    from mlx_lm import server

    sys.argv = ["mlx_lm.server", *arguments]
    why_not = obstacle(server) if keep_bytes > 0 else "the configuration wants nothing kept"
    if why_not is not None:
        say(f"the prompt cache is not kept: {why_not}.")
        return server.main()
    server.LRUPromptCache, generator = persistent(server, root, keep_bytes, save_every_seconds)
    server.ResponseGenerator = generator
    try:
        server.main()
    except KeyboardInterrupt:
        pass  # it came before the server listened
    finally:
        stop_generating(generator.started)


if __name__ == "__main__":
    if sys.argv[1:] == ["--which"]:
        try:
            print(json.dumps({"python": sys.executable, "mlx_lm": version("mlx-lm")}))
        except PackageNotFoundError:
            sys.exit(1)
    else:
        where, keep, every, *rest = sys.argv[1:]
        serve(Path(where), int(keep), float(every), rest)
