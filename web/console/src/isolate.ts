/**
 * Returns a name for use in a sentence: written from right to left, or with characters that turn the direction, it
 * leaves the rest of the sentence as it is (https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates).
 */
export const isolate = (name: string): string => `\u2068${name}\u2069`
