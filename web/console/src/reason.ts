import type { UserErrorCode } from '@switchboard/client'

const sentences: Partial<Record<UserErrorCode, string>> = {
  CONTACT_BLOCKED: 'The contact is blocked.',
  NOT_OPEN: 'The conversation is closed.',
  NOT_LATEST: 'There is a newer conversation with this contact.',
  ALREADY_OPEN: 'A conversation with this contact is open already.',
  ALREADY_CLOSED: 'The conversation is closed already.',
}

/** Returns why something cannot be done, for people. */
export function reason(code: UserErrorCode | null): string | undefined {
  return code === null ? undefined : (sentences[code] ?? `Refused with ${code}.`)
}
