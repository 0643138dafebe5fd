/** What is typed for a conversation whose field is not there yet. */
export interface Ahead {
  readonly kind: 'reply' | 'note'
  readonly id: string // of the conversation
  text: string
}

let ahead: Ahead | null = null

/** Lets keys be text for the field of a conversation as soon as it is there. */
export function expect(kind: Ahead['kind'], id: string) {
  ahead = { kind, id, text: '' }
}

/** Returns what was typed for a conversation, and ends the waiting. */
export function typed(id: string): Ahead | null {
  const found = ahead?.id === id ? ahead : null
  ahead = null
  return found
}

/** Takes a key as text if a field is waited for. Escape gives up. */
export function typeAhead(event: KeyboardEvent): boolean {
  if (!ahead || !location.pathname.endsWith(`/${ahead.id}`)) return false
  if (event.key === 'Escape') ahead = null
  else if (event.key === 'Backspace') ahead.text = ahead.text.slice(0, -1)
  else if (event.key.length === 1) ahead.text += event.key
  event.preventDefault()
  return true
}
