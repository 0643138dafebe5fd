import { Icon } from './icon'
import { dismiss, heard, notices } from './notices'

/** The notices in a corner, and what only a screen reader is told. */
export function Notices() {
  return (
    <>
      <p class="unseen" role="status">
        {heard.value}
      </p>
      <div class="notices" role="log" aria-label="Notices">
        {notices.value.map(({ id, text, isProblem, undo }) => (
          <div
            key={id}
            class={isProblem ? 'notice problem' : 'notice'}
            role={isProblem ? 'alert' : undefined}
          >
            <Icon name={isProblem ? 'triangle-alert' : 'circle-check'} />
            <span>{text}</span>
            {undo && (
              <button
                type="button"
                onClick={() => {
                  dismiss(id)
                  undo()
                }}
              >
                Undo
              </button>
            )}
            <button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(id)}>
              <Icon name="x" size={14} />
            </button>
          </div>
        ))}
      </div>
    </>
  )
}
