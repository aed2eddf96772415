import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface SlowProxy {
  readonly port: number
  /** From now on every piece of data waits so long, in each direction. */
  readonly slow: (delayMs: number) => void
  readonly close: () => Promise<void>
}

/** Passes TCP connections on to a server of loopback, with a delay that can be set. */
export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  let delayMs = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('end', () => later(() => to.end()))
      from.on('data', (chunk) => later(() => to.write(chunk)))
    }
  })
  const later = (work: () => void) => {
    if (delayMs === 0) work()
    else setTimeout(work, delayMs)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a proxy without a port')

  return {
    port: address.port,
    slow: (milliseconds) => {
      delayMs = milliseconds
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
