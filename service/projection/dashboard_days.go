package projection

import (
	"context"
	"encoding/json"
	"errors"

	"switchboard/db"
)

// What ended on the last days is stored now and then, as reading it from the log takes most of the
// time in which a dashboard starts.

// savedDays is the stored form of what ended on the last days.
type savedDays struct {
	Version int // of this form and of sketches
	Days    map[day]savedDay
}

// savedDay is the stored form of daily.
type savedDay struct {
	FirstResponse, Resolution, Assignment map[int]int `json:",omitempty"` // durations by bucket
	Closed                                map[db.AgentID]int
}

const savedVersion = 1

// save returns the stored form.
func (s *dashboard) save(head db.Head) (db.DashboardDays, error) {
	saved := savedDays{savedVersion, map[day]savedDay{}}
	for d, on := range s.days {
		saved.Days[d] = savedDay{on.firstResponse.buckets(), on.resolution.buckets(), on.assignment.buckets(), on.closed}
	}
	text, err := json.Marshal(saved)
	return db.DashboardDays{Head: head, TimeZone: s.zone.String(), Days: text}, err
}

// restore takes over what was stored up to an event between two of the log, and returns its number;
// the first one's if nothing of use was stored.
func (s *dashboard) restore(ctx context.Context, w db.ForWorkspace, first, last db.Seq) (db.Seq, error) {
	stored, err := w.DashboardDays(ctx)
	if err != nil || stored == nil || stored.Head.Seq <= first || stored.Head.Seq > last || stored.TimeZone != s.zone.String() {
		return first, err
	}
	var saved savedDays
	if json.Unmarshal(stored.Days, &saved) != nil || saved.Version != savedVersion {
		return first, nil
	}
	for d, on := range saved.Days {
		s.days[d] = &daily{sketchOf(on.FirstResponse), sketchOf(on.Resolution), sketchOf(on.Assignment), on.Closed}
	}
	return stored.Head.Seq, nil
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
	var all []db.DashboardDays
	var failed error
	p.of.each(ctx, func(head db.Head, s *dashboard) {
		if s.saved == head.Seq {
			return
		}
		days, err := s.save(head)
		s.saved, all, failed = head.Seq, append(all, days), errors.Join(failed, err)
	})
	for _, days := range all {
		failed = errors.Join(failed, d.SaveDashboardDays(ctx, days))
	}
	return failed
}
