import { InvalidArgumentError, Option } from 'commander'
import { writeCsv, writeParquet } from '../account/export.ts'
import type { LedgerStore } from '../stores/store.ts'
import type { Command, Toolbox } from './command.ts'

/** `hybrid ledger export | verify` */
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
      .action((file: string, options: ExportChoice) =>
        withStore(toolbox, (store) => save(store, file, options, toolbox)),
      )
    group
      .command('verify')
      .description('compare the sums that statistics are read from with the rows; reads the whole ledger')
      .action(() => withStore(toolbox, (store) => verify(store, toolbox)))
  },
} satisfies Command

interface ExportChoice {
  readonly format?: 'csv' | 'parquet'
  readonly since: number
  readonly until: number
}

async function withStore(toolbox: Toolbox, work: (store: LedgerStore) => Promise<void>): Promise<void> {
  const { store, close } = await toolbox.openAccount(toolbox.loadConfig())
  try {
    await work(store)
  } finally {
    await close()
  }
}

async function save(store: LedgerStore, file: string, choice: ExportChoice, toolbox: Toolbox): Promise<void> {
  const format = choice.format ?? (file.endsWith('.parquet') ? 'parquet' : 'csv')
  const { since, until } = choice
  const rows = await (format === 'csv' ? writeCsv : writeParquet)(store, file, { since, until })
  toolbox.print(toolbox.json() ? JSON.stringify({ file, format, rows }) : `${rows} rows are in ${file}.`)
}

async function verify(store: LedgerStore, toolbox: Toolbox): Promise<void> {
  const hours = (await store.checkUsage()).map((hour) => new Date(hour * 3_600_000).toISOString().slice(0, 13))
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
