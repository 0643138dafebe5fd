import type { InboxFilter, InboxOrder, InboxView } from '@switchboard/client'

export const views: readonly InboxView[] = ['MINE', 'UNASSIGNED', 'ALL', 'CLOSED', 'BLOCKED']

/** Where the person is: what the address says. */
export interface Place {
  readonly view: InboxView
  readonly id: string | null // of the open conversation
  readonly search: string
  readonly order: string
  readonly filter: InboxFilter
}

/** The orders of a list by the names that addresses have for them; the first is the default. */
export const orders: Readonly<Record<string, { title: string; order: InboxOrder }>> = {
  latest: { title: 'Latest activity', order: { field: 'LAST_ACTIVITY', direction: 'DESC' } },
  waiting: { title: 'Longest waiting', order: { field: 'WAITING_SINCE', direction: 'ASC' } },
  newest: { title: 'Newest', order: { field: 'OPENED_AT', direction: 'DESC' } },
  oldest: { title: 'Oldest', order: { field: 'OPENED_AT', direction: 'ASC' } },
}

/** Returns the place that an address stands for. */
export function placeOf(path: string, query: string): Place {
  const [, , view = '', id = ''] = path.split('/')
  const values = new URLSearchParams(query)
  const filter: InboxFilter = {}
  if (values.has('waiting')) filter.waiting = values.get('waiting') === 'yes'
  if (values.has('unread')) filter.unread = values.get('unread') === 'yes'
  if (values.has('channel')) filter.channels = values.getAll('channel')
  if (values.has('category')) filter.closingCategories = values.getAll('category')
  if (values.has('assignee'))
    filter.assignees = values
      .getAll('assignee')
      .map((assignee) => (assignee === 'nobody' ? null : assignee))
  const order = values.get('order') ?? ''
  return {
    view: views.find((one) => one.toLowerCase() === view) ?? 'UNASSIGNED',
    id: id || null,
    search: values.get('search') ?? '',
    order: order in orders ? order : 'latest',
    filter,
  }
}

/** Returns the address of a place. */
export function addressOf({ view, id, search, order, filter }: Place): string {
  const values = new URLSearchParams()
  if (search) values.set('search', search)
  if (order !== 'latest') values.set('order', order)
  if (filter.waiting != null) values.set('waiting', filter.waiting ? 'yes' : 'no')
  if (filter.unread != null) values.set('unread', filter.unread ? 'yes' : 'no')
  for (const channel of filter.channels ?? []) values.append('channel', channel)
  for (const category of filter.closingCategories ?? []) values.append('category', category)
  for (const assignee of filter.assignees ?? []) values.append('assignee', assignee ?? 'nobody')
  const query = values.size > 0 ? `?${values}` : ''
  return `/inbox/${view.toLowerCase()}${id ? `/${id}` : ''}${query}`
}
