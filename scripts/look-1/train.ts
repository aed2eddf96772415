import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { permitted, readOutcomes, seeded, shuffled } from '../../bench/router/outcomes.ts'
import { type TaskKind, taskKinds } from '../../src/core/evidence.ts'
import { fitLogistic, type Observation, sigmoid } from '../../src/evidence/logistic.ts'
import {
  buckets,
  hashedFeatures,
  hashesOf,
  pairsOf,
  readPart,
  seenBits,
  shapeNames,
  shapeOf,
  wordsOf,
} from '../../src/signals/prompt-words.ts'
import { type Labelled, labelled } from './labelled.ts'

/**
 * Fits what look 1 knows of a request (docs/data-card.md): which kind of task it is, and how hard for its kind. Same
 * data, same file. `--without SOURCE` leaves a source out, to judge the method on it; `--out FILE` writes elsewhere.
 */
const root = join(import.meta.dirname, '../..')
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(root, '../shared/outcomes') },
    without: { type: 'string', multiple: true, default: [] },
    half: { type: 'boolean', default: false },
    out: { type: 'string', default: join(root, 'src/signals/look-1-data.ts') },
    quiet: { type: 'boolean', default: false },
  },
})
/** Logits for each unit of the logarithm's fifth, in word problems, and in requests that offer tools: more is to be done. */
const longerIsHarder = 6
const say = (line: string) => options.quiet || process.stdout.write(`${line}\n`)

interface Example {
  readonly kind: number
  readonly features: readonly number[]
  readonly shape: readonly number[]
  readonly held: boolean
  readonly group: string
}

const outcomes = [...readOutcomes(options.data)].filter(
  ([source]) => permitted.has(source) && !options.without.includes(source),
)
const items = labelled(
  outcomes.map(([source, all]) => [source, all.filter((_, index) => !options.half || index % 2 === 0)] as const),
)
const examples = exampleSet(items)
const kinds = fitKinds(examples)
const difficulty = fitDifficulty(items)

const data = { ...kinds, ...difficulty }
const lines = Object.entries(data).map(([key, value]) => `  ${key}: ${literal(value)},`)
writeFileSync(
  options.out,
  `/** Written by scripts/look-1/train.ts: see docs/data-card.md. Not to be edited. */\n// biome-ignore-all format: data\nexport const look1Data = {\n${lines.join('\n')}\n} as const\n`,
)
say(`wrote ${options.out}`)

function literal(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('"', "'")
    .replaceAll(/'([\w]+)':/g, '$1:')
}

function exampleSet(all: readonly Labelled[]): readonly Example[] {
  return all
    .filter(({ kind }) => kind !== undefined)
    .map(({ prompt, kind, held, group }) => {
      const words = wordsOf(readPart(prompt))
      return {
        kind: taskKinds.indexOf(kind as TaskKind),
        features: hashedFeatures(hashesOf(words)),
        shape: shapeOf(readPart(prompt), words, prompt.length),
        held,
        group,
      }
    })
}

/** Softmax regression by AdaGrad with a pull to zero; kinds weigh the same whatever their number of examples. */
function fitKinds(all: readonly Example[]) {
  const random = seeded(1)
  const size = taskKinds.length
  const weights = new Float64Array(size * buckets)
  const squares = new Float64Array(size * buckets)
  const bias = new Float64Array(size)
  const shapes = taskKinds.map(() => new Float64Array(shapeNames.length))
  const train = all.filter(({ held }) => !held)
  const counts = taskKinds.map((_, kind) => train.filter((example) => example.kind === kind).length)
  const average = train.length / counts.filter((count) => count > 0).length
  const weightOf = (kind: number) => Math.min(5, Math.sqrt(average / Math.max(1, counts[kind] ?? 1)))
  const pull = 1e-3
  const rate = 0.5

  const shares = ({ features, shape }: Example): readonly number[] => {
    const scale = 1 / Math.sqrt(features.length || 1)
    const scores = taskKinds.map((_, kind) => {
      let sum = 0
      for (const feature of features) sum += weights[kind * buckets + feature] ?? 0
      return (counts[kind] ?? 0) === 0 ? -30 : (bias[kind] ?? 0) + sum * scale + dotOf(shapes[kind], shape)
    })
    const most = Math.max(...scores)
    const powers = scores.map((score) => Math.exp(score - most))
    const total = powers.reduce((sum, power) => sum + power, 0)
    return powers.map((power) => power / total)
  }
  for (let epoch = 0; epoch < 8; epoch++) {
    for (const example of shuffled(train, random)) {
      const scale = 1 / Math.sqrt(example.features.length || 1)
      const now = shares(example)
      for (let kind = 0; kind < size; kind++) {
        const error = ((kind === example.kind ? 1 : 0) - (now[kind] ?? 0)) * weightOf(example.kind)
        if (Math.abs(error) < 1e-4) continue
        bias[kind] = (bias[kind] ?? 0) + 0.02 * error
        example.shape.forEach((value, index) => {
          const row = shapes[kind]
          if (row !== undefined) row[index] = (row[index] ?? 0) + 0.02 * error * value
        })
        for (const feature of example.features) {
          const at = kind * buckets + feature
          const slope = error * scale - pull * (weights[at] ?? 0)
          squares[at] = (squares[at] ?? 0) + slope * slope
          weights[at] = (weights[at] ?? 0) + (rate * slope) / Math.sqrt((squares[at] ?? 0) + 1e-3)
        }
      }
    }
  }
  report(all, shares)
  taskKinds.forEach((_, kind) => {
    if ((counts[kind] ?? 0) === 0) bias[kind] = -30
  })
  // One word must not decide: what a single feature may say is bounded.
  const { packed, scale } = pack(weights, 4)
  return {
    kinds: packed,
    kindScale: scale,
    kindBias: [...bias].map(short),
    kindShape: shapes.map((row) => [...row].map(short)),
  }
}

function report(all: readonly Example[], shares: (example: Example) => readonly number[]): void {
  for (const held of [false, true]) {
    const groups = Map.groupBy(
      all.filter((example) => example.held === held),
      ({ group }) => group,
    )
    for (const [group, members] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const right = members.filter((example) => {
        const now = shares(example)
        return now.indexOf(Math.max(...now)) === example.kind
      }).length
      say(
        `kinds, ${held ? 'held out' : 'fitted'}, ${group}: ${((100 * right) / members.length).toFixed(1)} % of ${members.length}`,
      )
    }
  }
}

/** A word problem that is longer has more steps: known before any fit. */
function priorOf(kind: TaskKind, shared: readonly number[]): readonly number[] {
  if (kind !== 'arithmetic') return shared
  return shared.map((slope, index) => (shapeNames[index] === 'log-length' ? Math.max(slope, longerIsHarder) : slope))
}

/** Failures of small models, within each source and kind: slopes of the shape, then of words. */
function fitDifficulty(all: readonly Labelled[]) {
  const usable = all.filter(
    (item): item is Labelled & { failed: number; kind: TaskKind } =>
      item.failed !== undefined && item.kind !== undefined,
  )
  const prepared = usable.map(({ prompt, kind, failed, group, held }) => {
    const words = wordsOf(readPart(prompt))
    return {
      kind,
      failed,
      group: `${group}/${kind}`,
      words,
      held,
      shape: shapeOf(readPart(prompt), words, prompt.length),
    }
  })
  const shapeMeans: Record<string, readonly number[]> = {}
  for (const [kind, members] of Map.groupBy(prepared, (item) => item.kind)) {
    shapeMeans[kind] = shapeNames.map((_, index) => short(mean(members.map(({ shape }) => shape[index] ?? 0))))
  }
  const groups = [...new Set(prepared.map(({ group }) => group))]
  const sizes = Map.groupBy(prepared, ({ group }) => group)
  const centred = prepared.map((item) => ({
    ...item,
    x: item.shape.map((value, index) => value - (shapeMeans[item.kind]?.[index] ?? 0)),
    // A large source must not speak for all.
    weight: Math.min(1, 800 / (sizes.get(item.group)?.length ?? 1)),
  }))
  const fit = (members: typeof centred, prior: readonly number[], strength: number) => {
    const own = groups.filter((group) => members.some((item) => item.group === group))
    const observations: Observation[] = members.map(({ x, failed, group, weight }) => ({
      x: [...x, ...own.map((name) => Number(name === group))],
      y: failed,
      weight,
    }))
    const beta = fitLogistic(
      observations,
      [...prior, ...own.map(() => 0)],
      [...prior.map(() => strength), ...own.map(() => 0.01)],
    )
    return {
      slopes: beta.slice(0, shapeNames.length),
      intercepts: new Map(own.map((name, index) => [name, beta[shapeNames.length + index] ?? 0])),
    }
  }
  const shared = fit(
    centred,
    shapeNames.map(() => 0),
    20,
  )
  const shapeSlopes: Record<string, readonly number[]> = { other: shared.slopes.map(short) }
  const intercepts = new Map(shared.intercepts)
  for (const [kind, members] of Map.groupBy(centred, (item) => item.kind)) {
    const own = fit(members, priorOf(kind, shared.slopes), 20)
    shapeSlopes[kind] = own.slopes.map(short)
    for (const [group, value] of own.intercepts) intercepts.set(group, value)
    say(
      `difficulty, ${kind} (${members.length}): ${shapeNames.map((name, index) => `${name} ${(own.slopes[index] ?? 0).toFixed(2)}`).join(', ')}`,
    )
  }
  // No outcomes with tools may be fitted: the length alone, about a usual request of a line or two.
  shapeSlopes.tools = shapeNames.map((name) => (name === 'log-length' ? longerIsHarder / 2 : 0))
  shapeMeans.tools = shapeNames.map((name) => (name === 'log-length' ? Math.log1p(110) / 5 : 0))
  shapeMeans.other = shapeNames.map((_, index) => short(mean(prepared.map(({ shape }) => shape[index] ?? 0))))

  const random = seeded(2)
  const words = new Float64Array(buckets)
  const squares = new Float64Array(buckets)
  const withOffset = centred.map((item) => ({
    ...item,
    features: hashedFeatures(hashesOf(item.words)),
    offset: (intercepts.get(item.group) ?? 0) + dotOf(shapeSlopes[item.kind], item.x),
  }))
  const pull = 5e-3
  for (let epoch = 0; epoch < 3; epoch++) {
    for (const { features, offset, failed, weight } of shuffled(withOffset, random)) {
      const scale = 1 / Math.sqrt(features.length || 1)
      let sum = 0
      for (const feature of features) sum += words[feature] ?? 0
      const error = weight * (failed - sigmoid(offset + sum * scale))
      for (const feature of features) {
        const slope = error * scale - pull * (words[feature] ?? 0)
        squares[feature] = (squares[feature] ?? 0) + slope * slope
        words[feature] = (words[feature] ?? 0) + (0.1 * slope) / Math.sqrt((squares[feature] ?? 0) + 1e-2)
      }
    }
  }
  const seenOften = new Uint8Array(seenBits)
  for (const item of prepared)
    for (const bit of new Set(pairsOf(hashesOf(item.words)))) seenOften[bit] = Math.min(255, (seenOften[bit] ?? 0) + 1)
  const seen = new Uint8Array(seenBits / 8)
  seenOften.forEach((count, bit) => {
    if (count >= 4) seen[bit >> 3] = (seen[bit >> 3] ?? 0) | (1 << (bit & 7))
  })
  const packed = pack(words, 3)
  return {
    words: packed.packed,
    wordScale: packed.scale,
    seen: Buffer.from(seen).toString('base64'),
    shapeMeans,
    shapeSlopes,
  }
}

/** Eight bits a weight; those over `deviations` times the usual size are cut to it. */
function pack(weights: Float64Array, deviations: number): { readonly packed: string; readonly scale: number } {
  const used = weights.filter((weight) => weight !== 0)
  const size = Math.sqrt(mean([...used].map((weight) => weight * weight)))
  const most = size * deviations
  const bytes = Int8Array.from(weights, (weight) => Math.round((Math.min(most, Math.max(-most, weight)) / most) * 127))
  return { packed: Buffer.from(bytes.buffer).toString('base64'), scale: short(most / 127) }
}

function dotOf(a: ArrayLike<number> | undefined, b: readonly number[]): number {
  return b.reduce((sum, value, index) => sum + value * (a?.[index] ?? 0), 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function short(value: number): number {
  return Number(value.toPrecision(5))
}
