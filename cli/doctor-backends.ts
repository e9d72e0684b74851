import type { BackendConfig, Config } from '../daemon/config/config.ts';
import type { BackendReport, StatusReport } from '../daemon/status.ts';
import { withoutAddress } from '../router/candidate.ts';
import { LEAST_WINDOW_TOKENS } from './context-window.ts';
import type { Check } from './doctor.ts';

/** What the daemon knows of each backend or, where none runs, whether something answers at its address. */
export async function checkBackends(
  config: Config,
  status: StatusReport | undefined,
): Promise<readonly Check[]> {
  const found = status
    ? status.backends.map(judge)
    : await Promise.all(Object.values(config.backends).map(knock));
  const answering = found.some(({ verdict }) => verdict !== 'fail');
  if (config.mode === 'claude' || answering) {
    // One server that is off is a choice; none at all is not.
    return found.map((check) => (check.verdict === 'fail' ? { ...check, verdict: 'warn' } : check));
  }
  return found;
}

function judge(backend: BackendReport): Check {
  const { name, url, startCommand, state, flavour, model, contextWindow, contextWindowSource, lastError } =
    backend;
  const subject = name;
  if (state === 'down' || state === 'unknown') {
    const why = lastError === null ? '' : ` (${withoutAddress(lastError, name).replace(/\.$/, '')})`;
    return {
      subject,
      verdict: 'fail',
      finding: `does not answer at ${url}${why}${howToStart(startCommand)}`,
    };
  }
  const window = contextWindow === null ? 'unknown' : `${contextWindow} tokens`;
  const finding = `${state} at ${url}, ${flavour ?? 'server of unknown kind'}, model ${model ?? 'unknown'}, window ${window}`;
  if (contextWindow === null || contextWindowSource === 'assumed') {
    const advice = `set backends.${name}.contextWindow in config.json`;
    return { subject, verdict: 'warn', finding: `${finding}, which the server does not tell: ${advice}` };
  }
  if (contextWindow < LEAST_WINDOW_TOKENS) {
    const advice = `load the model with at least ${LEAST_WINDOW_TOKENS} for Claude Code`;
    return { subject, verdict: 'warn', finding: `${finding}: ${advice}` };
  }
  return { subject, verdict: 'ok', finding };
}

async function knock({ name, url, apiKey, startCommand }: BackendConfig): Promise<Check> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  try {
    const signal = AbortSignal.timeout(3000);
    const reply = await fetch(`${url}/v1/models`, { headers, signal, redirect: 'error' });
    await reply.body?.cancel();
    if (reply.ok) return { subject: name, verdict: 'ok', finding: `answers at ${url}` };
    const key = reply.status === 401 || reply.status === 403 ? `: check backends.${name}.apiKey` : '';
    return { subject: name, verdict: 'fail', finding: `answers ${reply.status} at ${url}/v1/models${key}` };
  } catch {
    return {
      subject: name,
      verdict: 'fail',
      finding: `does not answer at ${url}${howToStart(startCommand)}`,
    };
  }
}

function howToStart(startCommand: string | null | undefined): string {
  return startCommand == null ? '' : `: start it with ${startCommand}`;
}
