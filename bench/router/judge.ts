import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Contender, Pair } from './contender.ts'
import { foreignContender } from './contenders/foreign.ts'
import { contenders as ours } from './contenders/index.ts'
import { useWeights } from './contenders/looks.ts'
import { permitted, plainPrompt, readOutcomes } from './outcomes.ts'
import { pairsOf } from './pairs.ts'
import { plotOf } from './plot.ts'
import { differenceOf, type Labels, type Row, rowsOf, type Verdict, verdictOf } from './trial.ts'

/** `npm run bench:router`: how well routers do on what real models really answered (docs/routing.md). */

const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(import.meta.dirname, '../../../shared/outcomes') },
    source: { type: 'string', multiple: true },
    pair: { type: 'string', multiple: true },
    contender: { type: 'string', multiple: true },
    router: { type: 'string', multiple: true, default: [] },
    labels: { type: 'string', multiple: true, default: ['shipped', 'all'] },
    versus: { type: 'string', multiple: true, default: ['both looks:look 2', 'both looks:look 1'] },
    weights: { type: 'string' },
    half: { type: 'boolean', default: false },
    resamples: { type: 'string', default: '200' },
    json: { type: 'string' },
    plots: { type: 'string' },
  },
})
if (options.weights !== undefined) await useWeights(options.weights)
const resamples = Number(options.resamples)
const modes = options.labels.map((text): Labels => (text === 'shipped' || text === 'all' ? text : Number(text)))
const contenders = [...ours, ...(await Promise.all(options.router.map(foreignContender)))].filter(
  ({ name }) => options.contender === undefined || options.contender.includes(name),
)

/** Knows the outcome: the border of what a router of these two models can do. */
const oracle = (rows: readonly Row[]): readonly Row[] =>
  rows.map((row) => ({ ...row, wish: row.strong - row.small, p: undefined }))

interface Trial {
  readonly pair: Pair
  readonly contender: Contender
  readonly labels: Labels
  readonly rows: readonly Row[]
}

const verdicts: Verdict[] = []
const differences: { readonly source: string; readonly small: string; readonly text: string }[] = []
const all = readOutcomes(options.data)
/** What the shipped numbers were fitted on: the same question elsewhere would be no test. */
const fitted = new Set(
  [...all].flatMap(([source, outcomes]) =>
    permitted.has(source) ? outcomes.map(({ prompt }) => plainPrompt(prompt)) : [],
  ),
)
for (const [source, every] of all) {
  // What `train.ts --half` did not see.
  const half = every.filter((_, index) => !options.half || index % 2 === 1)
  const outcomes = permitted.has(source) ? half : half.filter(({ prompt }) => !fitted.has(plainPrompt(prompt)))
  if (options.source !== undefined && !options.source.includes(source)) continue
  const named = (options.pair ?? []).map((text) => text.split(':'))
  const pairs =
    named.length === 0
      ? pairsOf(source, outcomes)
      : named.map(([small = '', strong = '']) => ({ source, small, strong }))
  for (const pair of pairs) {
    const hasReplies = outcomes.some(({ conf }) => conf?.[pair.small] !== undefined)
    const trials: Trial[] = []
    for (const contender of contenders) {
      if (contender.needsReply && !hasReplies) continue
      for (const labels of contender.learns ? modes : (['shipped'] as const)) {
        trials.push({ pair, contender, labels, rows: await rowsOf(contender, pair, { outcomes, labels }) })
      }
    }
    const shown = trials.map(({ contender, labels, rows }) =>
      verdictOf(rows, { contender: contender.name, pair, labels, resamples }),
    )
    const [first] = trials
    if (first === undefined) continue
    shown.push(verdictOf(oracle(first.rows), { contender: 'oracle', pair, labels: 'shipped', resamples: 20 }))
    verdicts.push(...shown)
    print(shown)
    compare(trials)
    if (options.plots !== undefined) plot(options.plots, trials)
  }
}
if (verdicts.length === 0) throw new Error('nothing was judged: no source or no pair of that name')
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ verdicts, differences }, undefined, 1))

function print(shown: readonly Verdict[]): void {
  const [any] = shown
  if (any === undefined) return
  const { source, small, strong, prompts, smallScore, strongScore } = any
  console.log(`\n${source}: ${small} (${number(smallScore)}) or ${strong} (${number(strongScore)}), ${prompts} prompts`)
  const titles = [
    'router',
    'labels',
    'APGR',
    '95 %',
    'CPT50',
    'CPT80',
    'CPT95',
    'calls@95',
    '95 %',
    '@98',
    '$@95',
    '$@98',
    'AUROC',
    'ECE',
  ]
  const lines = shown.map((verdict) => [
    verdict.contender,
    String(verdict.labels),
    number(verdict.apgr.value),
    `${number(verdict.apgr.low)}-${number(verdict.apgr.high)}`,
    ...[verdict.cpt50, verdict.cpt80, verdict.cpt95, verdict.calls95.value].map(percent),
    `${percent(verdict.calls95.low)}-${percent(verdict.calls95.high)}`,
    percent(verdict.calls98),
    ...[verdict.dollars95, verdict.dollars98].map((value) => (value === undefined ? '' : percent(value))),
    ...[verdict.auroc, verdict.ece].map((value) => (value === undefined ? '' : number(value))),
  ])
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  for (const line of [titles, ...lines]) {
    console.log(
      line
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
  }
}

function compare(trials: readonly Trial[]): void {
  for (const text of options.versus) {
    const [better, worse] = text.split(':')
    for (const first of trials.filter(({ contender }) => contender.name === better)) {
      const second = trials.find(
        ({ contender, labels }) => contender.name === worse && (labels === first.labels || !contender.learns),
      )
      if (second === undefined) continue
      const { value, low, high } = differenceOf(first.rows, second.rows, resamples)
      const line = `${better} over ${worse} (labels: ${first.labels}): APGR ${signed(value)} (${signed(low)} to ${signed(high)})`
      console.log(line)
      differences.push({ source: first.pair.source, small: first.pair.small, text: line })
    }
  }
}

function plot(folder: string, trials: readonly Trial[]): void {
  mkdirSync(folder, { recursive: true })
  const [first] = trials
  if (first === undefined) return
  const { source, small, strong } = first.pair
  const best = trials.filter(({ contender, labels }) => !contender.learns || labels === modes.at(-1))
  const series = best.map(({ contender, rows }) => ({ name: contender.name, rows }))
  const svg = plotOf({
    title: `${source}: ${small} or ${strong}`,
    series: [...series, { name: 'oracle', rows: oracle(first.rows) }],
  })
  writeFileSync(join(folder, `${source}-${small}-${strong}.svg`.replaceAll(/[^\w.-]/g, '_')), svg)
}

function number(value: number): string {
  return value.toFixed(3)
}

function percent(value: number): string {
  return `${Math.round(value * 100)}%`
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`
}
