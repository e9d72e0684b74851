// Which part of a user message a person wrote. Claude Code puts reminders, notifications, the output of local
// commands and its own nudges into the same place; a task must never be judged by those.

/** A prompt is judged by its beginning: what is cut off has never changed a verdict, and it bounds the work. */
export const PROMPT_CHARS = 2000;

const REMINDER_OPEN = '<system-reminder>';
const REMINDER_CLOSE = '</system-reminder>';

const NOT_A_PROMPT = [
  '[SYSTEM NOTIFICATION - NOT USER INPUT]',
  '<task-notification>',
  '<command-name>',
  '<command-message>',
  '<command-args>',
  '<local-command-stdout>',
  '<local-command-stderr>',
  '<local-command-caveat>',
  '<bash-input>',
  '<bash-stdout>',
  '<bash-stderr>',
  '[Request interrupted by user',
  'This session is being continued from a previous conversation',
  '[Your previous response had no visible output',
  'Your tool call was malformed',
  'Your response above was cut off',
  'Output token limit hit',
  'CRITICAL: Respond with TEXT ONLY',
] as const;

// What an editor adds around a prompt: the file that happens to be open is not what the person asks for.
const EDITOR_NOTES = ['ide_opened_file', 'ide_selection'] as const;

/** The person's words in a text block, trimmed and cut; undefined where there are none. Linear in the text. */
export function promptIn(text: string): string | undefined {
  let words = withoutSections(text, REMINDER_OPEN, REMINDER_CLOSE);
  for (const note of EDITOR_NOTES) words = withoutSections(words, `<${note}>`, `</${note}>`);
  words = words.trim().slice(0, PROMPT_CHARS);
  return words === '' || isNoPrompt(words) ? undefined : words;
}

const FIRST_LETTERS: ReadonlySet<string> = new Set(NOT_A_PROMPT.map((opening) => opening.charAt(0)));

/** A history of ten thousand messages is asked ten thousand times: most are told by their first letter. */
function isNoPrompt(words: string): boolean {
  return FIRST_LETTERS.has(words.charAt(0)) && NOT_A_PROMPT.some((opening) => words.startsWith(opening));
}

// A section that is not closed reaches to the end: half a reminder is still not the person's.
function withoutSections(text: string, open: string, close: string): string {
  let start = text.indexOf(open);
  if (start < 0) return text;
  let kept = '';
  let from = 0;
  while (start >= 0 && kept.length < PROMPT_CHARS) {
    kept += text.slice(from, start);
    const end = text.indexOf(close, start);
    if (end < 0) return kept;
    from = end + close.length;
    start = text.indexOf(open, from);
  }
  return kept + text.slice(from, from + PROMPT_CHARS);
}
