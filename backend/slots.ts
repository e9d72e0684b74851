// The slots of a llama.cpp server: what each holds can be written to a file of the server's own and read back, where
// it was started with --slot-save-path. Nothing here generates a token.

import { hash } from 'node:crypto';
import { asFields, type Fields, parseFields, toCount } from '../wire/fields.ts';
import { createHttp, type Http, readText } from './http.ts';
import type { Address } from './probe.ts';

export type Slot = {
  readonly id: number;
  readonly isBusy: boolean;
  /** Another one after each request that it served; absent where it served none since the server began. */
  readonly served?: string;
  /** Counts up over all slots of the server: the lowest was used longest ago. */
  readonly lastTask?: number;
  readonly promptTokens?: number;
};

export type SlotServer = {
  /** What files of this server and model may be named after; undefined where it saves no slots. */
  fileStem(signal: AbortSignal): Promise<string | undefined>;
  /** Undefined where it does not tell. */
  list(signal: AbortSignal): Promise<readonly Slot[] | undefined>;
  /** Tokens that were written or read; a sentence of the server's where it would not. */
  save(id: number, file: string, signal: AbortSignal): Promise<number | string>;
  restore(id: number, file: string, signal: AbortSignal): Promise<number | string>;
  close(): Promise<void>;
};

type Answer = { readonly status: number; readonly fields: Fields | undefined; readonly value: unknown };

const MOST_BYTES = 1024 * 1024;

/** Its functions reject with BackendError where the server cannot be reached, or with the signal's reason. */
export function createSlotServer(address: Address): SlotServer {
  const http = createHttp(address);

  async function act(action: 'save' | 'restore', { id, file, signal }: Act): Promise<number | string> {
    const { status, fields } = await ask(
      http,
      { path: `/slots/${id}?action=${action}`, body: { filename: file } },
      signal,
    );
    const tokens = toCount(fields?.[action === 'save' ? 'n_saved' : 'n_restored']);
    return status === 200 && tokens !== undefined ? tokens : refusal(status, fields);
  }

  return {
    async fileStem(signal) {
      // No such action: a server that saves slots says so (400), any other says that it does not (501).
      const { status } = await ask(http, { path: '/slots/0?action=none', body: {} }, signal);
      if (status !== 400) return undefined;
      const [models, props] = await Promise.all([
        ask(http, { path: '/v1/models' }, signal),
        ask(http, { path: '/props' }, signal),
      ]);
      return `anyclaude-${modelHash(models.fields, props.fields)}`;
    },
    list: (signal) => listSlots(http, signal),
    save: (id, file, signal) => act('save', { id, file, signal }),
    restore: (id, file, signal) => act('restore', { id, file, signal }),
    close: () => http.close(),
  };
}

/** Undefined where the server does not tell. Rejects as the functions above. */
export async function listSlots(http: Http, signal: AbortSignal): Promise<readonly Slot[] | undefined> {
  const { status, value } = await ask(http, { path: '/slots' }, signal);
  return status === 200 && Array.isArray(value) ? value.flatMap(toSlot) : undefined;
}

type Question = { readonly path: string; readonly body?: object };

/** With a body it is posted. */
async function ask(http: Http, { path, body }: Question, signal: AbortSignal): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const posted = body && { body: JSON.stringify(body) };
  const answer = await http.send({ method: body ? 'POST' : 'GET', path, headers, ...posted }, signal);
  try {
    const text = await readText(answer.body, MOST_BYTES);
    return { status: answer.status, fields: parseFields(text), value: parsed(text) };
  } catch (error) {
    throw http.errorOf(error, signal);
  }
}

type Act = { readonly id: number; readonly file: string; readonly signal: AbortSignal };

/** The file itself does not say which weights it belongs to: a wrong one would be believed. */
function modelHash(models: Fields | undefined, props: Fields | undefined): string {
  const [entry] = Array.isArray(models?.['data']) ? models['data'].map(asFields) : [];
  const { n_params: parameters, size, ftype, n_vocab: words } = asFields(entry?.['meta']) ?? {};
  const known = [entry?.['id'], props?.['model_path'], parameters, size, ftype, words, props?.['build_info']];
  return hash('sha256', JSON.stringify(known), 'hex').slice(0, 12);
}

function toSlot(value: unknown): Slot[] {
  const fields = asFields(value);
  const id = toCount(fields?.['id']);
  if (fields === undefined || id === undefined) return [];
  const task = toCount(fields['id_task']);
  const promptTokens = toCount(fields['n_prompt_tokens']);
  return [
    {
      id,
      isBusy: fields['is_processing'] === true,
      ...(task !== undefined && { served: `${task}/${promptTokens ?? ''}`, lastTask: task }),
      ...(promptTokens !== undefined && { promptTokens }),
    },
  ];
}

function refusal(status: number, fields: Fields | undefined): string {
  const message = asFields(fields?.['error'])?.['message'];
  return typeof message === 'string' ? message.slice(0, 200) : `It answered with HTTP ${status}.`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
