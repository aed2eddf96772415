import { homedir } from 'node:os'
import { join } from 'node:path'
import { Engine } from '../../src/embedder/engine.ts'
import { ensureEmbedder } from '../../src/embedder/files.ts'
import { decide, thresholds } from '../../src/semantic-cache/decision.ts'
import { type Differences, differencesOf } from '../../src/semantic-cache/differences.ts'
import { type Pair, readPairs } from './pairs.ts'

/** How often the semantic cache is right about two questions, and what a look into it takes. */

const modelsDir = process.env.HYBRID_MODELS_DIR ?? join(homedir(), '.cache', 'hybrid-ai-stack', 'models')
const files = await ensureEmbedder({
  modelsDir,
  signal: new AbortController().signal,
  say: (line) => console.log(line),
})
const engine = await Engine.open({ files, mostVectors: 200_000 })

interface Weighed extends Pair {
  readonly cosine: number
  readonly differences: Differences
}

const vectors = new Map<string, Float32Array>()
const embed = async (text: string): Promise<Float32Array> => {
  const vector = vectors.get(text) ?? (await engine.embed(text, 60_000))
  if (vector === undefined) throw new Error('no vector came')
  vectors.set(text, vector)
  return vector
}
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)
const weigh = async (pairs: readonly Pair[]): Promise<readonly Weighed[]> =>
  await Promise.all(
    pairs.map(async (pair) => ({
      ...pair,
      cosine: dot(await embed(pair.one), await embed(pair.other)),
      differences: differencesOf(pair.one, pair.other),
    })),
  )

const sets: [string, readonly Weighed[]][] = []
for (const [name, pairs] of Object.entries(readPairs())) {
  // One after the other: the engine takes so many texts at once and no more.
  const weighed: Weighed[] = []
  for (const pair of pairs) weighed.push(...(await weigh([pair])))
  sets.push([name, weighed])
}

console.log('| pairs | decided by | precision | recall | hits, wrong |')
console.log('| --- | --- | --- | --- | --- |')
for (const [name, all] of [...sets, ['all', sets.flatMap(([, pairs]) => pairs)] as [string, readonly Weighed[]]]) {
  const paraphrases = all.filter(({ same }) => same).length
  const line = (by: string, hits: readonly Weighed[]) => {
    const right = hits.filter(({ same }) => same).length
    const precision = hits.length === 0 ? '-' : (right / hits.length).toFixed(3)
    const what = `${name}: ${all.length}, ${paraphrases} the same`
    console.log(
      `| ${what} | ${by} | ${precision} | ${(right / paraphrases).toFixed(3)} | ${hits.length}, ${hits.length - right} |`,
    )
  }
  for (const least of [0.8, 0.9, 0.95, 0.97]) {
    line(
      `cosine of ${least}`,
      all.filter(({ cosine }) => cosine >= least),
    )
  }
  line(
    `cosine of ${thresholds.none}, and what differs`,
    all.filter(({ differences, cosine }) => decide(differences, cosine).same),
  )
}

console.log('\n| questions kept | embedding p50, p95 | search p50, p95 | comparing five | whole look p50, p95 |')
console.log('| --- | --- | --- | --- | --- |')
const random = () => {
  const vector = new Float32Array(384).map(() => Math.random() - 0.5)
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
const texts = readPairs().train.map(({ one }) => one)
for (const count of [10_000, 100_000]) {
  for (let size = await engine.size(); size < count; size += 1000) {
    await Promise.all(Array.from({ length: 1000 }, (_, index) => engine.put(`${size + index}`, 'p', random())))
  }
  const times: { embed: number; find: number; compare: number }[] = []
  for (let turn = 0; turn < 200; turn++) {
    const text = `${texts[turn % texts.length]} ${turn}`
    const [start, vector] = [performance.now(), await engine.embed(text, 60_000)]
    const embedded = performance.now()
    await engine.find('p', vector as Float32Array, 5, 60_000)
    const found = performance.now()
    for (const other of texts.slice(turn % 100, (turn % 100) + 5)) differencesOf(text, other)
    times.push({ embed: embedded - start, find: found - embedded, compare: performance.now() - found })
  }
  const quantiles = (values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b)
    const at = (share: number) => (sorted[Math.floor(share * sorted.length)] ?? 0).toFixed(1)
    return `${at(0.5)}, ${at(0.95)} ms`
  }
  const whole = times.map((time) => time.embed + time.find + time.compare)
  const columns = [
    times.map((time) => time.embed),
    times.map((time) => time.find),
    times.map((time) => time.compare),
    whole,
  ]
  console.log(`| ${count} | ${columns.map(quantiles).join(' | ')} |`)
}
await engine.close()
