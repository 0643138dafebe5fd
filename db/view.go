package db

import (
	"slices"
	"strings"
	"time"
)

// View is a named list of conversations.
type View string

// The views of rule I1.
const (
	ViewMine       View = "MINE"
	ViewUnassigned View = "UNASSIGNED"
	ViewAll        View = "ALL"
	ViewClosed     View = "CLOSED"
	ViewBlocked    View = "BLOCKED"
)

// Views are all views.
var Views = []View{ViewMine, ViewUnassigned, ViewAll, ViewClosed, ViewBlocked}

// InboxFilter narrows a view; the zero value lets everything through.
type InboxFilter struct {
	Assignees         []*AgentID // one of these, nil among them for nobody; nil list: any
	Channels          []string   // on one of these, or the contact's last message came by one; nil: any
	ClosingCategories []string   // one of these; nil: any
	Waiting           *bool
	Unread            *bool      // by the viewer of a list; events do not say it
	OpenedAfter       *time.Time // at this time or later
	OpenedBefore      *time.Time // earlier than this
	ClosedAfter       *time.Time
	ClosedBefore      *time.Time
}

// The predicate of a view stands here twice, as SQL for lists and as Go for the live
// view and the counts, which look at events alone. A property test holds them together (I2).

// sql gives the view's condition; $1 is the workspace, and MINE asks for the viewer.
func (v View) sql(s *statement, viewer *AgentID) {
	switch v {
	case ViewMine:
		s.where("status = 'OPEN' AND NOT blocked AND assignee_id = ", viewer)
	case ViewUnassigned:
		s.where("status = 'OPEN' AND NOT blocked AND assignee_id IS NULL")
	case ViewAll:
		s.where("status = 'OPEN' AND NOT blocked")
	case ViewClosed:
		s.where("status = 'CLOSED' AND NOT blocked")
	case ViewBlocked:
		s.where("blocked")
	}
}

// Holds says whether a conversation with these facets is in the view; nil facets and
// those without a status are no conversation.
func (v View) Holds(f *Facets, viewer *AgentID) bool {
	if f == nil || f.Status == "" {
		return false
	}
	open := f.Status == StatusOpen && !f.Blocked
	switch v {
	case ViewMine:
		return open && f.Assignee != nil && viewer != nil && *f.Assignee == *viewer
	case ViewUnassigned:
		return open && f.Assignee == nil
	case ViewAll:
		return open
	case ViewClosed:
		return f.Status == StatusClosed && !f.Blocked
	default:
		return f.Blocked
	}
}

func (f InboxFilter) sql(s *statement, viewer *AgentID) {
	if f.Assignees != nil {
		some, none := splitAssignees(f.Assignees)
		if none {
			s.where("(assignee_id IS NULL OR assignee_id = ANY (", some, "))")
		} else {
			s.where("assignee_id = ANY (", some, ")")
		}
	}
	if f.Channels != nil {
		// Servers of the version before store channels as they were sent. Only ASCII is folded
		// here, as that depends on no locale.
		s.where(`ARRAY[lower(channel COLLATE "C"), lower(last_inbound_channel COLLATE "C")] && `, foldChannels(f.Channels), "::text[]")
	}
	if f.ClosingCategories != nil {
		s.where("closing_category = ANY (", f.ClosingCategories, ")")
	}
	if f.Waiting != nil {
		s.where(map[bool]string{true: "waiting_since IS NOT NULL", false: "waiting_since IS NULL"}[*f.Waiting])
	}
	if f.Unread != nil {
		whereUnread(s, viewer, *f.Unread)
	}
	for _, bound := range []struct {
		condition string
		time      *time.Time
	}{
		{"opened_at >= ", f.OpenedAfter}, {"opened_at < ", f.OpenedBefore},
		{"closed_at >= ", f.ClosedAfter}, {"closed_at < ", f.ClosedBefore},
	} {
		if bound.time != nil {
			s.where(bound.condition, roundUp(*bound.time))
		}
	}
}

// roundUp gives the first time from this one on that the database knows, which keeps
// microseconds; left alone it would take the one before.
func roundUp(t time.Time) time.Time {
	return t.Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond)
}

// Holds says whether a conversation with these facets passes the filter, Unread left out.
func (f InboxFilter) Holds(c *Facets) bool {
	return c != nil &&
		(f.Assignees == nil || holdsAssignee(f.Assignees, c.Assignee)) &&
		(f.Channels == nil || holdsChannel(f.Channels, c)) &&
		(f.ClosingCategories == nil || holds(f.ClosingCategories, c.Category)) &&
		(f.Waiting == nil || *f.Waiting == (c.WaitingSince != nil)) &&
		within(c.OpenedAt, f.OpenedAfter, f.OpenedBefore) &&
		within(c.ClosedAt, f.ClosedAfter, f.ClosedBefore)
}

// IsZero says that the filter lets everything through.
func (f InboxFilter) IsZero() bool {
	return f.Assignees == nil && f.Channels == nil && f.ClosingCategories == nil && f.Waiting == nil && f.Unread == nil &&
		f.OpenedAfter == nil && f.OpenedBefore == nil && f.ClosedAfter == nil && f.ClosedBefore == nil
}

func holdsAssignee(assignees []*AgentID, assignee *AgentID) bool {
	for _, a := range assignees {
		if a == assignee || (a != nil && assignee != nil && *a == *assignee) {
			return true
		}
	}
	return false
}

func holds(list []string, value *string) bool {
	for _, item := range list {
		if value != nil && item == *value {
			return true
		}
	}
	return false
}

// holdsChannel reports whether a conversation, or the contact's last message in it, is on
// one of the channels.
func holdsChannel(channels []string, c *Facets) bool {
	return OnChannel(channels, c.Channel) || c.LastInboundChannel != nil && OnChannel(channels, *c.LastInboundChannel)
}

// OnChannel reports whether a stored channel is one of these, whatever their case.
func OnChannel(channels []string, stored string) bool {
	return slices.Contains(foldChannels(channels), lowerASCII(stored))
}

func foldChannels(channels []string) []string {
	folded := make([]string, len(channels))
	for i, channel := range channels {
		folded[i] = FoldChannel(channel)
	}
	return folded
}

// lowerASCII is lower of PostgreSQL in the collation "C".
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text)
}

func within(t, from, until *time.Time) bool {
	return (from == nil || (t != nil && !t.Before(*from))) && (until == nil || (t != nil && t.Before(*until)))
}
