import { createLogger } from './account/log.ts'
import type { House } from './cli/command.ts'
import type { LoadedConfig } from './config/load.ts'
import { StartError } from './core/start-error.ts'
import { openHouse } from './house.ts'
import { isLoopback } from './http/door.ts'
import { createServer } from './http/server.ts'
import type { KeyRing } from './keys/key-ring.ts'
import { frontDoor, LiveHouse, warmUp } from './live-house.ts'

type Logger = ReturnType<typeof createLogger>

/** Serves until SIGTERM or SIGINT; a second one ends at once. */
export async function serve(loaded: LoadedConfig, version: string, loadAgain: () => LoadedConfig): Promise<void> {
  const { config } = loaded
  const logger = createLogger({ ...config.log, isTerminal: process.stdout.isTTY === true })
  const first = await openHouse(loaded, logger)
  await checkDoor(first, loaded)
  const live = new LiveHouse(first, loadAgain, (level, message) => logger[level](message))
  const server = createServer({ ...frontDoor(live), config: config.server, logger, version })
  process.on('SIGHUP', () => {
    const actor = { id: 'gateway', name: 'SIGHUP', address: '' }
    live.reload(actor).catch((error: unknown) => {
      logger.warn(`the configuration stays as it was: ${error instanceof Error ? error.message : String(error)}`)
    })
  })

  let stoppingSince = 0
  const stop = async (signal: string) => {
    // A group or a supervisor sends one signal in several copies; who presses Ctrl-C again later does not want to wait.
    if (stoppingSince > 0 && signal === 'SIGINT' && Date.now() - stoppingSince > 1000) process.exit(130)
    if (stoppingSince > 0) return
    stoppingSince = Date.now()
    logger.info(`${signal}: finishing ${live.house.account.openRequests} running requests, then stopping`)
    await server.drain()
    await live.house.close()
    logger.info('stopped')
    process.exit(0)
  }
  // Not `once`: a library below ends the process by itself when it sees no listener but its own.
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))

  try {
    const address = await server.listen()
    logger.info(`Hybrid AI Stack ${version} listens on ${address}`)
    if (!live.house.keys.locked) {
      const reach = isLoopback(config.server.host) ? 'this machine alone' : 'everybody who reaches it'
      logger.info(`no key is needed: it answers to ${reach}; hybrid keys create locks the door`)
    }
  } catch (error) {
    await live.house.close()
    throw explainListen(error, config.server)
  }
  warmUp(first)
  await first.rooms.availability.checkNow()
  sayWhatIsThere(first, logger)
}

/** A door that strangers can reach needs a lock; and whoever minds it needs a key of his own, which is shown this once. */
async function checkDoor({ keys, close }: House & { keys: KeyRing }, { config }: LoadedConfig): Promise<void> {
  const { host, allow_open: allowOpen } = config.server
  if (!isLoopback(host) && !keys.locked && !allowOpen) {
    await close()
    throw new StartError(
      `server.host is ${host}, which others can reach, and there is no key: make one (hybrid keys create), set HYBRID_API_KEY, or set server.allow_open: true`,
    )
  }
  if (keys.hasAdmin) return
  const actor = { id: 'gateway', name: 'first start', address: '' }
  const { text } = await keys.create({ name: 'admin', team: '', scopes: ['admin'], labels: {} }, actor)
  // Past the log, which is kept.
  process.stderr.write(`Admin key, shown this once (hybrid keys rotate makes another): ${text}\n`)
}

function sayWhatIsThere(house: House, logger: Logger): void {
  const automatic = house.models.filter(({ auto }) => auto)
  const ready = automatic.filter((model) => house.availability(model).available).map(({ name }) => name)
  const missing = automatic.filter((model) => !house.availability(model).available)
  logger.info(ready.length === 0 ? 'no model can answer yet' : `these models answer: ${ready.join(', ')}`)
  for (const [reason, models] of Map.groupBy(missing, (model) => house.availability(model).reason)) {
    logger.info(`not there: ${models.map(({ name }) => name).join(', ')} (${reason})`)
  }
}

function explainListen(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new StartError(`port ${port} is in use: stop the program that has it, or set GATEWAY_PORT to another one`)
  }
  if (code === 'EACCES')
    return new StartError(`port ${port} may not be opened by this user: set GATEWAY_PORT to one over 1023`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new StartError(`this machine has no address ${host}: set GATEWAY_HOST`)
  return error
}
