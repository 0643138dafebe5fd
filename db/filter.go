package db

import (
	"slices"
	"strings"
	"time"
)

// InboxFilter restricts a view. Nil fields restrict nothing, so all conversations pass the zero
// value.
type InboxFilter struct {
	Assignees         []*AgentID // one of these assignees; a nil element: unassigned
	Channels          []string   // of the conversation or the contact's last message
	ClosingCategories []string   // one of these categories
	Waiting           *bool
	Unread            *bool      // for the viewer of a list; ignored by Holds
	OpenedAfter       *time.Time // opened at this time or later
	OpenedBefore      *time.Time // opened before this time
	ClosedAfter       *time.Time // closed at this time or later
	ClosedBefore      *time.Time // closed before this time
}

// filterCondition defines one field of an InboxFilter, once in SQL for lists and once in Go for
// events. A property test compares the two (I2).
type filterCondition struct {
	isSet func(f *InboxFilter) bool
	sql   func(f *InboxFilter, s *statement, viewer *AgentID)
	holds func(f *InboxFilter, c *Facets) bool
}

// filterConditions are in the order in which they appear in a statement. The statement's text
// depends only on which of them are set, so that it stays prepared.
var filterConditions = []filterCondition{
	{
		isSet: func(f *InboxFilter) bool { return f.Assignees != nil },
		sql: func(f *InboxFilter, s *statement, _ *AgentID) {
			some, none := splitAssignees(f.Assignees)
			if none {
				s.where("(assignee_id IS NULL OR assignee_id = ANY (", some, "))")
			} else {
				s.where("assignee_id = ANY (", some, ")")
			}
		},
		holds: func(f *InboxFilter, c *Facets) bool { return holdsAssignee(f.Assignees, c.Assignee) },
	},
	{
		isSet: func(f *InboxFilter) bool { return f.Channels != nil },
		sql: func(f *InboxFilter, s *statement, _ *AgentID) {
			// Servers of the previous version store channels as they were sent. Only ASCII is
			// folded here, because that is the same in every locale.
			s.where(`ARRAY[lower(channel COLLATE "C"), lower(last_inbound_channel COLLATE "C")] && `, foldChannels(f.Channels), "::text[]")
		},
		holds: func(f *InboxFilter, c *Facets) bool {
			return OnChannel(f.Channels, c.Channel) || c.LastInboundChannel != nil && OnChannel(f.Channels, *c.LastInboundChannel)
		},
	},
	{
		isSet: func(f *InboxFilter) bool { return f.ClosingCategories != nil },
		sql: func(f *InboxFilter, s *statement, _ *AgentID) {
			s.where("closing_category = ANY (", f.ClosingCategories, ")")
		},
		holds: func(f *InboxFilter, c *Facets) bool {
			return c.Category != nil && slices.Contains(f.ClosingCategories, *c.Category)
		},
	},
	{
		isSet: func(f *InboxFilter) bool { return f.Waiting != nil },
		sql: func(f *InboxFilter, s *statement, _ *AgentID) {
			s.where(map[bool]string{true: "waiting_since IS NOT NULL", false: "waiting_since IS NULL"}[*f.Waiting])
		},
		holds: func(f *InboxFilter, c *Facets) bool { return *f.Waiting == (c.WaitingSince != nil) },
	},
	{
		isSet: func(f *InboxFilter) bool { return f.Unread != nil },
		sql:   func(f *InboxFilter, s *statement, viewer *AgentID) { whereUnread(s, viewer, *f.Unread) },
		holds: func(*InboxFilter, *Facets) bool { return true },
	},
	startsAt("opened_at", func(f *InboxFilter) *time.Time { return f.OpenedAfter }, func(c *Facets) *time.Time { return c.OpenedAt }),
	endsBefore("opened_at", func(f *InboxFilter) *time.Time { return f.OpenedBefore }, func(c *Facets) *time.Time { return c.OpenedAt }),
	startsAt("closed_at", func(f *InboxFilter) *time.Time { return f.ClosedAfter }, func(c *Facets) *time.Time { return c.ClosedAt }),
	endsBefore("closed_at", func(f *InboxFilter) *time.Time { return f.ClosedBefore }, func(c *Facets) *time.Time { return c.ClosedAt }),
}

// startsAt returns the condition that a column's time is the bound or later.
func startsAt(column string, bound func(*InboxFilter) *time.Time, value func(*Facets) *time.Time) filterCondition {
	return timeCondition(column+" >= ", bound, value, func(value, bound time.Time) bool { return !value.Before(bound) })
}

// endsBefore returns the condition that a column's time is earlier than the bound.
func endsBefore(column string, bound func(*InboxFilter) *time.Time, value func(*Facets) *time.Time) filterCondition {
	return timeCondition(column+" < ", bound, value, time.Time.Before)
}

func timeCondition(sql string, bound func(*InboxFilter) *time.Time, value func(*Facets) *time.Time, holds func(value, bound time.Time) bool) filterCondition {
	return filterCondition{
		isSet: func(f *InboxFilter) bool { return bound(f) != nil },
		sql:   func(f *InboxFilter, s *statement, _ *AgentID) { s.where(sql, roundUp(*bound(f))) },
		holds: func(f *InboxFilter, c *Facets) bool { return value(c) != nil && holds(*value(c), *bound(f)) },
	}
}

// roundUp rounds up to whole microseconds, the precision of the database, which would round down.
func roundUp(t time.Time) time.Time {
	return t.Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond)
}

// sql adds the conditions that are set to a statement whose $1 is the workspace.
func (f *InboxFilter) sql(s *statement, viewer *AgentID) {
	for _, condition := range filterConditions {
		if condition.isSet(f) {
			condition.sql(f, s, viewer)
		}
	}
}

// Holds reports whether a conversation with these facets passes the filter, apart from Unread.
func (f *InboxFilter) Holds(c *Facets) bool {
	if c == nil {
		return false
	}
	for i := range filterConditions {
		if condition := &filterConditions[i]; condition.isSet(f) && !condition.holds(f, c) {
			return false
		}
	}
	return true
}

// IsZero reports whether no field is set, so that all conversations pass.
func (f *InboxFilter) IsZero() bool {
	return !slices.ContainsFunc(filterConditions, func(c filterCondition) bool { return c.isSet(f) })
}

func holdsAssignee(assignees []*AgentID, assignee *AgentID) bool {
	return slices.ContainsFunc(assignees, func(a *AgentID) bool {
		return a == assignee || a != nil && assignee != nil && *a == *assignee
	})
}

// OnChannel reports whether a stored channel is one of these, ignoring case.
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

// lowerASCII equals lower(text COLLATE "C") in PostgreSQL.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text)
}
