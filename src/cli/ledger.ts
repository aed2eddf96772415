import { userInfo } from 'node:os'
import { InvalidArgumentError, Option } from 'commander'
import { writeCsv, writeParquet } from '../account/export.ts'
import { type Repriced, reprice } from '../account/reprice.ts'
import { differingHours } from '../account/verify-usage.ts'
import type { LoadedConfig } from '../config/load.ts'
import { GatewayError } from '../core/errors.ts'
import { toDollars } from '../core/price.ts'
import type { Command, OpenedAccount, Toolbox } from './command.ts'
import { dollars, money } from './money.ts'

/** `hybrid ledger export | reprice | verify` */
export const ledger = {
  register(program, toolbox) {
    const group = program.command('ledger').description('the record of every request')
    group
      .command('export')
      .description('write it to a file, one row for each request; it holds no prompt and no reply')
      .argument('<file>', 'as ledger.csv or ledger.parquet')
      .addOption(
        new Option('--format <format>', 'what the name of the file says, without it').choices(['csv', 'parquet']),
      )
      .option('--since <time>', 'as 2026-11-01, or 2026-11-01T12:00Z', timeOf, 0)
      .option('--until <time>', 'the same; rows that started before', timeOf, Number.MAX_SAFE_INTEGER)
      .action((file: string, choice: ExportChoice) =>
        withAccount(toolbox, (house) => save(house, file, choice, toolbox)),
      )
    group
      .command('reprice')
      .description('compute what requests cost from their tokens at the prices that are configured now')
      .option('--since <time>', 'as 2026-11-01, or 2026-11-01T12:00Z', timeOf, 0)
      .option('--until <time>', 'the same; rows that started before', timeOf, Number.MAX_SAFE_INTEGER)
      .option('--model <name>', 'only what this model cost')
      .option('--apply', 'write it; without this it is only shown', false)
      .action((choice: RepriceChoice) =>
        withAccount(toolbox, (house, loaded) => priceAnew(house, loaded, choice, toolbox)),
      )
    group
      .command('verify')
      .description('compare the sums that statistics are read from with the rows; reads the whole ledger')
      .action(() => withAccount(toolbox, (house) => verify(house, toolbox)))
  },
} satisfies Command

interface RepriceChoice {
  readonly since: number
  readonly until: number
  readonly model?: string
  readonly apply: boolean
}

interface ExportChoice {
  readonly format?: 'csv' | 'parquet'
  readonly since: number
  readonly until: number
}

async function withAccount(
  toolbox: Toolbox,
  work: (house: OpenedAccount, loaded: LoadedConfig) => Promise<void>,
): Promise<void> {
  const loaded = toolbox.loadConfig()
  const house = await toolbox.openAccount(loaded)
  try {
    await work(house, loaded)
  } finally {
    await house.close()
  }
}

async function save({ store }: OpenedAccount, file: string, choice: ExportChoice, toolbox: Toolbox): Promise<void> {
  const format = choice.format ?? (file.endsWith('.parquet') ? 'parquet' : 'csv')
  const { since, until } = choice
  const write = format === 'csv' ? writeCsv : writeParquet
  const rows = await write(store, file, { since, until }).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall === undefined) throw error
    throw new GatewayError('invalid_request', `${file} cannot be written (${error.code}): name another file`)
  })
  toolbox.print(toolbox.json() ? JSON.stringify({ file, format, rows }) : `${rows} rows are in ${file}.`)
}

async function priceAnew(
  { store, audit }: OpenedAccount,
  { config }: LoadedConfig,
  { since, until, model, apply }: RepriceChoice,
  toolbox: Toolbox,
): Promise<void> {
  const { models, baseline } = config
  if (model !== undefined && !models.some(({ name }) => name === model)) {
    throw new GatewayError(
      'invalid_request',
      `--model is '${model}', which is not configured: hybrid models lists them`,
    )
  }
  const result = await reprice(store, { since, until, model, models, baseline, write: apply })
  if (apply) {
    const details = [
      `${result.changed} rows`,
      `${money(toDollars(result.before))} to ${money(toDollars(result.after))}`,
    ]
    const actor = { actor: 'cli', actorName: userInfo().username, address: '' }
    await audit.append({ at: Date.now(), ...actor, action: 'ledger.reprice', target: model ?? 'all', details })
  }
  toolbox.print(toolbox.json() ? JSON.stringify(forPrograms(result, apply)) : forPeople(result, apply))
}

function forPeople(result: Repriced, applied: boolean): string {
  const { rows, changed, before, after, unknownBefore, unknownAfter } = result
  if (changed === 0) return `All ${rows} rows have the prices of today.`
  const unknown =
    unknownBefore + unknownAfter === 0 ? '' : ` Of unknown cost were ${unknownBefore} of them, now ${unknownAfter}.`
  const sums = `${money(toDollars(before))} before, ${money(toDollars(after))} now.${unknown}`
  if (applied) return `${changed} of ${rows} rows were written anew: ${sums}`
  return `${changed} of ${rows} rows have another price today: ${sums}\n--apply writes it.`
}

function forPrograms({ rows, changed, before, after, unknownBefore, unknownAfter }: Repriced, applied: boolean) {
  return {
    rows,
    changed,
    applied,
    cost_before: dollars(before),
    cost_after: dollars(after),
    unknown_before: unknownBefore,
    unknown_after: unknownAfter,
  }
}

async function verify({ store }: OpenedAccount, toolbox: Toolbox): Promise<void> {
  const hours: string[] = []
  for await (const hour of differingHours(store)) hours.push(new Date(hour * 3_600_000).toISOString().slice(0, 13))
  if (toolbox.json()) toolbox.print(JSON.stringify({ differing_hours: hours }))
  else if (hours.length === 0) toolbox.print('The sums of every hour are those of its rows.')
  else toolbox.print(`The sums of these hours (UTC) differ from their rows: ${hours.join(', ')}`)
  if (hours.length > 0) process.exitCode = 1
}

function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a time, as 2026-11-01 or 2026-11-01T12:00Z.')
  return time
}
