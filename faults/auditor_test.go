//go:build linux

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchboard/db"
)

// auditor reads counts, lists and the dashboard from all servers, again and again.
type auditor struct {
	*run
	audits []audit
}

// An audit is what one server answered to one query of the first agent.
type audit struct {
	at          time.Duration // since the start of the run
	countsAt    string        // cursors
	dashboardAt string
	counts      state
	dashboard   state
	lists       map[db.View]list
}

// A list is the first page of a view.
type list struct {
	at    string
	total int
	ids   []string
}

// listed is the length of a page, which is most that the API gives.
const listed = 100

func auditDocument() string {
	var lists strings.Builder
	for _, v := range db.Views {
		fmt.Fprintf(&lists, "%s: inbox(view: %s, first: %d) { asOf totalCount nodes { id } } ", strings.ToLower(string(v)), v, listed)
	}
	return `{ inboxCounts { asOf mine unassigned all closed blocked }
		dashboard { asOf counts { open unassigned waiting } agents { agent { id } openConversations } } ` + lists.String() + `}`
}

// work reads until ctx ends.
func (a *auditor) work(ctx context.Context) error {
	for n := 0; ; n++ {
		if err := a.read(ctx, a.doors[n%len(a.doors)]); err != nil && ctx.Err() == nil {
			if unavailable := (errUnavailable{}); !errors.As(err, &unavailable) {
				return fmt.Errorf("audit: %w", err)
			}
		}
		if sleep(ctx, 300*time.Millisecond) != nil {
			return nil
		}
	}
}

// read makes one audit.
func (a *auditor) read(ctx context.Context, at endpoint) error {
	type page struct {
		AsOf       string
		TotalCount int
		Nodes      []struct{ ID string }
	}
	var data struct {
		InboxCounts, Dashboard struct {
			AsOf string
			state
		}
		Mine, Unassigned, All, Closed, Blocked page
	}
	began := a.now()
	if err := at.ask(ctx, impatient, a.cast.agents[0].token, &data, auditDocument(), nil); err != nil {
		return err
	}
	found := audit{at: began, countsAt: data.InboxCounts.AsOf, counts: data.InboxCounts.state, dashboardAt: data.Dashboard.AsOf, dashboard: data.Dashboard.state, lists: map[db.View]list{}}
	for view, p := range map[db.View]page{db.ViewMine: data.Mine, db.ViewUnassigned: data.Unassigned, db.ViewAll: data.All, db.ViewClosed: data.Closed, db.ViewBlocked: data.Blocked} {
		l := list{at: p.AsOf, total: p.TotalCount}
		for _, n := range p.Nodes {
			l.ids = append(l.ids, n.ID)
		}
		found.lists[view] = l
	}
	a.audits = append(a.audits, found)
	return nil
}
