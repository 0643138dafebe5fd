package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measures are the figures of mutations.
type measures struct {
	mutations *prometheus.HistogramVec
	refusals  *prometheus.CounterVec
	company   prometheus.Histogram
}

func newMeasures() *measures {
	return &measures{
		mutations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "switchboard_mutation_seconds",
			Help:    "Duration of mutations that were carried out or refused by a rule, by verb; steps of workflows included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11), // 1 ms to 9.5 s
		}, []string{"verb"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_refusals_total", Help: "Mutations that were refused or failed, by verb and code.",
		}, []string{"verb", "code"}),
		company: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchboard_write_company", Help: "Mutations that one transaction carried out together.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64},
		}),
	}
}

// mutation records the end of a mutation.
func (m *measures) mutation(ctx context.Context, verb string, began time.Time, err error) {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		m.refusals.WithLabelValues(verb, string(refusal.Code)).Inc()
		if note, ok := ctx.Value(refusalKey{}).(func(RefusalCode)); ok {
			note(refusal.Code)
		}
	case err != nil:
		m.refusals.WithLabelValues(verb, string(Explain(err).Code)).Inc()
		return
	}
	m.mutations.WithLabelValues(verb).Observe(time.Since(began).Seconds())
}

type refusalKey struct{}

// WithRefusals returns a context in which note is called with the refusal of each mutation.
func WithRefusals(ctx context.Context, note func(RefusalCode)) context.Context {
	return context.WithValue(ctx, refusalKey{}, note)
}

// Measures returns the figures of mutations and projections.
func (s *Service) Measures() []prometheus.Collector {
	own := []prometheus.Collector{s.measures.mutations, s.measures.refusals, s.measures.company}
	return slices.Concat(own, s.inbox.Measures(), s.open.Measures(), s.dashboards.Measures())
}
