package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// A span names an operation, its caller and its outcome. It holds neither the document nor
// variables, since people write those. Its attributes are named by
// https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/, or begin with switchboard.

// startSpan begins the span of an operation. It returns nil if there are no traces.
func (o *observed) startSpan(ctx context.Context, kind ast.Operation, op *graphql.OperationContext) (context.Context, trace.Span) {
	if o.tracer == nil || kind == "" {
		return ctx, nil
	}
	name := op.Operation.Name
	ctx, span := o.tracer.Start(ctx, string(kind)+" "+name)
	span.SetAttributes(attribute.String("graphql.operation.type", string(kind)), attribute.String("graphql.operation.name", name),
		attribute.String("switchboard.request_id", requestID(ctx)))
	if caller, ok := callerOf(ctx); ok {
		span.SetAttributes(attribute.String("switchboard.caller", caller.Ref().String()))
	}
	return ctx, span
}

// endSpan ends the span of an operation, if it has one.
func endSpan(span trace.Span, outcome string, failed bool) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.String("switchboard.outcome", outcome))
	if failed {
		span.SetStatus(codes.Error, outcome)
	}
	span.End()
}
