// Runs one file of bench/: what the docs claim can be seen again, a file for each claim.
import { join } from 'node:path'
import { runAndExit } from './run.mjs'
import { packageRoot, setUp } from './setup.mjs'

const [name = '', ...rest] = process.argv.slice(2)
const node = setUp({ dev: true })
runAndExit(node, [join(packageRoot, 'bench', `${name}.ts`), ...rest], { cwd: packageRoot })
