import { readFileSync } from 'node:fs'
import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import { evidenceFields } from '../core/evidence-fields.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { StartError } from '../core/start-error.ts'
import type { Command, House, ModelFile, Toolbox } from './command.ts'
import { dollars, money } from './money.ts'
import { toRequest } from './prompt.ts'
import { type Column, renderTable, shorten } from './table.ts'

interface RouteOptions {
  readonly file?: string
  readonly model: string
  readonly assumeAvailable?: boolean
}

interface Row {
  readonly prompt: string
  readonly decision: Decision
}

/** `hybrid route` */
export const route = {
  register(program, toolbox) {
    program
      .command('route')
      .description('say which model would answer, and why; runs nothing')
      .argument('[prompts...]', 'one or more prompts')
      .option('--file <file>', 'a file with one prompt a line; - reads standard input')
      .option('--model <name>', 'a configured model instead of routing', 'auto')
      .option('--assume-available', 'decide as if every configured model could answer')
      .action(async (prompts: readonly string[], options: RouteOptions) => {
        const all = [...prompts, ...(await fromFile(options.file, toolbox))].filter((prompt) => prompt.trim() !== '')
        if (all.length === 0) {
          throw new GatewayError('invalid_request', 'there is no prompt: write it behind the command, or use --file')
        }

        const loaded = toolbox.loadConfig()
        const house = await toolbox.openHouse(loaded)
        try {
          const among = whatIsThere(house, await toolbox.modelFiles(loaded), options)
          const rows = all.map((prompt) => ({
            prompt,
            decision: house.routeAmong(toRequest(prompt, { model: options.model }), among),
          }))
          toolbox.print(toolbox.json() ? asJson(rows) : asText(rows, toolbox))
        } finally {
          await house.close()
        }
      })
  },
} satisfies Command

async function fromFile(file: string | undefined, toolbox: Toolbox): Promise<readonly string[]> {
  if (file === undefined) return []
  if (file === '-') return ((await toolbox.readInput()) ?? '').split(/\r?\n/)
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)
  } catch (error) {
    throw new StartError(`${file} cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`)
  }
}

/** A model of this process is loaded by the gateway only; here it counts as soon as its file is there. */
function whatIsThere(house: House, files: readonly ModelFile[], { assumeAvailable }: RouteOptions) {
  const present = new Set(files.filter((file) => file.present).map(({ model }) => model.name))
  return (model: ModelCard): Availability => {
    const now = house.availability(model)
    const counts = assumeAvailable === true || now.available || present.has(model.name)
    return counts ? { available: true, reason: '' } : now
  }
}

function asJson(rows: readonly Row[]): string {
  const objects = rows.map(({ prompt, decision }) => {
    const [first] = decision.plan
    return {
      prompt,
      complexity: decision.complexity,
      reasoning: decision.reasoning,
      factors: Object.fromEntries(decision.factors.map(({ name, points }) => [name, points])),
      recommended_model: first?.name ?? '',
      backend: first?.backend ?? '',
      estimated_cost: first === undefined ? null : dollars(decision.estimatedCost),
      runner_up:
        decision.runnerUp === undefined
          ? null
          : { model: decision.runnerUp.model, estimated_cost: dollars(decision.runnerUp.estimatedCost) },
      degraded: decision.degraded,
      degraded_reason: decision.degradedReason,
      plan: decision.plan.map(({ name }) => name),
      evidence: evidenceFields(decision.assessment),
    }
  })
  return JSON.stringify(objects.length === 1 ? objects[0] : objects, undefined, 2)
}

function asText(rows: readonly Row[], { columns, isTerminal }: Toolbox): string {
  const [only, second] = rows
  if (only !== undefined && second === undefined) return explainOne(only, { columns, isTerminal })

  const factors = [...new Set(rows.flatMap(({ decision }) => decision.factors.map(({ name }) => name)))]
  const titles: readonly Column[] = [
    { title: 'prompt' },
    ...factors.map((title): Column => ({ title, align: 'right' })),
    { title: 'complexity', align: 'right' },
    { title: 'model' },
    { title: 'estimated', align: 'right' },
  ]
  const cells = rows.map(({ prompt, decision }) => [
    shorten(prompt, Math.max(20, columns - 70)),
    ...factors.map((name) => points(decision.factors.find((factor) => factor.name === name)?.points ?? 0)),
    decision.complexity.toFixed(2),
    chosen(decision),
    estimate(decision),
  ])
  const degraded = rows.some(({ decision }) => decision.degraded)
  const table = renderTable(cells, titles, { width: columns, isTerminal })
  return degraded ? `${table}\n\n* weaker than the prompt asks for: ${degradedReasons(rows)}` : table
}

function explainOne({ decision }: Row, { columns, isTerminal }: Pick<Toolbox, 'columns' | 'isTerminal'>): string {
  const factors = renderTable(
    [
      ...decision.factors.map(({ name, points: value, phrase }) => [name, points(value), phrase]),
      ['complexity', decision.complexity.toFixed(2), ''],
    ],
    [{ title: 'factor' }, { title: 'points', align: 'right' }, { title: '' }],
    { width: columns, isTerminal },
  )
  const [first] = decision.plan
  const { runnerUp } = decision
  const facts: readonly (readonly [string, string])[] = [
    ['model', first === undefined ? 'none' : `${first.name} (${first.backend})`],
    ['estimated cost', estimate(decision)],
    ['runner-up', runnerUp === undefined ? 'none' : `${runnerUp.model} (${costText(runnerUp.estimatedCost)})`],
    ...(decision.degraded ? [['degraded', decision.degradedReason] as const] : []),
    ...assessmentFacts(decision),
    ['why', decision.reasoning],
  ]
  const lines = renderTable(
    facts.slice(1),
    [{ title: facts[0]?.[0] ?? '' }, { title: facts[0]?.[1] ?? '', wraps: true }],
    {
      width: columns,
    },
  )
  return [factors, ...chancesTable(decision, { columns, isTerminal }), lines].join('\n\n')
}

function assessmentFacts({ assessment }: Decision): readonly (readonly [string, string])[] {
  if (assessment === undefined) return []
  const { rule, strong, allowance = 0, chances } = assessment
  const best = chances.find(({ model }) => model === strong)?.p ?? 1
  return [
    ['decided by', rule],
    ...(strong === undefined
      ? []
      : [
          [
            'passed on',
            `to ${strong}, where the reply looks less than ${percent(Math.max(0, best - allowance))} good`,
          ] as const,
        ]),
  ]
}

/** What is known of each model for such requests, in the order of the plan. */
function chancesTable({ assessment }: Decision, size: Pick<Toolbox, 'columns' | 'isTerminal'>): readonly string[] {
  if (assessment === undefined || assessment.chances.length === 0) return []
  const rows = assessment.chances.map(({ model, p, low, high, n, level, estimatedCost }) => [
    model,
    percent(p),
    `${percent(low)} to ${percent(high)}`,
    level === 'prior' ? '0' : n.toFixed(n < 10 ? 1 : 0),
    levelWords[level],
    costText(estimatedCost),
  ])
  const titles: readonly Column[] = [
    { title: 'model' },
    { title: 'good enough', align: 'right' },
    { title: '95 % interval' },
    { title: 'judged', align: 'right' },
    { title: 'replies to' },
    { title: 'estimated', align: 'right' },
  ]
  return [renderTable(rows, titles, { width: size.columns, isTerminal: size.isTerminal })]
}

const levelWords = {
  cell: 'such requests',
  task: 'tasks of this kind',
  global: 'all tasks',
  prior: 'none yet: by its size',
} as const

function percent(value: number): string {
  return `${Math.round(value * 100)} %`
}

function degradedReasons(rows: readonly Row[]): string {
  const reasons = rows.map(({ decision }) => decision.degradedReason).filter((reason) => reason !== '')
  return [...new Set(reasons)].join('; ')
}

function chosen({ plan, degraded }: Decision): string {
  return `${plan[0]?.name ?? 'none'}${degraded ? '*' : ''}`
}

function estimate({ plan, estimatedCost }: Decision): string {
  return plan.length === 0 ? '-' : costText(estimatedCost)
}

function costText(cost: number | undefined): string {
  return money(dollars(cost))
}

function points(value: number): string {
  return value === 0 ? '0' : `${value > 0 ? '+' : ''}${value.toFixed(2)}`
}
