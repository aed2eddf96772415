import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { StartError } from '../core/start-error.ts'
import { Evidence, type EvidenceRow } from '../evidence/evidence.ts'
import type { Anchor } from '../gateway/calibrate.ts'
import type { Command, House, Toolbox } from './command.ts'
import { evidenceTable } from './evidence-table.ts'
import { toRequest } from './prompt.ts'

interface Options {
  readonly model: string
  readonly strong?: string
  readonly limit: number
  readonly target: number
}

const line = z.object({
  prompt: z.string().min(1).optional(),
  messages: z
    .array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }))
    .min(1)
    .optional(),
  answers: z.array(z.string()).default([]),
  wrong: z.array(z.string()).default([]),
})

/** `hybrid calibrate` */
export const calibrate = {
  register(program, toolbox) {
    program
      .command('calibrate')
      .description('ask a model prompts whose answers can be judged, so that the router knows what it can do')
      .argument(
        '[file]',
        'one prompt a line, or JSON lines with prompt (or messages) and answers; 200 that ship if left out',
      )
      .requiredOption('--model <name>', 'the configured model to learn about')
      .option(
        '--strong <name>',
        'model that answers and judges where no answer is known; the best that is there if left out',
      )
      .option('--limit <number>', 'prompts to ask at most', wholeNumber, 200)
      .option('--target <share>', 'quality that the summary is about', shareOf, 0.95)
      .action((file: string | undefined, options: Options) => run(file, options, toolbox))
  },
} satisfies Command

async function run(file: string | undefined, options: Options, toolbox: Toolbox): Promise<void> {
  const anchors = anchorsOf(file).slice(0, options.limit)
  const loaded = toolbox.loadConfig()
  const house = await toolbox.openHouse(loaded)
  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.once('SIGINT', interrupt)
  const labels: Label[] = []
  const failures: string[] = []
  try {
    const model = modelNamed(options.model, house)
    await house.prepare(toRequest('Hello', { model: model.name }), abort.signal)
    const strong = strongOf(options.strong, anchors, house)
    await house.labels.saveVersion(`before ${model.name} was calibrated`)
    for await (const result of house.calibrate(anchors, { model, strong }, abort.signal)) {
      if ('label' in result) {
        labels.push(result.label)
        house.learn(result.label)
      } else failures.push(result.failed)
      const done = labels.length + failures.length
      if (done % 20 === 0) toolbox.note(`${done} of ${anchors.length}`)
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error
    toolbox.note('stopped; what was learned so far is kept')
    process.exitCode = 130
  } finally {
    process.off('SIGINT', interrupt)
    await house.settle()
    await house.close()
  }
  const known = new Evidence({ models: loaded.config.models, labels, halfLifeDays: 1e6 })
  const rows = known.rows(options.target).filter((row) => row.model === options.model)
  const good = labels.reduce((sum, label) => sum + label.good, 0)
  const told = {
    model: options.model,
    asked: anchors.length,
    judged: labels.length,
    good,
    failed: failures.length,
    rows,
  }
  toolbox.print(toolbox.json() ? JSON.stringify(told, undefined, 2) : asText(told, failures, toolbox))
}

interface Told {
  readonly model: string
  readonly asked: number
  readonly judged: number
  readonly good: number
  readonly rows: readonly EvidenceRow[]
}

function asText({ model, asked, judged, good, rows }: Told, failures: readonly string[], toolbox: Toolbox): string {
  const share = judged === 0 ? '' : ` (${Math.round((100 * good) / judged)} %)`
  const head = `${model}: ${judged} of ${asked} replies judged, ${good} good enough${share}`
  const why = [...new Set(failures)].slice(0, 3).map((failure) => `not judged: ${failure}`)
  return [head, ...why, ...(rows.length === 0 ? [] : ['', evidenceTable(rows, toolbox)])].join('\n')
}

function anchorsOf(file: string | undefined): readonly Anchor[] {
  const text = file === undefined ? readFileSync(new URL('anchors.jsonl', import.meta.url), 'utf8') : readText(file)
  const lines = text.split(/\r?\n/).map((content, index) => ({ content, number: index + 1 }))
  const anchors = lines
    .filter(({ content }) => content.trim() !== '')
    .map(({ content, number }) => anchorOf(content, `${file ?? 'anchors.jsonl'}:${number}`))
  if (anchors.length === 0) throw new StartError(`${file} holds no prompt: write one a line`)
  return anchors
}

function anchorOf(content: string, where: string): Anchor {
  if (!content.trimStart().startsWith('{')) return { messages: [user(content)], answers: [], wrong: [] }
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch {
    throw new StartError(`${where} begins like JSON and is none: write {"prompt": "...", "answers": ["..."]}`)
  }
  const { data, error } = line.safeParse(json)
  const issue = error?.issues[0]
  if (data === undefined) throw new StartError(`${where}: ${issue?.path.join('.')} ${issue?.message}`)
  const { prompt, messages, answers, wrong } = data
  if (messages === undefined && prompt === undefined) throw new StartError(`${where}: has neither prompt nor messages`)
  const turns = messages?.map(({ role, content: text }) => ({ role, content: [{ type: 'text' as const, text }] }))
  return { messages: turns ?? [user(prompt ?? '')], answers, wrong }
}

function user(text: string) {
  return { role: 'user' as const, content: [{ type: 'text' as const, text }] }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartError(`${file} cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`)
  }
}

function modelNamed(name: string, { models }: House): ModelCard {
  const found = models.find((model) => model.name === name)
  if (found !== undefined) return found
  const known = models.map((model) => model.name).join(', ')
  throw new GatewayError('unknown_model', `model '${name}' is not configured; the known ones are: ${known}`)
}

/** Nobody is asked where every answer is known. */
function strongOf(name: string | undefined, anchors: readonly Anchor[], house: House): ModelCard | undefined {
  if (name !== undefined) return modelNamed(name, house)
  if (anchors.every(({ answers }) => answers.length > 0)) return undefined
  const there = house.models.filter(
    (model) => model.backend === 'cloud' && model.auto && house.availability(model).available,
  )
  return there.sort((a, b) => b.maxComplexity - a.maxComplexity)[0]
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is a number of prompts, as 200.')
  return Number(text)
}

export function shareOf(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It is a share over 0, at most 1, as 0.95.')
  return value
}
