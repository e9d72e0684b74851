// The first user message, in the order in which its texts change: rules and environment of the project, then the
// git status, then what the person asked. A new session of the same project shares everything up to the git status,
// and with a clean tree everything up to the person's words.

import type { Conversation, Message, TextPart, UserMessage } from './message.ts';

type UserPart = UserMessage['parts'][number];

const REMINDER = '<system-reminder>';
/** Reminders that belong to one prompt or one moment, by their first words: they stay where they stand. */
const OF_THIS_TURN = [
  'Called the ',
  'Result of calling ',
  'Plan mode is active',
  'Exited Plan Mode',
  '[SYSTEM',
];
const GIT_HEADING_CHARS = 600;
const MAX_GIT_CHARS = 8000;

/** Wraps a text in the client's own tag for what is neither the person's nor the model's, unless it already is. */
export function asReminder(text: string): TextPart {
  const isOne = text.trimStart().startsWith(REMINDER);
  return { kind: 'text', text: isOne ? text : `${REMINDER}\n${text}\n</system-reminder>` };
}

/**
 * Claude Code up to 2.1.197 ends its system prompt with the git status. In front of the tools it would make all of
 * them cold at the next commit, so it is cut off here and moved into the first user message.
 */
export function splitGitStatus(system: readonly string[]): {
  readonly system: readonly string[];
  readonly gitStatus?: string;
} {
  const last = system.at(-1) ?? '';
  const at = last.lastIndexOf('\ngitStatus: ');
  if (at === -1 || last.length - at > MAX_GIT_CHARS) return { system };
  return { system: [...system.slice(0, -1), last.slice(0, at).trimEnd()], gitStatus: last.slice(at + 1) };
}

/** Orders the first user message; the other ones stay as they were received. */
export function arrangeOpening(messages: readonly Message[], gitStatus?: string): readonly Message[] {
  const moved = gitStatus === undefined ? [] : [asReminder(gitStatus)];
  const [first, ...rest] = messages;
  if (first?.role !== 'user')
    return moved.length === 0 ? messages : [{ role: 'user', parts: moved }, ...messages];
  const lasting: UserPart[] = [];
  const git: UserPart[] = [...moved];
  const ofThisTurn: UserPart[] = [];
  for (const part of first.parts) {
    const words = reminderWords(part);
    if (isLasting(part)) lasting.push(part);
    else if (words !== undefined && isGitStatus(words) && !isOfThisTurn(words)) git.push(part);
    else ofThisTurn.push(part);
  }
  return [{ role: 'user', parts: [...lasting, ...git, ...ofThisTurn] }, ...rest];
}

/** What each new session of the project begins with: system prompt, tools, and the project's own rules. */
export function projectFront(conversation: Conversation): Conversation {
  const [first] = conversation.messages;
  const parts = first?.role === 'user' ? first.parts : [];
  const end = parts.findIndex((part) => !isLasting(part));
  const lasting = end === -1 ? parts : parts.slice(0, end);
  return { ...conversation, messages: lasting.length === 0 ? [] : [{ role: 'user', parts: lasting }] };
}

/** Neither a person's words, nor of one moment, nor of one commit. */
function isLasting(part: UserPart): boolean {
  const words = reminderWords(part);
  return words !== undefined && !isGitStatus(words) && !isOfThisTurn(words);
}

function isOfThisTurn(words: string): boolean {
  return OF_THIS_TURN.some((opening) => words.startsWith(opening));
}

function reminderWords(part: UserPart): string | undefined {
  if (part.kind !== 'text') return undefined;
  const text = part.text.trimStart();
  return text.startsWith(REMINDER)
    ? text.slice(REMINDER.length, REMINDER.length + GIT_HEADING_CHARS).trimStart()
    : undefined;
}

/** The rules of a project may speak of git, too: they are told by their own heading. */
function isGitStatus(words: string): boolean {
  return words.includes('gitStatus') && !words.includes('# claudeMd');
}
