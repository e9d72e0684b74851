// Conversation → a chain of segments. Two conversations share a prompt prefix exactly as far as their hashes agree,
// because each hash covers everything before it.

import { hash } from 'node:crypto';
import type { Conversation, Message } from './message.ts';
import { jsonOf } from './once-per.ts';

export type Segment = {
  readonly kind: 'system' | 'tools' | 'message';
  /** 32 hex digits over this segment and all before it. */
  readonly hash: string;
  /** What the model will read of it, near enough to estimate tokens. Images are not in it. */
  readonly text: string;
  /** Those of the segment, as base64; absent where it has none. */
  readonly images?: readonly string[];
};

type Part = Message['parts'][number];

/**
 * One segment for the system prompt, one for the tools, one for each message. The first user message is cut into its
 * parts, for sessions of the same project share the front of it.
 */
export function segments(conversation: Conversation): readonly Segment[] {
  const [first, ...rest] = conversation.messages;
  const opening = first?.parts.map((part) => ({ role: first.role, parts: [part] }) as Message) ?? [];
  const chain = createChain();
  return [
    chain('system', conversation.system),
    chain('tools', conversation.tools.length === 0 ? '' : `[${conversation.tools.map(jsonOf).join(',')}]`),
    ...[...opening, ...rest].map((message) => chain('message', messageText(message), imagesIn(message))),
  ];
}

/** What is kept of a segment that stood in a prompt's last place. */
export type Tail = { readonly hash: string; readonly chars: number; readonly images: number };

export function tailOf({ hash, text, images = [] }: Segment): Tail {
  return { hash, chars: text.length, images: images.length };
}

/** True where the segment begins with all of that tail, `previousHash` being what stands before both. */
export function grewFrom(tail: Tail, previousHash: string, { kind, text, images = [] }: Segment): boolean {
  if (text.length < tail.chars || images.length < tail.images) return false;
  const beginning = [text.slice(0, tail.chars), ...images.slice(0, tail.images)].join('\n');
  return linkHash(previousHash, kind, beginning) === tail.hash;
}

/** The segment that a message adds behind the one with this hash. The first user message is more than one. */
export function nextSegment(previousHash: string, message: Message): Segment {
  return createChain(previousHash)('message', messageText(message), imagesIn(message));
}

function createChain(
  previous = '',
): (kind: Segment['kind'], text: string, images?: readonly string[]) => Segment {
  return (kind, text, images = []) => {
    previous = linkHash(previous, kind, [text, ...images].join('\n'));
    return { kind, hash: previous, text, ...(images.length > 0 && { images }) };
  };
}

function linkHash(previous: string, kind: Segment['kind'], own: string): string {
  return hash('sha256', `${previous}${kind}\n${own}`, 'hex').slice(0, 32);
}

/** Joined like to-chat does it. Call ids are left out: few chat templates print them. */
function messageText({ role, parts }: Message): string {
  return `${role}\n${(parts as readonly Part[]).map(partText).join('\n\n')}`;
}

function partText(part: Part): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'image':
      return '[image]';
    case 'tool-use':
      return `${part.name} ${JSON.stringify(part.input)}`;
    case 'tool-result':
      return `${part.isError ? 'Error: ' : ''}${part.content.map(partText).join('\n\n')}`;
    default:
      return part satisfies never;
  }
}

function imagesIn({ parts }: Message): readonly string[] {
  return (parts as readonly Part[]).flatMap((part) => {
    if (part.kind === 'image') return [part.base64];
    if (part.kind !== 'tool-result') return [];
    return part.content.flatMap((each) => (each.kind === 'image' ? [each.base64] : []));
  });
}
