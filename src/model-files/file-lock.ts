import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FileLockOptions {
  readonly signal: AbortSignal
  /** Called once when another process holds the lock. */
  readonly onWait: () => void
  readonly pollMs?: number
  /** A lock that nobody has touched for so long belongs to nobody, whatever its process id says. */
  readonly staleMs?: number
}

/**
 * Runs `work` while no other process runs its own under the same lock file. The file holds the holder's process id: a
 * lock whose process is dead is taken over at once. As process ids repeat (each container has its process 1), the holder
 * also touches the file every few seconds, and one left untouched is taken over as well.
 */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  const { signal, onWait, pollMs = 500, staleMs = 60_000 } = options
  const owner = `${process.pid} ${hostname()} ${crypto.randomUUID()}`
  let waited = false
  while (!(await tryCreate(path, owner))) {
    if (await removeStale(path, staleMs)) continue
    if (!waited) onWait()
    waited = true
    await sleep(pollMs, undefined, { signal })
  }

  const touch = setInterval(() => utimes(path, new Date(), new Date()).catch(ignore), staleMs / 6)
  touch.unref()
  try {
    return await work()
  } finally {
    clearInterval(touch)
    if ((await contentOf(path)) === owner) await rm(path, { force: true })
  }
}

async function tryCreate(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function removeStale(path: string, staleMs: number): Promise<boolean> {
  const [content, touched] = await Promise.all([contentOf(path), stat(path).catch(ignore)])
  if (touched === undefined) return true
  const [pid = '', host] = content.split(' ')
  const dead = host === hostname() && /^\d+$/.test(pid) && !isAlive(Number(pid))
  if (!dead && Date.now() - touched.mtimeMs < staleMs) return false

  // Of several takers only one can move the stale file away. Who finds a fresh one in hand puts it back.
  const aside = `${path}.${crypto.randomUUID()}`
  const moved = await rename(path, aside).then(() => true, ignore)
  if (!moved) return true
  if ((await contentOf(aside)) === content) await rm(aside, { force: true })
  else await rename(aside, path)
  return true
}

function contentOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function ignore() {
  return undefined
}
