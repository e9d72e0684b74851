// What is kept of a project over a restart: the front of its prompt, as far as the next session will begin with the
// very same bytes. No word of the person's is in it.

import { z } from 'zod';
import { tokensOf } from '../../router/observation.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { Conversation, JsonObject, Tool } from '../../wire/message.ts';
import { projectFront } from '../../wire/opening.ts';
import type { KeptPrompt, ProjectPrompt } from '../keeper/prompts.ts';

export type SavedPrefix = {
  /** Its working folder; empty where the client did not tell. */
  readonly project: string;
  /** Who answered with it, the newest first. */
  readonly backends: readonly string[];
  /** Of the conversation's chain, at the end of this front. */
  readonly hash: string;
  readonly system: string;
  readonly tools: readonly Tool[];
  /** The project's rules and environment, which open the first message. */
  readonly opening: readonly string[];
  /** Unix epoch, milliseconds: when its project was last used, to the hour. */
  readonly savedAtMs: number;
};

export type PrefixName = Pick<SavedPrefix, 'project' | 'hash'>;

/** Counted up whenever the same request may give other bytes than before. */
const FORMAT = 1;

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  project: z.string(),
  backends: z.array(z.string()),
  hash: z.string(),
  system: z.string(),
  tools: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      inputSchema: z.record(z.string(), z.json()),
    }),
  ),
  opening: z.array(z.string()),
  savedAtMs: z.number(),
});

/** Without looking at the texts: the chain has their hashes already. Undefined where there is no such front. */
export function nameOf({ project = '', chain, conversation }: KeptPrompt): PrefixName | undefined {
  const front = chain[1 + openingOf(conversation).length];
  return front && { project, hash: front.hash };
}

export function prefixOf(
  { conversation, endedAtMs }: KeptPrompt,
  name: PrefixName,
  backends: readonly string[],
): SavedPrefix {
  const { system, tools } = conversation;
  return { ...name, backends, system, tools, opening: openingOf(conversation), savedAtMs: endedAtMs };
}

/** Each of its parts is a segment of its own. */
function openingOf(conversation: Conversation): readonly string[] {
  const [first] = projectFront(conversation).messages;
  return first?.parts.map((part) => (part.kind === 'text' ? part.text : '')) ?? [];
}

export function conversationOf({ system, tools, opening }: Omit<SavedPrefix, 'hash'>): Conversation {
  const parts = opening.map((text) => ({ kind: 'text', text }) as const);
  return {
    system,
    tools,
    messages: parts.length === 0 ? [] : [{ role: 'user', parts }],
    callable: tools.map(({ name }) => name),
    maxTokens: 1,
    stopSequences: [],
    toolChoice: { kind: 'auto' },
    hasImages: false,
  };
}

/** As the keeper knows projects, so that it can warm this one again, too. */
export function promptOfPrefix(prefix: SavedPrefix): ProjectPrompt {
  const { project, backends, savedAtMs } = prefix;
  const conversation = conversationOf(prefix);
  const chain = segments(conversation).map(({ hash, text }) => ({
    hash,
    tokens: Math.ceil(text.length / CHARS_PER_TOKEN),
  }));
  return {
    ...(project !== '' && { project }),
    ...{ turnId: '', backend: backends[0] ?? '', model: '', kind: 'main', conversation, chain },
    ...{ promptTokens: tokensOf(chain), endsTurn: true, endedAtMs: savedAtMs, backends, source: 'disk' },
  };
}

const CHARS_PER_TOKEN = 4;

export function toFile(prefix: SavedPrefix): string {
  return JSON.stringify({ format: FORMAT, ...prefix });
}

/** Why the text is no prefix of ours, in one clause, where it is none. */
export function fromFile(text: string): SavedPrefix | string {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return 'is damaged';
  }
  if (isOtherFormat(content)) return 'was written by another version of anyclaude';
  const read = fileSchema.safeParse(content);
  if (!read.success) return 'is damaged';
  const { format: _, tools, ...rest } = read.data;
  const prefix = {
    ...rest,
    tools: tools.map((tool) => ({ ...tool, inputSchema: tool.inputSchema as JsonObject })),
  };
  return segments(conversationOf(prefix)).at(-1)?.hash === prefix.hash ? prefix : 'is damaged';
}

function isOtherFormat(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'format' in content && content.format !== FORMAT;
}
