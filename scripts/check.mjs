// Everything that is wrong without being run: format and lint, types, unused code, stale generated files.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot, setUp } from './setup.mjs'

const node = setUp({ dev: true })
const bin = (name) => join(packageRoot, 'node_modules', '.bin', name)
const checks = [
  ['format and lint', bin('biome'), ['ci', '--colors=off']],
  ['types', bin('tsc'), ['-p', '.']],
  ['unused code', bin('knip'), []],
  ['generated files', node, ['scripts/generate.ts', '--check']],
]

const failed = checks.filter(([name, program, args]) => {
  const { status } = spawnSync(program, args, { cwd: packageRoot, stdio: 'inherit' })
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`)
  return status !== 0
})
process.exit(failed.length === 0 ? 0 : 1)
