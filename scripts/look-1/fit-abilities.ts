import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { permitted, readOutcomes } from '../../bench/router/outcomes.ts'
import { toRequest } from '../../bench/router/request.ts'
import { type TaskKind, taskKinds } from '../../src/core/evidence.ts'
import { sizeOf } from '../../src/evidence/ability.ts'
import { fitLogistic, type Observation } from '../../src/evidence/logistic.ts'
import { profile } from '../../src/signals/profile.ts'

/**
 * Prints the numbers of src/evidence/ability.ts and task-hardness.ts: one line for ability over the logarithm of a
 * model's size, one hardness for each kind of task as the recogniser sees it. A mean score of a model in a kind counts as
 * a rate; the bar is each source's own.
 */
const { values: options } = parseArgs({
  options: { data: { type: 'string', default: join(import.meta.dirname, '../../../shared/outcomes') } },
})

/** What our own 504 graded prompts gave for SmolLM2-135M (npm run bench:router:gradable). */
const own: readonly (readonly [kind: TaskKind, rate: number, n: number])[] = [
  ['fact', 0.28, 152],
  ['arithmetic', 0.17, 180],
  ['extract', 0.21, 124],
  ['classify', 0.23, 48],
]
const fitted = taskKinds.filter((kind) => kind !== 'other')
const at = (kind: TaskKind) => fitted.map((other) => Number(other === kind))
const counts = new Map<TaskKind, number>()
const observations: Observation[] = own.map(([kind, rate, n]) => ({
  x: [1, Math.log(0.135), ...at(kind)],
  y: rate,
  weight: n / 2,
}))
for (const [source, outcomes] of readOutcomes(options.data)) {
  // Beside GPT-4 as the reference "good enough" means something else: not part of this scale.
  if (!permitted.has(source) || source === 'qlora-oasst') continue
  const cells = new Map<string, { sum: number; n: number }>()
  for (const { id, prompt, scores } of outcomes) {
    const { task } = profile.read(toRequest({ id, prompt, tools: 0 })).cell
    counts.set(task, (counts.get(task) ?? 0) + 1)
    for (const [model, score] of Object.entries(scores)) {
      const cell = cells.get(`${task} ${model}`) ?? { sum: 0, n: 0 }
      cells.set(`${task} ${model}`, { sum: cell.sum + score, n: cell.n + 1 })
    }
  }
  for (const [key, { sum, n }] of cells) {
    const [task = 'other', model = ''] = key.split(' ')
    const size = sizeOf(model)
    if (size === undefined || task === 'other' || n < 20) continue
    observations.push({ x: [1, Math.log(size), ...at(task as TaskKind)], y: sum / n, weight: Math.min(n, 100) / 10 })
  }
}
const beta = fitLogistic(observations, [0, 0.6, ...fitted.map(() => 0)], [0.01, 1, ...fitted.map(() => 0.5)])
console.log(`ability = ${beta[0]?.toFixed(2)} + ${beta[1]?.toFixed(2)} ln(billions), from ${observations.length} rates`)
for (const [index, kind] of fitted.entries()) {
  const hardness = (-(beta[index + 2] ?? 0)).toFixed(2).padStart(6)
  console.log(`${kind.padEnd(12)} hardness ${hardness}  ${counts.get(kind) ?? 0} prompts`)
}
