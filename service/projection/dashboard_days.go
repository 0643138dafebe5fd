package projection

import (
	"context"

	"switchboard/db"
)

// What ended on the last days is stored now and then, as reading it from the log takes most of the
// time in which a dashboard starts.

// savedDays is the stored form of what ended on the last days.
type savedDays struct {
	Version  int    // of this form and of sketches
	TimeZone string // in which the days begin
	Days     map[day]savedDay
}

// savedDay is the stored form of daily.
type savedDay struct {
	FirstResponse, Resolution, Assignment map[int]int `json:",omitempty"` // durations by bucket
	Closed                                map[db.AgentID]int
}

const savedVersion = 2

// form returns the stored form.
func (s *dashboard) form() any {
	saved := savedDays{savedVersion, s.zone.String(), map[day]savedDay{}}
	for d, on := range s.days {
		saved.Days[d] = savedDay{on.firstResponse.buckets(), on.resolution.buckets(), on.assignment.buckets(), on.closed}
	}
	return saved
}

// restore takes over what was stored up to an event between two of the log, and returns its number;
// the first one's if nothing of use was stored.
func (s *dashboard) restore(ctx context.Context, w db.ForWorkspace, first, last db.Seq) (db.Seq, error) {
	var saved savedDays
	at, err := load(ctx, w, dashboardKind, &saved)
	if err != nil || at.Seq <= first || at.Seq > last || saved.Version != savedVersion || saved.TimeZone != s.zone.String() {
		return first, err
	}
	for d, on := range saved.Days {
		s.days[d] = &daily{sketchOf(on.FirstResponse), sketchOf(on.Resolution), sketchOf(on.Assignment), on.Closed}
	}
	return at.Seq, nil
}

// buckets returns the numbers of durations by bucket, without empty ones.
func (s *sketch) buckets() map[int]int {
	counts := map[int]int{}
	for bucket, n := range s.counts {
		if n > 0 {
			counts[bucket] = n
		}
	}
	return counts
}

// sketchOf returns the sketch with these buckets.
func sketchOf(buckets map[int]int) (s sketch) {
	for bucket, n := range buckets {
		s.grow(bucket + 1)
		s.counts[bucket] += n
		s.n += n
	}
	return s
}

// Save stores what ended on the last days in the workspaces whose dashboards have changed since the
// last call.
func (p *Dashboards) Save(ctx context.Context, d *db.DB) error {
	return p.of.save(ctx, d, (*dashboard).form)
}
