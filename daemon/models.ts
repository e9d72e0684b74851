// GET /v1/models: Claude Code's model picker keeps the ids that begin with `claude`, so these turn it into a
// route picker.

import { routeModels } from '../router/override.ts';
import type { Config } from './config/config.ts';

export type ModelList = {
  readonly data: readonly {
    readonly type: 'model';
    readonly id: string;
    readonly display_name: string;
    readonly created_at: string;
  }[];
  readonly has_more: false;
  readonly first_id: string | null;
  readonly last_id: string | null;
};

export function modelList(config: Config, nowMs: number): ModelList {
  const data = routeModels(Object.keys(config.backends)).map(({ id, name }) => ({
    type: 'model' as const,
    id,
    display_name: name,
    created_at: new Date(nowMs).toISOString(),
  }));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
