// What each kind of server tells of its model, its window and its health.

import { asFields, type Fields, toCount } from '../wire/fields.ts';
import type { BackendStatus } from './backend.ts';
import { windowOfModel } from './model-window.ts';
import type { Look, Page } from './probe.ts';

export type Known = {
  readonly look: Look;
  /** Its answer to GET /v1/models. */
  readonly models: Page;
  /** The model that a person named. */
  readonly configured: string | undefined;
  readonly url: string;
};

export async function detailsOf(
  flavour: NonNullable<BackendStatus['flavour']>,
  known: Known,
): Promise<BackendStatus> {
  switch (flavour) {
    case 'mlx-lm':
      return mlxDetails(known);
    case 'llama.cpp':
      return llamaDetails(known);
    case 'lmstudio':
      return lmStudioDetails(known);
    case 'vllm':
      return vllmDetails(known);
    case 'claude':
    case 'other':
      return { state: 'up', ...told({ model: entryOf(known)?.['id'] }) };
    default:
      return flavour satisfies never;
  }
}

/** The entries of a list in OpenAI's form. */
export function modelEntries(fields: Fields | undefined): readonly Fields[] {
  return listOf(fields?.['data']);
}

/**
 * Its list holds the model it was started with if that is a folder, and whatever lies in the hub cache; what is
 * loaded it does not say. Its HTTP side outlives its generation thread, and since 0.32 /health tells of that.
 */
async function mlxDetails({ look, models, configured, url }: Known): Promise<BackendStatus> {
  const health = await look('/health');
  if (health.status === 503) {
    return { state: 'down', lastError: `Its generation thread has died: restart mlx_lm.server at ${url}.` };
  }
  const ids = modelEntries(models.fields).flatMap(({ id }) => (typeof id === 'string' ? [id] : []));
  const folders = ids.filter((id) => id.startsWith('/'));
  const model = configured ?? only(folders) ?? only(ids);
  const window = model === undefined ? undefined : await windowOfModel(model, url);
  return { state: 'up', supportsImages: false, ...told({ model, window, source: 'config.json' }) };
}

/** `/slots` would tell more, but in router mode asking it loads the model. */
async function llamaDetails(known: Known): Promise<BackendStatus> {
  const [health, props] = await Promise.all([known.look('/health'), known.look('/props')]);
  if (health.status === 503)
    return { state: 'loading', lastError: `Its model is still loading (${known.url}).` };
  const entry = entryOf(known);
  const settings = asFields(props.fields?.['default_generation_settings']);
  const window =
    toCount(settings?.['n_ctx']) ??
    toCount(props.fields?.['n_ctx']) ??
    toCount(asFields(entry?.['meta'])?.['n_ctx']);
  const vision = asFields(props.fields?.['modalities'])?.['vision'];
  const state = asFields(entry?.['status'])?.['value'];
  const version = props.fields?.['build_info'];
  return {
    state: 'up',
    ...told({ model: entry?.['id'], window }),
    ...(typeof version === 'string' && { version: version.slice(0, 100) }),
    ...(typeof vision === 'boolean' && { supportsImages: vision }),
    ...(typeof state === 'string' && { loaded: state === 'loaded' }),
    ...slotsIn(props.fields),
  };
}

function slotsIn(props: Fields | undefined): Pick<BackendStatus, 'slots'> {
  const slots = toCount(props?.['total_slots']);
  return slots === undefined ? {} : { slots };
}

async function vllmDetails(known: Known): Promise<BackendStatus> {
  const entry = entryOf(known);
  const version = (await known.look('/version')).fields?.['version'];
  return {
    state: 'up',
    ...told({ model: entry?.['id'], window: entry?.['max_model_len'] }),
    ...(typeof version === 'string' && { version: version.slice(0, 100) }),
  };
}

// ---- LM Studio ----------------------------------------------------------------------------------------

type Instance = {
  readonly id: unknown;
  /** Names by which a person may have meant it. */
  readonly names: readonly unknown[];
  /** Absent where it is not loaded: nobody knows before with which window it will be. */
  readonly window: unknown;
  readonly vision: boolean | undefined;
  readonly isLoaded: boolean;
};

/** Since 0.4.0 there is v1; v0 before that. An older server answers either with 200 and an error. */
async function lmStudioDetails({ look, models, configured }: Known): Promise<BackendStatus> {
  const v1 = listOf((await look('/api/v1/models')).fields?.['models']);
  const v0 = v1.length > 0 ? [] : modelEntries((await look('/api/v0/models')).fields);
  const instances = v1.length > 0 ? v1.flatMap(instancesV1) : v0.flatMap(instancesV0);
  if (instances.length === 0) {
    return { state: 'up', ...told({ model: configured ?? modelEntries(models.fields)[0]?.['id'] }) };
  }
  const meant =
    configured === undefined ? instances : instances.filter(({ names }) => names.includes(configured));
  const chosen = meant.find(({ isLoaded }) => isLoaded) ?? meant[0];
  return {
    state: 'up',
    ...told({ model: configured ?? chosen?.id, window: chosen?.window }),
    ...(chosen?.vision !== undefined && { supportsImages: chosen.vision }),
    ...(chosen && { loaded: chosen.isLoaded }),
  };
}

function instancesV1(entry: Fields): Instance[] {
  if (entry['type'] === 'embedding') return [];
  const key = entry['key'];
  const sees = asFields(entry['capabilities'])?.['vision'];
  const vision = typeof sees === 'boolean' ? sees : undefined;
  const loaded = listOf(entry['loaded_instances']).map(({ id, config }) => {
    const window = asFields(config)?.['context_length'];
    return { id, names: [id, key], window, vision, isLoaded: true };
  });
  return loaded.length > 0 ? loaded : [{ id: key, names: [key], window: undefined, vision, isLoaded: false }];
}

function instancesV0({ id, type, state, loaded_context_length: window }: Fields): Instance[] {
  if (type === 'embeddings') return [];
  const vision = type === 'vlm' ? true : type === 'llm' ? false : undefined;
  return [{ id, names: [id], window, vision, isLoaded: state === 'loaded' }];
}

// ---- Reading ------------------------------------------------------------------------------------------

/** The configured model's entry, or that of one in memory, or the first. */
function entryOf({ models, configured }: Known): Fields | undefined {
  const entries = modelEntries(models.fields);
  if (configured !== undefined) return entries.find(({ id }) => id === configured) ?? { id: configured };
  return entries.find(({ status }) => asFields(status)?.['value'] === 'loaded') ?? entries[0];
}

function told({
  model,
  window,
  source = 'server',
}: {
  model?: unknown;
  window?: unknown;
  source?: 'server' | 'config.json';
}): Partial<BackendStatus> {
  const contextWindow = toCount(window);
  return {
    ...(typeof model === 'string' && { model }),
    ...(contextWindow ? { contextWindow, contextWindowSource: source } : {}),
  };
}

function listOf(value: unknown): readonly Fields[] {
  const entries = Array.isArray(value) ? value.map(asFields) : [];
  return entries.filter((entry) => entry !== undefined);
}

function only<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}
