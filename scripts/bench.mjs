// The numbers that the docs quote.
import { join } from 'node:path'
import { runAndExit } from './run.mjs'
import { packageRoot, setUp } from './setup.mjs'

const node = setUp({ dev: true })
runAndExit(node, [join(packageRoot, 'bench', 'gateway.ts'), ...process.argv.slice(2)], { cwd: packageRoot })
