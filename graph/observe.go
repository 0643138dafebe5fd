package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.opentelemetry.io/otel/trace"

	"switchboard/graph/live"
	"switchboard/service"
)

// observed measures queries and mutations, and logs one line for each that was refused, failed or
// took long. A line names the operation and its caller; it holds nothing that people wrote, and no
// credential.
type observed struct {
	log       *slog.Logger
	slowAfter time.Duration // 0: no operation counts as slow
	hub       *live.Hub
	auth      Authenticator
	tracer    trace.Tracer // nil: there are no traces
	seconds   *prometheus.HistogramVec
}

func newObserved(log *slog.Logger, slowAfter time.Duration, hub *live.Hub, auth Authenticator, tracer trace.Tracer) *observed {
	return &observed{log, slowAfter, hub, auth, tracer, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "switchboard_operation_seconds",
		Help:    "Duration of queries and mutations, by name for trusted documents, and by outcome: ok, refused, or the code of the error.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11), // 1 ms to 9.5 s
	}, []string{"kind", "name", "outcome"})}
}

// An observation is what is learned about an operation while it is executed. The root fields of a
// mutation are executed one after the other.
type observation struct{ refusal service.RefusalCode }

// note records the first refusal.
func (o *observation) note(code service.RefusalCode) { o.refusal = cmp.Or(o.refusal, code) }

// respond is the interceptor of responses. Items of subscriptions pass it unobserved.
func (o *observed) respond(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	kind := operationKind(op)
	if kind == ast.Subscription && len(graphql.GetErrors(ctx)) == 0 {
		response := next(ctx)
		if response != nil && len(response.Errors) > 0 && string(response.Data) == "null" {
			o.report(ctx, kind, op, &observation{}, response.Errors, 0)
		}
		return response
	}
	seen := &observation{}
	began := time.Now()
	if op != nil && !op.Stats.OperationStart.IsZero() {
		began = op.Stats.OperationStart
	}
	ctx, span := o.startSpan(ctx, kind, op)
	response := next(service.WithRefusals(ctx, seen.note))
	if response == nil {
		endSpan(span, "gone", false)
		return nil
	}
	endSpan(span, outcomeOf(response.Errors, seen), len(response.Errors) > 0)
	o.report(ctx, kind, op, seen, response.Errors, time.Since(began))
	return response
}

// outcomeOf returns the outcome of an operation.
func outcomeOf(errs gqlerror.List, seen *observation) string {
	switch {
	case len(errs) > 0:
		return codeOf(errs[0])
	case seen.refusal != "":
		return "refused"
	}
	return "ok"
}

// operationKind returns the kind of an operation, or "" if its document was refused.
func operationKind(op *graphql.OperationContext) ast.Operation {
	if op == nil || op.Operation == nil {
		return ""
	}
	return op.Operation.Operation
}

// report records the result of an operation.
func (o *observed) report(ctx context.Context, kind ast.Operation, op *graphql.OperationContext, seen *observation, errs gqlerror.List, took time.Duration) {
	outcome := outcomeOf(errs, seen)
	if kind == ast.Query || kind == ast.Mutation {
		o.seconds.WithLabelValues(string(kind), measuredName(op), outcome).Observe(took.Seconds())
	}
	switch service.ErrorCode(outcome) {
	case operationLimit:
		o.hub.Limited("operation")
	case rateLimited:
		o.hub.Limited("rate")
	case service.Forbidden:
		o.forbid(ctx)
	}
	isSlow := o.slowAfter > 0 && took >= o.slowAfter
	switch {
	case outcome == string(service.Internal): // logged with its reason by explain
	case outcome == string(service.Unavailable):
		o.line(ctx, slog.LevelWarn, "an operation failed", kind, op, took, "code", outcome, "path", errs[0].Path.String(), "error", reasonOf(errs[0]))
	case len(errs) > 0:
		o.line(ctx, slog.LevelInfo, "an operation was refused", kind, op, took, "code", outcome, "path", errs[0].Path.String())
	case seen.refusal != "":
		o.line(ctx, slog.LevelInfo, "an operation was refused", kind, op, took, "code", seen.refusal)
	case isSlow:
		o.line(ctx, slog.LevelWarn, "an operation was slow", kind, op, took)
	}
}

// forbid records that the caller asked for what its role forbids. A refused subscription has a
// caller, since it is not shared.
func (o *observed) forbid(ctx context.Context) {
	if caller, ok := callerOf(ctx); ok {
		o.auth.Forbid(caller, addressOf(ctx))
	}
}

func (o *observed) line(ctx context.Context, level slog.Level, message string, kind ast.Operation, op *graphql.OperationContext, took time.Duration, more ...any) {
	if !o.log.Enabled(ctx, level) {
		return
	}
	name := ""
	if kind != "" {
		name = op.Operation.Name
	}
	o.log.Log(ctx, level, message, append(append(origin(ctx), "kind", string(kind), "operation", name, "took", took.Round(time.Microsecond)), more...)...)
}

// origin returns where a request comes from, as attributes of a log line.
func origin(ctx context.Context) []any {
	attributes := []any{"requestId", requestID(ctx)}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attributes = append(attributes, "traceId", span.TraceID().String())
	} else if id, ok := ctx.Value(traceKey).(string); ok {
		attributes = append(attributes, "traceId", id)
	}
	if caller, ok := callerOf(ctx); ok {
		attributes = append(attributes, "caller", caller.Ref().String(), "workspace", int64(caller.Workspace))
	}
	return attributes
}

// codeOf returns the code of an error.
func codeOf(err *gqlerror.Error) string {
	if code, ok := err.Extensions["code"]; ok {
		return fmt.Sprint(code)
	}
	return string(service.Internal)
}

// reasonOf returns why an operation failed, without values.
func reasonOf(err *gqlerror.Error) string {
	if cause := errors.Unwrap(err); cause != nil {
		return service.Describe(cause)
	}
	return err.Message
}

// traceOf returns the id of the trace that a request belongs to
// (https://www.w3.org/TR/trace-context/), or "" if it names none.
func traceOf(r *http.Request) string {
	parts := strings.Split(r.Header.Get("traceparent"), "-")
	if len(parts) < 4 || len(parts[1]) != 32 || strings.Trim(parts[1], "0123456789abcdef") != "" || strings.Trim(parts[1], "0") == "" {
		return ""
	}
	return parts[1]
}

// Measures returns the figures of operations, sockets and streams.
func (h *Handler) Measures() []prometheus.Collector {
	gauge := func(name, help string, count func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(count()) })
	}
	return append(h.options.hub.Measures(), h.options.observed.seconds,
		gauge("switchboard_sockets", "Open WebSockets.", h.sockets.Open),
		gauge("switchboard_streams", "Open event streams.", h.streams.Open))
}
