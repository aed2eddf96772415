import type { Availability, ModelCard } from '../core/model.ts'
import { isRecord } from '../upstream/errors.ts'
import { withinCheckTime } from '../upstream/options.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Preset } from './presets.ts'

/** What a look at `/models` proved: the server is not usable, is usable, or is and has exactly these. */
type Finding =
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'usable' }
  | { readonly kind: 'list'; readonly ids: ReadonlySet<string> }

/** Vendors' lists are long and change seldom; one's own server is asked each time, as it may just have stopped. */
const vendorListMs = 60_000
const namedInReason = 5

export function modelsCheck(upstream: Upstream, preset: Preset) {
  let known: { readonly finding: Finding; readonly at: number } | undefined

  const look = async (signal: AbortSignal): Promise<Finding> => {
    if (known !== undefined && Date.now() - known.at < vendorListMs) return known.finding
    const finding = await find(upstream, withinCheckTime(signal))
    const keep = preset.keyName !== '' && finding.kind !== 'unusable'
    known = keep ? { finding, at: Date.now() } : undefined
    return finding
  }

  return async (models: readonly ModelCard[], signal: AbortSignal): Promise<ReadonlyMap<string, Availability>> => {
    const finding = await look(signal)
    return new Map(models.map((model) => [model.name, availability(model, finding, preset)]))
  }
}

async function find(upstream: Upstream, signal: AbortSignal): Promise<Finding> {
  const { url, keyHint } = upstream.identity
  // One that was left alone comes back by answering this.
  if (upstream.severalServers) await upstream.jsonOfAll({ method: 'GET', path: '/models' }, signal)
  try {
    const reply = await upstream.open({ method: 'GET', path: '/models' }, signal)
    if (reply.status === 200) {
      const ids = idsOf(JSON.parse(await upstream.readText(reply.body, 64 * 1024 * 1024)))
      return ids === undefined ? { kind: 'usable' } : { kind: 'list', ids }
    }
    reply.release()
    if (reply.status === 401) {
      return { kind: 'unusable', reason: `the API key was refused: check ${keyHint || 'whether one is needed'}` }
    }
    if (reply.status >= 500) return { kind: 'unusable', reason: `${url} answers with status ${reply.status}` }
    // No such list (404, 405), not for this key (403), or asked too often (429): the server is there.
    return { kind: 'usable' }
  } catch (error) {
    // A list that cannot be read proves as little as none.
    if (error instanceof SyntaxError) return { kind: 'usable' }
    return { kind: 'unusable', reason: `nothing answers at ${url}: is it running?` }
  }
}

/** Together sends the bare list, all others wrap it; Gemini puts `models/` before each name. */
function idsOf(value: unknown): ReadonlySet<string> | undefined {
  const list = isRecord(value) ? value.data : value
  if (!Array.isArray(list)) return undefined
  const ids = list.map((entry) => entry?.id).filter((id) => typeof id === 'string')
  return ids.length === 0 ? undefined : new Set(ids.map((id) => id.replace(/^models\//, '')))
}

function availability(model: ModelCard, finding: Finding, preset: Preset): Availability {
  if (finding.kind === 'unusable') return { available: false, reason: finding.reason }
  if (finding.kind === 'usable' || !preset.listsAllModels) return { available: true, reason: '' }
  if (finding.ids.has(model.id.replace(/^models\//, ''))) return { available: true, reason: '' }

  const some = [...finding.ids].slice(0, namedInReason).join(', ')
  const more = finding.ids.size > namedInReason ? `, and ${finding.ids.size - namedInReason} more` : ''
  return { available: false, reason: `the server has no model '${model.id}'; it has ${some}${more}` }
}
