// Plain JavaScript for Node 20 or newer, without dependencies: this runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)))

const oldestNode = 20
/** TypeScript runs as it is from here on. */
const ownNode = 26
const windows = process.platform === 'win32'
const stamp = join(packageRoot, 'node_modules', '.hybrid-setup')

/**
 * Installs what is missing and returns the Node that runs the gateway. Does nothing, and says nothing, when all is
 * there. Ends the process with a plain sentence when it cannot be had.
 */
export function setUp({ dev }) {
  const major = Number(process.versions.node.split('.')[0])
  if (major < oldestNode)
    fail(
      `This is Node ${process.versions.node}; Node ${oldestNode} or newer is needed. Get it from https://nodejs.org.`,
    )

  // Who has the development packages keeps them, also when the gateway is only started.
  const wanted = dev || stamped().installed === 'dev'
  if (!isInstalled(wanted)) install(wanted)
  const found = findNode() ?? repairNode()
  if (found !== undefined) return found
  if (major >= ownNode) return process.execPath
  return fail(
    `Node ${ownNode} could not be installed beside Node ${process.versions.node}. Allow install scripts (npm rebuild node), or install Node ${ownNode} yourself.`,
  )
}

/** A full install also serves where only the production part is asked for. */
function isInstalled(dev) {
  const { sum, installed } = stamped()
  return sum === lockSum() && (installed === 'dev' || !dev)
}

function stamped() {
  const [sum, installed] = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim().split(' ') : []
  return { sum, installed }
}

function lockSum() {
  return createHash('sha256')
    .update(readFileSync(join(packageRoot, 'package-lock.json')))
    .digest('hex')
}

function install(dev) {
  const startedAt = Date.now()
  say(`Installing ${dev ? 'everything for development' : 'the gateway'} (once; about a minute) ...`)
  rmSync(stamp, { force: true })
  const options = [...(dev ? [] : ['--omit=dev']), '--no-audit', '--no-fund', '--loglevel=error']
  let result = npm(['ci', ...options])
  // A lock file made where a registry lacks the packages of other platforms is incomplete in the eyes of `npm ci`, while
  // `npm install` takes from it what is there, and the rest at the exact versions that the packages themselves name.
  if (/code EUSAGE/.test(result.complaint)) result = npm(['install', '--no-save', ...options])
  if (result.error)
    fail(`npm could not be started: ${result.error.message}. It comes with Node, or as the package npm.`)
  if (result.status !== 0) fail(explained(result.complaint))
  writeFileSync(stamp, `${lockSum()} ${dev ? 'dev' : 'production'}\n`)
  say(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
}

function npm(args) {
  const result = spawnSync(windows ? 'npm.cmd' : 'npm', args, {
    cwd: packageRoot,
    // What npm prints is not for the standard output of the command that was asked for.
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: windows,
    // NODE_ENV=production would leave out the development packages.
    env: { ...process.env, NODE_ENV: '', NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
  })
  return { error: result.error, status: result.status, complaint: result.stderr ?? '' }
}

function explained(complaint) {
  const said = complaint.split('\n').filter((line) => !/^(npm (warn|error( A complete log.*)?)?)?$/.test(line.trim()))
  const reason = /ENOSPC|EDQUOT/.test(complaint)
    ? 'the disk is full: free about 1 GB, and start again'
    : /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|network/i.test(complaint)
      ? 'the package registry was not reached: check the network (or the proxy), and start again'
      : /EACCES|EPERM|EROFS/.test(complaint)
        ? `${packageRoot} cannot be written to: change its owner, and start again`
        : 'npm gives the reason below'
  return `The installation failed: ${reason}.\n${said.slice(0, 8).join('\n')}`
}

/** The Node that the `node` package brings. Unusable where install scripts were not allowed to run. */
function findNode() {
  const file = join(packageRoot, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')
  if (!existsSync(file)) return undefined
  // Starting it costs 40 ms at every start; its presence under the right stamp is enough once it has been seen to run.
  const seen = `${stamp}-node`
  const sum = lockSum()
  if (existsSync(seen) && readFileSync(seen, 'utf8').trim() === sum) return file
  const result = spawnSync(file, ['--version'], { encoding: 'utf8' })
  if (result.status !== 0 || Number(/^v(\d+)/.exec(result.stdout)?.[1]) < ownNode) return undefined
  try {
    writeFileSync(seen, `${sum}\n`)
  } catch {
    // A read-only installation is asked again at every start.
  }
  return file
}

/** npm did not run the install script of the `node` package, so it is run here. */
function repairNode() {
  const folder = join(packageRoot, 'node_modules', 'node')
  if (!existsSync(folder)) return undefined
  say(`Completing Node ${ownNode} ...`)
  npm(['rebuild', 'node', '--ignore-scripts=false', '--loglevel=error'])
  const rebuilt = findNode()
  if (rebuilt !== undefined) return rebuilt
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, npm_config_ignore_scripts: 'false' },
  })
  return findNode()
}

function say(message) {
  process.stderr.write(`${message}\n`)
}

function fail(message) {
  say(message)
  process.exit(1)
}
