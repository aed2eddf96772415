// What the docs say about the router: one file of bench/router for each claim.
import { join } from 'node:path'
import { runAndExit } from './run.mjs'
import { packageRoot, setUp } from './setup.mjs'

const [name = 'judge', ...rest] = process.argv.slice(2)
const node = setUp({ dev: true })
runAndExit(node, [join(packageRoot, 'bench', 'router', `${name}.ts`), ...rest], { cwd: packageRoot })
