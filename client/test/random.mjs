// A random generator whose seed is printed, so that a failure can be repeated.

/** Returns a generator of numbers from 0 to below 1 (mulberry32). */
export function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Returns the seed to begin with: that of the environment, or a new one. */
export function firstSeed() {
  return Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))
}
