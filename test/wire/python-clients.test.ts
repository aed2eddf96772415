import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { pythonClients } from '../../scripts/python-clients.mjs'

const run = promisify(execFile)

describe('the Python clients', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'python-clients-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('are there in their pinned versions', async () => {
    const { python, env } = await pythonClients()
    const program =
      'import anthropic, openai; print(f"{anthropic.__name__}=={anthropic.__version__}\\n{openai.__name__}=={openai.__version__}")'
    const { stdout } = await run(python, ['-c', program], { env })
    const pinned = await readFile(new URL('./python/requirements.txt', import.meta.url), 'utf8')
    for (const line of stdout.trim().split(/\r?\n/)) assert.ok(pinned.split('\n').includes(line), line)
  })

  test('see nothing that leads them elsewhere', async () => {
    const { env } = await pythonClients()
    const names = Object.keys(env).filter((name) => /^(openai|anthropic)_|_proxy$/i.test(name))
    assert.deepEqual(names, [])
  })

  for (const { name, script, says } of [
    { name: 'no Python', script: undefined, says: /could not be started: install Python 3\.11 or newer with pip/ },
    { name: 'an old Python', script: 'printf "9\\n$0\\nlinux\\n"', says: /is Python 3\.9: install Python 3\.11/ },
    {
      name: 'neither pip nor venv',
      script: 'if [ "$1" = -c ]; then printf "13\\n$0\\nlinux\\n"; else echo "No module named $2" >&2; exit 1; fi',
      says: /has neither pip nor what 'venv' needs to bring it: install .*\nNo module named venv/,
    },
    {
      name: 'a pip that reaches nobody',
      script: 'case "$*" in -c*) printf "13\\n$0\\nlinux\\n";; *install*) echo "No route to host" >&2; exit 1;; esac',
      says: /^pip could not install .*: check the network .*\nNo route to host$/,
    },
  ]) {
    test(`${name}: the error names the way out, and nothing is left`, {
      skip: process.platform === 'win32',
    }, async () => {
      const program = join(folder, name.replaceAll(' ', '-'))
      const cache = join(folder, 'cache')
      if (script !== undefined) await writeFile(program, `#!/bin/sh\n${script}\n`)
      if (script !== undefined) await chmod(program, 0o755)
      await assert.rejects(pythonClients({ program, cache }), { message: says })
      assert.deepEqual(await readdir(cache).catch(() => []), [])
    })
  }
})
