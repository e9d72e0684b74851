// A session as Claude Code would send it, cut to a wanted size: a billing block that is another one in each session, a
// moving cache marker, rules and git status in the first message. The words are made up.
// It has no tools: a model that calls one would write no word to wait for. To a prompt cache they are text like any other.

import { cached, type MessageBody, type RequestBody, reminder, text } from '../../test/fixture/body.ts';

export type SessionOptions = {
  /** Other seeds share nothing. */
  readonly project: string;
  readonly session: number;
  /** About the tokens of the first prompt. */
  readonly tokens: number;
};

export type Session = {
  body(): RequestBody;
  readonly headers: Readonly<Record<string, string>>;
  /** The assistant's answer, and the person's next words. */
  goOn(answer: string): void;
};

/** Of one line of the filler, on the tokenizers of the engines here; a hint and no more, for the server counts. */
const TOKENS_PER_LINE = 9;
const TOKENS_BESIDES = 150;
const MAX_TOKENS = 8;
/** For the scripted model; any other reads it as a strange remark. */
const ANSWER = '[[say]]It counts the lines.[[/say]]';

export function createSession({ project, session, tokens }: SessionOptions): Session {
  const count = Math.max(1, Math.round((tokens - TOKENS_BESIDES) / TOKENS_PER_LINE));
  const filler = Array.from({ length: count }, (_, at) => `The ${project} has line ${at}. `).join('');
  const rules = reminder(`# claudeMd\nThe rules of ${project}: be brief, and test what you change.`);
  const git = reminder(`# gitStatus\ngitStatus: On branch main, ${session} commits ahead`);
  const messages: MessageBody[] = [
    { role: 'user', content: [text(rules), text(git), text(`What does step ${session}.0 do? ${ANSWER}`)] },
  ];
  const id = String(session).padStart(12, '0');
  return {
    headers: {
      'x-claude-code-session-id': `00000000-0000-4000-8000-${id}`,
      'x-anyclaude-project': `/home/dev/${project}`,
    },
    body: () => ({
      model: 'claude-anyclaude',
      max_tokens: MAX_TOKENS,
      temperature: 0,
      stream: true,
      system: [text(billing(session)), cached(text(`You are a coding agent.\n\n${filler}`))],
      messages: messages.map((message, at) => (at === messages.length - 1 ? marked(message) : message)),
    }),
    goOn(answer) {
      const turn = messages.length;
      messages.push({ role: 'assistant', content: [text(answer)] });
      messages.push({ role: 'user', content: [text(`And step ${session}.${turn}? ${ANSWER}`)] });
    },
  };
}

/** Constant in a session, and another one in each: seen so in 2.1.330. */
function billing(session: number): string {
  return `x-anthropic-billing-header: cc_version=2.1.330.${(0xabc + session).toString(16)}; cc_entrypoint=cli;`;
}

function marked({ role, content }: MessageBody): MessageBody {
  if (typeof content === 'string') return { role, content };
  return { role, content: content.map((block, at) => (at === content.length - 1 ? cached(block) : block)) };
}
