import { readFileSync, writeFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { findingNames, type Label, labelSources, lengthBands, taskKinds, turnKinds } from '../core/evidence.ts'
import { StartError } from '../core/start-error.ts'
import { Evidence } from '../evidence/evidence.ts'
import type { LabelStore } from '../stores/store.ts'
import { shareOf } from './calibrate.ts'
import type { Command, Toolbox } from './command.ts'
import { evidenceTable } from './evidence-table.ts'
import { renderTable } from './table.ts'

/** `hybrid evidence show | export | import | versions | rollback` */
export const evidence = {
  register(program, toolbox) {
    const group = program.command('evidence').description('what the router knows of each model, and where from')
    group
      .command('show', { isDefault: true })
      .description('for each kind of task and model: judged replies, how many were good, certified or not')
      .option('--model <name>', 'of one model')
      .option('--task <kind>', `of one kind: ${taskKinds.join(', ')}`)
      .option('--target <share>', 'quality that must be kept to be certified', shareOf, 0.95)
      .action((options: ShowOptions) => withLabels(toolbox, (labels) => show(labels, options, toolbox)))
    group
      .command('export')
      .description('write all judged replies to a file; it holds no prompt and no reply')
      .argument('<file>', 'JSON')
      .action((file: string) => withLabels(toolbox, (labels) => save(labels, file, toolbox)))
    group
      .command('import')
      .description('add the judged replies of a file; a version is kept before')
      .argument('<file>', 'as export writes it')
      .action((file: string) => withLabels(toolbox, (labels) => load(labels, file, toolbox)))
    group
      .command('versions')
      .description('states that can be gone back to')
      .action(() => withLabels(toolbox, (labels) => versions(labels, toolbox)))
    group
      .command('rollback')
      .description('let only what was known at a version count; a newer version brings the rest back')
      .argument('<number>', 'of a version', versionNumber)
      .action((number: number) => withLabels(toolbox, (labels) => rollBack(labels, number, toolbox)))
  },
} satisfies Command

async function withLabels(toolbox: Toolbox, work: (labels: LabelStore) => Promise<void>): Promise<void> {
  const { labels, close } = await toolbox.openAccount(toolbox.loadConfig())
  try {
    await work(labels)
  } finally {
    await close()
  }
}

interface ShowOptions {
  readonly model?: string
  readonly task?: string
  readonly target: number
}

async function show(labels: LabelStore, { model, task, target }: ShowOptions, toolbox: Toolbox): Promise<void> {
  const { config } = toolbox.loadConfig()
  const halfLifeDays = config.router.learning.half_life_days
  const known = new Evidence({ models: config.models, labels: await labels.all(), halfLifeDays })
  const rows = known
    .rows(target)
    .filter((row) => (model === undefined || row.model === model) && (task === undefined || row.task === task))
  if (toolbox.json()) toolbox.print(JSON.stringify({ target, rows }, undefined, 2))
  else if (rows.length === 0) {
    toolbox.print("no reply was judged yet: send feedback, set router.shadow.share, or run 'hybrid calibrate'")
  } else toolbox.print(evidenceTable(rows, toolbox))
}

const dayMs = 86_400_000
const share = z.number().min(0).max(1)
const logprob = z.number().max(0)
const label = z.object({
  id: z.string().min(1).max(300),
  // One from the future would make all others look old.
  at: z
    .number()
    .min(0)
    .refine((at) => at < Date.now() + dayMs, 'lies in the future'),
  model: z.string().min(1).max(100),
  source: z.enum(labelSources),
  good: share,
  weight: share,
  requestId: z.string().max(300),
  client: z.string().max(100),
  cell: z.object({
    task: z.enum(taskKinds),
    length: z.enum(lengthBands),
    language: z.string().max(8),
    turn: z.enum(turnKinds),
  }),
  difficulty: z.number().min(-10).max(10),
  sketch: z.array(z.number()).max(256),
  check: z
    .object({
      confidence: z
        .object({
          mean: logprob,
          lowestWindow: logprob,
          lowest: logprob,
          margin: z.number().optional(),
          tokens: z.int().min(0),
        })
        .optional(),
      findings: z.array(
        z.object({ name: z.enum(findingNames), weight: z.enum(['fatal', 'doubt']), detail: z.string().max(500) }),
      ),
      partial: z.boolean(),
      selfCheck: share.optional(),
    })
    .optional(),
  strong: z.object({ model: z.string().min(1).max(100), good: share }).optional(),
})
const exported = z.object({ format: z.literal('hybrid-evidence-1'), labels: z.array(label) })

async function save(labels: LabelStore, file: string, toolbox: Toolbox): Promise<void> {
  const all = await labels.all()
  writeFileSync(file, `${JSON.stringify({ format: 'hybrid-evidence-1', labels: all }, undefined, 1)}\n`)
  toolbox.print(`${all.length} judged replies are in ${file}`)
}

async function load(labels: LabelStore, file: string, toolbox: Toolbox): Promise<void> {
  const { data, error } = exported.safeParse(readJson(file))
  const issue = error?.issues[0]
  if (data === undefined) throw new StartError(`${file}: ${issue?.path.join('.') || 'the file'} ${issue?.message}`)
  const { number } = await labels.saveVersion(`before ${file} was imported`)
  // Checked above; what may be missing is missing, not undefined.
  const taken = await labels.add(
    JSON.parse(JSON.stringify(data.labels)) as readonly Label[],
    toolbox.loadConfig().config.router.learning.max_labels,
  )
  const known = data.labels.length - taken
  const rest = known === 0 ? '' : `, ${known} were known`
  toolbox.print(`${taken} judged replies were added${rest}; 'hybrid evidence rollback ${number}' takes them back`)
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason =
      error instanceof SyntaxError ? 'is no JSON' : `cannot be read (${(error as NodeJS.ErrnoException).code})`
    throw new StartError(`${file} ${reason}`)
  }
}

async function versions(labels: LabelStore, toolbox: Toolbox): Promise<void> {
  const all = await labels.versions()
  if (toolbox.json()) {
    toolbox.print(JSON.stringify({ versions: all }, undefined, 2))
    return
  }
  if (all.length === 0) {
    toolbox.print('no version is kept yet: import, calibrate and rollback keep one before they change anything')
    return
  }
  const rows = all.map(({ number, at, note, labels: count }) => [String(number), time(at), String(count), note])
  toolbox.print(
    renderTable(
      rows,
      [
        { title: 'version', align: 'right' },
        { title: 'kept' },
        { title: 'judged replies', align: 'right' },
        { title: 'why', wraps: true },
      ],
      { width: toolbox.columns, isTerminal: toolbox.isTerminal },
    ),
  )
}

async function rollBack(labels: LabelStore, number: number, toolbox: Toolbox): Promise<void> {
  if (!(await labels.versions()).some((version) => version.number === number)) {
    throw new StartError(`there is no version ${number}: see 'hybrid evidence versions'`)
  }
  const before = await labels.saveVersion(`before going back to ${number}`)
  await labels.rollBack(number)
  const left = (await labels.all()).length
  toolbox.print(
    `version ${number} counts: ${left} judged replies; 'hybrid evidence rollback ${before.number}' undoes this`,
  )
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It is a number of 'hybrid evidence versions'.")
  return Number(text)
}
