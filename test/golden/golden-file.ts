/** A request as it stands in a file. */
export interface FileRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A reply as it stands in a file. */
export interface FileReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The sections of one file, in their order. The first and the third are given, the others are what the gateway does. */
export const sectionNames = ['client request', 'upstream request', 'upstream reply', 'client reply'] as const

export type SectionName = (typeof sectionNames)[number]

export interface GoldenFile {
  /** Where the upstream reply comes from. */
  readonly source: string
  readonly sections: Readonly<Partial<Record<SectionName, string>>>
}

const mark = '---------- '

/** Throws where the first line, or a line that begins a section, is none. */
export function parseGoldenFile(text: string): GoldenFile {
  const [head = '', ...rest] = text.split(`\n${mark}`)
  const source = /^# from (.+)$/.exec(head)?.[1]
  if (source === undefined) throw new Error(`the first line must be "# from PAGE"; it is "${head.slice(0, 100)}"`)
  const sections = rest.map((section, index) => {
    const end = section.indexOf('\n')
    const name = sectionNames.find((known) => known === section.slice(0, end))
    if (name === undefined) throw new Error(`"${section.slice(0, end)}" is no section`)
    const content = section.slice(end + 1)
    // The last line break belongs to the file.
    return [name, index === rest.length - 1 ? content.replace(/\n$/, '') : content] as const
  })
  return { source, sections: Object.fromEntries(sections) }
}

export function printGoldenFile({ source, sections }: GoldenFile): string {
  const printed = sectionNames.map((name) => `${mark}${name}\n${sections[name] ?? ''}\n`)
  return `# from ${source}\n${printed.join('')}`
}

export function parseRequest(section: string): FileRequest {
  const { first, headers, body } = parseMessage(section)
  const [method = '', path = ''] = first.split(' ')
  return { method, path, headers, body }
}

export function parseReply(section: string): FileReply {
  const { first, headers, body } = parseMessage(section)
  return { status: Number(first), headers, body }
}

export function printRequest({ method, path, headers, body }: FileRequest): string {
  return printMessage(`${method} ${path}`, headers, body)
}

export function printReply({ status, headers, body }: FileReply): string {
  return printMessage(String(status), headers, body)
}

function printMessage(first: string, headers: Readonly<Record<string, string>>, body: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  return `${first}\n${lines.join('')}\n${body}`
}

function parseMessage(section: string) {
  const end = section.indexOf('\n\n')
  const [first = '', ...lines] = section.slice(0, end).split('\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)] as const
  })
  return { first, headers: Object.fromEntries(headers), body: section.slice(end + 2) }
}
