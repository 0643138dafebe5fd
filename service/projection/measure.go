package projection

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measures are the figures of one kind of projection.
type measures struct {
	builds  prometheus.Counter
	seconds prometheus.Histogram
}

func newMeasures(kind string) *measures {
	labels := prometheus.Labels{"projection": kind}
	return &measures{prometheus.NewCounter(prometheus.CounterOpts{
		Name: "switchboard_projection_builds_total", Help: "Projections that were computed from the rows.", ConstLabels: labels,
	}), prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "switchboard_projection_build_seconds", Help: "Time to compute a projection from the rows.", ConstLabels: labels,
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // 1 ms to 16 s
	})}
}

func (m *measures) built(began time.Time) {
	m.builds.Inc()
	m.seconds.Observe(time.Since(began).Seconds())
}

// collectors returns the figures with the number of workspaces in memory.
func (ps *projections[T]) collectors() []prometheus.Collector {
	labels := prometheus.Labels{"projection": ps.kind}
	entries := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_projection_entries", Help: "Workspaces whose projection is in memory.", ConstLabels: labels,
	}, func() float64 {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return float64(len(ps.of))
	})
	return []prometheus.Collector{ps.measures.builds, ps.measures.seconds, entries}
}

// Measures returns the figures of the counts.
func (p *Inbox) Measures() []prometheus.Collector { return p.of.collectors() }

// Measures returns the figures of the dashboards.
func (p *Dashboards) Measures() []prometheus.Collector { return p.of.collectors() }

// Measures returns the figures of the open conversations, with the memory of the rows to which
// conversations refer.
func (p *Open) Measures() []prometheus.Collector {
	return append(p.of.collectors(), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_row_memory_bytes", Help: "Memory of the rows to which conversations refer.",
	}, func() float64 {
		p.rows.mu.Lock()
		defer p.rows.mu.Unlock()
		return float64(p.rows.bytes)
	}))
}
