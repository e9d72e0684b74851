// What the person of the session says, and what the scripted model is told to answer.

export type ScriptedTurn = {
  readonly task: 'analysis' | 'edit';
  /** With the directives by which the model answers. */
  readonly prompt: string;
};

const BLOCK = 3;
const SYSTEM_UNITS = 600;
const PASTED_UNITS = 25;

/** Each prompt comes with so many pasted lines of about eight tokens. */
export function script(turns: number, pastedLines = PASTED_UNITS): readonly ScriptedTurn[] {
  return Array.from({ length: turns }, (_, at) =>
    Math.floor(at / BLOCK) % 2 === 0 ? question(at, pastedLines) : change(at, pastedLines),
  );
}

/** Some 5,000 tokens that every call begins with. */
export const SYSTEM = `You are a coding agent. ${lines(SYSTEM_UNITS, 'handbook')}`;

function question(at: number, pasted: number): ScriptedTurn {
  const prompt = `What does step ${at} of the pipeline do, and why? ${lines(pasted, `step ${at}`)}`;
  return { task: 'analysis', prompt: `${prompt}${says(`Step ${at} reads its input and counts the lines.`)}` };
}

function change(at: number, pasted: number): ScriptedTurn {
  const prompt = `Fix the rounding bug in src/step${at}.ts and add a test for it. ${lines(pasted, `log ${at}`)}`;
  const input = { file_path: `src/step${at}.ts`, old_string: 'floor', new_string: 'round' };
  const call = `<tool_call>\n${JSON.stringify({ name: 'Edit', arguments: input })}\n</tool_call>`;
  return { task: 'edit', prompt: `${prompt}${says(`I change it.\n${call}`)}${says('It is done.')}` };
}

function says(text: string): string {
  return `[[say]]${text}[[/say]]`;
}

function lines(count: number, seed: string): string {
  return Array.from({ length: count }, (_, at) => `The ${seed} has line ${at}. `).join('');
}
