// What a person asked for by name: a route, a backend, or nothing. A header outranks the body, and the body
// outranks the model name, for that is the order in which they are deliberate.

import type { Caller } from '../wire/caller.ts';
import { WireError } from '../wire/error.ts';
import type { WireRequest } from '../wire/message.ts';
import type { BackendName, Task } from './decision.ts';

export type Override = { readonly route: Task } | { readonly backend: BackendName };

type Asked = {
  readonly caller: Caller;
  readonly request: Pick<WireRequest, 'model' | 'routeOverride'>;
  readonly backends: readonly BackendName[];
};

/** Undefined for `auto` and where nothing was asked. Throws WireError for a name that means nothing here. */
export function readOverride({ caller, request, backends }: Asked): Override | undefined {
  if (caller.routeOverride !== undefined) {
    return parseRoute(caller.routeOverride, { where: 'The header x-anyclaude-route', backends });
  }
  if (request.routeOverride !== undefined) {
    return parseRoute(request.routeOverride, { where: 'The body key anyclaude_route', backends });
  }
  const route = routeInModel(request.model);
  return route === undefined
    ? undefined
    : parseRoute(route, { where: `The model name ${request.model}`, backends });
}

/** The model names that choose a route, for GET /v1/models. Claude Code lists only ids that begin with `claude`. */
export function routeModels(
  backends: readonly BackendName[],
): readonly { readonly id: string; readonly name: string }[] {
  return [
    { id: 'claude-anyclaude', name: 'anyclaude (by task)' },
    { id: 'claude-anyclaude-analysis', name: 'anyclaude: analysis' },
    { id: 'claude-anyclaude-edit', name: 'anyclaude: edit' },
    ...backends.map((backend) => ({ id: `claude-anyclaude-${backend}`, name: `anyclaude: ${backend}` })),
  ];
}

type Place = { readonly where: string; readonly backends: readonly BackendName[] };

function parseRoute(value: string, { where, backends }: Place): Override | undefined {
  const asked = value.trim().toLowerCase();
  // `auto` leaves the configured mode in charge: it takes back an override of lower rank, and nothing else.
  if (asked === 'auto') return undefined;
  if (asked === 'analysis' || asked === 'edit') return { route: asked };
  const backend = backends.find((name) => name.toLowerCase() === asked);
  if (backend !== undefined) return { backend };
  const allowed = ['auto', 'analysis', 'edit', ...backends].join(', ');
  throw new WireError(
    `${where} asks for the route ${JSON.stringify(value.slice(0, 60))}; allowed are ${allowed}.`,
  );
}

/** True for the names of `routeModels` and their like, which mean something to the daemon alone. */
export function isRouteName(model: string): boolean {
  return /^(?:claude-)?anyclaude(?:-.+)?$/.test(model.replace(/\[1m\]$/, ''));
}

// Any other model name is free text of the client. The suffix is how Claude Code asks for a longer window.
function routeInModel(model: string): string | undefined {
  const name = model.replace(/\[1m\]$/, '');
  return /^(?:claude-)?anyclaude-(.+)$/.exec(name)?.[1];
}
