// Models as a label. A client may name any, and a server may load any: what the configuration names has a label of its
// own, everything else is `other` (`backend_model_info` has what a server has loaded).

/** Further models of the price table are `other`: each adds a dozen series. */
const MOST_CLAUDE_MODELS = 8;

export type ConfiguredModels = {
  /** By backend, where the configuration names the model that it is asked for. */
  readonly local: Readonly<Record<string, string>>;
  /** Those of the Claude API that have a price. */
  readonly claude: readonly string[];
};

export type ModelLabels = {
  /** `model`: what the backend was asked for. */
  of(backend: string, model: string | undefined): string;
  /** All that `of` can give for this backend. */
  every(backend: string): readonly string[];
};

export function createModelLabels({ local, claude }: ConfiguredModels, claudeBackend: string): ModelLabels {
  const known = claude.slice(0, MOST_CLAUDE_MODELS);
  const every = (backend: string): readonly string[] => {
    if (backend === 'daemon') return ['none'];
    if (backend === claudeBackend) return [...known, 'other'];
    return [local[backend] ?? 'other'];
  };
  return {
    every,
    of(backend, model = '') {
      const [first = 'other', ...more] = every(backend);
      // A server whose model is configured is asked for no other.
      if (more.length === 0) return first;
      return known.find((one) => one === model || one === withoutDate(model)) ?? 'other';
    },
  };
}

/** Prices are kept by the name without the date of one version, too. */
function withoutDate(model: string): string {
  return model.replace(/-\d{8}$/, '');
}
