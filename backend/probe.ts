// Who is there: which server, which model, how large a window. Bodies are believed, never a status alone: LM Studio
// answers 200 on any path. Nothing here loads a model or generates a token; that is proof.ts.
//
// One request tells the server apart, and only what it knows is asked next: a server logs every stray question.

import { faultOfErrorBody } from '../wire/fault.ts';
import { asFields, type Fields, parseFields } from '../wire/fields.ts';
import type { BackendStatus } from './backend.ts';
import { createHttp, type Http, readText } from './http.ts';
import { detailsOf, modelEntries } from './probe-details.ts';

export type Address = {
  readonly backend: string;
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** The model as configured, where one is. */
  readonly model?: string | undefined;
};

/** What one GET gave. */
export type Page = {
  readonly status: number;
  readonly server: string;
  readonly contentType: string;
  readonly text: string;
  /** Undefined where the body is no JSON object. */
  readonly fields: Fields | undefined;
};
export type Look = (path: string) => Promise<Page>;

const PROBE_MS = 1_500;
const MOST_BYTES = 4 * 1024 * 1024;
/** What stands for "whatever is loaded" in the configuration. */
export const CURRENT_MODEL = 'current-model';

/** Answers within 1.5 s; a server that cannot be reached or understood is `down`. Never rejects. */
export async function probe(address: Address, signal: AbortSignal): Promise<BackendStatus> {
  const http = createHttp(address);
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
  try {
    return await recognise((path) => look(http, path, patience), address);
  } catch (error) {
    return { state: 'down', lastError: patience.aborted ? silent(address) : messageOf(error) };
  } finally {
    await http.close();
  }
}

/**
 * The name to ask for. Any but its own makes mlx_lm.server unload its model and try to load the other one, so
 * "whatever is loaded" has a name of its own there.
 */
export function resolveModel(known: { configured: string | undefined; status: BackendStatus }): string {
  const { configured, status } = known;
  if (configured !== undefined && configured !== CURRENT_MODEL) return configured;
  return status.flavour === 'mlx-lm' ? 'default_model' : (status.model ?? 'default_model');
}

async function recognise(look: Look, address: Address): Promise<BackendStatus> {
  const models = await look('/v1/models');
  const refused = refusalOf(models, address);
  if (refused) return refused;
  const flavour = flavourOf(models) ?? (await flavourAsked(look));
  const { model } = address;
  const configured = model === CURRENT_MODEL ? undefined : model;
  return { flavour, ...(await detailsOf(flavour, { look, models, configured, url: address.url })) };
}

/** Undefined where the page is a list of models, or mlx_lm.server's nothing in place of one. */
function refusalOf(page: Page, { backend, url }: Address): BackendStatus | undefined {
  const isList = page.status === 200 && Array.isArray(page.fields?.['data']);
  const isSilentMlx = page.status === 200 && page.text === '' && isMlx(page);
  if (isList || isSilentMlx) return undefined;
  const { fault, message } = faultOfErrorBody(page.status, page.text);
  const said =
    fault === 'protocol' ? `It answered with HTTP ${page.status} and ${page.contentType}.` : message;
  const hint = fault === 'protocol' ? ' Is another program on this port?' : '';
  const state = fault === 'loading' ? 'loading' : 'down';
  return { state, lastError: `${backend} at ${url}: ${said}${hint}` };
}

function flavourOf(models: Page): BackendStatus['flavour'] {
  if (isMlx(models)) return 'mlx-lm';
  if (models.server === 'llama.cpp') return 'llama.cpp';
  const owners = new Map<unknown, BackendStatus['flavour']>([
    ['llamacpp', 'llama.cpp'],
    ['vllm', 'vllm'],
    ['organization_owner', 'lmstudio'],
  ]);
  return modelEntries(models.fields)
    .map((entry) => owners.get(entry['owned_by']))
    .find((flavour) => flavour !== undefined);
}

function isMlx({ server }: Page): boolean {
  return server.startsWith('BaseHTTP');
}

async function flavourAsked(look: Look): Promise<NonNullable<BackendStatus['flavour']>> {
  const [greeting, props] = await Promise.all([look('/lmstudio-greeting'), look('/props')]);
  if (greeting.fields?.['lmstudio'] === true) return 'lmstudio';
  return asFields(props.fields?.['default_generation_settings']) ? 'llama.cpp' : 'other';
}

async function look(http: Http, path: string, signal: AbortSignal): Promise<Page> {
  const answer = await http.send({ method: 'GET', path, headers: { accept: 'application/json' } }, signal);
  try {
    const text = await readText(answer.body, MOST_BYTES);
    return {
      status: answer.status,
      server: String(answer.headers['server'] ?? ''),
      contentType: answer.headers['content-type'] ?? 'no content type',
      text,
      fields: parseFields(text),
    };
  } catch (error) {
    throw http.errorOf(error, signal);
  }
}

function silent({ backend, url }: Address): string {
  return `${backend} at ${url}: It gave no answer within ${PROBE_MS / 1000} s.`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
