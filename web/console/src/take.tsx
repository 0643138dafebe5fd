import type { Fields } from '@switchboard/client'
import { Actions } from './actions'
import { useDesk } from './desk'
import { isolate } from './isolate'
import { Modal } from './modal'
import { dialog } from './screen'

/** The question before a conversation is taken from a colleague: the key may have been meant for what was shown before. */
export function TakeDialog({ row }: { row: Fields }) {
  const desk = useDesk()
  const take = (event: Event) => {
    event.preventDefault()
    dialog.value = null
    void new Actions(desk).take(row)
  }
  return (
    <Modal
      title={`Take ${isolate(row.contact.name)} from ${row.assignee ? isolate(row.assignee.name) : 'nobody'}?`}
    >
      <form onSubmit={take}>
        <footer>
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
          <button type="submit" class="primary" autofocus>
            Take it
          </button>
        </footer>
      </form>
    </Modal>
  )
}
