// Plain JavaScript for Node 20 or newer, without dependencies. Real servers that the tests talk to.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const services = [
  { name: 'Redis', program: 'redis-server', debian: 'redis-server', brew: 'redis' },
  { name: 'PostgreSQL', program: 'initdb', debian: 'postgresql', brew: 'postgresql', folders: postgresFolders },
]

/**
 * Finds the servers that the tests start by themselves; installs what is missing where the package manager of the system
 * may be used (Debian and its like, as root or with sudo that asks nothing); else ends the process and names them.
 */
export function ensureServices() {
  const missing = services.filter((service) => !isThere(service))
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name).join(' and ')
  const packages = missing.map(({ debian }) => debian)
  const root = rootPrefix()
  if (root !== undefined && has('apt-get')) {
    process.stderr.write(`Installing ${names}, which the tests need (once) ...\n`)
    run([...root, 'apt-get', 'update', '-qq'])
    const { output } = run([
      ...root,
      ...['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-qq', '--no-install-recommends'],
      ...packages,
    ])
    const still = missing.filter((service) => !isThere(service))
    if (still.length === 0) return
    fail(`${still.map(({ name }) => name).join(' and ')} could not be installed:\n${output.trim().slice(-1000)}`)
  }
  const brew = missing.map((service) => service.brew).join(' ')
  fail(
    `The tests need ${names}: install it first, as \`apt-get install ${packages.join(' ')}\` or \`brew install ${brew}\`.`,
  )
}

function isThere({ program, folders = () => [] }) {
  return has(program) || folders().some((folder) => existsSync(join(folder, program)))
}

function has(program) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return [...folders, '/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, program)))
}

/** Debian keeps the server's programs out of the path, a folder for each version. */
function postgresFolders() {
  const base = '/usr/lib/postgresql'
  return existsSync(base) ? readdirSync(base).map((version) => join(base, version, 'bin')) : []
}

/** What to put before a command that needs root; undefined where that cannot be had without a question. */
function rootPrefix() {
  if (process.getuid?.() === 0) return []
  return has('sudo') && run(['sudo', '-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined
}

function run([command, ...args]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}` }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
