package projection

import (
	"context"
	"reflect"
	"time"

	"switchboard/db"
)

// Dashboard is how a workspace is doing at one position of the log (I6).
type Dashboard struct {
	Counts           DashboardCounts
	Agents           []DashboardAgent // the active ones and others who closed something today, in the order of their creation
	OldestWaiting    *time.Time       // when the longest wait began; nil if no contact waits
	FirstResponse    Durations        // from the contact's first unanswered message to an agent's reply
	Resolution       Durations        // from opening or reopening to the close
	TimeToAssignment Durations        // from unassigned and open to assigned
	AsOf             db.EventCursor

	DayEnds time.Time // when today is over
}

// DashboardCounts count open conversations; those of blocked contacts are in none.
type DashboardCounts struct{ Open, Unassigned, Waiting int }

// DashboardAgent is how one agent is doing.
type DashboardAgent struct {
	AgentID           db.AgentID
	OpenConversations int
	ClosedToday       int        // closings by the agent
	LongestWaiting    *time.Time // when the longest wait for the agent began; nil if no contact waits
}

// Durations are those that ended today, and in the seven days of which today is the last,
// by the workspace's calendar.
type Durations struct{ Today, Last7Days Quantiles }

// Quantiles are the median and the ninth decile of durations, in seconds, within 2 %. They are nil
// if there are no durations.
type Quantiles struct {
	P50, P90 *float64
	Count    int
}

// Equal reports whether two dashboards show the same, at whatever position of the log.
func (d Dashboard) Equal(o Dashboard) bool {
	d.AsOf, d.DayEnds = o.AsOf, o.DayEnds
	return reflect.DeepEqual(d, o)
}

// Dashboards is the projection of the log into the dashboard of each workspace.
type Dashboards struct{ of folds[*dashboard] }

const dashboardKind = "dashboards"

// NewDashboards returns a projection that has read nothing yet; now is the clock that decides which
// day is today.
func NewDashboards(now func() time.Time) *Dashboards {
	return &Dashboards{newFolds(dashboardKind, func() *dashboard { return &dashboard{now: now} })}
}

// Read returns the dashboard of a workspace at the end of the log.
func (p *Dashboards) Read(ctx context.Context, w db.ForWorkspace) (d *Dashboard, err error) {
	err = p.of.read(ctx, w, func(s *dashboard) { d = s.show() })
	return d, err
}
