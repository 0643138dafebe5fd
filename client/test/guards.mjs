// The guards of the library: each text must be in the built file, and the tests must go red without it.
export const guards = {
  'a frame that came twice changes nothing': { file: 'list.js', text: 'if (change.cursor <= list.cursor)', off: 'if (false)' },
  'of two rows the one with the higher revision is kept': {
    file: 'list.js', text: 'held && held.fields.revision > fields.revision', off: 'false',
  },
  'an answer that comes late takes nothing back': { file: 'list.js', text: 'fields.revision < row.fields.revision', off: 'false' },
  'what happened while a page was read is done again': {
    file: 'list.js', text: 'for (const change of list.sincePage ?? [])', off: 'for (const change of [])',
  },
  'the total is followed from the position at which it was counted': {
    file: 'list.js', text: 'return cursor < asOf ? cursor : asOf', off: 'return cursor',
  },
}
