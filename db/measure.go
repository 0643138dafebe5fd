package db

import (
	"context"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"switchboard/db/migrations"
)

// measures are the figures of one pool.
type measures struct {
	statements *prometheus.HistogramVec
	byKind     map[statementKind]prometheus.Observer // not changed after newMeasures
	other      prometheus.Observer
}

// A statementKind names statements that do the same with the same table.
type statementKind struct{ verb, table string }

func newMeasures() *measures {
	m := &measures{
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "switchboard_db_statement_seconds",
			Help:    "Duration of SQL statements by what they do with which table; a batch of several counts as one.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 4, 8), // 250 µs to 4 s
		}, []string{"statement"}),
		byKind: map[statementKind]prometheus.Observer{},
	}
	for _, table := range measuredTables() {
		for _, verb := range []string{"select", "insert", "update", "delete"} {
			m.byKind[statementKind{verb, table}] = m.statements.WithLabelValues(verb + " " + table)
		}
	}
	m.byKind[statementKind{"batch", ""}] = m.statements.WithLabelValues("batch")
	m.byKind[statementKind{"commit", ""}] = m.statements.WithLabelValues("commit")
	m.other = m.statements.WithLabelValues("other")
	return m
}

// measuredTables returns the tables by which statements are told apart: those that migrations
// create. Only these names become labels, since bun writes values into the text of statements.
var measuredTables = sync.OnceValue(func() (tables []string) {
	files, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		panic(err) // the pattern is malformed
	}
	for _, file := range files {
		text, err := migrations.Files.ReadFile(file)
		if err != nil {
			panic(err) // the file is part of the program
		}
		for _, created := range createdTable.FindAllSubmatch(text, -1) {
			tables = append(tables, string(created[1]))
		}
	}
	slices.Sort(tables)
	return slices.Compact(tables)
})

var createdTable = regexp.MustCompile(`CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)`)

// observe records one statement.
func (m *measures) observe(kind statementKind, began time.Time) {
	observer, known := m.byKind[kind]
	if !known {
		observer = m.other
	}
	observer.Observe(time.Since(began).Seconds())
}

// nameOf returns the name of a kind of statements, as it is measured.
func (m *measures) nameOf(kind statementKind) string {
	if _, known := m.byKind[kind]; !known {
		return "other"
	}
	return strings.TrimSpace(kind.verb + " " + kind.table)
}

// kindOf returns the kind of a statement from its verb and the first table in its text.
func kindOf(sql string) statementKind {
	verb, rest := nextWord(sql)
	switch verb = strings.ToLower(verb); verb {
	case "select", "delete", "with":
		for word := ""; rest != ""; {
			if word, rest = nextWord(rest); strings.EqualFold(word, "from") {
				break
			}
		}
		verb = strings.Replace(verb, "with", "select", 1)
	case "insert":
		_, rest = nextWord(rest) // into
	case "update":
	default:
		return statementKind{verb: verb}
	}
	table, _ := nextWord(rest)
	return statementKind{verb, strings.Trim(table, `"`)}
}

// nextWord returns the first word of a text and what follows it.
func nextWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t\r\n")
	if end := strings.IndexAny(text, " \t\r\n(),;"); end >= 0 {
		return text[:end], text[max(end, 1):]
	}
	return text, ""
}

// A statementTracer measures statements and batches, makes spans of those of a traced operation, and
// shows each statement to another tracer. Spans and the other tracer may be nil.
type statementTracer struct {
	measures *measures
	other    pgx.QueryTracer
	spans    trace.Tracer
}

type beganKey struct{}

// A begun is a statement under way.
type begun struct {
	kind statementKind
	at   time.Time
	span trace.Span // nil: it has none
}

// begin returns the context of a statement under way. Its span has the name of its kind and no text,
// since bun writes values into the text.
func (t statementTracer) begin(ctx context.Context, kind statementKind) context.Context {
	one := begun{kind: kind, at: time.Now()}
	if t.spans != nil && trace.SpanFromContext(ctx).IsRecording() {
		ctx, one.span = t.spans.Start(ctx, t.measures.nameOf(kind), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
	}
	return context.WithValue(ctx, beganKey{}, one)
}

// end records the end of a statement. Of an error it keeps the SQLSTATE only, since its message may
// repeat values.
func (t statementTracer) end(ctx context.Context, err error) {
	one, ok := ctx.Value(beganKey{}).(begun)
	if !ok {
		return
	}
	t.measures.observe(one.kind, one.at)
	if one.span == nil {
		return
	}
	if pg := answer(err); pg != nil {
		one.span.SetAttributes(attribute.String("db.response.status_code", pg.Code))
	}
	if err != nil {
		one.span.SetStatus(codes.Error, "")
	}
	one.span.End()
}

// TraceQueryStart is called before a statement is sent.
func (t statementTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if t.other != nil {
		ctx = t.other.TraceQueryStart(ctx, conn, data)
	}
	return t.begin(ctx, kindOf(data.SQL))
}

// TraceQueryEnd is called with the result of a statement.
func (t statementTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	t.end(ctx, data.Err)
	if t.other != nil {
		t.other.TraceQueryEnd(ctx, conn, data)
	}
}

// TraceBatchStart is called before a batch is sent.
func (t statementTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return t.begin(ctx, statementKind{verb: "batch"})
}

// TraceBatchQuery is called with the result of each statement of a batch.
func (t statementTracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	if t.other != nil {
		ctx = t.other.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: data.SQL, Args: data.Args})
		t.other.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{CommandTag: data.CommandTag, Err: data.Err})
	}
}

// TraceBatchEnd is called after the last result of a batch.
func (t statementTracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.end(ctx, data.Err)
}

// Measures returns the figures of the pool and of its statements.
func (d *DB) Measures() []prometheus.Collector {
	inUse := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_db_pool_in_use", Help: "Connections of the pool that are in use.",
	}, func() float64 { return float64(d.Stats().InUse) })
	most := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_db_pool_max", Help: "The most connections that the pool opens.",
	}, func() float64 { return float64(d.Stats().MaxOpenConnections) })
	waiting := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "switchboard_db_pool_waiting_seconds", Help: "Time that callers have waited for a connection of the pool, in sum.",
	}, func() float64 { return d.Stats().WaitDuration.Seconds() })
	return []prometheus.Collector{inUse, most, waiting, d.measures.statements}
}
