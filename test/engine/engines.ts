// The real model servers: mlx_lm.server with the scripted model, and llama.cpp with SmolLM2-135M.
// Both are installed on first use (setup.ts) and end when this process ends.

import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startLmStudioShim } from './lmstudio.ts';
import type { Progress } from './once.ts';
import { type Engine, launch } from './process.ts';
import { engineCache, ensureEngine, ensureScriptedModel, type ScriptedKind, smolLm2 } from './setup.ts';

export { available, type EnginePart } from './host.ts';
export type { Engine } from './process.ts';
export { ensureEngine, whyNot } from './setup.ts';
export { startLmStudioShim };

export type MlxOptions = {
  /** Pretended speeds in tokens a second; without them there is no delay. */
  readonly prefillTps?: number;
  readonly decodeTps?: number;
  /** Conversations that the prompt cache holds; the server's own default is 10. */
  readonly promptCacheSize?: number;
  /** Tokens a prefill step; the server looks for new and lost clients between steps. Default 2048. */
  readonly prefillStepSize?: number;
  /** The model may write `<think>..</think>`, and the server tells it apart as reasoning. */
  readonly thinking?: boolean;
  /** SmolLM2's, instead of one that is trained on the spot: needs llama.cpp's environment too. */
  readonly realVocabulary?: boolean;
  /** A model of recurrent layers too, whose cache can't be cut back: what was kept serves whole or not at all. */
  readonly hybrid?: boolean;
  readonly port?: number;
  readonly progress?: Progress;
};

/** The real mlx_lm.server. Its model says what make_model.py's directives in the prompt tell it to. */
export async function startMlx(options: MlxOptions = {}): Promise<Engine> {
  const python = await ensureEngine('mlx', options.progress);
  const model = await ensureScriptedModel(python, scriptedKind(options));
  return launch({
    python,
    model,
    port: options.port,
    env: { ...(await cacheFolders()), ...manners(options) },
    args: (port) => [
      'mlx',
      ...['--model', model, '--trust-remote-code', '--host', '127.0.0.1', '--port', String(port)],
      ...numbers({
        '--prompt-cache-size': options.promptCacheSize,
        '--prefill-step-size': options.prefillStepSize,
      }),
    ],
  });
}

function scriptedKind({ thinking, realVocabulary }: MlxOptions): ScriptedKind {
  if (realVocabulary) return 'real-vocabulary';
  return thinking ? 'thinking' : 'plain';
}

/** What plays a server's part: stopped when it is no longer wanted, and gone with this process. */
export type Server = { readonly url: string; readonly model: string; stop(): Promise<void> };

/** The scripted model in LM Studio's place: LM Studio's routes and stream, the text dictated by the prompt. */
export async function startScriptedLmStudio(options: MlxOptions = {}): Promise<Server> {
  const { port, ...rest } = options;
  const upstream = await startMlx(rest);
  const shown = { model: 'scripted-stand-in', contextSize: 131_072, ...(port !== undefined && { port }) };
  try {
    const shim = await startLmStudioShim({ upstream, ...shown });
    const stop = async () => {
      await shim.stop();
      await upstream.stop();
    };
    return { url: shim.url, model: shim.model, stop };
  } catch (error) {
    await upstream.stop();
    throw error;
  }
}

export type LlamaOptions = {
  /** Tokens of context over all slots; the model knows 8192. */
  readonly contextSize?: number;
  /** Slots; each gets its share of the context. Default 1. */
  readonly parallel?: number;
  /** MiB for prompts that lost their slot; 0 makes a slot forget what it served before. Default 8192. */
  readonly cacheRam?: number;
  /** Folder for the state of slots, ending in a slash; without it the server saves none. */
  readonly slotSavePath?: string;
  readonly port?: number;
  readonly progress?: Progress;
};

/** A real llama.cpp server. It calls the first tool of a request, with arguments that fit its schema but make no sense. */
export async function startLlama(options: LlamaOptions = {}): Promise<Engine> {
  const python = await ensureEngine('llama', options.progress);
  const model = 'smollm2-135m-instruct';
  const template = join(import.meta.dirname, 'standin.jinja');
  return launch({
    python,
    model,
    port: options.port,
    env: await cacheFolders(),
    args: (port) => [
      'llama',
      ...['--model', smolLm2(python), '--alias', model, '--template', template, '--port', String(port)],
      ...(options.slotSavePath === undefined ? [] : ['--slot-save-path', options.slotSavePath]),
      ...numbers({
        '--context': options.contextSize,
        '--parallel': options.parallel,
        '--cache-ram': options.cacheRam,
        // Its threads wait for each other by spinning: as many as cores means a crawl on a busy machine.
        '--threads': Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2))),
      }),
    ],
  });
}

/** Nothing is looked up on a model hub, and what an engine compiles or writes stays in the cache. */
async function cacheFolders(): Promise<Record<string, string>> {
  const home = join(engineCache(), 'hub-home');
  const temporary = join(engineCache(), 'tmp');
  // Without the `hub` folder mlx_lm.server answers GET /v1/models with an empty body.
  await mkdir(join(home, 'hub'), { recursive: true });
  await mkdir(temporary, { recursive: true });
  return { HF_HOME: home, HF_HUB_OFFLINE: '1', TMPDIR: temporary };
}

function manners({ prefillTps, decodeTps, hybrid }: MlxOptions): Record<string, string> {
  return {
    SCRIPTED_PREFILL_TPS: String(prefillTps ?? 0),
    SCRIPTED_DECODE_TPS: String(decodeTps ?? 0),
    SCRIPTED_HYBRID: hybrid ? '1' : '0',
  };
}

function numbers(options: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(options).flatMap(([flag, value]) =>
    value === undefined ? [] : [flag, String(value)],
  );
}
