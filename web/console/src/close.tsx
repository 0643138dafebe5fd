import type { Fields } from '@switchboard/client'
import { useState } from 'preact/hooks'
import { Actions } from './actions'
import { closeMany } from './bulk'
import { useDesk } from './desk'
import { isolate } from './isolate'
import { Modal } from './modal'
import { dialog } from './screen'

/** The dialog in which a conversation, or several, are closed with a note. */
export function CloseDialog({ rows }: { rows: readonly Fields[] }) {
  const desk = useDesk()
  const [category, setCategory] = useState('')
  const [text, setText] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    dialog.value = null
    const note = { category: category || null, text: text.trim() || null }
    if (rows.length === 1) void new Actions(desk).close(rows[0]!, note)
    else void closeMany(desk, rows, note)
  }
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event)
  }
  return (
    <Modal
      title={
        rows.length === 1
          ? `Close the conversation with ${isolate(rows[0]!.contact.name)}`
          : `Close ${rows.length} conversations`
      }
    >
      <form onSubmit={submit} onKeyDown={press}>
        <label for="category">Category</label>
        <select
          id="category"
          autofocus
          value={category}
          onChange={(event) => setCategory(event.currentTarget.value)}
        >
          <option value="">No category</option>
          {desk.person.workspace.closingCategories.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <label for="closing-note">Closing note</label>
        <textarea
          id="closing-note"
          rows={3}
          maxLength={2000}
          placeholder="What came of it? Colleagues find it by these words."
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <footer>
          <span class="hint">Ctrl Enter</span>
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Close conversation{rows.length > 1 && 's'}
          </button>
        </footer>
      </form>
    </Modal>
  )
}
