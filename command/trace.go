package command

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	tracing "go.opentelemetry.io/otel/trace"
)

// traces sends spans to an OpenTelemetry collector. The nil one does nothing.
type traces struct{ provider *trace.TracerProvider }

// flushTime is how long a stopping server may take to send its last spans.
const flushTime = 2 * time.Second

// newTraces returns nil unless OTEL_EXPORTER_OTLP_ENDPOINT, or the variable for traces alone, names
// a collector. OpenTelemetry's other variables apply as well
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
func newTraces(ctx context.Context, c *console) (*traces, error) {
	if cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) == "" {
		return nil, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.log.Warn("traces are incomplete", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	// Without this service.name is that of the program; OTEL_SERVICE_NAME replaces it.
	of, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithService(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	t := &traces{trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(of))}
	otel.SetTracerProvider(t.provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return t, nil
}

// tracer returns what makes spans; nil if there are none.
func (t *traces) tracer() tracing.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("switchboard")
}

// handler makes a span of each request that is answered at once. Sockets and event streams last for
// hours; each of their operations has a trace of its own.
func (t *traces) handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "", otelhttp.WithFilter(isAnsweredAtOnce),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }))
}

func isAnsweredAtOnce(r *http.Request) bool {
	return r.URL.Path == "/graphql" && !websocket.IsWebSocketUpgrade(r) && r.Header.Get("Accept") != "text/event-stream"
}

// close sends the last spans.
func (t *traces) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the error handler has logged what is lost
}
