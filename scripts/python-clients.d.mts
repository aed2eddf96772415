export type PythonClientsOptions = {
  /** The Python to use, by name or path. */
  readonly program?: string
  /** The folder that keeps the installed packages; `.cache` in the checkout unless given. */
  readonly cache?: string
}

export type PythonClients = {
  /** The path of the Python to start. */
  readonly python: string
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>
}

export function pythonClients(options?: PythonClientsOptions): Promise<PythonClients>
