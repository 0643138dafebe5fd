import { Icon } from './icon'
import { dismiss, heard, notices, takeBack } from './notices'

/** The notices in a corner, and what only a screen reader is told. */
export function Notices() {
  return (
    <>
      <p class="unseen" role="status">
        {heard.value}
      </p>
      <div class="notices" role="log" aria-label="Notices">
        {notices.value.map(({ id, text, isProblem, back }) => (
          <div
            key={id}
            class={isProblem ? 'notice problem' : 'notice'}
            role={isProblem ? 'alert' : undefined}
          >
            <Icon name={isProblem ? 'triangle-alert' : 'circle-check'} />
            <span>{text}</span>
            {back && (
              <button type="button" onClick={() => takeBack(back)}>
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
