// What a backend's prompt cache sees of a synthetic session: every piece of content, and a prompt that only grows.

import { type RequestBody, Session } from '../test/fixture/session.ts';
import { ask, placeholder } from './ask.ts';
import type { Figure } from './figures.ts';
import { newOrder, orderText } from './order.ts';
import { type Addresses, daemonRoute } from './routes.ts';

const TURNS = 16;
const QUESTION = 'Where is the kettle filled?';

/** Chat request as the backend got it: what a prompt is made of, in the order in which templates lay it out. */
type Prompt = { readonly text: string; readonly raw: string };

export async function prefixFigures(at: Addresses): Promise<readonly Figure[]> {
  const prompts: Prompt[] = [];
  const session = newSession('aaa', 1);
  for (let turn = 0; turn < TURNS; turn += 1) {
    prompts.push(await sent(at, session));
    if (turn === 2) session.enterPlanMode();
    if (turn % 4 === 3) session.answer().ask(`And then? ${placeholder}`);
    else session.useTools([readFile(turn), readFile(turn + 100)]);
  }
  const last = await sent(at, session);
  const nextTurns = [...prompts.slice(1), last].map((prompt, index) => shared(prompts[index], prompt));

  const firstAgain = await sent(at, newSession('bbb', 1));
  const other = await sent(at, newSession('ccc', 2, 'Which well is deep?'));
  const first = prompts[0] ?? last;
  const upToPrompt = first.text.indexOf(QUESTION);
  const keptPieces = session.marks.filter((piece) => last.raw.includes(piece)).length;
  const thoughts = session.thoughtMarks.filter((piece) => last.raw.includes(piece)).length;
  return [
    share(
      'content kept',
      keptPieces,
      session.marks.length,
      `${keptPieces} of ${session.marks.length} pieces, ${thoughts} of thinking`,
    ),
    share('next turn is a prefix (worst)', Math.min(...nextTurns), 1, `${nextTurns.length} turns`),
    share('same session, other nonce', shared(first, firstAgain), 1),
    share('new session, up to the prompt', Math.min(common(first.text, other.text), upToPrompt), upToPrompt),
  ];
}

function newSession(nonce: string, id: number, prompt = QUESTION): Session {
  const sessionId = `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;
  return new Session({ version: '2.1.197', nonce, sessionId, prompt: `${prompt} ${placeholder}` });
}

function readFile(part: number) {
  return { name: 'Read', input: { file_path: `/home/dev/orchard/part-${part}.ts` } };
}

async function sent(at: Addresses, session: Session): Promise<Prompt> {
  const order = newOrder('keep', 1);
  const route = daemonRoute(at.daemon, marked(session.body(), orderText(order)), session.headers());
  const { status, text } = await ask(route, order, Buffer.from(route.template)).reply;
  if (status !== 200) throw new Error(`The daemon answered ${status}: ${text.slice(0, 300)}`);
  const raw = await (await fetch(`${at.backend}/bench/body?id=${order.id}`)).text();
  // The order differs in every request by nature: it is the bench's, not the session's.
  const { messages, tools } = JSON.parse(raw.replaceAll(orderText(order), placeholder));
  return { raw, text: `${JSON.stringify(tools)}\n${JSON.stringify(messages).slice(0, -1)}` };
}

/** Every prompt of the session carries the order, so that no earlier one differs from the last. */
function marked(body: RequestBody, order: string): object {
  return JSON.parse(JSON.stringify(body).replaceAll(placeholder, order));
}

function shared(before: Prompt | undefined, after: Prompt): number {
  return before === undefined ? 0 : common(before.text, after.text) / before.text.length;
}

function common(before: string, after: string): number {
  let length = 0;
  while (length < before.length && before[length] === after[length]) length += 1;
  return length;
}

function share(name: string, value: number, whole: number, note?: string): Figure {
  const figure = { name, value: (100 * value) / whole, unit: '%', goal: '100', met: value === whole };
  return note === undefined ? figure : { ...figure, note };
}
