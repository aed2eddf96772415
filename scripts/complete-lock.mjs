// npm leaves optional packages of other platforms out of package-lock.json when it was run where it could not read
// them, and `npm ci` then refuses the lock everywhere. This adds the missing entries, by name and version only; npm
// checks them against the registry on the platforms that need them. Run it after changing a dependency.
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const systems = {
  linux: 'linux',
  mac: 'darwin',
  darwin: 'darwin',
  win: 'win32',
  win32: 'win32',
  android: 'android',
  freebsd: 'freebsd',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  aix: 'aix',
  wasm32: 'wasm32',
}
const processors = [
  'x64',
  'arm64',
  'arm',
  'armv7l',
  'ia32',
  'riscv64',
  'ppc64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
]

let added = 0
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const known = [`${place}/node_modules/${name}`, `node_modules/${name}`].some(
      (candidate) => candidate in lock.packages,
    )
    if (place === '' || known || !/^\d+\.\d+\.\d+/.test(version)) continue
    const words = name.split(/[/-]/)
    const os = words.map((word) => systems[word]).find(Boolean)
    const cpu = words.find((word) => processors.includes(word))
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu ? { cpu: [cpu === 'armv7l' ? 'arm' : cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(os ? { os: [os] } : {}),
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} entries added`)
