// A day's work as it might have been: sessions of questions and edits, warm after their first prompt, with what goes
// wrong in between. The same numbers each time; only the hour is that of the run.

import type { Outcome } from '../../router/outcome.ts';
import { seeded } from '../fixture/words.ts';
import { outcome } from '../store/sample.ts';

const MINUTE_MS = 60_000;
const MLX = { answeredBy: 'mlx-lm', model: 'mlx-community/Qwen3-Coder-30B-A3B-4bit' };
const LMSTUDIO = { answeredBy: 'lmstudio', model: 'qwen3-coder-30b' };
const PROJECTS = ['/home/me/kettle', '/home/me/lamp-shade', '/home/me/kettle'];

/** `count` requests over the last `hours`, the last of them some minutes old. */
export function workingDay(nowMs: number, count = 220, hours = 22): readonly Outcome[] {
  const random = seeded(7);
  const gapMs = (hours * 60 * MINUTE_MS) / count;
  return Array.from({ length: count }, (_, n) => {
    const startedAtMs = Math.round(nowMs - 4 * MINUTE_MS - (count - n) * gapMs + random() * gapMs);
    const session = Math.floor(n / 24);
    return {
      ...request(n, random),
      startedAtMs,
      sessionId: `a2f1c9d0-0000-4000-8000-${String(session).padStart(12, '0')}`,
      project: PROJECTS[session % PROJECTS.length] ?? '',
    };
  });
}

function request(n: number, random: () => number): Outcome {
  const id = `req_past${String(n).padStart(4, '0')}`;
  const isEdit = n % 24 > 9 && random() < 0.55;
  const isFirst = n % 24 === 0 || random() < 0.05;
  const promptTokens = Math.round(18_000 + (n % 24) * 1_400 + random() * 900);
  const cachedTokens = isFirst ? 0 : Math.round(promptTokens * (0.9 + random() * 0.08));
  const ttftMs = 350 + (promptTokens - cachedTokens) * (1.35 + random() * 0.5);
  const outputTokens = Math.round(60 + random() * 500);
  const durationMs = ttftMs + outputTokens * (isEdit ? 26 : 22);
  const base = outcome(id, {
    ...(isEdit ? LMSTUDIO : MLX),
    ...{ ttftMs, firstTokenMs: ttftMs, durationMs, outputTokens },
    classification: {
      task: isEdit ? 'edit' : 'analysis',
      probability: 0.68 + random() * 0.3,
      reason: 'model-words',
    },
    // LM Studio tells nothing of its cache; sometimes the wait betrays it.
    cache: isEdit
      ? random() < 0.6
        ? { evidence: 'inferred', promptTokens, cachedTokens }
        : { evidence: 'none', promptTokens }
      : { evidence: 'reported', promptTokens, cachedTokens },
    toolCalls: [],
    decision: {
      targets: [{ backend: isEdit ? 'lmstudio' : 'mlx-lm', model: 'm' }],
      reason: isFirst ? 'follows-task' : 'sticky-turn',
      detail: isEdit ? 'An edit turn goes to lmstudio.' : 'An analysis turn goes to mlx-lm.',
      passedOver: [],
      predicted: predicted(isEdit ? 'lmstudio' : 'mlx-lm', (ttftMs * (0.8 + random() * 0.5)) / 1000),
    },
  });
  const whole = {
    ...base,
    ...(cachedTokens > 0 ? saving(ttftMs) : n % 24 !== 0 && broke(n, promptTokens, ttftMs)),
  };
  return n % 31 === 17 ? gone(whole) : n % 37 === 20 ? titled(whole) : whole;
}

/** What the cache spared a warm request. */
function saving(ttftMs: number): Pick<Outcome, 'saved'> {
  const seconds = 30 - ttftMs / 1000;
  return {
    saved: { seconds, lowSeconds: seconds - 6, highSeconds: seconds + 6, basis: 'measured', coldSamples: 12 },
  };
}

const BREAKS = [
  ['tools-added', 'tools', 'tools were added: mcp__browser__open'],
  ['system-changed', 'system', 'the system prompt changed 1,204 characters before its end'],
  ['server-lost', 'server', 'the server had begun anew'],
] as const;

/** What a request in mid-session lost that found nothing cached. */
function broke(n: number, lostTokens: number, ttftMs: number): Pick<Outcome, 'cacheBreak'> {
  const [cause, segment, detail] = BREAKS[n % BREAKS.length] ?? BREAKS[0];
  const lostSecondsBasis = n % 2 === 0 ? 'measured' : 'inferred';
  return { cacheBreak: { cause, segment, detail, lostTokens, lostSeconds: ttftMs / 1100, lostSecondsBasis } };
}

function predicted(backend: string, ttftSeconds: number) {
  const parts = {
    queue: 0,
    load: 0,
    prefill: ttftSeconds,
    decode: 6,
    quality: 0.1,
    preference: 0,
    future: 0,
  };
  return {
    backend,
    seconds: ttftSeconds + 6.1,
    parts,
    ttftSeconds,
    sigma: 0.8,
    matchedTokens: 18_000,
    warm: 0.9,
  };
}

function gone({ ttftMs: _t, firstTokenMs: _f, outputTokens: _o, ...rest }: Outcome): Outcome {
  return {
    ...rest,
    cache: { evidence: 'none' },
    ending: { result: 'failed', phase: 'before-first-token', fault: 'connect' },
    message: 'Nothing listens at 127.0.0.1:1234.',
    durationMs: 40,
  };
}

function titled({ classification: _c, decision: _d, model: _m, ...rest }: Outcome): Outcome {
  return {
    ...rest,
    kind: 'title',
    answeredBy: 'daemon',
    cache: { evidence: 'none' },
    durationMs: 2,
    ttftMs: 1,
    outputTokens: 9,
  };
}
