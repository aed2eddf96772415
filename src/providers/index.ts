import { anthropic } from './anthropic.ts'
import { echo } from './echo.ts'
import { llamaCpp } from './llama-cpp.ts'
import { ollama } from './ollama.ts'
import { openaiCompatible } from './openai-compatible.ts'
import type { OpenProvider, Provider, ProviderServices } from './provider.ts'

export type { Provider }

/** Every way of reaching models. Configuration, documentation, `check` and `doctor` read this list. */
export const providers = [llamaCpp, ollama, anthropic, openaiCompatible, echo] as const

/** Opens the provider that `kind` names. The options have been checked by the configuration. */
export function openProvider(
  { kind, ...options }: { readonly kind: string },
  services: ProviderServices,
): OpenProvider {
  const provider = providers.find((candidate) => candidate.kind === kind)
  if (provider === undefined) throw new Error(`there is no provider of kind '${kind}'`)
  // Each variant takes its own options; which they are is known only to the list, so the type ends here.
  return (provider as unknown as Provider).open(options, services)
}
