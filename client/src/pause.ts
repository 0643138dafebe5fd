/** Waits before another attempt: under a second at first, so that a restart is hardly noticed, then longer. */
export function pause(retries: number): Promise<void> {
  const most = retries < 20 ? 1_000 : Math.min(retries * 250, 15_000)
  return new Promise((resolve) => setTimeout(resolve, most * (0.25 + 0.75 * Math.random())))
}
