import { readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

/** Of a package from npm, as it is installed. */
export function npmVersion(name: string): string {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), 'utf8')).version
}

/** Of a Python package, as it is pinned. */
export function pythonVersion(name: string): string {
  const pinned = readFileSync(new URL('test/wire/python/requirements.txt', root), 'utf8')
  const version = new RegExp(`^${name}==(.*)$`, 'm').exec(pinned)?.[1]
  if (version === undefined) throw new Error(`requirements.txt does not name ${name}`)
  return version
}
