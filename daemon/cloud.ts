// What of a request the Claude API would refuse for sure. A client that `run` or `env` set up asks for the model
// claude-anyclaude and may have no credentials but a placeholder; the API knows neither, and Claude Code tries for
// three minutes on a 401 and hides its text.

import type { Received } from '../backend/backend.ts';
import type { Candidate } from '../router/candidate.ts';
import { isRouteName } from '../router/override.ts';
import { PLACEHOLDER_CREDENTIAL } from '../wire/caller.ts';
import { WireError } from '../wire/error.ts';
import { parseFields } from '../wire/fields.ts';
import type { Deps } from './deps.ts';
import type { Admitted } from './plan.ts';

type Setup = Pick<Deps, 'config' | 'claude'>;

export function cloudCandidate(admitted: Admitted, { config, claude }: Setup): Candidate {
  const lacks = obstacle(admitted, config);
  const model = modelThere(admitted, config);
  return { name: claude.name, model, state: 'unknown', isCloud: true, ...(lacks && { lacks }) };
}

/**
 * What the Claude API is sent: the bytes received, unless they name what only the daemon knows. Throws WireError 400
 * where it would be in vain.
 */
export function toClaude(
  admitted: Admitted,
  { config, claude }: Setup,
): { readonly received: Received; readonly model: string } {
  const lacks = obstacle(admitted, config);
  if (lacks !== undefined) throw new WireError(`The backend ${claude.name} ${lacks}.`);
  const { received } = admitted;
  const model = modelThere(admitted, config);
  return {
    received: namesOurs(admitted) ? { ...received, body: renamed(received.body, model) } : received,
    model,
  };
}

function obstacle({ request, received }: Admitted, { claude }: Deps['config']): string | undefined {
  if (isRouteName(request.model) && claude.model === undefined) {
    const name = JSON.stringify(request.model.slice(0, 60));
    return `knows no model ${name}: set claude.model in config.json to one that it knows`;
  }
  return hasPlaceholder(received)
    ? 'is shown no credentials: sign in with /login in Claude Code or set ANTHROPIC_API_KEY, then start it anew'
    : undefined;
}

function hasPlaceholder({ headers }: Received): boolean {
  const shown = [headers.authorization?.replace(/^Bearer /i, ''), headers['x-api-key']];
  return shown.includes(PLACEHOLDER_CREDENTIAL);
}

function modelThere({ request }: Admitted, { claude }: Deps['config']): string {
  return isRouteName(request.model) ? (claude.model ?? request.model) : request.model;
}

/** The API refuses keys that it does not know. */
function namesOurs({ request }: Admitted): boolean {
  return isRouteName(request.model) || request.routeOverride !== undefined;
}

/** Written anew, so no longer byte for byte; the keys keep their order. */
function renamed(body: Buffer, model: string): Buffer {
  const { anyclaude_route: _ours, ...fields } = parseFields(body.toString('utf8')) ?? {};
  return Buffer.from(JSON.stringify({ ...fields, model }));
}
