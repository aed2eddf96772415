// The vendors' Python packages, for the tests that speak to the gateway as a Python program does.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from './setup.mjs'

const run = promisify(execFile)
const windows = process.platform === 'win32'
const requirements = join(packageRoot, 'test', 'wire', 'python', 'requirements.txt')
/** The oldest that the pinned packages take. */
const oldestMinor = 11
const wayOut = `install Python 3.${oldestMinor} or newer with pip (Debian: apt-get install python3 python3-pip), and start again`

/**
 * Installs the Python clients once into a folder of the checkout, and returns how a program that imports them is
 * started: `execFile(python, [file], { env })`. The environment is the machine's, without what would lead a client
 * elsewhere: keys, addresses, proxies. Throws an `Error` that names the way out where they cannot be had.
 */
export async function pythonClients({ program = windows ? 'python' : 'python3', cache } = {}) {
  const python = await findPython(program)
  const parent = cache ?? join(packageRoot, '.cache')
  // Some of the packages are compiled: what one Python has installed serves only Pythons of its kind.
  const sum = createHash('sha256')
    .update(await readFile(requirements))
    .update(python.kind)
  const folder = join(parent, `python-clients-${sum.digest('hex').slice(0, 16)}`)
  if (!existsSync(folder)) await install(python.file, parent, folder)
  return {
    python: python.file,
    env: { ...environmentWithout(/^(python|openai_|anthropic_)|_proxy$/i), PYTHONPATH: folder, PYTHONNOUSERSITE: '1' },
  }
}

async function findPython(program) {
  const question = 'import sys, sysconfig as s; print(sys.version_info[1], sys.executable, s.get_platform(), sep="\\n")'
  const { stdout } = await run(program, ['-c', question], { env: ownEnvironment() }).catch((cause) => {
    throw new Error(`The Python clients need '${program}', which could not be started: ${wayOut}.`, { cause })
  })
  const [minor, file, platform] = stdout.trim().split(/\r?\n/)
  if (Number(minor) < oldestMinor)
    throw new Error(`The Python clients cannot use '${program}', which is Python 3.${minor}: ${wayOut}.`)
  return { file, kind: `3.${minor} ${platform}` }
}

/** A folder that is there is complete: it gets its name at the end. Of two that install at once, the first one wins. */
async function install(python, parent, folder) {
  await mkdir(parent, { recursive: true })
  const draft = await mkdtemp(`${folder}-draft-`)
  try {
    const pip = await findPip(python, join(draft, 'venv'))
    const site = join(draft, 'site')
    // With --target, nothing of a Python that the system manages is touched, and its pip agrees to it.
    const options = ['--quiet', '--target', site, '--only-binary', ':all:', '--requirement', requirements]
    await run(pip, ['-m', 'pip', 'install', ...options], { env: pipEnvironment() }).catch((cause) => {
      throw new Error(
        `pip could not install ${requirements}: check the network (or the proxy) and the disk, and start again.\n${lastLines(cause)}`,
        { cause },
      )
    })
    await rename(site, folder).catch((error) => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** The Python whose pip does the work: the given one, or one in a virtual environment that lives as long as the draft. */
async function findPip(python, venv) {
  const options = { env: pipEnvironment() }
  if (await run(python, ['-m', 'pip', '--version'], options).catch(() => undefined)) return python
  await run(python, ['-m', 'venv', venv], options).catch((cause) => {
    throw new Error(
      `The Python clients cannot be installed: ${python} has neither pip nor what 'venv' needs to bring it: ${wayOut}.\n${lastLines(cause)}`,
      { cause },
    )
  })
  return windows ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python')
}

/** Personal settings of pip that --target does not go with are off; those on where packages come from stay. */
function pipEnvironment() {
  return {
    ...ownEnvironment(),
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_NO_INPUT: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
  }
}

function ownEnvironment() {
  return environmentWithout(/^python/i)
}

function environmentWithout(pattern) {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !pattern.test(name)))
}

function lastLines({ stdout = '', stderr = '' }) {
  return `${stdout}${stderr}`.trim().split(/\r?\n/).slice(-8).join('\n')
}
