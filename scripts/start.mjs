import { join } from 'node:path'
import { runAndExit } from './run.mjs'
import { packageRoot, setUp } from './setup.mjs'

const node = setUp({ dev: false })
runAndExit(node, [join(packageRoot, 'src', 'main.ts'), 'serve', ...process.argv.slice(2)])
