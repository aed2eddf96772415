import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkReply } from '../../../src/check/check.ts'
import type { Check, Label, Profile } from '../../../src/core/evidence.ts'
import type { ReplyChoice } from '../../../src/core/message-builder.ts'
import { Evidence } from '../../../src/evidence/evidence.ts'
import { profile as profileSignal } from '../../../src/signals/profile.ts'
import { auroc, bootstrap, ece } from '../metrics.ts'
import { seeded, shuffled } from '../outcomes.ts'
import { toRequest } from '../request.ts'
import type { Gradable } from './prompts.ts'
import { answerAll, embeddedCard } from './run.ts'

/**
 * `npm run bench:router:gradable`: 500 prompts that a program can grade, asked of the model in the process. How well does
 * look 2 know which of its replies are right, and what share could ship at 95 % precision?
 */
const { values: options } = parseArgs({
  options: {
    replies: { type: 'string', default: join(tmpdir(), 'hybrid-gradable.jsonl') },
    json: { type: 'string' },
  },
})

interface Item {
  readonly prompt: Gradable
  readonly right: boolean
  readonly profile: Profile
  readonly check: Check
  /** Of the first 32 tokens, as for a stream. */
  readonly beginning: Check
}

const items: readonly Item[] = (await answerAll(options.replies)).map(({ prompt, choice, right }) => {
  const request = { ...toRequest({ id: prompt.id, prompt: prompt.prompt, tools: 0 }), maxTokens: 64 }
  return {
    prompt,
    right,
    profile: profileSignal.read(request),
    check: checkReply(request, choice, { partial: false }),
    beginning: checkReply(request, begun(choice, 32), { partial: (choice.logprobs?.length ?? 0) > 32 }),
  }
})

/** The reply as it stands after so many tokens. */
function begun(choice: ReplyChoice, tokens: number): ReplyChoice {
  const logprobs = choice.logprobs?.slice(0, tokens) ?? []
  if (logprobs.length === choice.logprobs?.length) return choice
  return { ...choice, logprobs, content: [{ type: 'text', text: logprobs.map(({ token }) => token).join('') }] }
}

const labelOf = ({ prompt, right, profile, check }: Item): Label => ({
  id: prompt.id,
  at: 0,
  model: embeddedCard.name,
  source: 'calibration',
  good: Number(right),
  weight: 1,
  requestId: '',
  client: '',
  cell: profile.cell,
  difficulty: profile.difficulty,
  sketch: profile.sketch,
  check,
})
const evidenceOf = (labels: readonly Label[]) => new Evidence({ models: [embeddedCard], labels, halfLifeDays: 1e6 })

/** Each item scored by what was learned from the others. */
function crossFitted(count: number, score: (evidence: Evidence, item: Item) => number): readonly number[] {
  const order = shuffled(
    items.map((_, index) => index),
    seeded(29),
  )
  const scores = items.map(() => 0)
  for (let fold = 0; fold < 5; fold++) {
    const held = order.filter((_, index) => index % 5 === fold)
    const rest = order.filter((_, index) => index % 5 !== fold).slice(0, count)
    const evidence = evidenceOf(rest.map((index) => labelOf(items[index] as Item)))
    for (const index of held) scores[index] = score(evidence, items[index] as Item)
  }
  return scores
}

const shipped = evidenceOf([])
const judge = (evidence: Evidence, { profile, check }: Item) => evidence.judge(embeddedCard, profile, check)
const methods: Readonly<Record<string, readonly number[]>> = {
  'mean log-probability': items.map(({ check }) => check.confidence?.mean ?? -20),
  'lowest window': items.map(({ check }) => check.confidence?.lowestWindow ?? -20),
  'lowest token': items.map(({ check }) => check.confidence?.lowest ?? -20),
  'no finding': items.map(({ check }) => -check.findings.length),
  'look 1, shipped': items.map(({ profile }) => shipped.chance(embeddedCard, profile).p),
  'look 1, 200 labels': crossFitted(200, (evidence, { profile }) => evidence.chance(embeddedCard, profile).p),
  'look 2, shipped': items.map((item) => judge(shipped, item)),
  'look 2, 200 labels': crossFitted(200, judge),
  'look 2, all other labels': crossFitted(1e6, judge),
  'look 2, first 32 tokens, 200 labels': crossFitted(200, (evidence, { profile, beginning }) =>
    evidence.judge(embeddedCard, profile, beginning),
  ),
}

/** The largest share that can ship, best first, while 95 % of it is right. */
function keptAt(scores: readonly number[], rights: readonly boolean[], precision = 0.95): number {
  const order = scores.map((_, index) => index).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  let right = 0
  let kept = 0
  order.forEach((index, place) => {
    if (rights[index]) right++
    // Equal scores ship together or not at all.
    const tied = scores[order[place + 1] ?? -1] === scores[index]
    if (!tied && right / (place + 1) >= precision) kept = place + 1
  })
  return kept / Math.max(1, order.length)
}

const rights = items.map(({ right }) => right)
const report = Object.entries(methods).map(([name, scores]) => {
  const pairs = scores.map((score, index) => ({ score, positive: rights[index] ?? false }))
  const random = seeded(31)
  const [low, high] = bootstrap(pairs, (sample) => auroc(sample) ?? 0.5, { resamples: 300, random })
  const kept = keptAt(scores, rights)
  const [keptLow, keptHigh] = bootstrap(
    pairs,
    (sample) =>
      keptAt(
        sample.map(({ score }) => score),
        sample.map(({ positive }) => positive),
      ),
    { resamples: 300, random },
  )
  const calibration = name.startsWith('look')
    ? ece(pairs.map(({ score, positive }) => ({ p: score, seen: Number(positive) })))
    : undefined
  return { name, auroc: auroc(pairs) ?? 0.5, low, high, kept, keptLow, keptHigh, ece: calibration }
})
const share = rights.filter(Boolean).length / rights.length
console.log(`${items.length} prompts; ${(share * 100).toFixed(1)} % of the replies of SmolLM2-135M are right\n`)
console.log(`${'method'.padEnd(38)} AUROC  95 %         kept at 95 % precision   ECE`)
for (const { name, auroc: value, low, high, kept, keptLow, keptHigh, ece: error } of report) {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`
  console.log(
    `${name.padEnd(38)} ${value.toFixed(3)}  ${low.toFixed(3)}-${high.toFixed(3)}  ${percent(kept).padStart(7)} (${percent(keptLow)} to ${percent(keptHigh)})  ${error?.toFixed(3) ?? ''}`,
  )
}
const best = methods['look 2, 200 labels'] ?? []
for (const by of ['category', 'language'] as const) {
  console.log('')
  for (const [group, members] of Map.groupBy(
    items.map((item, index) => ({ item, index })),
    ({ item }) => item.prompt[by],
  )) {
    const pairs = members.map(({ item, index }) => ({ score: best[index] ?? 0, positive: item.right }))
    const right = members.filter(({ item }) => item.right).length
    console.log(
      `${group.padEnd(12)} ${String(members.length).padStart(4)} prompts, ${((100 * right) / members.length).toFixed(0).padStart(3)} % right, AUROC ${auroc(pairs)?.toFixed(3) ?? '-'}`,
    )
  }
}
console.log('')
for (const [name, found] of Map.groupBy(
  items.flatMap((item) => item.check.findings.map((finding) => ({ item, finding }))),
  ({ finding }) => `${finding.name} (${finding.weight})`,
)) {
  console.log(
    `finding ${name.padEnd(28)} ${found.length} times, ${found.filter(({ item }) => item.right).length} of them on right replies`,
  )
}
if (options.json !== undefined)
  writeFileSync(options.json, JSON.stringify({ prompts: items.length, share, report }, undefined, 1))
