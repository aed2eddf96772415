import { GatewayError } from '../core/errors.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import type { ModelCard } from '../core/model.ts'
import type { RoutingWish } from '../core/request.ts'
import { lookUp, type ModelAliases } from '../router/resolve-model.ts'

/** The models that a key allows; all of them where it does not say. */
export function permittedModels(models: readonly ModelCard[], holder: KeyHolder | undefined): readonly ModelCard[] {
  return holder?.models === undefined ? models : models.filter((model) => isPermitted(model, holder))
}

export function isPermitted({ name }: ModelCard, holder: KeyHolder | undefined): boolean {
  return holder?.models === undefined || holder.models.some((pattern) => fits(name, pattern))
}

/** Throws `forbidden` for a request that names a model which its key does not allow, or whose key allows none. */
export function refuseForbidden(
  { model: name, holder }: { readonly model: string; readonly holder?: KeyHolder | undefined },
  models: readonly ModelCard[],
  aliases: ModelAliases,
): void {
  if (holder?.models === undefined) return
  const named = lookUp(name, models, aliases)
  const allowed = permittedModels(models, holder).map((model) => model.name)
  if (allowed.length > 0 && (typeof named !== 'object' || isPermitted(named, holder))) return
  const words = allowed.length === 0 ? 'none that is configured here' : allowed.join(', ')
  const message = `the key '${holder.name}' does not allow the model '${name}'; it allows ${words}`
  throw new GatewayError('forbidden', message, { field: 'model' })
}

/** The wish of a request as far as its key allows it. Throws `forbidden` for a policy that it does not. */
export function permittedWish(wish: RoutingWish | undefined, holder: KeyHolder | undefined): RoutingWish | undefined {
  const [usual, ...others] = holder?.policies ?? []
  if (holder === undefined || usual === undefined) return wish
  const { mode } = wish ?? {}
  if (mode === undefined) return usual === 'auto' ? wish : { ...wish, mode: usual }
  if (mode === usual || others.includes(mode)) return wish
  const message = `the key '${holder.name}' does not allow the policy ${mode}; it allows ${[usual, ...others].join(', ')}`
  throw new GatewayError('forbidden', message, { field: 'x-hybrid-policy' })
}

/** By hand: a pattern of many stars would make a regular expression slow. */
function fits(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  let from = first.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at === -1) return false
    from = at + part.length
  }
  return from <= name.length - last.length
}
