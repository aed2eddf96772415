import type { Command as Program } from 'commander'
import { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { StartError } from '../core/start-error.ts'
import type { Command, House, ModelFile, Toolbox } from './command.ts'
import { renderTable, wrap } from './table.ts'

/** `hybrid models`, `hybrid models pull` and, for short, `hybrid pull` */
export const models = {
  register(program, toolbox) {
    const group = program.command('models').description('list the models, or bring one to this machine')
    group
      .command('list', { isDefault: true })
      .description('the configured models, and whether they can answer')
      .action(() => list(toolbox))
    addPull(group, toolbox)
    addPull(program, toolbox)
  },
} satisfies Command

function addPull(program: Program, toolbox: Toolbox): void {
  program
    .command('pull')
    .description('bring a model to this machine')
    .argument('[name]', 'a configured model; the embedded one where none is named')
    .action((name: string | undefined) => pull(name, toolbox))
}

async function list(toolbox: Toolbox): Promise<void> {
  const loaded = toolbox.loadConfig()
  const files = await toolbox.modelFiles(loaded)
  const house = await toolbox.openHouse(loaded)
  try {
    const rows = house.models.map((model) => ({ model, now: availability(house, model, files) }))
    toolbox.print(toolbox.json() ? asJson(rows) : asTable(rows, toolbox))
  } finally {
    await house.close()
  }
}

interface Row {
  readonly model: ModelCard
  readonly now: Availability
}

/** What runs inside the gateway is not loaded by a list; whether its file is there says more. */
function availability(house: House, model: ModelCard, files: readonly ModelFile[]): Availability {
  const now = house.availability(model)
  const file = files.find((candidate) => candidate.model.name === model.name)
  if (now.available || file === undefined) return now
  if (file.present) return { available: true, reason: 'the file is there; the gateway loads it at its start' }
  return { available: false, reason: `not downloaded: run 'hybrid models pull ${model.name}'` }
}

function asTable(rows: readonly Row[], { columns, isTerminal }: Toolbox): string {
  const table = renderTable(
    rows.map(({ model, now }) => [
      model.name,
      model.backend,
      model.provider,
      model.id,
      model.auto ? model.maxComplexity.toFixed(2) : 'named',
      ...prices(model),
      now.available ? 'yes' : 'no',
    ]),
    [
      { title: 'name' },
      { title: 'backend' },
      { title: 'provider' },
      { title: 'model' },
      { title: 'takes up to', align: 'right' },
      { title: '$/M in', align: 'right' },
      { title: '$/M out', align: 'right' },
      { title: 'available' },
    ],
    { width: columns, isTerminal },
  )
  // Several models often share one reason: it is told once.
  const reasons = Map.groupBy(
    rows.filter(({ now }) => !now.available),
    ({ now }) => now.reason,
  )
  const why = [...reasons].map(([reason, group]) => `${group.map(({ model }) => model.name).join(', ')}: ${reason}`)
  return [table, ...(why.length === 0 ? [] : ['', ...why.flatMap((line) => wrap(line, columns))])].join('\n')
}

function prices({ price }: ModelCard): readonly [string, string] {
  if (!price.known) return ['unknown', 'unknown']
  const { input, output } = price.rates
  return input === 0 && output === 0 ? ['free', 'free'] : [input.toFixed(2), output.toFixed(2)]
}

function asJson(rows: readonly Row[]): string {
  const objects = rows.map(({ model, now }) => ({
    name: model.name,
    backend: model.backend,
    provider: model.provider,
    id: model.id,
    available: now.available,
    reason: now.reason,
    auto: model.auto,
    max_complexity: model.maxComplexity,
    context_tokens: model.contextTokens,
    max_output_tokens: model.maxOutputTokens,
    price: model.price.known
      ? { input: model.price.rates.input, output: model.price.rates.output, version: model.price.version }
      : null,
  }))
  return JSON.stringify({ models: objects }, undefined, 2)
}

async function pull(name: string | undefined, toolbox: Toolbox): Promise<void> {
  const loaded = toolbox.loadConfig()
  const known = loaded.config.models
  const wanted = name ?? (await toolbox.modelFiles(loaded))[0]?.model.name
  if (wanted === undefined) throw new StartError(`no embedded model is configured: name one of ${namesOf(known)}`)
  const model = known.find((candidate) => candidate.name === wanted)
  if (model === undefined) {
    throw new GatewayError(
      'unknown_model',
      `model '${wanted}' is not configured; the known ones are: ${namesOf(known)}`,
    )
  }

  const house = await toolbox.openHouse(loaded)
  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.once('SIGINT', interrupt)
  try {
    await house.pull(model, abort.signal)
    toolbox.print(toolbox.json() ? JSON.stringify({ model: wanted, pulled: true }) : `${wanted} is here`)
  } catch (error) {
    if (!abort.signal.aborted) throw error
    toolbox.note('stopped; what was downloaded is kept, and the next pull goes on from there')
    process.exitCode = 130
  } finally {
    process.off('SIGINT', interrupt)
    await house.close()
  }
}

function namesOf(known: readonly ModelCard[]): string {
  return known.map(({ name }) => name).join(', ')
}
