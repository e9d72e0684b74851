// The context window of a model whose server does not tell it: mlx_lm.server has no limit of its own and no endpoint
// for it, but the model's folder is on this machine and its config.json says what the model was trained for.

import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { asFields, parseFields, toCount } from '../wire/fields.ts';

const HUB_NAME = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/**
 * Tokens, read from the config.json of a model folder or of the hub cache. Undefined where the server is on
 * another machine, or the file is not to be had.
 */
export async function windowOfModel(model: string, serverUrl: string): Promise<number | undefined> {
  if (!isThisMachine(serverUrl)) return undefined;
  try {
    const folder = model.startsWith('/') ? model : await hubFolder(model);
    const config = folder && parseFields(await readFile(join(folder, 'config.json'), 'utf8'));
    if (!config) return undefined;
    const inner = asFields(config['text_config']);
    return toCount(config['max_position_embeddings']) ?? toCount(inner?.['max_position_embeddings']);
  } catch {
    return undefined;
  }
}

function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

/** `owner/name` lies in the hub cache as `models--owner--name/snapshots/<revision>`. */
async function hubFolder(model: string): Promise<string | undefined> {
  if (!HUB_NAME.test(model)) return undefined;
  const home = process.env['HF_HOME'] ?? join(homedir(), '.cache', 'huggingface');
  const snapshots = join(home, 'hub', `models--${model.replace('/', '--')}`, 'snapshots');
  const [revision] = await readdir(snapshots);
  return revision === undefined ? undefined : join(snapshots, revision);
}
