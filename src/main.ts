import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { createLogger } from './account/log.ts'
import type { OpenedAccount, Toolbox } from './cli/command.ts'
import { commands } from './cli/index.ts'
import { readStream } from './cli/input.ts'
import { loadConfig } from './config/load.ts'
import { ConfigError } from './config/problem.ts'
import { GatewayError } from './core/errors.ts'
import { StartError } from './core/start-error.ts'
import { modelFiles, openAccount, openHouse } from './house.ts'
import { packageVersion } from './http/server.ts'
import { serve } from './serve.ts'

/** The program: commands, and the world that they may not reach for themselves. */

type Logger = ReturnType<typeof createLogger>

const projectDir = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Warnings of the rooms go to standard error, so that the output of a command stays its own. */
function quietLogger(): Logger {
  return createLogger({ level: 'warn', format: 'pretty', isTerminal: process.stderr.isTTY === true, destination: 2 })
}

async function main(): Promise<void> {
  // A reader that has seen enough (`hybrid models | head -1`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

  const program = new Command('hybrid')
    .description('An API gateway that sends each request to the cheapest model that can handle it.')
    .version(packageVersion())
    .option('--config <file>', 'YAML file to read instead of $HYBRID_CONFIG or hybrid.yaml')
    .option('--json', 'print JSON')
    .showHelpAfterError("Run 'hybrid --help' for the commands, 'hybrid COMMAND --help' for one of them.")

  const toolbox: Toolbox = {
    version: packageVersion(),
    environment: process.env,
    projectDir,
    loadConfig: (variables) => {
      const given = Object.entries(variables ?? {}).filter(([, value]) => value !== undefined)
      const environment = { ...process.env, ...Object.fromEntries(given) }
      return loadConfig({ environment, file: program.opts().config, projectDir })
    },
    openHouse: (loaded) => openHouse(loaded, quietLogger(), (_level, message) => process.stderr.write(`${message}\n`)),
    openAccount: (loaded): Promise<OpenedAccount> => openAccount(loaded, quietLogger()),
    modelFiles,
    serve: (loaded) => serve(loaded, packageVersion(), () => toolbox.loadConfig()),
    print: (text) => process.stdout.write(`${text}\n`),
    write: (text) => process.stdout.write(text),
    note: (text) => process.stderr.write(process.stderr.isTTY ? `\x1b[2m${text}\x1b[22m\n` : `${text}\n`),
    readInput: () => readStream(process.stdin),
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 100,
    json: () => program.opts().json === true,
  }
  for (const command of commands) command.register(program, toolbox)
  await program.parseAsync()
}

function fail(error: unknown): void {
  if (error instanceof ConfigError || error instanceof StartError || error instanceof GatewayError) {
    process.stderr.write(`${error.message}\n`)
  } else {
    process.stderr.write(`this is a fault of the program: ${error instanceof Error ? error.stack : String(error)}\n`)
  }
  process.exitCode = 1
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main().catch(fail)
}
