import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** One prompt and how well each model answered it. */
export interface Outcome {
  readonly id: string
  readonly source: string
  readonly prompt: string
  readonly meta: Readonly<Record<string, unknown>>
  /** 0 to 1, by model. */
  readonly scores: Readonly<Record<string, number>>
  readonly conf?: Readonly<Record<string, number>>
  readonly output_tokens?: Readonly<Record<string, number>>
  readonly cost_usd?: Readonly<Record<string, number>>
}

/** Sources whose licence allows numbers fitted on them to be passed on. */
export const permitted: ReadonlySet<string> = new Set(['mmlu-pro', 'paretobandit', 'zeroeval-gsm', 'qlora-oasst'])

/** All outcomes of a folder, by the name of the file without its endings. Throws where there are none. */
export function readOutcomes(folder: string): ReadonlyMap<string, readonly Outcome[]> {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => /\.jsonl(\.gz)?$/.test(name)) : []
  if (files.length === 0) throw new Error(`${folder} holds no *.jsonl or *.jsonl.gz: name the folder with --data DIR`)
  return new Map(
    files.sort().map((name) => {
      const bytes = readFileSync(join(folder, name))
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
      const lines = text.split('\n').filter((line) => line.trim() !== '')
      return [name.replace(/\.jsonl(\.gz)?$/, ''), lines.map(parseLine)]
    }),
  )
}

/** Python writes numbers that JSON does not have: no chance at all becomes a very small one. */
function parseLine(line: string): Outcome {
  return JSON.parse(line.replaceAll(/: ?-Infinity/g, ':-99').replaceAll(/: ?NaN/g, ':null'))
}

/** Without what makes no difference, to find the same question in two sets. */
export function plainPrompt(prompt: string): string {
  return prompt
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

/** Deterministic numbers from 0 to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function shuffled<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = result[i] as Item
    result[i] = result[j] as Item
    result[j] = held
  }
  return result
}
