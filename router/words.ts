// What the words of a prompt say about its task. People write orders ("fix the test"), questions ("why does …"),
// consents ("yes, option A") and pasted reports, mostly behind a few polite words; the first word after those
// says most. English only: in any other language nothing matches, and what the session did before decides.

import type { ClassifyReason } from './decision.ts';

export type WordSignal = {
  readonly reason: Extract<
    ClassifyReason,
    'short-consent' | 'git-words' | 'question-words' | 'edit-words' | 'problem-report'
  >;
  /** Share of such prompts that led to an edit. */
  readonly editShare: number;
};

/** Reads the prompt in linear time. Undefined where its words say nothing. */
export function readWords(prompt: string): WordSignal | undefined {
  const order = withoutPoliteWords(prompt.toLowerCase().replaceAll('’', "'").replace(/\s+/g, ' ').trim());
  return RULES.find((rule) => rule.pattern.test(order));
}

const EDIT_VERBS =
  'add|address|adjust|apply|build|bump|change|clean up|convert|correct|create|delete|drop|edit|extend|extract|fix|' +
  'generate|handle|implement|improve|inline|introduce|lint|make|migrate|modify|move|refactor|reduce|remove|rename|' +
  'reorder|replace|resolve|rework|rewrite|set|simplify|split|swap|update|use|wire|write';

// In the order they are tried. `editShare` was counted on 1,850 prompts of 272 recorded sessions and rounded.
// No pattern repeats a repetition, so a hostile text costs no more than its length.
const RULES: readonly (WordSignal & { readonly pattern: RegExp })[] = [
  { reason: 'short-consent', editShare: 0.75, pattern: /^$/ },
  {
    reason: 'short-consent',
    editShare: 0.6,
    pattern:
      /^(?:\(?[a-d1-9]\)?|option \w+|both|all|agreed?|correct|exactly|sounds good|looks good|lgtm|proceed|continue|go|go for it|done|that works|makes sense)[\s.!]*$/,
  },
  {
    reason: 'edit-words',
    editShare: 0.85,
    pattern: /^(?:implement|go with|do|pick|option|all)\b(?! (?:we|you|i|they)\b)/,
  },
  {
    reason: 'git-words',
    editShare: 0.22,
    pattern: /^(?:git )?(?:commit|push|merge|rebase|amend|stash|squash|checkout|pull|fetch|tag)\b/,
  },
  {
    reason: 'git-words',
    editShare: 0.22,
    pattern:
      /^(?:add|create|draft|file|make|open|start|switch|update|write) (?:\w+ ){0,4}(?:branch|comment|commit|issue|pr|prs|pull request|ticket|worktree)\b/,
  },
  {
    reason: 'question-words',
    editShare: 0.23,
    pattern:
      /^(?:analy[sz]e|answer|brainstorm|check|compare|confirm|debug|describe|discuss|double|elaborate|explain|explore|find|give|have a look|investigate|list|look|plan|print|propose|read|recheck|research|respond|review|run|search|see|show|suggest|summari[sz]e|take a look|tell|think|understand|validate|verify|walk)\b/,
  },
  {
    reason: 'question-words',
    editShare: 0.23,
    pattern:
      /^(?:any|anything|are|aren't|can|could|curious|did|didn't|do|does|doesn't|don't|had|has|have|how|how's|is|isn't|or|q|question|was|were|what|what's|where|where's|which|who|who's|whose|why|would|wouldn't|shouldn't)\b/,
  },
  { reason: 'edit-words', editShare: 0.8, pattern: new RegExp(`^(?:${EDIT_VERBS})\\b`) },
  { reason: 'question-words', editShare: 0.35, pattern: /\?["')\s]*$/ },
  {
    reason: 'edit-words',
    editShare: 0.64,
    pattern: new RegExp(
      `\\b(?:also|and|can we|can you|could we|could you|instead|let's|must|needs? to|please|should|then|to|want to) (?:${EDIT_VERBS})\\b`,
    ),
  },
  {
    reason: 'problem-report',
    editShare: 0.74,
    pattern:
      /\b(?:broken|bug|duplicated?|error|exception|fail|failed|failing|fails|failure|inconsistent|incorrect|lint|missing|never|not work\w*|panic|severity|should|unused|wrong)\b/,
  },
];

const POLITE_WORDS =
  /^(?:actually|ah+|alright|also|and|as well|but|can we|can you|cool|could we|could you|do it|do that|first|for now|go ahead and|go ahead|good|great|help me|hm+|i need you to|i think we can|i think we should|i want to|i want you to|i would like to|i'd like to|i'd like you to|instead|just|let me|let us|let's|lets|maybe|next|nice|no|now|oh|ok|okay|perfect|please|quickly|right|should we|so|sorry|still|sure|thank you|thanks|then|too|try to|wait|want to|we can|we need to|we should|well|will you|would you|yeah|yep|yes|you can|you should|yup)\b[\s,.:;!-]*/;
const MAX_POLITE_WORDS = 8;

function withoutPoliteWords(text: string): string {
  let order = text;
  for (let count = 0; count < MAX_POLITE_WORDS; count += 1) {
    const match = POLITE_WORDS.exec(order);
    if (match === null) break;
    order = order.slice(match[0].length);
  }
  return order;
}
