package auth

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/service"
	"switchboard/service/apitoken"
)

// measures are the figures of authentications.
type measures struct{ callers *prometheus.CounterVec }

func newMeasures() *measures {
	return &measures{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_auth_total", Help: "Credentials that were checked, by their kind and the outcome: ok, or the code of the error.",
	}, []string{"kind", "outcome"})}
}

// checked counts one authentication.
func (m *measures) checked(credential string, err error) {
	outcome := "ok"
	var why *service.Error
	switch {
	case errors.As(err, &why):
		outcome = string(why.Code)
	case err != nil:
		outcome = string(service.Explain(err).Code)
	}
	m.callers.WithLabelValues(kindOf(credential), outcome).Inc()
}

// kindOf returns what kind of credential a text looks like.
func kindOf(credential string) string {
	switch {
	case credential == "":
		return "none"
	case strings.HasPrefix(credential, apitoken.Development):
		return "development"
	case apitoken.IsWellFormed(credential):
		return "token"
	case strings.Count(credential, ".") == 2:
		return "signed"
	}
	return "malformed"
}

// Measures returns the figures of authentications.
func (a *Authenticator) Measures() []prometheus.Collector {
	return []prometheus.Collector{a.measures.callers, a.access.dropped}
}
