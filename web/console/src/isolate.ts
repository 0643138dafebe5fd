const most = 60

/**
 * Returns a name for use in a sentence: written from right to left, or with characters that turn the direction, it
 * leaves the rest of the sentence as it is (https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates).
 * Of a long name it returns the beginning.
 */
export function isolate(name: string): string {
  const plain = name.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
  const short = plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
  return `\u2068${short}\u2069`
}
