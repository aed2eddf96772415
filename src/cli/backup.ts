import { join } from 'node:path'
import type { LoadedConfig } from '../config/load.ts'
import { GatewayError } from '../core/errors.ts'
import { backUpLedger, restoreLedger } from '../stores/backup.ts'
import type { Command, Toolbox } from './command.ts'

/** `hybrid backup FILE`, `hybrid restore FILE` */
export const backup = {
  register(program, toolbox) {
    program
      .command('backup <file>')
      .description('copy ledger, keys, audit log and evidence into one file, while the gateway goes on')
      .action((file: string) => save(file, toolbox))
    program
      .command('restore <file>')
      .description('put such a copy in the place of what is there, with the gateway stopped')
      .action((file: string) => bringBack(file, toolbox))
  },
} satisfies Command

async function save(file: string, toolbox: Toolbox): Promise<void> {
  await backUpLedger(ledgerOf(toolbox.loadConfig()), file)
  toolbox.print(toolbox.json() ? JSON.stringify({ file }) : `written: ${file}`)
}

async function bringBack(file: string, toolbox: Toolbox): Promise<void> {
  const loaded = toolbox.loadConfig()
  const ledger = ledgerOf(loaded)
  const { host, port } = loaded.config.server
  if (await answers(`http://${host.includes(':') ? `[${host}]` : host}:${port}/health/live`)) {
    throw new GatewayError('invalid_request', `a gateway runs at ${host}:${port}: stop it first`)
  }
  const kept = await restoreLedger(file, ledger, new Date())
  const before = kept === undefined ? '' : `; what was there is ${kept} now`
  toolbox.print(toolbox.json() ? JSON.stringify({ ledger, kept: kept ?? null }) : `restored: ${ledger}${before}`)
}

function ledgerOf({ config }: LoadedConfig): string {
  if (config.database.url !== undefined) {
    throw new GatewayError('unsupported', 'the ledger is in PostgreSQL (database.url): use pg_dump and pg_restore')
  }
  return join(config.data_dir, 'ledger.sqlite')
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    () => true,
    () => false,
  )
}
