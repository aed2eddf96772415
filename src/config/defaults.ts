/** What a fresh laptop gets. A file and the environment are laid over it, key by key. */
export function defaultConfig(folders: { readonly data: string; readonly models: string }) {
  return {
    providers: {
      ollama: { kind: 'ollama' },
      embedded: { kind: 'llama-cpp' },
      anthropic: { kind: 'anthropic', api_key: 'env:ANTHROPIC_API_KEY' },
      openai: { kind: 'openai-compatible', preset: 'openai', api_key: 'env:OPENAI_API_KEY' },
    },
    models: {
      tinyllama: { provider: 'ollama', id: 'tinyllama', max_complexity: 0.3, context_tokens: 2048 },
      phi2: { provider: 'ollama', id: 'phi', max_complexity: 0.6, context_tokens: 2048 },
      mistral: { provider: 'ollama', id: 'mistral', max_complexity: 0.8, context_tokens: 32_768 },
      smollm2: {
        provider: 'embedded',
        id: 'smollm2',
        max_complexity: 0.3,
        context_tokens: 4096,
        // Measured: made to call a tool it always does, left to itself it did in 1 of 9.
        capabilities: ['weak-tools', 'json-schema', 'logprobs', 'embeddings'],
      },
      'claude-sonnet': { provider: 'anthropic', id: 'claude-sonnet-5-5', max_complexity: 1 },
      'claude-haiku': { provider: 'anthropic', id: 'claude-haiku-5-5', max_complexity: 0.8, auto: false },
      'claude-opus': { provider: 'anthropic', id: 'claude-opus-5-5', max_complexity: 1, auto: false },
      'claude-fable': { provider: 'anthropic', id: 'claude-fable-5-1', max_complexity: 1, auto: false },
      openai: { provider: 'openai', id: 'gpt-6.1-sol', max_complexity: 1, auto: false },
      'openai-small': { provider: 'openai', id: 'gpt-6-luna', max_complexity: 0.8, auto: false },
    },
    data_dir: folders.data,
    models_dir: folders.models,
  }
}
