"""Run one real model server and never outlive the process that started it.

    python serve.py mlx   [mlx_lm.server options]
    python serve.py llama --model GGUF --alias NAME --template JINJA --port N --threads N
                           [--context N --parallel N --cache-ram MIB --slot-save-path DIR]

The server runs in this very process: killing this process id kills the server. Standard input is a
pipe whose other end the parent holds; when it closes, by whatever death of the parent, so does this.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path


def end_with_parent():
    def wait():
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()
    # Ctrl-C reaches the whole process group, but the parent may want to drain before it stops us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def serve_mlx(arguments):
    from mlx_lm import server

    sys.argv = ["mlx_lm.server", *arguments]
    server.main()


def serve_llama(arguments):
    import xllamacpp

    chosen = llama_options(arguments)
    params = xllamacpp.CommonParams()
    params.model.path = chosen.model
    params.model_alias = {chosen.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = chosen.port
    params.n_ctx = chosen.context
    params.n_parallel = chosen.parallel
    params.cache_ram_mib = chosen.cache_ram
    params.use_jinja = True
    params.chat_template = Path(chosen.template).read_text()
    params.endpoint_metrics = True
    params.endpoint_slots = True
    if chosen.slot_save_path:
        params.slot_save_path = chosen.slot_save_path
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = chosen.threads
    server = xllamacpp.Server(params)
    print("listening on", server.listening_address, flush=True)
    threading.Event().wait()


def llama_options(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--template", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--cache-ram", type=int, default=8192)
    parser.add_argument("--slot-save-path")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with_parent()
    {"mlx": serve_mlx, "llama": serve_llama}[sys.argv[1]](sys.argv[2:])
