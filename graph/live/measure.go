package live

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
)

// measures are the figures of all transports with one Hub. The zero value is ready for use.
type measures struct {
	once sync.Once

	commitToFrame    prometheus.Histogram
	frames, together prometheus.Counter
	replayed         prometheus.Counter
	resumes          *prometheus.CounterVec
	closed           *prometheus.CounterVec
	subscriptions    *prometheus.GaugeVec
	limited          *prometheus.CounterVec
}

// The outcomes of a subscription with a cursor to resume after.
const (
	ResumedLive      = "live"     // nothing was missed, or nothing that others do not get as well
	ResumedReplayed  = "replayed" // what was missed is read from the log for this one
	ResumedExpired   = "expired"
	ResumedFromWrong = "invalid" // the cursor is not one of the log
)

// get returns the measures, which are made by the first call.
func (m *measures) get() *measures {
	m.once.Do(m.make)
	return m
}

func (m *measures) make() {
	m.commitToFrame = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "switchboard_commit_to_frame_seconds",
		Help: "Time from a commit until a frame with its item was written to a subscriber, by writes: " +
			"a write counts once, by its oldest item. Items that were read later, such as after a resume, do not count.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), // 500 µs to 16 s
	})
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m.frames = counter("switchboard_frames_total", "Frames written to sockets and streams.")
	m.together = counter("switchboard_frames_together_total", "Frames that shared a write with an earlier frame.")
	m.replayed = counter("switchboard_replayed_items_total", "Items of subscriptions that were delivered because they had been missed, not as they happened.")
	m.resumes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_resumes_total", Help: "Subscriptions with a cursor to resume after, by outcome.",
	}, []string{"outcome"})
	for _, outcome := range []string{ResumedLive, ResumedReplayed, ResumedExpired, ResumedFromWrong} {
		m.resumes.WithLabelValues(outcome)
	}
	m.closed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_closed_total", Help: "Sockets and streams that were closed, by the code of the close frame or what stands for it.",
	}, []string{"code"})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_limited_total", Help: "Operations, messages and connections that a limit refused, by limit.",
	}, []string{"limit"})
	m.subscriptions = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "switchboard_subscriptions", Help: "Subscriptions that are under way, by field.",
	}, []string{"field"})
}

// Measures returns the figures of the transports with this Hub.
func (h *Hub) Measures() []prometheus.Collector {
	m := h.measures.get()
	executions := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_shared_executions", Help: "Executions that serve all equal subscriptions.",
	}, func() float64 {
		h.mu.Lock()
		defer h.mu.Unlock()
		return float64(len(h.groups))
	})
	return []prometheus.Collector{m.commitToFrame, m.frames, m.together, m.replayed, m.resumes, m.closed, m.subscriptions, m.limited, executions}
}

// Resumed counts a subscription with a cursor to resume after.
func (h *Hub) Resumed(outcome string) { h.measures.get().resumes.WithLabelValues(outcome).Inc() }

// Limited counts something that a limit refused.
func (h *Hub) Limited(limit string) { h.measures.get().limited.WithLabelValues(limit).Inc() }

// Open returns the number of open sockets.
func (t *WebSocket) Open() int { return t.connections.count() }

// Open returns the number of open streams.
func (t *EventStream) Open() int { return t.connections.count() }

// written records a write to a client.
func (m *measures) written(w *unmeasured) {
	m.frames.Add(float64(w.frames))
	m.together.Add(float64(max(w.frames-1, 0)))
	if w.replayed > 0 {
		m.replayed.Add(float64(w.replayed))
	}
	if w.oldest > 0 {
		m.commitToFrame.Observe(max(float64(time.Now().UnixNano()-w.oldest)/1e9, 0))
	}
	*w = unmeasured{}
}

// unmeasured is what a write holds that is not finished yet.
type unmeasured struct {
	frames, replayed int32
	oldest           int64 // the earliest commit of an item, in Unix nanoseconds; 0: there is none
}

// add records a frame with an item, whose position is the zero one if it has none.
func (u *unmeasured) add(f frame, of Position) {
	u.frames++
	switch {
	case f.kind != kindNext || of.Cursor == "":
	case of.Committed == 0:
		u.replayed++
	case u.oldest == 0 || of.Committed < u.oldest:
		u.oldest = of.Committed
	}
}

// codeText returns the label of a close code. Codes that clients invent have one label.
func codeText(code int) string {
	if code >= 3000 && (code < 4400 || code > 4429) {
		return "other"
	}
	return strconv.Itoa(code)
}

// count adds the operation to the subscriptions under way, until it is stopped.
func (op *operation) count(of *ast.OperationDefinition) {
	op.peer.mu.Lock()
	defer op.peer.mu.Unlock()
	if op.counted == nil && op.ctx != nil && op.ctx.Err() == nil {
		op.counted = op.peer.hub.measures.get().subscriptions.WithLabelValues(rootField(of))
		op.counted.Inc()
	}
}

// rootField returns the field of a subscription's root type that it selects.
func rootField(of *ast.OperationDefinition) string {
	if field, ok := of.SelectionSet[0].(*ast.Field); ok {
		return field.Name
	}
	return "other"
}
