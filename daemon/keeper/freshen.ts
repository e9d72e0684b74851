// Room in a cache whose every step takes an entry. mlx_lm.server drops the entry that was inserted longest ago, however
// much it is wanted; but a prompt that begins with an entry takes that one's place, as the newest. So a conversation
// that someone may go on with is read again, out of the cache and with a few tokens more, before steps push it out.

import { cutsOf, worthKeeping } from '../../router/catch-up.ts';
import { type Chain, tokensOf } from '../../router/observation.ts';
import { frontOf } from '../../wire/front.ts';
import type { Kept } from './prompts.ts';
import { chainOf, type Step, type StepReport, tailOf } from './step.ts';
import { type Run, standbyOf } from './walk.ts';

type Held = Pick<Kept, 'conversation'> & { readonly chain: Chain; readonly fromTokens: number };

/** Reads them again, what would be lost first before the others, and answers how many entries may be added now. */
export async function freshen(
  run: Run,
  others: readonly Kept[],
  send: (step: Step) => Promise<StepReport>,
): Promise<number> {
  const { deps, job } = run;
  for (const held of heldOf(run, others)) {
    const { result } = await send(stepOf(run, held));
    // It was not there any more: nothing is known of the others either.
    if (result === 'lost') return 0;
  }
  return deps.memory.serverOf(job.backend).room(worthKeeping(others));
}

function heldOf({ deps, job }: Run, others: readonly Kept[]): readonly Held[] {
  const { memory, clock } = deps;
  const server = memory.serverOf(job.backend);
  return others
    .map(({ conversation }) => {
      const chain = chainOf(conversation, job.model, deps);
      const { tokens } = memory.match(job.backend, chain, clock.wall());
      return { conversation, chain, fromTokens: tokens, place: server.room([chain]) };
    })
    .filter(({ fromTokens, chain }) => fromTokens > 0 && worthKeeping([{ chain }]).length > 0)
    .toSorted((a, b) => a.place - b.place);
}

/** What it misses of the conversation comes with it, as far as one step goes. */
function stepOf(run: Run, { conversation, chain, fromTokens }: Held): Step {
  const { member, deps, job } = run;
  const { limits } = deps;
  const toTokens = tokensOf(chain);
  const [cut = toTokens] = cutsOf(standbyOf(run), { fromTokens, toTokens, limits, room: 1 });
  const segmentTokens = chain.map(({ tokens }) => tokens);
  const front = frontOf(conversation, { segmentTokens, tokens: cut, tail: tailOf() });
  return { member, model: job.model, front, isStep: false, uncachedTokens: cut - fromTokens };
}
