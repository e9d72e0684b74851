// Conversation → a chain of segments. Two conversations share a prompt prefix exactly as far as their hashes agree,
// because each hash covers everything before it.

import { hash } from 'node:crypto';
import type { Conversation, Message } from './message.ts';

export type Segment = {
  readonly kind: 'system' | 'tools' | 'message';
  /** 32 hex digits over this segment and all before it. */
  readonly hash: string;
  /** What the model will read of it, near enough to estimate tokens. Images are not in it. */
  readonly text: string;
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
    chain('tools', conversation.tools.length === 0 ? '' : JSON.stringify(conversation.tools)),
    ...[...opening, ...rest].map((message) => chain('message', messageText(message), imagesIn(message))),
  ];
}

/** The segment that a message adds behind the one with this hash. The first user message is more than one. */
export function nextSegment(previousHash: string, message: Message): Segment {
  return createChain(previousHash)('message', messageText(message), imagesIn(message));
}

function createChain(
  previous = '',
): (kind: Segment['kind'], text: string, images?: readonly string[]) => Segment {
  return (kind, text, images = []) => {
    const own = images.length === 0 ? text : `${text}\n${images.join('\n')}`;
    previous = hash('sha256', `${previous}${kind}\n${own}`, 'hex').slice(0, 32);
    return { kind, hash: previous, text };
  };
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
