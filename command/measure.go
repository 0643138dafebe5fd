package command

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchboard/graph"
)

// measures answers /metrics with the figures of this server, of the Go runtime and of the process
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func measures(b *backend, api *graph.Handler) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, figures := range [][]prometheus.Collector{
		b.db.Measures(), b.feed.Measures(), b.service.Measures(), b.auth.Measures(), api.Measures(),
	} {
		registry.MustRegister(figures...)
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
