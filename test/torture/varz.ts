/** What the server says of itself at its monitoring port. */
export interface Vitals {
  memMiB: number
  connections: number
  cpuPercent: number
}

export async function varz(port: number): Promise<Vitals> {
  const response = await fetch(`http://127.0.0.1:${port}/varz`)
  const { mem, connections, cpu } = (await response.json()) as {
    mem: number
    connections: number
    cpu: number
  }
  return { memMiB: Math.round(mem / 1024 / 1024), connections, cpuPercent: cpu }
}
