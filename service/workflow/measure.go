package workflow

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/db"
	"switchboard/service"
)

// measures are the figures of workflow runs.
type measures struct{ runs *prometheus.CounterVec }

func newMeasures() *measures {
	return &measures{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_workflow_runs_total", Help: "Runs of workflows that this server has ended, by their last status.",
	}, []string{"status"})}
}

// ended counts the runs that a transaction ended.
func (m *measures) ended(o *service.Outcome) {
	for _, e := range o.Events {
		if e.Type == db.WorkflowRan && e.Data.RunStatus != db.RunRunning && e.Data.RunStatus != db.RunWaiting {
			m.runs.WithLabelValues(string(e.Data.RunStatus)).Inc()
		}
	}
}

// backlogTime is how long the database may take to answer for the figures of the backlog.
const backlogTime = 2 * time.Second

// A backlog collects what is due of all workflows. It asks the database at each scrape.
type backlog struct {
	service      *Service
	pending, age *prometheus.Desc
}

// Measures returns the figures of the service and of workflows.
func (s *Service) Measures() []prometheus.Collector {
	return append(s.Service.Measures(), s.measures.runs, &backlog{s,
		prometheus.NewDesc("switchboard_workflow_pending", "Runs of workflows that have a step due.", nil, nil),
		prometheus.NewDesc("switchboard_workflow_run_age_seconds", "Time for which the step that has been due longest has been due; 0 if none is.", nil, nil),
	})
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(to chan<- *prometheus.Desc) {
	to <- b.pending
	to <- b.age
}

// Collect implements prometheus.Collector. It collects nothing while the database does not answer.
func (b *backlog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTime)
	defer cancel()
	now := b.service.Now()
	count, since, err := b.service.DB.WorkflowBacklog(ctx, now)
	if err != nil {
		b.service.Log.Debug("the backlog of workflows could not be measured", "error", err)
		return
	}
	age := time.Duration(0)
	if since != nil {
		age = now.Sub(*since)
	}
	to <- prometheus.MustNewConstMetric(b.pending, prometheus.GaugeValue, float64(count))
	to <- prometheus.MustNewConstMetric(b.age, prometheus.GaugeValue, age.Seconds())
}
