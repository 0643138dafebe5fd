package feed

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/db"
)

// How this process learns of a commit.
const (
	viaOwn    = "own" // it committed the events itself
	viaNotify = "notify"
	viaNATS   = "nats"
	viaPoll   = "poll"
)

// viaOf returns how a waker is called in measures.
func viaOf(w Waker) string {
	if _, isNATS := w.(*NATS); isNATS {
		return viaNATS
	}
	return viaNotify
}

// A wakeUp is why a log is read.
type wakeUp struct {
	via string
	at  time.Time // of the commit, if it is this process's own
}

// measures are the figures of a feed.
type measures struct {
	wake       *prometheus.HistogramVec
	lagEvents  prometheus.Gauge
	lagSeconds prometheus.GaugeFunc
}

func newMeasures(f *Feed) *measures {
	m := &measures{
		wake: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "switchboard_wake_seconds",
			Help:    "Time from a commit until this process had read its events, by how the process learned of it.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12), // 500 µs to 12 s
		}, []string{"via"}),
		lagEvents: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchboard_feed_lag_events",
			Help: "Events of the watched logs that the last poll, about once a second, found unread.",
		}),
		lagSeconds: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchboard_feed_lag_seconds",
			Help: "Time since the log was last read; below two seconds if all is well, as it is polled.",
		}, func() float64 { return f.Silence().Seconds() }),
	}
	for _, via := range []string{viaOwn, viaNotify, viaNATS, viaPoll} {
		m.wake.WithLabelValues(via)
	}
	return m
}

// read records that events were read, and when they were committed: for another process's events
// that is the time of the event, which is taken shortly before the commit.
func (m *measures) read(events []*db.Event, by wakeUp) {
	for _, e := range events {
		if e.Committed = by.at; by.at.IsZero() {
			e.Committed = e.CreatedAt
		}
	}
	if len(events) > 0 {
		m.wake.WithLabelValues(by.via).Observe(max(time.Since(events[0].Committed).Seconds(), 0))
	}
}

// Measures returns the figures of the feed.
func (f *Feed) Measures() []prometheus.Collector {
	return []prometheus.Collector{f.measures.wake, f.measures.lagEvents, f.measures.lagSeconds}
}
